//! Runs other programs. A failure names the command; one whose output went to a log also shows the log's end.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// Lines of a log that a failure shows.
const SHOWN: usize = 30;

/// Runs `command` with this terminal's output.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", display(command));
    let status = command.status().with_context(|| format!("cannot start `{}`", display(command)))?;
    check(command, status, "")
}

/// Runs `command` without a word, unless it fails.
pub(crate) fn quietly(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start `{}`", display(command)))?;
    check(command, output.status, &format!("\n{}", String::from_utf8_lossy(&output.stderr).trim_end()))
}

/// Runs `command` with its output, both streams, in the file `log`.
pub(crate) fn run_logged(command: &mut Command, log: &Path) -> Result<()> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let errors = file.try_clone()?;
    command.stdin(Stdio::null()).stdout(file).stderr(errors);
    let status = command.status().with_context(|| format!("cannot start `{}`", display(command)))?;
    if status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let end = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
    check(command, status, &format!("\n{end}\n(all of it: {})", log.display()))
}

fn check(command: &Command, status: ExitStatus, output: &str) -> Result<()> {
    if !status.success() {
        bail!("`{}` ended with {status}{output}", display(command));
    }
    Ok(())
}

/// The command as one would type it; of a script passed as an argument only its first line.
fn display(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        words.push(argument.lines().next().unwrap_or_default().to_owned());
    }
    words.join(" ")
}
