//! Code that comes and goes: what is at the address of another one now has its own name in the profile.

use super::interpreter::Interpreter;
use super::result::{Report, recorded};

fn each_has_its_own_name(interpreter: &Interpreter, options: &[&str]) {
    interpreter.program("reuse.py");
    recorded(interpreter, options, &[interpreter.python(), "reuse.py"]);
    let report = Report::of(interpreter, "out.pb.gz");
    let [even, odd] = ["even", "odd"].map(|name| report.total(name, "<string>", "wall"));
    // By its own clock 1.8 s and 0.6 s.
    assert!((1.08..2.7).contains(&even) && (0.36..0.9).contains(&odd), "{even} and {odd}");
    let module = |number| report.total("<module>", &format!("module{number:02}.py"), "wall");
    let modules: Vec<f64> = (0..40).map(module).collect();
    // Each 0.03 s: at 100 a second one of them can be missed, and never many.
    let seen = modules.iter().filter(|&&total| total > 0.0).count();
    assert!(seen >= 36 && modules.iter().all(|&total| total < 0.1), "{modules:?}");
}

#[test]
fn at_a_hundred_a_second() {
    each_has_its_own_name(&Interpreter::default(), &["--rate", "100"]);
}

#[test]
fn at_a_thousand_a_second() {
    each_has_its_own_name(&Interpreter::default(), &["--rate", "1000"]);
}

#[test]
fn of_threads_that_are_stopped() {
    each_has_its_own_name(&Interpreter::default(), &["--rate", "500", "--pause"]);
}

/// On other versions; `reference` since they have to be installed.
mod reference {
    use super::{Interpreter, each_has_its_own_name};

    macro_rules! versions {
        ($($test:ident $version:literal),*) => {$(
            #[test]
            fn $test() {
                each_has_its_own_name(&Interpreter::reference($version), &["--rate", "200"]);
            }
        )*};
    }

    versions!(
        python_3_8 "3.8", python_3_9 "3.9", python_3_10 "3.10", python_3_11 "3.11", python_3_12 "3.12",
        python_3_13 "3.13", python_3_14 "3.14", python_3_15 "3.15", python_3_14t "3.14t"
    );
}
