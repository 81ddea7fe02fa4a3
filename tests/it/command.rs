//! Runs the `profkit` command, and where the fixtures are.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file or folder below `fixtures/`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fixtures").join(name);
    assert!(path.exists(), "{}", path.display());
    path
}

/// The command, to be run in a folder.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_profkit-under-test"));
    command.current_dir(folder).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

/// What a run printed.
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

fn printed(output: Output) -> Printed {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Printed { stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs it, which must succeed.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(folder: &Path, arguments: &[S]) -> Printed {
    let output = command(folder).args(arguments).output().unwrap();
    let code = output.status.code();
    let printed = printed(output);
    assert_eq!(code, Some(0), "{}", printed.stderr);
    printed
}

/// Runs it, which must fail with status 2 and print nothing to stdout; returns stderr.
pub(crate) fn refuse<S: AsRef<std::ffi::OsStr>>(folder: &Path, arguments: &[S]) -> String {
    let output = command(folder).args(arguments).output().unwrap();
    let code = output.status.code();
    let printed = printed(output);
    assert_eq!(code, Some(2), "{}", printed.stderr);
    assert_eq!(printed.stdout, "");
    // Notes may come before.
    let last = printed.stderr.lines().last().unwrap();
    assert!(last.starts_with("error: "), "{}", printed.stderr);
    last.to_owned()
}

/// The names in a folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
