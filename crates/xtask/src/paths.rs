//! Where everything is. Tests find the reference tools through the environment variable [`REFERENCE`], which every
//! task sets for what it runs; without it they look where [`reference()`] looks.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Names the folder of the reference tools; `<root>/.reference` without it.
pub(crate) const REFERENCE: &str = "PROFKIT_REFERENCE";

/// The workspace root.
pub(crate) fn root() -> PathBuf {
    // `crates/xtask` is two levels below the root.
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

/// The folder of the reference tools, absolute.
pub(crate) fn reference() -> Result<PathBuf> {
    match env::var_os(REFERENCE) {
        Some(folder) => {
            std::path::absolute(&folder).with_context(|| format!("{REFERENCE}={}", folder.display()))
        }
        None => Ok(root().join(".reference")),
    }
}

/// The recipes of the parts of `.reference`.
pub(crate) fn recipes() -> PathBuf {
    root().join("crates/xtask/recipes")
}

/// The fixtures and, in `make/`, what makes them.
pub(crate) fn fixtures() -> PathBuf {
    root().join("fixtures")
}

/// The folder of pyenv's newest CPython of a series such as `3.11`.
pub(crate) fn pyenv_version(series: &str) -> Result<PathBuf> {
    let versions = in_home("PYENV_ROOT", ".pyenv")?.join("versions");
    let prefix = format!("{series}.");
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in versions
        .read_dir()
        .with_context(|| format!("no pyenv in {} (PYENV_ROOT says where it is)", versions.display()))?
    {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(patch) = name.strip_prefix(&prefix).and_then(|patch| patch.parse().ok()) {
            found.push((patch, path));
        }
    }
    match found.into_iter().max() {
        Some((_, path)) => Ok(path),
        None => bail!(
            "no CPython {series} in {}: install one with `pyenv install {series}`, or point PYENV_ROOT elsewhere",
            versions.display()
        ),
    }
}

/// The folder that an environment variable names, or the one of that name in the home folder.
pub(crate) fn in_home(variable: &str, name: &str) -> Result<PathBuf> {
    if let Some(folder) = env::var_os(variable) {
        return Ok(PathBuf::from(folder));
    }
    let home = env::home_dir().with_context(|| format!("neither {variable} nor a home folder is known"))?;
    Ok(home.join(name))
}
