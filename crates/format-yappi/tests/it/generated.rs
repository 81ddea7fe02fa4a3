//! Profiles by chance, written and read again.

use profkit_format_yappi::Yappi;
use profkit_profile::{
    CallEdge, Format, Frame, Function, FunctionCalls, FunctionId, LabelSetId, Origin, OriginId, Profile,
    ProfileBuilder, Sample, WriteError, WriteOptions,
};
use proptest::prelude::*;

use crate::{assert_round_trip, content, read, write};

/// A function and what is known of its calls: name, file, line, calls, primitive calls, self, total.
type Row = (String, String, i64, i64, i64, i64, i64);

fn row() -> impl Strategy<Value = Row> {
    // Up to three weeks: of much longer times a float does not hold every nanosecond.
    let time = 0..2_000_000_000_000_000_i64;
    let name = prop_oneof![3 => "[a-z<>.]{0,12}", 1 => "\\PC{0,20}", 1 => "[ \n\r\t;:0-9é\u{2028}]{0,6}"];
    let file = prop_oneof!["[a-z/]{0,9}\\.py", "[a-z]{1,9}", "~", "<[a-z ]{1,9}>"];
    (name, file, 0..2_000_i64, 1..1_000_000_i64, 0..1_000_000_i64, time.clone(), time)
}

fn profile() -> impl Strategy<Value = Profile> {
    let rows = prop::collection::vec(row(), 0..12);
    let edges = prop::collection::vec((any::<usize>(), any::<usize>(), 1..1_000_i64, 0..1_000_i64), 0..20);
    (rows, edges, prop_oneof!["wall", "cpu"]).prop_map(|(rows, edges, clock)| {
        let mut builder = ProfileBuilder::new();
        builder.meta.format = "yappi";
        builder.sample_type(clock.as_bytes(), b"nanoseconds").unwrap();
        let thread = builder.string(b"_MainThread").unwrap();
        let origin = builder.origin(Origin { tid: Some(0), thread, ..Origin::UNKNOWN }).unwrap();
        let mut functions = Vec::new();
        for (index, (name, file, line, calls, primitive, own, total)) in rows.into_iter().enumerate() {
            // yappi tells functions by their full names alone.
            let name = builder.string(format!("{index}{name}").as_bytes()).unwrap();
            let file = builder.string(file.as_bytes()).unwrap();
            let function =
                builder.function(Function { name, file, first_line: line, ..Function::EMPTY }).unwrap();
            functions.push(function);
            let (calls, primitive_calls) = (Some(calls), Some(primitive.min(calls)));
            let row = FunctionCalls { origin, function, labels: LabelSetId::EMPTY, calls, primitive_calls };
            builder.function_calls(row, &[own], &[total]).unwrap();
        }
        add_edges(&mut builder, origin, &functions, edges);
        builder.finish().unwrap()
    })
}

fn add_edges(
    builder: &mut ProfileBuilder,
    origin: OriginId,
    functions: &[FunctionId],
    edges: Vec<(usize, usize, i64, i64)>,
) {
    let mut pairs: Vec<_> = edges
        .into_iter()
        .filter(|_| !functions.is_empty())
        .map(|(caller, callee, calls, own)| (caller % functions.len(), callee % functions.len(), calls, own))
        .collect();
    // A reader finds them by caller.
    pairs.sort();
    pairs.dedup_by_key(|(caller, callee, ..)| (*caller, *callee));
    for (caller, callee, calls, own) in pairs {
        let edge = CallEdge {
            origin,
            caller: functions[caller],
            callee: functions[callee],
            site: None,
            calls: Some(calls),
            primitive_calls: Some(calls / 2),
            has_self: true,
            has_total: true,
        };
        builder.call_edge(edge, &[own], &[own * 3]).unwrap();
    }
}

proptest! {
    #[test]
    fn a_profile_reads_back_as_it_was(profile in profile()) {
        assert_round_trip(&profile, "generated");
        prop_assert_eq!(write(&profile).1.losses, Vec::<String>::new());
    }
}

/// A profile of one function, built by hand.
fn with_function(build: impl FnOnce(&mut ProfileBuilder, FunctionId)) -> Profile {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    let name = builder.string(b"f").unwrap();
    let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
    build(&mut builder, function);
    builder.finish().unwrap()
}

const PLAIN: FunctionCalls = FunctionCalls {
    origin: OriginId::UNKNOWN,
    function: profkit_profile::Id::FIRST,
    labels: LabelSetId::EMPTY,
    calls: Some(2),
    primitive_calls: Some(2),
};

#[test]
fn what_cannot_be_held_is_said() {
    let profile = with_function(|builder, function| {
        builder.sample_type(b"alloc", b"bytes").unwrap();
        let raw = builder.string(b"caf\xe9").unwrap();
        let system_name = builder.string(b"_Z1fv").unwrap();
        let other = builder.function(Function { name: raw, system_name, ..Function::EMPTY }).unwrap();
        let site = builder.frame(Frame { line: 3, ..Frame::of(function) }).unwrap();
        let elsewhere = builder.origin(Origin { pid: Some(7), ..Origin::UNKNOWN }).unwrap();
        builder.function_calls(FunctionCalls { function, ..PLAIN }, &[1, 0], &[2, 0]).unwrap();
        let unknown = FunctionCalls { function: other, origin: elsewhere, calls: None, ..PLAIN };
        builder.function_calls(unknown, &[1, 0], &[2, 0]).unwrap();
        let edge = CallEdge {
            origin: elsewhere,
            caller: function,
            callee: other,
            site: Some(site),
            calls: Some(1),
            primitive_calls: None,
            has_self: false,
            has_total: false,
        };
        builder.call_edge(edge, &[0, 0], &[0, 0]).unwrap();
    });
    let (bytes, written) = write(&profile);
    assert_eq!(
        written.losses,
        [
            "yappi knows the clocks wall and cpu: `time` is written as wall",
            "1 other sample type",
            "the unknown numbers of 1 call: written as 0",
            "the unknown self times of 1 call: written as 0",
            "the unknown times of 1 call: written as 0",
            "1 name changed: bytes that are not UTF-8 became surrogates",
            "2 threads added up",
            "the process, host and file of the origins",
            "the lines of calls and of self times",
            "system names of functions",
        ]
    );
    let text = content(&read(&bytes).unwrap()).join("\n");
    assert!(text.contains(r"function :0 caf\xed\xb3\xa9 None"), "{text}");
}

#[test]
fn a_callee_without_a_row_gets_one_from_its_callers() {
    let profile = with_function(|builder, function| {
        let name = builder.string(b"callee").unwrap();
        let callee = builder.function(Function { name, first_line: 9, ..Function::EMPTY }).unwrap();
        builder.function_calls(FunctionCalls { function, ..PLAIN }, &[1_000], &[4_000]).unwrap();
        let edge = CallEdge {
            origin: OriginId::UNKNOWN,
            caller: function,
            callee,
            site: None,
            calls: Some(5),
            primitive_calls: Some(4),
            has_self: true,
            has_total: true,
        };
        builder.call_edge(edge, &[2_000], &[3_000]).unwrap();
    });
    let (bytes, written) = write(&profile);
    let said = "1 function without own values: written as callers say";
    assert!(written.losses.iter().any(|loss| loss == said), "{:?}", written.losses);
    let text = content(&read(&bytes).unwrap()).join("\n");
    assert!(text.contains("function :9 callee Some(5) Some(4) ([2000], [3000])"), "{text}");
}

#[test]
fn a_caller_without_a_row_has_the_time_of_its_callees() {
    let profile = with_function(|builder, function| {
        let name = builder.string(b"caller").unwrap();
        let caller = builder.function(Function { name, first_line: 9, ..Function::EMPTY }).unwrap();
        builder.function_calls(FunctionCalls { function, ..PLAIN }, &[250], &[250]).unwrap();
        let edge = CallEdge {
            origin: OriginId::UNKNOWN,
            caller,
            callee: function,
            site: None,
            calls: Some(1),
            primitive_calls: Some(1),
            has_self: true,
            has_total: true,
        };
        builder.call_edge(edge, &[250], &[250]).unwrap();
    });
    let (bytes, written) = write(&profile);
    let said = "1 function without own values: written as callees say";
    assert!(written.losses.iter().any(|loss| loss == said), "{:?}", written.losses);
    let text = content(&read(&bytes).unwrap()).join("\n");
    assert!(text.contains("function :9 caller None Some(0) ([0], [250])"), "{text}");
}

#[test]
fn other_shapes_are_refused_by_type() {
    let options = WriteOptions::default();
    let stacks = with_function(|builder, function| {
        let frame = builder.frame(Frame::of(function)).unwrap();
        let stack = builder.stack(None, frame).unwrap();
        builder.sample(Sample::of(Some(stack)), &[1]).unwrap();
    });
    assert!(matches!(Yappi.write(&stacks, &mut Vec::new(), &options), Err(WriteError::NeedsCallEdges)));
    let empty = ProfileBuilder::new().finish().unwrap();
    assert_round_trip(&read(&write(&empty).0).unwrap(), "empty");
}

#[test]
fn what_is_no_time_is_written_as_seconds() {
    let profile = with_function(|builder, function| {
        builder.sample_type(b"alloc", b"bytes").unwrap();
        builder.function_calls(FunctionCalls { function, ..PLAIN }, &[1, 2], &[1, 5]).unwrap();
    });
    let (mut bytes, second) = (Vec::new(), WriteOptions { sample_type: Some(1), ..WriteOptions::default() });
    let written = Yappi.write(&profile, &mut bytes, &second).unwrap();
    assert_eq!(written.losses[1], "yappi holds times: 1 bytes is written as 1 second");
    let text = content(&read(&bytes).unwrap()).join("\n");
    assert!(text.contains("([2000000000], [5000000000])"), "{text}");
}

/// Writes one function with a single sample type.
fn write_one(name: &str, unit: &str, own: i64, total: i64) -> Result<(Vec<u8>, Vec<String>), WriteError> {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(name.as_bytes(), unit.as_bytes()).unwrap();
    for name in [b"f", b"g"] {
        let name = builder.string(name).unwrap();
        let function = builder.function(Function { name, first_line: 1, ..Function::EMPTY }).unwrap();
        builder.function_calls(FunctionCalls { function, ..PLAIN }, &[own], &[total]).unwrap();
    }
    let mut bytes = Vec::new();
    let written = Yappi.write(&builder.finish().unwrap(), &mut bytes, &WriteOptions::default())?;
    Ok((bytes, written.losses))
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    for (own, total) in [(0, 10_000_000_000), (-10_000_000_000, 0), (9_000_000_000, 0)] {
        let message = write_one("samples", "count", own, total).unwrap_err().to_string();
        assert!(message.contains("`samples`, of which 1 is written as 1 second, does not fit"), "{message}");
    }
    let message = write_one("wall", "hours", 0, 3_000_000).unwrap_err().to_string();
    assert!(message.contains("`wall` does not fit"), "{message}");
    let (bytes, _) = write_one("samples", "count", 4_000_000_000, 9_000_000_000).unwrap();
    let text = content(&read(&bytes).unwrap()).join("\n");
    assert!(text.contains("([4000000000000000000], [9000000000000000000])"), "{text}");
}

#[test]
fn rounded_times_are_said_to_be() {
    let (bytes, losses) = write_one("wall", "nanoseconds", (1 << 53) - 1, (1 << 60) + 1).unwrap();
    assert_eq!(losses, ["the last digits of times, which floats of seconds do not hold (2)"]);
    let text = content(&read(&bytes).unwrap()).join("\n");
    assert!(text.contains(&format!("[{}]", (1_i64 << 53) - 1)), "{text}");
    assert!(!text.contains(&format!("[{}]", (1_i64 << 60) + 1)), "{text}");
}

#[test]
fn cpu_time_goes_by_many_names() {
    for (name, unit, clock) in [
        ("cpu", "nanoseconds", "cpu"),
        ("CPU time", "microseconds", "cpu"),
        ("cpu-time", "nanoseconds", "cpu"),
        ("cpu", "count", "wall"),
        ("off-cpu", "nanoseconds", "wall"),
        ("wall-time", "nanoseconds", "wall"),
    ] {
        let (bytes, losses) = write_one(name, unit, 1, 1).unwrap();
        let profile = read(&bytes).unwrap();
        assert_eq!(profile.text(profile.sample_types()[0].name), clock, "{name}");
        let said = format!("yappi knows the clocks wall and cpu: `{name}` is written as {clock}");
        assert_eq!(losses.contains(&said), name != clock, "{name}: {losses:?}");
    }
}

#[test]
fn threads_come_back_with_their_names_and_ids() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"cpu", b"nanoseconds").unwrap();
    builder.sample_type(b"sched_count", b"count").unwrap();
    let key = builder.string(b"tid").unwrap();
    for (id, name, tid) in [(0, "MainThread", i64::MAX), (1, "worker", 140_372_341_069_504)] {
        let thread = builder.string(name.as_bytes()).unwrap();
        let origin = builder.origin(Origin { tid: Some(id), thread, ..Origin::UNKNOWN }).unwrap();
        let tid = profkit_profile::Label::number(key, tid, profkit_profile::StringId::EMPTY);
        let labels = builder.labels(&[tid]).unwrap();
        builder.sample(Sample { stack: None, origin, labels }, &[1_234_567, 5]).unwrap();
    }
    builder.meta.dialect = "threads";
    assert_round_trip(&builder.finish().unwrap(), "threads");
}
