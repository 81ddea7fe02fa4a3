//! Every fixture of every format of the registry: recognised, read, written, read again, and turned into every other
//! format without losing anything of its sum.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use profkit_formats::{FORMATS, Format, LoadOptions, Loaded, Stacks, fit, load_bytes, load_path};
use profkit_profile::views::totals::totals;
use profkit_profile::{Dimension, Evidence, Profile, Shape, WriteOptions};

use crate::command::fixture;

/// All files of the formats' folders, in order.
fn files() -> Vec<(&'static dyn Format, PathBuf)> {
    let mut files = Vec::new();
    for format in FORMATS {
        let entries = fs::read_dir(fixture(format.name())).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(paths.len() >= 14, "{} fixtures of {}", paths.len(), format.name());
        files.extend(paths.into_iter().map(|path| (*format, path)));
    }
    files
}

fn load(path: &std::path::Path) -> Loaded {
    load_path(path, &LoadOptions::default()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(profile: &Profile, format: &dyn Format) -> (Vec<u8>, Vec<String>) {
    let mut bytes = Vec::new();
    let written = format.write(profile, &mut bytes, &WriteOptions::default()).unwrap();
    (bytes, written.losses)
}

/// The sum of self values by sample type.
fn sums(profile: &Profile) -> BTreeMap<String, i64> {
    let totals = totals(profile);
    let types = profile.sample_types().iter().enumerate();
    types.map(|(index, of)| (profile.text(of.name).into_owned(), totals.sum(index))).collect()
}

#[test]
fn the_content_tells_the_format() {
    for (format, path) in files() {
        let loaded = load(&path);
        assert_eq!(loaded.format.name(), format.name(), "{}", path.display());
        assert_eq!(loaded.profile.meta().format, format.name());
    }
}

#[test]
fn numbers_are_as_they_were() {
    let mut table = String::new();
    for (format, path) in files() {
        let profile = load(&path).profile;
        let name = path.file_name().unwrap().to_str().unwrap();
        let rows = profile.samples().len() + profile.calls().edges().len();
        let sums: Vec<String> = sums(&profile).iter().map(|(name, sum)| format!("{name} {sum}")).collect();
        writeln!(
            table,
            "{}/{name} {} {}: {rows} rows, {} functions; {}",
            format.name(),
            profile.meta().dialect,
            profile.meta().producer,
            profile.functions().len(),
            sums.join(", ")
        )
        .unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_is_written_reads_back_the_same() {
    for (format, path) in files().into_iter().filter(|(format, _)| format.is_written()) {
        let profile = load(&path).profile;
        let (first, losses) = write(&profile, format);
        let back = load_bytes(first.clone(), &LoadOptions::default()).unwrap().profile;
        let (second, _) = write(&back, format);
        assert!(first == second, "{}: the second writing differs", path.display());
        // What a format's own file loses is told; the sums stay in any case.
        let kept: BTreeMap<_, _> = sums(&back);
        for (name, sum) in sums(&profile) {
            if losses
                .iter()
                .all(|loss| !loss.starts_with("other sample types") && !loss.starts_with("the values of"))
                || kept.contains_key(&name)
            {
                assert_eq!(kept.get(&name), Some(&sum), "{}: {name}; losses {losses:?}", path.display());
            }
        }
    }
}

#[test]
fn every_format_holds_the_sum_of_every_fixture() {
    let mut compared = 0;
    for (_, path) in files() {
        let source = load(&path).profile;
        for format in FORMATS.iter().filter(|format| format.is_written()) {
            for stacks in [Stacks::Reconstruct, Stacks::Edges] {
                compared += usize::from(keeps_the_sum(&path, &source, *format, stacks));
            }
        }
    }
    assert!(compared > 1500, "{compared}");
}

/// Self by sample type, file, name and first line, where it is not 0.
fn own_by_function(profile: &Profile) -> BTreeMap<(String, String, String, i64), i64> {
    let totals = totals(profile);
    let mut own: BTreeMap<_, i64> = BTreeMap::new();
    for (index, of) in profile.sample_types().iter().enumerate() {
        for (id, function) in profile.functions().iter().filter(|&(id, _)| totals.own(id, index) != 0) {
            let text = |id| profile.text(id).into_owned();
            let key = (text(of.name), text(function.file), text(function.name), function.first_line);
            *own.entry(key).or_default() += totals.own(id, index);
        }
    }
    own
}

#[test]
fn stacks_keep_the_self_value_of_every_function() {
    let mut compared = 0;
    let pprof = FORMATS.iter().find(|format| format.name() == "pprof").unwrap();
    for (_, path) in files() {
        let source = load(&path).profile;
        if source.shape() != Shape::CallGraph {
            continue;
        }
        let expected = own_by_function(&source);
        for stacks in [Stacks::Reconstruct, Stacks::Edges] {
            let mut fitted = fit(source.clone(), Evidence::Stacks, stacks).unwrap().profile;
            for what in ["fitted", "read back from pprof"] {
                let mut own = own_by_function(&fitted);
                own.retain(|(sample_type, ..), _| sample_type != "calls");
                assert_eq!(own, expected, "{} {what} ({stacks:?})", path.display());
                fitted = load_bytes(write(&fitted, *pprof).0, &LoadOptions::default()).unwrap().profile;
            }
        }
        compared += 1;
    }
    assert!(compared > 60, "{compared}");
}

#[test]
fn what_is_not_there_cannot_be_chosen() {
    let stacks = load(&fixture("collapsed/py-spy-0.4.3-plain.collapsed")).profile;
    let edges = load(&fixture("pstats/cpython-3.11-calls.pstats")).profile;
    for format in FORMATS.iter().filter(|format| format.is_written()) {
        let profile = if format.holds() == Evidence::Stacks { &stacks } else { &edges };
        let refused = |options: WriteOptions<'_>| {
            let mut out = Vec::new();
            let error = format.write(profile, &mut out, &options).unwrap_err();
            assert_eq!(out, b"", "{}", format.name());
            error.to_string()
        };
        let error = refused(WriteOptions { sample_type: Some(9), ..WriteOptions::default() });
        assert_eq!(error, "the profile has no sample type 9");
        let error = refused(WriteOptions { dialect: Some("klingon"), ..WriteOptions::default() });
        assert_eq!(error, format!("{} is not written as \"klingon\"", format.name()));
    }
}

/// Whether the default value of a profile has the same sum after writing and reading; `false` where the format says
/// that it cannot hold it.
fn keeps_the_sum(path: &std::path::Path, source: &Profile, format: &dyn Format, stacks: Stacks) -> bool {
    let what = format!("{} as {} ({stacks:?})", path.display(), format.name());
    let fitted = fit(source.clone(), format.holds(), stacks).unwrap().profile;
    let Some(default) = fitted.default_type() else {
        write(&fitted, format);
        return true;
    };
    let mut bytes = Vec::new();
    let written = match format.write(&fitted, &mut bytes, &WriteOptions::default()) {
        Ok(written) => written,
        Err(error) => {
            assert!(matches!(error, profkit_profile::WriteError::Unsupported(_)), "{what}: {error}");
            return false;
        }
    };
    let back = load_bytes(bytes, &LoadOptions::default()).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(back.format.name(), format.name(), "{what}");
    let back = back.profile;
    let name = source_name(&fitted, default);
    let source_type =
        source.sample_type_named(name.as_bytes()).unwrap_or_else(|| panic!("{what}: no {name}"));
    let expected = totals(source).sum(source_type);
    // pstats and yappi hold seconds and nothing else: one sample, one byte becomes one second.
    let unit = fitted.unit(default);
    let factor = match unit.dimension {
        Dimension::Time => unit.factor,
        _ if ["pstats", "yappi"].contains(&format.name()) => {
            1_000_000_000 / 10i64.pow(u32::from(fitted.sample_types()[default].decimals))
        }
        _ => unit.factor,
    };
    let found: Vec<i64> = (0..back.sample_types().len()).map(|of| totals(&back).sum(of)).collect();
    assert!(
        found.contains(&expected)
            || found.contains(&(expected * factor))
            || written.losses.iter().any(|loss| loss.contains("fraction") || loss.contains("negative")),
        "{what}: {expected} became {found:?}; losses {:?}",
        written.losses
    );
    true
}

fn source_name(profile: &Profile, sample_type: usize) -> String {
    profile.text(profile.sample_types()[sample_type].name).into_owned()
}
