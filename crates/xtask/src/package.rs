//! `cargo xtask package`: every crate builds from what would be published, and from nothing else.
//!
//! Cargo tells packages by their version, which stays the same from change to change: it takes what an earlier run
//! unpacked below its own folder, or built, for today's. So both go first.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::part::remove_folder;
use crate::{paths, process};

/// Packages every crate and builds it from its package.
pub(crate) fn run() -> Result<()> {
    // Registries that have no host, and crates of ours in them.
    for registry in folders(&paths::in_home("CARGO_HOME", ".cargo")?.join("registry/src"), "-")? {
        folders(&registry, "profkit-")?.iter().try_for_each(|unpacked| remove_folder(unpacked))?;
    }
    let target = paths::root().join("target/published");
    remove_folder(&target)?;
    let mut cargo = Command::new("cargo");
    cargo.args(["package", "--workspace", "--quiet", "--target-dir"]).arg(target).current_dir(paths::root());
    process::run(&mut cargo)
}

/// The folders in another one whose names begin like this; none if that is not there.
fn folders(parent: &Path, prefix: &str) -> Result<Vec<PathBuf>> {
    if !parent.exists() {
        return Ok(Vec::new());
    }
    let entries = parent.read_dir().with_context(|| format!("cannot list {}", parent.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
