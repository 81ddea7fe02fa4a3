//! However a process ends, and whichever of the two dies, what it did is in the result, and its status is its own.

use std::fs;
use std::process::Command;

use super::interpreter::Interpreter;
use super::result::{Report, json, output, recorded, status, until};

const ENDS: [&str; 9] =
    ["normal", "exception", "exit", "_exit", "SIGTERM", "SIGINT", "SIGKILL", "segfault", "execv"];
const PLACES: [&str; 6] = ["main", "thread", "fork", "spawn", "forkserver", "subprocess"];
const CALLS: i64 = 1000;

/// Each end in each place: the same status as without profkit, and every call.
fn target_dies(interpreter: &Interpreter, places: &[&str]) {
    interpreter.program("survival.py");
    for end in ENDS {
        for &place in places {
            let arguments = ["survival.py", end, place];
            let bare = output(&mut interpreter.bare(&arguments));
            let recorded = output(&mut interpreter.record("out.pb.gz", &arguments));
            let stderr = String::from_utf8_lossy(&recorded.stderr);
            assert_eq!(status(&recorded), status(&bare), "{arguments:?}: {stderr}");
            assert_eq!(recorded.stdout, bare.stdout, "{arguments:?}");
            let report = Report::of(interpreter, "out.pb.gz");
            assert_eq!(report.calls("work", "survival.py"), CALLS, "{arguments:?}: {stderr}");
            assert!(!interpreter.folder.path().join("out.recording").exists(), "{arguments:?}");
        }
    }
}

/// `profkit` is killed while the program waits; the program goes on to its end, and the folder has every call.
fn profkit_dies(interpreter: &Interpreter, places: &[&str]) {
    interpreter.program("survival.py");
    for end in ENDS {
        for &place in places {
            let folder = tempfile::TempDir::new_in(interpreter.folder.path()).unwrap();
            let inside = interpreter.inside().join(folder.path().file_name().unwrap());
            let arguments = ["survival.py", end, place, inside.to_str().unwrap()];
            let mut command = interpreter.record("out.pb.gz", &arguments);
            let mut profkit = command
                .stdin(std::process::Stdio::null())
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            until(&format!("{arguments:?}: ready"), || folder.path().join("ready").exists());
            let pid = fs::read_to_string(folder.path().join("ready")).unwrap();
            profkit.kill().unwrap();
            profkit.wait().unwrap();
            fs::write(folder.path().join("go"), "").unwrap();
            until(&format!("{arguments:?}: the end"), || !is_running(&pid));
            let converted =
                output(&mut interpreter.profkit(&["convert", "out.recording", "-o", "out.pstats"]));
            let stderr = String::from_utf8_lossy(&converted.stderr);
            assert_eq!(status(&converted), 0, "{arguments:?}: {stderr}");
            let report = Report::of(interpreter, "out.pstats");
            assert_eq!(report.calls("work", "survival.py"), CALLS, "{arguments:?}: {stderr}");
            fs::remove_dir_all(interpreter.folder.path().join("out.recording")).unwrap();
        }
    }
}

/// What it was when the program was ended is how long it took, not when it was looked at last.
/// The tracer reserves much address space, and gives it back where the program has to do with little.
fn little_address_space(interpreter: &Interpreter) {
    interpreter.program("limits.py");
    let (printed, stderr) = recorded(interpreter, &["--trace"], &[interpreter.python(), "limits.py"]);
    let size = 50 << 20;
    assert_eq!(printed, format!("[{size}, {size}, {size}, {size}]\n{size}\n"), "{stderr}");
    assert_eq!(Report::of(interpreter, "out.pb.gz").calls("work", "limits.py"), 5, "{stderr}");
}

#[test]
fn a_program_may_limit_its_address_space() {
    little_address_space(&Interpreter::default());
}

#[test]
fn a_trace_that_ends_at_once_has_its_duration() {
    let interpreter = Interpreter::default();
    let code = "import os, time\nend = time.time() + 0.6\nwhile time.time() < end: pass\nos._exit(0)";
    let recorded = output(&mut interpreter.record("out.pb.gz", &["-c", code]));
    assert_eq!(status(&recorded), 0, "{}", String::from_utf8_lossy(&recorded.stderr));
    let duration = json(&interpreter, &["info", "out.pb.gz", "--json"])["duration_ns"].as_i64().unwrap();
    assert!(duration > 590_000_000, "{duration}");
}

/// Where a program may write into no file, one that is written into nevertheless would be its end.
#[test]
fn a_program_that_may_write_no_file_lives() {
    let interpreter = Interpreter::default();
    for (limit, said) in [("0", "its file is empty"), ("300", "File too large")] {
        let script = format!("ulimit -f {limit}; '{}' -c 'print(1)'; echo $?", interpreter.python());
        let arguments = ["record", "--trace", "-o", "out.pb.gz", "--", "sh", "-c", &script];
        let recorded = output(&mut interpreter.profkit(&arguments));
        let stderr = String::from_utf8_lossy(&recorded.stderr);
        assert_eq!(recorded.stdout, b"1\n0\n", "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}

/// Zombies have ended.
fn is_running(pid: &str) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap().stdout;
    !matches!(state.first(), None | Some(b'Z'))
}

#[test]
fn nothing_is_lost_when_the_program_dies() {
    target_dies(&Interpreter::default(), &["main"]);
}

#[test]
fn nothing_is_lost_when_profkit_dies() {
    profkit_dies(&Interpreter::default(), &["fork"]);
}

/// On other versions; `reference` since they have to be installed.
mod reference {
    use std::process::Command;

    use super::{Interpreter, PLACES, little_address_space, output, profkit_dies, status, target_dies};

    /// There is room for the recording's header, and then for nothing.
    #[test]
    fn a_full_disk_is_named() {
        let interpreter = Interpreter::default();
        let recorder = interpreter.record("out.pb.gz", &["-c", "print(1)"]);
        let script = "mount -t tmpfs -o size=64k none \"$PWD\" && cd \"$PWD\" && head -c 61440 /dev/zero > fill \
                      && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(recorder.get_program());
        command.args(recorder.get_args()).current_dir(interpreter.folder.path());
        let recorded = output(&mut command);
        let stderr = String::from_utf8_lossy(&recorded.stderr);
        assert_eq!((status(&recorded), &recorded.stdout[..]), (2, &b"1\n"[..]), "{stderr}");
        assert!(stderr.contains("its file is empty"), "{stderr}");
        assert!(stderr.contains("there is no room in") && stderr.contains("No space left"), "{stderr}");
    }

    macro_rules! versions {
        ($($test:ident $version:literal),*) => {$(
            mod $test {
                use super::*;

                #[test]
                fn program_dies() {
                    target_dies(&Interpreter::reference($version), &PLACES);
                }

                #[test]
                fn address_space_is_limited() {
                    little_address_space(&Interpreter::reference($version));
                }

                #[test]
                fn profkit_is_killed() {
                    profkit_dies(&Interpreter::reference($version), &PLACES);
                }
            }
        )*};
    }

    versions!(python_3_9 "3.9", python_3_11 "3.11", python_3_12 "3.12", python_3_13 "3.13", python_3_15 "3.15");
}
