//! Flame graph tools on collapsed stacks: inferno's tree of rectangles, gprof2dot's sums, flamegraph.pl's grand total.

use std::fs;

use profkit_profile::{Dimension, Frame, Profile};
use serde_json::Value;

use super::canon::canon;
use super::facts::{Facts, Field, add};
use super::sources::{Converted, convert_all};
use super::stacks::{truth, without_nothing};
use super::tools::{VENV, ask};
use super::verdict::{Findings, Trust};

const TREE: Trust =
    Trust { functions: &[Field::Own, Field::Total], edges: &[Field::Own, Field::Total], ..Trust::FULL };
const SUMS: Trust = Trust { edges: &[], all_edges: false, ..TREE };

/// The grammar that profkit writes a profile in.
fn dialect(profile: &Profile) -> &'static str {
    let own = profile.meta().dialect;
    if profile.meta().format == "collapsed" && ["flamegraph", "austin", "perf"].contains(&own) {
        own
    } else {
        "py-spy"
    }
}

/// A frame as it stands in the file.
fn key(dialect: &str, profile: &Profile, frame: Frame) -> String {
    let function = frame.function.map(|id| profile.functions()[id]);
    let name = match function {
        Some(function) => canon(profile.bytes(function.name)),
        None if frame.address == 0 => "[unknown]".to_owned(),
        None => format!("{:#x}", frame.address),
    };
    let file = match (function, frame.mapping) {
        (Some(function), _) => canon(profile.bytes(function.file)),
        (None, Some(mapping)) => canon(profile.bytes(profile.mappings()[mapping].file)),
        (None, None) => String::new(),
    };
    let line = if frame.line == 0 { function.map_or(0, |function| function.first_line) } else { frame.line };
    if dialect == "austin" {
        return format!("{file}:{name}:{line}");
    }
    let place = match (file.as_str(), line) {
        _ if dialect != "py-spy" => String::new(),
        ("", 0) => String::new(),
        (file, 0) => format!(" ({file})"),
        (file, line) => format!(" ({file}:{line})"),
    };
    // inferno takes the suffixes of inlined, kernel and compiled frames off the names that it shows.
    name + &place
}

/// The names of a file whose comment says that they have stand-ins, as the format's description tells: a mark that means
/// nothing, pictures of control characters, the Greek question mark for a semicolon.
fn plain(file: &Converted, facts: Facts) -> Facts {
    let text = fs::read(&file.path).unwrap();
    let is_escaped = |line: &[u8]| {
        let said = line.strip_prefix(b"# profkit: collapsed ").unwrap_or_default();
        said.split(|&byte| byte == b' ').any(|word| word == b"escaped")
    };
    if !text.split(|&byte| byte == b'\n').any(is_escaped) {
        return facts;
    }
    let character = |character: char| match character {
        '\u{2426}' | '\u{2425}' => None,
        '\u{37e}' => Some(';'),
        '\u{2400}'..='\u{2420}' => char::from_u32(u32::from(character) - 0x2400),
        other => Some(other),
    };
    let name = |name: String| name.chars().filter_map(character).collect::<String>();
    Facts {
        functions: facts.functions.into_iter().map(|(key, row)| (name(key), row)).collect(),
        edges: facts.edges.into_iter().map(|((one, other), row)| ((name(one), name(other)), row)).collect(),
    }
}

/// Roots that stand for processes and threads are frames to these tools.
fn is_root(name: &str) -> bool {
    let is = |start: &str| name.starts_with(start);
    is("process ") || is("thread ") || is("host:") || is("file:") || name == "[no stack]"
}

fn without_roots(mut facts: Facts, expected: &Facts) -> Facts {
    let is_extra = |name: &str| !expected.functions.contains_key(name);
    facts.functions.retain(|name, _| !(is_extra(name) && is_any_root(name)));
    facts.edges.retain(|(caller, _), _| !(is_extra(caller) && is_any_root(caller)));
    facts
}

/// Roots of all grammars: `P12`, `T0:34`, and perf's command.
fn is_any_root(name: &str) -> bool {
    let number = |text: &str| text.starts_with(|character: char| character.is_ascii_digit());
    is_root(name)
        || name.strip_prefix(['P', 'T']).is_some_and(number)
        || name.starts_with("native")
        || name.starts_with("python")
}

/// The sample type that is drawn, and how many of its units a count is.
fn measure(file: &Converted) -> Option<(usize, i128)> {
    let types = file.fitted.sample_types();
    if types.len() == 2 && types.iter().map(|row| file.fitted.bytes(row.name)).eq([&b"before"[..], b"after"])
    {
        // Both tools draw the second count.
        return Some((1, 1));
    }
    let column = file.fitted.default_type()?;
    let time = file.fitted.unit(column).dimension == Dimension::Time;
    Some((column, if time && dialect(&file.fitted) == "austin" { 1000 } else { 1 }))
}

fn expected(file: &Converted) -> Facts {
    expected_by(file, &|text| text)
}

fn expected_by(file: &Converted, shown: &dyn Fn(String) -> String) -> Facts {
    let Some((column, per_count)) = measure(file) else { return Facts::default() };
    let dialect = dialect(&file.fitted);
    let spelling = |profile: &Profile, frame: Frame| shown(key(dialect, profile, frame));
    let by_line = !file.source.profile.calls().lines().is_empty();
    let mut facts = match by_line {
        true => Facts::of(&file.fitted, Some(column), &spelling),
        false => truth(file, column, &spelling),
    };
    for numbers in facts.functions.values_mut().chain(facts.edges.values_mut()) {
        numbers.own = numbers.own.map(|own| own / per_count);
        numbers.total = numbers.total.map(|total| total / per_count);
    }
    facts
}

/// The tree of inferno's rectangles: a frame lies above the widest one below it that holds its samples.
fn tree(document: &Value) -> Facts {
    struct Rectangle {
        depth: i64,
        start: i64,
        end: i64,
        own: i64,
        path: Vec<String>,
    }
    let mut found: Vec<Rectangle> = Vec::new();
    let mut level = 0;
    let mut below = 0..0;
    for row in document["frames"].as_array().unwrap() {
        let [depth, start, samples] = ["depth", "start", "samples"].map(|key| row[key].as_i64().unwrap());
        if samples == 0 && depth > 0 {
            // It may stand on either of two neighbours.
            continue;
        }
        if depth != level {
            below = below.end..found.len();
            level = depth;
        }
        let holds = |parent: &&mut Rectangle| parent.start <= start && start + samples <= parent.end;
        let parent = found[below.clone()].iter_mut().find(holds);
        let mut path = Vec::new();
        if let Some(parent) = parent {
            assert_eq!(parent.depth + 1, depth);
            parent.own -= samples;
            path = parent.path.clone();
            path.push(row["name"].as_str().unwrap().to_owned());
        }
        found.push(Rectangle { depth, start, end: start + samples, own: samples, path });
    }
    let mut facts = Facts::default();
    for rectangle in &found {
        facts.add_stack(&rectangle.path, rectangle.own.into(), None);
    }
    facts
}

/// The sum of what is written.
fn sum(file: &Converted) -> i128 {
    let Some((column, per_count)) = measure(file) else { return 0 };
    file.fitted.samples().values(column).iter().map(|&value| i128::from(value)).sum::<i128>() / per_count
}

fn judge(
    reader: &str,
    script: &str,
    arguments: &[&str],
    compare: impl Fn(&mut Findings, &Converted, &Value),
) {
    let matrix = convert_all("collapsed");
    let mut findings = Findings::new(reader);
    for (name, problem) in &matrix.refused {
        findings.add(name, "not written", problem.clone());
    }
    for (file, answer) in matrix.files.iter().zip(ask(VENV, script, arguments, &matrix.paths())) {
        if let Some(error) = &answer.error {
            findings.add(&file.source.name, "refused", error.clone());
            continue;
        }
        findings.read();
        compare(&mut findings, file, &answer.document);
    }
    findings.judge();
}

#[test]
fn inferno() {
    judge("inferno, written", "collapsed_count", &["inferno"], |findings, file, document| {
        let name = file.source.name.as_str();
        findings.same(name, "ignored", "lines", &0, &document["ignored"].as_i64().unwrap());
        findings.same(name, "sum", "all", &sum(file), &document["total"].as_i64().unwrap().into());
        let expected = expected(file);
        let shown = without_roots(plain(file, tree(document)), &expected);
        findings.compare(name, TREE, &without_nothing(expected, &shown), &shown);
    });
}

#[test]
fn flamegraph() {
    judge("flamegraph.pl, written", "collapsed_count", &["flamegraph"], |findings, file, document| {
        let name = file.source.name.as_str();
        let text = fs::read(&file.path).unwrap();
        let comments = text.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"#")).count();
        findings.same(name, "ignored", "lines", &(comments as u64), &document["ignored"].as_u64().unwrap());
        findings.same(name, "sum", "all", &sum(file), &document["total"].as_i64().unwrap_or(0).into());
    });
}

/// gprof2dot takes no comment, so it is asked about copies without any; that it still does not is a finding of its own.
#[test]
fn gprof2dot() {
    let matrix = convert_all("collapsed");
    let mut findings = Findings::new("gprof2dot, collapsed written");
    let mut paths = Vec::new();
    let mut commented = None;
    for file in &matrix.files {
        let text = fs::read(&file.path).unwrap();
        let plain: Vec<&[u8]> =
            text.split_inclusive(|&byte| byte == b'\n').filter(|line| !line.starts_with(b"#")).collect();
        let plain = plain.concat();
        if plain != text {
            commented = commented.or(Some(file.path.clone()));
        }
        let path = file.path.with_extension("plain");
        fs::write(&path, plain).unwrap();
        paths.push(path);
    }
    let comments = ask(VENV, "gprof2dot_functions", &["collapse"], &[commented.unwrap()]).remove(0);
    if let Some(error) = comments.error {
        findings.add("", "comments", error);
    }
    for (file, answer) in matrix.files.iter().zip(ask(VENV, "gprof2dot_functions", &["collapse"], &paths)) {
        let name = file.source.name.as_str();
        if let Some(error) = answer.error {
            findings.add(name, "refused", error);
            continue;
        }
        findings.read();
        let mut shown = Facts::default();
        for row in answer.document["functions"].as_array().unwrap() {
            let name = gprof2dot_key(without_suffix(row["id"].as_str().unwrap()).to_owned());
            let numbers = shown.functions.entry(name).or_default();
            add(&mut numbers.own, row["self"].as_i64().unwrap_or(0).into());
            add(&mut numbers.total, row["total"].as_i64().unwrap_or(0).into());
        }
        let expected = expected_by(file, &gprof2dot_key);
        let shown = without_roots(plain(file, shown), &expected);
        findings.compare(name, SUMS, &without_nothing(expected, &shown), &shown);
    }
    findings.judge();
}

/// A name without the marks of inlined and kernel frames.
fn without_suffix(mut name: &str) -> &str {
    while let Some((start, end)) = name.rsplit_once("_[")
        && end.len() == 2
        && end.ends_with(']')
    {
        name = start;
    }
    name
}

/// gprof2dot takes py-spy's frames apart if there is no space in their names, and forgets lines.
fn gprof2dot_key(text: String) -> String {
    let parts = text.strip_suffix(')').and_then(|text| text.split_once(" (")).and_then(|(name, place)| {
        let (file, line) = place.rsplit_once(':')?;
        let is_line = !line.is_empty() && line.chars().all(|digit| digit.is_ascii_digit());
        (is_line && !name.contains(' ') && !name.is_empty()).then(|| format!("{file}:{name}"))
    });
    parts.unwrap_or(text)
}
