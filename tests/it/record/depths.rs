//! `profkit record` of deep stacks: all of them is there, wherever it lies.

use super::interpreter::Interpreter;
use super::result::{Report, recorded};

fn sample(interpreter: &Interpreter, what: &str) -> Report {
    interpreter.program("depths.py");
    recorded(interpreter, &["--rate", "500"], &[interpreter.python(), "depths.py", what]);
    Report::of(interpreter, "out.pb.gz")
}

/// A chunk that is given back comes again at the same address, above another part of the one below.
fn chunks(interpreter: &Interpreter) {
    let report = sample(interpreter, "chunks");
    let [near, far] = ["near", "far"].map(|name| report.total(name, "depths.py", "wall"));
    assert!((0.4..0.6).contains(&near) && (0.4..0.6).contains(&far), "{near} and {far}");
    let outermost = report.total("chunks", "depths.py", "wall");
    assert!(near + far > 0.97 * outermost, "{near} and {far} of {outermost}");
}

/// More generators than are read along with the rest.
fn generators(interpreter: &Interpreter) {
    let report = sample(interpreter, "generators");
    let [outermost, innermost] =
        ["generators", "innermost"].map(|name| report.total(name, "depths.py", "wall"));
    assert!(innermost > 0.9 * outermost && outermost > 0.8, "{innermost} of {outermost}");
}

/// Nothing of a stack is given up for its depth.
fn forty_thousand_frames(interpreter: &Interpreter) {
    interpreter.program("abyss.py");
    let (_, stderr) = recorded(interpreter, &[], &[interpreter.python(), "abyss.py", "40000"]);
    let below = Report::of(interpreter, "out.pb.gz").total("leaf", "abyss.py", "wall");
    assert!((0.8..1.3).contains(&below), "{below}: {stderr}");
}

#[test]
fn nothing_is_too_deep() {
    forty_thousand_frames(&Interpreter::default());
}

#[test]
fn in_two_chunks_of_the_data_stack() {
    chunks(&Interpreter::default());
}

#[test]
fn of_many_generators() {
    generators(&Interpreter::default());
}

/// On other versions; `reference` since they have to be installed.
mod reference {
    use super::{Interpreter, chunks, forty_thousand_frames, generators};

    macro_rules! versions {
        ($($test:ident $version:literal),*) => {$(
            mod $test {
                use super::*;

                #[test]
                fn in_two_chunks_of_the_data_stack() {
                    chunks(&Interpreter::reference($version));
                }

                #[test]
                fn of_many_generators() {
                    generators(&Interpreter::reference($version));
                }

                #[test]
                fn nothing_is_too_deep() {
                    forty_thousand_frames(&Interpreter::reference($version));
                }
            }
        )*};
    }

    versions!(
        python_3_8 "3.8", python_3_9 "3.9", python_3_10 "3.10", python_3_11 "3.11", python_3_12 "3.12",
        python_3_13 "3.13", python_3_14 "3.14", python_3_15 "3.15", python_3_14t "3.14t"
    );
}
