//! Inputs too large for fixtures. Each is made once, by a script in `fixtures/make/`, and kept below `target/bench/`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::Bench;
use crate::{paths, process};

impl Bench {
    /// A dump of some thousand functions, a few hundred kB.
    pub(super) fn dump(&self) -> Result<PathBuf> {
        self.input("large.pstats", &["bash", "large-pstats.sh"], &[])
    }

    /// 1,000,000 samples, 63 MB.
    pub(super) fn pprof(&self) -> Result<PathBuf> {
        self.input("large.pb", &["python3", "large_pprof.py"], &[])
    }

    /// More than 100 MB of lines.
    pub(super) fn collapsed(&self) -> Result<PathBuf> {
        self.input("large.collapsed", &["python3", "large_collapsed.py"], &[])
    }

    /// More than 100 MB, `evented` or `sampled`.
    pub(super) fn speedscope(&self, kind: &str) -> Result<PathBuf> {
        self.input(&format!("large-{kind}.speedscope.json"), &["python3", "large_speedscope.py"], &[kind])
    }

    /// A folder with so many cProfile dumps of 250 kB.
    pub(super) fn dumps(&self, count: &str) -> Result<PathBuf> {
        self.input(&format!("dumps-{count}"), &["python3", "merge_dumps.py"], &[count])
    }

    /// A folder with 200 pprofs of 20,000 samples.
    pub(super) fn pprofs(&self) -> Result<PathBuf> {
        self.input("pprofs", &["python3", "merge_pprofs.py"], &[])
    }

    /// A folder with 5,000,000 distinct stacks.
    pub(super) fn distinct_stacks(&self) -> Result<PathBuf> {
        self.input("distinct-stacks", &["python3", "merge_stacks.py"], &[])
    }

    /// What `make` makes, with the output's path after it and before `arguments`. A changed script makes it anew.
    fn input(&self, name: &str, make: &[&str; 2], arguments: &[&str]) -> Result<PathBuf> {
        let path = self.folder.join(name);
        let script = paths::fixtures().join("make").join(make[1]);
        let (source, stamp) = (fs::read(&script)?, path.with_added_extension("made-by"));
        if path.exists() && fs::read(&stamp).is_ok_and(|text| text == source) {
            return Ok(path);
        }
        let unfinished = path.with_added_extension("tmp");
        let mut command = Command::new(make[0]);
        command.arg(&script).arg(&unfinished).args(arguments).env(paths::REFERENCE, &self.reference);
        process::run(&mut command)?;
        fs::rename(&unfinished, &path).with_context(|| format!("{} made nothing", script.display()))?;
        fs::write(stamp, source)?;
        Ok(path)
    }
}
