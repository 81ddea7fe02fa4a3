//! Tracks through the builder: where their samples stand, and that many short ones cost no more than one long one.

use std::time::{Duration, Instant};

use profkit_profile::{
    Frame, FrameId, Function, OriginId, Profile, ProfileBuilder, Sample, StringId, Track, TrackKind,
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
    let [intervals, samples] = profile.tracks().tracks() else { panic!("two tracks") };
    assert_eq!((intervals.rows.clone(), intervals.samples.clone()), (0..3, 1..3));
    assert_eq!((samples.rows.clone(), samples.samples.clone()), (3..4, 3..4));
    // a ran alone from 0 to 2 and from 6 to 9, b twice for 4 in all.
    assert_eq!(profile.samples().values(0), [1, 5, 4, 4, 7]);
}

#[test]
fn many_short_tracks_with_stacks_of_their_own() {
    const TRACKS: i64 = 40_000;
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    let begin = Instant::now();
    for number in 0..TRACKS {
        let frame = frame(&mut builder, &number.to_string());
        builder.begin_track(track(TrackKind::Intervals));
        builder.enter(frame, 0).unwrap();
        builder.leave(frame, number).unwrap();
        builder.end_track(number).unwrap();
    }
    let profile: Profile = builder.finish().unwrap();
    assert_eq!(profile.samples().values(0).iter().sum::<i64>(), TRACKS * (TRACKS - 1) / 2);
    // Quadratic, this would be 40,000 times a column of 16 bytes a stack: 12 GB to clear.
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[test]
fn intervals_give_back_the_events_they_came_from() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    let (a, b) = (frame(&mut builder, "a"), frame(&mut builder, "b"));
    // Everything that shares a time: a call without length, one call right after another, a gap, recursion.
    let events = [
        (a, true, 1),
        (a, true, 1),
        (a, false, 1),
        (a, true, 1),
        (b, true, 3),
        (b, false, 3),
        (a, false, 3),
        (a, false, 3),
        (a, true, 3),
        (a, false, 4),
        (b, true, 8),
        (b, false, 9),
    ];
    builder.begin_track(track(TrackKind::Intervals));
    for (frame, enters, at) in events {
        if enters { builder.enter(frame, at).unwrap() } else { builder.leave(frame, at).unwrap() }
    }
    builder.end_track(10).unwrap();
    let profile = builder.finish().unwrap();
    let back = profkit_profile::views::events::events(&profile, &profile.tracks().tracks()[0]).unwrap();
    let back: Vec<_> = back.into_iter().map(|event| (event.frame, event.enters, event.at)).collect();
    assert_eq!(back, events);
}
