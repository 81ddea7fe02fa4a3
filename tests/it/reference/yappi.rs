//! yappi's own loader, on its files and on those that profkit writes.

use profkit_profile::{Frame, Profile};
use serde_json::Value;

use super::canon::{canon, python};
use super::facts::{Facts, Numbers};
use super::pstats::units;
use super::sources::{Converted, convert_all, of_format, per_second};
use super::tools::{VENV, ask};
use super::verdict::{Findings, Trust};

/// yappi's `full_name`.
fn key(profile: &Profile, frame: Frame) -> String {
    spelled(profile, frame, python)
}

fn original_key(profile: &Profile, frame: Frame) -> String {
    spelled(profile, frame, canon)
}

fn spelled(profile: &Profile, frame: Frame, text: fn(&[u8]) -> String) -> String {
    let (file, name, line) = match frame.function {
        Some(id) => {
            let function = profile.functions()[id];
            (profile.bytes(function.file), profile.bytes(function.name).to_vec(), function.first_line)
        }
        None => {
            let file = frame.mapping.map_or(&b""[..], |id| profile.bytes(profile.mappings()[id].file));
            (file, format!("{:#x}", frame.address).into_bytes(), 0)
        }
    };
    let is_path =
        file.contains(&b'/') || file.contains(&b'\\') || file.ends_with(b".py") || file.starts_with(b"<");
    if line == 0 && !is_path {
        return text(&[file, b".", &name].concat());
    }
    text(&[file, format!(":{line} ").as_bytes(), &name].concat())
}

fn facts(document: &Value, per_second: f64) -> Facts {
    let numbers = |row: &Value| Numbers {
        own: Some(units(&row["tsub"], per_second)),
        total: Some(units(&row["ttot"], per_second)),
        calls: row["ncall"].as_i64().map(i128::from),
        primitive: row["nactualcall"].as_i64().map(i128::from),
    };
    let mut facts = Facts::default();
    let name = |row: &Value| row["full_name"].as_str().unwrap().to_owned();
    for row in document["functions"].as_array().unwrap() {
        facts.functions.insert(name(row), numbers(row));
        for child in row["children"].as_array().unwrap() {
            facts.edges.insert((name(row), name(child)), numbers(child));
        }
    }
    facts
}

/// What a file of the source has to say. yappi needs a row for every callee; one without is what its callers say of it.
fn expected(file: &Converted) -> Facts {
    let mut facts = Facts::of_calls(&file.source.profile, file.default_type().0, &key, ".[no stack]");
    for numbers in facts.functions.values_mut().chain(facts.edges.values_mut()) {
        let calls = *numbers.calls.get_or_insert(0);
        numbers.primitive.get_or_insert(calls);
    }
    let measured = facts.functions.clone();
    for ((caller, callee), numbers) in &facts.edges {
        facts.functions.entry(caller.clone()).or_default();
        let row = facts.functions.entry(callee.clone()).or_default();
        if !measured.contains_key(callee) {
            for (sum, value) in [
                (&mut row.own, numbers.own),
                (&mut row.total, numbers.total),
                (&mut row.calls, numbers.calls),
                (&mut row.primitive, numbers.primitive),
            ] {
                super::facts::add(sum, value.unwrap_or(0));
            }
        }
    }
    facts
}

#[test]
fn original() {
    let mut findings = Findings::new("yappi, original");
    let sources = of_format("yappi");
    let paths: Vec<_> = sources.iter().map(|source| source.path.clone()).collect();
    for (source, answer) in sources.iter().zip(ask(VENV, "yappi_load", &[], &paths)) {
        if let Some(error) = &answer.error {
            findings.add(&source.name, "refused", error.clone());
            continue;
        }
        findings.read();
        let column = source.profile.default_type();
        let truth = Facts::of(&source.profile, column, &original_key);
        let scale = column.map_or(1.0, |column| per_second(&source.profile, column));
        findings.compare(&source.name, Trust::FULL, &truth, &facts(&answer.document, scale));
    }
    findings.judge();
}

#[test]
fn written() {
    let matrix = convert_all("yappi");
    let mut findings = Findings::new("yappi, written");
    for (name, problem) in &matrix.refused {
        findings.add(name, "not written", problem.clone());
    }
    for (file, answer) in matrix.files.iter().zip(ask(VENV, "yappi_load", &[], &matrix.paths())) {
        let source = file.source.name.as_str();
        if let Some(error) = &answer.error {
            findings.add(source, "refused", error.clone());
            continue;
        }
        findings.read();
        findings.compare(source, Trust::FULL, &expected(file), &facts(&answer.document, file.per_second()));
        let clock = file.fitted.default_type().map(|column| file.fitted.sample_types()[column].name);
        // As yappi, zprofile 1.0, austin-python 2.4 and ddtrace 4.16 call it.
        let is_cpu = |name: &[u8]| [&b"cpu"[..], b"CPU", b"CPU time", b"cpu-time"].contains(&name);
        let clock = clock.map(|name| if is_cpu(file.fitted.bytes(name)) { "cpu" } else { "wall" });
        findings.same(source, "clock", "the clock", &clock, &answer.document["clock"].as_str());
    }
    findings.judge();
}
