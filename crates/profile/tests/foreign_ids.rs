//! An id of another profile is refused wherever it stands: whoever looks it up later could only panic.
#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use profkit_profile::{
    BuildError, CallEdge, Frame, Function, FunctionCalls, Id, Label, LabelSetId, LineCost, Mapping, Origin,
    OriginId, ProfileBuilder, Sample, SampleType, StringId, Track, TrackKind,
};

/// The id of a row that only a larger profile has.
fn foreign<I: Id>() -> I {
    I::from_index(1_000).unwrap()
}

const TYPE: SampleType = SampleType { name: StringId::EMPTY, unit: StringId::EMPTY, decimals: 0 };
const LABEL: Label =
    Label { key: StringId::EMPTY, string: StringId::EMPTY, number: 1, unit: StringId::EMPTY };

/// Puts an id that does not exist into one field.
type Plant = fn(&mut ProfileBuilder);

const STRINGS: &[(&str, Plant)] = &[
    ("sample type: name", |to| {
        to.push_sample_type(SampleType { name: foreign(), ..TYPE });
    }),
    ("sample type: unit", |to| {
        to.push_sample_type(SampleType { unit: foreign(), ..TYPE });
    }),
    ("meta: period's name", |to| to.meta.period_type = Some((foreign(), StringId::EMPTY))),
    ("meta: period's unit", |to| to.meta.period_type = Some((StringId::EMPTY, foreign()))),
    ("meta: default type", |to| to.meta.default_type = Some(foreign())),
    ("meta: comments", |to| to.meta.comments.push(foreign())),
    ("meta: drop frames", |to| to.meta.drop_frames = Some(foreign())),
    ("meta: keep frames", |to| to.meta.keep_frames = Some(foreign())),
    ("meta: documentation", |to| to.meta.doc_url = Some(foreign())),
    ("meta: title", |to| to.meta.title = Some(foreign())),
    ("function: name", |to| add(to.function(Function { name: foreign(), ..Function::EMPTY }))),
    ("function: system name", |to| add(to.function(Function { system_name: foreign(), ..Function::EMPTY }))),
    ("function: file", |to| add(to.function(Function { file: foreign(), ..Function::EMPTY }))),
    ("mapping: file", |to| add(to.mapping(Mapping { file: foreign(), ..Mapping::EMPTY }))),
    ("mapping: build id", |to| add(to.mapping(Mapping { build_id: foreign(), ..Mapping::EMPTY }))),
    ("origin: host", |to| add(to.origin(Origin { host: foreign(), ..Origin::UNKNOWN }))),
    ("origin: process", |to| add(to.origin(Origin { process: foreign(), ..Origin::UNKNOWN }))),
    ("origin: thread", |to| add(to.origin(Origin { thread: foreign(), ..Origin::UNKNOWN }))),
    ("origin: file", |to| add(to.origin(Origin { file: foreign(), ..Origin::UNKNOWN }))),
    ("label: key", |to| add(to.labels(&[Label { key: foreign(), ..LABEL }]))),
    ("label: text", |to| add(to.labels(&[Label { string: foreign(), ..LABEL }]))),
    ("label: unit", |to| add(to.labels(&[Label { unit: foreign(), ..LABEL }]))),
    ("track: name", |to| track(to, foreign(), StringId::EMPTY)),
    ("track: unit", |to| track(to, StringId::EMPTY, foreign())),
];

const ROWS: &[(&str, Plant)] = &[
    ("frame: function", |to| add(to.frame(Frame { function: Some(foreign()), ..Frame::EMPTY }))),
    ("frame: mapping", |to| add(to.frame(Frame { mapping: Some(foreign()), ..Frame::EMPTY }))),
    ("stack: frame", |to| add(to.stack(None, foreign()))),
    ("sample: stack", |to| add(to.sample(Sample::of(Some(foreign())), &[]))),
    ("sample: origin", |to| add(to.sample(Sample { origin: foreign(), ..Sample::of(None) }, &[]))),
    ("sample: labels", |to| add(to.sample(Sample { labels: foreign(), ..Sample::of(None) }, &[]))),
    ("function's calls: function", |to| {
        let row = calls(to);
        add(to.function_calls(FunctionCalls { function: foreign(), ..row }, &[], &[]));
    }),
    ("function's calls: origin", |to| {
        let row = calls(to);
        add(to.function_calls(FunctionCalls { origin: foreign(), ..row }, &[], &[]));
    }),
    ("function's calls: labels", |to| {
        let row = calls(to);
        add(to.function_calls(FunctionCalls { labels: foreign(), ..row }, &[], &[]));
    }),
    ("edge: caller", |to| edge(to, |row| row.caller = foreign())),
    ("edge: callee", |to| edge(to, |row| row.callee = foreign())),
    ("edge: site", |to| edge(to, |row| row.site = Some(foreign()))),
    ("edge: origin", |to| edge(to, |row| row.origin = foreign())),
    ("line: function", |to| line(to, |row| row.function = foreign())),
    ("line: frame", |to| line(to, |row| row.frame = foreign())),
    ("line: origin", |to| line(to, |row| row.origin = foreign())),
];

fn add<T>(added: Result<T, BuildError>) {
    added.map(|_| ()).unwrap();
}

fn calls(to: &mut ProfileBuilder) -> FunctionCalls {
    let function = to.function(Function::EMPTY).unwrap();
    let (origin, labels) = (OriginId::UNKNOWN, LabelSetId::EMPTY);
    FunctionCalls { origin, function, labels, calls: None, primitive_calls: None }
}

fn edge(to: &mut ProfileBuilder, plant: fn(&mut CallEdge)) {
    let FunctionCalls { origin, function, calls, primitive_calls, .. } = calls(to);
    let (caller, callee, site, has_self, has_total) = (function, function, None, false, false);
    let mut row = CallEdge { origin, caller, callee, site, calls, primitive_calls, has_self, has_total };
    plant(&mut row);
    add(to.call_edge(row, &[], &[]));
}

fn line(to: &mut ProfileBuilder, plant: fn(&mut LineCost)) {
    let FunctionCalls { origin, function, .. } = calls(to);
    let mut row = LineCost { origin, function, frame: to.frame(Frame::of(function)).unwrap() };
    plant(&mut row);
    add(to.line_cost(row, &[]));
}

fn track(to: &mut ProfileBuilder, name: StringId, unit: StringId) {
    let sample_type = to.push_sample_type(TYPE);
    to.begin_track(Track {
        name,
        origin: OriginId::UNKNOWN,
        sample_type,
        unit,
        kind: TrackKind::Intervals,
        every_call: false,
        start: 0,
        end: 0,
        rows: 0..0,
        samples: 0..0,
    });
    add(to.end_track(0));
}

#[test]
fn ids_of_other_profiles_are_refused_in_every_field() {
    for (field, plant) in STRINGS.iter().chain(ROWS) {
        let mut builder = ProfileBuilder::new();
        plant(&mut builder);
        assert!(matches!(builder.finish(), Err(BuildError::Invalid(_))), "{field}");
    }
}
