//! The program that is sampled: it goes on while samplers come and go, and says at its end what it did when, by its own clock.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use super::super::Bench;
use crate::{paths, process};

/// What its stacks look like.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// What they run through.
    pub(super) kind: &'static str,
    /// Frames of the two branches.
    pub(super) depths: [u32; 2],
    /// How long each lasts.
    pub(super) microseconds: u32,
}

/// A running program.
pub(super) struct Target {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Its number.
    pub(super) pid: u32,
}

/// What it did.
pub(super) struct Truth(Vec<Point>);

/// What it had done at a moment, in nanoseconds.
#[derive(Clone, Copy, Default)]
struct Point {
    at: u64,
    shallow: u64,
    deep: u64,
    rounds: u64,
    cpu: u64,
}

/// Nanoseconds since 1970.
pub(super) fn now() -> u64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)
}

impl Target {
    /// Starts it with the reference Python of a version, and waits until it is at work.
    pub(super) fn start(bench: &Bench, version: &str, shape: Shape) -> Result<Self> {
        let script = paths::root().join("crates/xtask/src/bench/sample/branches.py");
        let mut python = Command::new(bench.reference.join("python").join(version));
        python.arg(script).arg(shape.kind).args(shape.depths.map(|depth| depth.to_string()));
        python.arg(shape.microseconds.to_string()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = python.spawn().with_context(|| format!("cannot start Python {version}"))?;
        let stdout = child.stdout.take().context("no output")?;
        let mut target = Self { child, stdout: BufReader::new(stdout), pid: 0 };
        let mut line = String::new();
        target.stdout.read_line(&mut line)?;
        target.pid = line.trim().parse().with_context(|| format!("Python {version} does not work"))?;
        Ok(target)
    }

    /// Ends it.
    pub(super) fn finish(mut self) -> Result<Truth> {
        process::quietly(Command::new("kill").arg(self.pid.to_string()))?;
        let mut text = String::new();
        self.stdout.read_to_string(&mut text)?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the program that was sampled ended with {status}");
        }
        let point = |line: &str| {
            let mut numbers = line.split(' ').map(str::parse::<u64>);
            let mut number = || numbers.next().context("a line is too short")?.context(line.to_owned());
            Ok(Point {
                at: number()?,
                shallow: number()?,
                deep: number()?,
                rounds: number()?,
                cpu: number()?,
            })
        };
        Ok(Truth(text.lines().map(point).collect::<Result<_>>()?))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Truth {
    /// The first and the last point within a time.
    fn ends(&self, [from, to]: [u64; 2]) -> Result<[Point; 2]> {
        let mut within = self.0.iter().filter(|point| (from..=to).contains(&point.at)).copied();
        let first = within.next().context("the program did nothing in this time")?;
        let last = within.next_back().context("the program hardly ran in this time")?;
        Ok([first, last])
    }

    /// Whether it went on within a time: a sampler that stops it all the time leaves nothing to compare.
    pub(super) fn goes_on(&self, within: [u64; 2]) -> bool {
        self.ends(within).is_ok()
    }

    /// Percent of the time that went to the shallow branch, within a time.
    pub(super) fn shallow(&self, within: [u64; 2]) -> Result<f64> {
        let [first, last] = self.ends(within)?;
        let (shallow, deep) = (last.shallow - first.shallow, last.deep - first.deep);
        Ok(100.0 * number(shallow) / number(shallow + deep))
    }

    /// Rounds a second, and a second of processor time, within a time.
    pub(super) fn speed(&self, within: [u64; 2]) -> Result<[f64; 2]> {
        let [first, last] = self.ends(within)?;
        let rounds = number(last.rounds - first.rounds);
        let speed = |nanoseconds| rounds / Duration::from_nanos(nanoseconds).as_secs_f64();
        Ok([speed(last.at - first.at), speed(last.cpu - first.cpu)])
    }
}

/// Far below 2^53.
pub(super) fn number(count: u64) -> f64 {
    count as f64
}
