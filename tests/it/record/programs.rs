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

    /// Runs two commands at the same time: most of what servers do is wait.
    fn at_once(mut one: Command, mut other: Command) -> (Output, Output) {
        std::thread::scope(|scope| {
            let one = scope.spawn(|| output(&mut one));
            let other = output(&mut other);
            (one.join().unwrap(), other)
        })
    }

    /// Runs a program of `tests/programs` without and with recording, each in a folder of its own. Returns what it said, and
    /// the recording with its processes apart.
    fn both_ways(version: &str, program: &str) -> (String, Report) {
        let [alone, interpreter] = [(); 2].map(|()| installed(version));
        [&alone, &interpreter].into_iter().for_each(|interpreter| interpreter.program(program));
        let (bare, recorded) = at_once(alone.bare(&[program]), interpreter.record("out.pb.gz", &[program]));
        let stderr = text(&recorded.stderr);
        assert_eq!(text(&recorded.stdout), text(&bare.stdout), "{stderr}");
        assert_eq!((status(&recorded), status(&bare)), (0, 0), "{stderr}");
        let report = json(&interpreter, &["report", "out.pb.gz", "--by", "process", "--json"]);
        (text(&bare.stdout), Report(report))
    }

    /// Calls of a function in each process that has any.
    fn by_process(report: &Report, name: &str, file: &str) -> BTreeMap<i64, i64> {
        let rows = report.rows(name, file);
        rows.iter()
            .map(|row| (row["origin"]["pid"].as_i64().unwrap(), row["calls"].as_i64().unwrap()))
            .collect()
    }

    /// The lines of a test run. The last one's duration is left out, and what fills its line up.
    fn results(output: &Output) -> String {
        text(&output.stdout).lines().fold(String::new(), |all, line| {
            let line = if line.starts_with('=') {
                line.rsplit_once(" in ").map_or(line, |(line, _)| line).trim_matches(['=', ' '])
            } else {
                line
            };
            all + line + "\n"
        })
    }

    /// click's own tests under pytest.
    fn test_suite(version: &str) {
        let interpreter = installed(version);
        let click = tool("programs/click").display().to_string();
        let files = "termui.py testing.py context.py chain.py stream_lifecycle.py shell_completion.py commands.py types";
        let files: Vec<String> = files.split(' ').map(|name| format!("{click}/tests/test_{name}")).collect();
        let options = "-m pytest --verbose --color=no --tb=no -p no:cacheprovider --rootdir";
        let mut arguments: Vec<&str> = options.split(' ').chain([click.as_str()]).collect();
        arguments.extend(files.iter().map(String::as_str));
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
        let (said, report) = both_ways(version, "served.py");
        assert!(said.starts_with("gunicorn ended with 0\n16 200 met\n"), "{said}");
        let calls = |name| by_process(&report, name, "served.py");
        let sum = |name| calls(name).values().sum::<i64>();
        assert_eq!((calls("meet").len(), sum("meet")), (4, 16));
        assert_eq!((sum("squares"), sum("fails")), (16 * 20, 16));
        // The module is imported by the workers; the clients are the program itself.
        assert_eq!((calls("<module>").len(), calls("client").len()), (5, 1));
        // Threads that serve: `concurrent.futures` has them wait in this function.
        let serving: BTreeMap<i64, i64> = by_process(&report, "_worker", "concurrent/futures/thread.py");
        assert!(calls("meet").keys().all(|process| serving[process] > 1), "{serving:?}");
    }

    /// A celery worker with four processes.
    fn task_queue(version: &str) {
        let (said, report) = both_ways(version, "queued.py");
        assert!(said.ends_with("1444\nValueError(39)\ncelery ended with 0\n"), "{said}");
        let calls = |name| by_process(&report, name, "queued.py");
        let sum = |name| calls(name).values().sum::<i64>();
        assert_eq!((calls("meet").len(), sum("meet")), (4, 4));
        assert_eq!((sum("square"), sum("work"), sum("fails")), (39, 3900, 1));
        assert!(calls("meet").keys().eq(calls("work").keys()));
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
