//! `profkit record` of a Python without the GIL, whose threads run at the same time, each through instructions of its own.

use super::interpreter::Interpreter;
use super::pause::comments;
use super::result::{Report, numbers, recorded};

/// Twenty threads that stand, and what was read of them while the main one works.
const STANDING: &str = "import threading, time
end = threading.Event()
def stand():
    end.wait()
def work():
    begin = time.perf_counter()
    while time.perf_counter() < begin + 4:
        pass
threads = [threading.Thread(target=stand) for _ in range(20)]
for thread in threads:
    thread.start()
work()
end.set()
for thread in threads:
    thread.join()";

/// Threads run at the same time; none holds a lock or waits for it, and the result says why.
fn values_without_a_lock(interpreter: &Interpreter) {
    interpreter.program("clocks.py");
    let (took, stderr) = recorded(interpreter, &["--rate", "1000"], &[interpreter.python(), "clocks.py"]);
    let [passed, used @ ..]: [f64; 5] = numbers(took.as_bytes());
    let report = Report::of(interpreter, "out.pb.gz");
    for (name, used) in ["first", "second", "hashing", "sleeping"].into_iter().zip(used) {
        let [wall, cpu, gil, wait] =
            ["wall", "cpu", "gil", "gil_wait"].map(|value| report.total(name, "clocks.py", value));
        assert!((1.4..passed + 0.1).contains(&wall), "{name}: {wall} of {passed}: {stderr}");
        assert!((cpu - used).abs() < 0.03 * used + 0.03, "{name}: {cpu} of {used}: {stderr}");
        assert!(gil + wait < 0.02, "{name}: {gil} {wait}: {stderr}");
    }
    assert!(comments(interpreter).contains("1 of 1 processes ran a free-threaded Python"));
}

/// The same build, told to use it.
fn values_with_the_lock_enabled(interpreter: &Interpreter) {
    interpreter.program("clocks.py");
    let command = ["env", "PYTHON_GIL=1", interpreter.python(), "clocks.py"];
    let (took, stderr) = recorded(interpreter, &["--rate", "1000"], &command);
    let [passed, ..]: [f64; 5] = numbers(took.as_bytes());
    let report = Report::of(interpreter, "out.pb.gz");
    let [first, second] = ["first", "second"].map(|name| report.total(name, "clocks.py", "gil"));
    assert!((0.85..1.03).contains(&((first + second) / passed)), "{first} {second} of {passed}: {stderr}");
}

/// No lock tells that a thread cannot have run, but after a while the kernel does.
fn threads_that_stand_are_not_read_again(interpreter: &Interpreter) {
    recorded(interpreter, &["--rate", "1000"], &[interpreter.python(), "-c", STANDING]);
    let comments = comments(interpreter);
    let read = comments.split_once(" stacks read").unwrap().0.rsplit('"').next().unwrap();
    let read: f64 = read.trim_start_matches("profkit: ").parse().unwrap();
    let report = Report::of(interpreter, "out.pb.gz");
    let [worked, stood] = ["work", "stand"].map(|name| report.total(name, "<string>", "wall"));
    assert!((3.9..4.3).contains(&worked) && stood > 19.0 * worked, "{worked} {stood}");
    // Twenty threads for less than two seconds, and the main one.
    assert!(read < 1_000.0 * worked + 20.0 * 1_900.0, "{read}: {comments}");
    assert!(read > 20.0 * 1_000.0, "{read}: {comments}");
}

/// Tests of others, which a thread's own copy of the instructions, or the missing lock, would break.
mod reference {
    use super::super::result::json;
    use super::super::{awaits, sample, truth};
    use super::{
        Interpreter, comments, recorded, threads_that_stand_are_not_read_again, values_with_the_lock_enabled,
        values_without_a_lock,
    };

    fn python() -> Interpreter {
        Interpreter::reference("3.14t")
    }

    #[test]
    fn values() {
        values_without_a_lock(&python());
    }

    #[test]
    fn values_where_the_lock_is_enabled() {
        values_with_the_lock_enabled(&python());
    }

    #[test]
    fn standing_threads() {
        threads_that_stand_are_not_read_again(&python());
    }

    #[test]
    fn what_cannot_be_traced_is_sampled() {
        let python = python();
        recorded(&python, &["--trace"], &[python.python(), "-c", super::STANDING]);
        assert!(comments(&python).contains("sampled instead of traced"), "{}", comments(&python));
        assert_eq!(json(&python, &["info", "out.pb.gz", "--json"])["threads"].as_array().unwrap().len(), 21);
    }

    #[test]
    fn callers_and_callees_are_of_one_moment_as_fast_as_possible() {
        sample::as_fast_as_possible(&python());
    }

    #[test]
    fn short_children() {
        sample::short_ones(&python(), 20, 80);
    }

    #[test]
    fn tasks() {
        awaits::turns_are_told_apart(&python());
    }

    #[test]
    fn threads_that_sleep_from_the_beginning() {
        truth::threads_that_sleep_from_the_beginning(&python());
    }

    #[test]
    fn threads_in_two_interpreters() {
        truth::threads_in_two_interpreters(&python());
    }
}
