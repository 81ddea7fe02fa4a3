//! `profkit dump`: the stacks of all threads of a process and its children, at one moment.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::interpreter::Interpreter;
use super::result::{json, output, status, until};

/// `standing.py` at its work; it and its children end with this.
struct Running {
    child: Child,
    pid: String,
}

impl Running {
    fn start(interpreter: &Interpreter) -> Self {
        use std::os::unix::process::CommandExt;
        interpreter.program("standing.py");
        let mut command = interpreter.bare(&["standing.py"]);
        let mut child = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pid = line.trim().strip_prefix("ready ").unwrap().to_owned();
        Self { child, pid }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        Command::new("kill").args(["-9", "--", &group]).status().unwrap();
        self.child.wait().unwrap();
    }
}

fn thread<'a>(process: &'a Value, name: &str) -> &'a Value {
    let threads = process["threads"].as_array().unwrap();
    let found = threads.iter().find(|thread| thread["name"] == name);
    found.unwrap_or_else(|| panic!("no thread {name} in {process:#}"))
}

/// Names and lines of a thread's frames in `standing.py`, innermost first.
fn frames(thread: &Value) -> Vec<(String, i64)> {
    let frames = thread["frames"].as_array().unwrap().iter();
    frames
        .filter(|frame| frame["file"].as_str().unwrap().ends_with("standing.py"))
        .map(|frame| (frame["function"].as_str().unwrap().to_owned(), frame["line"].as_i64().unwrap()))
        .collect()
}

fn names(thread: &Value) -> Vec<String> {
    frames(thread).into_iter().map(|(name, _)| name).collect()
}

fn every_thread_is_there(interpreter: &Interpreter, version: &str) {
    let running = Running::start(interpreter);
    let mut dump = Value::Null;
    // The threads are there, and need a moment to come to where they stay.
    until("threads that stand still", || {
        dump = json(interpreter, &["dump", &running.pid, "--json"]);
        let threads = dump["processes"][0]["threads"].as_array().unwrap();
        threads.iter().filter(|thread| frames(thread).first().is_some_and(|top| top.0 == "wait_here")).count()
            == 4
    });
    let processes = dump["processes"].as_array().unwrap();
    let [parent, python, sleep] = processes.as_slice() else { panic!("{dump:#}") };
    assert_eq!(parent["pid"].to_string(), running.pid);
    assert!(parent["python"].as_str().unwrap().starts_with(version), "{dump:#}");
    assert!(parent["command"].as_str().unwrap().ends_with("standing.py"));
    assert_eq!((&parent["error"], &parent["other_threads"]), (&Value::Null, &Value::Array(vec![])));
    assert_eq!(parent["threads"].as_array().unwrap().len(), 5);

    let main = thread(parent, "MainThread");
    assert_eq!(main["tid"], parent["pid"]);
    assert_eq!(names(main), ["burn", "main", "<module>"]);
    assert!((52..=53).contains(&frames(main)[0].1), "{main:#}");
    assert_eq!(frames(main)[1..], [("main".to_owned(), 71), ("<module>".to_owned(), 74)]);
    assert_eq!(main["frames"][0]["first_line"], 50);
    assert!(["holds_gil", "waits_for_gil"].contains(&main["state"].as_str().unwrap()), "{main:#}");

    let waiter = thread(parent, "waiter");
    assert_eq!((names(waiter), &waiter["state"]), (vec!["wait_here".to_owned()], &Value::from("idle")));
    assert!(waiter["frames"][0]["file"].as_str().unwrap().ends_with("threading.py"));
    let diver = names(thread(parent, "diver"));
    assert_eq!((diver.len(), diver.iter().filter(|name| *name == "deep").count()), (1001, 1000));
    assert_eq!(frames(thread(parent, "diver"))[1..3], [("deep".to_owned(), 20), ("deep".to_owned(), 22)]);
    // The frame that is being left still has its place on the stack, and 3.11 still shows it.
    let mut finisher = names(thread(parent, "finisher"));
    finisher.retain(|name| name != "leave");
    let last = if matches!(version, "3.8" | "3.9" | "3.10") { "__del__" } else { "Last.__del__" };
    let is_last = |name: &String| name == last || (version == "3." && name.ends_with("__del__"));
    assert!(finisher.len() == 3 && is_last(&finisher[1]), "{finisher:?}");
    assert_eq!((finisher[0].as_str(), finisher[2].as_str()), ("wait_here", "finish"));

    assert_eq!(python["parent"], parent["pid"]);
    assert_eq!(python["threads"][0]["frames"][0]["function"], "rest");
    assert_eq!(python["threads"][0]["state"], "idle");
    assert!(sleep["error"].as_str().unwrap().starts_with("not a Python process: "), "{sleep:#}");
    assert_eq!((&sleep["python"], &sleep["threads"]), (&Value::Null, &Value::Array(vec![])));
}

#[test]
fn every_thread_of_every_process() {
    every_thread_is_there(&Interpreter::default(), "3.");
}

#[test]
fn a_printed_stack_tells_recursion_once() {
    let interpreter = Interpreter::default();
    let running = Running::start(&interpreter);
    let mut text = String::new();
    until("threads that stand still", || {
        let printed = output(&mut interpreter.profkit(&["dump", &running.pid, "--no-subprocesses"]));
        assert_eq!(status(&printed), 0, "{}", String::from_utf8_lossy(&printed.stderr));
        text = String::from_utf8(printed.stdout).unwrap();
        text.contains("times more") && text.contains("the same 2 frames")
    });
    assert!(text.starts_with(&format!("process {}: ", running.pid)), "{text}");
    assert!(text.contains(", 5 threads\n"), "{text}");
    assert!(text.contains("    … the same frame 998 times more\n"), "{text}");
    assert!(text.contains("    … the same 2 frames 19 times more\n"), "{text}");
    assert!(text.contains(" diver: idle\n"), "{text}");
    assert!(text.lines().count() < 60, "{text}");
}

#[test]
fn what_is_no_python_is_told() {
    let interpreter = Interpreter::default();
    let refused = |pid: &str| {
        let ended = output(&mut interpreter.profkit(&["dump", pid]));
        assert_eq!((status(&ended), ended.stdout.len()), (2, 0));
        String::from_utf8(ended.stderr).unwrap()
    };
    let mut sleep = Command::new("sleep").arg("600").spawn().unwrap();
    let pid = sleep.id().to_string();
    until("sleep", || refused(&pid).contains("sleep"));
    assert!(refused(&pid).contains(&format!("process {pid}: not a Python process: ")), "{}", refused(&pid));
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    assert!(refused(&pid).contains("there is no such process, or it has ended"), "{}", refused(&pid));
    assert!(refused("0x1").contains("invalid value"));
}

#[test]
fn a_shell_is_asked_for_its_pythons() {
    let interpreter = Interpreter::default();
    let code = "import time\nprint(flush=True)\ntime.sleep(600)";
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$@\"; true", "sh", "python3", "-c", code]).stdout(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    let mut stdout = BufReader::new(shell.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    let dump = json(&interpreter, &["dump", &shell.id().to_string(), "--json"]);
    assert!(dump["processes"][0]["error"].as_str().unwrap().contains("not a Python"), "{dump:#}");
    let python = &dump["processes"][1];
    assert_eq!(python["threads"][0]["frames"][0]["function"], "<module>", "{dump:#}");
    let pid = python["pid"].to_string();
    Command::new("kill").args(["-9", &pid]).status().unwrap();
    shell.wait().unwrap();
}

/// On other versions; `reference` since they have to be installed.
mod reference {
    use super::{Interpreter, every_thread_is_there};

    macro_rules! versions {
        ($($test:ident $version:literal),*) => {$(
            #[test]
            fn $test() {
                every_thread_is_there(&Interpreter::reference($version), $version);
            }
        )*};
    }

    versions!(
        python_3_8 "3.8", python_3_9 "3.9", python_3_10 "3.10", python_3_11 "3.11", python_3_12 "3.12",
        python_3_13 "3.13", python_3_14 "3.14", python_3_15 "3.15"
    );
}
