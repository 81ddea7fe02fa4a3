//! What a recording says, by `profkit report --json` and `profkit info --json`.

use std::os::unix::process::CommandExt;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::interpreter::Interpreter;

/// Runs a command to its end; a hang fails.
pub(super) fn output(command: &mut Command) -> Output {
    use std::process::Stdio;
    command.process_group(0);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let pid = child.id().to_string();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        if is_done.recv_timeout(Duration::from_secs(60)).is_err() {
            Command::new("kill").args(["-9", "--", &format!("-{pid}")]).status().unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    done.send(()).ok();
    watch.join().unwrap();
    output
}

/// The status as a shell has it.
pub(super) fn status(output: &Output) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap())
}

/// The numbers that a program printed, all on a line.
pub(super) fn numbers<const COUNT: usize>(stdout: &[u8]) -> [f64; COUNT] {
    let text = std::str::from_utf8(stdout).unwrap();
    let numbers: Vec<f64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

/// A report.
pub(super) struct Report(pub(super) Value);

impl Report {
    /// Of a file or a recording in the interpreter's folder.
    pub(super) fn of(interpreter: &Interpreter, file: &str) -> Self {
        Self(json(interpreter, &["report", file, "--json"]))
    }

    /// The rows of this name in a file that ends so.
    pub(super) fn rows(&self, name: &str, file: &str) -> Vec<&Value> {
        let rows = self.0["functions"].as_array().unwrap().iter();
        let is = |row: &&Value| row["name"] == name && row["file"].as_str().unwrap_or("").ends_with(file);
        rows.filter(is).collect()
    }

    /// The calls of a function.
    pub(super) fn calls(&self, name: &str, file: &str) -> i64 {
        self.rows(name, file).iter().map(|row| row["calls"].as_i64().unwrap()).sum()
    }

    /// The self values of all functions, in seconds.
    pub(super) fn own(&self, value: &str) -> f64 {
        let rows = self.0["functions"].as_array().unwrap();
        rows.iter().map(|row| row["self"][value].as_i64().unwrap() as f64 / 1e9).sum()
    }

    /// Total of a function for a sample type, in seconds.
    pub(super) fn total(&self, name: &str, file: &str, value: &str) -> f64 {
        let sum: i64 = self.rows(name, file).iter().map(|row| row["total"][value].as_i64().unwrap()).sum();
        sum as f64 / 1e9
    }
}

/// What `profkit` prints as JSON.
pub(super) fn json(interpreter: &Interpreter, arguments: &[&str]) -> Value {
    let output = output(&mut interpreter.profkit(arguments));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(status(&output), 0, "{arguments:?}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {stderr}"))
}

/// Waits until something holds.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(30), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// `profkit record OPTIONS -o out.pb.gz -- COMMAND`, which must end with 0: what the command printed, and the words of profkit.
pub(super) fn recorded(interpreter: &Interpreter, options: &[&str], command: &[&str]) -> (String, String) {
    let arguments = [&["record", "-o", "out.pb.gz"], options, &["--"], command].concat();
    let recorded = output(&mut interpreter.profkit(&arguments));
    let stderr = String::from_utf8_lossy(&recorded.stderr).into_owned();
    assert_eq!(status(&recorded), 0, "{stderr}");
    (String::from_utf8(recorded.stdout).unwrap(), stderr)
}
