//! `profkit diff -o x.pb.gz` judged by `go tool pprof`: the file shows what Go's own `-diff_base` shows of the sources.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::tools::{run, tool};
use crate::command::fixture;

/// Pairs of files that Go can compare, and a sample type of both.
const PAIRS: &[(&str, &str, &str)] = &[
    ("go-1.19-cpu.pb.gz", "go-1.27-cpu.pb.gz", "cpu"),
    ("go-1.19-cpu.pb.gz", "go-1.27-cpu.pb.gz", "samples"),
    ("go-1.27-cpu.pb.gz", "go-1.19-cpu.pb.gz", "cpu"),
    ("go-1.19-heap.pb.gz", "go-1.27-heap.pb.gz", "alloc_space"),
    ("go-1.19-heap.pb.gz", "go-1.27-heap.pb.gz", "inuse_objects"),
    ("google-pprof-node-5.0.0-wall.pb.gz", "google-pprof-node-5.0.0-wall.pb.gz", "wall"),
];

fn top(release: &str, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new(tool(&format!("pprof/pprof-{release}")));
    command.args(["-top", "-nodecount=1000", "-nodefraction=0"]).args(arguments);
    let text = String::from_utf8(run(&mut command, "")).unwrap();
    // The binary is that of the first file in Go, and the least by name in a merge of ours.
    let lines = text.lines().filter(|line| !line.starts_with("File: ") && !line.starts_with("Build ID: "));
    lines.map(str::to_owned).collect()
}

fn compare(release: &str) {
    let folder = TempDir::new().unwrap();
    let output = folder.path().join("diff.pb.gz");
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let mut rows = 0;
    for (base, new, value) in PAIRS {
        let (base, new) = (path(&fixture(&format!("pprof/{base}"))), path(&fixture(&format!("pprof/{new}"))));
        let index = format!("-sample_index={value}");
        for (ours, theirs) in [("none", None), ("total", Some("-normalize"))] {
            let arguments = ["diff", &base, &new, "--normalize", ours, "-o", "diff.pb.gz"];
            crate::command::run(folder.path(), &arguments);
            let mut go = vec![index.as_str(), "-diff_base", &base];
            go.extend(theirs);
            go.push(&new);
            let expected = top(release, &go);
            assert_eq!(top(release, &[&index, &path(&output)]), expected, "{base} {new} {value} {ours}");
            rows += expected.len();
        }
    }
    assert!(rows > 100, "{rows}");
}

#[test]
fn pprof_shows_our_difference_as_go_1_19_does() {
    compare("go1.19");
}

#[test]
fn pprof_shows_our_difference_as_go_1_27_does() {
    compare("go1.27");
}
