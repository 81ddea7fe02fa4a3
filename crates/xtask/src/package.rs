//! `cargo xtask package`: every crate builds from what would be published, and from nothing else.
//!
//! Cargo tells packages by their version, which stays the same from change to change: it takes what an earlier run
//! unpacked below its own folder, or built, for today's. So both go first.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{paths, process};

/// Packages every crate and builds it from its package.
pub(crate) fn run() -> Result<()> {
    for unpacked in unpacked(&cargo_home()?.join("registry/src"))? {
        fs::remove_dir_all(&unpacked).with_context(|| format!("cannot remove {}", unpacked.display()))?;
    }
    let target = paths::root().join("target/published");
    if target.exists() {
        fs::remove_dir_all(&target).with_context(|| format!("cannot remove {}", target.display()))?;
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["package", "--workspace", "--quiet", "--target-dir"]).arg(target).current_dir(paths::root());
    process::run(&mut cargo)
}

/// What earlier runs unpacked: folders named for a crate of ours, of registries that have no host.
fn unpacked(sources: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for registry in folders(sources)?.into_iter().filter(|path| is_named(path, |name| name.starts_with('-')))
    {
        let ours = |name: &str| name.starts_with("profkit-");
        found.extend(folders(&registry)?.into_iter().filter(|path| is_named(path, ours)));
    }
    Ok(found)
}

fn folders(parent: &Path) -> Result<Vec<PathBuf>> {
    if !parent.exists() {
        return Ok(Vec::new());
    }
    let entries = parent.read_dir().with_context(|| format!("cannot list {}", parent.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn is_named(path: &Path, accepts: impl Fn(&str) -> bool) -> bool {
    path.file_name().is_some_and(|name| accepts(&name.to_string_lossy()))
}

fn cargo_home() -> Result<PathBuf> {
    match env::var_os("CARGO_HOME") {
        Some(home) => Ok(PathBuf::from(home)),
        None => Ok(env::home_dir().context("neither CARGO_HOME nor a home folder is known")?.join(".cargo")),
    }
}
