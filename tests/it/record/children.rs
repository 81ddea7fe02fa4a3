//! Every child process is in the result, however it was started and however short it lived.

use std::collections::BTreeSet;

use serde_json::Value;

use super::interpreter::Interpreter;
use super::result::{Report, json, output, recorded, status};

fn every_kind_of_child(interpreter: &Interpreter) {
    interpreter.program("children.py");
    let bare = output(&mut interpreter.bare(&["children.py"]));
    let recorded = output(&mut interpreter.record("out.pb.gz", &["children.py"]));
    let stderr = String::from_utf8_lossy(&recorded.stderr);
    assert_eq!(status(&recorded), 0, "{stderr}");
    assert_eq!(recorded.stdout, bare.stdout, "{stderr}");
    let children: i64 = String::from_utf8(recorded.stdout).unwrap().trim().parse().unwrap();
    let report = Report::of(interpreter, "out.pb.gz");
    assert_eq!(report.calls("work", "children.py"), 100 * children, "{stderr}");
    let processes = processes(interpreter, "out.pb.gz");
    assert!(processes.iter().all(|(_, command)| command.contains("python")), "{processes:?}");
    assert!(processes.iter().any(|(_, command)| command.contains("-S -c")), "{processes:?}");
}

/// Pid and command line of each process.
fn processes(interpreter: &Interpreter, file: &str) -> BTreeSet<(i64, String)> {
    let info = json(interpreter, &["info", file, "--json"]);
    let threads = info["threads"].as_array().unwrap().iter();
    let process = |thread: &Value| {
        (thread["pid"].as_i64().unwrap(), thread["process"].as_str().unwrap_or_default().to_owned())
    };
    threads.map(process).collect()
}

fn short_ones(interpreter: &Interpreter, count: usize, milliseconds: usize) {
    interpreter.program("many.py");
    let arguments = ["many.py", &count.to_string(), &milliseconds.to_string()];
    let recorded = output(&mut interpreter.record("out.pb.gz", &arguments));
    assert_eq!(status(&recorded), 0, "{}", String::from_utf8_lossy(&recorded.stderr));
    let report = Report::of(interpreter, "out.pb.gz");
    assert_eq!(report.calls("work", "many.py"), i64::try_from(count).unwrap());
    assert_eq!(processes(interpreter, "out.pb.gz").len(), count + 1);
}

/// Whoever started it is gone before it has begun.
#[test]
fn what_a_command_leaves_behind_is_there() {
    let interpreter = Interpreter::default();
    interpreter.program("daemon.py");
    let python = interpreter.python();
    let shell = format!("{python} -c 'import daemon' &");
    for options in [&["--trace"][..], &["--rate", "1000"]] {
        for command in [&[python, "daemon.py"][..], &["sh", "-c", &shell]] {
            for turn in 0..5 {
                let (_, stderr) = recorded(&interpreter, options, command);
                let worked = Report::of(&interpreter, "out.pb.gz").total("work", "daemon.py", "wall");
                assert!(worked > 0.1, "{options:?} {command:?}, turn {turn}: {worked}: {stderr}");
            }
        }
    }
}

/// The C library starts it with the environment that the program has made.
#[test]
fn children_of_a_program_that_changes_what_is_preloaded_are_there() {
    let interpreter = Interpreter::default();
    interpreter.program("preload.py");
    for (change, seen) in [("set", "libm.so.6\n"), ("delete", "None\n"), ("clear", "None\n")] {
        let command = [interpreter.python(), "preload.py", change];
        let (printed, stderr) = recorded(&interpreter, &["--trace"], &command);
        assert_eq!(printed, seen, "{change}: {stderr}");
        let calls = Report::of(&interpreter, "out.pb.gz").calls("work", "<string>");
        assert_eq!(calls, 100, "{change}: {stderr}");
    }
}

/// They can neither have a file nor write to the journal.
#[test]
fn children_that_can_open_nothing_are_told() {
    let interpreter = Interpreter::default();
    interpreter.program("no_files.py");
    let record = ["record", "--trace", "-o", "out.pb.gz", "--", interpreter.python(), "no_files.py"];
    let recorded = output(&mut interpreter.profkit_after("ulimit -n 64", &record));
    let stderr = String::from_utf8_lossy(&recorded.stderr);
    assert_eq!(status(&recorded), 0, "{stderr}");
    assert!(stderr.contains(": 3 forked children not covered"), "{stderr}");
}

/// Nothing of profkit is in them, and they tell nobody: the kernel does, where it may be asked and the machine is not too large.
#[test]
fn children_that_nothing_was_loaded_into_are_sampled_or_told() {
    let paranoid = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap_or_default();
    let may_ask = paranoid.trim().parse::<i32>().is_ok_and(|level| level <= 2);
    if !may_ask || std::thread::available_parallelism().unwrap().get() > 16 {
        return;
    }
    let interpreter = Interpreter::default();
    interpreter.program("bare_exec.py");
    let python = interpreter.python();
    let (_, stderr) = recorded(&interpreter, &["--trace"], &[python, "bare_exec.py", "400"]);
    let told = |how: &str| stderr.matches(&format!(") {how}: nothing of profkit was loaded into it")).count();
    assert_eq!((told("sampled instead of traced"), told("not covered")), (3, 0), "{stderr}");
    // The one that becomes another program is two.
    assert_eq!(processes(&interpreter, "out.pb.gz").len(), 5, "{stderr}");
    let worked = Report::of(&interpreter, "out.pb.gz").total("work", "<string>", "wall");
    assert!((1.2..1.8).contains(&worked), "{worked}: {stderr}");
    let (_, stderr) = recorded(&interpreter, &["--trace"], &[python, "bare_exec.py", "0"]);
    assert!(stderr.contains(": nothing of profkit was loaded into it"), "{stderr}");
}

/// They were told a path that is another recording's now.
#[test]
fn workers_of_an_earlier_recording_are_not_in_a_later_one() {
    let interpreter = Interpreter::default();
    interpreter.program("workers.py");
    recorded(&interpreter, &["--trace"], &[interpreter.python(), "workers.py"]);
    assert!(processes(&interpreter, "out.pb.gz").len() > 1);
    let command = [interpreter.python(), "-c", "import time; time.sleep(0.8)"];
    let (_, stderr) = recorded(&interpreter, &["--trace"], &command);
    assert_eq!(processes(&interpreter, "out.pb.gz").len(), 1, "{stderr}");
}

#[test]
fn every_child_is_there() {
    every_kind_of_child(&Interpreter::default());
}

#[test]
fn children_of_80_ms_and_of_20_ms_are_there() {
    short_ones(&Interpreter::default(), 20, 80);
    short_ones(&Interpreter::default(), 200, 20);
}

/// On other versions; `reference` since they have to be installed.
mod reference {
    use super::{Interpreter, every_kind_of_child, output};

    /// What is traced from 3.9 on can be sampled from 3.8 on.
    #[test]
    fn older_ones_are_sampled_or_said_to_be_missing() {
        for (version, expected) in
            [("2.7", "not covered: "), ("3.6", "not covered: "), ("3.8", "sampled instead of traced: ")]
        {
            let interpreter = Interpreter::reference(version);
            let recorded =
                output(&mut interpreter.record("out.pb.gz", &["-c", "import time; time.sleep(0.4)"]));
            let stderr = String::from_utf8_lossy(&recorded.stderr);
            let told = format!(" {expected}Python {version}");
            assert_eq!(stderr.matches(&told).count(), 1, "{version}: {stderr}");
            let other = if version == "3.8" { "not covered" } else { "sampled" };
            assert!(!stderr.contains(other), "{version}: {stderr}");
        }
    }

    macro_rules! versions {
        ($($test:ident $version:literal),*) => {$(
            #[test]
            fn $test() {
                every_kind_of_child(&Interpreter::reference($version));
            }
        )*};
    }

    versions!(
        python_3_9 "3.9", python_3_10 "3.10", python_3_11 "3.11", python_3_12 "3.12", python_3_13 "3.13",
        python_3_14 "3.14", python_3_15 "3.15"
    );
}
