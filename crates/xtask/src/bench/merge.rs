//! Merging: profkit beside CPython's `pstats` and `go tool pprof`, and how it grows.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use super::convert::{ratio, row};
use super::measure::{Figures, alternate, run};
use super::table::{Check, Row, megabytes};
use super::{Bench, Measurement};

/// Everything that is measured.
pub(super) const MEASUREMENTS: &[Measurement] = &[
    ("merge 1,000 cProfile dumps", merge_dumps),
    ("merge 1,000 cProfile dumps, two threads beside one", two_threads),
    ("merge 10,000 cProfile dumps beside 1,000", ten_thousand),
    ("merge 200 pprofs of 20,000 samples", merge_pprofs),
    ("merge 5,000,000 distinct stacks", merge_stacks),
];

/// Adds up the files of a folder.
const PSTATS: &str = "
import glob, pstats, sys
pstats.Stats(*glob.glob(sys.argv[1] + '/*')).dump_stats('pstats.pstats')
";

fn merge(bench: &Bench, folder: &Path, output: &str, more: &[&str]) -> Command {
    let mut command = bench.profkit(&["merge", "-o", output]);
    command.args(more).arg(folder).stderr(Stdio::null());
    command
}

fn merge_dumps(bench: &Bench, what: &'static str) -> Result<Row> {
    let folder = bench.dumps("1000")?;
    let (ours, theirs) = alternate(
        bench.runs,
        |figures| whole(figures, &mut merge(bench, &folder, "merged.pstats", &[])),
        |figures| {
            let mut python = Command::new(bench.reference.join("python/3.13"));
            whole(figures, python.args(["-c", PSTATS]).arg(&folder).current_dir(&bench.folder))
        },
    )?;
    row(what, &ours, Some(("pstats", &theirs)), 50.0)
}

fn two_threads(bench: &Bench, what: &'static str) -> Result<Row> {
    let folder = bench.dumps("1000")?;
    let threads = |figures: &mut Figures, count| {
        whole(figures, &mut merge(bench, &folder, "merged.pstats", &["--threads", count]))
    };
    let (two, one) = alternate(bench.runs, |figures| threads(figures, "2"), |figures| threads(figures, "1"))?;
    row(what, &two, Some(("one thread", &one)), 1.7)
}

fn ten_thousand(bench: &Bench, what: &'static str) -> Result<Row> {
    let [few, many]: [PathBuf; 2] = [bench.dumps("1000")?, bench.dumps("10000")?];
    let (many, few) = alternate(
        bench.runs,
        |figures| whole(figures, &mut merge(bench, &many, "merged.pstats", &[])),
        |figures| whole(figures, &mut merge(bench, &few, "merged.pstats", &[])),
    )?;
    let mut row = row(what, &many, None, 0.0)?;
    let times = many.median()?.as_secs_f64() / few.median()?.as_secs_f64();
    row.checks.push(Check::at_most("times as long", times, 11.0));
    row.checks.push(Check::at_most("times the memory", ratio(many.peak, few.peak), 1.2));
    row.checks.push(Check::at_most("MB", megabytes(many.peak), 300.0));
    Ok(row)
}

fn merge_pprofs(bench: &Bench, what: &'static str) -> Result<Row> {
    let folder = bench.pprofs()?;
    let (ours, theirs) = alternate(
        bench.runs,
        |figures| whole(figures, &mut merge(bench, &folder, "merged.pb.gz", &[])),
        |figures| {
            let mut pprof = Command::new(bench.reference.join("pprof/pprof-go1.27"));
            pprof.args(["-proto", "-symbolize=none", "-output", "go.pb.gz"]);
            for entry in std::fs::read_dir(&folder)? {
                pprof.arg(entry?.path());
            }
            whole(figures, pprof.current_dir(&bench.folder).stderr(Stdio::null()))
        },
    )?;
    row(what, &ours, Some(("pprof 1.27", &theirs)), 20.0)
}

fn merge_stacks(bench: &Bench, what: &'static str) -> Result<Row> {
    let folder = bench.distinct_stacks()?;
    let mut ours = Figures::default();
    for _ in 0..bench.runs {
        whole(&mut ours, &mut merge(bench, &folder, "stacks.pb.gz", &[]))?;
    }
    let mut row = row(what, &ours, None, 0.0)?;
    row.checks.push(Check::at_most("MB", megabytes(ours.peak), 4_000.0));
    Ok(row)
}

fn whole(figures: &mut Figures, command: &mut Command) -> Result<()> {
    figures.add_whole(&run(command)?);
    Ok(())
}
