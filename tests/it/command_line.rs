//! What each command prints and how it ends.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use crate::command::{command, fixture, refuse, run};

fn json(arguments: &[&str]) -> Value {
    let folder = TempDir::new().unwrap();
    serde_json::from_str(&run(folder.path(), arguments).stdout).unwrap()
}

fn path(name: &str) -> String {
    fixture(name).into_os_string().into_string().unwrap()
}

/// One file of each format, the main job: each into each.
const MAIN: &[(&str, &str, &str)] = &[
    ("pstats/cpython-3.11-calls.pstats", "a.pstats", "time"),
    ("yappi/yappi-1.7.6-threads-wall.ystat", "a.ystat", "wall"),
    ("callgrind/valgrind-3.19-default.callgrind", "a.callgrind", "Ir"),
    ("collapsed/py-spy-0.4.3-plain.collapsed", "a.folded", "samples"),
    ("pprof/go-1.27-cpu.pb.gz", "a.pb.gz", "cpu"),
    ("speedscope/py-spy-0.4.3-threads.speedscope.json", "a.speedscope.json", "time"),
];

#[test]
fn each_format_becomes_each_other() {
    let folder = TempDir::new().unwrap();
    for (from, _, value) in MAIN {
        let source = run(folder.path(), &["report", &path(from), "--json", "--value", value]).stdout;
        let source: Value = serde_json::from_str(&source).unwrap();
        for (_, to, _) in MAIN {
            run(folder.path(), &["convert", &path(from), "-o", to]);
            let report = run(folder.path(), &["report", to, "--json"]).stdout;
            let report: Value = serde_json::from_str(&report).unwrap();
            let totals = report["total"].as_object().unwrap().values();
            let totals: Vec<i64> = totals.map(|total| total.as_i64().unwrap()).collect();
            let expected = source["total"][value].as_i64().unwrap();
            assert!(expected > 0);
            // pstats and yappi hold seconds and nothing else: one sample, one instruction becomes one second.
            let is_time = ["time", "wall", "cpu"].contains(value);
            let seconds = !is_time && (to.ends_with("stats") || to.ends_with("ystat"));
            let expected = if seconds { expected * 1_000_000_000 } else { expected };
            assert!(totals.contains(&expected), "{from} → {to}: {expected} → {totals:?}");
        }
    }
}

#[test]
fn a_pipe_is_read_and_written() {
    let folder = TempDir::new().unwrap();
    let bytes = fs::read(fixture("pstats/cpython-3.11-calls.pstats")).unwrap();
    let mut child = command(folder.path())
        .args(["convert", "-", "--to", "pprof", "-o", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(output.stdout.starts_with(b"\x1f\x8b"), "pprof comes in gzip");
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("note: stdin: stacks estimated"));
    fs::write(folder.path().join("piped"), output.stdout).unwrap();
    run(folder.path(), &["convert", &path("pstats/cpython-3.11-calls.pstats"), "-o", "direct.pb.gz"]);
    assert!(
        fs::read(folder.path().join("piped")).unwrap()
            == fs::read(folder.path().join("direct.pb.gz")).unwrap()
    );
}

#[test]
fn a_closed_pipe_is_no_error() {
    let folder = TempDir::new().unwrap();
    let mut child = command(folder.path())
        .args(["report", &path("pprof/ddtrace-4.16.0-recursion.pb.zst"), "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn report_prints_the_fixed_json() {
    let report = json(&["report", &path("pstats/cpython-3.11-calls.pstats"), "--json"]);
    assert_eq!(report["sample_types"], serde_json::json!([{"name": "time", "unit": "nanoseconds"}]));
    let functions = report["functions"].as_array().unwrap();
    let mut keys: Vec<&String> = functions[0].as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["calls", "file", "line", "name", "primitive_calls", "self", "total"]);
    let own: i64 = functions.iter().map(|function| function["self"]["time"].as_i64().unwrap()).sum();
    assert_eq!(report["total"]["time"], own);
    let selfs: Vec<i64> =
        functions.iter().map(|function| function["self"]["time"].as_i64().unwrap()).collect();
    assert!(selfs.is_sorted_by(|one, next| one >= next));
    assert!(functions.iter().any(|row| row["calls"].as_i64() > row["primitive_calls"].as_i64()), "recursion");
}

#[test]
fn the_total_is_the_sum_of_the_rows_of_every_fixture() {
    let folder = TempDir::new().unwrap();
    for format in profkit_formats::FORMATS {
        for entry in fs::read_dir(fixture(format.name())).unwrap() {
            let path = entry.unwrap().path();
            let report = run(folder.path(), &["report".as_ref(), path.as_os_str(), "--json".as_ref()]).stdout;
            let report: Value = serde_json::from_str(&report).unwrap();
            for (name, total) in report["total"].as_object().unwrap() {
                let rows = report["functions"].as_array().unwrap().iter();
                let sum: i64 = rows.map(|row| row["self"][name].as_i64().unwrap()).sum();
                assert_eq!(total.as_i64(), Some(sum), "{}: {name}", path.display());
            }
        }
    }
}

#[test]
fn report_takes_its_options() {
    let file = path("pprof/go-1.27-heap.pb.gz");
    let types = |report: &Value| report["functions"][0]["self"].as_object().unwrap().len();
    let report = json(&["report", &file, "--json", "--limit", "3"]);
    assert_eq!(report["functions"].as_array().unwrap().len(), 3);
    assert_eq!(types(&report), 4);
    let by_file = json(&["report", &file, "--json", "--group", "file"]);
    assert!(
        by_file["functions"].as_array().unwrap().len()
            < json(&["report", &file, "--json"])["functions"].as_array().unwrap().len()
    );
    assert_eq!(by_file["total"], report["total"]);
    let folder = TempDir::new().unwrap();
    let table =
        run(folder.path(), &["report", &file, "--value", "alloc_space", "--sort", "total", "--limit", "1"])
            .stdout;
    assert!(table.starts_with("6.51 MiB of alloc_space, 23 rows\n"), "{table}");
    assert!(table.contains("main.main") && table.contains("99.9 %") && !table.contains('\u{1b}'), "{table}");
    assert!(
        refuse(folder.path(), &["report", &file, "--value", "cpu"]).contains("alloc_objects, alloc_space")
    );
    for (option, note) in [
        (["--sort", "calls"], "note: no calls were counted; rows come by name\n"),
        (["--group", "label:foo"], "note: no sample has a label `foo`; there are `bytes`\n"),
    ] {
        assert_eq!(run(folder.path(), &[&["report", &file][..], &option].concat()).stderr, note);
    }
}

#[test]
fn rows_of_a_thread_are_kept_apart_when_asked() {
    let file = path("collapsed/py-spy-0.4.3-subprocesses.collapsed");
    let folded = json(&["report", &file, "--json"]);
    let apart = json(&["report", &file, "--json", "--by", "thread"]);
    assert_eq!(folded["total"], apart["total"]);
    let rows = |report: &Value| report["functions"].as_array().unwrap().len();
    assert!(rows(&apart) > rows(&folded));
    assert!(apart["functions"][0].to_string().contains("\"tid\""), "{}", apart["functions"][0]);
}

#[test]
fn info_says_what_there_is() {
    let info = json(&["info", &path("collapsed/py-spy-0.4.3-subprocesses.collapsed"), "--json"]);
    assert_eq!((&info["format"], &info["shape"]), (&"collapsed".into(), &"stacks".into()));
    assert_eq!(info["dialect"], "py-spy");
    // One of them had no name in its first samples.
    let threads = info["threads"].as_array().unwrap();
    assert_eq!(threads.len(), 6);
    let late: Vec<_> = threads.iter().filter(|thread| thread["tid"] == 328).collect();
    assert!(late.len() == 1 && late[0]["name"] == "second worker", "{late:?}");
    assert_eq!(
        (&info["duration_ns"], &info["start_ns"], &info["estimated"]),
        (&Value::Null, &Value::Null, &false.into())
    );
    for key in ["producer", "sample_types", "samples", "stacks", "functions", "call_edges", "comments"] {
        assert!(info.get(key).is_some(), "{key}");
    }
    let info = json(&["info", &path("pstats/cpython-3.11-calls.pstats"), "--json"]);
    assert_eq!((&info["shape"], &info["samples"]), (&"call-graph".into(), &0.into()));
    let empty = path("pstats/cpython-3.11-empty.pstats");
    let printed = run(Path::new("."), &["info", &empty]).stdout;
    assert!(printed.contains("\nholds         nothing\n"), "{printed}");
}

#[test]
fn an_estimate_is_called_one() {
    let folder = TempDir::new().unwrap();
    let source = path("pstats/cpython-3.11-calls.pstats");
    for (name, told) in
        [("a.pb.gz", true), ("a.speedscope.json", true), ("a.folded", true), ("a.callgrind", false)]
    {
        let stderr = run(folder.path(), &["convert", &source, "-o", name]).stderr;
        assert_eq!(stderr.contains("stacks estimated from call edges"), told, "{stderr}");
        let info = run(folder.path(), &["info", name, "--json"]).stdout;
        let info: Value = serde_json::from_str(&info).unwrap();
        assert_eq!(info["estimated"], told, "{name}");
        if told {
            let stderr = run(folder.path(), &["convert", &source, "-o", name, "--stacks=edges"]).stderr;
            assert!(!stderr.contains("estimated"), "{stderr}");
            let info = run(folder.path(), &["info", name, "--json"]).stdout;
            assert!(info.contains("\"estimated\": false"), "{name}: {info}");
        }
    }
}

/// `fill` of native.c spends 1,731 of its 2,718 in code from a header.
#[test]
fn inlined_code_is_of_its_function_and_of_its_file() {
    let folder = TempDir::new().unwrap();
    let source = path("callgrind/valgrind-3.19-default.callgrind");
    let report = |arguments: &[&str]| -> Value {
        let arguments = [&["report", "--json"], arguments].concat();
        serde_json::from_str(&run(folder.path(), &arguments).stdout).unwrap()
    };
    for arguments in [&[][..], &["--stacks=edges"]] {
        let convert = [&["convert", &source, "-o", "a.pb.gz"], arguments].concat();
        let stderr = run(folder.path(), &convert).stderr;
        assert!(stderr.contains("lines of other files (inlined code) in 1 function left out"), "{stderr}");
        let report = report(&["a.pb.gz"]);
        let mut functions = report["functions"].as_array().unwrap().iter();
        assert_eq!(functions.find(|row| row["name"] == "fill").unwrap()["self"]["Ir"], 2718);
    }
    let report = report(&["--group", "file", &source]);
    let mut files = report["functions"].as_array().unwrap().iter();
    let header = files.find(|row| row["file"] == "/app/native_inline.h").unwrap();
    assert_eq!(header["self"]["Ir"], 1731);
}

#[test]
fn what_pairs_of_caller_and_callee_cannot_say_is_said() {
    let folder = TempDir::new().unwrap();
    let said = |source: &str, output: &str| {
        let stderr = run(folder.path(), &["convert", &path(source), "-o", output]).stderr;
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        stderr
    };
    for (output, also) in [
        ("a.pstats", "unknown numbers of calls: written as 0; the sampling period; binaries"),
        ("a.ystat", "the unknown numbers of; the sampling period; binaries"),
        ("a.callgrind", "the unknown counts of; the sampling period"),
    ] {
        let stderr = said("pprof/go-1.27-cpu.pb.gz", output);
        let kinds = "kinds of frames (inlined, kernel, compiled)";
        let lost = format!(
            "whole stacks, only pairs of caller and callee; labels of samples; addresses; {kinds}; {also}"
        );
        for phrase in lost.split("; ") {
            assert!(stderr.contains(phrase), "{output}, {phrase}: {stderr}");
        }
        assert!(!stderr.contains("order of samples"), "{stderr}");
        let stderr = said("speedscope/py-spy-0.4.3-main.speedscope.json", output);
        assert!(stderr.contains("the order of samples in time") && stderr.contains("title"), "{stderr}");
        assert!(!stderr.contains("labels") && !stderr.contains("addresses"), "{stderr}");
    }
    // What holds pairs loses nothing that pairs cannot say.
    let file = path("pstats/cpython-3.11-calls.pstats");
    assert_eq!(run(folder.path(), &["convert", &file, "-o", "b.pstats"]).stderr, "");
}

#[test]
fn nobody_has_counted_the_calls_of_samples() {
    let calls = |file: &str| {
        let report = json(&["report", &path(&format!("speedscope/{file}")), "--json", "--limit", "0"]);
        let rows = report["functions"].as_array().unwrap().clone();
        assert!(!rows.is_empty());
        rows.iter().filter(|row| row["calls"].is_u64()).count()
    };
    assert!(calls("speedscope-python-1.0-calls.speedscope.json") > 0);
    assert_eq!(calls("pyinstrument-5.1.3-asyncio.speedscope.json"), 0);
    assert_eq!(calls("speedscope-1.25.0-export-collapsed.speedscope.json"), 0);
}

#[test]
fn threads_and_processes_of_py_spy_are_no_functions() {
    for name in ["threads", "subprocesses"] {
        let file = path(&format!("speedscope/py-spy-0.4.3-{name}.speedscope.json"));
        let folder = TempDir::new().unwrap();
        let report = run(folder.path(), &["report", &file, "--limit", "0"]).stdout;
        assert!(!report.contains("thread (") && !report.contains("process 2"), "{report}");
        run(folder.path(), &["convert", &file, "-o", "a.txt"]);
        let text = fs::read_to_string(folder.path().join("a.txt")).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        assert!(lines.clone().all(|line| line.matches("thread (").count() == 1), "{text}");
        let children =
            lines.filter(|line| line.starts_with("process 272:") && line.contains(";process 278:"));
        assert_eq!(children.count() > 0, name == "subprocesses", "{text}");
    }
}

#[test]
fn a_dialect_can_be_forced() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.txt"), "main 3\nother 4\n").unwrap();
    assert!(refuse(folder.path(), &["info", "a.txt"]).contains("--from collapsed"));
    let info = run(folder.path(), &["info", "a.txt", "--from", "collapsed:flamegraph", "--json"]).stdout;
    assert!(info.contains("\"dialect\": \"flamegraph\""), "{info}");
    let error = command(folder.path()).args(["info", "a.txt", "--from", "collapsed:x"]).output().unwrap();
    assert_eq!(error.status.code(), Some(2));
    assert!(String::from_utf8(error.stderr).unwrap().contains("py-spy"));
}

#[test]
fn formats_lists_the_registry() {
    let formats = json(&["formats", "--json"]);
    let names: Vec<&str> =
        formats.as_array().unwrap().iter().map(|format| format["name"].as_str().unwrap()).collect();
    let expected: Vec<&str> = profkit_formats::FORMATS.iter().map(|format| format.name()).collect();
    assert_eq!(names, expected);
    let text = run(Path::new("."), &["formats"]).stdout;
    assert!(text.lines().next().unwrap().ends_with("what it is"), "{text}");
    // A dialect that can only be written, and both sides of one that can be read too.
    for option in ["--to   callgrind:parts", "--from collapsed:", "--to   collapsed:"] {
        assert!(text.contains(option), "{text}");
    }
}

#[test]
fn texts_that_are_no_profiles_are_refused_with_a_guess() {
    let folder = TempDir::new().unwrap();
    let root = fixture("README.md");
    let root = root.parent().unwrap().parent().unwrap();
    for text in [
        "ARCHITECTURE.md",
        "Cargo.toml",
        "Cargo.lock",
        "crates/cli/src/main.rs",
        "fixtures/README.md",
        "fixtures/make/pstats.sh",
    ] {
        let text = root.join(text).into_os_string().into_string().unwrap();
        let error = refuse(folder.path(), &["info", &text]);
        assert!(error.starts_with(&format!("error: {text}: not a profile profkit knows: ")), "{error}");
    }
    for legacy in fs::read_dir(fixture("legacy")).unwrap() {
        let legacy = legacy.unwrap().path().into_os_string().into_string().unwrap();
        let error = refuse(folder.path(), &["info", &legacy]);
        assert!(error.contains("legacy pprof format"), "{error}");
    }
    assert!(refuse(folder.path(), &["info", "missing"]).starts_with("error: missing: "));
    assert!(refuse(folder.path(), &["info", "."]).contains("folder"));
    fs::write(folder.path().join("empty"), "").unwrap();
    assert!(refuse(folder.path(), &["info", "empty"]).contains("the file is empty"));
}

#[test]
fn info_lists_some_threads_of_many() {
    let folder = TempDir::new().unwrap();
    for (threads, listed, more) in [(40, 40, None), (41, 39, Some("and 2 more threads; --json lists all"))] {
        let lines: Vec<String> = (0..threads)
            .map(|thread| format!("process 1:\"python x.py\";thread ({});f (/x.py:1) 1", 100 + thread))
            .collect();
        fs::write(folder.path().join("many.folded"), lines.join("\n")).unwrap();
        run(folder.path(), &["convert", "many.folded", "--from", "collapsed:py-spy", "-o", "many.pb.gz"]);
        let info = run(folder.path(), &["info", "many.pb.gz"]).stdout;
        assert_eq!(info.matches(", thread 1").count(), listed, "{info}");
        assert_eq!(info.contains("more thread"), more.is_some(), "{info}");
        assert!(more.is_none_or(|more| info.contains(more)), "{info}");
    }
}

#[test]
fn a_profile_is_split_into_its_processes() {
    let folder = TempDir::new().unwrap();
    let file = path("collapsed/py-spy-0.4.3-subprocesses.collapsed");
    run(folder.path(), &["convert", &file, "-o", "part.pb.gz", "--split", "process"]);
    let names = crate::command::names(folder.path());
    assert_eq!(names, ["part-318.pb.gz", "part-323.pb.gz", "part-324.pb.gz"]);
    let sum: i64 = names
        .iter()
        .map(|name| {
            let report = run(folder.path(), &["report", name, "--json"]).stdout;
            serde_json::from_str::<Value>(&report).unwrap()["total"]["samples"].as_i64().unwrap()
        })
        .sum();
    assert_eq!(sum, json(&["report", &file, "--json"])["total"]["samples"].as_i64().unwrap());
}
