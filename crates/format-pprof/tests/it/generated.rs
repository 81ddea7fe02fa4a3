//! Profiles by chance: written, judged by prost, read and written again.

use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;

use profkit_format_pprof::proto;
use profkit_profile::{
    Frame, FrameFlags, Function, Label, Mapping, Origin, Profile, ProfileBuilder, Sample, StringId,
};

use crate::canonical::{canonical, check_strict};
use crate::files::{decode, read, try_write};

/// Strings of a profile; few, so that rows share them, and some that are no text.
const STRINGS: [&[u8]; 12] = [
    b"",
    b"main",
    b"work",
    b"a.py",
    b"pid",
    b"tid",
    b"thread",
    b"process",
    b"0",
    b"x/10",
    b"\xff\0\n",
    b"host",
];

fn string() -> impl Strategy<Value = i64> {
    0..12_i64
}

/// Small numbers and the largest ones.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -3..300_i64, 1 => any::<i64>(), 1 => prop::sample::select(&[0, i64::MIN, i64::MAX][..])]
}

fn label() -> impl Strategy<Value = proto::Label> {
    (string(), string(), number(), string(), 0..4).prop_map(|(key, str, num, num_unit, kind)| match kind {
        0 => proto::Label { key, str, ..Default::default() },
        1 => proto::Label { key, num, ..Default::default() },
        2 => proto::Label { key, num, num_unit, ..Default::default() },
        _ => proto::Label { key, str, num, num_unit },
    })
}

fn location() -> impl Strategy<Value = (u64, proto::Location)> {
    let line = (any::<Index>(), number(), number());
    let lines = prop::collection::vec(line, 0..4);
    // Ids of functions and mappings are places in their tables, until those are known.
    (0..4_u64, number(), any::<bool>(), lines).prop_map(|(mapping, address, is_folded, lines)| {
        let line = |(function, line, column): (Index, i64, i64)| proto::Line {
            function_id: function.index(8) as u64,
            line,
            column,
        };
        let line = lines.into_iter().map(line).collect();
        (mapping, proto::Location { address: address.cast_unsigned(), is_folded, line, ..Default::default() })
    })
}

type Function4 = (i64, i64, i64, i64);

/// Files that Go's pprof takes, with ids as they come.
fn file() -> impl Strategy<Value = proto::Profile> {
    let types = prop::collection::vec((string(), string()), 1..4);
    let ids = prop::sample::select(&[1_u64, 2, 1 << 40][..]);
    let functions = prop::array::uniform8((string(), string(), string(), number()));
    let mappings = prop::collection::vec((number(), number(), string(), any::<bool>()), 0..4);
    let locations = prop::collection::vec(location(), 1..10);
    let sample = (
        prop::collection::vec(any::<Index>(), 0..12),
        prop::array::uniform3(number()),
        prop::collection::vec(label(), 0..4),
    );
    let samples = prop::collection::vec(sample, 0..30);
    let head = (prop::array::uniform6(string()), prop::array::uniform3(number()));
    let head = (head, prop::collection::vec(string(), 0..3));
    (types, ids, functions, mappings, locations, samples, head).prop_map(
        |(types, step, functions, mappings, locations, samples, ((texts, numbers), comment))| {
            let function = |(place, (name, system_name, filename, start_line)): (u64, Function4)| {
                proto::Function { id: step * (place + 1), name, system_name, filename, start_line }
            };
            let mapping = |(place, (start, limit, filename, has_functions)): (u64, (i64, i64, i64, bool))| {
                proto::Mapping {
                    id: step * (place + 1),
                    memory_start: start.cast_unsigned(),
                    memory_limit: limit.cast_unsigned(),
                    filename,
                    has_functions,
                    ..Default::default()
                }
            };
            let places = locations.len();
            let location = |(place, (mapping, mut location)): (u64, (u64, proto::Location))| {
                location.id = step * (place + 1);
                location.mapping_id = step * mapping;
                location.line.iter_mut().for_each(|line| line.function_id = step * (line.function_id + 1));
                location
            };
            let sample = |(stack, values, label): (Vec<Index>, [i64; 3], Vec<proto::Label>)| proto::Sample {
                location_id: stack.iter().map(|place| step * (place.index(places) as u64 + 1)).collect(),
                value: values[..types.len()].to_vec(),
                label,
            };
            proto::Profile {
                sample: samples.into_iter().map(sample).collect(),
                sample_type: types.iter().map(|&(r#type, unit)| proto::ValueType { r#type, unit }).collect(),
                mapping: (0..).zip(mappings).map(mapping).collect(),
                location: (0..).zip(locations).map(location).collect(),
                function: (0..).zip(functions).map(function).collect(),
                string_table: STRINGS.map(<[u8]>::to_vec).to_vec(),
                drop_frames: texts[0],
                keep_frames: texts[1],
                default_sample_type: texts[2],
                doc_url: texts[3],
                period_type: Some(proto::ValueType { r#type: texts[4], unit: texts[5] }),
                time_nanos: numbers[0],
                duration_nanos: numbers[1],
                period: numbers[2],
                comment,
            }
        },
    )
}

/// What a profile holds of stacks and values, whatever its ids.
fn content(profile: &Profile) -> Vec<String> {
    let text = |id: StringId| profile.text(id).into_owned();
    let frame = |id| {
        let frame: Frame = profile.frames()[id];
        let function = frame.function.map(|id| profile.functions()[id]);
        let function = function.map(|it| (text(it.name), text(it.system_name), text(it.file), it.first_line));
        let place = (frame.line, frame.column, frame.address, frame.flags);
        format!("{function:?} {place:?} {:?}", frame.mapping.map(|id| profile.mappings()[id].start))
    };
    let row = |(row, sample): (usize, Sample)| {
        let frames: Vec<_> = profile.stacks().leaf_first(sample.stack).map(frame).collect();
        let origin = profile.origins()[sample.origin];
        let machine = (text(origin.host), text(origin.file));
        let origin = (origin.pid, text(origin.process), origin.tid, text(origin.thread), machine);
        let labels = profile.labels().get(sample.labels).iter();
        let labels: Vec<_> =
            labels.map(|it| (text(it.key), text(it.string), it.number, text(it.unit))).collect();
        format!("{frames:?} {origin:?} {labels:?} {:?}", profile.samples().row_values(row))
    };
    profile.samples().iter().enumerate().map(row).collect()
}

/// A frame: function, line, column, address, mapping, whether inlined.
type FrameParts = (usize, i64, i64, u64, Option<usize>, bool);

/// A sample: frames, root first, pid, tid, process and thread, a label, a value.
type SampleParts = (Vec<usize>, Option<i64>, Option<i64>, [usize; 2], (usize, i64), i64);

/// Profiles that other formats may make.
fn profile() -> impl Strategy<Value = Profile> {
    let function = (0..12_usize, 0..12_usize, number());
    let functions = prop::collection::vec(function, 1..5);
    let address = prop_oneof![Just(0_u64), Just(7), any::<u64>()];
    let frame =
        (0..5_usize, number(), number(), address, prop::option::of(0..3_usize), prop::bool::weighted(0.3));
    let frames = prop::collection::vec(frame, 1..10);
    let id = || prop::option::of(prop_oneof![Just(0), number()]);
    let sample = (
        prop::collection::vec(0..10_usize, 0..10),
        id(),
        id(),
        prop::array::uniform2(0..12_usize),
        (0..12_usize, number()),
        number(),
    );
    (functions, frames, prop::collection::vec(sample, 0..20))
        .prop_map(|(functions, frames, samples)| build(&functions, &frames, samples).unwrap())
}

fn build(
    functions: &[(usize, usize, i64)],
    frames: &[FrameParts],
    samples: Vec<SampleParts>,
) -> Result<Profile, profkit_profile::BuildError> {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"cpu", b"nanoseconds")?;
    let strings = STRINGS.map(|string| builder.string(string).unwrap());
    let function = |&(name, file, first_line): &(usize, usize, i64)| Function {
        name: strings[name],
        file: strings[file],
        first_line,
        ..Function::EMPTY
    };
    let functions: Vec<_> =
        functions.iter().map(|parts| builder.function(function(parts)).unwrap()).collect();
    let mappings = [1, 2, 3].map(|start| builder.mapping(Mapping { start, ..Mapping::EMPTY }).unwrap());
    let mut ids = Vec::new();
    for &(function, line, column, address, mapping, inlined) in frames {
        let function = functions[function % functions.len()];
        let flags = if inlined { FrameFlags::INLINED } else { FrameFlags::NONE };
        let mapping = mapping.map(|mapping| mappings[mapping]);
        ids.push(builder.frame(Frame { line, column, address, mapping, flags, ..Frame::of(function) })?);
    }
    for (frames, pid, tid, [process, thread], (key, number), value) in samples {
        let stack = builder.stack_from_root(frames.into_iter().map(|frame| ids[frame % ids.len()]))?;
        let (process, thread) = (strings[process], strings[thread]);
        let origin = builder.origin(Origin { pid, tid, process, thread, ..Origin::UNKNOWN })?;
        let labels = builder.labels(&[Label::number(strings[key], number, StringId::EMPTY)])?;
        builder.sample(Sample { stack, origin, labels }, &[value])?;
    }
    builder.finish()
}

proptest! {
    #[test]
    fn a_file_says_the_same_after_it_was_read_and_written(file in file()) {
        let profile = read(&file.encode_to_vec()).unwrap();
        let (written, _) = try_write(&profile).unwrap();
        check_strict(&decode(&written));
        prop_assert_eq!(canonical(&decode(&written)), canonical(&file));
        let back = read(&written).unwrap();
        prop_assert_eq!(content(&back), content(&profile));
        prop_assert!(try_write(&back).unwrap().0 == written);
    }

    #[test]
    fn what_other_formats_make_is_settled_after_one_writing(profile in profile()) {
        let (written, _) = try_write(&profile).unwrap();
        check_strict(&decode(&written));
        let back = read(&written).unwrap();
        prop_assert!(try_write(&back).unwrap().0 == written);
        prop_assert_eq!(profile.samples().values(0), back.samples().values(0));
        let depths = |profile: &Profile| -> Vec<usize> {
            let stacks = profile.samples().stacks().iter();
            stacks.map(|&stack| profile.stacks().leaf_first(stack).count()).collect()
        };
        prop_assert_eq!(depths(&profile), depths(&back));
    }

    #[test]
    fn origins_come_back_as_they_were(pid in prop::option::of(number()), tid in prop::option::of(number()),
        names in prop::array::uniform2(0..12_usize)) {
        let frames = [(0, 1, 0, 0, None, false)];
        let sample = (vec![0], pid, tid, names, (1, 5), 1);
        let profile = build(&[(1, 3, 1)], &frames, vec![sample]).unwrap();
        let (written, written_with) = try_write(&profile).unwrap();
        prop_assert_eq!(written_with.losses, Vec::<String>::new());
        prop_assert_eq!(content(&read(&written).unwrap()), content(&profile));
        // No label is one that Go's pprof takes for nothing.
        let file = decode(&written);
        prop_assert!(file.sample[0].label.iter().all(|label| label.str != 0 || label.num != 0));
    }
}
