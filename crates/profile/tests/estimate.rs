//! Stacks → call edges → estimated stacks → call edges: what must survive does, on random profiles.
#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::collections::{BTreeMap, BTreeSet};

use profkit_profile::views::call_edges::call_edges;
use profkit_profile::views::estimate::{edge_stacks, estimate_lines, estimate_stacks};
use profkit_profile::views::groups::{Group, Grouping};
use profkit_profile::views::totals::{totals, totals_by};
use profkit_profile::{
    CallEdge, Frame, Function, FunctionCalls, FunctionId, LabelSetId, LineCost, OriginId, Profile,
    ProfileBuilder, Sample,
};
use proptest::prelude::*;

/// Stacks as function numbers, root first, each with calls and time.
type Stacks = Vec<(Vec<u8>, i64, i64)>;

fn profile(stacks: &Stacks) -> Profile {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"calls", b"count").unwrap();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    for (stack, calls, time) in stacks {
        let frames: Vec<_> = stack
            .iter()
            .map(|number| {
                let name = builder.string(format!("f{number}").as_bytes()).unwrap();
                let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
                builder.frame(Frame::of(function)).unwrap()
            })
            .collect();
        let stack = builder.stack_from_root(frames).unwrap();
        builder.accumulate(Sample::of(stack), &[*calls, *time]).unwrap();
    }
    builder.finish().unwrap()
}

/// Call tables of one sample type: functions with their calls, self and total, and edges with theirs.
fn dump(functions: &[(&str, i64, i64)], edges: &[(&str, &str, i64)]) -> Profile {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    let function = |builder: &mut ProfileBuilder, name: &str| {
        let name = builder.string(name.as_bytes()).unwrap();
        builder.function(Function { name, ..Function::EMPTY }).unwrap()
    };
    let (origin, calls, primitive_calls) = (OriginId::UNKNOWN, Some(1), Some(1));
    for &(name, own, total) in functions {
        let function = function(&mut builder, name);
        let row = FunctionCalls { origin, function, labels: LabelSetId::EMPTY, calls, primitive_calls };
        builder.function_calls(row, &[own], &[total]).unwrap();
    }
    for &(caller, callee, total) in edges {
        let (caller, callee) = (function(&mut builder, caller), function(&mut builder, callee));
        let (site, has_self, has_total) = (None, true, true);
        let edge = CallEdge { origin, caller, callee, site, calls, primitive_calls, has_self, has_total };
        builder.call_edge(edge, &[total], &[total]).unwrap();
    }
    builder.finish().unwrap()
}

#[test]
fn only_a_row_that_lost_something_seems_to_be_overwritten() {
    let clashed =
        |functions: &[_], edges: &[_]| estimate_stacks(&dump(functions, edges)).unwrap().report.clashed;
    assert_eq!(clashed(&[("a", 100, 300), ("b", 500, 500)], &[("a", "b", 500)]), 1);
    assert_eq!(clashed(&[("a", 100, 600), ("b", 500, 500)], &[("a", "b", 500)]), 0);
    assert_eq!(clashed(&[("b", 500, 500)], &[("a", "b", 500)]), 0, "a caller that is no key of the dump");
    assert_eq!(clashed(&[("a", 500, 100)], &[]), 0, "self above total");
    // 0.9891504888508181 s, 3.024772144495132 s and 2.035621655644314 s, to the nanosecond
    let (own, total, callee) = (989_150_489, 3_024_772_144, 2_035_621_656);
    assert_eq!(clashed(&[("a", own, total), ("b", callee, callee)], &[("a", "b", callee)]), 0, "rounding");
}

/// Calls, primitive calls, self and total.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Row(Option<i64>, Option<i64>, i64, i64);

const EMPTY: Row = Row(Some(0), Some(0), 0, 0);

#[derive(PartialEq, Eq, Debug)]
struct Tables {
    functions: BTreeMap<String, Row>,
    edges: BTreeMap<(String, String), Row>,
}

/// All pairs of caller and callee that a profile has an edge for.
fn pairs(profile: &Profile) -> BTreeSet<(String, String)> {
    let name = |id: FunctionId| profile.text(profile.functions()[id].name).into_owned();
    profile.calls().edges().rows().iter().map(|edge| (name(edge.caller), name(edge.callee))).collect()
}

/// The call tables by name, without edges and functions that hold nothing.
fn tables(profile: &Profile) -> Tables {
    let name = |id: FunctionId| profile.text(profile.functions()[id].name).into_owned();
    let calls = profile.calls();
    let functions = calls.functions().rows().iter().enumerate().map(|(row, of)| {
        let (own, total) = calls.functions().values(row);
        (name(of.function), Row(of.calls, of.primitive_calls, own[0], total[0]))
    });
    let edges = calls.edges().rows().iter().enumerate().map(|(row, of)| {
        let (own, total) = calls.edges().values(row);
        ((name(of.caller), name(of.callee)), Row(of.calls, of.primitive_calls, own[0], total[0]))
    });
    Tables {
        functions: functions.filter(|(_, row)| *row != EMPTY).collect(),
        edges: edges.filter(|(_, row)| *row != EMPTY).collect(),
    }
}

fn reachable(profile: &Profile) -> BTreeSet<(String, String)> {
    // Also edges without calls and time: a frame between two others has none of its own.
    let mut reach: BTreeSet<(String, String)> = pairs(profile);
    loop {
        let mut next = reach.clone();
        for (from, to) in &reach {
            for (_, further) in reach.range((to.clone(), String::new())..).take_while(|(at, _)| at == to) {
                next.insert((from.clone(), further.clone()));
            }
        }
        if next.len() == reach.len() {
            return reach;
        }
        reach = next;
    }
}

fn any_stacks(functions: u8, depth: usize) -> impl Strategy<Value = Stacks> {
    let stack = prop::collection::vec(0..functions, 1..depth);
    // Some calls take no time, some time has no call of its own.
    prop::collection::vec((stack, 0i64..20, prop_oneof![Just(0i64), 0i64..1_000_000]), 1..60)
}

/// The same where every third function gives back what others took, as of memory.
fn signed(mut stacks: Stacks) -> Stacks {
    for (stack, _, value) in &mut stacks {
        *value *= if stack.last().is_some_and(|last| last % 3 == 0) { -1 } else { 1 };
    }
    stacks
}

/// Stacks without recursion: functions in ascending order.
fn plain_stacks() -> impl Strategy<Value = Stacks> {
    any_stacks(25, 10).prop_map(|mut stacks| {
        for (stack, ..) in &mut stacks {
            stack.sort_unstable();
            stack.dedup();
        }
        stacks
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(if cfg!(debug_assertions) { 60 } else { 5_000 }) })]

    #[test]
    fn without_cycles_every_number_survives(stacks in plain_stacks()) {
        let source = call_edges(&profile(&stacks)).unwrap().profile;
        let estimate = estimate_stacks(&source).unwrap();
        prop_assert_eq!(estimate.report.clashed, 0);
        prop_assert_eq!(estimate.report.types[0].differing, 0);
        let back = call_edges(&estimate.profile).unwrap().profile;
        prop_assert_eq!(tables(&back), tables(&source));
    }

    #[test]
    fn below_single_callers_negative_values_survive(stacks in prop::collection::vec((1u8..64, 0i64..20, 0i64..1_000_000), 1..60)) {
        let from_root = |leaf: u8| (0..7).map(move |depth| leaf >> (6 - depth)).filter(|&function| function > 0);
        let stacks = stacks.into_iter().map(|(leaf, calls, value)| (from_root(leaf).collect(), calls, value));
        let source = call_edges(&profile(&signed(stacks.collect()))).unwrap().profile;
        let estimate = estimate_stacks(&source).unwrap();
        prop_assert_eq!(estimate.report.clashed, 0);
        prop_assert_eq!(estimate.report.types[0].differing, 0);
        prop_assert_eq!(estimate.report.types[0].inferred, 0);
        let back = call_edges(&estimate.profile).unwrap().profile;
        prop_assert_eq!(tables(&back), tables(&source));
    }

    #[test]
    fn negative_values_stay_below_their_callers(stacks in any_stacks(9, 8)) {
        let source = call_edges(&profile(&signed(stacks))).unwrap().profile;
        let whole = estimate_stacks(&source).unwrap().profile;
        let source_tables = tables(&source);
        for back in [whole, edge_stacks(&source).unwrap()] {
            let back = tables(&call_edges(&back).unwrap().profile);
            for (name, expected) in &source_tables.functions {
                let found = back.functions.get(name).copied().unwrap_or(EMPTY);
                prop_assert_eq!((found.0, found.2), (expected.0, expected.2), "{}", name);
            }
            for (pair, expected) in &source_tables.edges {
                let found = back.edges.get(pair).copied().unwrap_or(EMPTY);
                prop_assert_eq!(found.2, expected.2, "self of {:?}", pair);
            }
        }
    }

    #[test]
    fn with_cycles_self_calls_and_everything_outside_of_them_survive(stacks in any_stacks(9, 8)) {
        let source = call_edges(&profile(&stacks)).unwrap().profile;
        let estimate = estimate_stacks(&source).unwrap();
        let back = tables(&call_edges(&estimate.profile).unwrap().profile);
        let reach = reachable(&source);
        let source = tables(&source);
        let is_cyclic = |name: &str| reach.contains(&(name.to_owned(), name.to_owned()));
        for (name, expected) in &source.functions {
            let found = back.functions.get(name).copied().unwrap_or(EMPTY);
            prop_assert_eq!(found.2, expected.2, "self of {}", name);
            prop_assert_eq!(found.0, expected.0, "calls of {}", name);
            if !is_cyclic(name) {
                prop_assert_eq!(found, *expected, "{}", name);
            }
        }
        for (pair, expected) in &source.edges {
            let found = back.edges.get(pair).copied().unwrap_or(EMPTY);
            prop_assert_eq!(found.2, expected.2, "self of {:?}", pair);
            let within_cycle = reach.contains(&(pair.1.clone(), pair.0.clone()));
            if !within_cycle {
                prop_assert_eq!(found.3, expected.3, "total of {:?}", pair);
                prop_assert_eq!(found.0, expected.0, "calls of {:?}", pair);
            }
        }
    }

    #[test]
    fn stacks_of_two_frames_keep_self_and_calls_of_every_edge(stacks in any_stacks(9, 8)) {
        let source = call_edges(&profile(&stacks)).unwrap().profile;
        let back = edge_stacks(&source).unwrap();
        let longest = back.stacks().ids().map(|id| back.stacks().ancestors(Some(id)).count()).max();
        prop_assert!(longest.unwrap_or(0) <= 2);
        let back = tables(&call_edges(&back).unwrap().profile);
        let source = tables(&source);
        for (name, expected) in &source.functions {
            let found = back.functions.get(name).copied().unwrap_or(EMPTY);
            prop_assert_eq!((found.0, found.2), (expected.0, expected.2), "{}", name);
        }
        for (pair, expected) in &source.edges {
            let found = back.edges.get(pair).copied().unwrap_or(EMPTY);
            prop_assert_eq!((found.0, found.2), (expected.0, expected.2), "{:?}", pair);
        }
    }
}

/// A chain of functions that all call each other in the next layer: 8^12 contexts.
#[test]
fn a_graph_with_countless_contexts_gives_few_stacks() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    let (layers, width) = (12usize, 8usize);
    let ids: Vec<FunctionId> = (0..layers * width)
        .map(|number| {
            let name = builder.string(format!("f{number}").as_bytes()).unwrap();
            builder.function(Function { name, ..Function::EMPTY }).unwrap()
        })
        .collect();
    // Self 1000 everywhere: layer l passes on what all layers below it keep.
    for (number, &function) in ids.iter().enumerate() {
        let below = i64::try_from(layers - number / width).unwrap();
        let row = FunctionCalls {
            origin: OriginId::UNKNOWN,
            function,
            labels: LabelSetId::EMPTY,
            calls: Some(8),
            primitive_calls: Some(8),
        };
        builder.function_calls(row, &[1000], &[1000 * below]).unwrap();
        for caller in ids.iter().take((number / width) * width).skip((number / width).max(1) * width - width)
        {
            let edge = CallEdge {
                origin: OriginId::UNKNOWN,
                caller: *caller,
                callee: function,
                site: None,
                calls: Some(1),
                primitive_calls: Some(1),
                has_self: true,
                has_total: true,
            };
            builder.call_edge(edge, &[125], &[125 * below]).unwrap();
        }
    }
    let source = builder.finish().unwrap();
    let estimate = estimate_stacks(&source).unwrap();
    assert_eq!(estimate.report.types[0].differing, 0, "{}", estimate.report.summary());
    let edges = source.calls().edges().len();
    assert!(estimate.profile.samples().len() < 20 * edges, "{}", estimate.profile.samples().len());
    let totals = totals(&estimate.profile);
    assert_eq!(totals.sum(estimate.profile.default_type().unwrap()), 96_000);
}

#[test]
fn an_estimate_replaces_what_one_before_it_said() {
    let calls = call_edges(&profile(&vec![(vec![1, 2], 1, 5), (vec![3, 2], 1, 7)])).unwrap().profile;
    let mut builder = ProfileBuilder::of(calls);
    for comment in ["profkit: stacks estimated from call edges; 99 % of time", "kept"] {
        let comment = builder.string(comment.as_bytes()).unwrap();
        builder.meta.comments.push(comment);
    }
    let estimate = estimate_stacks(&builder.finish().unwrap()).unwrap();
    let comments = estimate.profile.meta().comments.iter().map(|&comment| estimate.profile.text(comment));
    let comments: Vec<_> = comments.collect();
    let said = format!("profkit: stacks estimated from call edges; {}", estimate.report.summary());
    assert_eq!(comments, ["kept", said.as_str()]);
}

/// `main` calls `work` from a line of its own, and `work` calls `leaf` from code that is inlined from `b.h`, where it
/// spends `inlined` of its 100.
fn inlined(inlined: i64, leaf_own: i64) -> (Profile, [FunctionId; 3]) {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"Ir", b"count").unwrap();
    let (file, header) = (builder.string(b"a.c").unwrap(), builder.string(b"b.h").unwrap());
    let functions = ["main", "work", "leaf"].map(|name| {
        let name = builder.string(name.as_bytes()).unwrap();
        builder.function(Function { name, file, first_line: 3, ..Function::EMPTY }).unwrap()
    });
    let [main, work, leaf] = functions;
    let name = builder.function_row(work).name;
    let elsewhere = builder.function(Function { name, file: header, ..Function::EMPTY }).unwrap();
    let mut frame = |line, function| builder.frame(Frame { line, ..Frame::of(function) }).unwrap();
    let (at_main, at_work, at_header) = (frame(9, main), frame(4, work), frame(1, elsewhere));
    let origin = OriginId::UNKNOWN;
    for (function, own, total) in
        [(main, 1, 101 + leaf_own), (work, 100, 100 + leaf_own), (leaf, leaf_own, leaf_own)]
    {
        let (labels, calls) = (LabelSetId::EMPTY, Some(1));
        let row = FunctionCalls { origin, function, labels, calls, primitive_calls: calls };
        builder.function_calls(row, &[own], &[total]).unwrap();
    }
    for (caller, callee, site, total) in
        [(main, work, at_main, 100 + leaf_own), (work, leaf, at_header, leaf_own)]
    {
        let (site, calls, has_self) = (Some(site), Some(1), false);
        let primitive_calls = calls;
        let edge =
            CallEdge { origin, caller, callee, site, calls, primitive_calls, has_self, has_total: true };
        builder.call_edge(edge, &[0], &[total]).unwrap();
    }
    for (frame, own) in [(at_work, 100 - inlined), (at_header, inlined)] {
        builder.line_cost(LineCost { origin, function: work, frame }, &[own]).unwrap();
    }
    (builder.finish().unwrap(), functions)
}

#[test]
fn a_function_keeps_what_it_spends_in_lines_of_other_files() {
    // The others are memory: a line, or a function with one caller, gives back.
    for (own, own_of_leaf) in [(90, 30), (-20, 30), (90, -16), (90, -1_000), (-20, -1_000)] {
        let (source, [main, work, leaf]) = inlined(own, own_of_leaf);
        let estimate = estimate_stacks(&source).unwrap();
        let summary = estimate.report.summary();
        assert_eq!(summary, "0 % of Ir under inferred callers");
        for (profile, total) in [(estimate.profile, 101 + own_of_leaf), (edge_stacks(&source).unwrap(), 101)]
        {
            let found = totals(&profile);
            let ir = profile.default_type().unwrap();
            assert_eq!([main, work, leaf].map(|function| found.own(function, ir)), [1, 100, own_of_leaf]);
            let of_callees = [main, work, leaf].map(|function| found.total(function, ir));
            assert_eq!(of_callees, [total, 100 + own_of_leaf, own_of_leaf]);
        }
        // Tables by file and line have them where they are written.
        let lines = estimate_lines(&source).unwrap();
        let ir = lines.default_type().unwrap();
        let files = totals_by(&lines, Grouping::File);
        let by_file =
            files.groups.groups().iter().zip(files.own_column(ir)).map(|(group, &own)| match group {
                Group::File(file) => (lines.text(*file).into_owned(), own),
                _ => (String::new(), own),
            });
        let expected = [("a.c".to_owned(), 101 - own + own_of_leaf), ("b.h".to_owned(), own)];
        assert_eq!(by_file.collect::<Vec<_>>(), expected);
    }
}
