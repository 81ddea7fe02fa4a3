//! `cargo xtask fuzz`: runs the fuzz targets, each from the fixtures on. Which there are, `fuzz/` says, and it has the
//! formats from the registry: a new format has its target without a line here.
//!
//! The targets are built without a sanitizer: profkit's readers have no unsafe code, and the targets count memory
//! themselves. What is found stays in `fuzz/artifacts/<target>/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{parts, paths, process, setup};

/// Larger inputs make every run slower and find nothing that smaller ones do not.
const MAX_LENGTH: usize = 8 << 10;
/// Seconds that one input may take before it counts as a finding.
const TIMEOUT: usize = 20;
/// Lines of a finding that the summary shows.
const SHOWN: usize = 6;

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Targets: a format's name, or `container`, `pprof-prost`, `pstats-cpython`; all without this.
    targets: Vec<String>,
    /// How long to run each.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only build them.
    #[arg(long)]
    build_only: bool,
}

struct Target {
    name: String,
    binary: String,
    corpus: PathBuf,
}

/// Builds and runs the targets; an error if one of them found something.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure(parts::all().filter(|part| part.name == "cargo-fuzz"))?;
    let folder = paths::root().join("fuzz");
    let targets = targets(&folder)?;
    if let Some(unknown) =
        arguments.targets.iter().find(|name| targets.iter().all(|target| target.name != **name))
    {
        let known: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        bail!("no target `{unknown}`; there are: {}", known.join(" "));
    }
    process::run(cargo_fuzz(&folder)?.args(["build", "--sanitizer", "none"]))?;
    if arguments.build_only {
        return Ok(());
    }
    setup::ensure(parts::REFERENCE.iter().filter(|part| ["debian", "sid", "python"].contains(&part.name)))?;
    let is_wanted =
        |target: &&Target| arguments.targets.is_empty() || arguments.targets.contains(&target.name);
    let mut findings = 0;
    for target in targets.iter().filter(is_wanted) {
        findings += usize::from(!fuzz(target, &folder, Duration::from_secs(arguments.seconds))?);
    }
    if findings > 0 {
        bail!("{findings} targets found something");
    }
    Ok(())
}

/// Fills the corpora and asks for the targets.
fn targets(folder: &Path) -> Result<Vec<Target>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--quiet", "--example", "corpus"]).current_dir(folder).stderr(Stdio::inherit());
    let output = cargo.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the targets cannot be listed");
    }
    let text = String::from_utf8(output.stdout)?;
    let target = |line: &str| {
        let mut words = line.split('\t').map(str::to_owned);
        let (name, binary) = (words.next()?, words.next()?);
        Some(Target { name, binary, corpus: folder.join("corpus").join(words.next()?) })
    };
    text.lines().map(|line| target(line).with_context(|| format!("no target: {line}"))).collect()
}

fn cargo_fuzz(folder: &Path) -> Result<Command> {
    let reference = paths::reference()?;
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly"])
        .arg(reference.join("cargo-fuzz/bin/cargo-fuzz"))
        .arg("fuzz")
        .current_dir(folder);
    Ok(command)
}

/// Runs one target; whether it found nothing.
fn fuzz(target: &Target, folder: &Path, time: Duration) -> Result<bool> {
    let artifacts = folder.join("artifacts").join(&target.name);
    fs::create_dir_all(&artifacts)?;
    let log = artifacts.join("log");
    let file = File::create(&log)?;
    let errors = file.try_clone()?;
    let mut command = cargo_fuzz(folder)?;
    command
        .args(["run", "--sanitizer", "none", &target.binary])
        .arg(&target.corpus)
        .arg("--")
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-max_total_time={}", time.as_secs()))
        .arg(format!("-max_len={MAX_LENGTH}"))
        .arg(format!("-timeout={TIMEOUT}"))
        .arg("-print_final_stats=1")
        .env("PROFKIT_FUZZ_FORMAT", &target.name)
        .env("PROFKIT_FUZZ_PYTHON", paths::reference()?.join("python/3.15"))
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors);
    let status = command.status().context("cannot start rustup")?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if status.success() {
        println!("{:<16} {:>10} runs  nothing found", target.name, runs(&text));
        return Ok(true);
    }
    println!("{:<16} {:>10} runs  FOUND, {}", target.name, runs(&text), log.display());
    let start = |line: &str| line.contains("panicked at") || line.contains("ERROR: libFuzzer");
    for line in text.lines().skip_while(|line| !start(line)).take(SHOWN) {
        println!("    {}", line.chars().take(200).collect::<String>());
    }
    Ok(false)
}

/// The number of inputs tried, as libFuzzer's statistics or its last line of progress say.
fn runs(log: &str) -> &str {
    let statistic = log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let progress = || log.lines().rev().find_map(|line| line.strip_prefix('#')?.split_whitespace().next());
    statistic.map(str::trim).or_else(progress).unwrap_or("0")
}
