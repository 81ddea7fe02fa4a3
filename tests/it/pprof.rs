//! What only pprof says of functions and frames, as commands show it. `go tool pprof` decides what is right.

use std::path::Path;

use profkit_formats::{LoadOptions, WriteOptions, load_path, registry, write_path};
use profkit_profile::{Frame, Function, ProfileBuilder, Sample};
use serde_json::Value;
use tempfile::TempDir;

use crate::command::run;

/// `a.pb` with one sample of functions that have the linker's name only.
fn write_sample(folder: &Path, system_names: &[&str], change: impl FnOnce(&mut ProfileBuilder)) {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"cpu", b"nanoseconds").unwrap();
    let mut stack = None;
    for name in system_names {
        let system_name = builder.string(name.as_bytes()).unwrap();
        let function = builder.function(Function { system_name, ..Function::EMPTY }).unwrap();
        let frame = builder.frame(Frame { function: Some(function), ..Frame::EMPTY }).unwrap();
        stack = Some(builder.stack(stack, frame).unwrap());
    }
    builder.sample(Sample::of(stack), &[5]).unwrap();
    change(&mut builder);
    let pprof = registry::by_name("pprof").unwrap();
    write_path(&builder.finish().unwrap(), pprof, &folder.join("a.pb"), &WriteOptions::default()).unwrap();
}

#[test]
fn a_function_without_a_name_is_called_as_by_the_linker() {
    let folder = TempDir::new().unwrap();
    write_sample(folder.path(), &["main", "_Z3foov"], |_| ());
    for name in ["b.pb", "b.pstats", "b.ystat", "b.callgrind", "b.folded", "b.speedscope.json"] {
        let said = run(folder.path(), &["convert", "a.pb", "-o", name]).stderr;
        assert!(["linker", "system name", "empty"].iter().all(|lost| !said.contains(lost)), "{name}: {said}");
        let report = run(folder.path(), &["report", name, "--json"]).stdout;
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["functions"][0]["name"], "_Z3foov", "{name}: {report}");
    }
    // pprof itself keeps it where it was.
    let again = load_path(&folder.path().join("b.pb"), &LoadOptions::default()).unwrap().profile;
    assert!(again.functions().rows().iter().all(|function| function.name.is_empty()));
}

#[test]
fn filters_of_frames_are_told() {
    let folder = TempDir::new().unwrap();
    let info = |json: &[&str]| run(folder.path(), &[&["info", "a.pb"], json].concat()).stdout;
    write_sample(folder.path(), &["main", "malloc"], |builder| {
        builder.meta.keep_frames = Some(builder.string(b"calloc").unwrap());
    });
    // Alone that means nothing.
    assert_eq!(run(folder.path(), &["report", "a.pb"]).stderr, "");
    write_sample(folder.path(), &["main", "malloc"], |builder| {
        builder.meta.drop_frames = Some(builder.string(b".*alloc").unwrap());
        builder.meta.keep_frames = Some(builder.string(b"calloc").unwrap());
    });
    let said = "note: a.pb: shown are also frames that match `.*alloc` and not `calloc`, and what they call; \
                `go tool pprof` drops these\n";
    assert_eq!(run(folder.path(), &["report", "a.pb"]).stderr, said);
    assert_eq!(run(folder.path(), &["flamegraph", "a.pb", "-o", "a.svg"]).stderr, said);
    let text = info(&[]);
    assert!(text.contains("drop frames   .*alloc\nkeep frames   calloc\n"), "{text}");
    let json: Value = serde_json::from_str(&info(&["--json"])).unwrap();
    assert_eq!((&json["drop_frames"], &json["keep_frames"]), (&".*alloc".into(), &"calloc".into()));
}
