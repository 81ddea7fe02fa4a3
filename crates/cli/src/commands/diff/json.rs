//! `profkit diff --json`. Numbers are in the unit named; they are whole where nothing was averaged or scaled.

use std::cell::RefCell;
use std::io::{self, Write};

use profkit_merge::diff::{Change, Comparison, Row, Rows, Stacks, Test};
use profkit_profile::views::groups::Group;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::is_certain;
use crate::args::Diff;
use crate::failure::Failure;
use crate::names::Name;

pub(super) fn print(
    comparison: &Comparison,
    functions: &Rows<Group>,
    stacks: Option<&(&Comparison, Stacks)>,
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
    let report = json!({
        "value": value,
        "normalize": comparison.normalize().name(),
        "runs": {"base": bases, "new": news},
        "test": comparison.test().name(),
        "measured": {"base": number(base), "new": number(new)},
        "total": change(&functions.total),
        "functions": rows.collect::<Vec<_>>(),
    });
    let stacks = stacks.map(|&(comparison, ref stacks)| {
        let rows = stacks.rows.rows.iter().take(limit);
        Each(RefCell::new(rows.map(|row| {
            let path = stacks.path(row.key).into_iter();
            let frames: Vec<Value> = path.map(|key| place(comparison, key)).collect();
            with_changes(json!({"frames": frames}), comparison, row)
        })))
    });
    serde_json::to_writer(&mut *to, &Report { report, stacks }).map_err(io::Error::from)?;
    writeln!(to)?;
    Ok(())
}

#[derive(Serialize)]
struct Report<S: Serialize> {
    #[serde(flatten)]
    report: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    stacks: Option<S>,
}

/// A list whose elements are made as they are written: stacks take much more room than what they are made of. Once.
struct Each<I>(RefCell<I>);

impl<I: Iterator<Item = Value>> Serialize for Each<I> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.borrow_mut().by_ref())
    }
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
