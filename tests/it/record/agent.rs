//! What goes on inside of a traced process: frames of every kind, forks, ends, clocks, and no room.

use super::interpreter::Interpreter;
use super::result::{Report, output, status};

/// Records a program that ends well.
fn record(interpreter: &Interpreter, program: &str, options: &[&str]) -> Report {
    record_for(interpreter, program, options, 0).0
}

fn record_for(interpreter: &Interpreter, program: &str, options: &[&str], expected: i32) -> (Report, String) {
    interpreter.program(program);
    let mut arguments = vec!["record", "--trace", "-o", "out.pb.gz"];
    arguments.extend(options);
    arguments.extend(["--", interpreter.python(), program]);
    let recorded = output(&mut interpreter.profkit(&arguments));
    let stderr = String::from_utf8_lossy(&recorded.stderr).into_owned();
    let stdout = String::from_utf8_lossy(&recorded.stdout);
    assert_eq!(status(&recorded), expected, "{stderr}");
    (Report::of(interpreter, "out.pb.gz"), format!("{stdout}{stderr}"))
}

fn frames(interpreter: &Interpreter, has_monitoring: bool) {
    let report = record(interpreter, "frames.py", &[]);
    let calls = |name| report.calls(name, "frames.py");
    let expected = [
        ("numbers", 4),
        ("fails", 7 * 6 + 1),
        ("Dying.__del__", 12),
        // Once more below Python's own `profile`, which has it to itself before 3.12.
        ("after_the_profiler", if has_monitoring { 10 } else { 9 }),
        ("addresses", 1),
        ("generators", 1),
        ("outlives", 1),
    ];
    for (name, count) in expected {
        assert_eq!(calls(name), count, "{name}");
    }
    // In generators, for errors, at the limit, in finalizers, while the program traces; and when the interpreter is cleared,
    // where monitoring has ended before.
    assert_eq!(calls("leaf"), 13 + 7 + 3 + 12 + 5 + i64::from(!has_monitoring));
    // 60 names, each compiled five times: one function each, whatever address it has.
    for number in [0, 1, 30, 59] {
        assert_eq!(report.calls(&format!("made_{number}"), "<string>"), 5, "made_{number}");
    }
    // Before 3.12 there is one place for a profile function in a thread, and the program has it.
    assert_eq!(calls("seen_by_both"), if has_monitoring { 5 } else { 0 });
    let recursive = report.rows("to_the_limit", "frames.py");
    assert!(recursive[0]["calls"].as_i64().unwrap() > 2000, "{recursive:?}");
    assert_eq!(recursive[0]["primitive_calls"], 3);
}

/// As deep as no stack format should be asked to write: each of 100,000 stacks has all of its frames there.
fn deep(interpreter: &Interpreter) {
    interpreter.program("deep.py");
    let recorded = output(&mut interpreter.record("out.pstats", &["deep.py"]));
    assert_eq!(status(&recorded), 0, "{}", String::from_utf8_lossy(&recorded.stderr));
    let report = Report::of(interpreter, "out.pstats");
    assert_eq!(report.calls("deep", "deep.py"), 100_001);
    assert_eq!(report.rows("deep", "deep.py")[0]["primitive_calls"], 1);
}

fn ends(interpreter: &Interpreter) {
    let report = record(interpreter, "ends.py", &[]);
    assert_eq!(report.calls("registered", "ends.py"), 1);
    assert_eq!(report.calls("busy", "ends.py"), 3);
    assert!(report.calls("ticks", "ends.py") > 100);
}

fn forks(interpreter: &Interpreter) {
    let report = record(interpreter, "forks.py", &[]);
    assert_eq!(report.calls("work", "forks.py"), 20);
    assert_eq!(report.calls("child_work", "forks.py"), 2);
    // The path on which a child begins was entered in its parent.
    assert_eq!(report.calls("fork", "forks.py"), 2);
}

fn interpreters(interpreter: &Interpreter) {
    let report = record(interpreter, "interpreters.py", &[]);
    let rows = report.0["functions"].as_array().unwrap().iter().filter(|row| row["name"] == "hot");
    let calls: i64 = rows.map(|row| row["calls"].as_i64().unwrap()).sum();
    assert_eq!(calls, 26);
}

fn processor(interpreter: &Interpreter) {
    let (report, said) = record_for(interpreter, "processor.py", &["--clock", "cpu"], 0);
    // Above what the program asked for is what it took to notice: on a machine that stands still now and then, some
    // hundredths of a second. The kernel's own clock has them, too.
    let process: f64 = said.lines().next().unwrap().parse().unwrap();
    let spun = report.total("spin", "processor.py", "cpu");
    let waited = report.total("wait", "processor.py", "cpu");
    assert!(spun > 0.398, "{spun}");
    assert!(waited < 0.1 && spun + waited < process, "{spun} and {waited} of {process}");
}

fn without_builtins(interpreter: &Interpreter) {
    let report = record(interpreter, "threads.py", &["--no-builtins"]);
    assert_eq!(report.calls("work", "threads.py"), 600);
    let rows = report.0["functions"].as_array().unwrap();
    assert!(rows.iter().all(|row| !row["name"].as_str().unwrap().starts_with("<built-in")));
}

fn no_room(interpreter: &Interpreter) {
    let (report, said) = record_for(interpreter, "fills.py", &[], 5);
    assert!(said.contains("20000 0\n"), "{said}");
    assert!(said.contains("as long as a file of this process may be"), "{said}");
    assert!(said.contains("what came after is missing") && !said.contains("not covered"), "{said}");
    assert!(report.calls("made_0", "<string>") == 1);
}

/// The interpreter ends with another allocator than it began with, to which what was made before it began is nobody's.
fn allocators(interpreter: &Interpreter) {
    let code = "def work(): pass\nfor _ in range(7): work()\nprint(sum(map(len, ['a', 'bc'])))";
    let ways: [(&str, &str, &[&str]); 6] = [
        ("PYTHONMALLOC", "", &["-X", "dev"]),
        ("PYTHONMALLOC", "", &["-Xdev", "-X", "tracemalloc"]),
        ("PYTHONDEVMODE", "1", &[]),
        ("PYTHONMALLOC", "debug", &[]),
        ("PYTHONMALLOC", "malloc_debug", &[]),
        ("PYTHONMALLOC", "pymalloc_debug", &[]),
    ];
    for (name, value, options) in ways {
        let arguments = [options, &["-c", code]].concat();
        let recorded = output(interpreter.record("out.pb.gz", &arguments).env(name, value));
        let way = format!("{name}={value} {options:?}");
        let stderr = String::from_utf8_lossy(&recorded.stderr);
        assert_eq!(status(&recorded), 0, "{way}: {stderr}");
        assert_eq!(recorded.stdout, b"3\n", "{way}");
        assert_eq!(stderr.lines().count(), 1, "{way}: {stderr}");
        assert_eq!(Report::of(interpreter, "out.pb.gz").calls("work", "<string>"), 7, "{way}");
    }
}

macro_rules! tests {
    ($interpreter:expr, $has_monitoring:expr) => {
        #[test]
        fn frames_of_every_kind() {
            frames(&$interpreter, $has_monitoring);
        }

        #[test]
        fn recursion_100000_deep() {
            deep(&$interpreter);
        }

        #[test]
        fn threads_that_run_at_the_end() {
            ends(&$interpreter);
        }

        #[test]
        fn forks_in_threads_and_in_children() {
            forks(&$interpreter);
        }

        #[test]
        fn subinterpreters() {
            interpreters(&$interpreter);
        }

        #[test]
        fn the_cpu_clock() {
            processor(&$interpreter);
        }

        #[test]
        fn no_functions_in_c() {
            without_builtins(&$interpreter);
        }

        #[test]
        fn another_allocator_at_the_end() {
            allocators(&$interpreter);
        }

        #[test]
        fn a_file_that_cannot_grow() {
            no_room(&$interpreter);
        }
    };
}

// Debian 12's, which is 3.11.
tests!(Interpreter::default(), false);

/// On other versions; `reference` since they have to be installed.
mod reference {
    use super::{
        Interpreter, Report, allocators, deep, ends, forks, frames, interpreters, no_room, output, processor,
        status, without_builtins,
    };

    macro_rules! versions {
        ($($module:ident $version:literal $has_monitoring:literal),*) => {$(
            mod $module {
                use super::*;
                tests!(Interpreter::reference($version), $has_monitoring);
            }
        )*};
    }

    versions!(
        python_3_9 "3.9" false, python_3_10 "3.10" false, python_3_11 "3.11" false,
        python_3_12 "3.12" true, python_3_13 "3.13" true, python_3_14 "3.14" true,
        python_3_15 "3.15" true
    );

    /// Each greenlet has a stack of its own.
    #[test]
    fn greenlets() {
        use crate::reference::tools::tool;
        let interpreter = Interpreter::reference("3.11");
        interpreter.program("greenlets.py");
        let mut command = interpreter.record("out.pb.gz", &["greenlets.py"]);
        let recorded = output(command.env("PYTHONPATH", tool("venv/lib/python3.11/site-packages")));
        assert_eq!(status(&recorded), 0, "{}", String::from_utf8_lossy(&recorded.stderr));
        let report = Report::of(&interpreter, "out.pb.gz");
        assert_eq!(report.calls("work", "greenlets.py"), 2);
        assert_eq!(report.calls("leaf", "greenlets.py"), 8);
        // If their stacks were one, work() would lie below drive(), whose total is small, and below itself.
        assert_eq!(report.rows("work", "greenlets.py")[0]["primitive_calls"], 2);
        assert_eq!(report.calls("drive", "greenlets.py"), 1);
    }
}
