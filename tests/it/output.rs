//! Where output cannot go: a clear error, and nothing lost or left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::command::{fixture, names, refuse, run};

fn source() -> String {
    fixture("pstats/cpython-3.11-calls.pstats").into_os_string().into_string().unwrap()
}

#[test]
fn the_input_may_be_the_output() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.pstats");
    fs::copy(source(), &file).unwrap();
    run(folder.path(), &["convert", "a.pstats", "-o", "a.pstats"]);
    let report = |file: &str| run(folder.path(), &["report", file, "--json"]).stdout;
    assert_eq!(report("a.pstats"), report(&source()));
    run(folder.path(), &["convert", "a.pstats", "-o", "a.pstats", "--to", "pprof"]);
    assert!(fs::read(&file).unwrap().starts_with(b"\x1f\x8b"));
    assert_eq!(names(folder.path()), ["a.pstats"]);
}

#[test]
fn a_folder_is_no_output() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("out.pb.gz")).unwrap();
    let error = refuse(folder.path(), &["convert", &source(), "-o", "out.pb.gz"]);
    assert!(error.contains("out.pb.gz: it is a folder"), "{error}");
    let error = refuse(folder.path(), &["convert", &source(), "-o", "no/such/out.pb.gz"]);
    assert!(error.contains("no/such/out.pb.gz"), "{error}");
    assert_eq!(names(folder.path()), ["out.pb.gz"]);
    assert!(names(&folder.path().join("out.pb.gz")).is_empty());
}

#[test]
fn what_cannot_be_written_leaves_the_old_file() {
    let folder = TempDir::new().unwrap();
    let old = folder.path().join("out.folded");
    fs::write(&old, "old").unwrap();
    // A broken input is found before the output is touched.
    let mut bytes = fs::read(source()).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(folder.path().join("broken"), bytes).unwrap();
    let error = refuse(folder.path(), &["convert", "broken", "-o", "out.folded"]);
    assert!(error.contains("broken: byte ") && error.contains("(read as pstats)"), "{error}");
    assert_eq!(fs::read_to_string(&old).unwrap(), "old");
    assert_eq!(names(folder.path()), ["broken", "out.folded"]);
}

#[test]
fn a_full_disk_is_told() {
    // A device that is always full stands for the disk; it is written in place.
    let folder = TempDir::new().unwrap();
    let error = refuse(folder.path(), &["convert", &source(), "--to", "pprof", "-o", "/dev/full"]);
    assert!(error.starts_with("error: /dev/full: No space left"), "{error}");
}

#[test]
fn a_limit_on_file_sizes_leaves_nothing_behind() {
    // The kernel refuses the write in the middle of the file, as a full disk does.
    let folder = TempDir::new().unwrap();
    let output = std::process::Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" convert \"$1\" -o out.pstats --to pstats"])
        .arg(env!("CARGO_BIN_EXE_profkit-under-test"))
        .arg(source())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("error: out.pstats: File too large"), "{stderr}");
    assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
}

#[test]
fn links_and_permissions_stay() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("real.folded"), "old").unwrap();
    fs::set_permissions(folder.path().join("real.folded"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real.folded", folder.path().join("link.folded")).unwrap();
    run(folder.path(), &["convert", &source(), "-o", "link.folded"]);
    assert!(fs::symlink_metadata(folder.path().join("link.folded")).unwrap().is_symlink());
    let real = folder.path().join("real.folded");
    assert!(fs::read_to_string(&real).unwrap().contains(';'));
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn where_nothing_can_be_written_is_told_first() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("existing")).unwrap();
    // The input is missing too: the output is looked at before it is read.
    for (output, words) in
        [("existing", "existing: it is a folder"), ("no/x.pb.gz", "no/x.pb.gz: its folder: No such file")]
    {
        let error = refuse(folder.path(), &["convert", "missing", "-o", output]);
        assert!(error.contains(words), "{error}");
    }
    let error = refuse(folder.path(), &["flamegraph", "missing", "-o", "no/x.svg"]);
    assert!(error.contains("no/x.svg: its folder: "), "{error}");
}

#[test]
fn a_split_replaces_no_file() {
    let folder = TempDir::new().unwrap();
    let file =
        fixture("collapsed/py-spy-0.4.3-subprocesses.collapsed").into_os_string().into_string().unwrap();
    fs::write(folder.path().join("part-323.pb.gz"), "mine").unwrap();
    let error = refuse(folder.path(), &["convert", &file, "-o", "part.pb.gz", "--split", "process"]);
    assert!(error.contains("part-323.pb.gz: it exists"), "{error}");
    assert_eq!(names(folder.path()), ["part-323.pb.gz"]);
    assert_eq!(fs::read(folder.path().join("part-323.pb.gz")).unwrap(), b"mine");
}

#[test]
fn an_unknown_extension_asks_for_a_format() {
    let folder = TempDir::new().unwrap();
    let error = refuse(folder.path(), &["convert", &source(), "-o", "out.xyz"]);
    assert!(error.contains("--to FORMAT"), "{error}");
    let error = refuse(folder.path(), &["convert", &source(), "-o", "-"]);
    assert!(error.contains("--to FORMAT"), "{error}");
}

#[test]
fn a_name_that_ends_in_gz_is_gzipped_however_it_is_spelled() {
    let folder = TempDir::new().unwrap();
    for (name, is_gzipped) in [("a.pstats", false), ("b.pstats.gz", true), ("c.PSTATS.GZ", true)] {
        run(folder.path(), &["convert", &source(), "-o", name]);
        let bytes = fs::read(folder.path().join(name)).unwrap();
        assert_eq!(bytes.starts_with(b"\x1f\x8b"), is_gzipped, "{name}");
    }
}
