//! Runs a process and says how long it took and how much memory it had, and lets two of them take turns.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use wait4::Wait4;

/// What a process cost.
pub(super) struct Run {
    /// From start to end.
    pub(super) wall: Duration,
    /// The most memory it held, in bytes, as the kernel counts it: its program's own pages are part of it.
    pub(super) peak: u64,
    /// What it printed.
    pub(super) output: String,
}

/// Runs a process to its end.
pub(super) fn run(command: &mut Command) -> Result<Run> {
    let start = Instant::now();
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {name}"))?;
    let mut output = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut output)?;
    }
    let ended = child.wait4()?;
    let wall = start.elapsed();
    if !ended.status.success() {
        bail!("{name} ended with {}", ended.status);
    }
    Ok(Run { wall, peak: ended.rusage.maxrss, output })
}

/// What was measured of one side.
#[derive(Default)]
pub(super) struct Figures {
    times: Vec<Duration>,
    /// The most memory of all its processes.
    pub(super) peak: u64,
}

impl Figures {
    /// A run that takes from start to end.
    pub(super) fn add_whole(&mut self, run: &Run) {
        self.times.push(run.wall);
        self.peak = self.peak.max(run.peak);
    }

    /// A run that printed its times, in nanoseconds.
    pub(super) fn add_printed(&mut self, run: &Run) -> Result<()> {
        let mut times = Self::default();
        for line in run.output.lines() {
            times
                .times
                .push(Duration::from_nanos(line.trim().parse().with_context(|| format!("no time: {line}"))?));
        }
        self.add(times.median()?, run.peak);
        Ok(())
    }

    /// A time and a peak.
    pub(super) fn add(&mut self, time: Duration, peak: u64) {
        self.times.push(time);
        self.peak = self.peak.max(peak);
    }

    /// The median time.
    pub(super) fn median(&self) -> Result<Duration> {
        let mut times = self.times.clone();
        times.sort_unstable();
        times.get(times.len() / 2).copied().context("nothing was measured")
    }
}

/// Measures two sides in turns.
pub(super) fn alternate(
    runs: usize,
    mut ours: impl FnMut(&mut Figures) -> Result<()>,
    mut theirs: impl FnMut(&mut Figures) -> Result<()>,
) -> Result<(Figures, Figures)> {
    let (mut our_figures, mut their_figures) = (Figures::default(), Figures::default());
    for _ in 0..runs {
        ours(&mut our_figures)?;
        theirs(&mut their_figures)?;
    }
    Ok((our_figures, their_figures))
}
