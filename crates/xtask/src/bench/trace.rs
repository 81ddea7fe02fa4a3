//! Tracing: what a call costs beside cProfile, yappi and a hook that does nothing, on every Python.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::measure::run;
use super::table::{Check, Figure, Row};
use super::{Bench, Measurement};
use crate::{paths, process};

/// Everything that is measured.
pub(super) const MEASUREMENTS: &[Measurement] = &[
    ("trace 3.9", |bench, what| version(bench, what, "3.9")),
    ("trace 3.10", |bench, what| version(bench, what, "3.10")),
    ("trace 3.11", |bench, what| version(bench, what, "3.11")),
    ("trace 3.12", |bench, what| version(bench, what, "3.12")),
    ("trace 3.13", |bench, what| version(bench, what, "3.13")),
    ("trace 3.14", |bench, what| version(bench, what, "3.14")),
    ("trace 3.15", |bench, what| version(bench, what, "3.15")),
];

/// The most that a call may cost, in cProfile's costs.
fn limit(version: &str) -> f64 {
    match version {
        "3.14" | "3.15" => 0.5,
        "3.13" => 0.55,
        "3.12" => 0.7,
        _ => 0.85,
    }
}

fn is_before_monitoring(version: &str) -> bool {
    matches!(version, "3.9" | "3.10" | "3.11")
}

/// The agent and the empty hook, built.
fn libraries() -> Result<[PathBuf; 2]> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| paths::root().join("target"), PathBuf::from);
    for what in [&["--lib"][..], &["--example", "empty_hook"]] {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--release", "--package", "profkit-tracer"]).args(what);
        process::run(cargo.current_dir(paths::root()))?;
    }
    let release = target.join("release");
    Ok([release.join("libprofkit_tracer.so"), release.join("examples/libempty_hook.so")])
}

/// yappi for a version of Python, which pip puts beside the other files of benchmarks; none if there is no wheel.
fn yappi(bench: &Bench, version: &str) -> Option<PathBuf> {
    let folder = bench.folder.join(format!("yappi-{version}"));
    if !folder.is_dir() {
        let mut pip = Command::new(bench.reference.join("venv/bin/pip"));
        pip.args(["install", "--quiet", "--no-deps", "--only-binary=:all:", "--python-version", version]);
        pip.arg("--target").arg(&folder).arg("yappi==1.7.6");
        process::run(&mut pip).ok()?;
    }
    Some(folder)
}

fn version(bench: &Bench, what: &'static str, version: &str) -> Result<Row> {
    let [agent, empty] = libraries()?;
    let script = paths::root().join("crates/xtask/src/bench/trace.py");
    let mut python = Command::new(bench.reference.join("python").join(version));
    python.arg(script).args([agent, empty, bench.folder.clone()]).arg((3 * bench.runs).to_string());
    if let Some(folder) = yappi(bench, version) {
        python.env("PYTHONPATH", folder);
    }
    let run = run(&mut python)?;
    let mut found = HashMap::new();
    for line in run.output.lines() {
        let mut words = line.split(' ');
        let mut word = || words.next().with_context(|| format!("not a figure: {line}"));
        found.insert((word()?, word()?), word()?.parse::<f64>()?);
    }
    let get = |tracer, of| found.get(&(tracer, of)).copied().with_context(|| format!("no {tracer} {of}"));
    // The worst of the workloads is what is promised.
    let worst = |ours, theirs| -> Result<f64> {
        let ratios: Result<Vec<f64>> =
            ["fib", "c", "objects"].iter().map(|of| Ok(get(ours, of)? / get(theirs, of)?)).collect();
        Ok(ratios?.into_iter().fold(0.0, f64::max))
    };
    let mut checks = vec![
        Check::at_most("of cProfile", worst("ours", "cprofile")?, limit(version)),
        Check::at_most("two threads", get("ours", "two_threads")?, 1.1),
        Check::at_most("bytes a path", get("ours", "path_bytes")?, 100.0),
        Check::at_most("ms to start", get("ours", "start")? / 1e6, 3.0),
    ];
    if found.contains_key(&("yappi", "fib")) {
        let (wall, cpu) = if is_before_monitoring(version) { (0.45, 0.2) } else { (0.3, 0.15) };
        checks.push(Check::at_most("of yappi", worst("ours", "yappi")?, wall));
        checks.push(Check::at_most("of yappi, CPU", worst("ours_cpu", "yappi_cpu")?, cpu));
    }
    for of in ["fib", "c", "objects"] {
        for tracer in ["ours", "ours_python", "empty", "cprofile"] {
            checks.push(Check::beside(&format!("{tracer} {of} ns"), get(tracer, of)?));
        }
    }
    let nanoseconds = |value: f64| Figure::Time(Duration::from_secs_f64(value.max(0.0) / 1e9));
    Ok(Row {
        what,
        ours: nanoseconds(get("ours", "fib")?),
        peer: Some(("cProfile", nanoseconds(get("cprofile", "fib")?))),
        peak: run.peak,
        checks,
    })
}
