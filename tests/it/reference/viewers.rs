//! The viewers of pstats dumps: snakeviz, gprof2dot, tuna, flameprof, pyprof2calltree. The truth is what CPython's own
//! `pstats` shows of the same file, which `pstats.rs` has judged.

use std::collections::BTreeMap;

use serde_json::Value;

use super::canon::{canon, raw};
use super::facts::{Facts, Field, Numbers, add};
use super::pstats::{Naming, facts, units};
use super::sources::convert_all;
use super::tools::{VENV, ask};
use super::verdict::{Findings, Trust};

/// What one viewer shows of a file; the number is the model's units in a second.
type Show = fn(&Value, f64) -> Facts;

struct Viewer {
    name: &'static str,
    script: &'static str,
    arguments: &'static [&'static str],
    naming: fn(&[u8], i64, &[u8]) -> String,
    trust: Trust,
    show: Show,
    /// What it keeps of the truth: some know fewer numbers, or call them otherwise.
    keep: fn(&mut Facts),
    /// Whether it may show more than that, which then is not looked at.
    partial: bool,
}

fn judge(viewer: &Viewer) {
    let matrix = convert_all("pstats");
    let paths = matrix.paths();
    let truths = ask("python/3.13", "pstats_stats", &[], &paths);
    let answers = ask(VENV, viewer.script, viewer.arguments, &paths);
    let mut findings = Findings::new(viewer.name);
    for ((file, truth), answer) in matrix.files.iter().zip(truths).zip(answers) {
        let name = file.source.name.as_str();
        if let Some(error) = &answer.error {
            findings.add(name, "refused", error.clone());
            continue;
        }
        findings.read();
        let per_second = file.per_second();
        let naming: Naming<'_> = &viewer.naming;
        // tuna shows something of an empty dump, which `pstats` refuses.
        let mut expected = match truth.error {
            Some(_) => Facts::default(),
            None => facts(&truth.document, per_second, naming),
        };
        (viewer.keep)(&mut expected);
        let mut shown = (viewer.show)(&answer.document, per_second);
        if viewer.partial {
            // What it is not trusted for is not looked at.
            shown.functions.retain(|name, _| expected.functions.contains_key(name));
        }
        // Times are cut to nanoseconds by one of them.
        let slack = viewer.trust.slack * per_second / 1e9;
        findings.compare(name, Trust { slack, ..viewer.trust }, &expected, &shown);
        if let Some(unreadable) = answer.document["unreadable"].as_i64() {
            findings.same(name, "unreadable", "lines", &0, &unreadable);
        }
    }
    findings.judge();
}

fn joined(parts: &[&[u8]]) -> String {
    canon(&parts.concat())
}

/// `file:line(name)`.
fn pstats_name(file: &[u8], line: i64, name: &[u8]) -> String {
    joined(&[file, format!(":{line}(").as_bytes(), name, b")"])
}

/// `file:line:name`.
fn hash_name(file: &[u8], line: i64, name: &[u8]) -> String {
    joined(&[file, format!(":{line}:").as_bytes(), name])
}

/// tuna's `file::line::name`.
fn tuna_name(file: &[u8], line: i64, name: &[u8]) -> String {
    joined(&[file, format!("::{line}::").as_bytes(), name])
}

/// gprof2dot's `file|module:line:name`.
fn gprof2dot_name(file: &[u8], line: i64, name: &[u8]) -> String {
    let base = file.rsplit(|&byte| byte == b'/').next().unwrap_or(file);
    let dot = base.iter().rposition(|&byte| byte == b'.');
    let module =
        dot.filter(|&dot| base[..dot].iter().any(|&byte| byte != b'.')).map_or(base, |dot| &base[..dot]);
    joined(&[file, b"|", module, format!(":{line}:").as_bytes(), name])
}

fn text(row: &Value, key: &str) -> String {
    row[key].as_str().unwrap().to_owned()
}

fn count(row: &Value, key: &str) -> Option<i128> {
    row[key].as_i64().map(i128::from)
}

fn four(row: &Value, per_second: f64) -> Numbers {
    Numbers {
        own: Some(units(&row["self"], per_second)),
        total: Some(units(&row["total"], per_second)),
        calls: count(row, "calls"),
        primitive: count(row, "primitive_calls"),
    }
}

/// A function that neither calls nor is called is not drawn (b).
fn only_connected(facts: &mut Facts) {
    let connected: Vec<String> =
        facts.edges.keys().flat_map(|(caller, callee)| [caller.clone(), callee.clone()]).collect();
    facts.functions.retain(|name, _| connected.contains(name));
}

#[test]
fn snakeviz() {
    judge(&Viewer {
        name: "snakeviz",
        script: "snakeviz_table",
        arguments: &[],
        naming: pstats_name,
        trust: Trust::FULL,
        show: |document, per_second| {
            let mut facts = Facts::default();
            for row in document["functions"].as_array().unwrap() {
                for child in row["children"].as_array().unwrap() {
                    facts.edges.insert((text(row, "name"), text(child, "name")), four(child, per_second));
                }
                for caller in row["callers"].as_array().unwrap() {
                    let numbers = four(caller, per_second);
                    let pair = (text(caller, "name"), text(row, "name"));
                    let other = facts.edges.insert(pair.clone(), numbers);
                    assert!(other.is_none_or(|other| other == numbers), "{pair:?} has two numbers");
                }
                facts.functions.insert(text(row, "name"), four(row, per_second));
            }
            facts
        },
        partial: false,
        keep: only_connected,
    });
}

/// Its table has every function, and calls in full; its times have four digits.
#[test]
fn snakeviz_table() {
    judge(&Viewer {
        name: "snakeviz, table",
        script: "snakeviz_table",
        arguments: &[],
        naming: pstats_name,
        trust: Trust { functions: &[Field::Calls], edges: &[], all_edges: false, ..Trust::FULL },
        show: |document, _| {
            let mut facts = Facts::default();
            for row in document["rows"].as_array().unwrap() {
                add(
                    &mut facts.functions.entry(text(row, "name")).or_default().calls,
                    count(row, "calls").unwrap(),
                );
            }
            facts
        },
        partial: false,
        keep: |_| {},
    });
}

#[test]
fn gprof2dot() {
    judge(&Viewer {
        name: "gprof2dot",
        script: "gprof2dot_functions",
        arguments: &["pstats"],
        naming: gprof2dot_name,
        trust: Trust {
            functions: &[Field::Own, Field::Total, Field::Calls],
            edges: &[Field::Total, Field::Calls],
            ..Trust::FULL
        },
        show: |document, per_second| {
            let mut facts = Facts::default();
            let rows = document["functions"].as_array().unwrap();
            let name = |row: &Value| format!("{}|{}", row["file"].as_str().unwrap_or("~"), text(row, "name"));
            let names: BTreeMap<i64, String> =
                rows.iter().map(|row| (row["id"].as_i64().unwrap(), name(row))).collect();
            for row in rows {
                let numbers = Numbers { primitive: None, ..four(row, per_second) };
                facts.functions.insert(name(row), numbers);
                for callee in row["callees"].as_array().unwrap() {
                    let total = Some(units(&callee["inclusive"], per_second));
                    let callee_name = names[&callee["callee_id"].as_i64().unwrap()].clone();
                    let numbers = Numbers { total, calls: count(callee, "calls"), ..Numbers::default() };
                    facts.edges.insert((name(row), callee_name), numbers);
                }
            }
            facts
        },
        // An edge's calls are the primitive ones (d).
        partial: false,
        keep: |facts| facts.edges.values_mut().for_each(|numbers| numbers.calls = numbers.primitive),
    });
}

/// Its tree has the self time of what has one caller.
#[test]
fn tuna() {
    judge(&Viewer {
        name: "tuna",
        script: "tuna_tree",
        arguments: &[],
        naming: tuna_name,
        trust: Trust {
            all_functions: false,
            functions: &[Field::Own],
            edges: &[],
            all_edges: false,
            slack: 0.0,
        },
        show: |document, per_second| {
            let mut facts = Facts::default();
            if document["reader"] != "runtime" {
                // Taken for a text of importtime (g): every function is missing.
                return facts;
            }
            for (name, own) in document["self"].as_object().unwrap() {
                facts.functions.entry(name.clone()).or_default().own = Some(units(own, per_second));
            }
            facts
        },
        partial: true,
        keep: |facts| {
            // What was also entered from outside has only a part of its self time under its caller.
            let is_single = |(name, numbers): &(&String, &Numbers)| {
                let mut callers = facts.edges.iter().filter(|((_, callee), _)| callee == *name);
                let first = callers.next();
                callers.next().is_none() && first.is_none_or(|(_, edge)| edge.own == numbers.own)
            };
            let single: Vec<String> =
                facts.functions.iter().filter(is_single).map(|(name, _)| name.clone()).collect();
            facts.functions.retain(|name, _| single.contains(name));
        },
    });
}

/// The lowest row of its backward half, of what has more than a hundredth of the whole: with its own threshold, since
/// without one it follows every path through the graph.
#[test]
fn flameprof() {
    judge(&Viewer {
        name: "flameprof",
        script: "flameprof_svg",
        arguments: &["FILE", "0.001"],
        naming: hash_name,
        trust: Trust { functions: &[Field::Own], edges: &[], all_edges: false, ..Trust::FULL },
        show: |document, per_second| {
            let mut facts = Facts::default();
            for block in document["backward"].as_array().unwrap() {
                let name = canon(&raw(block[0].as_str().unwrap()));
                facts.functions.entry(name).or_default().own = Some(units(&block[1], per_second));
            }
            facts
        },
        partial: true,
        keep: |facts| {
            let whole: i128 = facts.functions.values().filter_map(|numbers| numbers.own).sum();
            facts.functions.retain(|_, numbers| numbers.own.is_some_and(|own| own * 100 > whole));
        },
    });
}

#[test]
fn pyprof2calltree() {
    judge(&Viewer {
        name: "pyprof2calltree",
        script: "pyprof2calltree_run",
        arguments: &[],
        naming: hash_name,
        trust: Trust {
            functions: &[Field::Own],
            edges: &[Field::Total, Field::Calls],
            slack: 1.0,
            ..Trust::FULL
        },
        show: |document, per_second| {
            let mut facts = Facts::default();
            let name = |row: &Value| {
                let part = |key: &str| raw(row[key].as_str().unwrap());
                let (line, name) = (row["line"].as_i64().unwrap_or(0), part("name"));
                // Of one name in one file, functions get their lines.
                let plain = name.strip_suffix(format!(":{line}").as_bytes()).unwrap_or(&name);
                hash_name(&part("file"), line, plain)
            };
            let cost = |cost: &Value| Some((cost.as_f64().unwrap() * per_second / 1e9).round() as i128);
            for row in document["functions"].as_array().unwrap() {
                let numbers = Numbers { own: cost(&row["self"]), ..Numbers::default() };
                facts.functions.insert(name(row), numbers);
                for callee in row["callees"].as_array().unwrap() {
                    let numbers = Numbers {
                        total: cost(&callee["inclusive"]),
                        calls: count(callee, "calls"),
                        ..Numbers::default()
                    };
                    facts.edges.insert((name(row), name(callee)), numbers);
                }
            }
            facts
        },
        partial: false,
        keep: |_| {},
    });
}
