//! `cargo xtask bench`: profkit beside the tools that people use today, on one machine in one run. The machine may be
//! slow or busy, so what counts are ratios: profkit and its peer take turns, and of each the median is shown.

mod convert;
mod inputs;
mod measure;
mod merge;
mod sample;
mod table;
mod trace;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use clap::Subcommand;

use crate::{parts, paths, process, setup};
use table::Row;

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to measure.
    #[command(subcommand)]
    what: What,
    /// How many turns each gets.
    #[arg(long, default_value_t = 5, global = true)]
    runs: usize,
    /// Only the rows whose text contains this.
    #[arg(long, global = true)]
    only: Option<String>,
    /// Fail if a target is missed.
    #[arg(long, global = true)]
    check: bool,
}

#[derive(Subcommand)]
enum What {
    /// Reading, writing and converting.
    Convert,
    /// Merging many files.
    Merge,
    /// What a traced call costs.
    Trace,
    /// What sampling costs its target and itself, how fast it can be, and how true it is; some seven minutes, alone on the
    /// machine.
    Sample,
}

/// Where things are, and how often to measure them.
struct Bench {
    profkit: PathBuf,
    load_time: PathBuf,
    reference: PathBuf,
    /// Generated inputs and outputs.
    folder: PathBuf,
    runs: usize,
}

/// A measurement to be made: what its row says it is, and how.
type Measurement = (&'static str, fn(&Bench, &'static str) -> Result<Row>);

/// Measures and prints the table.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure(parts::REFERENCE.iter())?;
    let measurements: &[Measurement] = match arguments.what {
        What::Convert => convert::MEASUREMENTS,
        What::Merge => merge::MEASUREMENTS,
        What::Trace => trace::MEASUREMENTS,
        What::Sample => sample::MEASUREMENTS,
    };
    let programs: &[[&str; 4]] = match arguments.what {
        What::Convert => &[PROFKIT, LOAD_TIME],
        What::Merge => &[PROFKIT],
        What::Trace => &[],
        What::Sample => &[PROFKIT, BARE_READ, BARE_WAIT],
    };
    let bench = Bench::prepare(arguments.runs.max(1), programs)?;
    let is_wanted = |what: &str| arguments.only.as_ref().is_none_or(|part| what.contains(part.as_str()));
    let mut rows = Vec::new();
    for (what, measure) in measurements.iter().filter(|(what, _)| is_wanted(what)) {
        eprintln!("bench: {what} …");
        let row = measure(&bench, what)?;
        // What was measured is not lost if the rest fails.
        eprintln!("bench: {}", row.line());
        rows.push(row);
    }
    table::print(&rows);
    let missed = rows.iter().filter(|row| !row.is_ok()).count();
    if arguments.check && missed > 0 {
        bail!("{missed} rows miss their target");
    }
    Ok(())
}

/// What is built for measurements.
const PROFKIT: [&str; 4] = ["--package", "profkit", "--bin", "profkit"];
const LOAD_TIME: [&str; 4] = ["--package", "profkit-formats", "--example", "load_time"];
const BARE_READ: [&str; 4] = ["--package", "profkit-sampler", "--example", "bare_read"];
const BARE_WAIT: [&str; 4] = ["--package", "profkit-sampler", "--example", "bare_wait"];

impl Bench {
    fn prepare(runs: usize, programs: &[[&str; 4]]) -> Result<Self> {
        for what in programs {
            let mut cargo = Command::new("cargo");
            process::run(
                cargo.args(["build", "--quiet", "--release"]).args(what).current_dir(paths::root()),
            )?;
        }
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| paths::root().join("target"), PathBuf::from);
        let folder = target.join("bench");
        std::fs::create_dir_all(&folder)?;
        Ok(Self {
            profkit: target.join("release/profkit"),
            load_time: target.join("release/examples/load_time"),
            reference: paths::reference()?,
            folder,
            runs,
        })
    }

    fn profkit(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.profkit);
        command.args(words).current_dir(&self.folder);
        command
    }

    /// Loads a file so many times, in one process.
    fn load(&self, file: &Path, times: &str) -> Command {
        let mut command = Command::new(&self.load_time);
        command.arg(file).arg(times);
        command
    }
}
