//! Whatever names, origins and values a profile has: what is written is recognised, and read back as the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is wrong"
)]

mod support;

use std::collections::BTreeMap;

use profkit_profile::{
    Frame, FrameFlags, Function, Label, LabelSetId, Origin, Profile, ProfileBuilder, Sample, SampleType,
    StackId, StringId, WriteOptions,
};
use proptest::prelude::*;
use support::{FLAGS, Key, is_recognised, read, rows, write};

/// Pieces that have a role somewhere: texts made of them look like every grammar by turns.
const PIECES: &[&str] = &[
    "main",
    "f",
    "_start",
    "[unknown]",
    "x.py",
    "<module>",
    "<native>",
    "std::vec",
    ";",
    "; ",
    " ",
    "  ",
    "\n",
    "\t",
    "\r",
    "\0",
    "\u{7f}",
    "\u{1b}",
    "#",
    "//",
    "(",
    ")",
    " (",
    ":",
    "::",
    "12",
    " 12",
    " 12 13",
    "0",
    "_[k]",
    "_[j]",
    "_[i]",
    "_[0]",
    "_[1]",
    " [inferred]",
    "[no stack]",
    "(x.py:3)",
    " (x.py:3)",
    " (x.py)",
    "process 1:\"",
    "process ?:\"a\"",
    "\"",
    "\";",
    "thread (1)",
    "thread (1): a",
    "tid:1",
    "tid:1;",
    "P1",
    "T2",
    "P1;T0:2",
    "host:\"",
    "file:\"x\"",
    "[a tid=3]",
    "python-1/2",
    "python-1",
    "?",
    "-",
    "/",
    "\u{37e}",
    "\u{2425}",
    "\u{2426}",
    "\u{2420}",
    "\u{240a}",
    "\u{feff}",
    "é",
    "🐍",
    "mode: cpu",
    "count: 5",
    "profkit: collapsed perf",
    "# profkit: collapsed perf escaped",
    "kernel",
    "GC",
    "~",
    "a very long sentence of many words in one name",
];

fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec());
    let raw = prop::collection::vec(any::<u8>(), 0..4);
    let pieces = prop::collection::vec(prop_oneof![9 => piece, 1 => raw], 0..4);
    pieces.prop_map(|pieces| pieces.concat())
}

/// Names as most are.
fn plain_text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => "[a-z_<>.:]{1,8}".prop_map(String::into_bytes), 1 => text()]
}

type FrameSpec = (Vec<u8>, Vec<u8>, i64, i64, u8);

fn frame() -> impl Strategy<Value = FrameSpec> {
    let file = prop_oneof![2 => Just(Vec::new()), 2 => Just(b"app.py".to_vec()), 1 => text()];
    let line = prop_oneof![Just(0), 1i64..2000, any::<i16>().prop_map(i64::from)];
    let first_line = prop_oneof![3 => Just(0i64), 1 => 1i64..100];
    (plain_text(), file, line, first_line, prop_oneof![3 => Just(0u8), 1 => 0u8..32])
}

#[derive(Clone, Debug)]
struct OriginSpec {
    texts: [Vec<u8>; 4],
    pid: Option<i64>,
    tid: Option<i64>,
    parent: Option<Vec<u8>>,
    interpreter: i64,
}

fn origin() -> impl Strategy<Value = OriginSpec> {
    let maybe = || prop_oneof![2 => Just(Vec::new()), 1 => text()];
    let id = || prop_oneof![Just(None), Just(Some(7)), any::<i32>().prop_map(|id| Some(i64::from(id)))];
    let parent = prop_oneof![4 => Just(None), 1 => text().prop_map(Some)];
    let whole = (
        [maybe(), maybe(), maybe(), maybe()],
        id(),
        id(),
        parent,
        prop_oneof![3 => Just(0i64), 1 => 1i64..4],
    );
    whole.prop_map(|(texts, pid, tid, parent, interpreter)| OriginSpec {
        texts,
        pid,
        tid,
        parent,
        interpreter,
    })
}

#[derive(Clone, Debug)]
struct Spec {
    frames: Vec<FrameSpec>,
    origins: Vec<OriginSpec>,
    /// Stack as indexes of frames, origin, made-up frames, two values.
    samples: Vec<(Vec<usize>, usize, i64, [i64; 2])>,
    comments: Vec<Vec<u8>>,
    estimated: bool,
    types: usize,
    decimals: u8,
}

fn spec() -> impl Strategy<Value = Spec> {
    let value = || prop_oneof![4 => 0i64..100_000, 1 => Just(0i64), 1 => any::<i32>().prop_map(i64::from)];
    let sample = (prop::collection::vec(0usize..6, 0..5), 0usize..3, 0i64..3, [value(), value()]);
    (
        prop::collection::vec(frame(), 6),
        prop::collection::vec(prop_oneof![2 => Just(None), 1 => origin().prop_map(Some)], 3),
        prop::collection::vec(sample, 0..12),
        prop::collection::vec(text(), 0..2),
        prop::bool::weighted(0.2),
        0usize..4,
        prop_oneof![3 => Just(0u8), 1 => 0u8..4],
    )
        .prop_map(|(frames, origins, samples, comments, estimated, types, decimals)| {
            let none =
                OriginSpec { texts: Default::default(), pid: None, tid: None, parent: None, interpreter: 0 };
            let origins = origins.into_iter().map(|origin| origin.unwrap_or_else(|| none.clone())).collect();
            Spec { frames, origins, samples, comments, estimated, types, decimals }
        })
}

fn build(spec: &Spec) -> Profile {
    let mut builder = ProfileBuilder::new();
    let types: &[(&[u8], &[u8])] = match spec.types {
        0 => &[(b"samples", b"count")],
        1 => &[(b"calls", b"count"), (b"wall", b"nanoseconds")],
        2 => &[(b"before", b"count"), (b"after", b"count")],
        _ => &[(b"memory", b"bytes"), (b"memory_freed", b"bytes")],
    };
    for (name, unit) in types {
        let (name, unit) = (builder.string(name).unwrap(), builder.string(unit).unwrap());
        let decimals = if spec.types == 0 || spec.types == 2 { spec.decimals } else { 0 };
        builder.push_sample_type(SampleType { name, unit, decimals });
    }
    let frames: Vec<_> = spec.frames.iter().map(|frame| add_frame(&mut builder, frame)).collect();
    for comment in &spec.comments {
        let comment = builder.string(comment).unwrap();
        builder.meta.comments.push(comment);
    }
    builder.meta.estimated = spec.estimated;
    for (stack, origin, inferred, values) in &spec.samples {
        let stack = builder.stack_from_root(stack.iter().map(|&index| frames[index])).unwrap();
        let inferred = if spec.estimated { *inferred } else { 0 };
        let sample = add_origin(&mut builder, &spec.origins[*origin], stack, inferred);
        // Bytes are not negative: what was freed has a type of its own.
        let values = if spec.types == 3 { values.map(i64::abs) } else { *values };
        builder.sample(sample, &values[..types.len()]).unwrap();
    }
    builder.finish().unwrap()
}

fn add_frame(
    builder: &mut ProfileBuilder,
    (name, file, line, first_line, flags): &FrameSpec,
) -> profkit_profile::FrameId {
    let (name, file) = (builder.string(name).unwrap(), builder.string(file).unwrap());
    let function = Function { name, file, first_line: *first_line, ..Function::EMPTY };
    let function = builder.function(function).unwrap();
    let set = FLAGS.iter().enumerate().filter(|(bit, _)| flags & (1 << bit) != 0);
    let flags = set.fold(FrameFlags::NONE, |all, (_, &flag)| all | flag);
    builder.frame(Frame { line: *line, flags, ..Frame::of(function) }).unwrap()
}

fn add_origin(
    builder: &mut ProfileBuilder,
    spec: &OriginSpec,
    stack: Option<StackId>,
    inferred: i64,
) -> Sample {
    let [host, process, thread, file] = spec.texts.each_ref().map(|text| builder.string(text).unwrap());
    let origin =
        builder.origin(Origin { host, pid: spec.pid, process, tid: spec.tid, thread, file }).unwrap();
    let mut labels = Vec::new();
    if let Some(parent) = &spec.parent {
        let text = [b"5:\"", &parent[..], b"\""].concat();
        labels.push(Label::text(builder.string(b"parent_process").unwrap(), builder.string(&text).unwrap()));
    }
    let mut number = |key: &[u8], value: i64| {
        let key = builder.string(key).unwrap();
        if value != 0 {
            labels.push(Label::number(key, value, StringId::EMPTY));
        }
    };
    number(b"interpreter", spec.interpreter);
    number(b"profkit.inferred", inferred);
    let labels = if labels.is_empty() { LabelSetId::EMPTY } else { builder.labels(&labels).unwrap() };
    Sample { stack, origin, labels }
}

/// What a dialect holds of a row.
fn held(dialect: &str, key: Key, marked: bool) -> Key {
    let frames_deep = i64::try_from(key.frames.len()).unwrap();
    let mut key = key;
    let names_only = matches!(dialect, "flamegraph" | "perf");
    for frame in &mut key.frames {
        if names_only {
            (frame.1, frame.2) = (Vec::new(), 0);
        }
        if dialect == "austin" {
            // Kernel is the second flag.
            frame.3 = if frame.1 == b"kernel" && frame.2 == 0 { 2 } else { 0 };
        }
    }
    let mut labels: Vec<_> = std::mem::take(&mut key.labels);
    labels.retain_mut(|(name, _, number)| match &name[..] {
        b"parent_process" => !matches!(dialect, "austin" | "perf"),
        b"interpreter" => dialect == "austin",
        _ => {
            *number = (*number).min(frames_deep);
            marked && *number > 0
        }
    });
    key.labels = labels;
    match dialect {
        "austin" => {
            key.pid = key.pid.filter(|&pid| pid != 0);
            key.tid = key.tid.filter(|&tid| tid != 0);
            let thread = if key.tid.is_none() { key.thread } else { Vec::new() };
            key = Key {
                thread,
                pid: key.pid,
                tid: key.tid,
                labels: key.labels,
                frames: key.frames,
                ..Key::default()
            };
        }
        "perf" => {
            (key.host, key.file, key.thread) = (Vec::new(), Vec::new(), Vec::new());
            key.pid = key.pid.filter(|&pid| pid >= 0);
            key.tid = key.tid.filter(|&tid| tid >= 0);
        }
        _ => {}
    }
    key
}

/// The rows that a file should have, by what it holds.
fn expected(
    profile: &Profile,
    dialect: &str,
    marked: bool,
    columns: &[usize],
) -> BTreeMap<Key, (Vec<i64>, bool)> {
    let mut found: BTreeMap<Key, (Vec<i64>, bool)> = BTreeMap::new();
    for (key, values) in rows(profile) {
        let others = values.iter().enumerate().any(|(index, &value)| value != 0 && !columns.contains(&index));
        let (sums, any_others) =
            found.entry(held(dialect, key, marked)).or_insert((vec![0; columns.len()], false));
        for (sum, &column) in sums.iter_mut().zip(columns) {
            *sum += values[column];
        }
        *any_others |= others;
    }
    found
}

fn check(spec: &Spec, dialect: &str, mark_inferred: bool) -> Result<(), TestCaseError> {
    let profile = build(spec);
    let options = WriteOptions { dialect: Some(dialect), mark_inferred, sample_type: None };
    let columns: &[usize] = match (dialect, spec.types) {
        ("austin", 0 | 2) => return Ok(()),
        ("austin", 3) | (_, 2) => &[0, 1],
        (_, 0) => &[0],
        _ => &[1],
    };
    let (bytes, _) = write(&profile, &options).unwrap();
    let shown = String::from_utf8_lossy(&bytes).into_owned();
    prop_assert!(is_recognised(&bytes), "{shown}");
    let again = read(&bytes);
    prop_assert_eq!(&again.meta().notes, &Vec::<String>::new());
    prop_assert_eq!(again.meta().estimated, spec.estimated);
    let comments = |profile: &Profile| -> Vec<Vec<u8>> {
        let all = profile.meta().comments.iter().map(|&comment| profile.bytes(comment).to_vec());
        all.filter(|comment| !comment.is_empty()).collect()
    };
    prop_assert_eq!(comments(&again), comments(&profile), "{}", shown);
    compare(&profile, &again, dialect, mark_inferred, columns, &shown)?;
    let (second, _) = write(&again, &options).unwrap();
    prop_assert_eq!(String::from_utf8_lossy(&second), shown);
    Ok(())
}

fn compare(
    profile: &Profile,
    again: &Profile,
    dialect: &str,
    marked: bool,
    columns: &[usize],
    shown: &str,
) -> Result<(), TestCaseError> {
    let wanted = expected(profile, dialect, marked, columns);
    let found = rows(again);
    let decimals = |profile: &Profile, column: usize| i32::from(profile.sample_types()[column].decimals);
    // Austin's file may have no type for freed bytes, and times of whole microseconds.
    let of_found = |values: &[i64], index: usize| {
        let value = values.get(index).copied().unwrap_or(0);
        let scale = decimals(profile, columns[index])
            - again.sample_types().get(index).map_or(0, |kind| i32::from(kind.decimals));
        value * 10i64.pow(u32::try_from(scale).unwrap())
    };
    let rounded = dialect == "austin" && columns == [1];
    let mut sums = (0, 0);
    for (key, (values, others)) in &wanted {
        let Some(got) = found.get(key) else {
            prop_assert!(*others && values.iter().all(|&value| value == 0), "missing {:?}\n{}", key, shown);
            continue;
        };
        for (index, &value) in values.iter().enumerate() {
            let got = of_found(got, index);
            sums = (sums.0 + value, sums.1 + got);
            prop_assert!(
                if rounded { (value - got).abs() <= 1_500 } else { value == got },
                "{:?} {} {}\n{}",
                key,
                value,
                got,
                shown
            );
        }
    }
    prop_assert!((sums.0 - sums.1).abs() <= 500, "{:?}\n{}", sums, shown);
    for key in found.keys() {
        prop_assert!(wanted.contains_key(key), "made up {:?}\n{}", key, shown);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn py_spy_lines_read_back(spec in spec(), mark in any::<bool>()) {
        check(&spec, "py-spy", mark)?;
    }

    #[test]
    fn plain_lines_read_back(spec in spec(), mark in any::<bool>()) {
        check(&spec, "flamegraph", mark)?;
    }

    #[test]
    fn perf_lines_read_back(spec in spec(), mark in any::<bool>()) {
        check(&spec, "perf", mark)?;
    }

    #[test]
    fn austin_lines_read_back(spec in spec(), mark in any::<bool>()) {
        check(&spec, "austin", mark)?;
    }
}
