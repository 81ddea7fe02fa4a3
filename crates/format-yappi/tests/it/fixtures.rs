//! Every fixture of the format.

use std::fs;
use std::path::PathBuf;

use profkit_format_yappi::Yappi;
use profkit_profile::{Format, Sniff};

use crate::{assert_round_trip, read};

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "fixtures", "yappi"].iter().collect();
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn every_fixture_is_read_and_written_again() {
    for (name, bytes) in fixtures() {
        assert_eq!(Yappi.sniff(&bytes), Sniff::Yes, "{name}");
        let profile = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(profile.meta().format, "yappi");
        assert_round_trip(&profile, &name);
    }
}

/// What `calls.py` does is the same whenever it runs; counted by unpickling the files with CPython.
#[test]
fn every_release_counts_the_same_calls() {
    let counts = |bytes: &[u8]| {
        let profile = read(bytes).unwrap();
        let calls = profile.calls();
        let all: i64 = calls.functions().rows().iter().filter_map(|row| row.calls).sum();
        let primitive: i64 = calls.functions().rows().iter().filter_map(|row| row.primitive_calls).sum();
        (calls.functions().len(), calls.edges().len(), all, primitive)
    };
    let mut seen = 0;
    for (name, bytes) in fixtures().iter().filter(|(name, _)| name.contains("-calls-")) {
        let expected = match name.as_str() {
            _ if name.contains("python-2.7") => (36, 55, 942, 453),
            // From Python 3.12 on comprehensions are no functions.
            _ if name.contains("1.6.10") || name.contains("python-3.13") => (33, 47, 799, 310),
            _ => (37, 53, 803, 314),
        };
        assert_eq!(counts(bytes), expected, "{name}");
        seen += 1;
    }
    assert!(seen >= 8);
}
