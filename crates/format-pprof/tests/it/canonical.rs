//! What a file says, whatever its ids, its order of strings and its packing: decoded by prost, not by our reader.

use std::collections::{BTreeMap, HashMap};

use profkit_format_pprof::proto;

type Text = Vec<u8>;

/// A function: name, system name, file, first line.
type Function = (Text, Text, Text, i64);
/// A line: its function, which Go's pprof demands, line and column.
type Line = (Function, i64, i64);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Mapping {
    addresses: [u64; 3],
    file: Text,
    build_id: Text,
    flags: [bool; 4],
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Location {
    mapping: Option<Mapping>,
    address: u64,
    folded: bool,
    lines: Vec<Line>,
}

#[derive(PartialEq, Eq, Debug)]
struct Sample {
    /// Leaf first.
    stack: Vec<Location>,
    values: Vec<i64>,
    /// Key, text, number, unit; sorted, since those of an origin go first in what profkit writes.
    labels: Vec<(Text, Text, i64, Text)>,
}

/// What a file says.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Canonical {
    sample_types: Vec<(Text, Text)>,
    samples: Vec<Sample>,
    /// Without duplicates.
    mappings: Vec<Mapping>,
    /// Drop and keep frames, default sample type, documentation, comments.
    texts: BTreeMap<&'static str, Vec<Text>>,
    /// Time, duration, period.
    numbers: [i64; 3],
    period_type: (Text, Text),
}

/// The canonical form of a file that is valid to Go's pprof, but for functions without ids.
pub(crate) fn canonical(profile: &proto::Profile) -> Canonical {
    let text = |index: i64| profile.string_table[usize::try_from(index).unwrap()].clone();
    let no_ids = profile.function.iter().all(|function| function.id == 0);
    let functions: HashMap<u64, Function> = (1..)
        .zip(&profile.function)
        .map(|(position, function)| {
            let id = if no_ids { position } else { function.id };
            let texts = (text(function.name), text(function.system_name), text(function.filename));
            (id, (texts.0, texts.1, texts.2, function.start_line))
        })
        .collect();
    let mappings: Vec<(u64, Mapping)> =
        profile.mapping.iter().map(|row| (row.id, mapping(row, &text))).collect();
    let locations: HashMap<u64, Location> = profile
        .location
        .iter()
        .map(|location| {
            // Mapping 0 is none, also in a file that has one with this id.
            let is_meant = |id: u64| id != 0 && id == location.mapping_id;
            let mapping = mappings.iter().find(|(id, _)| is_meant(*id));
            // A line without function is of one without name.
            let function = |id| functions.get(&id).cloned().unwrap_or_default();
            let line = |line: &proto::Line| (function(line.function_id), line.line, line.column);
            let lines = location.line.iter().map(line).collect();
            let (address, folded) = (location.address, location.is_folded);
            (location.id, Location { mapping: mapping.map(|(_, row)| row.clone()), address, folded, lines })
        })
        .collect();
    let samples = profile.sample.iter().map(|sample| {
        let mut labels: Vec<_> = sample
            .label
            .iter()
            .map(|label| (text(label.key), text(label.str), label.num, text(label.num_unit)))
            .collect();
        labels.sort();
        let stack = sample.location_id.iter().map(|id| locations[id].clone()).collect();
        Sample { stack, values: sample.value.clone(), labels }
    });
    let mut distinct = Vec::new();
    for (_, mapping) in mappings.iter().cloned() {
        if !distinct.contains(&mapping) {
            distinct.push(mapping);
        }
    }
    let one = |index| vec![text(index)];
    let period_type = profile.period_type.unwrap_or_default();
    Canonical {
        sample_types: profile.sample_type.iter().map(|kind| (text(kind.r#type), text(kind.unit))).collect(),
        samples: samples.collect(),
        mappings: distinct,
        texts: BTreeMap::from([
            ("drop", one(profile.drop_frames)),
            ("keep", one(profile.keep_frames)),
            ("default", one(profile.default_sample_type)),
            ("doc", one(profile.doc_url)),
            ("comments", profile.comment.iter().map(|&index| text(index)).collect()),
        ]),
        numbers: [profile.time_nanos, profile.duration_nanos, profile.period],
        period_type: (text(period_type.r#type), text(period_type.unit)),
    }
}

fn mapping(row: &proto::Mapping, text: &impl Fn(i64) -> Text) -> Mapping {
    Mapping {
        addresses: [row.memory_start, row.memory_limit, row.file_offset],
        file: text(row.filename),
        build_id: text(row.build_id),
        flags: [row.has_functions, row.has_filenames, row.has_line_numbers, row.has_inline_frames],
    }
}

/// Whether a file is one that Go's pprof 1.19 and 1.27 accept, and as we promise to write it: ids from 1 in order,
/// `""` first and once, no string twice or unused.
pub(crate) fn check_strict(profile: &proto::Profile) {
    let in_order = |ids: Vec<u64>| {
        let count = ids.len() as u64;
        assert!(ids.into_iter().eq(1..=count));
    };
    in_order(profile.mapping.iter().map(|mapping| mapping.id).collect());
    in_order(profile.location.iter().map(|location| location.id).collect());
    in_order(profile.function.iter().map(|function| function.id).collect());
    assert_eq!(profile.string_table[0], b"");
    let mut seen = std::collections::HashSet::new();
    assert!(profile.string_table.iter().all(|string| seen.insert(string)), "a string is there twice");
    // First uses are in order: of locations by samples, of functions by locations.
    let mut last = 0;
    for &id in profile.sample.iter().flat_map(|sample| &sample.location_id) {
        assert!(id >= 1 && id <= last + 1);
        last = last.max(id);
    }
    assert_eq!(last, profile.location.len() as u64);
    let mut last = 0;
    for line in profile.location.iter().flat_map(|location| &location.line) {
        assert!(line.function_id >= 1 && line.function_id <= last + 1);
        last = last.max(line.function_id);
    }
    assert_eq!(last, profile.function.len() as u64);
    for sample in &profile.sample {
        assert_eq!(sample.value.len(), profile.sample_type.len());
    }
}
