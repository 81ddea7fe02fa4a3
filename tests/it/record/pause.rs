//! `profkit record --pause`: threads stand while they are read. No stack is cut, nobody but the threads notices, and they go on
//! whatever happens to profkit.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::interpreter::Interpreter;
use super::result::{Report, json, output, status, until};

/// What profkit says of a recording.
pub(super) fn comments(interpreter: &Interpreter) -> String {
    json(interpreter, &["info", "out.pb.gz", "--json"])["comments"].to_string()
}

/// Puts `branches.py` into the interpreter's folder, a program whose stacks change every few microseconds, each function called by
/// the one with the number before its own only; its command line.
pub(super) fn branches(interpreter: &Interpreter, shape: &'static str) -> [&'static str; 5] {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = tests.join("../crates/xtask/src/bench/sample/branches.py");
    fs::copy(program, interpreter.folder.path().join("branches.py")).unwrap();
    ["branches.py", shape, "5", "33", "3"]
}

/// The samples of a recording as collapsed stacks.
pub(super) fn collapsed(interpreter: &Interpreter) -> String {
    let convert = ["convert", "--value", "samples", "--to", "collapsed", "-o", "-", "out.pb.gz"];
    String::from_utf8(output(&mut interpreter.profkit(&convert)).stdout).unwrap()
}

fn no_stack_is_cut(interpreter: &Interpreter, shape: &'static str) {
    let record = ["record", "--pause", "--rate", "2000", "--duration", "2.5", "-o", "out.pb.gz", "--"];
    let program = branches(interpreter, shape);
    let recorded =
        output(&mut interpreter.profkit(&[&record[..], &[interpreter.python()], &program].concat()));
    assert_eq!(status(&recorded), 0, "{}", String::from_utf8_lossy(&recorded.stderr));
    let comments = comments(interpreter);
    assert!(comments.contains("stacks read, 0 cut") && comments.contains(", 0 not readable"), "{comments}");
    assert!(comments.contains("threads were stopped while they were read"), "{comments}");
    let text = collapsed(interpreter);
    let (seen, impossible) = impossible_calls(&text);
    assert_eq!(impossible, Vec::<&str>::new(), "{shape}");
    assert!(seen > 200, "{shape}: {seen}: {comments}");
}

/// Of `branches.py`, whose functions are called by the one with the number before their own only: how many samples are in them, and
/// the stacks that cannot have been.
pub(super) fn impossible_calls(collapsed: &str) -> (u64, Vec<&str>) {
    let (mut seen, mut impossible) = (0, Vec::new());
    for line in collapsed.lines().filter(|line| line.contains("deep_") || line.contains("shallow_")) {
        let (stack, count) = line.rsplit_once(' ').unwrap();
        seen += count.parse::<u64>().unwrap();
        let frames = stack.split(';').filter_map(|frame| {
            let name = frame.split(' ').next().unwrap();
            let (branch, level) =
                name.split_once('_').filter(|(branch, _)| matches!(*branch, "deep" | "shallow"))?;
            Some((branch, level.parse::<usize>().unwrap()))
        });
        let is_possible = |(index, (branch, level)): (usize, (&str, usize))| {
            stack.contains(&format!("{branch}_1 ")) && level == index + 1
        };
        if !frames.enumerate().all(is_possible) {
            impossible.push(line);
        }
    }
    (seen, impossible)
}

#[test]
fn no_stack_is_cut_while_it_is_read() {
    no_stack_is_cut(&Interpreter::default(), "calls");
}

#[test]
fn threads_in_turn_and_their_children_are_recorded() {
    let interpreter = Interpreter::default();
    interpreter.program("spin.py");
    interpreter.program("many.py");
    let record = ["record", "--pause", "--rate", "1000", "-o", "out.pb.gz", "--", interpreter.python()];
    let recorded = output(&mut interpreter.profkit(&[&record[..], &["spin.py"]].concat()));
    assert_eq!(status(&recorded), 0, "{}", String::from_utf8_lossy(&recorded.stderr));
    assert!(comments(&interpreter).contains("stacks read, 0 cut"), "{}", comments(&interpreter));
    let recorded = output(&mut interpreter.profkit(&[&record[..], &["many.py", "10", "80"]].concat()));
    assert_eq!(status(&recorded), 0, "{}", String::from_utf8_lossy(&recorded.stderr));
    let info = json(&interpreter, &["info", "out.pb.gz", "--json"]);
    assert_eq!(info["threads"].as_array().unwrap().len(), 11, "{info}");
}

#[test]
fn every_end_is_its_own() {
    let interpreter = Interpreter::default();
    let ends = [
        ("import os; os._exit(3)", 3),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", 143),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL); time.sleep(9)", 137),
        ("import threading; threading.Thread(target=spin, args=(time.time() + 0.2,)).start()", 0),
        ("import os; os.execvp('sh', ['sh', '-c', 'exit 5'])", 5),
        // A signal of its own arrives while it is stopped again and again.
        (
            "import signal\nheard = []\nsignal.signal(signal.SIGALRM, lambda *_: heard.append(1))\n\
          signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\nwhile len(heard) < 10: pass\n\
          signal.setitimer(signal.ITIMER_REAL, 0)\nsys.exit(6)",
            6,
        ),
        // The child has the memory of its parent at first, with the parent's threads.
        ("import os, subprocess; subprocess.Popen(['sh', '-c', 'sleep 0.02']); os._exit(7)", 7),
        ("import subprocess; sys.exit(subprocess.call(['sh', '-c', 'sleep 0.1; exit 4']))", 4),
    ];
    for (end, expected) in ends {
        let code = format!(
            "import sys, time\ndef spin(end):\n while time.time() < end: pass\nspin(time.time() + 0.2)\n{end}"
        );
        let record = [
            "record",
            "--pause",
            "--rate",
            "max",
            "-o",
            "out.pb.gz",
            "--",
            interpreter.python(),
            "-c",
            &code,
        ];
        let recorded = output(&mut interpreter.profkit(&record));
        assert_eq!(status(&recorded), expected, "{end}: {}", String::from_utf8_lossy(&recorded.stderr));
        let spun = Report::of(&interpreter, "out.pb.gz").total("spin", "<string>", "wall");
        assert!(spun > 0.1, "{end}: {spun}");
        fs::remove_file(interpreter.folder.path().join("out.pb.gz")).unwrap();
    }
}

/// A program that prints a number first.
pub(super) fn start(command: &mut Command) -> (Child, BufReader<ChildStdout>, String) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    (child, stdout, line.trim().to_owned())
}

pub(super) fn rest(mut child: Child, mut stdout: BufReader<ChildStdout>) -> String {
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    text
}

#[test]
fn the_parent_of_a_process_does_not_notice() {
    let interpreter = Interpreter::default();
    interpreter.program("parent.py");
    let (parent, stdout, pid) = start(&mut interpreter.bare(&["parent.py"]));
    let recorded = output(&mut interpreter.profkit(&[
        "record",
        "--pause",
        "--rate",
        "1000",
        "-o",
        "out.pb.gz",
        "--pid",
        &pid,
    ]));
    assert_eq!(status(&recorded), 0, "{}", String::from_utf8_lossy(&recorded.stderr));
    assert!(Report::of(&interpreter, "out.pb.gz").total("spin", "parent.py", "wall") > 0.3);
    assert_eq!(rest(parent, stdout), "[('ended', 9)] 1\n");
}

/// Works until the file `over` is there.
const COUNTS: &str = "import os\nprint(os.getpid(), flush=True)\n\
                      while not os.path.exists('over'): sum(range(1000))\nprint('done')";

fn end(interpreter: &Interpreter) {
    fs::write(interpreter.folder.path().join("over"), "").unwrap();
}

pub(super) fn status_line(pid: &str, key: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim_start_matches(':').trim().to_owned()
}

#[test]
fn a_program_goes_on_when_profkit_is_killed() {
    let interpreter = Interpreter::default();
    let (program, stdout, pid) = start(&mut interpreter.bare(&["-c", COUNTS]));
    let mut was_stopped = 0;
    for attempt in 0..6 {
        let out = format!("{attempt}.pb.gz");
        let arguments = ["record", "--pause", "--rate", "max", "-o", &out, "--pid", &pid];
        let mut profkit = interpreter.profkit(&arguments).stderr(Stdio::null()).spawn().unwrap();
        until("a stop", || {
            let is_stopped = status_line(&pid, "State").starts_with('t');
            was_stopped += u32::from(is_stopped);
            is_stopped
        });
        profkit.kill().unwrap();
        profkit.wait().unwrap();
        // It may have been read as it was just before.
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(status_line(&pid, "TracerPid"), "0");
        assert!(
            !status_line(&pid, "State").to_lowercase().starts_with('t'),
            "{}",
            status_line(&pid, "State")
        );
    }
    assert_eq!(was_stopped, 6);
    end(&interpreter);
    assert_eq!(rest(program, stdout), "done\n");
}

#[test]
fn a_program_that_is_traced_already_is_refused() {
    let interpreter = Interpreter::default();
    let (program, stdout, pid) = start(&mut interpreter.bare(&["-c", COUNTS]));
    let seize = format!(
        "import ctypes, sys\nassert ctypes.CDLL(None).ptrace(0x4206, {pid}, None, None) == 0\n\
         print('traced', flush=True)\nsys.stdin.read()"
    );
    let mut tracer = Command::new("python3")
        .args(["-c", &seize])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(tracer.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "traced\n");
    let record = |pause: &[&str]| {
        let rest = ["--duration", "0.3", "-o", "out.pb.gz", "--pid", &pid];
        output(&mut interpreter.profkit(&[&["record"], pause, &rest].concat()))
    };
    let refused = record(&["--pause"]);
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(status(&refused), 2, "{stderr}");
    assert!(stderr.contains(&format!("process {} traces it already", tracer.id())), "{stderr}");
    assert!(stderr.contains("leave out --pause"), "{stderr}");
    assert_eq!(status(&record(&[])), 0);
    drop(tracer.stdin.take());
    assert!(tracer.wait().unwrap().success());
    end(&interpreter);
    assert_eq!(rest(program, stdout), "done\n");
}

/// On other versions; `reference` since they have to be installed.
mod reference {
    use super::{Interpreter, no_stack_is_cut};

    macro_rules! versions {
        ($($test:ident $version:literal),*) => {$(
            #[test]
            fn $test() {
                let interpreter = Interpreter::reference($version);
                for shape in ["calls", "generators", "coroutines", "c"] {
                    no_stack_is_cut(&interpreter, shape);
                }
            }
        )*};
    }

    versions!(
        python_3_8 "3.8", python_3_9 "3.9", python_3_10 "3.10", python_3_11 "3.11", python_3_12 "3.12",
        python_3_13 "3.13", python_3_14 "3.14", python_3_15 "3.15", python_3_14t "3.14t"
    );
}
