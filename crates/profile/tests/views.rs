//! The views over small profiles drawn as text.
#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use profkit_profile::views::call_edges::call_edges;
use profkit_profile::views::call_tree::CallTree;
use profkit_profile::views::events::events;
use profkit_profile::views::folded::folded;
use profkit_profile::views::groups::{Group, Grouping, Groups};
use profkit_profile::views::origins::{By, fold_origins, split_origins};
use profkit_profile::views::totals::{totals, totals_by};
use profkit_profile::{
    BuildError, Frame, FrameId, Function, FunctionId, Origin, OriginId, Profile, ProfileBuilder, Sample,
    StringId, Track, TrackKind,
};

/// A function by its name, at the line after a colon if there is one.
fn frame(builder: &mut ProfileBuilder, text: &str) -> FrameId {
    let (name, line) = text.split_once(':').unwrap_or((text, "0"));
    let name = builder.string(name.as_bytes()).unwrap();
    let file = builder.string(b"/app/x.py").unwrap();
    let function = builder.function(Function { name, file, ..Function::EMPTY }).unwrap();
    builder.frame(Frame { line: line.parse().unwrap(), ..Frame::of(function) }).unwrap()
}

/// One sample a line: frames, root first, and the value.
fn profile(text: &str) -> Profile {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"samples", b"count").unwrap();
    for line in text.lines() {
        let (stack, value) = line.rsplit_once(' ').unwrap();
        let frames: Vec<_> =
            stack.split(';').filter(|s| !s.is_empty()).map(|text| frame(&mut builder, text)).collect();
        let stack = builder.stack_from_root(frames).unwrap();
        builder.sample(Sample::of(stack), &[value.parse().unwrap()]).unwrap();
    }
    builder.finish().unwrap()
}

fn function(profile: &Profile, name: &str) -> FunctionId {
    let found = profile.functions().iter().find(|(_, row)| profile.text(row.name) == name);
    found.unwrap().0
}

#[test]
fn recursion_counts_once_in_a_total() {
    let profile = profile("main;f:1;f:2;g;f:1 10\nmain;f:1 5\nmain 1");
    let totals = totals(&profile);
    let of = |name| (totals.own(function(&profile, name), 0), totals.total(function(&profile, name), 0));
    assert_eq!((of("main"), of("f"), of("g")), ((1, 16), (15, 15), (0, 10)));
    assert_eq!(totals.sum(0), 16);
    assert_eq!(totals.calls(), [None, None, None]);
}

#[test]
fn lines_of_one_function_are_rows_of_their_own_when_asked() {
    let profile = profile("main:3;f:1 10\nmain:4 5");
    let totals = totals_by(&profile, Grouping::Line);
    let main = function(&profile, "main");
    let row = |line| totals.groups.groups().iter().position(|&g| g == Group::Line(main, line)).unwrap();
    assert_eq!((totals.own_column(0)[row(3)], totals.total_column(0)[row(3)]), (0, 10));
    assert_eq!((totals.own_column(0)[row(4)], totals.total_column(0)[row(4)]), (5, 5));
}

#[test]
fn a_sum_that_does_not_fit_is_the_largest_number_and_says_so() {
    let profile = profile(&format!("main {}\nmain;f {}", i64::MAX, i64::MAX));
    let totals = totals(&profile);
    assert_eq!(totals.sum(0), i64::MAX);
    assert!(totals.saturated.0);
    assert!(call_edges(&profile).unwrap().saturated.0);
    assert_eq!(folded(&profile, 0).unwrap().len(), 2);
    assert!(CallTree::new(&profile, &Groups::new(&profile, Grouping::Function), 0).saturated.0);
}

#[test]
fn a_call_tree_joins_lines() {
    let profile = profile("main:1;f:1 10\nmain:2;f:9 5\n 3");
    let groups = Groups::new(&profile, Grouping::Function);
    let tree = CallTree::new(&profile, &groups, 0);
    assert_eq!(tree.nodes.len(), 2);
    assert_eq!((tree.own.as_slice(), tree.total.as_slice()), (&[0, 15][..], &[15, 15][..]));
}

#[test]
fn a_walk_depth_first_has_siblings_by_their_keys() {
    let profile = profile("main;z 1\nb;a 1\nmain;c;z;c 1\nmain;c;a 1");
    let groups = Groups::new(&profile, Grouping::Function);
    let tree = CallTree::new(&profile, &groups, 0);
    let name = |group: usize| match groups.groups()[group] {
        Group::Function(id) => profile.text(profile.functions()[id].name),
        other => panic!("{other:?}"),
    };
    let depths = tree.depths();
    let walk: Vec<_> = tree
        .depth_first(name)
        .into_iter()
        .map(|node| format!("{}{}", "-".repeat(depths[node]), name(tree.nodes[node].group)))
        .collect();
    assert_eq!(walk, ["b", "-a", "main", "-c", "--a", "--z", "---c", "-z"]);
}

#[test]
fn call_edges_count_as_cprofile_counts() {
    // f is entered twice from outside and three times from itself; g is called by the inner f only.
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"calls", b"count").unwrap();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    for (stack, calls, time) in
        [("main", 1, 5), ("main;f", 2, 10), ("main;f;f", 3, 20), ("main;f;f;g", 4, 40)]
    {
        let frames: Vec<_> = stack.split(';').map(|text| frame(&mut builder, text)).collect();
        let stack = builder.stack_from_root(frames).unwrap();
        builder.sample(Sample::of(stack), &[calls, time]).unwrap();
    }
    let edges = call_edges(&builder.finish().unwrap()).unwrap().profile;
    assert_eq!(edges.sample_types().len(), 1);
    let functions = edges.calls().functions();
    let row = |name| functions.rows().iter().position(|row| row.function == function(&edges, name)).unwrap();
    let of = |name| {
        let calls = functions.rows()[row(name)];
        (calls.calls, calls.primitive_calls, functions.own(0)[row(name)], functions.total(0)[row(name)])
    };
    assert_eq!(of("main"), (Some(1), Some(1), 5, 75));
    assert_eq!(of("f"), (Some(5), Some(2), 30, 70));
    assert_eq!(of("g"), (Some(4), Some(4), 40, 40));
    let edges_of = |caller, callee| {
        let rows = edges.calls().edges().rows().iter();
        let (caller, callee) = (function(&edges, caller), function(&edges, callee));
        let row = rows.enumerate().find(|(_, row)| row.caller == caller && row.callee == callee).unwrap().0;
        let (own, total) = edges.calls().edges().values(row);
        (edges.calls().edges().rows()[row].calls, own[0], total[0])
    };
    assert_eq!(edges_of("main", "f"), (Some(2), 10, 70));
    assert_eq!(edges_of("f", "f"), (Some(3), 20, 60));
    assert_eq!(edges_of("f", "g"), (Some(4), 40, 40));
}

#[test]
fn an_address_without_a_function_has_a_row() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"cpu", b"nanoseconds").unwrap();
    let address = builder.frame(Frame { address: 0x1234, ..Frame::EMPTY }).unwrap();
    let stack = builder.stack(None, address).unwrap();
    builder.sample(Sample::of(Some(stack)), &[7]).unwrap();
    let profile = builder.finish().unwrap();
    let totals = totals(&profile);
    assert_eq!(totals.groups.groups(), [Group::Address(None, 0x1234)]);
    assert_eq!(totals.own_column(0), [7]);
    let edges = call_edges(&profile).unwrap().profile;
    assert_eq!(edges.calls().functions().rows().len(), 1);
    assert_eq!(function(&edges, "0x1234"), edges.calls().functions().rows()[0].function);
}

fn traced() -> (ProfileBuilder, [FrameId; 2]) {
    let mut builder = ProfileBuilder::new();
    let sample_type = builder.sample_type(b"time", b"nanoseconds").unwrap();
    let frames = [frame(&mut builder, "main"), frame(&mut builder, "f")];
    let (name, unit) = (builder.string(b"t").unwrap(), builder.string(b"nanoseconds").unwrap());
    builder.begin_track(Track {
        name,
        origin: OriginId::UNKNOWN,
        sample_type,
        unit,
        kind: TrackKind::Intervals,
        every_call: true,
        start: 0,
        end: 0,
        rows: 0..0,
        samples: 0..0,
    });
    (builder, frames)
}

#[test]
fn intervals_give_back_their_events_and_count_calls() {
    let (mut builder, [main, f]) = traced();
    let script = [(true, main, 1), (true, f, 3), (false, f, 3), (true, f, 3), (true, f, 4), (false, f, 6)];
    let script = script.into_iter().chain([(false, f, 6), (false, main, 9)]);
    for (enters, frame, at) in script.clone() {
        if enters { builder.enter(frame, at).unwrap() } else { builder.leave(frame, at).unwrap() }
    }
    builder.end_track(10).unwrap();
    let profile = builder.finish().unwrap();
    let track = &profile.tracks().tracks()[0];
    assert_eq!(track.end, 10);
    let events = events(&profile, track).unwrap();
    let events: Vec<_> = events.iter().map(|event| (event.enters, event.frame, event.at)).collect();
    assert_eq!(events, script.collect::<Vec<_>>());
    let totals = totals(&profile);
    let f = function(&profile, "f");
    assert_eq!((totals.own(f, 0), totals.total(f, 0), totals.sum(0)), (3, 3, 8));
    let row = totals.groups.of_function(f).unwrap();
    assert_eq!((totals.calls()[row], totals.primitive_calls()[row]), (Some(3), Some(2)));
}

#[test]
fn intervals_that_are_joined_samples_count_no_calls() {
    let (mut builder, [main, f]) = traced();
    builder.enter(main, 1).unwrap();
    builder.enter(f, 3).unwrap();
    builder.leave(f, 4).unwrap();
    builder.leave(main, 5).unwrap();
    builder.end_track(5).unwrap();
    let traced = builder.finish().unwrap();
    let mut builder = ProfileBuilder::of(traced.without_values());
    builder.begin_track(Track { every_call: false, ..traced.tracks().tracks()[0].clone() });
    builder.enter(f, 3).unwrap();
    builder.leave(f, 4).unwrap();
    builder.end_track(5).unwrap();
    let sampled = builder.finish().unwrap();
    for (profile, calls) in [(&traced, Some(1)), (&sampled, None)] {
        let totals = totals(profile);
        let f = function(profile, "f");
        let row = totals.groups.of_function(f).unwrap();
        assert_eq!((totals.own(f, 0), totals.calls()[row]), (1, calls));
        let edges = call_edges(profile).unwrap().profile;
        assert_eq!(edges.calls().functions().rows()[0].calls, calls);
    }
}

#[test]
fn events_out_of_order_are_refused() {
    let (mut builder, [main, f]) = traced();
    assert_eq!(builder.leave(main, 0), Err(BuildError::NoneOpen));
    builder.enter(main, 5).unwrap();
    assert_eq!(builder.enter(f, 4), Err(BuildError::TimeGoesBack { last: 5, at: 4 }));
    assert_eq!(builder.leave(f, 6), Err(BuildError::NotInnermost));
    let (mut builder, [main, _]) = traced();
    builder.enter(main, 5).unwrap();
    assert_eq!(builder.end_track(6), Err(BuildError::StillOpen(1)));
}

#[test]
fn a_track_of_samples_keeps_shared_frames_open() {
    let mut builder = ProfileBuilder::new();
    let sample_type = builder.sample_type(b"time", b"nanoseconds").unwrap();
    let [main, f, g] = ["main", "f", "g"].map(|name| frame(&mut builder, name));
    builder.begin_track(Track {
        name: StringId::EMPTY,
        origin: OriginId::UNKNOWN,
        sample_type,
        unit: StringId::EMPTY,
        kind: TrackKind::Samples,
        every_call: false,
        start: 100,
        end: 0,
        rows: 0..0,
        samples: 0..0,
    });
    for (frames, value) in [(vec![main, f], 10), (vec![main, g], 20), (vec![], 5)] {
        let stack = builder.stack_from_root(frames).unwrap();
        builder.sample(Sample::of(stack), &[value]).unwrap();
    }
    builder.end_track(135).unwrap();
    let profile = builder.finish().unwrap();
    let events = events(&profile, &profile.tracks().tracks()[0]).unwrap();
    let events: Vec<_> = events.iter().map(|event| (event.enters, event.frame, event.at)).collect();
    let expected = [
        (true, main, 100),
        (true, f, 100),
        (false, f, 110),
        (true, g, 110),
        (false, g, 130),
        (false, main, 130),
    ];
    assert_eq!(events, expected);
}

#[test]
fn origins_fold_and_their_samples_add_up() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"samples", b"count").unwrap();
    let main = frame(&mut builder, "main");
    let stack = builder.stack(None, main).unwrap();
    for (pid, tid, value) in [(1, 10, 1), (1, 11, 2), (2, 20, 4)] {
        let origin = builder.origin(Origin { pid: Some(pid), tid: Some(tid), ..Origin::UNKNOWN }).unwrap();
        builder.sample(Sample { origin, ..Sample::of(Some(stack)) }, &[value]).unwrap();
    }
    let profile = builder.finish().unwrap();
    let values = |by| fold_origins(profile.clone(), by).unwrap().samples().values(0).to_vec();
    assert_eq!(values(By::Thread), [1, 2, 4]);
    assert_eq!(values(By::Process), [3, 4]);
    assert_eq!(values(By::Nothing), [7]);
    assert_eq!(values(By::File), [7]);
}

#[test]
fn ids_of_another_profile_are_found_out() {
    let other = profile("a;b;c 1");
    let stack = other.samples().stacks()[0];
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"samples", b"count").unwrap();
    builder.sample(Sample::of(stack), &[1]).unwrap();
    assert!(matches!(builder.finish(), Err(BuildError::Invalid(_))));
}

#[test]
fn a_split_profile_keeps_every_sample_and_the_order() {
    let mut builder = ProfileBuilder::new();
    let sample_type = builder.sample_type(b"time", b"nanoseconds").unwrap();
    let main = frame(&mut builder, "main");
    let stack = builder.stack(None, main).unwrap();
    let mut track = Track {
        name: StringId::EMPTY,
        origin: OriginId::UNKNOWN,
        sample_type,
        unit: StringId::EMPTY,
        kind: TrackKind::Samples,
        every_call: false,
        start: 0,
        end: 0,
        rows: 0..0,
        samples: 0..0,
    };
    for (tid, value) in [(7, 5), (8, 6)] {
        track.origin = builder.origin(Origin { tid: Some(tid), ..Origin::UNKNOWN }).unwrap();
        builder.begin_track(track.clone());
        builder.sample(Sample { origin: track.origin, ..Sample::of(Some(stack)) }, &[value]).unwrap();
        builder.end_track(value).unwrap();
    }
    builder.sample(Sample { origin: track.origin, ..Sample::of(None) }, &[1]).unwrap();
    let profile = builder.finish().unwrap();
    let parts = split_origins(&profile).collect::<Result<Vec<_>, _>>().unwrap();
    let parts: Vec<_> = parts
        .iter()
        .map(|(origin, part)| (origin.tid, part.samples().values(0), part.tracks().tracks().len()))
        .collect();
    assert_eq!(parts, [(Some(7), &[5][..], 1), (Some(8), &[6, 1][..], 1)]);
}
