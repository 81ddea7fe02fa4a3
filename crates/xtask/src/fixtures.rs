//! `cargo xtask fixtures`: makes the files below `fixtures/` with the tools that produce such files. Each format has a
//! script in `fixtures/make/`; the command of each file is written into `fixtures/README.md` by the run that made it.
//!
//! Times, addresses and identities differ from run to run, so the files do too.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{demo, parts, paths, process, setup};

/// In the order of the README's sections.
const FORMATS: &[&str] = &["pstats", "collapsed", "speedscope", "pprof", "yappi", "callgrind", RECORDING];

/// Made by profkit itself, from this workspace.
const RECORDING: &str = "recording";

/// Makes the fixtures of the formats named, or all.
pub(crate) fn run(formats: &[String]) -> Result<()> {
    if let Some(unknown) = formats.iter().find(|name| !FORMATS.contains(&name.as_str())) {
        bail!("no fixtures of `{unknown}`; there are: {}", FORMATS.join(" "));
    }
    setup::ensure(parts::REFERENCE.iter())?;
    if formats.is_empty() || formats.iter().any(|name| name != RECORDING) {
        setup::ensure(parts::MAKERS.iter())?;
    }
    build_profkit()?;
    let wanted = |format: &&&str| formats.is_empty() || formats.iter().any(|name| name == **format);
    FORMATS.iter().filter(wanted).try_for_each(|format| make(format))
}

/// Puts the command and the objects that it takes into programs where the recipes find them.
fn build_profkit() -> Result<()> {
    let packages = ["profkit", "profkit-preload", "profkit-tracer"].into_iter().flat_map(|name| ["-p", name]);
    process::run(
        Command::new("cargo").args(["build", "--release"]).args(packages).current_dir(paths::root()),
    )?;
    let place = paths::reference()?.join("makers/profkit");
    fs::create_dir_all(&place)?;
    let release = demo::target()?.join("release");
    for name in ["profkit", "libprofkit_preload.so", "libprofkit_tracer.so"] {
        fs::copy(release.join(name), place.join(name)).with_context(|| name.to_owned())?;
    }
    Ok(())
}

fn make(format: &str) -> Result<()> {
    let reference = paths::reference()?;
    let rows = reference.join("makers/rows");
    fs::write(&rows, "")?;
    let make = paths::fixtures().join("make");
    let mut command = Command::new("bash");
    command
        .arg(make.join("neutral.sh"))
        .args(["env", "ROWS=/opt/tools/rows", "bash"])
        .arg(format!("/opt/make/{format}.sh"))
        .env(paths::REFERENCE, &reference);
    process::run(&mut command).with_context(|| format!("fixtures of {format}"))?;
    describe(&paths::fixtures().join("README.md"), format, &fs::read_to_string(rows)?)
}

/// Puts the table's rows into the README, between the two comments that name the format.
fn describe(readme: &Path, format: &str, rows: &str) -> Result<()> {
    let text = fs::read_to_string(readme)?;
    let (begin, end) = (format!("<!-- {format} -->\n"), format!("<!-- end of {format} -->"));
    let parts = text.split_once(&begin).and_then(|(head, rest)| Some((head, rest.split_once(&end)?.1)));
    let Some((head, tail)) = parts else {
        bail!("{} has no place for the table of {format}", readme.display());
    };
    let table = format!("| file | what is interesting | made by |\n|---|---|---|\n{rows}");
    fs::write(readme, format!("{head}{begin}\n{table}\n{end}{tail}"))?;
    Ok(())
}
