//! `--fail-above`: whether something grew by more than it may.

use profkit_merge::diff::{Change, Comparison, LEAST_SHARE, Rows, Test};
use profkit_profile::count;
use profkit_profile::views::groups::Group;

use crate::failure::{Failure, note, print_answer};
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
    let above = |change: &Change| {
        change.relative().is_some_and(|relative| relative > most) && change.absolute() >= least
    };
    let counts = |change: &Change| !tested || change.is_significant();
    let grew = |change: &Change| above(change) && counts(change);
    let describe = |change: &Change| {
        let (from, to) = (scale.format_mean(change.base), scale.format_mean(change.new));
        format!("{} ({from} → {to})", percent_change(change.base, change.new))
    };
    let mut grown = Vec::new();
    let mut doubtful = 0;
    // There is no telling by how much, but a base of nothing is no base to have grown little from.
    let came = rows.total.base == 0.0 && rows.total.new > 0.0;
    let whole_is_above = came || above(&rows.total);
    if whole_is_above && counts(&rows.total) {
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
        } else if above(&row.own) || above(&row.total) {
            doubtful += 1;
        }
    }
    tell_doubtful(doubtful, whole_is_above && !counts(&rows.total), most, comparison.run_counts());
    for text in &grown {
        print_answer(text);
    }
    if grown.is_empty() { Ok(()) } else { Err(Failure::No) }
}

/// Says that something grew by more than it may and did not count: who sees it pass is to know that it was close.
fn tell_doubtful(functions: usize, whole: bool, most: f64, runs: (usize, usize)) {
    let what = match (functions, whole) {
        (0, false) => return,
        (0, true) => "the whole".to_owned(),
        (_, false) => count(functions, "function"),
        (_, true) => format!("{} and the whole", count(functions, "function")),
    };
    // 0.07 × 100 is not 7.
    let percent = (most * 1e8).round() / 1e6;
    let more = match runs {
        (1, _) | (_, 1) => "several",
        _ => "more",
    };
    note(&format!(
        "{what} grew by more than {percent} %, but by no more than chance explains; {more} runs a side tell"
    ));
}
