//! `cargo xtask demo`: builds profkit and runs its main job on a real program: Python's own `ast` on its own `argparse`,
//! recorded by profkit and by the profiler that comes with Python.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{paths, process};

/// What is done with the dump, as one would type it.
const STEPS: &[&str] = &[
    "report sampled.pb.gz --limit 5",
    "report traced.pb.gz --limit 5 --sort calls",
    "report app.pstats --limit 8",
    "convert app.pstats -o app.pb.gz",
    "convert app.pstats -o app.speedscope.json",
    "flamegraph app.pstats -o app.svg",
    "info app.pb.gz",
    "merge app.pstats again.pstats -o both.pb.gz",
    "diff app.pstats again.pstats --limit 5",
];

/// Leaves its files in `target/demo/`.
pub(crate) fn run() -> Result<()> {
    process::run(
        Command::new("cargo")
            .args(["build", "--release", "-p", "profkit", "-p", "profkit-preload", "-p", "profkit-tracer"])
            .current_dir(paths::root()),
    )?;
    let target = target()?;
    let folder = target.join("demo");
    fs::create_dir_all(&folder)?;
    let profkit = target.join("release/profkit");
    let argparse = argparse()?;
    for (options, output) in [("--rate 1000", "sampled.pb.gz"), ("--trace", "traced.pb.gz")] {
        println!("\n$ profkit record {options} -o {output} -- python3 -m ast argparse.py >ast.txt");
        let printed = fs::File::create(folder.join("ast.txt"))?;
        let program = ["-o", output, "--", "python3", "-m", "ast", &argparse];
        let mut command = Command::new(&profkit);
        command.arg("record").args(options.split(' ')).args(program);
        done(command.current_dir(&folder).stdin(Stdio::null()).stdout(printed))?;
    }
    record(&folder, &argparse, "app.pstats")?;
    record(&folder, &argparse, "again.pstats")?;
    for step in STEPS {
        println!("\n$ profkit {step}");
        done(Command::new(&profkit).args(step.split(' ')).current_dir(&folder))?;
    }
    println!("\nThe files are in {}.", folder.display());
    Ok(())
}

/// Where Python's own `argparse` is.
fn argparse() -> Result<String> {
    let argparse = Command::new("python3")
        .args(["-c", "import argparse; print(argparse.__file__)"])
        .output()
        .context("cannot start python3")?;
    Ok(String::from_utf8(argparse.stdout)?.trim().to_owned())
}

/// Profiles a program with the profiler that comes with Python.
fn record(folder: &Path, argparse: &str, dump: &str) -> Result<()> {
    println!("\n$ python3 -m cProfile -o {dump} -m ast argparse.py >ast.txt");
    let printed = fs::File::create(folder.join("ast.txt"))?;
    done(
        Command::new("python3")
            .args(["-m", "cProfile", "-o", dump, "-m", "ast", argparse])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(printed),
    )
}

/// Runs a command that was shown as a person would type it.
fn done(command: &mut Command) -> Result<()> {
    let status =
        command.status().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !status.success() {
        bail!("that failed: {status}");
    }
    Ok(())
}

/// Where cargo builds: `CARGO_TARGET_DIR` and the configuration may say something else than `target`.
pub(crate) fn target() -> Result<PathBuf> {
    let metadata = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(paths::root())
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)?;
    let folder = metadata["target_directory"].as_str().context("cargo names no target folder")?;
    Ok(PathBuf::from(folder))
}
