//! What belongs to the program stays the program's: status, streams, signals, start-up. And what `record` leaves.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use super::interpreter::Interpreter;
use super::result::{Report, json, output, status, until};

/// What a program sees of its start.
fn sees(command: &mut Command) -> (String, String) {
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = streams.env("LANG", "C.UTF-8").spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"some input").unwrap();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn start_up_is_untouched(interpreter: &Interpreter) {
    interpreter.program("start.py");
    for arguments in [&["start.py", "an argument", ""][..], &["-S", "start.py"], &["-I", "start.py"]] {
        let (bare, bare_errors) = sees(&mut interpreter.bare(arguments));
        let (recorded, errors) = sees(&mut interpreter.record("out.pb.gz", arguments));
        assert_eq!(recorded, bare, "{errors}");
        assert!(errors.starts_with(&bare_errors), "{errors}");
        fs::remove_file(interpreter.folder.path().join("out.pb.gz")).unwrap();
    }
}

#[test]
fn a_program_starts_as_without_profkit() {
    start_up_is_untouched(&Interpreter::default());
}

#[test]
fn a_program_may_open_as_many_files_as_without_profkit() {
    let interpreter = Interpreter::default();
    let code = "import os, resource\nprint(*resource.getrlimit(resource.RLIMIT_NOFILE))
limits = open(f'/proc/{os.getppid()}/limits').read().split('Max open files')[1].split()
print(limits[0] == limits[1])";
    for recorder in [&["record"][..], &["record", "--trace"]] {
        let start = ["-o", "out.folded", "--", interpreter.python(), "-c", code];
        let limits = "ulimit -Sn 50; ulimit -Hn 80";
        let recorded = output(&mut interpreter.profkit_after(limits, &[recorder, &start].concat()));
        let stderr = String::from_utf8_lossy(&recorded.stderr);
        assert_eq!(recorded.stdout, b"50 80\nTrue\n", "{stderr}");
    }
}

/// A program that counts its signals, recorded in a process group of its own.
fn counting(interpreter: &Interpreter) -> (Child, BufReader<std::process::ChildStdout>) {
    use std::os::unix::process::CommandExt;
    interpreter.program("signals.py");
    let mut command = interpreter.record("out.pb.gz", &["signals.py"]);
    let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, stdout)
}

fn counted(mut child: Child, mut stdout: BufReader<std::process::ChildStdout>) -> String {
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7));
    text
}

fn kill(signal: &str, to: &str) {
    assert!(
        Command::new("sh").args(["-c", &format!("kill -s {signal} -- {to}")]).status().unwrap().success()
    );
}

#[test]
fn a_signal_reaches_the_program_once() {
    for signal in ["INT", "TERM", "HUP", "USR2"] {
        for group in [false, true] {
            let interpreter = Interpreter::default();
            let (child, stdout) = counting(&interpreter);
            let pid = child.id();
            kill(signal, &if group { format!("-{pid}") } else { pid.to_string() });
            let text = counted(child, stdout);
            assert_eq!(text, format!("['SIG{signal}']\n"), "to the group: {group}");
            assert_eq!(Report::of(&interpreter, "out.pb.gz").calls("<module>", "signals.py"), 1);
        }
    }
}

#[test]
fn a_signal_after_one_of_the_terminal_reaches_the_program() {
    let interpreter = Interpreter::default();
    interpreter.program("terminal.py");
    let code = "import signal, time\nsignal.signal(signal.SIGINT, lambda *_: print('heard', flush=True))
print('ready', flush=True)\nwhile True: time.sleep(0.01)";
    let profkit = interpreter.profkit(&[]).get_program().to_str().unwrap().to_owned();
    let record =
        ["terminal.py", &profkit, "record", "-o", "out.pb.gz", "--", interpreter.python(), "-c", code];
    let ended = output(&mut interpreter.bare(&record));
    assert_eq!(
        String::from_utf8_lossy(&ended.stdout),
        "1 2 3\n",
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

#[test]
fn a_snapshot_is_written_when_it_is_asked_for() {
    let interpreter = Interpreter::default();
    let (child, stdout) = counting(&interpreter);
    kill("USR1", &child.id().to_string());
    let snapshot = interpreter.folder.path().join("out.pb.gz");
    until("a snapshot", || snapshot.exists());
    assert_eq!(Report::of(&interpreter, "out.pb.gz").calls("<module>", "signals.py"), 1);
    // The recording itself can be read too while it grows.
    assert_eq!(Report::of(&interpreter, "out.recording").calls("<module>", "signals.py"), 1);
    kill("TERM", &child.id().to_string());
    assert_eq!(counted(child, stdout), "['SIGTERM']\n");
}

#[test]
fn a_signal_after_the_end_of_the_program_costs_no_result() {
    for signal in ["USR1", "USR2", "TERM"] {
        let interpreter = Interpreter::default();
        // The process that is left sends it while it is waited for.
        let code = format!(
            "import os, signal, time\nprofkit, program = os.getppid(), os.getpid()
if os.fork(): time.sleep(0.3); os._exit(3)\nwhile os.getppid() == program: time.sleep(0.01)
time.sleep(0.1); os.kill(profkit, signal.SIG{signal}); time.sleep(1)"
        );
        let arguments = ["record", "-o", "out.folded", "--", interpreter.python(), "-c", &code];
        let ended = output(&mut interpreter.profkit(&arguments));
        assert_eq!(status(&ended), 3, "{signal}: {}", String::from_utf8_lossy(&ended.stderr));
        assert!(interpreter.folder.path().join("out.folded").exists(), "{signal}");
    }
}

#[test]
fn a_signal_while_the_result_is_written_says_where_the_recording_is() {
    let interpreter = Interpreter::default();
    let folder = interpreter.folder.path();
    // Nobody reads from it: writing to it does not begin.
    assert!(Command::new("mkfifo").arg(folder.join("out.folded")).status().unwrap().success());
    let code = "import time; time.sleep(0.3); open('done', 'w')";
    let arguments = ["record", "-o", "out.folded", "--", interpreter.python(), "-c", code];
    let mut child = interpreter.profkit(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    until("the program is done", || folder.join("done").exists());
    until("profkit has ended", || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        kill("TERM", &child.id().to_string());
        child.try_wait().unwrap().is_some()
    });
    let ended = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(status(&ended), 143, "{stderr}");
    assert!(stderr.contains("what was recorded is in out.recording"), "{stderr}");
    assert!(Report::of(&interpreter, "out.recording").total("<module>", "<string>", "wall") > 0.1);
}

#[test]
fn snapshots_come_by_themselves() {
    let interpreter = Interpreter::default();
    let code = "import time, os\nwhile not os.path.exists('out.folded'): time.sleep(0.01)";
    let arguments =
        ["record", "--trace", "--every", "100ms", "-o", "out.folded", "--", "python3", "-c", code];
    let ended = output(&mut interpreter.profkit(&arguments));
    assert_eq!(status(&ended), 0, "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_time_that_no_clock_will_show_never_comes() {
    let interpreter = Interpreter::default();
    for (option, long) in [("--duration", "1e19"), ("--every", "9999999999999999999s")] {
        let arguments = ["record", option, long, "-o", "out.folded", "--", interpreter.python(), "-c"];
        let ended =
            output(&mut interpreter.profkit(&[&arguments[..], &["import time; time.sleep(0.2)"]].concat()));
        assert_eq!(status(&ended), 0, "{}", String::from_utf8_lossy(&ended.stderr));
        assert!(!interpreter.folder.path().join("out.recording").exists());
        fs::remove_file(interpreter.folder.path().join("out.folded")).unwrap();
    }
}

#[test]
fn a_recording_that_may_not_grow_ends_with_a_word() {
    let interpreter = Interpreter::default();
    let record = ["record", "--rate", "max", "-o", "out.folded", "--", interpreter.python(), "-c"];
    let record = [&record[..], &["import asyncio, http.client, time; time.sleep(0.5)"]].concat();
    let ended = output(&mut interpreter.profkit_after("ulimit -f 8", &record));
    let stderr = String::from_utf8_lossy(&ended.stderr);
    // What there was room for may be nothing, or be too large as well.
    assert!(matches!(status(&ended), 0 | 2), "{}: {stderr}", status(&ended));
    assert!(stderr.contains("not complete: File too large"), "{stderr}");
}

/// Started by one who does so with some signals, `SIG_IGN` or `SIG_DFL`.
fn started_with(interpreter: &Interpreter, action: &str, arguments: &[&str]) -> std::process::Output {
    let code = format!(
        "import os, signal, sys
for name in ['CHLD', 'XFSZ', 'USR1']: signal.signal(getattr(signal, 'SIG' + name), signal.{action})
signal.signal(signal.SIGPIPE, signal.SIG_DFL) # as Rust has it for a program
os.execvp(sys.argv[1], sys.argv[1:])"
    );
    output(&mut interpreter.bare(&[&["-c", &code], arguments].concat()))
}

#[test]
fn a_program_ignores_the_signals_that_it_ignores_without_profkit() {
    let interpreter = Interpreter::default();
    let profkit = interpreter.profkit(&[]).get_program().to_str().unwrap().to_owned();
    // Not Python, which ignores some itself.
    let program = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"];
    let record = [&[&*profkit, "record", "-o", "out.folded", "--"][..], &program].concat();
    for action in ["SIG_DFL", "SIG_IGN"] {
        let bare = started_with(&interpreter, action, &program);
        let recorded = started_with(&interpreter, action, &record);
        assert_eq!(String::from_utf8_lossy(&recorded.stdout), String::from_utf8_lossy(&bare.stdout));
    }
}

#[test]
fn a_program_whose_end_nobody_wanted_to_hear_of_keeps_its_status() {
    let interpreter = Interpreter::default();
    let profkit = interpreter.profkit(&[]).get_program().to_str().unwrap().to_owned();
    let record = [&profkit, "record", "-o", "out.folded", "--", interpreter.python(), "-c"];
    let code = "import sys, time; time.sleep(0.2); sys.exit(3)";
    let ended = started_with(&interpreter, "SIG_IGN", &[&record[..], &[code]].concat());
    assert_eq!(status(&ended), 3, "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(crate::command::names(interpreter.folder.path()), ["out.folded"]);
}

#[test]
fn a_daemon_that_forks_on_costs_no_status() {
    let interpreter = Interpreter::default();
    let code = "import os, sys, time
if os.fork(): time.sleep(0.3); sys.exit(3)
end = time.time() + 2
while time.time() < end:
    if not os.fork(): len([]); os._exit(0)
    os.wait()";
    let ended = output(&mut interpreter.record("out.folded", &["-c", code]));
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(status(&ended), 3, "{stderr}");
    assert!(stderr.ends_with("; in out.folded\n"), "{stderr}");
    assert_eq!(crate::command::names(interpreter.folder.path()), ["out.folded"], "{stderr}");
}

#[test]
fn what_cannot_be_recorded_is_told() {
    let interpreter = Interpreter::default();
    let refused = |arguments: &[&str]| {
        let ended = output(&mut interpreter.profkit(arguments));
        assert_eq!(status(&ended), 2, "{arguments:?}");
        assert_eq!(ended.stdout, b"");
        String::from_utf8(ended.stderr).unwrap()
    };
    let start = ["record", "--trace", "-o", "out.pb.gz", "--"];
    let with = |rest: &[&'static str]| [&start[..], rest].concat();
    assert!(refused(&with(&["./no-such-program"])).contains("./no-such-program: cannot be started"));
    assert!(refused(&["record", "--trace", "-o", "nowhere/out.pb.gz", "--", "true"]).contains("nowhere"));
    assert!(refused(&["record", "--trace", "-o", "out.xyz", "--", "true"]).contains("extension"));
    // Before it runs: that would leave a file.
    let of_another = [
        (&["--value", "calls"][..], "`calls`; such a recording has samples, wall, cpu, gil, gil_wait"),
        (&["--trace", "--value", "gil"], "`gil`; such a recording has calls, wall, await"),
        (&["--trace", "--clock", "cpu", "--value", "wall"], "`wall`; such a recording has calls, cpu, await"),
    ];
    for (given, reason) in of_another {
        let arguments = [&["record", "-o", "out.folded"], given, &["--", "touch", "ran"]].concat();
        assert!(refused(&arguments).contains(reason));
    }
    fs::create_dir(interpreter.folder.path().join("out.recording")).unwrap();
    assert!(refused(&with(&["python3", "-c", "pass"])).contains("out.recording: it exists"));
    let left = crate::command::names(interpreter.folder.path());
    assert_eq!(left, ["out.recording"]);
}

#[test]
fn nothing_recorded_costs_no_status() {
    let interpreter = Interpreter::default();
    let brief = [interpreter.python(), "-S", "-E", "-c", "import os; os._exit(7)"];
    let brief: Vec<_> = brief.iter().map(|part| format!("'{part}'")).collect();
    let brief = format!("sleep 0.1; exec {}", brief.join(" "));
    let sampled = "sh: nothing was recorded: no Python ran, or none for long enough to be sampled";
    let traced = "sh: nothing was recorded: no Python ran that could be";
    for (options, code, expected, reason) in [
        (&[][..], "sleep 0.1; exit 7", 7, sampled),
        (&[], "sleep 0.1", 0, sampled),
        (&[], "sleep 0.1; kill -TERM $$", 143, sampled),
        (&["--rate", "1"], "exit 3", 3, "sh: nothing was recorded: no sample was taken in 0."),
        (&["--trace"], "exit 7", 7, traced),
        (&["--trace"], "true", 0, traced),
        // Whether this one is seen is chance.
        (&[], &brief, 7, ""),
    ] {
        let arguments = [&["record", "-o", "out.folded"], options, &["--", "sh", "-c", code]].concat();
        let ended = output(&mut interpreter.profkit(&arguments));
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(status(&ended), expected, "{code}: {stderr}");
        assert!(stderr.contains(&format!("note: {reason}")), "{code}: {stderr}");
        if !reason.is_empty() {
            assert!(crate::command::names(interpreter.folder.path()).is_empty(), "{code}");
        }
    }
}

#[test]
fn a_program_that_fails_keeps_its_status_and_its_words() {
    let interpreter = Interpreter::default();
    for code in ["raise ValueError('meant')", "import sys; sys.exit(3)", "import sys; sys.exit('words')"] {
        let bare = output(&mut interpreter.bare(&["-c", code]));
        let recorded = output(&mut interpreter.record("out.pb.gz", &["-c", code]));
        assert_eq!(status(&recorded), status(&bare));
        let words = String::from_utf8(bare.stderr).unwrap();
        assert!(String::from_utf8(recorded.stderr).unwrap().starts_with(&words));
    }
}

#[test]
fn a_trace_below_another_one_leaves_the_processes_to_that() {
    let interpreter = Interpreter::default();
    let inner = interpreter.record("inner.pb.gz", &["-c", "print(1)"]);
    let mut record = interpreter.profkit(&["record", "--trace", "-o", "out.pb.gz", "--"]);
    let ended = output(record.arg(inner.get_program()).args(inner.get_args()));
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!((status(&ended), &ended.stdout[..]), (0, &b"1\n"[..]), "{stderr}");
    assert!(stderr.contains("below another `profkit record --trace`"), "{stderr}");
    assert_eq!(crate::command::names(interpreter.folder.path()), ["out.pb.gz"]);
}

#[test]
fn one_file_for_each_process() {
    let interpreter = Interpreter::default();
    interpreter.program("many.py");
    let arguments =
        ["record", "--trace", "--split", "process", "-o", "out.pstats", "--", "python3", "many.py", "3", "1"];
    let ended = output(&mut interpreter.profkit(&arguments));
    assert_eq!(status(&ended), 0, "{}", String::from_utf8_lossy(&ended.stderr));
    let names: Vec<String> = crate::command::names(interpreter.folder.path())
        .into_iter()
        .filter(|name| name != "many.py")
        .collect();
    assert_eq!(names.len(), 4, "{names:?}");
    let calls = |name: &String| Report::of(&interpreter, name).calls("work", "many.py");
    assert_eq!(names.iter().map(calls).sum::<i64>(), 3);
    let info = json(&interpreter, &["info", &names[0], "--json"]);
    assert_eq!(info["format"], "pstats");
}

/// On other versions; `reference` since they have to be installed.
mod reference {
    use super::{Interpreter, start_up_is_untouched};

    macro_rules! versions {
        ($($test:ident $version:literal),*) => {$(
            #[test]
            fn $test() {
                start_up_is_untouched(&Interpreter::reference($version));
            }
        )*};
    }

    versions!(
        python_3_9 "3.9", python_3_10 "3.10", python_3_11 "3.11", python_3_12 "3.12", python_3_13 "3.13",
        python_3_14 "3.14", python_3_15 "3.15"
    );
}
