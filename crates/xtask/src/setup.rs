//! `cargo xtask setup`: installs the parts of `.reference/` that are missing or whose recipe changed.

use std::fs::{self, File};

use anyhow::{Context, Result, bail};

use crate::part::Part;
use crate::{parts, paths};

/// Installs the parts named, or without names all that the reference tests need.
pub(crate) fn run(names: &[String]) -> Result<()> {
    if names.is_empty() {
        return ensure(parts::REFERENCE.iter());
    }
    for name in names {
        if !parts::all().any(|part| part.name == name) {
            let known: Vec<&str> = parts::all().map(|part| part.name).collect();
            bail!("no part `{name}`; there are: {}", known.join(" "));
        }
    }
    ensure(parts::all().filter(|part| names.iter().any(|name| name == part.name)))
}

/// Installs `parts` in their order. Two runs at once wait for each other.
pub(crate) fn ensure(parts: impl Iterator<Item = &'static Part>) -> Result<()> {
    let reference = paths::reference()?;
    fs::create_dir_all(&reference).with_context(|| format!("cannot make {}", reference.display()))?;
    let lock = File::create(reference.join("lock"))?;
    lock.lock()?;
    for part in parts {
        part.ensure()?;
    }
    Ok(())
}
