//! Files of the real tools, against a second reader that is slow and plain: it splits each line at its last space.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use profkit_profile::{Profile, WriteOptions};
use support::{Key, is_recognised, read, rows, totals, try_read, write};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/collapsed")
}

/// Name and content of every file that is not compressed.
fn files() -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder()).expect("the folder of fixtures");
    let paths = entries.map(|entry| entry.unwrap().path());
    let files =
        paths.filter(|path| !matches!(path.extension().and_then(|ext| ext.to_str()), Some("gz" | "zst")));
    files
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect()
}

fn decode(bytes: &[u8]) -> String {
    let units = |read: fn([u8; 2]) -> u16| {
        String::from_utf16(&bytes[2..].chunks(2).map(|pair| read([pair[0], pair[1]])).collect::<Vec<_>>())
            .unwrap()
    };
    match bytes {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        _ => String::from_utf8(bytes.to_vec()).unwrap().trim_start_matches('\u{feff}').to_owned(),
    }
}

/// Thousandths, as the counts of the files have at most three decimals.
fn thousandths(number: &str) -> Option<i64> {
    let (sign, number) = number.strip_prefix('-').map_or((1, number), |number| (-1, number));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    Some(sign * format!("{whole}{fraction:0<3}").parse::<i64>().unwrap())
}

/// What the plain reader finds: sums of the last numbers, and lines that have none.
#[derive(Default, Debug)]
struct Plain {
    stacks: usize,
    bad: usize,
    sums: [i64; 3],
    before: i64,
}

fn plain(text: &str) -> Plain {
    let mut found = Plain::default();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (stack, number) = line.rsplit_once(' ').unwrap_or(("", ""));
        let fields: Option<Vec<i64>> = number.split(',').map(thousandths).collect();
        let Some(fields) = fields else {
            found.bad += 1;
            continue;
        };
        found.stacks += 1;
        fields.iter().zip(&mut found.sums).for_each(|(field, sum)| *sum += field);
        found.before += stack.rsplit_once(' ').and_then(|(_, first)| thousandths(first)).unwrap_or(0);
    }
    found
}

fn dialect_of(name: &str) -> &'static str {
    match name.split_once('-').map(|(tool, _)| tool) {
        Some("sampling") => "tachyon",
        Some("austin") => "austin",
        Some("perf") => "perf",
        _ => "py-spy",
    }
}

fn total(profile: &Profile, index: usize) -> i64 {
    let (.., decimals, total) = totals(profile).swap_remove(index);
    total * 10i64.pow(3 - u32::from(decimals))
}

#[test]
fn every_file_has_the_totals_of_a_plain_reader() {
    for (name, bytes) in files() {
        let plain = plain(&decode(&bytes));
        // Names with line breaks make lines without a number, which belong to the line after them.
        let broken = name.contains("odd-names");
        assert!(is_recognised(&bytes), "{name}");
        let profile = read(&bytes);
        assert_eq!(profile.meta().dialect, dialect_of(&name), "{name}");
        if name.contains("diff") {
            assert_eq!((total(&profile, 0), total(&profile, 1)), (plain.before, plain.sums[0]), "{name}");
        } else if name.starts_with("austin") {
            check_austin(&name, &profile, &plain, &decode(&bytes));
        } else {
            assert_eq!(total(&profile, 0), plain.sums[0], "{name}");
        }
        assert_eq!(
            profile.meta().notes.is_empty(),
            broken || plain.bad == 0,
            "{name}: {:?}",
            profile.meta().notes
        );
    }
}

fn check_austin(name: &str, profile: &Profile, plain: &Plain, text: &str) {
    let types: Vec<_> =
        totals(profile).into_iter().map(|(name, unit, ..)| format!("{name}/{unit}")).collect();
    let mode = text.lines().find_map(|line| line.strip_prefix("# mode: ")).unwrap();
    if mode == "memory" {
        let freed = if types.len() == 2 { total(profile, 1) } else { 0 };
        assert_eq!(total(profile, 0) - freed, plain.sums[0], "{name}");
        return;
    }
    assert_eq!(types[0], if mode == "cpu" { "cpu/nanoseconds" } else { "wall/nanoseconds" }, "{name}");
    // Microseconds become nanoseconds.
    assert_eq!(total(profile, 0), plain.sums[0] * 1_000, "{name}");
    if text.contains(",0,") {
        let freed = if types.len() == 4 { total(profile, 3) } else { 0 };
        assert_eq!(total(profile, 2) - freed, plain.sums[2], "{name}");
        let idle: i64 = text
            .lines()
            .filter_map(|line| {
                let mut fields = line.rsplit_once(' ')?.1.split(',');
                let time = fields.next()?.parse::<i64>().ok()?;
                (fields.next()? == "1").then_some(time)
            })
            .sum();
        assert_eq!(totals(profile)[0].3 - totals(profile)[1].3, idle * 1_000, "{name}");
    }
}

#[test]
fn every_file_reads_back_as_it_was_written() {
    for (name, bytes) in files() {
        let Ok(profile) = try_read(&bytes, None) else { continue };
        let (written, _) = write(&profile, &WriteOptions::default()).unwrap();
        assert!(is_recognised(&written), "{name}");
        let again = read(&written);
        assert_eq!(totals(&again), totals(&profile), "{name}");
        assert_eq!(rows(&again), rows(&profile), "{name}");
        assert_eq!(write(&again, &WriteOptions::default()).unwrap().0, written, "{name}");
    }
}

#[test]
fn python_frames_have_files_and_lines() {
    for (name, bytes) in files() {
        let Ok(profile) = try_read(&bytes, None) else { continue };
        if profile.meta().dialect == "perf" {
            continue;
        }
        let with_lines = !name.contains("no-lines");
        for key in rows(&profile).into_keys() {
            for (frame, file, line, _) in &key.frames {
                let own: [&[u8]; 4] = [b"<native>", b"<GC>", b"INVALID", b"GC"];
                let artificial = own.contains(&&frame[..]) || file == b"<task>";
                assert!(artificial || !file.is_empty(), "{name}: {}", String::from_utf8_lossy(frame));
                assert!(
                    artificial || (*line > 0) == with_lines,
                    "{name}: {}",
                    String::from_utf8_lossy(frame)
                );
            }
        }
    }
}

#[test]
fn threads_and_processes_reach_the_profile() {
    let keys = |part: &str| -> Vec<Key> {
        let found = files().into_iter().filter(|(name, _)| name.contains(part));
        let keys: Vec<_> = found.flat_map(|(_, bytes)| rows(&read(&bytes)).into_keys()).collect();
        assert!(!keys.is_empty(), "{part}");
        keys
    };
    assert!(keys("py-spy-0.4.3-threads").iter().all(|key| key.tid.is_some()));
    assert!(keys("py-spy-0.4.3-threads").iter().any(|key| !key.thread.is_empty()));
    let processes = keys("py-spy-0.4.3-subprocesses");
    assert!(processes.iter().all(|key| key.pid.is_some() && !key.process.is_empty()));
    assert!(processes.iter().any(|key| key.labels.iter().any(|label| label.0 == b"parent_process")));
    assert!(keys("sampling-3.15").iter().all(|key| key.tid.is_some()));
    assert!(
        keys("austin-").iter().all(|key| key.pid.is_some() && (key.tid.is_some() || !key.thread.is_empty()))
    );
    assert!(keys("perf-6.1").iter().all(|key| !key.process.is_empty()));
    assert!(keys("perf-6.1-native-tid").iter().all(|key| key.pid.is_some() && key.tid.is_some()));
}

#[test]
fn odd_names_are_put_together_again() {
    for part in ["py-spy-0.4.3-odd-names", "sampling-3.15-odd-names"] {
        let (_, bytes) = files().into_iter().find(|(name, _)| name.starts_with(part)).unwrap();
        let names: Vec<_> =
            rows(&read(&bytes)).into_keys().flat_map(|key| key.frames).map(|frame| frame.0).collect();
        for name in
            ["semi;colon", "sp ace", "new\nline", "tab\tbed", "count 12", "🐍 snake", "<angle>", "a:b:c"]
        {
            let wanted = format!("outer.<locals>.{name}");
            // A colon in a name cannot be told from that before the name.
            let found = names.iter().any(|found| found == wanted.as_bytes());
            assert!(found || (name == "a:b:c" && part.starts_with("sampling")), "{part}: {wanted}");
        }
    }
}

#[test]
fn variants_of_a_file_are_the_same_profile() {
    let files = files();
    let plain = rows(&read(&files["py-spy-0.4.3-plain.collapsed"]));
    for variant in ["crlf", "utf16le", "utf16be", "utf8-bom", "comments", "no-last-newline"] {
        assert_eq!(rows(&read(&files[&format!("variant-{variant}.collapsed")])), plain, "{variant}");
    }
    let twice = rows(&read(&files["variant-duplicates.collapsed"]));
    assert_eq!(twice.len(), plain.len());
    assert!(twice.iter().all(|(key, values)| values[0] == 2 * plain[key][0]));
}
