//! What lines look like, when a file has a header, and what the writer says is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is wrong"
)]

mod support;

use profkit_profile::{
    CallEdge, Frame, FrameFlags, Function, Label, LabelSetId, Origin, OriginId, Profile, ProfileBuilder,
    Sample, StringId, WriteError, WriteOptions,
};
use support::{read, rows, totals, try_read, write};

fn text(profile: &Profile, dialect: &str) -> String {
    let options = WriteOptions { dialect: Some(dialect), ..WriteOptions::default() };
    String::from_utf8(write(profile, &options).unwrap().0).unwrap()
}

fn losses(profile: &Profile, dialect: &str) -> Vec<String> {
    let options = WriteOptions { dialect: Some(dialect), ..WriteOptions::default() };
    write(profile, &options).unwrap().1.losses
}

/// A small Python profile in two threads, with a second sample type.
fn python() -> ProfileBuilder {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"samples", b"count").unwrap();
    builder.sample_type(b"cpu", b"nanoseconds").unwrap();
    let mut frame = |name: &[u8], file: &[u8], line| {
        let (name, file) = (builder.string(name).unwrap(), builder.string(file).unwrap());
        let function = builder.function(Function { name, file, ..Function::EMPTY }).unwrap();
        builder.frame(Frame { line, ..Frame::of(function) }).unwrap()
    };
    let frames = [
        frame(b"<module>", b"/app/a.py", 3),
        frame(b"fib", b"/app/a.py", 7),
        frame(b"<built-in len>", b"", 0),
    ];
    let process = builder.string(b"python a.py").unwrap();
    for (tid, name, depth, values) in
        [(11, &b"MainThread"[..], 3, [4, 4_000]), (12, b"worker 1", 2, [2, 2_000])]
    {
        let thread = builder.string(name).unwrap();
        let origin = Origin { pid: Some(11), process, tid: Some(tid), thread, ..Origin::UNKNOWN };
        let origin = builder.origin(origin).unwrap();
        let stack = builder.stack_from_root(frames[..depth].iter().copied()).unwrap();
        builder.sample(Sample { stack, origin, labels: LabelSetId::EMPTY }, &values).unwrap();
    }
    builder
}

#[test]
fn the_usual_grammar_is_that_of_py_spy() {
    let profile = python().finish().unwrap();
    let (bytes, written) = write(&profile, &WriteOptions::default()).unwrap();
    let wanted = "process 11:\"python a.py\";thread (11): MainThread;<module> (/app/a.py:3);fib (/app/a.py:7);<built-in len> 4000\n\
                  process 11:\"python a.py\";thread (12): worker 1;<module> (/app/a.py:3);fib (/app/a.py:7) 2000\n";
    assert_eq!(String::from_utf8(bytes).unwrap(), wanted);
    assert_eq!(written.losses, ["other sample types: samples/count", "what the values are: cpu/nanoseconds"]);
    let options = WriteOptions { sample_type: Some(0), ..WriteOptions::default() };
    let (bytes, written) = write(&profile, &options).unwrap();
    assert!(bytes.ends_with(b"fib (/app/a.py:7) 2\n"));
    assert_eq!(written.losses, ["other sample types: cpu/nanoseconds"]);
}

#[test]
fn other_dialects_hold_less_or_other_things() {
    let profile = python().finish().unwrap();
    assert_eq!(
        text(&profile, "flamegraph"),
        "process 11:\"python a.py\";thread (11): MainThread;<module>;fib;<built-in len> 4000\n\
         process 11:\"python a.py\";thread (12): worker 1;<module>;fib 2000\n"
    );
    assert_eq!(
        text(&profile, "perf"),
        "python a.py-11/11;<module>;fib;<built-in len> 4000\npython a.py-11/12;<module>;fib 2000\n"
    );
    assert_eq!(
        text(&profile, "austin"),
        "# mode: cpu\nP11;T11;/app/a.py:<module>:3;/app/a.py:fib:7;:<built-in len>:0 4\n\
         P11;T12;/app/a.py:<module>:3;/app/a.py:fib:7 2\n"
    );
    assert!(losses(&profile, "flamegraph").contains(&"lines of frames (2)".to_owned()));
    assert!(losses(&profile, "perf").contains(&"parts of hosts, processes, threads or files".to_owned()));
    assert!(!losses(&profile, "austin").iter().any(|loss| loss.contains("what the values are")));
}

#[test]
fn a_file_goes_back_in_its_own_dialect() {
    for file in [
        "main;graph;node 30\nmain;strict 5\n",
        "<module> (a.py:3);fib (a.py:7) 30\n<module> (a.py:3) 5\n",
        "process 1:\"a\";process 2:\"b c\";thread (3): w;main (a.py:3) 5\nprocess 1:\"a\";thread (4);main (a.py:3) 5\n",
        "# austin: 3.7.0\n# interval: 100\n# mode: full\n# duration: 400\n# python: 3.11\nP1;T2;a.py:f:3 5,0,64\nP1;T2;a.py:f:3 7,1,0\n",
        "python-12/13;_start;main 5\njava-?/14;[unknown] 3\n",
        "python;_start;main_[k] 5.25\n",
        "main;f 1 2\nmain;g 0 3\n",
    ] {
        let (bytes, _) = write(&read(file.as_bytes()), &WriteOptions::default()).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), file);
    }
    // What nothing but its own recorder writes goes to the usual grammar, with all that it says.
    let (bytes, written) = write(&read(b"tid:5;a.py:f:3;<GC> 2\n"), &WriteOptions::default()).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), "thread (5);f (a.py:3);<GC> 2\n");
    assert_eq!(written.losses, Vec::<String>::new());
}

#[test]
fn a_header_is_written_only_where_lines_would_mislead() {
    let header = |file: &[u8], dialect: &str| {
        let text = text(&try_read(file, Some("flamegraph")).unwrap(), dialect);
        text.lines().next().unwrap().strip_prefix("# profkit: collapsed ").map(str::to_owned)
    };
    assert_eq!(header(b"main;f 1\n", "py-spy"), None);
    assert_eq!(header(b"main;f 1\n", "flamegraph"), None);
    // Names alone do not tell that the first one is a command.
    assert_eq!(header(b"main;f 1\n", "perf").as_deref(), Some("perf"));
    // Names that look like another grammar.
    assert_eq!(header(b"main (a.py:3);f 1\n", "flamegraph").as_deref(), Some("flamegraph"));
    assert_eq!(header(b"main (a.py:3);f 1\n", "py-spy").as_deref(), Some("py-spy escaped"));
    assert_eq!(header(b"tid:1;f 1\n", "py-spy").as_deref(), Some("py-spy"));
    assert_eq!(header(b"cat;_start;f 1\n", "py-spy").as_deref(), Some("py-spy"));
    // Leaves that end in numbers, frames without any semicolon, nothing at all.
    assert_eq!(header(b"main;f 3 1\nmain 1\n", "py-spy"), None);
    assert_eq!(header(b"main;f 3 1\nmain;g 4 1\nmain;h 1\n", "py-spy"), None);
    let profile = try_read(b"# profkit: collapsed flamegraph\nmain;f 3 1\n", None).unwrap();
    assert!(text(&profile, "py-spy").starts_with("# profkit: collapsed py-spy\nmain;f 3 1"));
    assert_eq!(header(b"main 1\n", "py-spy").as_deref(), Some("py-spy"));
    assert_eq!(header(b"", "py-spy").as_deref(), Some("py-spy"));
    assert_eq!(header(b" 5\nmain;f 1\n", "py-spy"), None);
}

#[test]
fn a_late_odd_name_is_known_before_the_first_line_is_written() {
    let mut builder = python();
    let name = builder.string(b"odd;name").unwrap();
    let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
    let frame = builder.frame(Frame::of(function)).unwrap();
    let mut stack = None;
    for depth in 0..20_000i64 {
        let line = Frame { line: depth, ..Frame::of(function) };
        let line =
            if depth == 19_999 { frame } else { builder.frame(Frame { function: None, ..line }).unwrap() };
        stack = Some(builder.stack(stack.filter(|_| depth % 20 != 0), line).unwrap());
        builder.sample(Sample::of(stack), &[1, 1]).unwrap();
    }
    let profile = builder.finish().unwrap();
    let written = text(&profile, "py-spy");
    assert!(written.starts_with("# profkit: collapsed py-spy escaped\nprocess 11"));
    assert!(written.ends_with("odd\u{37e}name 1\n"));
    assert_eq!(
        losses(&profile, "py-spy").last().unwrap(),
        "names changed for other tools than profkit, as they look like something else in a line (1)"
    );
}

#[test]
fn estimates_say_so() {
    let mut builder = python();
    let key = builder.string(b"profkit.inferred").unwrap();
    let labels = builder.labels(&[Label::number(key, 2, StringId::EMPTY)]).unwrap();
    let remark = builder.string(b"stacks are an estimate").unwrap();
    builder.meta.comments.push(remark);
    builder.meta.estimated = true;
    let name = builder.string(b"leaf").unwrap();
    let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
    let leaf = builder.frame(Frame::of(function)).unwrap();
    let stack = builder.stack_from_root([leaf, leaf, leaf]).unwrap();
    builder.sample(Sample { stack, origin: OriginId::UNKNOWN, labels }, &[1, 1]).unwrap();
    let profile = builder.finish().unwrap();
    let plain = text(&profile, "py-spy");
    assert!(
        plain.starts_with("# profkit: collapsed py-spy estimated\n# stacks are an estimate\n"),
        "{plain}"
    );
    assert!(plain.ends_with("\nleaf;leaf;leaf 1\n"));
    assert!(losses(&profile, "py-spy").contains(&"which frames the estimate made up".to_owned()));
    let options = WriteOptions { mark_inferred: true, ..WriteOptions::default() };
    let (marked, written) = write(&profile, &options).unwrap();
    assert!(marked.starts_with(b"# profkit: collapsed py-spy estimated inferred\n"));
    assert!(marked.ends_with(b"\nleaf [inferred];leaf [inferred];leaf 1\n"));
    assert!(!written.losses.contains(&"which frames the estimate made up".to_owned()));
    let again = read(&marked);
    assert!(again.meta().estimated);
    assert!(rows(&again).keys().any(|key| key.labels == [(b"profkit.inferred".to_vec(), Vec::new(), 2)]));
}

#[test]
fn stacks_that_look_the_same_make_one_line() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"samples", b"count").unwrap();
    let (name, file) = (builder.string(b"__init__").unwrap(), builder.string(b"a.py").unwrap());
    for (first_line, line, column) in [(3, 0, 0), (9, 0, 0), (3, 4, 1), (3, 4, 2)] {
        let function = builder.function(Function { name, file, first_line, ..Function::EMPTY }).unwrap();
        let frame = builder.frame(Frame { line, column, ..Frame::of(function) }).unwrap();
        let stack = builder.stack(None, frame).unwrap();
        let leaf = builder.stack(Some(stack), frame).unwrap();
        builder.sample(Sample::of(Some(leaf)), &[1]).unwrap();
    }
    let profile = builder.finish().unwrap();
    let lines = "__init__ (a.py:3);__init__ (a.py:3) 1\n__init__ (a.py:9);__init__ (a.py:9) 1\n__init__ (a.py:4);__init__ (a.py:4) 2\n";
    assert_eq!(text(&profile, "py-spy"), lines);
    assert_eq!(
        losses(&profile, "py-spy"),
        ["lines of definitions (2)", "that the line of a frame is that of its definition (2)", "columns (2)"]
    );
    assert_eq!(text(&profile, "flamegraph"), "__init__;__init__ 4\n");
}

#[test]
fn addresses_and_kinds_of_native_frames() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"inuse_space", b"bytes").unwrap();
    let name = builder.string(b"vfs_read").unwrap();
    let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
    let kernel = Frame { flags: FrameFlags::KERNEL | FrameFlags::FOLDED, ..Frame::of(function) };
    let frames = [Frame { address: 0x55d0, ..Frame::EMPTY }, Frame::EMPTY, kernel];
    let frames: Vec<_> = frames.into_iter().map(|frame| builder.frame(frame).unwrap()).collect();
    let stack = builder.stack_from_root(frames).unwrap();
    builder.sample(Sample::of(stack), &[-5]).unwrap();
    let profile = builder.finish().unwrap();
    let (bytes, written) = write(&profile, &WriteOptions::default()).unwrap();
    assert_eq!(bytes, b"0x55d0;[unknown];vfs_read_[k] -5\n");
    assert_eq!(
        written.losses,
        [
            "what the values are: inuse_space/bytes",
            "addresses and binaries (1)",
            "kinds of frames (inlined, kernel, compiled) (1)",
            "negative values, which other tools skip (1)"
        ]
    );
    assert_eq!(totals(&read(&bytes))[0].3, -5);
}

#[test]
fn rows_of_other_sample_types_are_left_out_and_zeros_are_kept() {
    let mut builder = python();
    let other = builder.stack_from_root([]).unwrap();
    builder.sample(Sample::of(other), &[7, 0]).unwrap();
    let profile = builder.finish().unwrap();
    assert_eq!(text(&profile, "py-spy").lines().count(), 2);
    let zeros = "main;f 0\nmain;g 5\n";
    assert_eq!(text(&read(zeros.as_bytes()), "flamegraph"), zeros);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let unsupported =
        |profile: &Profile, options: WriteOptions<'_>| match write(profile, &options).unwrap_err() {
            WriteError::Unsupported(why) => why.into_owned(),
            other => panic!("{other}"),
        };
    let profile = read(b"main;f 5\n");
    let dialect = |dialect| WriteOptions { dialect: Some(dialect), ..WriteOptions::default() };
    assert_eq!(unsupported(&profile, dialect("tachyon")), "collapsed is not written as \"tachyon\"");
    assert_eq!(
        unsupported(&profile, dialect("austin")),
        "Austin's text holds times and bytes; \"samples\" is neither"
    );
    let missing = WriteOptions { sample_type: Some(3), ..WriteOptions::default() };
    assert_eq!(unsupported(&profile, missing), "the profile has no sample type 3");
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    let name = builder.string(b"f").unwrap();
    let caller = builder.function(Function { name, ..Function::EMPTY }).unwrap();
    let edge = CallEdge {
        origin: OriginId::UNKNOWN,
        caller,
        callee: caller,
        site: None,
        calls: None,
        primitive_calls: None,
        has_self: true,
        has_total: true,
    };
    builder.call_edge(edge, &[1], &[1]).unwrap();
    let profile = builder.finish().unwrap();
    assert!(matches!(write(&profile, &WriteOptions::default()), Err(WriteError::NeedsStacks)));
}

#[test]
fn an_empty_profile_is_a_file_too() {
    let profile = ProfileBuilder::new().finish().unwrap();
    for dialect in ["py-spy", "flamegraph", "austin", "perf"] {
        let written = text(&profile, dialect);
        assert_eq!(written, format!("# profkit: collapsed {dialect}\n"));
        assert!(read(written.as_bytes()).samples().is_empty());
    }
}
