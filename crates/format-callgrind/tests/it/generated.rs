//! Profiles by chance, written and read again.

use profkit_profile::{
    CallEdge, Frame, Function, FunctionCalls, FunctionId, LabelSetId, LineCost, Mapping, Origin, OriginId,
    Profile, ProfileBuilder,
};
use proptest::prelude::*;

use crate::{assert_round_trip, read, write};

/// Names and files as they come, some of which have to be escaped.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{1,3}",
        2 => "[a-z:.<>']{1,9}",
        1 => "[a-z]{1,2}:-?[0-9]{1,2}",
        1 => "\\([0-9]{1,2}\\)[a-z ]{0,3}",
        1 => "\\PC{1,9}",
        1 => "[ \n\r\t\u{2028}=0-9#f]{0,6}",
    ]
}

#[derive(Debug, Clone)]
struct Parts {
    functions: Vec<(String, String, i64, Vec<i64>)>,
    edges: Vec<(usize, usize, i64, i64, i64)>,
    lines: Vec<(usize, usize, i64, bool, i64)>,
    threads: usize,
}

fn parts() -> impl Strategy<Value = Parts> {
    let value = 0..1_000_000_000_000_i64;
    let function = (name(), name(), -1..60_i64, prop::collection::vec(value.clone(), 3));
    let functions = prop::collection::vec(function, 1..9);
    let edges =
        prop::collection::vec((any::<usize>(), any::<usize>(), 1..90_i64, 0..40_i64, value.clone()), 0..16);
    let lines = prop::collection::vec(
        (any::<usize>(), any::<usize>(), 0..40_i64, any::<bool>(), 1..1_000_i64),
        0..16,
    );
    (functions, edges, lines, 1..4_usize).prop_map(|(functions, edges, lines, threads)| Parts {
        functions,
        edges,
        lines,
        threads,
    })
}

fn profile(parts: &Parts) -> Profile {
    let mut builder = ProfileBuilder::new();
    for (name, unit) in [("cpu", "nanoseconds"), ("Ir", "count"), ("calls", "none")] {
        builder.sample_type(name.as_bytes(), unit.as_bytes()).unwrap();
    }
    let origins: Vec<OriginId> = (0..i64::try_from(parts.threads).unwrap())
        .map(|tid| builder.origin(Origin { pid: Some(3), tid: Some(tid), ..Origin::UNKNOWN }).unwrap())
        .collect();
    let mut functions: Vec<FunctionId> = Vec::new();
    for (name, file, first_line, _) in &parts.functions {
        let (name, file) =
            (builder.string(name.as_bytes()).unwrap(), builder.string(file.as_bytes()).unwrap());
        functions.push(
            builder.function(Function { name, file, first_line: *first_line, ..Function::EMPTY }).unwrap(),
        );
    }
    let mut own: Vec<Vec<i64>> = parts.functions.iter().map(|(_, _, _, own)| own.clone()).collect();
    add_lines(&mut builder, parts, &origins, &functions, &mut own);
    for (index, (&function, own)) in functions.iter().zip(&own).enumerate() {
        let origin = origins[index % origins.len()];
        let row = FunctionCalls {
            origin,
            function,
            labels: LabelSetId::EMPTY,
            calls: Some(1),
            primitive_calls: None,
        };
        builder.function_calls(row, own, own).unwrap();
    }
    for &(caller, callee, calls, line, total) in &parts.edges {
        let (caller, callee) = (caller % functions.len(), callee % functions.len());
        let site = builder.frame(Frame { line, ..Frame::of(functions[caller]) }).unwrap();
        let edge = CallEdge {
            origin: origins[caller % origins.len()],
            caller: functions[caller],
            callee: functions[callee],
            site: Some(site),
            calls: Some(calls),
            primitive_calls: None,
            has_self: false,
            has_total: true,
        };
        builder.call_edge(edge, &[0, 0, 0], &[total, 1, 0]).unwrap();
    }
    builder.finish().unwrap()
}

fn add_lines(
    builder: &mut ProfileBuilder,
    parts: &Parts,
    origins: &[OriginId],
    functions: &[FunctionId],
    own: &mut [Vec<i64>],
) {
    let file = builder.string(b"/lib/libx.so").unwrap();
    let library = builder.mapping(Mapping { file, ..Mapping::EMPTY }).unwrap();
    for &(function, other, line, is_library, cost) in &parts.lines {
        let (function, other) = (function % functions.len(), other % functions.len());
        // The same function in the file of another.
        let (row, place) =
            (builder.function_row(functions[function]), builder.function_row(functions[other]));
        let inner = if place.file == row.file {
            functions[function]
        } else {
            builder.function(Function { file: place.file, first_line: 0, ..row }).unwrap()
        };
        let mapping = is_library.then_some(library);
        let frame = builder.frame(Frame { line, mapping, ..Frame::of(inner) }).unwrap();
        let origin = origins[function % origins.len()];
        let row = LineCost { origin, function: functions[function], frame };
        builder.line_cost(row, &[cost, 0, 0]).unwrap();
        own[function][0] += cost;
    }
}

proptest! {
    #[test]
    fn a_profile_is_written_once_and_for_all(parts in parts()) {
        let profile = profile(&parts);
        for dialect in [None, Some("parts")] {
            // The first writing changes names and adds up; from then on nothing changes.
            let (bytes, _) = write(&profile, dialect);
            let again = read(&bytes).unwrap();
            assert_round_trip(&again, dialect, "generated");
            let sum = |profile: &Profile, column: usize| profile.calls().functions().own(column).iter().sum::<i64>();
            let edges = |profile: &Profile| profile.calls().edges().total(0).iter().sum::<i64>();
            prop_assert_eq!([sum(&again, 0), sum(&again, 1), sum(&again, 2)], [sum(&profile, 0), sum(&profile, 1), sum(&profile, 2)]);
            prop_assert_eq!(edges(&again), edges(&profile));
            let calls = |profile: &Profile| profile.calls().edges().rows().iter().filter_map(|edge| edge.calls).sum::<i64>();
            prop_assert_eq!(calls(&again), calls(&profile));
        }
    }
}
