//! `profkit record` from outside: every thread of every process, at a rate.

use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use profkit_sampler::session::{Options, Outcome, Session};
use serde_json::Value;

use super::interpreter::Interpreter;
use super::pause::{branches, collapsed, impossible_calls, rest, start};
use super::result::{Report, json, numbers, output, recorded, status};

/// `profkit record --rate HZ -o out.pb.gz -- COMMAND`, which must end with 0; its words.
fn sample(interpreter: &Interpreter, rate: &str, command: &[&str]) -> String {
    printed(interpreter, rate, command).1
}

/// The same, and what the command printed before.
fn printed(interpreter: &Interpreter, rate: &str, command: &[&str]) -> (String, String) {
    recorded(interpreter, &["--rate", rate], command)
}

/// Pids and command lines.
fn processes(interpreter: &Interpreter) -> std::collections::BTreeSet<(i64, String)> {
    let info = json(interpreter, &["info", "out.pb.gz", "--json"]);
    let process = |thread: &Value| {
        (thread["pid"].as_i64().unwrap(), thread["process"].as_str().unwrap_or_default().to_owned())
    };
    info["threads"].as_array().unwrap().iter().map(process).collect()
}

/// The spin takes as long as it says, and the lock was held no longer than time has passed.
fn spin(interpreter: &Interpreter) {
    interpreter.program("spin.py");
    let command = [interpreter.python(), "spin.py"];
    // The interpreter's file may have to come from the disk first.
    sample(interpreter, "1000", &command);
    let (took, stderr) = printed(interpreter, "1000", &command);
    let [_, took] = numbers(took.as_bytes());
    let report = Report::of(interpreter, "out.pb.gz");
    let spun = report.total("work_main", "spin.py", "wall");
    assert!((0.7..1.3).contains(&(spun / took)), "{spun} of {took}: {stderr}");
    let held: f64 = ["work_main", "busy"].iter().map(|name| report.total(name, "spin.py", "gil")).sum();
    assert!((0.4..1.3).contains(&(held / took)), "{held} of {took}: {stderr}");
    let names = json(interpreter, &["info", "out.pb.gz", "--json"]);
    let is_named = |thread: &Value| thread["name"] == "the busy one";
    assert!(names["threads"].as_array().unwrap().iter().any(is_named), "{names}");
}

/// Wall time is the time that passed, processor time is what the kernel says, and of two threads that want it one has the lock.
fn values(interpreter: &Interpreter) {
    interpreter.program("clocks.py");
    let (took, stderr) = printed(interpreter, "1000", &[interpreter.python(), "clocks.py"]);
    let [passed, used @ ..]: [f64; 5] = numbers(took.as_bytes());
    let report = Report::of(interpreter, "out.pb.gz");
    let functions = ["first", "second", "hashing", "sleeping"];
    let [walls, cpus, gils] =
        ["wall", "cpu", "gil"].map(|value| functions.map(|name| report.total(name, "clocks.py", value)));
    // A thread's last hundredth of a second may have ended before it was looked at.
    for (((name, wall), cpu), used) in functions.iter().zip(walls).zip(cpus).zip(used) {
        assert!((1.4..passed + 0.1).contains(&wall), "{name}: {wall} of {passed}: {stderr}");
        assert!((cpu - used).abs() < 0.03 * used + 0.03, "{name}: {cpu} of {used}: {stderr}");
    }
    let [first, second, hashing, sleeping] = gils;
    assert!((0.85..1.03).contains(&((first + second) / passed)), "{gils:?} of {passed}: {stderr}");
    assert!(first.min(second) > 0.3 && hashing.max(sleeping) < 0.2, "{gils:?} of {passed}: {stderr}");
}

/// What threads used that were gone before anybody asked is in the clock of their process.
fn brief_threads(interpreter: &Interpreter) {
    interpreter.program("brief.py");
    for rate in ["100", "1000"] {
        let (used, stderr) = printed(interpreter, rate, &[interpreter.python(), "brief.py"]);
        let [used] = numbers(used.as_bytes());
        let cpu = Report::of(interpreter, "out.pb.gz").total("work", "brief.py", "cpu");
        // The last ones may end together with their process, which can be asked no more then.
        assert!((0.75..1.03).contains(&(cpu / used)), "{rate}: {cpu} of {used}: {stderr}");
    }
}

/// A stack may change and come back to what it was within one reading: what was read between has callers of one moment and callees
/// of another.
pub(super) fn as_fast_as_possible(interpreter: &Interpreter) {
    let mut program = branches(interpreter, "calls");
    program[4] = "30";
    let (child, stdout, pid) = start(&mut interpreter.bare(&program));
    let record = ["record", "--rate", "max", "--duration", "1", "-o", "out.pb.gz", "--pid", &pid];
    let recorded = output(&mut interpreter.profkit(&record));
    assert_eq!(status(&recorded), 0, "{}", String::from_utf8_lossy(&recorded.stderr));
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    rest(child, stdout);
    let text = collapsed(interpreter);
    let (seen, lines) = impossible_calls(&text);
    let impossible: u64 =
        lines.iter().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
    assert!(seen > 5_000, "{seen}");
    assert!(impossible * 20_000 <= seen, "{impossible} of {seen}: {lines:#?}");
}

pub(super) fn short_ones(interpreter: &Interpreter, count: usize, milliseconds: usize) {
    interpreter.program("many.py");
    let (number, time) = (count.to_string(), milliseconds.to_string());
    let stderr = sample(interpreter, "1000", &[interpreter.python(), "many.py", &number, &time]);
    let found = processes(interpreter);
    assert!(found.iter().all(|(_, command)| command.contains("many.py")), "{found:?}");
    // The machine may stand still for as long as a child lives: then nobody can sample it, but the kernel tells of it.
    let comments = json(interpreter, &["info", "out.pb.gz", "--json"])["comments"].clone();
    let missed = |comment: &&Value| {
        let comment = comment.as_str().unwrap();
        comment.contains("many.py") && comment.ends_with(": no sample was taken of it")
    };
    let missed = comments.as_array().unwrap().iter().filter(missed).count();
    assert_eq!(found.len() + missed, count + 1, "{stderr}");
    assert!(missed <= count / 4, "{stderr}");
    let report = Report::of(interpreter, "out.pb.gz");
    assert_eq!(report.rows("work", "many.py").len(), 1);
}

#[test]
fn a_spin_beside_a_busy_thread() {
    spin(&Interpreter::default());
}

#[test]
fn values_are_what_the_program_measures() {
    values(&Interpreter::default());
}

#[test]
fn what_brief_threads_used_is_not_lost() {
    brief_threads(&Interpreter::default());
}

#[test]
fn callers_and_callees_are_of_one_moment_as_fast_as_possible() {
    as_fast_as_possible(&Interpreter::default());
}

#[test]
fn children_of_80_ms_and_of_20_ms_are_there() {
    short_ones(&Interpreter::default(), 20, 80);
    short_ones(&Interpreter::default(), 200, 20);
}

/// A shell that was a Python, and its subshells.
#[test]
fn what_is_another_program_now_is_no_python() {
    let interpreter = Interpreter::default();
    let shell = "for i in 1 2 3; do (n=0; while [ $n -lt 9999 ]; do n=$((n+1)); done); done; true";
    let code = format!("import os, time; time.sleep(0.2); os.execvp('sh', ['sh', '-c', '{shell}'])");
    let stderr = sample(&interpreter, "500", &[interpreter.python(), "-c", &code]);
    assert!(stderr.contains("note: 1 process, 1 thread, "), "{stderr}");
    assert!(!stderr.contains("too short"), "{stderr}");
}

/// The kernel tells only of what begins below a command: here they are looked for.
#[test]
fn the_children_of_a_process_that_runs_are_found() {
    let interpreter = Interpreter::default();
    interpreter.program("many.py");
    let code = "import runpy, sys, time\ntime.sleep(1)\nsys.argv = ['many.py', '20', '80']\nrunpy.run_path('many.py')";
    let mut python = interpreter.bare(&["-c", code]).spawn().unwrap();
    let pid = python.id().to_string();
    std::thread::sleep(Duration::from_millis(300));
    let recorded =
        output(&mut interpreter.profkit(&["record", "--pid", &pid, "--rate", "200", "-o", "out.pb.gz"]));
    let stderr = String::from_utf8_lossy(&recorded.stderr);
    assert!(python.wait().unwrap().success());
    assert_eq!(processes(&interpreter).len(), 21, "{stderr}");
}

#[test]
fn a_process_that_runs_is_sampled_and_goes_on() {
    let interpreter = Interpreter::default();
    let code =
        "import time\ndef spin(end):\n while time.time() < end: pass\nspin(time.time() + 1.5)\nprint('done')";
    let mut python = interpreter.bare(&["-c", code]).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let pid = python.id().to_string();
    let arguments = ["record", "--pid", &pid, "--duration", "0.5", "--rate", "200", "-o", "out.pb.gz"];
    let recorded = output(&mut interpreter.profkit(&arguments));
    assert_eq!(status(&recorded), 0, "{}", String::from_utf8_lossy(&recorded.stderr));
    let spun = Report::of(&interpreter, "out.pb.gz").total("spin", "<string>", "wall");
    assert!((0.25..0.8).contains(&spun), "{spun}");
    let mut printed = String::new();
    std::io::Read::read_to_string(&mut python.stdout.take().unwrap(), &mut printed).unwrap();
    assert!(python.wait().unwrap().success());
    assert_eq!(printed, "done\n");
}

/// Seconds on a processor of each thread in `work`.
fn worked(interpreter: &Interpreter) -> Vec<f64> {
    let threads = json(interpreter, &["report", "out.pb.gz", "--by", "thread", "--json"]);
    let rows = threads["functions"].as_array().unwrap().iter().filter(|row| row["name"] == "work");
    rows.map(|row| row["total"]["cpu"].as_i64().unwrap() as f64 / 1e9).collect()
}

/// More threads than files may be open.
#[test]
fn no_thread_is_lost_where_files_are_few() {
    let interpreter = Interpreter::default();
    interpreter.program("crowd.py");
    let limited = |arguments: &[&str]| output(&mut interpreter.profkit_after("ulimit -n 64", arguments));
    let command = ["record", "-o", "out.pb.gz", "--", interpreter.python(), "crowd.py", "1"];
    let recorded = limited(&command);
    let stderr = String::from_utf8_lossy(&recorded.stderr);
    assert!(stderr.contains("1 process, 61 threads"), "{stderr}");
    let cpu = worked(&interpreter);
    assert!(cpu.len() == 60 && cpu.iter().all(|&cpu| cpu > 0.0), "{cpu:?}");
    let [_, used] = numbers(&recorded.stdout);
    assert!(cpu.iter().sum::<f64>() > 0.7 * used, "{cpu:?} of {used}");

    let (child, stdout, pid) = start(&mut interpreter.bare(&["crowd.py", "4"]));
    let process = ["record", "--duration", "1", "-o", "out.pb.gz", "--pid", &pid];
    let recorded = limited(&process);
    rest(child, stdout);
    let stderr = String::from_utf8_lossy(&recorded.stderr);
    assert!(stderr.contains("1 process, 61 threads"), "{stderr}");
    let report = Report::of(&interpreter, "out.pb.gz");
    assert!(report.total("work", "crowd.py", "wall") > 60.0 * 0.5, "{stderr}");
    assert!(worked(&interpreter).iter().all(|&cpu| cpu > 0.0), "{stderr}");
}

#[test]
fn a_recording_does_not_wait_for_the_next_sample_to_end() {
    let interpreter = Interpreter::default();
    let code = "import time; time.sleep(0.3); print('done')";
    let begin = Instant::now();
    let command = ["record", "--rate", "0.01", "-o", "out.pb.gz", "--", interpreter.python(), "-c", code];
    let recorded = output(&mut interpreter.profkit(&command));
    // Samples are 100 s apart.
    assert!(recorded.stdout == b"done\n" && begin.elapsed() < Duration::from_secs(15), "{recorded:?}");
}

#[test]
fn a_python_is_found_while_no_sample_is_due() {
    let interpreter = Interpreter::default();
    let script = "sleep 0.2; exec \"$0\" -c 'import time; time.sleep(60)'";
    let mut child = Command::new("sh").args(["-c", script, interpreter.python()]).spawn().unwrap();
    let options = Options { rate: 0.0003, ..Options::default() };
    let mut session = Session::new(&interpreter.folder.path().join("out.samples"), options).unwrap();
    assert!(session.add_process(child.id()).is_err());
    let (_keep, commands) = mpsc::channel();
    let outcome = session.run(Some(Instant::now() + Duration::from_secs(3)), &commands);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((outcome, session.coverage().taken), (Outcome::TimeOver, 0));
    assert!(session.is_sampled(child.id()));
}

#[test]
fn what_is_no_python_is_refused_by_name() {
    let interpreter = Interpreter::default();
    let mut sleep = Command::new("sleep").arg("30").spawn().unwrap();
    let pid = sleep.id().to_string();
    let refused = output(&mut interpreter.profkit(&["record", "--pid", &pid, "-o", "out.pb.gz"]));
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains(&format!("process {pid}: not a Python process")) && stderr.contains("sleep"),
        "{stderr}"
    );
    assert!(crate::command::names(interpreter.folder.path()).is_empty());
    let refused = output(&mut interpreter.profkit(&["record", "--pid", "4194304", "-o", "out.pb.gz"]));
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("4194304: there is no such process"));
}

#[test]
fn a_permission_that_is_missing_is_told_of_a_program_of_its_own() {
    let interpreter = Interpreter::default();
    interpreter.program("forbidden.py");
    let profkit = env!("CARGO_BIN_EXE_profkit-under-test");
    let record = [profkit, "record", "-o", "out.pb.gz", "--", interpreter.python(), "-c", "print(6 * 7)"];
    let recorded = output(&mut interpreter.bare(&[&["forbidden.py"], &record[..]].concat()));
    let stderr = String::from_utf8_lossy(&recorded.stderr);
    assert_eq!((status(&recorded), &recorded.stdout[..]), (2, &b"42\n"[..]), "{stderr}");
    let told = stderr.contains("`, was not sampled: not allowed to read its memory: ");
    assert!(told && stderr.contains("print(6 * 7)") && stderr.contains("SYS_PTRACE"), "{stderr}");
    assert!(!interpreter.folder.path().join("out.pb.gz").exists());
}

#[test]
fn nothing_is_lost_when_the_sampler_is_killed() {
    let interpreter = Interpreter::default();
    let code = "import time, os, signal\ndef spin(end):\n while time.time() < end: pass\nspin(time.time() + 0.8)\n\
                os.kill(os.getppid(), signal.SIGKILL)";
    let arguments = ["record", "--rate", "500", "-o", "out.pb.gz", "--", interpreter.python(), "-c", code];
    let killed = output(&mut interpreter.profkit(&arguments));
    assert_eq!(status(&killed), 137);
    // What the last tenth of a second saw may not be on disk.
    let spun = Report::of(&interpreter, "out.recording").total("spin", "<string>", "wall");
    assert!(spun >= 0.5, "{spun}");
}

#[test]
fn one_process_if_that_is_all_that_is_wanted() {
    let interpreter = Interpreter::default();
    interpreter.program("many.py");
    let arguments =
        ["record", "--no-subprocesses", "-o", "out.pb.gz", "--", interpreter.python(), "many.py", "5", "50"];
    assert_eq!(status(&output(&mut interpreter.profkit(&arguments))), 0);
    assert_eq!(processes(&interpreter).len(), 1);
}

#[test]
fn an_orphan_that_ends_is_no_zombie() {
    let interpreter = Interpreter::default();
    let code = "import os, time
for _ in range(5):
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.05)
        os._exit(0)
    os.wait()
time.sleep(0.6)
parent = os.getppid()
children = open(f'/proc/{parent}/task/{parent}/children').read().split()
print([open(f'/proc/{child}/stat').read().rsplit(')')[-1].split()[0] for child in children].count('Z'))";
    let arguments = ["record", "-o", "out.pb.gz", "--", interpreter.python(), "-c", code];
    let recorded = output(&mut interpreter.profkit(&arguments));
    assert_eq!(String::from_utf8(recorded.stdout).unwrap(), "0\n");
}

/// On other versions; `reference` since they have to be installed.
mod reference {
    use super::{
        Interpreter, as_fast_as_possible, brief_threads, json, output, processes, sample, short_ones, spin,
        status, values,
    };

    macro_rules! versions {
        ($($test:ident $version:literal),*) => {$(
            mod $test {
                use super::*;

                #[test]
                fn a_spin_beside_a_busy_thread() {
                    spin(&Interpreter::reference($version));
                }

                #[test]
                fn values_are_what_the_program_measures() {
                    values(&Interpreter::reference($version));
                }

                #[test]
                fn what_brief_threads_used_is_not_lost() {
                    brief_threads(&Interpreter::reference($version));
                }

                #[test]
                fn callers_and_callees_are_of_one_moment_as_fast_as_possible() {
                    as_fast_as_possible(&Interpreter::reference($version));
                }

                #[test]
                fn short_children() {
                    short_ones(&Interpreter::reference($version), 20, 80);
                    short_ones(&Interpreter::reference($version), 200, 20);
                }
            }
        )*};
    }

    versions!(
        python_3_8 "3.8", python_3_9 "3.9", python_3_10 "3.10", python_3_11 "3.11", python_3_12 "3.12",
        python_3_13 "3.13", python_3_14 "3.14", python_3_15 "3.15"
    );

    #[test]
    fn two_versions_in_a_pipeline() {
        let (old, new) = (Interpreter::reference("3.9"), Interpreter::reference("3.13"));
        old.program("many.py");
        let command = format!("{} many.py 2 100 | {} many.py 3 100", old.python(), new.python());
        let stderr = sample(&old, "500", &["sh", "-c", &command]);
        assert_eq!(processes(&old).len(), 7, "{stderr}");
    }

    #[test]
    fn versions_that_cannot_be_read_are_told() {
        let (old, new) = (Interpreter::reference("3.7"), Interpreter::reference("3.13"));
        new.program("many.py");
        let old = format!("{} -c 'import time; time.sleep(0.3)'", old.python());
        let command = format!("{old} & {old} & {} many.py 2 100; wait", new.python());
        let stderr = sample(&new, "500", &["sh", "-c", &command]);
        assert_eq!(processes(&new).len(), 3, "{stderr}");
        let told = " and 1 more, `";
        assert!(stderr.contains(told) && stderr.contains("was not sampled: Python 3.7"), "{stderr}");
        assert!(!stderr.contains("too short"), "{stderr}");
        let comments = json(&new, &["info", "out.pb.gz", "--json"])["comments"].to_string();
        assert!(comments.contains("was not sampled: Python 3.7"), "{comments}");
        let traced =
            output(&mut new.profkit(&["record", "--trace", "-o", "out.pb.gz", "--", "sh", "-c", &command]));
        let stderr = String::from_utf8_lossy(&traced.stderr);
        assert_eq!((status(&traced), processes(&new).len()), (0, 3), "{stderr}");
        assert_eq!(stderr.matches(": this version cannot be traced").count(), 2, "{stderr}");
    }

    #[test]
    fn an_ordinary_user_may_sample_what_it_starts() {
        let interpreter = Interpreter::reference("3.13");
        interpreter.program("many.py");
        // Only root may read root's home, where the interpreters are: the system's own it is.
        let folder = interpreter.folder.path();
        std::process::Command::new("chmod").args(["-R", "a+rwX"]).arg(folder).status().unwrap();
        let profkit = env!("CARGO_BIN_EXE_profkit-under-test");
        let copy = folder.join("profkit");
        std::fs::copy(profkit, &copy).unwrap();
        // What takes privileges and gives them up: the kernel tells nothing of what is below it, so they are looked for.
        let source = "#define _GNU_SOURCE\n#include <unistd.h>\n\
                      int main(int n, char **v) { setresuid(getuid(), getuid(), getuid()); return execvp(v[1], v + 1); }\n";
        std::fs::write(folder.join("give_up.c"), source).unwrap();
        let script = "cc -o give_up give_up.c && chmod 4755 give_up";
        assert!(
            std::process::Command::new("sh")
                .args(["-c", script])
                .current_dir(folder)
                .status()
                .unwrap()
                .success()
        );
        let program = ["/usr/bin/python3", "many.py", "3", "100"];
        for (before, found) in [(&[][..], 4), (&["sh", "-c", "./give_up \"$@\"; true", "sh"], 4)] {
            let mut command = std::process::Command::new("setpriv");
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&copy);
            command.args(["record", "--rate", "500", "-o", "out.pb.gz", "--"]).args(before).args(program);
            let recorded = output(command.current_dir(folder));
            assert_eq!(status(&recorded), 0, "{}", String::from_utf8_lossy(&recorded.stderr));
            let stderr = String::from_utf8_lossy(&recorded.stderr);
            assert_eq!(processes(&interpreter).len(), found, "{before:?}: {stderr}");
        }
    }
}
