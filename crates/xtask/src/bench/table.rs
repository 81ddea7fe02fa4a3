//! The table that a benchmark prints.

use std::time::Duration;

/// One line of it.
pub(super) struct Row {
    /// What was measured.
    pub(super) what: &'static str,
    /// profkit's median.
    pub(super) ours: Duration,
    /// The peer's name and median, where there is one.
    pub(super) peer: Option<(&'static str, Duration)>,
    /// profkit's peak memory, in bytes.
    pub(super) peak: u64,
    /// What is promised.
    pub(super) checks: Vec<Check>,
}

/// A promise and whether it is kept.
pub(super) struct Check {
    target: String,
    found: String,
    ok: bool,
}

impl Check {
    /// At least so many times as fast (or small).
    pub(super) fn at_least(what: &str, found: f64, target: f64) -> Self {
        Self { target: format!("{what} ≥ {target}"), found: format!("{found:.1}"), ok: found >= target }
    }

    /// At most so many.
    pub(super) fn at_most(what: &str, found: f64, target: f64) -> Self {
        Self { target: format!("{what} ≤ {target}"), found: format!("{found:.2}"), ok: found <= target }
    }

    /// Nothing is promised, but people want to know.
    pub(super) fn beside(what: &str, found: f64) -> Self {
        Self { target: what.to_owned(), found: format!("{found:.1}"), ok: true }
    }
}

impl Row {
    pub(super) fn is_ok(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }

    fn cells(&self) -> [String; 7] {
        let ratio = |peer: Duration| format!("{:.1}×", peer.as_secs_f64() / self.ours.as_secs_f64());
        let checks = self.checks.iter().map(|check| format!("{} ({})", check.target, check.found));
        [
            self.what.to_owned(),
            time(self.ours),
            self.peer.map_or("–".to_owned(), |(name, median)| format!("{} {name}", time(median))),
            self.peer.map_or("–".to_owned(), |(_, median)| ratio(median)),
            format!("{:.1} MB", megabytes(self.peak)),
            checks.collect::<Vec<_>>().join(", "),
            if self.is_ok() { "ok" } else { "missed" }.to_owned(),
        ]
    }
}

/// Prints the rows below a head, in columns.
pub(super) fn print(rows: &[Row]) {
    let head =
        ["what", "profkit", "peer", "ratio", "peak memory", "target (measured)", ""].map(str::to_owned);
    let lines: Vec<[String; 7]> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..7).map(width).collect();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// Millions of bytes.
pub(super) fn megabytes(bytes: u64) -> f64 {
    // Bytes of a file or a process: far below 2^53.
    bytes as f64 / 1e6
}

fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1e-5 {
        format!("{:.0} ns", seconds * 1e9)
    } else if seconds < 1.0 {
        format!("{:.2} ms", seconds * 1e3)
    } else {
        format!("{seconds:.2} s")
    }
}
