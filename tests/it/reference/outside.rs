//! A crate outside of the workspace that uses two of its crates as others' tools would; Go's pprof judges what it writes.

use std::process::Command;

use tempfile::TempDir;

use super::tools::{root, run, tool};

#[test]
fn another_crate_reads_changes_and_writes_a_profile() {
    let folder = TempDir::new().unwrap();
    let (from, to) = (root().join("fixtures/pprof/pprof-rs-0.15.0-cpu.pb"), folder.path().join("out.pb"));
    let raw = |file: &std::path::Path| {
        let mut pprof = Command::new(tool("pprof/pprof-go1.27"));
        String::from_utf8(run(pprof.args(["-raw", "-symbolize=none"]).arg(file), "")).unwrap()
    };
    // Each of the two threads of that program goes through a function of its own.
    let mut cargo = Command::new("cargo");
    cargo
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(root().join("tests/outside/Cargo.toml"));
    cargo.arg("--target-dir").arg(root().join("target/outside")).arg("--");
    run(cargo.arg(&from).arg("cpu::main::{{closure}}").arg(&to), "");
    let (all, kept) = (raw(&from), raw(&to));
    let count = |text: &str, thread: &str| text.matches(&format!("thread:[{thread}]")).count();
    assert!(count(&all, "worker") > 0 && count(&all, "cpu") > 0, "{all}");
    assert_eq!(count(&kept, "worker"), count(&all, "worker"));
    assert_eq!(count(&kept, "cpu"), 0);
}
