//! What must hold of a merge whatever is merged: neither order, nor grouping, nor threads matter, nothing is lost, and a
//! slow and obvious merge gives the same sums.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use profkit_merge::{MergeOptions, Merger, merge, merge_all};
use profkit_profile::{
    CallEdge, Dimension, Frame, FrameFlags, FrameId, Function, FunctionCalls, FunctionId, Label, LineCost,
    Mapping, Origin, OriginId, Profile, ProfileBuilder, Sample, SampleType, StackId, StringId, Track,
    TrackKind,
};
use proptest::prelude::*;

/// Small numbers that a profile is made of; many of them name the same thing, so that profiles overlap.
#[derive(Clone, Debug)]
struct Script {
    types: Vec<u8>,
    samples: Vec<ScriptSample>,
    functions: Vec<(u8, u8, [i64; 3])>,
    edges: Vec<(u8, u8, u8, [i64; 3])>,
    meta: u8,
    load_address: u8,
}

/// Names and units of the sample types that scripts choose from. The first two are the same in other units, and so are
/// the two that follow.
const TYPES: [(&str, &str, u8); 8] = [
    ("cpu", "nanoseconds", 0),
    ("cpu", "microseconds", 0),
    ("space", "bytes", 0),
    ("space", "kilobytes", 0),
    ("samples", "count", 0),
    ("weight", "none", 0),
    ("weight", "none", 2),
    ("wall", "nanoseconds", 0),
];

fn scripts() -> impl Strategy<Value = Vec<Script>> {
    let values = || prop::array::uniform3(-2i64..9);
    let sample = (prop::collection::vec((0u8..5, 0u8..3), 0..5), 0u8..4, 0u8..4, values());
    let script = (
        prop::collection::vec(0u8..8, 0..4),
        prop::collection::vec(sample, 0..8),
        prop::collection::vec((0u8..5, 0u8..4, values()), 0..4),
        prop::collection::vec((0u8..5, 0u8..5, 0u8..8, values()), 0..4),
        any::<u8>(),
        0u8..4,
    );
    let script = script.prop_map(|(types, samples, functions, edges, meta, load_address)| Script {
        types,
        samples,
        functions,
        edges,
        meta,
        load_address,
    });
    prop::collection::vec(script, 1..6)
}

/// The profile of a script. Rows that need a sample type are left out where there is none.
fn profile(script: &Script) -> Profile {
    let mut builder = ProfileBuilder::new();
    fill(script, &mut builder);
    builder.finish().unwrap()
}

/// The same, into a builder that may have read others.
fn fill(script: &Script, builder: &mut ProfileBuilder) {
    let mut count = 0;
    for &choice in &script.types {
        let (name, unit, decimals) = TYPES[usize::from(choice)];
        let (name, unit) =
            (builder.string(name.as_bytes()).unwrap(), builder.string(unit.as_bytes()).unwrap());
        let before = builder.sample_types().len();
        // The same one in two units in one profile is two columns.
        if (0..before).all(|index| builder.sample_types()[index].name != name) {
            builder.push_sample_type(SampleType { name, unit, decimals });
            count += 1;
        }
    }
    if count > 0 {
        script.samples.iter().for_each(|sample| add_sample(builder, script, sample, count));
        add_calls(builder, script, count);
        meta(builder, script.meta);
    }
}

fn function(builder: &mut ProfileBuilder, number: u8, repeats: bool) -> FunctionId {
    // Two functions of one name in two files, and two at two lines.
    let name = builder.string(["a", "a", "b", "b", "c"][usize::from(number)].as_bytes()).unwrap();
    let file = builder.string(["x.py", "y.py", "x.py", "x.py", ""][usize::from(number)].as_bytes()).unwrap();
    // Some recorders repeat the name as the linker's.
    let system_name = if builder.bytes(name) == b"b" && repeats { name } else { StringId::EMPTY };
    builder.function(Function { name, system_name, file, first_line: i64::from(number / 3) }).unwrap()
}

type ScriptSample = (Vec<(u8, u8)>, u8, u8, [i64; 3]);

fn add_sample(builder: &mut ProfileBuilder, script: &Script, sample: &ScriptSample, count: usize) {
    let (frames, origin, labels, values) = sample;
    let mut values: Vec<i64> = values[..count].to_vec();
    let mut path = Vec::new();
    for &(number, place) in frames {
        let function = Some(function(builder, number, script.meta % 2 == 1));
        let mut frame = Frame { function, line: place.into(), ..Frame::EMPTY };
        if place == 2 {
            // The same binary at another address in each profile. What stands for it is chosen among those that have
            // values, so that values must not cancel out here.
            let start = 0x10_0000 * (u64::from(script.load_address) + 1);
            let file = builder.string(b"/bin/x").unwrap();
            let mapping = Mapping { start, limit: start + 0x1800, file, ..Mapping::EMPTY };
            frame.mapping = Some(builder.mapping(mapping).unwrap());
            frame.address = start + u64::from(number);
            frame.flags = FrameFlags::FOLDED;
            values.iter_mut().for_each(|value| *value = value.abs() + 1);
        }
        path.push(builder.frame(frame).unwrap());
    }
    let stack = match script.load_address {
        // As readers of other formats do it, which have parents before children.
        3 => builder.stack_from_root(path).unwrap(),
        _ => add_path(builder, path),
    };
    let thread = builder.string(b"worker").unwrap();
    let origin = match origin {
        0 | 1 => Origin::UNKNOWN,
        2 => Origin { pid: Some(7), ..Origin::UNKNOWN },
        _ => Origin { pid: Some(7), tid: Some(1), thread, ..Origin::UNKNOWN },
    };
    let origin = builder.origin(origin).unwrap();
    let (key, other, text) = (
        builder.string(b"key").unwrap(),
        builder.string(b"other").unwrap(),
        builder.string(b"text").unwrap(),
    );
    let (one, two) = (Label::text(key, text), Label::number(other, 3, text));
    let set = match labels {
        0 | 1 => vec![],
        2 => vec![one, two],
        _ => vec![two, one],
    };
    let labels = builder.labels(&set).unwrap();
    builder.sample(Sample { stack, origin, labels }, &values).unwrap();
}

/// As a whole, which a merge keeps as it is.
fn add_path(builder: &mut ProfileBuilder, mut path: Vec<FrameId>) -> Option<StackId> {
    path.reverse();
    let mut batch = builder.stack_batch();
    batch.callers(&path);
    batch.end();
    let mut stacks = Vec::new();
    builder.stacks(&batch, &mut stacks).unwrap();
    stacks[0]
}

fn add_calls(builder: &mut ProfileBuilder, script: &Script, count: usize) {
    for &(number, origin, values) in &script.functions {
        let function = function(builder, number, script.meta % 2 == 1);
        let origin = Origin { pid: (origin > 2).then_some(8), ..Origin::UNKNOWN };
        let origin = builder.origin(origin).unwrap();
        let calls = (values[0] > 0).then_some(values[0]);
        let labels = profkit_profile::LabelSetId::EMPTY;
        let row = FunctionCalls { origin, function, labels, calls, primitive_calls: calls };
        builder.function_calls(row, &values[..count], &values[..count]).unwrap();
        let frame = builder.frame(Frame { line: 9, ..Frame::of(function) }).unwrap();
        builder.line_cost(LineCost { origin, function, frame }, &values[..count]).unwrap();
    }
    for &(caller, callee, known, values) in &script.edges {
        let repeats = script.meta % 2 == 1;
        let (caller, callee) = (function(builder, caller, repeats), function(builder, callee, repeats));
        let origin = builder.origin(Origin::UNKNOWN).unwrap();
        let site = builder.frame(Frame { line: 4, ..Frame::of(caller) }).unwrap();
        let row = CallEdge {
            origin,
            caller,
            callee,
            site: (known & 1 == 1).then_some(site),
            calls: Some(values[0]),
            primitive_calls: (known & 2 == 2).then_some(values[1]),
            has_self: known & 4 == 4,
            has_total: true,
        };
        builder.call_edge(row, &values[..count], &values[..count]).unwrap();
    }
}

fn meta(builder: &mut ProfileBuilder, bits: u8) {
    let bit = |number: u8| bits >> number & 1 == 1;
    let (cpu, unit) = (builder.string(b"cpu").unwrap(), builder.string(b"nanoseconds").unwrap());
    let comment = builder.string(format!("comment {}", bits % 3).as_bytes()).unwrap();
    let filter = builder.string(format!("drop {}", bits % 4).as_bytes()).unwrap();
    let meta = &mut builder.meta;
    meta.start_ns = bit(0).then_some(i64::from(bits));
    meta.duration_ns = bit(1).then_some(i64::from(bits));
    meta.period = i64::from(bits % 3) * 100;
    meta.period_type = bit(2).then_some((cpu, unit));
    meta.comments = if bit(3) { vec![comment] } else { vec![] };
    // Also a name that no column has.
    meta.default_type = bit(4).then_some(if bit(5) { comment } else { cpu });
    meta.drop_frames = bit(5).then_some(filter);
    meta.title = bit(6).then_some(comment);
    meta.producer = if bit(7) { "tool 1".to_owned() } else { "other 2".to_owned() };
    meta.format = if bit(0) { "pprof" } else { "pstats" };
}

/// Everything in a profile, ids included: two profiles are the same, row for row, if this is.
fn all(profile: &Profile) -> String {
    format!("{profile:?}")
}

/// The slow merge: sums by everything that a row says, in words. Times are in nanoseconds, weights in hundredths.
fn sums<'p>(profiles: impl IntoIterator<Item = &'p Profile>) -> BTreeMap<Vec<String>, i64> {
    let mut sums = BTreeMap::new();
    for profile in profiles {
        let samples = profile.samples();
        for (row, sample) in samples.iter().enumerate() {
            let mut key: Vec<String> =
                profile.stacks().leaf_first(sample.stack).map(|frame| frame_text(profile, frame)).collect();
            key.push(origin_text(profile, sample.origin));
            let mut labels: Vec<String> = profile
                .labels()
                .get(sample.labels)
                .iter()
                .map(|label| {
                    format!("{} {} {}", profile.text(label.key), profile.text(label.string), label.number)
                })
                .collect();
            labels.sort();
            key.extend(labels);
            add(&mut sums, profile, "sample", &key, &samples.row_values(row));
        }
        let calls = profile.calls();
        for (row, function) in calls.functions().rows().iter().enumerate() {
            let key = vec![
                function_text(profile, function.function),
                origin_text(profile, function.origin),
                format!("{}", function.calls.is_some()),
            ];
            let (own, total) = calls.functions().values(row);
            add(&mut sums, profile, "self", &key, &own);
            add(&mut sums, profile, "total", &key, &total);
            count(&mut sums, "calls", &key, function.calls);
        }
        for (row, edge) in calls.edges().rows().iter().enumerate() {
            let key = vec![
                function_text(profile, edge.caller),
                function_text(profile, edge.callee),
                edge.site.map_or(String::new(), |site| frame_text(profile, site)),
                format!("{} {} {}", edge.primitive_calls.is_some(), edge.has_self, edge.has_total),
            ];
            let (own, total) = calls.edges().values(row);
            add(&mut sums, profile, "edge self", &key, &own);
            add(&mut sums, profile, "edge total", &key, &total);
            count(&mut sums, "edge calls", &key, edge.calls);
            count(&mut sums, "edge primitive", &key, edge.primitive_calls);
        }
        for (row, line) in calls.lines().rows().iter().enumerate() {
            let key = vec![frame_text(profile, line.frame), origin_text(profile, line.origin)];
            add(&mut sums, profile, "line", &key, &calls.lines().values(row).0);
        }
    }
    sums.retain(|_, &mut sum| sum != 0);
    sums
}

fn add(sums: &mut BTreeMap<Vec<String>, i64>, profile: &Profile, what: &str, key: &[String], values: &[i64]) {
    for (index, (sample_type, value)) in profile.sample_types().iter().zip(values).enumerate() {
        let unit = profile.unit(index);
        let fine = if unit.dimension == Dimension::Count && &*profile.text(sample_type.unit) == "none" {
            10i64.pow(2 - u32::from(sample_type.decimals))
        } else {
            unit.factor
        };
        let mut key = key.to_vec();
        key.insert(0, format!("{what} {}", profile.text(sample_type.name)));
        *sums.entry(key).or_insert(0) += value * fine;
    }
}

fn count(sums: &mut BTreeMap<Vec<String>, i64>, what: &str, key: &[String], calls: Option<i64>) {
    let mut key = key.to_vec();
    key.insert(0, what.to_owned());
    *sums.entry(key).or_insert(0) += calls.unwrap_or(0);
}

fn function_text(profile: &Profile, id: FunctionId) -> String {
    let Function { name, file, first_line, .. } = profile.functions()[id];
    format!("{} {}:{first_line}", profile.text(name), profile.text(file))
}

fn frame_text(profile: &Profile, id: FrameId) -> String {
    let frame = profile.frames()[id];
    let start = frame.mapping.map_or(0, |mapping| profile.mappings()[mapping].start);
    let function = frame.function.map_or(String::new(), |id| function_text(profile, id));
    format!("{function} {} +{:x} {:?}", frame.line, frame.address - start, frame.flags)
}

fn origin_text(profile: &Profile, id: OriginId) -> String {
    let Origin { pid, tid, thread, .. } = profile.origins()[id];
    format!("{pid:?} {tid:?} {}", profile.text(thread))
}

/// A track, which does not matter to a merge.
fn track() -> Track {
    Track {
        name: StringId::EMPTY,
        origin: OriginId::UNKNOWN,
        sample_type: 0,
        unit: StringId::EMPTY,
        kind: TrackKind::Intervals,
        every_call: true,
        start: 0,
        end: 0,
        rows: 0..0,
        samples: 0..0,
    }
}

/// A function's system name counts if it is another name.
#[test]
fn a_system_name_that_says_nothing_keeps_nothing_apart() {
    let profile = |system_name: &str| {
        let mut builder = ProfileBuilder::new();
        builder.sample_type(b"cpu", b"nanoseconds").unwrap();
        let (name, system_name) =
            (builder.string(b"f").unwrap(), builder.string(system_name.as_bytes()).unwrap());
        let function = builder.function(Function { name, system_name, ..Function::EMPTY }).unwrap();
        let frame = builder.frame(Frame::of(function)).unwrap();
        let stack = builder.stack(None, frame).unwrap();
        builder.sample(Sample::of(Some(stack)), &[1]).unwrap();
        builder.finish().unwrap()
    };
    let merged = merge(&[profile(""), profile("f"), profile("_Z1fv"), profile("_Z1fi")]).unwrap();
    let names: Vec<_> = merged.functions().rows().iter().map(|row| merged.text(row.system_name)).collect();
    assert_eq!(names, ["_Z1fi", "_Z1fv", "f"]);
    assert_eq!(merged.samples().values(0), [1, 1, 2]);
}

fn profiles(scripts: &[Script]) -> Vec<Profile> {
    scripts.iter().map(profile).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_order_of_inputs_does_not_matter(scripts in scripts(), turn in 0usize..6) {
        let mut profiles = profiles(&scripts);
        let merged = all(&merge(&profiles).unwrap());
        let turn = turn % profiles.len();
        profiles.rotate_left(turn);
        prop_assert_eq!(&all(&merge(&profiles).unwrap()), &merged);
        profiles.reverse();
        prop_assert_eq!(all(&merge(&profiles).unwrap()), merged);
    }

    #[test]
    fn how_inputs_are_grouped_does_not_matter(scripts in scripts(), cut in 0usize..6) {
        let profiles = profiles(&scripts);
        let merged = all(&merge(&profiles).unwrap());
        let (one, other) = profiles.split_at(cut.min(profiles.len()));
        let parts = [merge(one).unwrap(), merge(other).unwrap()];
        prop_assert_eq!(&all(&merge(&parts).unwrap()), &merged, "merged, then merged again");
        let joined = |one: &[Profile], other: &[Profile]| {
            let mut mergers = [one, other].map(|part| {
                let mut merger = Merger::default();
                part.iter().for_each(|profile| merger.absorb(profile, None).unwrap());
                merger
            });
            let other = std::mem::take(&mut mergers[1]);
            let [mut merger, _] = mergers;
            merger.join(other).unwrap();
            all(&merger.finish().unwrap())
        };
        prop_assert_eq!(&joined(one, other), &merged, "joined");
        prop_assert_eq!(&joined(other, one), &merged, "joined the other way round");
    }

    #[test]
    fn nothing_and_a_second_time_change_nothing(scripts in scripts()) {
        for profile in profiles(&scripts) {
            let nothing = ProfileBuilder::new().finish().unwrap();
            let merged = merge([&profile]).unwrap();
            prop_assert_eq!(all(&merge([&profile, &nothing]).unwrap()), all(&merged));
            prop_assert_eq!(all(&merge([&nothing, &profile]).unwrap()), all(&merged));
            prop_assert_eq!(all(&merge([&merged]).unwrap()), all(&merged));
        }
    }

    #[test]
    fn a_profile_with_itself_has_all_values_twice(scripts in scripts()) {
        for profile in profiles(&scripts) {
            let mut twice = sums([&profile]);
            twice.values_mut().for_each(|value| *value *= 2);
            prop_assert_eq!(sums([&merge([&profile, &profile]).unwrap()]), twice);
        }
    }

    #[test]
    fn the_sums_are_those_of_a_slow_merge(scripts in scripts()) {
        let profiles = profiles(&scripts);
        let merged = merge(&profiles).unwrap();
        merged.validate().unwrap();
        prop_assert_eq!(sums([&merged]), sums(&profiles));
        let rows: std::collections::HashSet<Sample> = merged.samples().iter().collect();
        prop_assert_eq!(rows.len(), merged.samples().len(), "each distinct sample is one row");
    }

    #[test]
    fn the_number_of_threads_does_not_matter(scripts in scripts()) {
        let profiles = profiles(&scripts);
        let merged = all(&merge(&profiles).unwrap());
        for threads in [1, 2, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let load = |script: &Script, builder: &mut ProfileBuilder| {
                fill(script, builder);
                Ok::<_, ()>(None)
            };
            let outcome = pool.install(|| merge_all(&scripts, &MergeOptions::default(), load)).unwrap();
            prop_assert_eq!(all(&outcome.finish().unwrap()), merged.clone(), "{} threads", threads);
        }
    }

    #[test]
    fn what_cannot_be_read_leaves_nothing(scripts in scripts(), broken in 0usize..6) {
        let broken = broken % scripts.len();
        let mut merger = Merger::default();
        for (index, script) in scripts.iter().enumerate() {
            let read = |builder: &mut ProfileBuilder| {
                fill(script, builder);
                builder.begin_track(track());
                if index == broken { Err("broken") } else { Ok(None) }
            };
            prop_assert_eq!(merger.read(read).unwrap().is_err(), index == broken);
        }
        let mut others = profiles(&scripts);
        others.remove(broken);
        prop_assert_eq!(all(&merger.finish().unwrap()), all(&merge(&others).unwrap()));
    }
}
