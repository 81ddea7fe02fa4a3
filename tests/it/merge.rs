//! `profkit merge` from outside: which files it takes, what it refuses, and that its bytes depend on nothing but them.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use profkit_formats::{LoadOptions, load_path};
use profkit_profile::Profile;
use tempfile::TempDir;

use crate::command::{command as profkit, fixture};

fn command(folder: &Path) -> Command {
    let mut command = profkit(folder);
    command.arg("merge");
    command
}

/// Runs a merge in a folder.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder).args(arguments).output().unwrap()
}

fn merge(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
    stderr
}

fn refuse(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn load(path: &Path) -> Profile {
    load_path(path, &LoadOptions::default()).unwrap().profile
}

/// Three dumps, and one sampled profile.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (from, to) in [
        ("pstats/cpython-3.9-calls.pstats", "a.prof"),
        ("pstats/cpython-3.11-calls.pstats", "b.prof"),
        ("pstats/cpython-3.13-calls.pstats", "sub/c.prof"),
        ("pprof/go-1.19-cpu.pb.gz", "sub/sub/d.pb.gz"),
    ] {
        let to = folder.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(fixture(from), to).unwrap();
    }
    folder
}

/// All values of a profile, by sample type.
fn sums(profile: &Profile) -> Vec<(String, i128)> {
    let sum = |index: usize| {
        let samples: i128 = profile.samples().values(index).iter().copied().map(i128::from).sum();
        let calls: i128 = profile.calls().functions().own(index).iter().copied().map(i128::from).sum();
        samples + calls
    };
    let types = profile.sample_types().iter().enumerate();
    types.map(|(index, sample_type)| (profile.text(sample_type.name).into_owned(), sum(index))).collect()
}

#[test]
fn bytes_depend_neither_on_order_nor_threads_nor_grouping() {
    for (format, extension) in [
        ("pstats", "pstats"),
        ("pprof", "pb"),
        ("collapsed", "folded"),
        ("speedscope", "speedscope.json"),
        ("callgrind", "callgrind"),
        ("yappi", "ystat"),
    ] {
        let folder = TempDir::new().unwrap();
        let folder = folder.path();
        let mut files: Vec<String> = fs::read_dir(fixture(format))
            .unwrap()
            .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
            .filter(|path| {
                !path.ends_with(".md") && load_path(path.as_ref(), &LoadOptions::default()).is_ok()
            })
            .collect();
        assert!(files.len() > 5, "{format}");
        files.sort();
        let merged = |name: &str, files: &[&str], threads: &str| {
            let output = format!("{name}.{extension}");
            merge(folder, &[files, &["-o", &output, "--threads", threads]].concat());
            fs::read(folder.join(output)).unwrap()
        };
        let names: Vec<&str> = files.iter().map(String::as_str).collect();
        let expected = merged("all", &names, "1");
        for threads in ["2", "8"] {
            let mut shuffled = names.clone();
            shuffled.rotate_left(files.len() / 3);
            shuffled.reverse();
            assert!(merged("other", &shuffled, threads) == expected, "{format}, {threads} threads");
        }
        if format == "pstats" || format == "pprof" {
            // What pstats cannot hold (samples, callers of which only the calls are known) is estimated when a merge is
            // written, and estimates of parts do not add up to that of the whole.
            let exact = |name: &&str| format == "pprof" || name.contains("/cpython-");
            let names: Vec<&str> = names.into_iter().filter(exact).collect();
            let expected = merged("exact", &names, "2");
            let (one, other) = names.split_at(names.len() / 2);
            merged("one", one, "2");
            merged("two", other, "2");
            let parts = [format!("one.{extension}"), format!("two.{extension}")];
            let again = merged("again", &[&parts[1], &parts[0]], "2");
            assert!(again == expected, "{format}, merges merged");
        }
    }
}

#[test]
fn folders_patterns_and_lists_name_inputs() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("sub/.hidden.prof"), "not a profile").unwrap();
    fs::write(folder.join("sub/README"), "Some words about\nthese files.\n").unwrap();
    let stderr = merge(folder, &["a.prof", "b.prof", "sub", "-o", "all.pb"]);
    assert!(stderr.contains("1 file in folders passed over: no profile"), "{stderr}");
    let all = fs::read(folder.join("all.pb")).unwrap();
    merge(folder, &["*.prof", "sub/*.prof", "sub/**/*.pb.gz", "-o", "pattern.pb"]);
    assert!(fs::read(folder.join("pattern.pb")).unwrap() == all);
    for (name, list) in [
        ("lines", &b"b.prof\na.prof\nsub/sub/d.pb.gz\r\nsub/c.prof"[..]),
        ("nul", b"a.prof\0sub/c.prof\0b.prof\0sub/sub/d.pb.gz\0"),
    ] {
        let output = format!("{name}.pb");
        let mut child =
            command(folder).args(["--files-from", "-", "-o", &output]).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(list).unwrap();
        assert!(child.wait().unwrap().success());
        assert!(fs::read(folder.join(&output)).unwrap() == all, "{name}");
    }
}

#[test]
fn a_link_to_nothing_in_a_folder_is_told() {
    let folder = folder();
    let folder = folder.path();
    symlink("gone", folder.join("sub/latest")).unwrap();
    let stderr = merge(folder, &["sub", "-o", "all.pb"]);
    assert!(stderr.contains("1 file in folders passed over: no profile"), "{stderr}");
    // A name that promises a profile is asked for.
    symlink("gone", folder.join("sub/latest.prof")).unwrap();
    let output = run(folder, &["sub", "-o", "all.pb"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && stderr.contains("error: sub/latest.prof: No such file"), "{stderr}");
    let stderr = merge(folder, &["sub", "--skip-invalid", "-o", "all.pb"]);
    assert!(stderr.contains("left out sub/latest.prof: No such file"), "{stderr}");
}

#[test]
fn a_name_that_is_no_text_is_no_match_and_no_harm() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join(OsStr::from_bytes(b"\xff.prof")), "not a profile").unwrap();
    fs::create_dir(folder.join(".cache")).unwrap();
    fs::copy(folder.join("a.prof"), folder.join(".cache/a.prof")).unwrap();
    fs::write(folder.join(".cache/.b.prof"), "not a profile").unwrap();
    merge(folder, &["a.prof", "b.prof", "-o", "named.pb"]);
    merge(folder, &["[ab].prof", "?.prof", "-o", "pattern.pb"]);
    assert!(fs::read(folder.join("pattern.pb")).unwrap() == fs::read(folder.join("named.pb")).unwrap());
    merge(folder, &[".cache/*", "-o", "hidden.pb"]);
    merge(folder, &["a.prof", "-o", "one.pb"]);
    assert!(fs::read(folder.join("hidden.pb")).unwrap() == fs::read(folder.join("one.pb")).unwrap());
}

#[test]
fn a_file_counts_once_under_whatever_name() {
    let folder = folder();
    let folder = folder.path();
    symlink("a.prof", folder.join("link.prof")).unwrap();
    merge(folder, &["a.prof", "-o", "once.pstats"]);
    let stderr = merge(folder, &["a.prof", "./a.prof", "sub/../a.prof", "link.prof", "-o", "many.pstats"]);
    assert!(stderr.contains("3 inputs given more than once"), "{stderr}");
    assert!(fs::read(folder.join("many.pstats")).unwrap() == fs::read(folder.join("once.pstats")).unwrap());
}

#[test]
fn a_recording_counts_once_under_whatever_name() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let recording = folder.join("holder/r.recording");
    fs::create_dir_all(&recording).unwrap();
    // This is what makes a folder a recording; there is nothing in it.
    fs::write(recording.join("recording"), "").unwrap();
    for (names, repeated) in [
        (&["holder/r.recording", "holder/r.recording/", "./holder/r.recording"][..], "2 inputs given more"),
        (&["holder", "holder/r.recording"], "1 input given more"),
    ] {
        let stderr = merge(folder, &[names, &["-o", "out.pb"]].concat());
        assert!(stderr.contains(repeated), "{stderr}");
    }
}

#[test]
fn what_is_named_is_not_passed_over() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("sub/README"), "Some words about\nthese files.\n").unwrap();
    merge(folder, &["./sub", "-o", "out.pb"]);
    for holder in ["sub", "./sub", "."] {
        let stderr = refuse(folder, &[holder, "sub/README", "-o", "out.pb"]);
        assert!(stderr.contains("README"), "{stderr}");
    }
}

#[test]
fn all_broken_inputs_are_listed_and_nothing_is_written() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("empty.prof"), "").unwrap();
    let whole = fs::read(folder.join("b.prof")).unwrap();
    fs::write(folder.join("cut.prof"), &whole[..whole.len() / 2]).unwrap();
    let inputs = ["a.prof", "b.prof", "empty.prof", "cut.prof", "missing.prof", "sub"];
    let stderr = refuse(folder, &[&inputs[..], &["-o", "out.pb"]].concat());
    for part in
        ["empty.prof: ", "the file is empty", "cut.prof: byte", "missing.prof: No such file", "3 of 7 inputs"]
    {
        assert!(stderr.contains(part), "{part} is not in {stderr}");
    }
    assert!(!folder.join("out.pb").exists());

    let stderr = merge(folder, &[&inputs[..], &["-o", "out.pb", "--skip-invalid"]].concat());
    let profile = load(&folder.join("out.pb"));
    let comments: Vec<_> = profile.meta().comments.iter().map(|&comment| profile.text(comment)).collect();
    for name in ["empty.prof", "cut.prof", "missing.prof"] {
        assert!(stderr.contains(&format!("left out {name}")), "{stderr}");
        assert!(
            comments.iter().any(|text| text.starts_with(&format!("profkit: left out {name}"))),
            "{comments:?}"
        );
    }
    let stderr = refuse(folder, &["empty.prof", "-o", "none.pb"]);
    assert!(stderr.contains("1 of 1 inputs cannot be read; nothing was written\n"), "{stderr}");
    let stderr = refuse(folder, &["empty.prof", "--skip-invalid", "-o", "none.pb"]);
    assert!(stderr.contains("no profile is left"), "{stderr}");
    assert!(!folder.join("none.pb").exists());
}

#[test]
fn no_input_is_wrong_usage() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("list"), "").unwrap();
    for arguments in [&[][..], &["empty"], &["--files-from", "list"]] {
        let stderr = refuse(folder.path(), arguments);
        assert!(stderr.contains("nothing to merge"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn without_a_name_the_output_is_named_by_its_format_and_replaces_nothing() {
    let folder = folder();
    let folder = folder.path();
    let stderr = merge(folder, &["a.prof", "b.prof"]);
    assert!(stderr.contains("2 profiles merged into merged.pstats"), "{stderr}");
    assert_eq!(load(&folder.join("merged.pstats")).meta().format, "pstats");
    let before = fs::read(folder.join("merged.pstats")).unwrap();
    let stderr = refuse(folder, &["a.prof", "sub/c.prof"]);
    assert!(stderr.contains("merged.pstats: it is there already"), "{stderr}");
    assert!(fs::read(folder.join("merged.pstats")).unwrap() == before);
    merge(folder, &["a.prof", "sub"]);
    assert_eq!(load(&folder.join("merged.pb.gz")).meta().format, "pprof");
    merge(folder, &["a.prof", "--to", "collapsed"]);
    assert_eq!(load(&folder.join("merged.collapsed")).meta().format, "collapsed");
    // Named with -o, it is replaced.
    merge(folder, &["a.prof", "-o", "merged.pstats"]);
    assert!(fs::read(folder.join("merged.pstats")).unwrap() != before);
}

#[test]
fn the_output_may_be_an_input() {
    let folder = folder();
    let folder = folder.path();
    merge(folder, &["a.prof", "b.prof", "-o", "both.pstats"]);
    let stderr = merge(folder, &["a.prof", "b.prof", "-o", "a.prof"]);
    assert!(stderr.contains("a.prof is one of the inputs; what comes of all replaces it"), "{stderr}");
    assert!(fs::read(folder.join("a.prof")).unwrap() == fs::read(folder.join("both.pstats")).unwrap());
}

#[test]
fn mixed_formats_keep_their_totals() {
    let folder = folder();
    let folder = folder.path();
    merge(folder, &[".", "-o", "all.pb"]);
    let mut expected = std::collections::BTreeMap::new();
    for file in ["a.prof", "b.prof", "sub/c.prof", "sub/sub/d.pb.gz"] {
        for (name, sum) in sums(&load(&folder.join(file))) {
            *expected.entry(name).or_insert(0) += sum;
        }
    }
    let merged: std::collections::BTreeMap<String, i128> =
        sums(&load(&folder.join("all.pb"))).into_iter().collect();
    assert_eq!(expected.len(), 3, "time, samples and cpu stay three: {expected:?}");
    for (name, sum) in expected {
        assert_eq!(merged[&name], sum, "{name}");
    }
}

#[test]
fn there_may_be_more_files_than_a_process_can_open() {
    let folder = folder();
    let folder = folder.path();
    for number in 0..300 {
        fs::copy(folder.join("a.prof"), folder.join(format!("sub/{number}.prof"))).unwrap();
    }
    let script = format!(
        "ulimit -n 40 && exec '{}' merge sub -o out.pstats",
        env!("CARGO_BIN_EXE_profkit-under-test")
    );
    let output = Command::new("sh").current_dir(folder).args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let one = sums(&load(&folder.join("a.prof")))[0].1;
    fs::remove_file(folder.join("sub/sub/d.pb.gz")).unwrap();
    fs::remove_file(folder.join("sub/c.prof")).unwrap();
    merge(folder, &["sub", "-o", "out.pstats"]);
    assert_eq!(sums(&load(&folder.join("out.pstats")))[0].1, 300 * one);
}

#[test]
fn a_file_that_grows_is_read_to_some_end() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("growing.folded");
    fs::write(&path, "main;work 1\n".repeat(100_000)).unwrap();
    let mut file = fs::File::options().append(true).open(&path).unwrap();
    let grow = std::thread::spawn(move || {
        for _ in 0..1_000 {
            file.write_all(&b"main;work 1\n".repeat(100)).unwrap();
            std::thread::sleep(Duration::from_micros(200));
        }
    });
    merge(folder.path(), &["growing.folded", "-o", "out.folded"]);
    grow.join().unwrap();
    let count = sums(&load(&folder.path().join("out.folded")))[0].1;
    assert!((100_000..=200_000).contains(&count), "{count}");
}

#[test]
fn origins_stay_apart_as_asked() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    fs::write(folder.join("a.folded"), "process 1:\"x\";thread (0x1): main;f (x.py:1) 1\n").unwrap();
    fs::write(
        folder.join("b.folded"),
        "process 1:\"x\";thread (0x2): main;f (x.py:1) 2\nprocess 2:\"x\";thread (0x1): main;f (x.py:1) 4\n",
    )
    .unwrap();
    let rows = |by: &str| {
        let arguments = ["a.folded", "b.folded", "-o", "out.pb", "--by", by];
        merge(folder, if by.is_empty() { &arguments[..4] } else { &arguments });
        let profile = load(&folder.join("out.pb"));
        let mut values = profile.samples().values(0).to_vec();
        values.sort_unstable();
        values
    };
    assert_eq!(rows("none"), [7]);
    assert_eq!(rows("process"), [3, 4]);
    assert_eq!(rows("thread"), [1, 2, 4]);
    assert_eq!(rows("file"), [1, 6]);
    assert_eq!(rows(""), [1, 2, 4]);
}

#[test]
fn merges_by_file_can_be_merged_again() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    for (name, value) in [("a", 1), ("b", 2), ("c", 4)] {
        fs::write(folder.join(format!("{name}.folded")), format!("main;f (x.py:1) {value}\n")).unwrap();
    }
    merge(folder, &["a.folded", "b.folded", "c.folded", "--by", "file", "-o", "all.pb"]);
    merge(folder, &["a.folded", "b.folded", "--by", "file", "-o", "ab.pb"]);
    merge(folder, &["ab.pb", "c.folded", "--by", "file", "-o", "again.pb"]);
    let again = load(&folder.join("again.pb"));
    let rows = |profile: &Profile| -> Vec<(String, i64)> {
        let file = |sample: profkit_profile::Sample| profile.origins()[sample.origin].file;
        let files = profile.samples().iter().map(|sample| profile.text(file(sample)).into_owned());
        files.zip(profile.samples().values(0).iter().copied()).collect()
    };
    let named = |name: &str, value: i64| (name.to_owned(), value);
    assert_eq!(rows(&again), [named("a.folded", 1), named("b.folded", 2), named("c.folded", 4)]);
    assert_eq!(rows(&load(&folder.join("all.pb"))), rows(&again));
    assert_eq!(again.labels().len(), 1, "no label of an input is left beside its origin");
    merge(folder, &["again.pb", "--by", "none", "-o", "none.pb"]);
    assert_eq!(load(&folder.join("none.pb")).samples().values(0), [7]);
}

#[test]
fn paths_of_machines_meet_only_if_asked() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let line = |path: &str, count: u32| format!("main (main.py:1);f ({path}:1) {count}\n");
    fs::write(
        folder.join("a.folded"),
        line("/usr/lib/python3.11/utils.py", 1) + &line("/srv/app/utils.py", 2),
    )
    .unwrap();
    fs::write(
        folder.join("b.folded"),
        line("/opt/py/lib/python3.12/utils.py", 4) + &line("/home/ann/app/utils.py", 8),
    )
    .unwrap();
    let rows = |more: &[&str]| {
        merge(folder, &[&["a.folded", "b.folded", "-o", "out.pb"], more].concat());
        let mut values = load(&folder.join("out.pb")).samples().values(0).to_vec();
        values.sort_unstable();
        values
    };
    assert_eq!(rows(&[]), [1, 2, 4, 8]);
    assert_eq!(rows(&["--portable-paths"]), [2, 5, 8]);
    assert_eq!(rows(&["--map-path", "/srv=src", "--map-path", "/home/ann=src"]), [1, 4, 10]);
    assert_eq!(
        rows(&["--portable-paths", "--map-path", "/srv/app=app", "--map-path", "/home/ann/app=app"]),
        [5, 10]
    );
}

#[test]
fn an_interrupt_leaves_nothing_behind() {
    let folder = folder();
    let folder = folder.path();
    assert!(Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let mut child = command(folder).args(["a.prof", "pipe", "-o", "out.pstats"]).spawn().unwrap();
        // Opening the pipe waits until the other side reads it: then the merge is under way.
        let pipe = fs::File::options().write(true).open(folder.join("pipe")).unwrap();
        Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(status));
        drop(pipe);
    }
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.prof", "b.prof", "pipe", "sub"]);
}

#[test]
fn a_full_disk_is_an_error() {
    let folder = folder();
    let stderr = refuse(folder.path(), &["a.prof", "b.prof", "--to", "pstats", "-o", "/dev/full"]);
    assert!(stderr.contains("No space left"), "{stderr}");
}

#[test]
fn a_disk_that_becomes_full_leaves_what_was_there() {
    // The kernel refuses the write in the middle of the file, as a full disk does.
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("out.pstats"), "what was there").unwrap();
    let output = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" merge a.prof b.prof -o out.pstats"])
        .arg(env!("CARGO_BIN_EXE_profkit-under-test"))
        .current_dir(folder)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("error: out.pstats: File too large"), "{stderr}");
    assert_eq!(fs::read(folder.join("out.pstats")).unwrap(), b"what was there");
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.prof", "b.prof", "out.pstats", "sub"]);
}

#[test]
fn stdin_and_stdout_are_files_too() {
    let folder = folder();
    let folder = folder.path();
    merge(folder, &["a.prof", "b.prof", "-o", "both.pstats"]);
    let mut child = command(folder)
        .args(["-", "b.prof", "--to", "pstats", "-o", "-"])
        .stdin(fs::File::open(folder.join("a.prof")).unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut bytes = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut bytes).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(bytes == fs::read(folder.join("both.pstats")).unwrap());
}
