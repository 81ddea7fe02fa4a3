//! What is written: of profiles that came from speedscope, and of others.

use profkit_format_speedscope::Speedscope;
use profkit_profile::{
    CallEdge, Format, Frame, FrameId, Function, FunctionId, Label, Origin, OriginId, Profile, ProfileBuilder,
    Sample, TrackKind, WriteError, WriteOptions,
};
use serde_json::{Value, json};

use super::{evented, file, folded, read, sampled, sampled_profile, write, write_with};

fn parsed(file: &str) -> Value {
    serde_json::from_str(file).unwrap()
}

fn function(builder: &mut ProfileBuilder, name: &[u8], first_line: i64) -> FunctionId {
    let name = builder.string(name).unwrap();
    builder.function(Function { name, first_line, ..Function::EMPTY }).unwrap()
}

fn frame(builder: &mut ProfileBuilder, name: &[u8], line: i64) -> FrameId {
    let function = function(builder, name, 0);
    builder.frame(Frame { line, ..Frame::of(function) }).unwrap()
}

/// A profile of another format: two threads, two sample types.
fn two_threads() -> Profile {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"samples", b"count").unwrap();
    builder.sample_type(b"cpu", b"microseconds").unwrap();
    let frames =
        [frame(&mut builder, b"unused", 0), frame(&mut builder, b"a", 3), frame(&mut builder, b"b", 4)];
    let stack = builder.stack_from_root([frames[2], frames[1]]).unwrap();
    let root = builder.stack_from_root([frames[2]]).unwrap();
    let process = builder.string(b"python \"x\".py").unwrap();
    let origin = Origin { pid: Some(7), process, tid: Some(1), ..Origin::UNKNOWN };
    let thread = builder.string(b"worker").unwrap();
    let origins =
        [builder.origin(origin).unwrap(), builder.origin(Origin { tid: Some(2), thread, ..origin }).unwrap()];
    for (origin, stack, values) in [
        (0, stack, [2, 20_000]),
        (1, root, [1, 0]),
        (0, None, [0, 0]),
        (1, stack, [1, 10_000]),
        (0, root, [1, 5_500]),
    ] {
        builder.sample(Sample { origin: origins[origin], ..Sample::of(stack) }, &values).unwrap();
    }
    builder.finish().unwrap()
}

#[test]
fn samples_of_other_formats_become_a_profile_an_origin_and_sample_type() {
    let (text, written) = write_with(&two_threads(), &WriteOptions::default());
    let file = parsed(&text);
    assert_eq!(file["shared"]["frames"], json!([{"name": "b", "line": 4}, {"name": "a", "line": 3}]));
    let profile = |name: &str, unit: &str, end: i64, samples: Value, weights: Value| json!({"type": "sampled", "name": name, "unit": unit, "startValue": 0, "endValue": end, "samples": samples, "weights": weights});
    let first = r#"Process 7 "python \"x\".py" Thread 1 """#;
    let second = r#"Process 7 "python \"x\".py" Thread 2 "worker""#;
    let expected = json!([
        profile(&format!("{first} (samples)"), "none", 3, json!([[0, 1], [0]]), json!([2, 1])),
        // The sample without any value stands with the default sample type only.
        profile(
            &format!("{first} (cpu)"),
            "microseconds",
            25_500,
            json!([[0, 1], [], [0]]),
            json!([20_000, 0, 5_500])
        ),
        profile(&format!("{second} (samples)"), "none", 2, json!([[0], [0, 1]]), json!([1, 1])),
        profile(&format!("{second} (cpu)"), "microseconds", 10_000, json!([[0, 1]]), json!([10_000])),
    ]);
    assert_eq!(file["profiles"], expected);
    assert_eq!(file["activeProfileIndex"], 1);
    assert_eq!(file["exporter"], concat!("profkit ", env!("CARGO_PKG_VERSION"), " (no time order)"));
    assert_eq!(
        written.losses,
        [
            "the sample type cpu/microseconds, which is read back as time/nanoseconds",
            "the sample type samples/count, which is read back as weight/none"
        ]
    );
    let back = read(text.as_bytes()).unwrap();
    assert!(!back.tracks().has_time_order());
    assert_eq!(back.default_type(), Some(1));
    let origins: Vec<_> = back.tracks().tracks().iter().map(|track| back.origins()[track.origin]).collect();
    assert_eq!(back.text(origins[0].process), "python \"x\".py");
    assert_eq!(
        (origins[2].pid, origins[2].tid, back.text(origins[2].thread).as_ref()),
        (Some(7), Some(2), "worker")
    );
    assert_eq!(write(&back), text);
}

#[test]
fn what_would_not_be_read_back_is_refused() {
    let refused = |values: [i64; 2], unit: &[u8]| {
        let mut builder = ProfileBuilder::new();
        builder.sample_type(b"n", unit).unwrap();
        let frame = frame(&mut builder, b"a", 0);
        let stack = builder.stack_from_root([frame]).unwrap();
        for value in values {
            builder.sample(Sample::of(stack), &[value]).unwrap();
        }
        let mut out = Vec::new();
        let written = Speedscope.write(&builder.finish().unwrap(), &mut out, &WriteOptions::default());
        let refused = written.err().map(|error| error.to_string());
        assert!(refused.is_some() || read(&out).is_ok());
        refused
    };
    let why = Some("the sum of `n` does not fit 64 bits".to_owned());
    assert_eq!(refused([i64::MAX, 0], b"count"), None);
    assert_eq!(refused([i64::MAX, 1], b"count"), why);
    assert_eq!(refused([i64::MAX / 1000, 0], b"microseconds"), None);
    assert_eq!(refused([i64::MAX / 1000, 1], b"microseconds"), why);
    assert_eq!(refused([153_722_867, 0], b"minutes"), None);
    assert_eq!(refused([i64::MAX, 0], b"minutes"), why);
}

#[test]
fn the_wanted_sample_type_is_shown_first() {
    let options = WriteOptions { sample_type: Some(0), ..WriteOptions::default() };
    assert_eq!(parsed(&write_with(&two_threads(), &options).0)["activeProfileIndex"], 0);
}

#[test]
fn sums_are_never_taken_for_time_lines() {
    let sums = read(write(&two_threads()).as_bytes()).unwrap();
    assert!(!sums.tracks().is_empty() && !sums.tracks().has_time_order());
    // Of other writers, and of those that profkit wrote as they were.
    let ordered = read(sampled("seconds", "[[0],[1]]", "[1,2]").as_bytes()).unwrap();
    let again = read(write(&ordered).as_bytes()).unwrap();
    assert!(ordered.tracks().has_time_order() && again.tracks().has_time_order());
    let exporter = |order: &str| format!(r#","exporter":"profkit 0.1.0 ({order})""#);
    let one = sampled_profile("p", "none", "[[0]]", "[1]");
    let profiles = format!("{one},{one},{one}");
    let kinds = |order: &str| {
        let profile = read(file(&profiles, &exporter(order)).as_bytes()).unwrap();
        assert!(write(&profile).contains(order));
        profile.tracks().tracks().iter().filter(|track| track.kind == TrackKind::Samples).count()
    };
    assert_eq!(kinds("no time order"), 0);
    assert_eq!(kinds("time order in the first 2 profiles only; made by x"), 2);
}

/// Valgrind's events: the first one that is no count, or whichever is wanted, is still the default when read back.
#[test]
fn the_default_sample_type_is_read_back() {
    let default = |wanted: Option<usize>| {
        let mut builder = ProfileBuilder::new();
        for name in [&b"Bim"[..], b"D1mr", b"Ir"] {
            builder.sample_type(name, b"count").unwrap();
        }
        builder.sample_type(b"cpu", b"nanoseconds").unwrap();
        builder.meta.default_type = Some(builder.string(b"Ir").unwrap());
        let frame = frame(&mut builder, b"a", 0);
        let stack = builder.stack_from_root([frame]).unwrap();
        builder.sample(Sample::of(stack), &[9, 0, 4, 2]).unwrap();
        let options = WriteOptions { sample_type: wanted, ..WriteOptions::default() };
        let (text, written) = write_with(&builder.finish().unwrap(), &options);
        assert!(
            written.losses.iter().any(|loss| loss == "sample types that are 0 everywhere: D1mr"),
            "{:?}",
            written.losses
        );
        let back = read(text.as_bytes()).unwrap();
        assert_eq!(write(&back), text);
        back.default_type().map(|index| back.text(back.sample_types()[index].name).into_owned())
    };
    assert_eq!(default(None).as_deref(), Some("Ir"));
    assert_eq!(default(Some(0)).as_deref(), Some("Bim"));
    assert_eq!(default(Some(3)).as_deref(), Some("time"));
}

#[test]
fn measures_of_one_unit_are_read_back_apart() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"alloc_space", b"bytes").unwrap();
    builder.sample_type(b"inuse_space", b"bytes").unwrap();
    let frame = frame(&mut builder, b"a", 0);
    let stack = builder.stack_from_root([frame]).unwrap();
    builder.sample(Sample::of(stack), &[9, 4]).unwrap();
    let (text, written) = write_with(&builder.finish().unwrap(), &WriteOptions::default());
    assert_eq!(written.losses, Vec::<String>::new());
    let back = read(text.as_bytes()).unwrap();
    let names: Vec<_> = back.sample_types().iter().map(|it| back.text(it.name).into_owned()).collect();
    assert_eq!(names, ["alloc_space", "inuse_space"]);
    assert_eq!((back.samples().values(0), back.samples().values(1)), (&[9, 0][..], &[0, 4][..]));
    assert_eq!(write(&back), text);
}

#[test]
fn a_file_is_written_back_as_it_was() {
    let evented = evented("milliseconds", "O0@0 O1@0 C1@0 O1@0.5 C1@1.000001 C0@1.000001 O0@1.000001 C0@7");
    let sampled = sampled("seconds", "[[0,1],[0,1],[],[0]]", "[0.01,0.000000001,2,0]");
    for text in [evented, sampled] {
        let (before, after) = (parsed(&text), parsed(&write(&read(text.as_bytes()).unwrap())));
        assert_eq!(after["profiles"], before["profiles"]);
    }
}

#[test]
fn what_cannot_be_told_is_never_null() {
    let keys = r#","name":null,"activeProfileIndex":null,"exporter":null"#;
    let frame = r#"{"name":"a","file":null,"line":null,"col":null}"#;
    let text = file(&sampled_profile("", "none", "[[0]]", "[1]"), keys).replace(r#"{"name":"a"}"#, frame);
    let written = write(&read(text.as_bytes()).unwrap());
    assert!(!written.contains("null"), "{written}");
}

#[test]
fn lines_of_definitions_are_said_to_be_such() {
    let build = |line: i64, first_line: i64| {
        let mut builder = ProfileBuilder::new();
        builder.sample_type(b"time", b"nanoseconds").unwrap();
        for (name, line) in [(&b"a"[..], 0), (b"b", line)] {
            let function = function(&mut builder, name, first_line);
            let frame = builder.frame(Frame { line, ..Frame::of(function) }).unwrap();
            let stack = builder.stack_from_root([frame]).unwrap();
            builder.sample(Sample::of(stack), &[1]).unwrap();
        }
        write_with(&builder.finish().unwrap(), &WriteOptions::default())
    };
    let (text, written) = build(0, 7);
    assert!(text.contains("; lines of definitions)"));
    assert_eq!(written.losses, Vec::<String>::new());
    assert_eq!(read(text.as_bytes()).unwrap().functions().rows()[0].first_line, 7);
    let (text, written) = build(3, 7);
    assert!(!text.contains("definitions"));
    assert_eq!(written.losses, ["which lines are those of definitions (1)", "first lines of functions (1)"]);
    assert!(!build(0, 0).0.contains("definitions"));
}

/// A profile whose sample has two guessed frames above one that is known.
fn estimated() -> Profile {
    let mut builder = ProfileBuilder::new();
    builder.meta.estimated = true;
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    let frames = [frame(&mut builder, b"a", 0), frame(&mut builder, b"b", 0)];
    let stack = builder.stack_from_root([frames[0], frames[1], frames[0]]).unwrap();
    let (key, unit) = (builder.string(b"profkit.inferred").unwrap(), builder.string(b"frames").unwrap());
    let labels = builder.labels(&[Label::number(key, 2, unit)]).unwrap();
    builder.sample(Sample::of(stack), &[1]).unwrap();
    builder.sample(Sample { labels, ..Sample::of(stack) }, &[2]).unwrap();
    builder.sample(Sample::of(stack), &[3]).unwrap();
    builder.finish().unwrap()
}

#[test]
fn an_estimate_says_so_and_marks_what_it_made_up() {
    let (text, written) = write_with(&estimated(), &WriteOptions::default());
    assert!(text.contains("(no time order; stacks estimated from call edges)"), "{text}");
    assert_eq!(written.losses, ["labels of samples (1)"]);
    assert!(read(text.as_bytes()).unwrap().meta().estimated);
    let options = WriteOptions { mark_inferred: true, ..WriteOptions::default() };
    let (text, written) = write_with(&estimated(), &options);
    assert_eq!(written.losses, Vec::<String>::new());
    let back = read(text.as_bytes()).unwrap();
    assert_eq!(folded(&back), ["a;b;a 1", "a [inferred];b [inferred];a 2", "a;b;a 3"]);
}

#[test]
fn negative_values_are_refused() {
    let profile = read(sampled("none", "[[0],[1]]", "[2,-1]").as_bytes()).unwrap();
    let error = Speedscope.write(&profile, &mut Vec::new(), &WriteOptions::default()).unwrap_err();
    assert!(matches!(error, WriteError::Unsupported(_)), "{error}");
}

#[test]
fn call_edges_are_refused() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    let (caller, callee) = (function(&mut builder, b"a", 0), function(&mut builder, b"b", 0));
    let (calls, primitive_calls) = (Some(1), Some(1));
    let edge = CallEdge {
        origin: OriginId::UNKNOWN,
        caller,
        callee,
        site: None,
        calls,
        primitive_calls,
        has_self: true,
        has_total: true,
    };
    builder.call_edge(edge, &[1], &[1]).unwrap();
    let profile = builder.finish().unwrap();
    let error = Speedscope.write(&profile, &mut Vec::new(), &WriteOptions::default()).unwrap_err();
    assert!(matches!(error, WriteError::NeedsStacks));
}

#[test]
fn nothing_is_a_profile_that_speedscope_opens() {
    let profiles = |profile: Profile| parsed(&write(&profile))["profiles"].clone();
    let empty = |name: &str, unit: &str| json!({"type": "sampled", "name": name, "unit": unit, "startValue": 0, "endValue": 0, "samples": [], "weights": []});
    assert_eq!(profiles(ProfileBuilder::new().finish().unwrap()), json!([empty("", "none")]));
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"cpu", b"nanoseconds").unwrap();
    builder.sample_type(b"space", b"kB").unwrap();
    assert_eq!(
        profiles(builder.finish().unwrap()),
        json!([empty("(cpu)", "nanoseconds"), empty("(space)", "bytes")])
    );
}

#[test]
fn other_units_are_scaled() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"cpu", b"minutes").unwrap();
    builder.sample_type(b"space", b"kB").unwrap();
    let frame = frame(&mut builder, b"a", 0);
    let stack = builder.stack_from_root([frame]).unwrap();
    builder.sample(Sample::of(stack), &[153_722_867, 3]).unwrap();
    let text = write(&builder.finish().unwrap());
    assert!(text.contains("\"weights\":[9223372020000000000]"), "{text}");
    assert!(text.contains("\"weights\":[3072]"));
}

#[test]
fn bytes_that_json_cannot_hold_are_counted() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    let frames = [frame(&mut builder, b"caf\xe9", 0), frame(&mut builder, b"\xed\xb3\xa9", 0)];
    let stack = builder.stack_from_root(frames).unwrap();
    builder.sample(Sample::of(stack), &[1]).unwrap();
    let (text, written) = write_with(&builder.finish().unwrap(), &WriteOptions::default());
    assert!(text.contains("\"caf\u{fffd}\"") && text.contains(r#""\udce9""#), "{text}");
    assert_eq!(written.losses, ["strings that are not Unicode, changed (1)"]);
}
