//! What the program prints: the last lines of it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, PipeReader, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::names::printable;

/// More lines, and longer ones, are forgotten.
const LINES: usize = 1_000;
const LENGTH: u64 = 2_000;

/// The last lines.
#[derive(Clone, Default)]
pub(super) struct Output(Arc<Mutex<VecDeque<String>>>);

impl Output {
    /// Reads to the end, in a thread of its own.
    pub(super) fn read(&self, from: PipeReader) {
        let lines = self.clone();
        std::thread::spawn(move || lines.follow(&mut BufReader::new(from)));
    }

    fn follow(&self, from: &mut dyn BufRead) {
        let mut line = Vec::new();
        loop {
            line.clear();
            match from.take(LENGTH).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => self.push(&line),
            }
        }
    }

    fn push(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
        // Progress bars write over their line.
        let text = text.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
        let mut lines = self.lock();
        lines.push_back(printable(&text.replace('\t', "    ")));
        if lines.len() > LINES {
            lines.pop_front();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_cannot_move_the_cursor() {
        let output = Output::default();
        let text: String = (0..=LINES).map(|number| format!("{number}\n")).collect();
        output.follow(&mut text.as_bytes());
        output.follow(&mut &b" 10 %\r 20 %\n\x1b[2Jx\ty"[..]);
        let lines = output.lock();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[0], "3");
        assert_eq!(lines[LINES - 2], " 20 %");
        assert_eq!(lines[LINES - 1], "\u{fffd}[2Jx    y");
    }
}
