//! The sampler on the program's own processor: at low rates it always sits there, and what it reads stands still.

use super::interpreter::Interpreter;
use super::pause::{branches, collapsed, comments, impossible_calls, status_line};
use super::result::{output, status};

/// Records at a low rate; the collapsed stacks, and what the program printed. It stays on one processor: where others run as well, it
/// would be moved again and again.
fn record(interpreter: &Interpreter, rate: &str, duration: &[&str], program: &[&str]) -> (String, String) {
    let processor = first_processor();
    let record = [&["record", "--rate", rate, "-o", "out.pb.gz"], duration].concat();
    let python = ["--", "taskset", "-c", &processor, interpreter.python()];
    let recorded = output(&mut interpreter.profkit(&[&record[..], &python, program].concat()));
    assert_eq!(status(&recorded), 0, "{}", String::from_utf8_lossy(&recorded.stderr));
    (collapsed(interpreter), String::from_utf8(recorded.stdout).unwrap())
}

/// One that this test may use.
fn first_processor() -> String {
    status_line("self", "Cpus_allowed_list").split([',', '-']).next().unwrap().to_owned()
}

/// The number before a text in what profkit says of the recording.
fn number(comments: &str, text: &str) -> u64 {
    let before = comments.split(text).next().filter(|before| *before != comments).unwrap_or_default();
    let digits = before.rsplit(|character: char| !character.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("{text:?} in {comments}"))
}

fn hardly_a_stack_is_cut(interpreter: &Interpreter, shape: &'static str) {
    let program = branches(interpreter, shape);
    let (stacks, _) = record(interpreter, "20", &["--duration", "6"], &program);
    let (seen, impossible) = impossible_calls(&stacks);
    let comments = comments(interpreter);
    assert!(seen > 80, "{shape}: {seen}: {comments}");
    assert_eq!(impossible, Vec::<&str>::new(), "{shape}");
    let read = number(&comments, " stacks read, ");
    // From another processor it is every second one. Under load the program is moved to another one now and then.
    assert!(number(&comments, " cut where") < read / 8, "{comments}");
    assert!(number(&comments, " stacks were read from the program's own processor") > read / 2, "{comments}");
}

#[test]
fn hardly_a_stack_is_cut_at_a_low_rate() {
    hardly_a_stack_is_cut(&Interpreter::default(), "generators");
}

/// Who stops threads finds nearly all of them where they enter the kernel.
#[test]
fn system_calls_have_their_share() {
    let interpreter = Interpreter::default();
    interpreter.program("kernel.py");
    let (stacks, printed) = record(&interpreter, "40", &[], &["kernel.py", "10"]);
    let of = |function: &str| -> f64 {
        let lines = stacks.lines().filter(|line| line.contains(function));
        lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
    };
    let (kernel, python) = (of(";in_kernel "), of(";in_python "));
    assert!(kernel + python > 150.0, "{stacks}");
    let (sampled, clocked) = (kernel / (kernel + python), printed.trim().parse::<f64>().unwrap());
    assert!((sampled - clocked).abs() < 0.15, "{sampled} of {} samples, {clocked}", kernel + python);
}

/// On other versions; `reference` since they have to be installed.
mod reference {
    use super::{Interpreter, hardly_a_stack_is_cut};

    macro_rules! versions {
        ($($test:ident $version:literal $shape:literal),*) => {$(
            #[test]
            fn $test() {
                hardly_a_stack_is_cut(&Interpreter::reference($version), $shape);
            }
        )*};
    }

    versions!(
        python_3_8 "3.8" "calls", python_3_9 "3.9" "coroutines", python_3_10 "3.10" "generators",
        python_3_11 "3.11" "generators", python_3_12 "3.12" "coroutines", python_3_13 "3.13" "c",
        python_3_14 "3.14" "coroutines", python_3_15 "3.15" "generators", python_3_14t "3.14t" "coroutines"
    );
}
