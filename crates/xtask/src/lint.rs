//! `cargo xtask lint`: everything about the code that a machine can judge without running it.

use std::process::Command;

use anyhow::Result;

use crate::{paths, process};

const CHECKS: &[&[&str]] = &[
    &["fmt", "--all", "--check"],
    &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"],
    &["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"],
];

/// Runs the checks and stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    for check in CHECKS {
        let mut cargo = Command::new("cargo");
        cargo.args(*check).current_dir(paths::root()).env("RUSTDOCFLAGS", "-D warnings");
        process::run(&mut cargo)?;
    }
    Ok(())
}
