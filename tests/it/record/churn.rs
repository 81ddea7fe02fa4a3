//! Threads that stay while others come and go all the time, whose thread states are where the next ones will be.

use super::interpreter::Interpreter;
use super::result::{Report, json, recorded};

fn each_thread_is_there_once(interpreter: &Interpreter) {
    interpreter.program("churn.py");
    let (_, stderr) = recorded(interpreter, &["--rate", "max"], &[interpreter.python(), "churn.py"]);
    let info = json(interpreter, &["info", "out.pb.gz", "--json"]);
    let threads = info["threads"].as_array().unwrap();
    let mut ids: Vec<i64> = threads.iter().map(|thread| thread["tid"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    let twice: Vec<i64> = ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    assert!(twice.is_empty(), "{twice:?} of {}: {stderr}", ids.len());
    let is_named = |name: &str| threads.iter().filter(|thread| thread["name"] == name).count() == 1;
    assert!(is_named("MainThread") && (0..20).all(|number| is_named(&format!("stays {number}"))), "{info}");
    assert!(ids.len() > 30, "others came and went: {stderr}");
    let stayed = Report::of(interpreter, "out.pb.gz").total("stays", "churn.py", "wall");
    assert!(stayed > 20.0 * 1.8, "{stayed}");
}

#[test]
fn threads_that_stay_are_told_from_those_that_come_and_go() {
    each_thread_is_there_once(&Interpreter::default());
}

/// On other versions; `reference` since they have to be installed.
mod reference {
    use super::{Interpreter, each_thread_is_there_once};

    macro_rules! versions {
        ($($test:ident $version:literal),*) => {$(
            #[test]
            fn $test() {
                each_thread_is_there_once(&Interpreter::reference($version));
            }
        )*};
    }

    versions!(
        python_3_8 "3.8", python_3_9 "3.9", python_3_10 "3.10", python_3_11 "3.11", python_3_12 "3.12",
        python_3_13 "3.13", python_3_14 "3.14", python_3_15 "3.15"
    );
}
