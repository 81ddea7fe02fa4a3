//! Merges, judged by those who merge: `pstats.Stats(*files)` of CPython and `profile.Merge` of Go's pprof.
//!
//! What would surprise: sums of times are compared with a tolerance of 2⁻⁴⁰ of the value, since pstats adds up floats,
//! one file after another, and rounds each time; profkit's are exact. Counts are compared exactly.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use profkit_formats::{LoadOptions, load_path, registry, write_path};
use profkit_profile::{
    CallEdge, Function, FunctionCalls, LabelSetId, OriginId, Profile, ProfileBuilder, WriteOptions,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::pstats::{plain, row_key};
use super::sources::of_format;
use super::tools::{reader, tool};

/// How many dumps are generated, beside the real ones.
const GENERATED: u64 = 1_000;

fn load(path: &Path) -> Profile {
    load_path(path, &LoadOptions::default()).unwrap().profile
}

fn merged(files: &[PathBuf], output: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_profkit-under-test"));
    let output = command.arg("merge").args(files).arg("-o").arg(output).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn value(&mut self, limit: u64) -> i64 {
        i64::try_from(self.below(limit)).unwrap()
    }
}

/// A dump of some of 60 functions, of which some are of one name or one file.
fn generated(seed: u64) -> Profile {
    let mut numbers = Numbers(seed);
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    let functions: Vec<_> = (0..60u8)
        .map(|number| {
            let name = builder.string(format!("f{}", number % 20).as_bytes()).unwrap();
            let file = builder.string(format!("/srv/app/m{}.py", number % 7).as_bytes()).unwrap();
            let first_line = i64::from(number / 20);
            builder.function(Function { name, file, first_line, ..Function::EMPTY }).unwrap()
        })
        .collect();
    let chosen: Vec<_> = functions.into_iter().filter(|_| numbers.below(3) > 0).collect();
    for &function in &chosen {
        let (primitive, more) = (numbers.value(1_000) + 1, numbers.value(3));
        let own = numbers.value(1 << 40);
        let row = FunctionCalls {
            origin: OriginId::UNKNOWN,
            function,
            labels: LabelSetId::EMPTY,
            calls: Some(primitive + more),
            primitive_calls: Some(primitive),
        };
        builder.function_calls(row, &[own], &[own + numbers.value(1 << 40)]).unwrap();
        for &caller in &chosen {
            if numbers.below(20) > 0 {
                continue;
            }
            let edge = CallEdge {
                origin: OriginId::UNKNOWN,
                caller,
                callee: function,
                site: None,
                calls: Some(primitive + more),
                primitive_calls: Some(primitive),
                has_self: true,
                has_total: true,
            };
            builder.call_edge(edge, &[own], &[own + numbers.value(1 << 30)]).unwrap();
        }
    }
    builder.finish().unwrap()
}

/// What pstats makes of files.
fn pstats(series: &str, files: &[PathBuf]) -> Value {
    let mut command = Command::new(tool(&format!("python/{series}")));
    command.arg(reader("pstats_stats.py")).args(files).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The counts and the times of every function and of every pair.
fn rows(document: &Value) -> BTreeMap<String, ([i64; 2], [f64; 2])> {
    let numbers = |row: &Value| {
        let counts = ["calls", "primitive_calls"].map(|key| row[key].as_i64().unwrap());
        (counts, ["self", "total"].map(|key| row[key].as_f64().unwrap()))
    };
    let mut found = BTreeMap::new();
    for row in document["functions"].as_array().unwrap() {
        found.insert(row_key(row, &plain), numbers(row));
        for caller in row["callers"].as_array().unwrap() {
            found.insert(format!("{} -> {}", row_key(caller, &plain), row_key(row, &plain)), numbers(caller));
        }
    }
    found
}

fn compare_pstats(series: &str, files: &[PathBuf]) {
    let folder = TempDir::new().unwrap();
    let output = folder.path().join("merged.pstats");
    merged(files, &output);
    let (expected, found) = (pstats(series, files), pstats(series, &[output]));
    let (expected, found) = (rows(&expected), rows(&found));
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (key, (counts, times)) in expected {
        let shown = found[&key];
        assert_eq!(shown.0, counts, "{key}");
        for (shown, time) in shown.1.into_iter().zip(times) {
            assert!((shown - time).abs() <= time.abs() / 2f64.powi(40), "{key}: {shown}, not {time}");
        }
    }
}

#[test]
fn a_thousand_generated_dumps_and_all_real_ones_as_pstats_adds_them() {
    let folder = TempDir::new().unwrap();
    let format = registry::by_name("pstats").unwrap();
    let mut files: Vec<PathBuf> = (0..GENERATED)
        .map(|seed| {
            let path = folder.path().join(format!("{seed}.pstats"));
            write_path(&generated(seed), format, &path, &WriteOptions::default()).unwrap();
            path
        })
        .collect();
    compare_pstats("3.11", &files);
    // Not those of yappi, whose counts are in the other order: pstats adds them up as they stand. Dumps of Python 2 are no dumps to Python 3; those that pstats itself cannot add (TypeError) have integer callers.
    let real = ["cpython-3.", "marshal-"];
    let sources = of_format("pstats");
    let real =
        sources.iter().filter(|source| real.iter().any(|start| source.name.contains(&format!("/{start}"))));
    // An empty dump is no dump to pstats: `Cannot create or construct a Stats object`.
    let real = real.filter(|source| !source.profile.calls().is_empty());
    let real: Vec<PathBuf> = real.map(|source| source.path.clone()).collect();
    assert!(real.len() > 20, "{} real dumps", real.len());
    // Version 5 and 6 of marshal came with Python 3.14 and 3.15.
    compare_pstats("3.15", &real);
    files.extend(real);
    compare_pstats("3.15", &files);
}

#[test]
fn callers_that_are_integers_are_added_where_pstats_cannot() {
    let sources = of_format("pstats");
    let path = |name: &str| sources.iter().find(|source| source.name.ends_with(name)).unwrap().path.clone();
    let files = [path("cpython-3.12-calls.pstats"), path("profile-3.12-calls.pstats")];
    let mut command = Command::new(tool("python/3.12"));
    let refused = command.arg(reader("pstats_stats.py")).args(&files).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("TypeError"), "pstats can add them now");
    let folder = TempDir::new().unwrap();
    let output = folder.path().join("merged.pstats");
    merged(&files, &output);
    let calls = |profile: &Profile| -> (i64, i64) {
        let functions = profile.calls().functions().rows().iter().filter_map(|row| row.calls).sum();
        (functions, profile.calls().edges().rows().iter().filter_map(|row| row.calls).sum())
    };
    let each =
        files.iter().map(|path| calls(&load(path))).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert_eq!(calls(&load(&output)), each);
    pstats("3.12", &[output]);
}

/// What the library of a release of Go makes of files.
fn go(release: &str, files: &[PathBuf]) -> Result<Value, String> {
    let output = Command::new(tool(&format!("pprof/pprof-dump-{release}"))).args(files).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

/// What makes mappings the same in a merge.
fn mapping_key(mapping: &Value) -> Value {
    let number = |key: &str| mapping[key].as_u64().unwrap();
    let pages = (number("limit").wrapping_sub(number("start")).wrapping_add(4095)) / 4096;
    let name = if mapping["build_id"] == "" { &mapping["file"] } else { &mapping["build_id"] };
    json!([pages, mapping["offset"], name])
}

/// Every sample of a merge, with addresses that count from the start of their mapping: which mapping stands for those
/// that are the same is the choice of who merges.
fn samples(document: &Value) -> Vec<String> {
    let location = |index: &Value| {
        let location = &document["locations"][usize::try_from(index.as_u64().unwrap()).unwrap()];
        let mapping = location["mapping"].as_u64();
        let mapping = mapping.map(|index| &document["mappings"][usize::try_from(index).unwrap()]);
        let start = mapping.map_or(0, |mapping| mapping["start"].as_u64().unwrap());
        let address = location["address"].as_u64().unwrap().wrapping_sub(start);
        json!([mapping.map(mapping_key), address, location["folded"], location["lines"]])
    };
    let sample = |sample: &Value| {
        let stack: Vec<Value> = sample["stack"].as_array().unwrap().iter().map(location).collect();
        json!([stack, sample["labels"], sample["values"]]).to_string()
    };
    let mut found: Vec<String> = document["samples"].as_array().unwrap().iter().map(sample).collect();
    found.sort();
    found
}

/// The parts of the head that are not those of the first file in Go, nor our own comments.
///
/// The time is one of them where a file has none: `combineHeaders` of Go 1.19 to 1.27 means to take the earliest, but the
/// 0 of a later file replaces it.
fn head(document: &Value, with_time: bool) -> Value {
    let comments = document["comments"].as_array().unwrap().iter();
    let comments: BTreeSet<&str> =
        comments.map(|text| text.as_str().unwrap()).filter(|text| !text.starts_with("profkit:")).collect();
    let keys = ["sample_types", "duration_nanos", "period_type", "period"];
    let time = with_time.then(|| &document["time_nanos"]);
    json!([keys.map(|key| document[key].clone()), time, comments])
}

fn compare_pprof(release: &str) {
    let folder = TempDir::new().unwrap();
    let output = folder.path().join("merged.pb");
    let files: Vec<PathBuf> = of_format("pprof").into_iter().map(|source| source.path).collect();
    let (mut compared, mut with_itself, mut times) = (0, 0, 0);
    for (number, one) in files.iter().enumerate() {
        let copy = folder.path().join("copy");
        fs::copy(one, &copy).unwrap();
        for other in files[number + 1..].iter().chain([&copy]) {
            let pair = [one.clone(), other.clone()];
            // Go refuses pairs of different sample types.
            let Ok(expected) = go(release, &pair) else { continue };
            merged(&pair, &output);
            let found = go(release, std::slice::from_ref(&output)).unwrap();
            let names = format!("{} and {}", one.display(), other.display());
            assert_eq!(samples(&found), samples(&expected), "{names}");
            let with_time = pair.iter().all(|path| load(path).meta().start_ns.is_some());
            times += usize::from(with_time);
            assert_eq!(head(&found, with_time), head(&expected, with_time), "{names}");
            compared += 1;
            with_itself += usize::from(*other == copy);
        }
    }
    assert!(with_itself >= 25 && compared >= with_itself + 10, "{compared} pairs, {with_itself} with itself");
    assert!(times >= 20, "{times} pairs with times");
}

#[test]
fn pprof_as_go_1_19_merges() {
    compare_pprof("go1.19");
}

#[test]
fn pprof_as_go_1_27_merges() {
    compare_pprof("go1.27");
}
