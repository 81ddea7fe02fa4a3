//! `profkit diff --json`. Numbers are in the unit named; they are whole where nothing was averaged or scaled.

use std::io::{self, Write};

use profkit_merge::diff::{Change, Comparison, Row, Rows, Test};
use profkit_profile::views::groups::Group;
use serde_json::{Value, json};

use super::is_certain;
use crate::args::Diff;
use crate::failure::Failure;
use crate::names::Name;

pub(super) fn print(
    comparison: &Comparison,
    functions: &Rows<Group>,
    stacks: Option<&(&Comparison, Rows<Vec<Group>>)>,
    arguments: &Diff,
    to: &mut dyn Write,
) -> Result<(), Failure> {
    let profile = comparison.tables();
    let of = profile.sample_types()[comparison.sample_type()];
    let mut value = json!({"name": profile.text(of.name), "unit": profile.text(of.unit)});
    if of.decimals > 0 {
        value["decimals"] = of.decimals.into();
    }
    let ((bases, news), (base, new)) = (comparison.run_counts(), comparison.measured());
    let limit = match arguments.limit {
        None | Some(0) => usize::MAX,
        Some(limit) => limit,
    };
    let rows = functions.rows.iter().take(limit).map(|row| {
        let mut object = place(comparison, row.key);
        object["calls"] =
            row.calls.map(|(base, new)| json!({"base": number(base), "new": number(new)})).into();
        with_changes(object, comparison, row)
    });
    let mut report = json!({
        "value": value,
        "normalize": comparison.normalize().name(),
        "runs": {"base": bases, "new": news},
        "test": comparison.test().name(),
        "measured": {"base": number(base), "new": number(new)},
        "total": change(&functions.total),
        "functions": rows.collect::<Vec<_>>(),
    });
    if let Some((comparison, stacks)) = stacks {
        let rows = stacks.rows.iter().take(limit).map(|row| {
            let frames: Vec<Value> = row.key.iter().map(|&key| place(comparison, key)).collect();
            with_changes(json!({"frames": frames}), comparison, row)
        });
        report["stacks"] = rows.collect();
    }
    serde_json::to_writer(&mut *to, &report).map_err(io::Error::from)?;
    writeln!(to)?;
    Ok(())
}

fn place(comparison: &Comparison, key: Group) -> Value {
    let name = Name::of(comparison.tables(), key);
    json!({"name": name.name, "file": name.file, "line": name.line})
}

fn with_changes<K>(mut object: Value, comparison: &Comparison, row: &Row<K>) -> Value {
    object["self"] = change(&row.own);
    object["total"] = change(&row.total);
    object["changed"] = (comparison.test() == Test::Runs).then(|| is_certain(row)).into();
    object
}

fn change(of: &Change) -> Value {
    json!({
        "base": number(of.base),
        "new": number(of.new),
        "absolute": number(of.absolute()),
        "relative": of.relative(),
        "error": of.error.map(number),
        "p": of.p,
    })
}

/// A whole number where it is one, else with three decimals.
fn number(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return (value as i64).into();
    }
    ((value * 1000.0).round() / 1000.0).into()
}
