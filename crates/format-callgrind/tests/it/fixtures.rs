//! Every fixture of the format.

use std::fs;
use std::path::PathBuf;

use profkit_format_callgrind::Callgrind;
use profkit_profile::{Format, Sniff};

use crate::{assert_round_trip, read, write};

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "fixtures", "callgrind"].iter().collect();
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
        assert_eq!(Callgrind.sniff(&bytes), Sniff::Yes, "{name}");
        let profile = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(profile.meta().format, "callgrind");
        assert!(!profile.calls().is_empty(), "{name}");
        // Addresses, and names with newlines, are lost once and then stay as they are.
        let (once, _) = write(&profile, None);
        assert_round_trip(&read(&once).unwrap(), None, &name);
        let sum = |bytes: &[u8]| read(bytes).unwrap().calls().functions().own(0).iter().sum::<i64>();
        assert_eq!(sum(&once), sum(&bytes), "{name}");
    }
}

#[test]
fn every_run_of_the_same_program_costs_the_same() {
    // Callgrind counts instructions: whichever positions, names and parts a file has, they add up to its `totals:`.
    let mut seen = 0;
    for (name, bytes) in fixtures().iter().filter(|(name, _)| name.starts_with("valgrind-")) {
        let text = String::from_utf8_lossy(bytes);
        let totals = text.lines().filter_map(|line| line.strip_prefix("totals: "));
        let totals: i64 = totals.map(|line| line.split(' ').next().unwrap().parse::<i64>().unwrap()).sum();
        assert_eq!(read(bytes).unwrap().calls().functions().own(0).iter().sum::<i64>(), totals, "{name}");
        seen += 1;
    }
    assert!(seen >= 10);
}
