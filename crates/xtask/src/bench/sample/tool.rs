//! The samplers that are compared, each let loose on a running program for some seconds.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use wait4::Wait4;

use super::super::Bench;
use super::stacks::Stacks;
use super::target::{Target, now, number};
use crate::process;

/// A sampler.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// None: what differs without one is noise.
    Nothing,
    /// Reads what a sample reads, and does nothing with it.
    BareReads,
    /// `profkit record`.
    Profkit,
    /// py-spy as it comes: it stops its target for each sample.
    PySpy,
    /// Python's own, 3.15 and later.
    Sampling,
}

/// Until a sampler is at work for certain, and the longest time that its end may come too early.
const START: Duration = Duration::from_millis(900);
const END: Duration = Duration::from_millis(100);
/// The version of py-spy.
const PY_SPY: &str = "0.4.2";

/// What a sampler did.
pub(super) struct Attached {
    /// From when to when it was at work for certain, in nanoseconds since 1970.
    pub(super) within: [u64; 2],
    /// Its own processor time meanwhile, in percent of a core.
    pub(super) cpu: f64,
    /// The most memory it held, in bytes.
    pub(super) peak: u64,
    output: PathBuf,
    tool: Tool,
}

/// What profkit counted.
#[derive(Clone, Copy, Default)]
pub(super) struct Counted {
    pub(super) asked: u64,
    pub(super) missed: u64,
    pub(super) read: u64,
    pub(super) cut: u64,
    pub(super) seconds: f64,
}

impl Tool {
    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::BareReads => "bare reads",
            Self::Profkit => "profkit",
            Self::PySpy => "py-spy",
            Self::Sampling => "profiling.sampling",
        }
    }

    fn command(self, bench: &Bench, pid: u32, rate: u32, seconds: u32) -> Result<(Command, PathBuf)> {
        let (rate, seconds, pid) = (rate.to_string(), seconds.to_string(), pid.to_string());
        let extension = if self == Self::Profkit { "pb.gz" } else { "txt" };
        let output = bench.folder.join(format!("{}.{extension}", self.name()));
        let _ = fs::remove_file(&output);
        let mut command = match self {
            Self::Nothing => Command::new("sleep"),
            Self::BareReads => Command::new(bench.profkit.with_file_name("examples").join("bare_read")),
            Self::Profkit => Command::new(&bench.profkit),
            Self::PySpy => Command::new(py_spy(bench)?),
            Self::Sampling => Command::new(bench.reference.join("python/3.15")),
        };
        let rate = if rate == "0" { "max" } else { rate.as_str() };
        let arguments: &[&str] = match self {
            Self::Nothing => &[&seconds],
            Self::BareReads => &[&pid, &seconds, rate],
            Self::Profkit => &["record", "--rate", rate, "--duration", &seconds, "--pid", &pid],
            Self::PySpy => &["record", "-f", "raw", "-r", rate, "-d", &seconds, "--pid", &pid],
            Self::Sampling => {
                &["-m", "profiling.sampling", "attach", "-r", rate, "-d", &seconds, "--collapsed", &pid]
            }
        };
        command.args(arguments);
        if !matches!(self, Self::Nothing | Self::BareReads) {
            command.arg("-o").arg(&output);
        }
        Ok((command, output))
    }

    /// Samples a program for some seconds, so often a second; 0 is as often as it can.
    pub(super) fn attach(self, bench: &Bench, target: &Target, rate: u32, seconds: u32) -> Result<Attached> {
        let (mut command, output) = self.command(bench, target.pid, rate, seconds)?;
        let log = bench.folder.join(format!("{}.log", self.name()));
        let file = fs::File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).current_dir(&bench.folder);
        let child = command.spawn().with_context(|| format!("cannot start {}", self.name()))?;
        sleep(START);
        let (from, before) = (now(), processor_time(child.id()));
        sleep(Duration::from_secs(seconds.into()) - START - END);
        let (to, after) = (now(), processor_time(child.id()));
        let ended = child.wait4()?;
        if !ended.status.success() {
            let words = fs::read_to_string(&log)?;
            bail!("{} ended with {}: {}", self.name(), ended.status, words.trim());
        }
        let cpu = 100.0 * number(after.saturating_sub(before)) / number(to - from);
        Ok(Attached { within: [from, to], cpu, peak: ended.rusage.maxrss, output, tool: self })
    }
}

impl Attached {
    /// The stacks that it saw.
    pub(super) fn stacks(&self, bench: &Bench) -> Result<Stacks> {
        let text = bench.folder.join(format!("{}.txt", self.tool.name()));
        if self.tool == Tool::Profkit {
            let _ = fs::remove_file(&text);
            let mut convert = bench.profkit(&["convert", "--value", "samples", "-o"]);
            process::quietly(convert.arg(&text).arg(&self.output))?;
        }
        let text = fs::read(&text).with_context(|| format!("{} saw nothing", self.tool.name()))?;
        Stacks::parse(&String::from_utf8_lossy(&text))
    }

    /// What profkit says of its own work.
    pub(super) fn counted(&self, bench: &Bench) -> Result<Counted> {
        let output = bench.profkit(&["info", "--json"]).arg(&self.output).output()?;
        let info: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let comments = info["comments"].as_array().context("no comments")?;
        let numbers = |part: &str| -> Result<Vec<u64>> {
            let mut texts = comments.iter().filter_map(serde_json::Value::as_str);
            let text =
                texts.find(|text| text.contains(part)).with_context(|| format!("nothing of {part}"))?;
            Ok(text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect())
        };
        let (moments, stacks) = (numbers("moments sampled")?, numbers("stacks read")?);
        let (&[_, asked, missed], &[read, cut, _]) = (moments.as_slice(), stacks.as_slice()) else {
            bail!("other counts than known: {moments:?} {stacks:?}");
        };
        let nanoseconds = info["duration_ns"].as_u64().context("no duration")?;
        Ok(Counted { asked, missed, read, cut, seconds: number(nanoseconds) / 1e9 })
    }
}

/// Nanoseconds that the threads of a process have run.
fn processor_time(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let time = |folder: PathBuf| {
        let text = fs::read_to_string(folder.join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    tasks.filter_map(|task| time(task.path())).sum()
}

/// py-spy's program, which pip puts beside the other files of benchmarks.
fn py_spy(bench: &Bench) -> Result<PathBuf> {
    let folder = bench.folder.join(format!("py-spy-{PY_SPY}"));
    let program = folder.join("bin/py-spy");
    if !program.is_file() {
        let mut pip = Command::new(bench.reference.join("venv/bin/pip"));
        pip.args(["install", "--quiet", "--no-deps", "--target"]).arg(&folder);
        process::run(pip.arg(format!("py-spy=={PY_SPY}")).env("PIP_ROOT_USER_ACTION", OsStr::new("ignore")))?;
    }
    Ok(program)
}
