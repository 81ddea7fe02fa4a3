//! Broken and hostile files through the whole way in: containers, detection, reader. The format crates cut every file at
//! every byte; here is what lies between them.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use profkit_formats::{FORMATS, LoadError, LoadOptions, Place, load_bytes};
use tempfile::TempDir;

use crate::command::{command, fixture, names, refuse};

/// The smallest fixtures of every format, whole.
fn small() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for format in FORMATS {
        let entries = fs::read_dir(fixture(format.name())).unwrap();
        let mut files: Vec<(String, Vec<u8>)> = entries
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
            .collect();
        files.sort_by(|one, other| (one.1.len(), &one.0).cmp(&(other.1.len(), &other.0)));
        all.extend(files.into_iter().take(6));
    }
    all
}

fn load(name: &str, bytes: Vec<u8>) -> bool {
    let length = bytes.len();
    match load_bytes(bytes, &LoadOptions::default()) {
        Ok(loaded) => {
            loaded.profile.validate().unwrap_or_else(|error| panic!("{name}: {error}"));
            true
        }
        Err(LoadError::Broken { place: Place::Byte(offset), error, .. }) => {
            // Of the decompressed file; those of the fixtures expand less than fortyfold.
            assert!(offset <= 40 * length, "{name}: {error} at {offset} of {length}");
            false
        }
        Err(error) => {
            assert!(!error.to_string().is_empty(), "{name}");
            false
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_read_or_refused() {
    for (name, bytes) in small() {
        let step = (bytes.len() / 150).max(1);
        let read = (0..bytes.len()).step_by(step).filter(|&end| load(&name, bytes[..end].to_vec())).count();
        // Texts may end anywhere; nothing reads everything.
        assert!(read < bytes.len().div_ceil(step), "{name}: all cuts are read");
        assert!(load(&name, bytes), "{name}");
    }
}

#[test]
fn a_file_with_a_flipped_bit_is_read_or_refused() {
    for (name, bytes) in small() {
        let step = (bytes.len() / 200).max(1);
        for at in (0..bytes.len()).step_by(step) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            load(&name, changed);
        }
    }
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let folder = TempDir::new().unwrap();
    let mut inner = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        inner.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let mut outer = GzEncoder::new(Vec::new(), Compression::best());
    outer.write_all(&inner.finish().unwrap()).unwrap();
    let bomb = outer.finish().unwrap();
    assert!(bomb.len() < 1000, "{}", bomb.len());
    fs::write(folder.path().join("bomb.gz"), bomb).unwrap();
    let error = refuse(folder.path(), &["info", "bomb.gz", "--max-input-size", "32MiB"]);
    assert!(error.contains("bomb.gz") && error.contains("--max-input-size"), "{error}");
}

#[test]
fn what_is_no_profile_is_refused_by_its_begin() {
    let folder = TempDir::new().unwrap();
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..64 {
        bomb.write_all(&vec![0; 1 << 20]).unwrap();
    }
    fs::write(folder.path().join("bomb.gz"), bomb.finish().unwrap()).unwrap();
    // The limit is not what ends it.
    let error = refuse(folder.path(), &["info", "bomb.gz", "--max-input-size", "32MiB"]);
    assert!(error.contains("not a profile profkit knows: it is binary data"), "{error}");
    let error = refuse(folder.path(), &["info", "bomb.gz", "--max-input-size", "32MiB", "--from", "pstats"]);
    assert!(error.contains("it expands to more than 32MiB; raise the limit"), "{error}");
}

#[test]
fn a_profile_whose_begin_tells_nothing_is_read() {
    let folder = TempDir::new().unwrap();
    // A first line of 2 MiB, and a pprof file with 2 MiB of samples before its sample type and strings.
    let deep = format!("{}f 3\nmain;g 4\n", "function;".repeat(1 << 18));
    let mut samples = [0x12, 0x02, 0x18, 0x07].repeat(1 << 19);
    samples.extend(b"\x0a\x04\x08\x01\x10\x02\x32\x00\x32\x03cpu\x32\x0bnanoseconds");
    for (name, bytes) in [("deep.txt", deep.into_bytes()), ("late.pb", samples)] {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&bytes).unwrap();
        let gz = format!("{name}.gz");
        fs::write(folder.path().join(name), bytes).unwrap();
        fs::write(folder.path().join(&gz), packed.finish().unwrap()).unwrap();
        for name in [name, &gz] {
            is_known(&folder, name);
        }
    }
}

/// Where anything went by the square of the depth, this took tens of gigabytes.
#[test]
fn stacks_of_any_depth_are_drawn_and_compared() {
    let folder = TempDir::new().unwrap();
    let stack: Vec<String> = (0..100_000).map(|frame| format!("f{}", frame % 1000)).collect();
    for (name, value) in [("a.folded", 3), ("b.folded", 5)] {
        fs::write(folder.path().join(name), format!("{} {value}\nmain;g 4\n", stack.join(";"))).unwrap();
    }
    let run = |arguments: &[&str]| {
        let output = command(folder.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    run(&["flamegraph", "a.folded", "-o", "a.svg"]);
    run(&["diff", "a.folded", "b.folded", "-o", "d.svg"]);
    for name in ["a.svg", "d.svg"] {
        let svg = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(
            svg.contains("f999 (") && svg.matches("<title>f0 ").count() == 2,
            "{name}: no more than 2,000 deep"
        );
    }
    assert!(fs::read_to_string(folder.path().join("a.svg")).unwrap().contains("too deep to show"));
    let changed = run(&[
        "diff",
        "a.folded",
        "b.folded",
        "--group",
        "stack",
        "--json",
        "--limit",
        "1",
        "--normalize",
        "none",
    ]);
    let changed: serde_json::Value = serde_json::from_slice(&changed).unwrap();
    assert_eq!(changed["stacks"][0]["frames"].as_array().unwrap().len(), stack.len());
    assert_eq!(changed["stacks"][0]["self"]["absolute"], 2);
}

fn is_known(folder: &TempDir, name: &str) {
    let output = command(folder.path()).args(["info", name]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("not a profile profkit knows"), "{name}: {said}");
}

#[test]
fn nothing_in_a_pickle_is_executed() {
    // os.system("touch executed"), as `pickle` writes it in protocol 0, and the same in the place of yappi's class.
    let folder = TempDir::new().unwrap();
    for (name, bytes) in [
        ("plain", &b"cposix\nsystem\n(S'touch executed'\ntR."[..]),
        ("list", &b"(lp0\ncposix\nsystem\n(S'touch executed'\ntRa."[..]),
        ("new", &b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0etouch executed\x85R."[..]),
    ] {
        fs::write(folder.path().join(name), bytes).unwrap();
        refuse(folder.path(), &["info", name]);
        let error = refuse(folder.path(), &["info", name, "--from", "yappi"]);
        assert!(error.contains("posix"), "{error}");
    }
    assert_eq!(names(folder.path()), ["list", "new", "plain"]);
}

#[test]
fn marshal_data_that_crashes_cpython_is_refused() {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in [
        ("deep", [b"(\x01\0\0\0".repeat(1 << 20), b"N".to_vec()].concat()),
        ("huge", b"{(\xff\xff\xff\x7f".to_vec()),
        ("itself", b"\xfb(\x01\0\0\0r\0\0\0\0".to_vec()),
    ] {
        fs::write(folder.path().join(name), bytes).unwrap();
        let error = refuse(folder.path(), &["info", name, "--from", "pstats"]);
        assert!(error.contains("(read as pstats)") && error.contains("byte "), "{name}: {error}");
    }
}

#[test]
fn numbers_that_are_none_name_their_place() {
    let folder = TempDir::new().unwrap();
    let speedscope = br#"{"$schema":"https://www.speedscope.app/file-format-schema.json","shared":{"frames":[{"name":"a"}]},
"profiles":[{"type":"sampled","name":"x","unit":"seconds","startValue":0,"endValue":1,"samples":[[0]],"weights":[1e999]}]}"#;
    for (name, bytes, place) in [
        ("a.folded", &b"a;b 3\na;c nan\na;d inf\na;e 99999999999999999999\n"[..], "line"),
        ("a.json", &speedscope[..], "line 2"),
    ] {
        fs::write(folder.path().join(name), bytes).unwrap();
        let error = refuse(
            folder.path(),
            &["info", name, "--from", if place == "line" { "collapsed" } else { "speedscope" }],
        );
        assert!(error.contains(place), "{error}");
    }
}

#[test]
fn names_from_a_hostile_file_do_not_reach_the_terminal_raw() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.folded"), "main;\u{1b}[31mred\u{7} 3\nmain;work 2\n").unwrap();
    let table = crate::command::run(folder.path(), &["report", "a.folded", "--from", "collapsed"]).stdout;
    assert!(!table.contains('\u{1b}') && !table.contains('\u{7}'), "{table:?}");
}
