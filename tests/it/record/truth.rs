//! Times of threads that hardly any sample of a hundred a second falls into, or that sleep most of the time.

use super::interpreter::Interpreter;
use super::result::{Report, numbers, recorded};

/// What the program says of itself, and its recording.
fn truth(interpreter: &Interpreter, what: &str) -> (f64, Report) {
    interpreter.program("truth.py");
    let (printed, _) = recorded(interpreter, &[], &[interpreter.python(), "truth.py", what]);
    let [truth] = numbers(printed.as_bytes());
    (truth, Report::of(interpreter, "out.pb.gz"))
}

pub(super) fn threads_that_sleep_from_the_beginning(interpreter: &Interpreter) {
    let (truth, report) = truth(interpreter, "begins");
    let [first, second] = ["first", "second"].map(|name| report.total(name, "truth.py", "wall"));
    // A tenth of a second is ten samples.
    assert!(
        (first / truth - 1.0).abs() < 0.15 && (second / truth - 1.0).abs() < 0.15,
        "{first} {second} {truth}"
    );
}

fn threads_shorter_than_two_samples(interpreter: &Interpreter) {
    let (truth, report) = truth(interpreter, "brief");
    let wall = report.total("spin", "truth.py", "wall");
    assert!((wall / truth - 1.0).abs() < 0.2, "{wall} of {truth}");
}

fn sleep_uses_no_processor(interpreter: &Interpreter) {
    let (truth, report) = truth(interpreter, "naps");
    let [worked, slept] = ["work", "nap"].map(|name| report.total(name, "truth.py", "cpu"));
    assert!(worked > 3.0 * slept && worked + slept < 1.2 * truth, "{worked} and {slept} of {truth}");
}

fn threads_that_sleep_have_nothing_of_those_that_come_and_go(interpreter: &Interpreter) {
    let (truth, report) = truth(interpreter, "mixed");
    let [spun, slept] = ["twice", "doze"].map(|name| report.total(name, "truth.py", "cpu"));
    assert!(spun > 10.0 * slept && spun + slept < 1.2 * truth, "{spun} and {slept} of {truth}");
}

/// What runs in another interpreter stands on what called it, and is counted once.
pub(super) fn threads_in_two_interpreters(interpreter: &Interpreter) {
    let (truth, report) = truth(interpreter, "nested");
    let [wall, cpu] = ["wall", "cpu"].map(|value| {
        [("inside", "truth.py"), ("burns", ">")].map(|(name, file)| report.total(name, file, value))
    });
    assert!(wall.iter().all(|&total| (1.7..2.5).contains(&total)), "{wall:?}");
    assert!(cpu.iter().all(|&total| (0.8..1.1).contains(&(total / truth))), "{cpu:?} of {truth}");
    let whole: f64 = report.own("cpu");
    assert!((0.85..1.1).contains(&(whole / truth)), "{whole} of {truth}");
}

fn waiting_in_turns_with_sleep(interpreter: &Interpreter) {
    let (truth, report) = truth(interpreter, "waits");
    let waited = report.total("waits", "truth.py", "gil_wait");
    // One that was woken and waits for a processor is not always known to wait for the lock.
    assert!((0.6 * truth..1.15 * truth).contains(&waited), "{waited} of {truth}");
}

macro_rules! tests {
    ($interpreter:expr) => {
        #[test]
        fn begins() {
            threads_that_sleep_from_the_beginning(&$interpreter);
        }

        #[test]
        fn brief() {
            threads_shorter_than_two_samples(&$interpreter);
        }

        #[test]
        fn naps() {
            sleep_uses_no_processor(&$interpreter);
        }

        #[test]
        fn mixed() {
            threads_that_sleep_have_nothing_of_those_that_come_and_go(&$interpreter);
        }

        #[test]
        fn nested() {
            threads_in_two_interpreters(&$interpreter);
        }

        #[test]
        fn waits() {
            waiting_in_turns_with_sleep(&$interpreter);
        }
    };
}

tests!(Interpreter::default());

/// On other versions; `reference` since they have to be installed.
mod reference {
    use super::{
        Interpreter, sleep_uses_no_processor, threads_in_two_interpreters, threads_shorter_than_two_samples,
        threads_that_sleep_from_the_beginning, threads_that_sleep_have_nothing_of_those_that_come_and_go,
        waiting_in_turns_with_sleep,
    };

    macro_rules! versions {
        ($($version:ident $number:literal),*) => {$(
            mod $version {
                use super::*;
                tests!(Interpreter::reference($number));
            }
        )*};
    }

    versions!(python_3_8 "3.8", python_3_10 "3.10", python_3_11 "3.11", python_3_13 "3.13", python_3_15 "3.15");
}
