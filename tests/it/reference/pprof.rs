//! Go's pprof of two releases: its library, which sees everything a file holds, and the tables of its command.

use std::collections::BTreeMap;
use std::process::Command;

use profkit_profile::{Frame, FrameFlags, Profile, StringId};
use serde_json::Value;

use super::canon::canon;
use super::facts::{Facts, Field};
use super::sources::{convert_all, of_format};
use super::stacks::{check_report, truth, without_nothing};
use super::tools::{Answer, VENV, ask, tool};
use super::verdict::{Findings, Trust};

/// The library knows samples only: what can be summed from them.
const SAMPLES: Trust =
    Trust { functions: &[Field::Own, Field::Total], edges: &[Field::Own, Field::Total], ..Trust::FULL };

/// The command shows functions by name.
const TOP: Trust = Trust { all_functions: true, edges: &[], all_edges: false, ..SAMPLES };

/// What the library of a release sees of a file.
fn dump(release: &str, path: &std::path::Path) -> Answer {
    let output = Command::new(tool(&format!("pprof/pprof-dump-{release}"))).arg(path).output().unwrap();
    if output.status.success() {
        Answer { document: serde_json::from_slice(&output.stdout).unwrap(), error: None }
    } else {
        Answer { document: Value::Null, error: Some(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

/// A function, or an address in a binary where that is all that is known.
fn function_key(profile: &Profile, frame: Frame) -> String {
    let text = |id| canon(profile.bytes(id));
    match frame.function {
        Some(id) => {
            let function = profile.functions()[id];
            let [name, system, file] = [function.name, function.system_name, function.file].map(text);
            format!("{name}|{system}|{file}:{}", function.first_line)
        }
        None if frame.line != 0 || frame.column != 0 => "||:0".to_owned(),
        None => {
            let binary = frame.mapping.map(|id| text(profile.mappings()[id].file));
            address_key(frame.address, binary.as_deref())
        }
    }
}

fn address_key(address: u64, binary: Option<&str>) -> String {
    format!("{address:#x}|{binary:?}")
}

/// All of a frame that a release can see.
fn frame_key(profile: &Profile, frame: Frame, columns: bool) -> String {
    let binary = frame.mapping.map(|id| canon(profile.bytes(profile.mappings()[id].file)));
    let inlined = frame.flags.contains(FrameFlags::INLINED);
    let column = if columns { frame.column } else { 0 };
    let place = address_key(frame.address, binary.as_deref());
    format!("{} {}:{column} {place} {inlined}", function_key(profile, frame), frame.line)
}

/// The frames of a sample of a dump, root first: short keys and long ones.
fn frames(document: &Value, sample: &Value, columns: bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for index in sample["stack"].as_array().unwrap() {
        let location = &document["locations"][usize::try_from(index.as_u64().unwrap()).unwrap()];
        let mapping = location["mapping"].as_u64();
        let mapping = mapping.map(|index| &document["mappings"][usize::try_from(index).unwrap()]);
        let binary = mapping.map(|mapping| mapping["file"].as_str().unwrap());
        let place = address_key(location["address"].as_u64().unwrap(), binary);
        let lines = location["lines"].as_array().unwrap();
        if lines.is_empty() {
            found.push((place.clone(), format!("{place} 0:0 {place} false")));
        }
        for (number, line) in lines.iter().enumerate() {
            let function = &line["function"];
            let text = |name: &str| function[name].as_str().unwrap();
            let key = format!(
                "{}|{}|{}:{}",
                text("name"),
                text("system_name"),
                text("file"),
                function["start_line"].as_i64().unwrap()
            );
            let column = if columns { line["column"].as_i64().unwrap_or(0) } else { 0 };
            let inlined = number + 1 < lines.len();
            let long = format!("{key} {}:{column} {place} {inlined}", line["line"].as_i64().unwrap());
            found.push((key, long));
        }
    }
    found.reverse();
    found
}

/// The labels of a sample of a dump, in words.
fn shown_labels(sample: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (key, entry) in sample["labels"].as_object().unwrap() {
        for text in entry["strings"].as_array().into_iter().flatten() {
            found.push(format!("{key}={}", text.as_str().unwrap()));
        }
        for (index, number) in entry["numbers"].as_array().into_iter().flatten().enumerate() {
            let unit = entry["units"][index].as_str().unwrap_or("");
            found.push(format!("{key}={number}{unit}#"));
        }
    }
    found.sort();
    found
}

/// The labels of a sample of the model, in the same words. Number 0 without a unit and an empty text vanish in Go (s).
fn labels(profile: &Profile, row: usize) -> Vec<String> {
    let sample = profile.samples().get(row);
    let origin = profile.origins()[sample.origin];
    let mut found = Vec::new();
    let mut add = |key: &str, text: &[u8], number: i64, unit: &[u8]| {
        if !text.is_empty() {
            found.push(format!("{key}={}", canon(text)));
        } else if number != 0 || !unit.is_empty() {
            found.push(format!("{key}={number}{}#", canon(unit)));
        }
    };
    for (key, number) in [("pid", origin.pid), ("tid", origin.tid)] {
        // A number 0 would vanish, so that one is written as text.
        let text: &[u8] = if number == Some(0) { b"0" } else { b"" };
        add(key, text, number.unwrap_or(0), b"");
    }
    for (key, text) in
        [("process", origin.process), ("thread", origin.thread), ("host", origin.host), ("file", origin.file)]
    {
        add(key, profile.bytes(text), 0, b"");
    }
    for label in profile.labels().get(sample.labels) {
        add(
            &canon(profile.bytes(label.key)),
            profile.bytes(label.string),
            label.number,
            profile.bytes(label.unit),
        );
    }
    found.sort();
    found
}

type Samples = BTreeMap<(Vec<String>, Vec<String>), Vec<i128>>;

fn add(samples: &mut Samples, key: (Vec<String>, Vec<String>), values: impl Iterator<Item = i128>) {
    let sums = samples.entry(key).or_default();
    for (index, value) in values.enumerate() {
        if sums.len() <= index {
            sums.push(0);
        }
        sums[index] += value;
    }
}

/// Compares everything that a release sees of a file with the model.
fn compare_whole(findings: &mut Findings, name: &str, profile: &Profile, document: &Value, columns: bool) {
    let mut expected = Samples::new();
    let table = profile.samples();
    for (row, sample) in table.iter().enumerate() {
        let stack = profile.stacks().leaf_first(sample.stack);
        let mut stack: Vec<_> =
            stack.map(|frame| frame_key(profile, profile.frames()[frame], columns)).collect();
        stack.reverse();
        let values = (0..table.columns()).map(|column| i128::from(table.values(column)[row]));
        add(&mut expected, (stack, labels(profile, row)), values);
    }
    let mut found = Samples::new();
    for sample in document["samples"].as_array().unwrap() {
        let stack = frames(document, sample, columns).into_iter().map(|(_, long)| long).collect();
        let values = sample["values"].as_array().unwrap().iter().map(|value| value.as_i64().unwrap().into());
        add(&mut found, (stack, shown_labels(sample)), values);
    }
    for (key, values) in &expected {
        match found.get(key) {
            Some(shown) if shown == values => {}
            Some(shown) => findings.add(name, "values", format!("{key:?}: {shown:?}, not {values:?}")),
            None => findings.add(name, "samples", format!("{key:?} is missing")),
        }
    }
    for key in found.keys().filter(|key| !expected.contains_key(*key)) {
        findings.add(name, "samples", format!("{key:?} is not in the model"));
    }
    compare_head(findings, name, profile, document);
}

fn compare_head(findings: &mut Findings, name: &str, profile: &Profile, document: &Value) {
    let meta = profile.meta();
    let text = |id| canon(profile.bytes(id));
    let optional = |id: Option<_>| id.map_or(String::new(), text);
    let types = profile.sample_types().iter().map(|row| {
        let scale =
            if row.decimals == 0 { String::new() } else { format!("/1{}", "0".repeat(row.decimals.into())) };
        (text(row.name), text(row.unit) + &scale)
    });
    let shown_type = |row: &Value| {
        let part = |key: &str| row[key].as_str().unwrap_or("").to_owned();
        (part("type"), part("unit"))
    };
    let shown_types: Vec<_> = document["sample_types"].as_array().unwrap().iter().map(shown_type).collect();
    findings.same(name, "head", "sample types", &types.collect(), &shown_types);
    let shown = |key: &str| document[key].as_str().unwrap_or("").to_owned();
    findings.same(
        name,
        "head",
        "the default type",
        &optional(default_type(profile)),
        &shown("default_sample_type"),
    );
    findings.same(name, "head", "drop_frames", &optional(meta.drop_frames), &shown("drop_frames"));
    findings.same(name, "head", "keep_frames", &optional(meta.keep_frames), &shown("keep_frames"));
    if !document["doc_url"].is_null() {
        findings.same(name, "head", "doc_url", &optional(meta.doc_url), &shown("doc_url"));
    }
    let number = |key: &str| document[key].as_i64().unwrap();
    findings.same(name, "head", "time", &meta.start_ns.unwrap_or(0), &number("time_nanos"));
    findings.same(name, "head", "duration", &meta.duration_ns.unwrap_or(0), &number("duration_nanos"));
    findings.same(name, "head", "period", &meta.period, &number("period"));
    let period = meta.period_type.map_or_else(Default::default, |(name, unit)| (text(name), text(unit)));
    findings.same(name, "head", "the period's type", &period, &shown_type(&document["period_type"]));
    let comments: Vec<String> = meta.comments.iter().map(|&comment| text(comment)).collect();
    let shown: Vec<&str> =
        document["comments"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    findings.same(name, "head", "comments", &comments.iter().map(String::as_str).collect(), &shown);
}

/// What the samples of a dump say of a sample type.
fn facts(document: &Value, column: usize) -> Facts {
    let mut facts = Facts::default();
    for sample in document["samples"].as_array().unwrap() {
        let stack: Vec<String> = frames(document, sample, false).into_iter().map(|(key, _)| key).collect();
        facts.add_stack(&stack, sample["values"][column].as_i64().unwrap().into(), None);
    }
    facts
}

fn original(release: &str) {
    let mut findings = Findings::new(format!("pprof {release}, original"));
    for source in of_format("pprof") {
        let expanded = expanded(&source.path);
        let answer = dump(release, expanded.path());
        if let Some(error) = answer.error {
            findings.add(&source.name, "refused", error);
            continue;
        }
        findings.read();
        compare_whole(&mut findings, &source.name, &source.profile, &answer.document, release != "go1.19");
    }
    findings.judge();
}

/// A copy without zstd, which Go does not know.
fn expanded(path: &std::path::Path) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (bytes, _) = profkit_formats::container::peel(std::fs::read(path).unwrap(), 1 << 30).unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

fn written(release: &str) {
    let matrix = convert_all("pprof");
    let mut findings = Findings::new(format!("pprof {release}, written"));
    for (name, problem) in &matrix.refused {
        findings.add(name, "not written", problem.clone());
    }
    for file in &matrix.files {
        let name = file.source.name.as_str();
        let answer = dump(release, &file.path);
        if let Some(error) = answer.error {
            findings.add(name, "refused", error);
            continue;
        }
        findings.read();
        compare_whole(&mut findings, name, &file.fitted, &answer.document, release != "go1.19");
        for column in 0..file.fitted.sample_types().len() {
            let expected = truth(file, column, &function_key);
            check_report(file, column, &function_key, &mut findings);
            let shown = facts(&answer.document, column);
            findings.compare(name, SAMPLES, &without_nothing(expected, &shown), &shown);
        }
    }
    findings.judge();
}

/// What `-top` calls a function.
fn top_key(profile: &Profile, frame: Frame) -> String {
    let name = frame.function.map_or_else(String::new, |id| {
        let function = profile.functions()[id];
        let name = if function.name.is_empty() { function.system_name } else { function.name };
        canon(profile.bytes(name))
    });
    if name.is_empty() { "<unknown>".to_owned() } else { name }
}

fn top(release: &str) {
    let matrix = convert_all("pprof");
    let answers = ask(VENV, "pprof_tables", &[release], &matrix.paths());
    let mut findings = Findings::new(format!("pprof {release}, -top"));
    for (file, answer) in matrix.files.iter().zip(&answers) {
        let name = file.source.name.as_str();
        if let Some(error) = &answer.error {
            findings.add(name, "refused", error.clone());
            continue;
        }
        findings.read();
        for (column, table) in answer.document["tables"].as_array().unwrap().iter().enumerate() {
            let mut shown = Facts::default();
            for row in table["rows"].as_array().unwrap() {
                let numbers = shown.functions.entry(row["name"].as_str().unwrap().to_owned()).or_default();
                let value = |key: &str| row[key].as_f64().unwrap() as i128;
                super::facts::add(&mut numbers.own, value("self"));
                super::facts::add(&mut numbers.total, value("total"));
            }
            let expected = truth(file, column, &top_key);
            findings.compare(name, TOP, &without_nothing(expected, &shown), &shown);
            findings.same(name, "unreadable", "lines", &0, &table["unreadable"].as_i64().unwrap());
        }
        // Without a default in the file, the last one.
        let mut types = file.fitted.sample_types().iter().map(|row| row.name);
        let wanted = default_type(&file.fitted).filter(|name| types.clone().any(|other| other == *name));
        let default = wanted.or(types.next_back()).map(|name| canon(file.fitted.bytes(name)));
        let shown = answer.document["shown_by_default"].as_str().map(str::to_owned);
        findings.same(name, "default", "the type shown", &default, &shown);
    }
    findings.judge();
}

/// The name of the sample type that a file says is shown first. A pprof file keeps its own word or silence; of any other
/// format with several types, it is the one that the model shows.
fn default_type(profile: &Profile) -> Option<StringId> {
    let types = profile.sample_types();
    let meant = || profile.default_type().map(|index| types[index].name);
    let silent = profile.meta().format == "pprof" || types.len() < 2;
    profile.meta().default_type.or_else(|| if silent { None } else { meant() })
}

macro_rules! releases {
    ($($name:ident $release:literal)*) => {$(
        mod $name {
            #[test]
            fn original() {
                super::original($release);
            }

            #[test]
            fn written() {
                super::written($release);
            }

            #[test]
            fn top() {
                super::top($release);
            }
        }
    )*};
}

releases! {
    go_1_19 "go1.19"
    go_1_27 "go1.27"
}
