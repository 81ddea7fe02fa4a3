//! The house rules that a machine can check: who depends on whom, and how files begin.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A crate as the table calls it: its folder's name.
fn short(package: &str) -> &str {
    if package == "profkit" { "cli" } else { package.strip_prefix("profkit-").unwrap_or(package) }
}

/// The table of ARCHITECTURE.md: each crate with those that it may depend on.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("| crate |")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let allowed =
                cells[2].split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
            (cells[1].to_owned(), allowed.collect())
        })
        .collect()
}

#[test]
fn dependencies_are_those_of_the_table() {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec().unwrap();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut only_in_cli = BTreeSet::new();
    for package in &metadata.packages {
        let mut ours = BTreeSet::new();
        for dependency in &package.dependencies {
            // The tests crate has nothing but dev-dependencies; elsewhere these do not ship.
            let counts =
                dependency.kind == DependencyKind::Normal || package.name.as_str() == "profkit-tests";
            if counts && dependency.name.starts_with("profkit") {
                ours.insert(short(&dependency.name).to_owned());
            }
            if ["inferno", "clap", "comfy-table", "ratatui"].contains(&dependency.name.as_str()) {
                only_in_cli.insert((short(&package.name).to_owned(), dependency.name.clone()));
            }
        }
        found.insert(short(&package.name).to_owned(), ours);
    }
    let allowed = table();
    assert_eq!(found.keys().collect::<Vec<_>>(), allowed.keys().collect::<Vec<_>>(), "a crate has no row");
    for (name, dependencies) in &found {
        let extra: Vec<_> = dependencies.difference(&allowed[name]).collect();
        assert!(extra.is_empty(), "{name} depends on {extra:?}, which ARCHITECTURE.md does not allow");
        let unused: Vec<_> = allowed[name].difference(dependencies).collect();
        assert!(unused.is_empty(), "ARCHITECTURE.md lets {name} depend on {unused:?}, which it does not");
    }
    // xtask parses its arguments, too.
    only_in_cli.retain(|(package, _)| package != "cli" && package != "xtask");
    assert_eq!(only_in_cli, BTreeSet::new());
}

#[test]
fn every_source_file_says_what_it_is() {
    let mut checked = 0;
    let mut pending = vec![root().join("crates"), root().join("tests"), root().join("fuzz")];
    while let Some(path) = pending.pop() {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            checked += 1;
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("//!"), "{} does not start with //!", path.display());
        }
    }
    assert!(checked > 50, "only {checked} files found");
}
