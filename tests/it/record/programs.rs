//! Programs that people run: they say the same as without `profkit`, and all of their processes are in the one result.
//!
//! Everything is below `reference::`, since the programs' packages have to be installed.

mod reference {
    use std::collections::BTreeMap;
    use std::process::{Command, Output};

    use super::super::interpreter::Interpreter;
    use super::super::result::{Report, json, output, status};
    use crate::reference::tools::tool;

    fn installed(version: &str) -> Interpreter {
        Interpreter::installed(&format!("programs/{version}/bin/python"))
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn assert_same(bare: &Output, recorded: &Output) {
        let stderr = text(&recorded.stderr);
        assert_eq!(text(&recorded.stdout), text(&bare.stdout), "{stderr}");
        assert_eq!(status(recorded), status(bare), "{stderr}");
    }

    /// Runs two commands at the same time: most of what servers do is wait.
    fn at_once(mut one: Command, mut other: Command) -> (Output, Output) {
        std::thread::scope(|scope| {
            let one = scope.spawn(|| output(&mut one));
            let other = output(&mut other);
            (one.join().unwrap(), other)
        })
    }

    /// Runs a program of `tests/programs` without and with recording, each in a folder of its own.
    fn both_ways(version: &str, program: &str) -> (Interpreter, Output) {
        let [alone, interpreter] = [(); 2].map(|()| installed(version));
        [&alone, &interpreter].map(|interpreter| interpreter.program(program));
        let (bare, recorded) = at_once(alone.bare(&[program]), interpreter.record("out.pb.gz", &[program]));
        assert_same(&bare, &recorded);
        assert_eq!(status(&recorded), 0, "{}", text(&recorded.stderr));
        (interpreter, recorded)
    }

    /// Calls of a function in each process that has any.
    fn calls_by_process(interpreter: &Interpreter, name: &str, file: &str) -> BTreeMap<i64, i64> {
        let report = Report(json(interpreter, &["report", "out.pb.gz", "--by", "process", "--json"]));
        let rows = report.rows(name, file);
        rows.iter().map(|row| (row["origin"]["pid"].as_i64().unwrap(), row["calls"].as_i64().unwrap())).collect()
    }

    /// The lines of a test run, its duration left out.
    fn results(output: &Output) -> String {
        text(&output.stdout).lines().fold(String::new(), |all, line| {
            let line = if line.starts_with('=') { line.rsplit_once(" in ").map_or(line, |(line, _)| line) } else { line };
            all + line + "\n"
        })
    }

    /// click's own tests under pytest.
    fn test_suite(version: &str) {
        let interpreter = installed(version);
        let click = tool("programs/click").display().to_string();
        let tests = format!("{click}/tests");
        // Files of many tests that are like each other.
        let [left, out] = ["test_options.py", "test_utils/test_style.py"].map(|file| format!("--ignore={tests}/{file}"));
        let mut arguments = vec!["-m", "pytest", "--verbose", "--color=no", "--tb=no", "-p", "no:cacheprovider"];
        arguments.extend(["--rootdir", &click, &tests, &left, &out]);
        let (bare, recorded) =
            at_once(interpreter.bare(&arguments), interpreter.record("out.pb.gz", &arguments));
        assert_eq!(results(&recorded), results(&bare), "{}", text(&recorded.stderr));
        assert_eq!(status(&recorded), status(&bare));
        let run = results(&bare).lines().filter(|line| line.contains("::") && line.contains('%')).count();
        assert!(run > 500, "{run}");
        let report = Report::of(&interpreter, "out.pb.gz");
        assert_eq!(report.calls("runtestprotocol", "_pytest/runner.py"), i64::try_from(run).unwrap());
    }

    /// Flask under gunicorn: four workers of four threads.
    fn web_server(version: &str) {
        let (interpreter, recorded) = both_ways(version, "served.py");
        let said = text(&recorded.stdout);
        assert!(said.starts_with("gunicorn ended with 0\n16 200 met\n"), "{said}");
        let squares = calls_by_process(&interpreter, "squares", "served.py");
        let mets = calls_by_process(&interpreter, "meet", "served.py");
        assert_eq!(squares.values().sum::<i64>(), 16 * 20, "{squares:?}");
        assert_eq!(mets.values().sum::<i64>(), 16, "{mets:?}");
        assert_eq!(mets.len(), 4, "{mets:?}");
        assert_eq!(calls_by_process(&interpreter, "fails", "served.py").values().sum::<i64>(), 16);
        // The clients, gunicorn's arbiter, and its workers.
        assert_eq!(calls_by_process(&interpreter, "<module>", "served.py").len(), 5);
        assert_eq!(calls_by_process(&interpreter, "client", "served.py").len(), 1);
    }

    /// A celery worker with four processes.
    fn task_queue(version: &str) {
        let (interpreter, recorded) = both_ways(version, "queued.py");
        let said = text(&recorded.stdout);
        assert!(said.ends_with("1444\nValueError(39)\ncelery ended with 0\n"), "{said}");
        let mets = calls_by_process(&interpreter, "meet", "queued.py");
        assert_eq!((mets.len(), mets.values().sum::<i64>()), (4, 4), "{mets:?}");
        assert_eq!(calls_by_process(&interpreter, "square", "queued.py").values().sum::<i64>(), 39);
        let works = calls_by_process(&interpreter, "work", "queued.py");
        assert_eq!(works.values().sum::<i64>(), 3900, "{works:?}");
        assert_eq!(calls_by_process(&interpreter, "fails", "queued.py").values().sum::<i64>(), 1);
    }

    macro_rules! versions {
        ($($module:ident $version:literal),*) => {$(
            mod $module {
                #[test]
                fn pytest_with_the_tests_of_click() {
                    super::test_suite($version);
                }

                #[test]
                fn flask_under_gunicorn() {
                    super::web_server($version);
                }

                #[test]
                fn a_pool_of_celery() {
                    super::task_queue($version);
                }
            }
        )*};
    }

    versions!(python_3_11 "3.11", python_3_13 "3.13");
}
