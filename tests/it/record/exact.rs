//! Calls are counted exactly and times are right, in every kind of thread, coroutine and task.

use super::interpreter::Interpreter;
use super::result::{Report, json, numbers, output, status};

fn record(interpreter: &Interpreter, program: &str, to: &str) -> String {
    interpreter.program(program);
    let recorded = output(&mut interpreter.record(to, &[program]));
    let stderr = String::from_utf8_lossy(&recorded.stderr).into_owned();
    assert_eq!(status(&recorded), 0, "{stderr}");
    stderr
}

fn threads(interpreter: &Interpreter) {
    let stderr = record(interpreter, "threads.py", "out.pb.gz");
    let report = Report::of(interpreter, "out.pb.gz");
    assert_eq!(report.calls("work", "threads.py"), 600, "{stderr}");
    let info = json(interpreter, &["info", "out.pb.gz", "--json"]);
    let names: Vec<&str> =
        info["threads"].as_array().unwrap().iter().filter_map(|thread| thread["name"].as_str()).collect();
    assert!(names.contains(&"MainThread") && names.contains(&"from threading"), "{names:?}");
}

/// Main's time is its own, whatever other threads do.
fn spin(interpreter: &Interpreter) {
    interpreter.program("spin.py");
    let recorded = output(&mut interpreter.record("out.pb.gz", &["spin.py"]));
    let [within, around] = numbers(&recorded.stdout);
    let report = Report::of(interpreter, "out.pb.gz");
    let spun = report.total("work_main", "spin.py", "wall");
    assert!((within * 0.98..around * 1.02).contains(&spun), "{spun} of {within} to {around}");
    assert_eq!(report.calls("work_main", "spin.py"), 1);
    assert!(report.calls("crunch", "spin.py") > 100);
}

fn tasks(interpreter: &Interpreter) {
    let stderr = record(interpreter, "tasks.py", "out.pb.gz");
    let report = Report::of(interpreter, "out.pb.gz");
    let calls = |name| report.calls(name, "tasks.py");
    let expected = [
        ("main", 1),
        ("outer", 2),
        ("nap", 4),
        ("collect", 1),
        ("ticks", 1),
        ("spin", 1),
        ("numbers", 3),
        ("delegating", 2),
    ];
    for (name, count) in expected {
        assert_eq!(calls(name), count, "{name}: {stderr}");
    }
    // What a coroutine waits for, it and those that wait for it have waited.
    let waited = |name| report.total(name, "tasks.py", "await");
    assert!(waited("nap") >= 0.39, "{}", waited("nap"));
    assert!((waited("outer") / waited("nap") - 1.0).abs() < 0.02, "{}", waited("outer"));
    assert!(waited("ticks") >= 0.045, "{}", waited("ticks"));
    let ran = report.total("spin", "tasks.py", "wall");
    assert!(ran >= 0.049, "{ran}");
    let labels = json(interpreter, &["report", "out.pb.gz", "--group", "label:task", "--json"]);
    let names: Vec<&str> =
        labels["functions"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"the named one"), "{names:?}");
}

/// The same pairs of caller and callee, as often as cProfile says.
fn as_cprofile(interpreter: &Interpreter) {
    record(interpreter, "workload.py", "ours.pstats");
    let arguments = ["-m", "cProfile", "-o", "theirs.pstats", "workload.py"];
    let bare = output(&mut interpreter.bare(&arguments));
    assert_eq!(status(&bare), 0, "{}", String::from_utf8_lossy(&bare.stderr));
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("reference/compare_cprofile.py");
    std::fs::copy(script, interpreter.folder.path().join("compare.py")).unwrap();
    let files = ["workload.py", "json/__init__.py", "json/encoder.py", "json/decoder.py"];
    let arguments: Vec<&str> =
        ["compare.py", "theirs.pstats", "ours.pstats"].into_iter().chain(files).collect();
    let compared = output(&mut interpreter.bare(&arguments));
    assert_eq!(status(&compared), 0, "{}", String::from_utf8_lossy(&compared.stderr));
    assert_eq!(String::from_utf8_lossy(&compared.stdout), "");
    let edges = String::from_utf8(compared.stderr).unwrap();
    let edges: usize = edges.split(' ').next().unwrap().parse().unwrap();
    assert!(edges > 60, "{edges}");
}

#[test]
fn every_kind_of_thread() {
    threads(&Interpreter::default());
}

#[test]
fn a_spin_beside_a_busy_thread() {
    spin(&Interpreter::default());
}

#[test]
fn coroutines_generators_and_tasks() {
    tasks(&Interpreter::default());
}

#[test]
fn the_same_calls_as_cprofile() {
    as_cprofile(&Interpreter::default());
}

/// On other versions; `reference` since they have to be installed.
mod reference {
    use super::{Interpreter, as_cprofile, spin, tasks, threads};

    macro_rules! versions {
        ($($test:ident $version:literal),*) => {$(
            mod $test {
                use super::*;

                #[test]
                fn every_kind_of_thread() {
                    threads(&Interpreter::reference($version));
                }

                #[test]
                fn a_spin_beside_a_busy_thread() {
                    spin(&Interpreter::reference($version));
                }

                #[test]
                fn coroutines_generators_and_tasks() {
                    tasks(&Interpreter::reference($version));
                }

                #[test]
                fn the_same_calls_as_cprofile() {
                    as_cprofile(&Interpreter::reference($version));
                }
            }
        )*};
    }

    versions!(
        python_3_9 "3.9", python_3_10 "3.10", python_3_11 "3.11", python_3_12 "3.12", python_3_13 "3.13",
        python_3_14 "3.14", python_3_15 "3.15"
    );
}
