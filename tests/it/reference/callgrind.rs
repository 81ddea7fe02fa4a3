//! valgrind's `callgrind_annotate`, on callgrind files as they were made and on those that profkit writes.

use std::collections::{BTreeMap, BTreeSet};

use profkit_profile::{Frame, Function, Profile};
use serde_json::Value;

use super::canon::canon;
use super::facts::{Facts, Field, add};
use super::sources::{Converted, convert_all};
use super::tools::{VENV, ask};
use super::verdict::{Findings, Trust};

/// Its totals add up every nested activation, and so are not compared.
const ANNOTATE: Trust =
    Trust { functions: &[Field::Own], edges: &[Field::Total, Field::Calls], ..Trust::FULL };

fn known(text: &[u8]) -> String {
    if text.is_empty() { "???".to_owned() } else { canon(text) }
}

/// What a frame without function is called in call tables.
fn place(profile: &Profile, frame: Frame) -> (String, String, i64) {
    match frame.function {
        Some(id) => {
            let function = profile.functions()[id];
            (known(profile.bytes(function.file)), known(profile.bytes(function.name)), function.first_line)
        }
        None => {
            let file = frame.mapping.map_or(&b""[..], |id| profile.bytes(profile.mappings()[id].file));
            (known(file), format!("{:#x}", frame.address), 0)
        }
    }
}

/// The functions that share file and name with another one: these are told apart by their lines.
fn shared(profile: &Profile) -> BTreeSet<(String, String)> {
    let mut lines: BTreeMap<(String, String), BTreeSet<i64>> = BTreeMap::new();
    let calls = profile.calls();
    let of_edges = calls.edges().rows().iter().flat_map(|edge| [edge.caller, edge.callee]);
    for id in calls.functions().rows().iter().map(|row| row.function).chain(of_edges) {
        let Function { first_line, .. } = profile.functions()[id];
        let (file, name, _) = place(profile, Frame::of(id));
        lines.entry((file, name)).or_default().insert(first_line);
    }
    lines.into_iter().filter(|(_, lines)| lines.len() > 1).map(|(key, _)| key).collect()
}

fn key(profile: &Profile, frame: Frame, shared: &BTreeSet<(String, String)>) -> String {
    let (file, name, line) = place(profile, frame);
    let ends_in_line = name.rsplit_once(':').is_some_and(|(_, end)| end.parse::<i64>().is_ok());
    if line < 0 || ends_in_line || shared.contains(&(file.clone(), name.clone())) {
        return format!("{file}:{name}:{line}");
    }
    format!("{file}:{name}")
}

/// What is shown of the event at `index`; rows of one name in several binaries are one.
fn facts(document: &Value, index: usize) -> Facts {
    let mut facts = Facts::default();
    let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
    let cost = |cost: &Value| match cost[index].as_i64() {
        Some(cost) => i128::from(cost),
        None => panic!("no event {index} in {cost} of {}", document["events"]),
    };
    for row in document["functions"].as_array().unwrap() {
        if !row["self"].is_null() {
            add(&mut facts.functions.entry(name(row)).or_default().own, cost(&row["self"]));
        }
        for callee in row["callees"].as_array().unwrap() {
            let numbers = facts.edges.entry((name(row), name(callee))).or_default();
            add(&mut numbers.total, cost(&callee["cost"]));
            add(&mut numbers.calls, callee["calls"].as_i64().unwrap_or(0).into());
        }
    }
    facts
}

/// The events of a file in its order: the default first.
fn columns(profile: &Profile) -> Vec<usize> {
    let first = profile.default_type();
    let others = (0..profile.sample_types().len()).filter(|column| Some(*column) != first);
    first.into_iter().chain(others).collect()
}

fn expected(file: &Converted, column: usize) -> Facts {
    let shared = shared(&file.fitted);
    let spelling = |profile: &Profile, frame: Frame| key(profile, frame, &shared);
    let mut facts =
        Facts::of_calls(&file.source.profile, Some(file.in_source(column)), &spelling, "???:[no stack]");
    let mentioned: Vec<String> =
        facts.edges.keys().flat_map(|(caller, callee)| [caller.clone(), callee.clone()]).collect();
    for name in mentioned {
        facts.functions.entry(name).or_default();
    }
    facts
}

#[test]
fn written() {
    let matrix = convert_all("callgrind");
    let mut findings = Findings::new("callgrind_annotate, written");
    for (name, problem) in &matrix.refused {
        findings.add(name, "not written", problem.clone());
    }
    for (file, answer) in matrix.files.iter().zip(ask(VENV, "callgrind_annotate", &[], &matrix.paths())) {
        let name = file.source.name.as_str();
        if let Some(error) = &answer.error {
            findings.add(name, "refused", error.clone());
            continue;
        }
        findings.read();
        findings.same(name, "unreadable", "lines", &0, &answer.document["unreadable"].as_i64().unwrap());
        let events = answer.document["events"].as_array().unwrap().len();
        if events != file.fitted.sample_types().len().max(1) {
            findings.add(name, "events", answer.document["events"].to_string());
            continue;
        }
        for (index, column) in columns(&file.fitted).into_iter().enumerate() {
            let shown = facts(&answer.document, index);
            let mut expected = expected(file, column);
            for (pair, numbers) in &mut expected.edges {
                // A call of which no count is known is written as one from each line that it was seen in.
                if numbers.calls.is_none_or(|calls| calls <= 0)
                    && let Some(shown) = shown.edges.get(pair)
                {
                    findings.same(name, "unknown calls", "one at least", &true, &(shown.calls >= Some(1)));
                    numbers.calls = shown.calls;
                }
            }
            findings.compare(name, ANNOTATE, &expected, &shown);
            let sum: i128 = shown.functions.values().filter_map(|numbers| numbers.own).sum();
            let total = i128::from(answer.document["totals"][index].as_i64().unwrap());
            findings.same(name, "sum", "the program's total", &sum, &total);
        }
    }
    findings.judge();
}
