//! Files of callgrind and collapsed stacks as they were made: what profkit reads of them is what their own tools read.

use profkit_profile::{Frame, Profile};
use serde_json::Value;

use super::canon::canon;
use super::facts::{Facts, Field, add};
use super::sources::of_format;
use super::tools::{VENV, ask};
use super::verdict::{Findings, Trust};

/// Names alone: the files of a function are several where code was inlined, and spelled in several ways.
const NAMES: Trust = Trust { functions: &[Field::Own], edges: &[], all_edges: false, ..Trust::FULL };

fn name(profile: &Profile, frame: Frame) -> String {
    frame.function.map_or(String::new(), |id| canon(profile.bytes(profile.functions()[id].name)))
}

/// callgrind_annotate's `file:function`, without the file; yappi writes `function file:line` for a function.
fn shown_name(text: &str) -> String {
    let name = text.rsplit_once(".c:").or(text.rsplit_once(".h:")).or(text.rsplit_once("???:"));
    name.map_or(text, |(_, name)| name).to_owned()
}

fn shown(document: &Value, event: usize) -> Facts {
    let mut facts = Facts::default();
    for row in document["functions"].as_array().unwrap().iter().filter(|row| !row["self"].is_null()) {
        let numbers = facts.functions.entry(shown_name(row["name"].as_str().unwrap())).or_default();
        add(&mut numbers.own, row["self"][event].as_i64().unwrap().into());
    }
    facts
}

/// valgrind's own files; others write what callgrind_annotate does not understand (m).
#[test]
fn valgrind() {
    let mut findings = Findings::new("callgrind_annotate, original");
    let sources: Vec<_> =
        of_format("callgrind").into_iter().filter(|source| source.name.contains("valgrind-")).collect();
    let paths: Vec<_> = sources.iter().map(|source| source.path.clone()).collect();
    for (source, answer) in sources.iter().zip(ask(VENV, "callgrind_annotate", &[], &paths)) {
        if let Some(error) = answer.error {
            findings.add(&source.name, "refused", error);
            continue;
        }
        findings.read();
        for event in 0..source.profile.sample_types().len() {
            let mut truth = Facts::of(&source.profile, Some(event), &name);
            let found = shown(&answer.document, event);
            truth.functions.retain(|name, row| found.functions.contains_key(name) || row.own != Some(0));
            findings.compare(&source.name, NAMES, &truth, &found);
        }
    }
    findings.judge();
}

/// The whole of each text of collapsed stacks, as inferno sums it.
#[test]
fn inferno() {
    let mut findings = Findings::new("inferno, original");
    let sources: Vec<_> = of_format("collapsed")
        .into_iter()
        .filter(|source| !source.name.ends_with(".gz") && !source.name.ends_with(".zst"))
        .collect();
    let paths: Vec<_> = sources.iter().map(|source| source.path.clone()).collect();
    for (source, answer) in sources.iter().zip(ask(VENV, "collapsed_count", &["inferno"], &paths)) {
        if let Some(error) = answer.error {
            findings.add(&source.name, "refused", error);
            continue;
        }
        findings.read();
        // Of two counts it takes the second.
        let last = source.profile.sample_types().len() - 1;
        let sum: i128 = source.profile.samples().values(last).iter().map(|&value| i128::from(value)).sum();
        let austin = if source.name.ends_with(".austin")
            && source.profile.bytes(source.profile.sample_types()[last].unit) == b"nanoseconds"
        {
            1000
        } else {
            1
        };
        let shown = i128::from(answer.document["total"].as_i64().unwrap());
        findings.same(&source.name, "sum", "all", &(sum / austin), &shown);
    }
    findings.judge();
}
