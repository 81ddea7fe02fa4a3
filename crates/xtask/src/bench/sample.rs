//! Sampling: what it costs the program and itself, how fast it can be, and how true it is, beside py-spy and the sampler of
//! Python 3.15. They take turns on one running program, which says at its end what it did when.
//!
//! What differs where nothing samples is what the machine's noise is: other programs must not run meanwhile.

mod stacks;
mod target;
mod tool;

use std::process::Command;

use anyhow::{Context, Result, anyhow};

use super::measure::run;
use super::table::{Check, Figure, Row};
use super::{Bench, Measurement};
use stacks::Stacks;
use target::{Shape, Target, Truth, now, number};
use tool::{Attached, Tool};

/// Everything that is measured.
pub(super) const MEASUREMENTS: &[Measurement] = &[
    ("1,000/s on 3.13", |bench, what| cost(bench, what, "3.13", Tool::PySpy, 1_000)),
    ("10,000/s on 3.13", |bench, what| cost(bench, what, "3.13", Tool::PySpy, 10_000)),
    ("1,000/s on 3.15", |bench, what| cost(bench, what, "3.15", Tool::Sampling, 1_000)),
    ("10,000/s on 3.15", |bench, what| cost(bench, what, "3.15", Tool::Sampling, 10_000)),
    ("peak rate on 3.8", |bench, what| peak(bench, what, "3.8", 30_000.0)),
    ("peak rate on 3.9", |bench, what| peak(bench, what, "3.9", 30_000.0)),
    ("peak rate on 3.10", |bench, what| peak(bench, what, "3.10", 30_000.0)),
    ("peak rate on 3.11", |bench, what| peak(bench, what, "3.11", 150_000.0)),
    ("peak rate on 3.12", |bench, what| peak(bench, what, "3.12", 150_000.0)),
    ("peak rate on 3.13", |bench, what| peak(bench, what, "3.13", 400_000.0)),
    ("peak rate on 3.14", |bench, what| peak(bench, what, "3.14", 400_000.0)),
    ("peak rate on 3.15", |bench, what| peak(bench, what, "3.15", 400_000.0)),
    ("share of calls of 30 µs, 3.13", |bench, what| shares(bench, what, "3.13", "calls", 30)),
    ("share of calls of 3 µs, 3.13", |bench, what| shares(bench, what, "3.13", "calls", 3)),
    ("share of calls of 30 µs, 3.15", |bench, what| shares(bench, what, "3.15", "calls", 30)),
    ("share of calls of 3 µs, 3.15", |bench, what| shares(bench, what, "3.15", "calls", 3)),
    ("share of generators of 30 µs, 3.13", |bench, what| shares(bench, what, "3.13", "generators", 30)),
    ("share of generators of 3 µs, 3.13", |bench, what| shares(bench, what, "3.13", "generators", 3)),
    ("share of coroutines of 30 µs, 3.13", |bench, what| shares(bench, what, "3.13", "coroutines", 30)),
    ("share of coroutines of 3 µs, 3.13", |bench, what| shares(bench, what, "3.13", "coroutines", 3)),
    ("share of calls through C of 30 µs, 3.13", |bench, what| shares(bench, what, "3.13", "c", 30)),
    ("share of calls through C of 3 µs, 3.13", |bench, what| shares(bench, what, "3.13", "c", 3)),
];

/// Frames of the two branches where what is seen matters, and where the cost does.
const TWO_DEPTHS: [u32; 2] = [5, 33];
const ONE_DEPTH: [u32; 2] = [30, 30];
/// How long a program runs alone between two samplers, in milliseconds.
const ALONE: u64 = 500;

/// A sampler that was at work, and the times before and after.
struct Turn {
    attached: Attached,
    alone: [[u64; 2]; 2],
}

fn alone() -> [u64; 2] {
    let from = now();
    std::thread::sleep(std::time::Duration::from_millis(ALONE));
    [from, now()]
}

impl Turn {
    fn take(bench: &Bench, target: &Target, tool: Tool, rate: u32, before: [u64; 2]) -> Result<Self> {
        let attached = tool.attach(bench, target, rate, 2)?;
        Ok(Self { attached, alone: [before, alone()] })
    }

    /// How much slower the program was than before and after, in percent: all in all, and while it had a processor.
    fn slowdown(&self, truth: &Truth) -> Result<[f64; 2]> {
        let [before, after] = [truth.speed(self.alone[0])?, truth.speed(self.alone[1])?];
        let sampled = truth.speed(self.attached.within)?;
        Ok([0, 1].map(|which| 100.0 * (1.0 - sampled[which] / ((before[which] + after[which]) / 2.0))))
    }
}

fn median(values: impl Iterator<Item = Result<f64>>) -> Result<f64> {
    let mut values = values.collect::<Result<Vec<_>>>()?;
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().context("nothing was measured")
}

/// What sampling at a rate costs the program and the sampler, and what it misses.
fn cost(bench: &Bench, what: &'static str, version: &str, peer: Tool, rate: u32) -> Result<Row> {
    let (slower, missed) = if rate > 1_000 { (3.0, 0.1) } else { (1.0, 0.1) };
    let shape = Shape { kind: "calls", depths: ONE_DEPTH, microseconds: 30 };
    let target = Target::start(bench, version, shape)?;
    let tools = [Tool::Profkit, peer, Tool::Nothing, Tool::BareReads];
    let mut turns: [Vec<Turn>; 4] = Default::default();
    let (mut counts, mut waits) = (Vec::new(), Vec::new());
    let mut before = alone();
    for _ in 0..bench.runs {
        for (tool, turns) in tools.iter().zip(&mut turns) {
            let turn = Turn::take(bench, &target, *tool, rate, before)?;
            before = turn.alone[1];
            turns.push(turn);
        }
        counts.push(turns[0].last().context("no turn")?.attached.counted(bench)?);
        waits.push(Wait::measure(bench, rate)?);
    }
    let truth = target.finish()?;
    let slowdown = |turns: &[Turn]| median(turns.iter().map(|turn| Ok(turn.slowdown(&truth)?[0])));
    let on_cpu = |turns: &[Turn]| median(turns.iter().map(|turn| Ok(turn.slowdown(&truth)?[1])));
    let cpu = |turns: &[Turn]| median(turns.iter().map(|turn| Ok(turn.attached.cpu)));
    let [ours, theirs, nothing, bare] = &turns;
    let peers = theirs
        .iter()
        .all(|turn| truth.goes_on(turn.attached.within))
        .then(|| slowdown(theirs))
        .transpose()?;
    let sum = |count: fn(&tool::Counted) -> u64| number(counts.iter().map(count).sum());
    let lost = 100.0 * sum(|counted| counted.missed) / sum(|counted| counted.asked);
    let waited = |of: fn(&Wait) -> f64| waits.iter().map(of).sum::<f64>();
    let mut checks = vec![
        Check::at_most("% slower", slowdown(ours)?, slower),
        Check::beside("while on a CPU", on_cpu(ours)?),
        Check::beside("with nothing", slowdown(nothing)?),
        Check::beside("while on a CPU", on_cpu(nothing)?),
        Check::beside("with bare reads", slowdown(bare)?),
        Check::at_most("% missed", lost, missed),
        Check::beside(
            "with nothing to sample",
            100.0 * waited(|wait| wait.missed) / waited(|wait| wait.asked),
        ),
        Check::beside("asked", sum(|counted| counted.asked)),
        Check::beside("cut of 10,000", 1e4 * sum(|counted| counted.cut) / sum(|counted| counted.read)),
    ];
    let own = cpu(ours)?;
    checks.push(match rate {
        1_000 => Check::at_most("% of a core", own, 1.5),
        _ => Check::beside("% of a core", own),
    });
    checks.push(Check::beside("with nothing to sample", median(waits.iter().map(|wait| Ok(wait.cpu)))?));
    checks.push(Check::beside(&format!("{}'s % of a core", peer.name()), cpu(theirs)?));
    Ok(Row {
        what,
        ours: Figure::Percent(slowdown(ours)?),
        peer: peers.map(|percent| (peer.name(), Figure::Percent(percent))),
        peak: ours.iter().map(|turn| turn.attached.peak).max().unwrap_or(0),
        checks,
    })
}

/// What the sampling loop costs and misses where there is nothing to sample, beside a program that runs.
struct Wait {
    asked: f64,
    missed: f64,
    /// Percent of a processor.
    cpu: f64,
}

impl Wait {
    fn measure(bench: &Bench, rate: u32) -> Result<Self> {
        let [asked, missed, cpu] = example(bench, "bare_wait", &[rate.to_string(), "1".to_owned()])?;
        Ok(Self { asked, missed, cpu })
    }
}

/// The numbers that one of the sampler's examples prints.
fn example<const COUNT: usize>(bench: &Bench, name: &str, arguments: &[String]) -> Result<[f64; COUNT]> {
    let program = bench.profkit.with_file_name("examples").join(name);
    let output = run(Command::new(program).args(arguments))?.output;
    let numbers: Vec<f64> = output.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    numbers.try_into().map_err(|_| anyhow!("{name} says {output}"))
}

/// What it takes to read what a sample reads, and nothing else.
#[derive(Clone, Copy)]
struct Bare {
    /// So often a second, and a second of processor time.
    rate: f64,
    cpu_rate: f64,
    bytes: f64,
    places: f64,
}

impl Bare {
    fn measure(bench: &Bench, pid: u32) -> Result<Self> {
        let arguments = [pid.to_string(), "0.7".to_owned()];
        let [rate, cpu_rate, bytes, places] = example(bench, "bare_read", &arguments)?;
        Ok(Self { rate, cpu_rate, bytes, places })
    }
}

/// How many stacks a second can be read and stored.
fn peak(bench: &Bench, what: &'static str, version: &str, least: f64) -> Result<Row> {
    let mut rates = Vec::new();
    let mut checks = Vec::new();
    let (mut peak, mut peer) = (0, None);
    for microseconds in [30, 3] {
        let shape = Shape { kind: "calls", depths: TWO_DEPTHS, microseconds };
        let target = Target::start(bench, version, shape)?;
        let before = Bare::measure(bench, target.pid)?;
        let attached = Tool::Profkit.attach(bench, &target, 0, 2)?;
        let after = Bare::measure(bench, target.pid)?;
        if version == "3.15" && peer.is_none() {
            let theirs = Tool::Sampling.attach(bench, &target, 1_000_000, 2)?.stacks(bench)?;
            peer = Some((Tool::Sampling.name(), Figure::Rate(number(theirs.count()) / 2.0)));
        }
        target.finish()?;
        let (counted, stacks) = (attached.counted(bench)?, attached.stacks(bench)?);
        let rate = number(counted.read) / counted.seconds;
        rates.push(rate);
        peak = peak.max(attached.peak);
        if microseconds == 30 {
            let impossible = number(counted.read) * stacks.impossible() / 1e4;
            checks.push(Check::at_least("stacks/s", rate, least));
            checks.push(Check::at_most(&format!("impossible of {}", counted.read), impossible, 0.0));
        } else {
            checks.push(Check::beside("with 3 µs: stacks/s", rate));
            checks.push(Check::beside("impossible of 10,000", stacks.impossible()));
        }
        let both = |of: fn(&Bare) -> f64| (of(&before) + of(&after)) / 2.0;
        checks.push(Check::beside("stacks a CPU second", rate / (attached.cpu / 100.0)));
        checks.push(Check::beside("bare reads/s", both(|bare| bare.rate)));
        checks.push(Check::beside("bare reads a CPU second", both(|bare| bare.cpu_rate)));
        checks.push(Check::beside("bytes a read", after.bytes));
        checks.push(Check::beside("places", after.places));
        checks.push(Check::beside("cut of 10,000", 1e4 * number(counted.cut) / number(counted.read)));
    }
    Ok(Row { what, ours: Figure::Rate(rates[0]), peer, peak, checks })
}

/// How far the sampled share of a branch is from the true one.
struct Seen {
    tool: Tool,
    rate: u32,
    points: f64,
    /// Twice the standard error of counting.
    chance: f64,
    stacks: Stacks,
}

/// Samples a program by a tool at a rate, for so many seconds.
type Plan = (Tool, u32, u32);

fn plans(version: &str, kind: &str, microseconds: u32) -> Vec<Plan> {
    let peer = if version == "3.15" { Tool::Sampling } else { Tool::PySpy };
    let mut plans = Vec::new();
    let mut both =
        |rate, seconds: u32| plans.extend([(Tool::Profkit, rate, seconds), (peer, rate, seconds.min(7))]);
    if kind != "calls" {
        both(1_000, 3);
        both(10_000, 2);
        return plans;
    }
    if version == "3.13" {
        both(100, 5);
    }
    // Impossible stacks are counted in 10,000.
    both(1_000, if microseconds == 3 { 11 } else { 3 });
    both(10_000, 2);
    plans.push((Tool::Profkit, 50_000, 2));
    if peer == Tool::Sampling {
        plans.push((peer, 50_000, 2));
    }
    plans
}

/// How true the shares of two branches are at several rates.
fn shares(
    bench: &Bench,
    what: &'static str,
    version: &str,
    kind: &'static str,
    microseconds: u32,
) -> Result<Row> {
    let limit = if microseconds == 3 { 4.0 } else { 1.0 };
    let target = Target::start(bench, version, Shape { kind, depths: TWO_DEPTHS, microseconds })?;
    let mut sampled = Vec::new();
    for (tool, rate, seconds) in plans(version, kind, microseconds) {
        let attached = tool.attach(bench, &target, rate, seconds)?;
        sampled.push((tool, rate, attached.within, attached.stacks(bench)?, attached.peak));
    }
    let truth = target.finish()?;
    let see = |&(tool, rate, within, stacks, _): &(Tool, u32, [u64; 2], Stacks, u64)| -> Result<Seen> {
        let points = stacks.share() - truth.shallow(within)?;
        Ok(Seen { tool, rate, points, chance: 2.0 * stacks.error(), stacks })
    };
    let comparable =
        sampled.iter().filter(|&&(tool, _, within, ..)| tool == Tool::Profkit || truth.goes_on(within));
    let seen: Vec<Seen> = comparable.map(see).collect::<Result<_>>()?;
    let of = |seen: &Seen| format!("{:+.2} ± {:.2}", seen.points, seen.chance);
    let (ours, peers): (Vec<&Seen>, Vec<&Seen>) = seen.iter().partition(|seen| seen.tool == Tool::Profkit);
    let mut checks = Vec::new();
    for our in &ours {
        let peer = peers.iter().find(|peer| peer.rate == our.rate);
        let beside = peer.map_or(String::new(), |peer| format!("; {} {}", peer.tool.name(), of(peer)));
        checks.push(Check::around(
            &format!("points at {}/s", our.rate),
            our.points,
            limit,
            our.chance,
            &beside,
        ));
        if let Some(peer) = peer.filter(|_| microseconds == 3) {
            let is_closer = our.points.abs() <= peer.points.abs() + our.chance + peer.chance;
            checks.push(Check::that("no farther than the peer", String::new(), is_closer));
        }
        let impossible = our.stacks.impossible();
        checks.push(match (microseconds, our.rate) {
            (3, 1_000) if kind == "calls" => Check::at_most("impossible of 10,000", impossible, 1.0),
            _ => Check::beside("impossible of 10,000", impossible),
        });
    }
    let at = |seen: &[&Seen]| seen.iter().find(|seen| seen.rate == 1_000).map(|seen| seen.points);
    let peer = peers.first().zip(at(&peers)).map(|(peer, points)| (peer.tool.name(), Figure::Points(points)));
    let peak = sampled.iter().filter(|(tool, ..)| *tool == Tool::Profkit).map(|(.., peak)| *peak).max();
    let ours = Figure::Points(at(&ours).context("nothing at 1,000/s")?);
    Ok(Row { what, ours, peer, peak: peak.unwrap_or(0), checks })
}
