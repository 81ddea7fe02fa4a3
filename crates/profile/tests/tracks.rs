//! Tracks through the builder: where their samples stand.
#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use profkit_profile::{
    Frame, FrameId, Function, OriginId, ProfileBuilder, Sample, StringId, Track, TrackKind,
};

fn frame(builder: &mut ProfileBuilder, name: &str) -> FrameId {
    let name = builder.string(name.as_bytes()).unwrap();
    let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
    builder.frame(Frame::of(function)).unwrap()
}

fn track(kind: TrackKind) -> Track {
    Track {
        name: StringId::EMPTY,
        origin: OriginId::UNKNOWN,
        sample_type: 0,
        unit: StringId::EMPTY,
        kind,
        every_call: false,
        start: 0,
        end: 0,
        rows: 0..0,
        samples: 0..0,
    }
}

#[test]
fn a_track_knows_its_samples() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    let (a, b) = (frame(&mut builder, "a"), frame(&mut builder, "b"));
    let stack = builder.stack(None, a).unwrap();
    builder.sample(Sample::of(Some(stack)), &[1]).unwrap();
    builder.begin_track(track(TrackKind::Intervals));
    for (frame, enters, at) in
        [(a, true, 0), (b, true, 2), (b, false, 5), (b, true, 5), (b, false, 6), (a, false, 9)]
    {
        if enters { builder.enter(frame, at).unwrap() } else { builder.leave(frame, at).unwrap() }
    }
    builder.end_track(9).unwrap();
    builder.begin_track(track(TrackKind::Samples));
    builder.sample(Sample::of(None), &[4]).unwrap();
    builder.end_track(4).unwrap();
    builder.sample(Sample::of(None), &[7]).unwrap();
    let profile = builder.finish().unwrap();
    let [intervals, samples] = profile.tracks().tracks() else { unreachable!("two tracks") };
    assert_eq!((intervals.rows.clone(), intervals.samples.clone()), (0..3, 1..3));
    assert_eq!((samples.rows.clone(), samples.samples.clone()), (3..4, 3..4));
    // a ran alone from 0 to 2 and from 6 to 9, b twice for 4 in all.
    assert_eq!(profile.samples().values(0), [1, 5, 4, 4, 7]);
}
