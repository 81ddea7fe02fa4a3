//! Reading, writing and converting: profkit beside CPython's `pstats`, `go tool pprof` and speedscope.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::measure::{Figures, alternate, run};
use super::table::{Check, Figure, Row, megabytes};
use super::{Bench, Measurement};
use crate::{paths, process};

/// How often a small file is loaded in one process; the median counts.
const LOADS: &str = "20";
/// Promised of every input: the most memory, in sizes of the decompressed input.
const MEMORY: f64 = 3.0;

/// Everything that is measured.
pub(super) const MEASUREMENTS: &[Measurement] = &[
    ("load a cProfile dump", load_dump),
    ("convert a cProfile dump, whole process", convert_dump),
    ("report on a cProfile dump, whole process", report_dump),
    ("rewrite a pprof of 1,000,000 samples, whole process", rewrite_pprof),
    ("load speedscope, evented", load_evented),
    ("load speedscope, sampled", load_sampled),
    ("load collapsed stacks", load_collapsed),
];

/// Times `pstats.Stats` as it is used, from the file.
const PSTATS: &str = "
import pstats, sys, time
for _ in range(int(sys.argv[2])):
    start = time.perf_counter_ns()
    pstats.Stats(sys.argv[1])
    print(time.perf_counter_ns() - start)
";

fn load_dump(bench: &Bench, what: &'static str) -> Result<Row> {
    let dump = bench.dump()?;
    let (ours, theirs) = alternate(
        bench.runs,
        |figures| figures.add_printed(&run(&mut bench.load(&dump, LOADS))?),
        |figures| {
            let mut python = Command::new(bench.reference.join("python/3.13"));
            figures.add_printed(&run(python.args(["-c", PSTATS]).arg(&dump).arg(LOADS))?)
        },
    )?;
    let mut row = row(what, &ours, Some(("pstats", &theirs)), 20.0)?;
    row.checks.push(Check::beside("kB", megabytes(fs::metadata(&dump)?.len()) * 1e3));
    Ok(row)
}

fn convert_dump(bench: &Bench, what: &'static str) -> Result<Row> {
    short(bench, what, &["convert", "-o", "out.pb.gz"])
}

fn report_dump(bench: &Bench, what: &'static str) -> Result<Row> {
    short(bench, what, &["report"])
}

/// A command on the dump that must not be felt.
fn short(bench: &Bench, what: &'static str, words: &[&str]) -> Result<Row> {
    const MILLISECONDS: f64 = 15.0;
    let dump = bench.dump()?;
    let mut ours = Figures::default();
    // So short that one more or less costs nothing, and the first ones read the program from the disk.
    for _ in 0..bench.runs * 4 {
        // A new file: where one is replaced, ext4 writes the new one to the disk before the rename.
        let _ = fs::remove_file(bench.folder.join("out.pb.gz"));
        ours.add_whole(&run(bench.profkit(words).arg(&dump).stderr(Stdio::null()))?);
    }
    let mut row = row(what, &ours, None, 0.0)?;
    row.checks.push(Check::at_most("ms", ours.median()?.as_secs_f64() * 1e3, MILLISECONDS));
    Ok(row)
}

fn rewrite_pprof(bench: &Bench, what: &'static str) -> Result<Row> {
    let input = bench.pprof()?;
    let (ours, theirs) = alternate(
        bench.runs,
        |figures| {
            figures.add_whole(&run(bench.profkit(&["convert", "-o", "profkit.pb.gz"]).arg(&input))?);
            Ok(())
        },
        |figures| {
            let mut pprof = Command::new(bench.reference.join("pprof/pprof-go1.27"));
            pprof.args(["-proto", "-symbolize=none", "-output", "pprof.pb.gz"]).arg(&input);
            figures.add_whole(&run(pprof.current_dir(&bench.folder).stderr(Stdio::null()))?);
            Ok(())
        },
    )?;
    let mut row = row(what, &ours, Some(("pprof 1.27", &theirs)), 6.0)?;
    row.checks.push(Check::at_least("times as small", ratio(theirs.peak, ours.peak), 6.0));
    row.checks.push(memory(&ours, &input)?);
    Ok(row)
}

fn load_evented(bench: &Bench, what: &'static str) -> Result<Row> {
    load_speedscope(bench, what, &bench.speedscope("evented")?)
}

fn load_sampled(bench: &Bench, what: &'static str) -> Result<Row> {
    load_speedscope(bench, what, &bench.speedscope("sampled")?)
}

fn load_speedscope(bench: &Bench, what: &'static str, input: &Path) -> Result<Row> {
    let (ours, theirs) = alternate(
        bench.runs,
        |figures| figures.add_printed(&run(&mut bench.load(input, "1"))?),
        |figures| {
            // The browser's memory is that of processes which are not ours to wait for.
            figures.add(speedscope(bench, input)?, 0);
            Ok(())
        },
    )?;
    let mut row = row(what, &ours, Some(("speedscope", &theirs)), 5.0)?;
    row.checks.push(memory(&ours, input)?);
    Ok(row)
}

/// How long speedscope's importer takes in the page, without the browser's start and the transfer of the file.
fn speedscope(bench: &Bench, input: &Path) -> Result<Duration> {
    let mut node = Command::new("node");
    node.arg(paths::root().join("tests/reference/speedscope_import/serve.mjs")).arg("--serve");
    node.env(paths::REFERENCE, &bench.reference).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = node.spawn().context("cannot start node")?;
    let request = serde_json::json!({"file": input, "functions": false, "timeout": 300});
    if let Some(mut questions) = child.stdin.take() {
        writeln!(questions, "{request}")?;
    }
    let output = child.wait_with_output()?;
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("speedscope does not answer")?;
    match answer["import_ms"].as_f64() {
        Some(milliseconds) => Ok(Duration::from_secs_f64(milliseconds / 1e3)),
        None => bail!("speedscope: {}", answer["error"]),
    }
}

fn load_collapsed(bench: &Bench, what: &'static str) -> Result<Row> {
    let input = bench.collapsed()?;
    let packed = input.with_added_extension("gz");
    let is_older = |path: &Path| {
        Ok::<_, std::io::Error>(fs::metadata(path)?.modified()? < fs::metadata(&input)?.modified()?)
    };
    if is_older(&packed).unwrap_or(true) {
        process::run(Command::new("gzip").args(["--keep", "--force"]).arg(&input))?;
    }
    let (ours, gunzip) = alternate(
        bench.runs,
        |figures| figures.add_printed(&run(&mut bench.load(&input, "1"))?),
        |figures| figures.add_printed(&run(&mut bench.load(&packed, "--gunzip"))?),
    )?;
    let rate = |figures: &Figures| {
        Ok::<_, anyhow::Error>(megabytes(fs::metadata(&input)?.len()) / figures.median()?.as_secs_f64())
    };
    let mut row = row(what, &ours, None, 0.0)?;
    row.checks.push(Check::at_least("MB/s", rate(&ours)?, 300.0));
    row.checks.push(Check::beside("flate2 gunzip MB/s", rate(&gunzip)?));
    row.checks.push(memory(&ours, &input)?);
    Ok(row)
}

/// A row that promises to be so many times as fast as the peer, if there is one.
pub(super) fn row(
    what: &'static str,
    ours: &Figures,
    peer: Option<(&'static str, &Figures)>,
    times: f64,
) -> Result<Row> {
    let median = ours.median()?;
    let peer = peer.map(|(name, figures)| Ok::<_, anyhow::Error>((name, figures.median()?))).transpose()?;
    let faster = peer
        .map(|(_, peer)| Check::at_least("times as fast", peer.as_secs_f64() / median.as_secs_f64(), times));
    let peer = peer.map(|(name, peer)| (name, Figure::Time(peer)));
    Ok(Row { what, ours: Figure::Time(median), peer, peak: ours.peak, checks: faster.into_iter().collect() })
}

/// The promise on memory, for an input that is not compressed.
fn memory(ours: &Figures, input: &Path) -> Result<Check> {
    Ok(Check::at_most("memory of the input", ratio(ours.peak, fs::metadata(input)?.len()), MEMORY))
}

pub(super) fn ratio(one: u64, other: u64) -> f64 {
    megabytes(one) / megabytes(other)
}
