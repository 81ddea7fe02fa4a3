//! CPython's own `pstats` of every release, on dumps as they were made and on those that profkit writes of every fixture.

use profkit_profile::{Frame, Profile};
use serde_json::Value;

use super::canon::{canon, python, raw};
use super::facts::{Facts, Numbers};
use super::sources::{Converted, Matrix, convert_all, of_format, per_second};
use super::tools::{Answer, ask};
use super::verdict::{Findings, Trust};

/// `file:line(name)`, as `pstats` itself prints functions.
fn key(profile: &Profile, frame: Frame) -> String {
    spelled(profile, frame, python)
}

/// The same of a dump that Python made: its strings are what they are, in Python 2 any bytes, and a name may be a code
/// object.
fn original_key(profile: &Profile, frame: Frame) -> String {
    let code = |text: &[u8]| {
        let text = canon(text);
        let name = text.strip_prefix("<code object ").and_then(|rest| rest.split_once(", file "));
        name.map_or(text.clone(), |(name, _)| format!("object:code {name}"))
    };
    spelled(profile, frame, code)
}

fn spelled(profile: &Profile, frame: Frame, text: impl Fn(&[u8]) -> String) -> String {
    let Some(function) = frame.function else {
        let binary =
            frame.mapping.map_or(&b""[..], |mapping| profile.bytes(profile.mappings()[mapping].file));
        return format!("{}:0({:#x})", text(binary), frame.address);
    };
    let function = profile.functions()[function];
    let name = if function.name.is_empty() { function.system_name } else { function.name };
    format!("{}:{}({})", text(profile.bytes(function.file)), function.first_line, text(profile.bytes(name)))
}

/// How a reader calls a function, of its file, line and name.
pub(super) type Naming<'a> = &'a dyn Fn(&[u8], i64, &[u8]) -> String;

/// The function of a row of a reader.
pub(super) fn row_key(row: &Value, naming: Naming<'_>) -> String {
    match row["key"].as_str() {
        Some(key) => key.to_owned(),
        None => {
            let text = |key: &str| raw(row[key].as_str().unwrap());
            naming(&text("file"), row["line"].as_i64().unwrap(), &text("name"))
        }
    }
}

/// A name as most readers spell it.
pub(super) fn plain(file: &[u8], line: i64, name: &[u8]) -> String {
    // A key that is no string has been spelled already.
    let text = |bytes: &[u8]| match str::from_utf8(bytes) {
        Ok(object) if object.starts_with("object:") => object.to_owned(),
        _ => canon(bytes),
    };
    format!("{}:{line}({})", text(file), text(name))
}

/// Seconds in the model's units.
pub(super) fn units(seconds: &Value, per_second: f64) -> i128 {
    (seconds.as_f64().unwrap() * per_second).round() as i128
}

fn numbers(row: &Value, per_second: f64) -> Numbers {
    let count = |name: &str| row[name].as_i64().map(i128::from);
    let time = |name: &str| (!row[name].is_null()).then(|| units(&row[name], per_second));
    Numbers {
        own: time("self"),
        total: time("total"),
        calls: count("calls").or(count("count")),
        primitive: count("primitive_calls"),
    }
}

/// What `pstats` shows.
pub(super) fn facts(document: &Value, per_second: f64, naming: Naming<'_>) -> Facts {
    let mut facts = Facts::default();
    for row in document["functions"].as_array().unwrap() {
        let key = row_key(row, naming);
        for caller in row["callers"].as_array().unwrap() {
            facts.edges.insert((row_key(caller, naming), key.clone()), numbers(caller, per_second));
        }
        facts.functions.insert(key, numbers(row, per_second));
    }
    facts
}

/// What a dump of the source has to say: unknown calls are 0, and every function that is mentioned has a row.
fn expected(file: &Converted) -> Facts {
    let mut facts = Facts::of_calls(&file.source.profile, file.default_type().0, &key, ":0([no stack])");
    let mentioned: Vec<String> =
        facts.edges.keys().flat_map(|(caller, callee)| [caller.clone(), callee.clone()]).collect();
    for name in mentioned {
        facts.functions.entry(name).or_default();
    }
    for numbers in facts.functions.values_mut().chain(facts.edges.values_mut()) {
        let calls = *numbers.calls.get_or_insert(0);
        numbers.primitive.get_or_insert(calls);
    }
    facts
}

fn compare(findings: &mut Findings, matrix: &Matrix, answers: &[Answer]) {
    for (name, problem) in &matrix.refused {
        findings.add(name, "not written", problem.clone());
    }
    for (file, answer) in matrix.files.iter().zip(answers) {
        let source = file.source.name.as_str();
        if let Some(error) = &answer.error {
            findings.add(source, "refused", error.clone());
            continue;
        }
        findings.read();
        let per_second = file.per_second();
        let shown = facts(&answer.document, per_second, &plain);
        findings.compare(source, Trust::FULL, &expected(file), &shown);
        let sum: i128 = shown.functions.values().filter_map(|numbers| numbers.own).sum();
        let tool = units(&answer.document["total_tt"], per_second);
        let most = 1.0 + sum.unsigned_abs() as f64 / 2f64.powi(46);
        if (sum - tool).unsigned_abs() as f64 > most {
            findings.add(source, "sum", format!("{tool}, not {sum}"));
        }
    }
}

fn written(series: &str) {
    let matrix = convert_all("pstats");
    let answers = ask(&format!("python/{series}"), "pstats_stats", &[], &matrix.paths());
    let mut findings = Findings::new(format!("pstats {series}, written"));
    compare(&mut findings, &matrix, &answers);
    findings.judge();
}

fn original(series: &str) {
    let sources = of_format("pstats");
    let paths: Vec<_> = sources.iter().map(|source| source.path.clone()).collect();
    let answers = ask(&format!("python/{series}"), "pstats_stats", &[], &paths);
    let mut findings = Findings::new(format!("pstats {series}, original"));
    for (source, answer) in sources.iter().zip(&answers) {
        if let Some(error) = &answer.error {
            findings.add(&source.name, "refused", error.clone());
            continue;
        }
        findings.read();
        let column = source.profile.default_type();
        let truth = Facts::of(&source.profile, column, &original_key);
        let scale = column.map_or(1.0, |column| per_second(&source.profile, column));
        findings.compare(&source.name, Trust::FULL, &truth, &facts(&answer.document, scale, &plain));
    }
    findings.judge();
}

macro_rules! releases {
    ($($name:ident $series:literal)*) => {$(
        mod $name {
            #[test]
            fn original() {
                super::original($series);
            }

            #[test]
            fn written() {
                super::written($series);
            }
        }
    )*};
}

releases! {
    python_2_7 "2.7"
    python_3_6 "3.6"
    python_3_7 "3.7"
    python_3_8 "3.8"
    python_3_9 "3.9"
    python_3_10 "3.10"
    python_3_11 "3.11"
    python_3_12 "3.12"
    python_3_13 "3.13"
    python_3_14 "3.14"
    python_3_15 "3.15"
}
