//! speedscope's own importer and app in headless Chromium, and its schema.

use std::path::PathBuf;
use std::process::Command;

use profkit_profile::{Dimension, Frame, Profile, Unit};
use serde_json::{Value, json};

use super::canon::json;
use super::facts::{Facts, Field, Numbers, add};
use super::sources::{convert, convert_all, of_format};
use super::stacks::{truth, without_nothing};
use super::tools::{VENV, ask, lines, reader, tool};
use super::verdict::{Findings, Trust};

const FRAMES: Trust =
    Trust { functions: &[Field::Own, Field::Total], edges: &[], all_edges: false, ..Trust::FULL };

const NAMES: Trust = Trust { functions: &[Field::Own], ..FRAMES };

/// speedscope adds up frames of one name, file, line and column.
fn key(profile: &Profile, frame: Frame) -> String {
    let function = frame.function.map(|id| profile.functions()[id]);
    let name =
        function.map_or(format!("{:#x}", frame.address), |function| json(profile.bytes(function.name)));
    let file = function.map_or(String::new(), |function| json(profile.bytes(function.file)));
    let line = if frame.line == 0 { function.map_or(0, |function| function.first_line) } else { frame.line };
    format!("{name}|{file}:{line}:{}", frame.column)
}

fn row_key(row: &Value) -> String {
    let number = |key: &str| row[key].as_f64().unwrap_or(0.0);
    let file = row["file"].as_str().unwrap_or("");
    format!("{}|{file}:{}:{}", row["name"].as_str().unwrap(), number("line"), number("col"))
}

/// The same by name alone.
fn name_key(profile: &Profile, frame: Frame) -> String {
    key(profile, frame).rsplit_once('|').unwrap().0.to_owned()
}

/// Asks about all files, in one browser. The app itself opens every tenth file: that takes a second each.
fn import(files: &[PathBuf]) -> Vec<Value> {
    let mut command = Command::new("node");
    command.arg(reader("speedscope_import/serve.mjs")).arg("--serve").env("PROFKIT_REFERENCE", tool(""));
    let request =
        |(index, path): (usize, &PathBuf)| json!({"file": path, "open": index % 10 == 0}).to_string() + "\n";
    tool("node/node_modules/speedscope/dist/release/index.html");
    let answers = lines(command, &files.iter().enumerate().map(request).collect::<String>());
    assert_eq!(answers.len(), files.len());
    answers
}

const DIMENSIONS: [Dimension; 3] = [Dimension::Time, Dimension::Bytes, Dimension::Count];

/// The finest part of things that any of the sample types counts, as a power of ten.
fn decimals(profile: &Profile) -> u32 {
    profile.sample_types().iter().map(|row| u32::from(row.decimals)).max().unwrap_or(0)
}

fn scaled(facts: &mut Facts, other: &Facts, factor: i128) {
    let one = |to: &mut Numbers, from: &Numbers| {
        add(&mut to.own, from.own.unwrap_or(0) * factor);
        add(&mut to.total, from.total.unwrap_or(0) * factor);
    };
    for (name, numbers) in &other.functions {
        one(facts.functions.entry(name.clone()).or_default(), numbers);
    }
}

/// What an answer shows of everything that counts time, bytes or things, added up over its profiles.
struct Shown {
    frames: Facts,
    names: Facts,
    sum: f64,
    not_idle: f64,
}

fn shown(answer: &Value, dimension: Dimension, decimals: u32) -> Shown {
    let mut shown = Shown { frames: Facts::default(), names: Facts::default(), sum: 0.0, not_idle: 0.0 };
    for profile in answer["profiles"].as_array().unwrap() {
        let unit = Unit::parse(profile["unit"].as_str().unwrap().as_bytes());
        if unit.dimension != dimension {
            continue;
        }
        let scale = unit.factor as f64 * 10f64.powi(decimals.try_into().unwrap());
        shown.sum += profile["total"].as_f64().unwrap() * scale;
        shown.not_idle += profile["total_non_idle"].as_f64().unwrap() * scale;
        for row in profile["functions"].as_array().unwrap() {
            let value = |key: &str| (row[key].as_f64().unwrap() * scale).round() as i128;
            let key = row_key(row);
            add(
                &mut shown.names.functions.entry(row["name"].as_str().unwrap().to_owned()).or_default().own,
                value("self"),
            );
            let numbers = shown.frames.functions.entry(key).or_default();
            add(&mut numbers.own, value("self"));
            add(&mut numbers.total, value("total"));
        }
    }
    shown
}

/// The columns of a profile that count time, bytes or things, and what their values are multiplied by to be added up.
fn columns(profile: &Profile, dimension: Dimension, decimals: u32) -> Vec<(usize, i128)> {
    let of = |(column, row): (usize, &profkit_profile::SampleType)| {
        let unit = profile.unit(column);
        let factor = i128::from(unit.factor) * 10_i128.pow(decimals - u32::from(row.decimals));
        (unit.dimension == dimension).then_some((column, factor))
    };
    profile.sample_types().iter().enumerate().filter_map(of).collect()
}

fn sum_of(columns: &[(usize, i128)], of: &dyn Fn(usize) -> Facts) -> Facts {
    let mut sum = Facts::default();
    for &(column, factor) in columns {
        scaled(&mut sum, &of(column), factor);
    }
    sum
}

/// What the truth is, by frames and by names.
struct Truth<'a> {
    frames: &'a dyn Fn(usize) -> Facts,
    names: &'a dyn Fn(usize) -> Facts,
}

fn compare(findings: &mut Findings, name: &str, profile: &Profile, answer: &Value, truth: &Truth<'_>) {
    if answer["ok"] != true {
        findings.add(name, "refused", answer["error"].to_string());
        return;
    }
    findings.read();
    for dimension in DIMENSIONS {
        let decimals = decimals(profile);
        let columns = columns(profile, dimension, decimals);
        let shown = shown(answer, dimension, decimals);
        let frames = without_nothing(sum_of(&columns, truth.frames), &shown.frames);
        findings.compare(name, FRAMES, &frames, &shown.frames);
        let names = without_nothing(sum_of(&columns, truth.names), &shown.names);
        findings.compare(name, NAMES, &names, &shown.names);
        let samples = profile.samples();
        let (mut sum, mut not_idle) = (0, 0);
        for &(column, factor) in &columns {
            for (value, stack) in samples.values(column).iter().zip(samples.stacks()) {
                sum += i128::from(*value) * factor;
                not_idle += if stack.is_some() { i128::from(*value) * factor } else { 0 };
            }
        }
        let mut check = |kind: &str, shown: f64, sum: i128| {
            if (shown - sum as f64).abs() > 0.5 + sum.unsigned_abs() as f64 / 2f64.powi(40) {
                findings.add(name, kind, format!("{shown}, not {sum}"));
            }
        };
        check("sum", shown.sum, sum);
        check("sum that is not idle", shown.not_idle, not_idle);
    }
}

#[test]
fn original() {
    let mut findings = Findings::new("speedscope, original");
    let sources = of_format("speedscope");
    let copies: Vec<_> = sources.iter().map(|source| expanded(&source.path)).collect();
    let paths: Vec<_> = copies.iter().map(|copy| copy.path().to_owned()).collect();
    for (source, answer) in sources.iter().zip(import(&paths)) {
        let frames = |column| Facts::of(&source.profile, Some(column), &key);
        let names = |column| Facts::of(&source.profile, Some(column), &name_key);
        compare(
            &mut findings,
            &source.name,
            &source.profile,
            &answer,
            &Truth { frames: &frames, names: &names },
        );
    }
    findings.judge();
}

/// A copy without gzip, which the app does not know for its own format.
fn expanded(path: &std::path::Path) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".speedscope.json").tempfile().unwrap();
    let (bytes, _) = profkit_formats::container::peel(std::fs::read(path).unwrap(), 1 << 30).unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

fn written(format: &str) {
    let matrix = convert("speedscope", of_format(format));
    let mut findings = Findings::new(format!("speedscope, written of {format}"));
    for (name, problem) in &matrix.refused {
        findings.add(name, "not written", problem.clone());
    }
    for (file, answer) in matrix.files.iter().zip(import(&matrix.paths())) {
        // Where the source has self values by line, rows are lines, and those of the model are all there is.
        let by_line = !file.source.profile.calls().lines().is_empty();
        let frames = |column| match by_line {
            true => Facts::of(&file.fitted, Some(column), &key),
            false => truth(file, column, &key),
        };
        let names = |column| truth(file, column, &name_key);
        let truth = Truth { frames: &frames, names: &names };
        compare(&mut findings, &file.source.name, &file.fitted, &answer, &truth);
    }
    findings.judge();
}

macro_rules! formats {
    ($($name:ident)*) => {
        mod written {$(
            #[test]
            fn $name() {
                super::written(stringify!($name));
            }
        )*}
    };
}

formats!(pstats yappi callgrind collapsed pprof speedscope);

#[test]
fn schema() {
    let matrix = convert_all("speedscope");
    let answers = ask(VENV, "speedscope_schema", &[], &matrix.paths());
    let mut findings = Findings::new("speedscope, schema");
    for (file, answer) in matrix.files.iter().zip(&answers) {
        findings.read();
        if let Some(error) = &answer.error {
            findings.add(&file.source.name, "invalid", format!("{error} {}", answer.document["errors"]));
        }
    }
    findings.judge();
}
