//! `cargo xtask test`: every test there is, those against the reference tools included.

use std::process::Command;

use anyhow::Result;

use crate::{parts, paths, process, setup};

/// Installs the reference tools, builds, and runs all tests; `nextest` narrows the choice.
pub(crate) fn run(nextest: &[String]) -> Result<()> {
    setup::ensure(parts::REFERENCE.iter())?;
    cargo(&["build", "--workspace"], &[])?;
    cargo(&["nextest", "run", "--workspace", "--profile", "reference"], nextest)?;
    if nextest.is_empty() {
        // nextest does not know examples in documentation.
        cargo(&["test", "--workspace", "--doc", "--quiet"], &[])?;
    }
    Ok(())
}

fn cargo(arguments: &[&str], more: &[String]) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).args(more).current_dir(paths::root()).env(paths::REFERENCE, paths::reference()?);
    process::run(&mut cargo)
}
