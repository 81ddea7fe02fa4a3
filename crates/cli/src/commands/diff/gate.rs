//! `--fail-above`: whether something grew by more than it may.

use profkit_merge::diff::{Change, Comparison, LEAST_SHARE, Rows, Test};
use profkit_profile::views::groups::Group;

use crate::failure::{Failure, print_answer};
use crate::names::Name;
use crate::quantity::{Scale, percent_change};

/// Names what grew by more than a share of itself.
///
/// Where there is a test, what it calls noise does not count. A function that the base does not have has nothing to
/// have grown from; it shows in its callers, and in the whole.
pub(super) fn judge(comparison: &Comparison, rows: &Rows<Group>, most: f64) -> Result<(), Failure> {
    let scale = Scale::of(comparison.tables(), comparison.sample_type());
    let least = LEAST_SHARE * rows.total.base.abs().max(rows.total.new.abs());
    let tested = comparison.test() != Test::Nothing;
    let grew = |change: &Change| {
        change.relative().is_some_and(|relative| relative > most)
            && change.absolute() >= least
            && (!tested || change.is_significant())
    };
    let describe = |change: &Change| {
        let (from, to) = (scale.format_mean(change.base), scale.format_mean(change.new));
        format!("{} ({from} → {to})", percent_change(change.base, change.new))
    };
    let mut grown = Vec::new();
    // There is no telling by how much, but a base of nothing is no base to have grown little from.
    let came = rows.total.base == 0.0 && rows.total.new > 0.0 && (!tested || rows.total.is_significant());
    if came || grew(&rows.total) {
        grown.push(format!("the whole: {}", describe(&rows.total)));
    }
    for row in &rows.rows {
        let parts = [("self", &row.own), ("total", &row.total)];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(_, change)| grew(change))
            .map(|(name, change)| format!("{name} {}", describe(change)))
            .collect();
        if !parts.is_empty() {
            let name = Name::of(comparison.tables(), row.key);
            let place = name.place();
            let place = if place.is_empty() { place } else { format!(" ({place})") };
            grown.push(format!("{}{place}: {}", name.name, parts.join(", ")));
        }
    }
    for text in &grown {
        print_answer(text);
    }
    if grown.is_empty() { Ok(()) } else { Err(Failure::No) }
}
