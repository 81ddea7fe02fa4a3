//! The table that a benchmark prints.

use std::time::Duration;

/// What is measured.
#[derive(Clone, Copy)]
pub(super) enum Figure {
    /// How long something takes.
    Time(Duration),
    /// A part of a hundred.
    Percent(f64),
    /// A difference of two percentages.
    Points(f64),
    /// How often a second something is done.
    Rate(f64),
}

/// One line of it.
pub(super) struct Row {
    /// What was measured.
    pub(super) what: &'static str,
    /// profkit's median.
    pub(super) ours: Figure,
    /// The peer's name and median, where there is one.
    pub(super) peer: Option<(&'static str, Figure)>,
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

    /// So many, give or take what chance makes of it; the rest of what people want to know is in `beside`.
    pub(super) fn around(what: &str, found: f64, target: f64, chance: f64, beside: &str) -> Self {
        let target_text = format!("{what} ≤ {target} + chance");
        Self {
            target: target_text,
            found: format!("{found:+.2} ± {chance:.2}{beside}"),
            ok: found.abs() <= target + chance,
        }
    }

    /// A promise that is kept or not.
    pub(super) fn that(what: &str, found: String, ok: bool) -> Self {
        Self { target: what.to_owned(), found, ok }
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

    /// All of it, unaligned.
    pub(super) fn line(&self) -> String {
        self.cells().join("  ")
    }

    fn cells(&self) -> [String; 7] {
        let checks = self.checks.iter().map(|check| format!("{} ({})", check.target, check.found));
        [
            self.what.to_owned(),
            self.ours.text(),
            self.peer.map_or("–".to_owned(), |(name, median)| format!("{} {name}", median.text())),
            self.peer.and_then(|(_, median)| self.ours.beats(median)).unwrap_or("–".to_owned()),
            format!("{:.1} MB", megabytes(self.peak)),
            checks.collect::<Vec<_>>().join(", "),
            if self.is_ok() { "ok" } else { "missed" }.to_owned(),
        ]
    }
}

impl Figure {
    fn text(self) -> String {
        match self {
            Self::Time(duration) => time(duration),
            Self::Percent(percent) => format!("{percent:.2} %"),
            Self::Points(points) => format!("{points:+.2} points"),
            Self::Rate(rate) => format!("{rate:.0} /s"),
        }
    }

    /// How many times as good as a peer; errors near nothing have no such number.
    fn beats(self, peer: Self) -> Option<String> {
        let times = match (self, peer) {
            (Self::Time(ours), Self::Time(peer)) => peer.as_secs_f64() / ours.as_secs_f64(),
            (Self::Rate(ours), Self::Rate(peer)) => ours / peer,
            _ => return None,
        };
        Some(format!("{times:.1}×"))
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
