//! Where the reference tools are, and how they are asked about many files at once.
//!
//! A missing tool is a failure, never a skip: a test that judges nothing must not pass.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

/// The workspace root.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A file or folder of the reference tools.
pub(crate) fn tool(path: &str) -> PathBuf {
    let folder = env::var_os("PROFKIT_REFERENCE").map_or_else(|| root().join(".reference"), PathBuf::from);
    let found = folder.join(path);
    assert!(found.exists(), "{} is missing: run `cargo xtask setup`", found.display());
    std::path::absolute(found).unwrap()
}

/// A reader of `tests/reference`.
pub(super) fn reader(name: &str) -> PathBuf {
    root().join("tests/reference").join(name)
}

/// What a reader says of one file.
#[derive(Debug)]
pub(super) struct Answer {
    /// The reader's document; `Null` if it printed none.
    pub(super) document: Value,
    /// Why it could not take the file.
    pub(super) error: Option<String>,
}

/// Asks a Python reader about each of the files, in one process; `interpreter` is below the folder of tools.
pub(super) fn ask(interpreter: &str, script: &str, arguments: &[&str], files: &[PathBuf]) -> Vec<Answer> {
    let mut command = Command::new(tool(interpreter));
    command.arg(reader("batch.py")).arg(script).args(arguments);
    // Python would leave its caches between our sources.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PROFKIT_REFERENCE", tool(""));
    let input = files.iter().fold(String::new(), |text, file| text + file.to_str().unwrap() + "\n");
    let documents = lines(command, &input);
    assert_eq!(documents.len(), files.len(), "{interpreter} {script} did not answer for each file");
    documents.into_iter().map(answer).collect()
}

/// The virtual environment that most readers run in.
pub(super) const VENV: &str = "venv/bin/python";

fn answer(mut document: Value) -> Answer {
    let error = (document["status"] != 0).then(|| document["error"].as_str().unwrap().to_owned());
    Answer { document: document["answer"].take(), error }
}

/// Runs a command on an input and parses each line of its output.
pub(super) fn lines(mut command: Command, input: &str) -> Vec<Value> {
    let output = run(&mut command, input);
    let line =
        |line: &[u8]| serde_json::from_slice(line).unwrap_or_else(|error| panic!("{command:?}: {error}"));
    output.split(|&byte| byte == b'\n').filter(|text| !text.is_empty()).map(line).collect()
}

/// Runs a command on an input to its end.
pub(super) fn run(command: &mut Command, input: &str) -> Vec<u8> {
    let start = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut process = start.unwrap_or_else(|error| panic!("{command:?}: {error}: run `cargo xtask setup`"));
    let mut stdin = process.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = process.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {errors}", output.status);
    writer.join().unwrap().unwrap();
    output.stdout
}
