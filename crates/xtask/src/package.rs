//! `cargo xtask package`: every crate, and the wheel, builds from what would be published, and from nothing else.
//!
//! Cargo tells packages by their version, which stays the same from change to change: it takes what an earlier run
//! unpacked below its own folder, or built, for today's. So both go first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::part::remove_folder;
use crate::{paths, process};

/// Packages every crate and builds it from its package; the same for the wheel, which has to trace as well.
pub(crate) fn run() -> Result<()> {
    // Registries that have no host, and crates of ours in them.
    for registry in entries(&paths::in_home("CARGO_HOME", ".cargo")?.join("registry/src"), "-")? {
        entries(&registry, "profkit-")?.iter().try_for_each(|unpacked| remove_folder(unpacked))?;
    }
    let target = paths::root().join("target/published");
    remove_folder(&target)?;
    let mut cargo = Command::new("cargo");
    cargo.args(["package", "--workspace", "--quiet", "--target-dir"]).arg(&target).current_dir(paths::root());
    process::run(&mut cargo)?;
    wheel(&target.join("python"))
}

/// Builds the sources' archive and, from that, the wheel; what is installed from it traces a program.
fn wheel(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let run = |program: &str, arguments: &[&str]| {
        process::run(Command::new(folder.join(program)).args(arguments).current_dir(folder))
    };
    process::run(Command::new("python3").args(["-m", "venv", "venv"]).current_dir(folder))?;
    run("venv/bin/pip", &["install", "--quiet", "build"])?;
    let log = folder.join("build.log");
    let mut build = Command::new(folder.join("venv/bin/python"));
    build.args(["-m", "build", "--outdir", "dist"]).arg(paths::root()).current_dir(folder);
    process::run_logged(&mut build, &log)?;
    let wheels = entries(&folder.join("dist"), "profkit-")?;
    let wheel = wheels.iter().find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    let wheel = wheel.context("there is no wheel")?.display().to_string();
    run("venv/bin/pip", &["install", "--quiet", &wheel])?;
    let program = ["venv/bin/python", "-c", "import json; json.dumps([])"];
    run("venv/bin/profkit", &[&["record", "--trace", "-o", "out.pstats", "--"], &program[..]].concat())?;
    let check =
        "import pstats; assert any(name == 'dumps' for _, _, name in pstats.Stats('out.pstats').stats)";
    run("venv/bin/python", &["-c", check])
}

/// What is in a folder whose names begin like this; nothing if that is not there.
fn entries(parent: &Path, prefix: &str) -> Result<Vec<PathBuf>> {
    if !parent.exists() {
        return Ok(Vec::new());
    }
    let listed = parent.read_dir().with_context(|| format!("cannot list {}", parent.display()))?;
    let mut found = Vec::new();
    for entry in listed {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
