//! Profiles drawn at random, through a file and back.

use profkit_profile::views::events::events;
use profkit_profile::{Frame, FrameId, Function, Origin, Profile, ProfileBuilder, Sample, Track, TrackKind};
use proptest::prelude::*;

use super::{read, write};

/// What a track is drawn from.
#[derive(Clone, Debug)]
enum Drawn {
    /// Stacks as frame numbers, with values.
    Samples(Vec<(Vec<usize>, i64)>),
    /// Calls: how long to wait, then which frame to enter, or `None` to leave.
    Calls(Vec<(i64, Option<usize>)>),
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let stack = prop::collection::vec(0usize..6, 0..5);
    let value = prop_oneof![Just(0), 0i64..100, 0i64..1 << 50];
    prop_oneof![
        prop::collection::vec((stack, value.clone()), 0..12).prop_map(Drawn::Samples),
        prop::collection::vec((value, prop::option::of(0usize..6)), 0..24).prop_map(Drawn::Calls),
    ]
}

const UNITS: [&[u8]; 6] = [b"none", b"nanoseconds", b"microseconds", b"milliseconds", b"seconds", b"bytes"];

fn build(
    tracks: &[(Drawn, usize, i64, Vec<u8>)],
    names: &[Vec<u8>],
    decimals: u8,
    ordered: usize,
) -> Profile {
    let mut builder = ProfileBuilder::new();
    let frames: Vec<FrameId> = (0..6i64)
        .zip(names)
        .map(|(number, name)| {
            let (name, file) = (builder.string(name).unwrap(), builder.string(b"x.py").unwrap());
            let function = builder.function(Function { name, file, ..Function::EMPTY }).unwrap();
            builder.frame(Frame { line: 1 + number, column: number % 2, ..Frame::of(function) }).unwrap()
        })
        .collect();
    for (number, (drawn, unit, start, thread)) in tracks.iter().enumerate() {
        let (name, model) = match unit {
            0 => ("weight", "none"),
            5 => ("memory", "bytes"),
            _ => ("time", "nanoseconds"),
        };
        let sample_type = profkit_profile::SampleType {
            name: builder.string(name.as_bytes()).unwrap(),
            unit: builder.string(model.as_bytes()).unwrap(),
            decimals: if model == "nanoseconds" { 0 } else { decimals },
        };
        let sample_type = builder.add_sample_type(sample_type);
        let origin = Origin { tid: Some(*start), thread: builder.string(thread).unwrap(), ..Origin::UNKNOWN };
        let origin = builder.origin(origin).unwrap();
        let name = [format!("Thread {start} \"").as_bytes(), thread, b"\""].concat();
        let track = Track {
            name: builder.string(&name).unwrap(),
            origin,
            sample_type,
            unit: builder.string(UNITS[*unit]).unwrap(),
            kind: match drawn {
                Drawn::Calls(_) => TrackKind::Intervals,
                Drawn::Samples(_) if number < ordered => TrackKind::Samples,
                Drawn::Samples(_) => TrackKind::Sums,
            },
            every_call: *start % 2 == 0,
            start: *start,
            end: 0,
            rows: 0..0,
            samples: 0..0,
        };
        builder.begin_track(track);
        let mut at = *start;
        match drawn {
            Drawn::Samples(samples) => {
                for (stack, value) in samples {
                    let stack = builder.stack_from_root(stack.iter().map(|&frame| frames[frame])).unwrap();
                    let mut values = vec![0; builder.sample_types().len()];
                    values[sample_type] = *value;
                    at += value;
                    builder.sample(Sample { origin, ..Sample::of(stack) }, &values).unwrap();
                }
            }
            Drawn::Calls(calls) => {
                for (wait, entered) in calls {
                    at += wait;
                    match (entered, builder.open_frames().last()) {
                        (Some(frame), _) => builder.enter(frames[*frame], at).unwrap(),
                        (None, Some(&frame)) => builder.leave(frame, at).unwrap(),
                        (None, None) => {}
                    }
                }
                for frame in builder.open_frames().into_iter().rev() {
                    builder.leave(frame, at).unwrap();
                }
            }
        }
        builder.end_track(at).unwrap();
    }
    builder.finish().unwrap()
}

/// A frame as a file tells it.
fn shown(profile: &Profile, frame: FrameId) -> (Vec<u8>, i64, i64) {
    let frame = profile.frames()[frame];
    let function = profile.functions()[frame.function.unwrap()];
    (profile.bytes(function.name).to_vec(), frame.line, frame.column)
}

/// Everything that a file holds of a track, in numbers that do not depend on decimals.
fn told(profile: &Profile, track: &Track) -> impl PartialEq + std::fmt::Debug + use<> {
    let sample_type = profile.sample_types()[track.sample_type];
    let exact = |value: i64| i128::from(value) * 10i128.pow(9 - u32::from(sample_type.decimals));
    let samples: Vec<_> = track
        .samples
        .clone()
        .map(|row| {
            let stacks = profile.stacks();
            let stack: Vec<_> = stacks
                .leaf_first(profile.samples().stacks()[row])
                .map(|frame| shown(profile, frame))
                .collect();
            (
                stack,
                exact(profile.samples().values(track.sample_type)[row]),
                profile.origins()[profile.samples().get(row).origin].tid,
            )
        })
        .collect();
    let calls: Vec<_> = match track.kind {
        TrackKind::Intervals => events(profile, track)
            .unwrap()
            .into_iter()
            .map(|it| (exact(it.at), it.enters, shown(profile, it.frame)))
            .collect(),
        TrackKind::Samples | TrackKind::Sums => Vec::new(),
    };
    let texts =
        [track.name, track.unit, sample_type.name, sample_type.unit, profile.origins()[track.origin].thread];
    (texts.map(|text| profile.bytes(text).to_vec()), exact(track.start), exact(track.end), samples, calls)
}

/// Strings that JSON can hold, lone surrogates among them.
fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<String>().prop_map(String::into_bytes),
        "[a-z]{0,3}".prop_map(|text| [text.as_bytes(), b"\xed\xb3\xbf"].concat()),
    ]
}

proptest! {
    #[test]
    fn tracks_come_back(
        tracks in prop::collection::vec((drawn(), 0usize..6, 0i64..1_000, name()), 0..4),
        names in prop::collection::vec(name(), 6),
        decimals in 0u8..3,
        ordered in 0usize..4,
    ) {
        let profile = build(&tracks, &names, decimals, ordered);
        let text = write(&profile);
        let back = read(text.as_bytes()).unwrap();
        prop_assert_eq!(back.tracks().tracks().len(), tracks.len().max(1));
        for (before, after) in profile.tracks().tracks().iter().zip(back.tracks().tracks()) {
            prop_assert_eq!(told(&profile, before), told(&back, after));
        }
        let kinds = |profile: &Profile| -> Vec<TrackKind> {
            profile.tracks().tracks().iter().map(|track| track.kind).collect()
        };
        // Sums before time lines are said to be lost.
        let (kinds, back_kinds) = (kinds(&profile), kinds(&back));
        let last = kinds.iter().rposition(|kind| *kind != TrackKind::Sums);
        for (number, (before, after)) in kinds.iter().zip(&back_kinds).enumerate() {
            prop_assert!(before == after || (*before == TrackKind::Sums && Some(number) < last));
        }
        prop_assert_eq!(profile.tracks().has_time_order(), back.tracks().has_time_order());
        prop_assert_eq!(write(&back), text);
    }
}
