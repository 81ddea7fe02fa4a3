//! What a command says on stderr: why it failed, and what is worth knowing though it did not.

use std::io::{self, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use profkit_profile::WriteError;

use crate::names::printable;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A file could not be read or written: its name and why.
    File {
        /// As it was given.
        file: String,
        /// A sentence without the name.
        reason: String,
    },
    /// Anything else, in a sentence that says all: what is asked for cannot be, or something went wrong that is in no file.
    Reason(String),
    /// All is done, and the answer is "no"; why has been told.
    No,
    /// Whoever reads stdout has gone.
    ClosedPipe,
}

impl Failure {
    pub(crate) fn file(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::File { file: display(path), reason: reason.to_string() }
    }

    pub(crate) fn write(path: &Path, error: &WriteError) -> Self {
        match error {
            WriteError::Io(error) => Self::stdout_or(error, || Self::file(path, error)),
            error => Self::file(path, error),
        }
    }

    /// Errors of drawing and of reading keys.
    #[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
    pub(crate) fn terminal(error: io::Error) -> Self {
        Self::stdout_or(&error, || Self::file(Path::new("terminal"), &error))
    }

    fn stdout_or(error: &io::Error, otherwise: impl FnOnce() -> Self) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::ClosedPipe } else { otherwise() }
    }
}

/// Errors of printing to stdout, the only ones that may go by `?` without a word.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::stdout_or(&error, || Self::File { file: "stdout".to_owned(), reason: error.to_string() })
    }
}

/// A path for people; `-` for the standard streams stays what it is.
pub(crate) fn display(path: &Path) -> String {
    path.display().to_string()
}

pub(crate) fn print_failure(failure: &Failure) {
    let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    match failure {
        Failure::File { file, reason } => print(style, "error", &format!("{file}: {reason}")),
        Failure::Reason(reason) => print(style, "error", reason),
        Failure::No | Failure::ClosedPipe => {}
    }
}

/// Prints why the answer is "no".
pub(crate) fn print_answer(text: &str) {
    print(Style::new().bold().fg_color(Some(AnsiColor::Red.into())), "no", text);
}

/// Prints something worth knowing.
pub(crate) fn note(text: &str) {
    print(Style::new().bold(), "note", text);
}

fn print(style: Style, kind: &str, text: &str) {
    // Control characters in a hostile file's names must not reach the terminal.
    let text = printable(text);
    // Nobody is left to tell if stderr is closed.
    let _ = writeln!(anstream::stderr(), "{style}{kind}{style:#}: {text}");
}
