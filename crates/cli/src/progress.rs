//! The progress of a long command: a bar on a terminal, nothing anywhere else.

use indicatif::{ProgressBar, ProgressStyle};

/// How far a command has come with its files.
pub(crate) struct Progress {
    bar: ProgressBar,
    files: usize,
}

impl Progress {
    /// `bytes` is the size of all files. Shown on stderr, if that is a terminal.
    pub(crate) fn new(files: usize, bytes: u64) -> Self {
        let bar = ProgressBar::new(bytes);
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {msg}, {bytes} of {total_bytes}, {eta} left")
        {
            bar.set_style(style);
        }
        Self { bar, files }
    }

    /// Another file is done; `done` with it.
    pub(crate) fn advance(&self, done: usize, bytes: u64) {
        if !self.bar.is_hidden() {
            self.bar.set_message(format!("{done} of {} files", self.files));
        }
        self.bar.inc(bytes);
    }

    /// Wipes the bar, so that what is printed next has the line for itself.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
