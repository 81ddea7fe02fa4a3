//! What a file of stacks has to say of a source. Where the source has stacks itself, that is what they say. Where it
//! has call edges, profkit estimates stacks, and then self values are the source's, and totals too unless profkit says that they differ.

use super::facts::{Facts, Spelling};
use super::sources::Converted;
use super::verdict::Findings;

/// The truth for one sample type of what was written.
pub(super) fn truth(file: &Converted, column: usize, spelling: Spelling<'_>) -> Facts {
    let source = &file.source.profile;
    if file.differing.is_none() {
        return Facts::of(source, Some(file.in_source(column)), spelling);
    }
    let mut expected = Facts::of(&file.fitted, Some(column), spelling);
    let said = said(file, column, spelling);
    for (function, numbers) in said.functions {
        expected.functions.entry(function).or_default().own = numbers.own;
    }
    for (pair, numbers) in said.edges.into_iter().filter(|(_, numbers)| numbers.own.is_some()) {
        expected.edges.entry(pair).or_default().own = numbers.own;
    }
    expected
}

/// What the source of an estimate says of a sample type; of `calls`, which it need not have as a sample type, the calls
/// of functions.
fn said(file: &Converted, column: usize, spelling: Spelling<'_>) -> Facts {
    let source = &file.source.profile;
    if file.fitted.calls_type() != Some(column) || source.calls_type().is_some() {
        return Facts::of(source, Some(file.in_source(column)), spelling);
    }
    let mut said = Facts::of(source, None, spelling);
    said.edges.clear();
    for numbers in said.functions.values_mut() {
        numbers.own = Some(numbers.calls.unwrap_or(0));
    }
    said
}

/// Whether an estimate says itself how many functions have other totals than in the source. `spelling` must not give two
/// functions one name.
pub(super) fn check_report(file: &Converted, column: usize, spelling: Spelling<'_>, findings: &mut Findings) {
    let Some(differing) = &file.differing else { return };
    if file.fitted.calls_type() == Some(column) {
        return;
    }
    let estimated = Facts::of(&file.fitted, Some(column), spelling);
    let said = said(file, column, spelling);
    let total =
        |facts: &Facts, name: &String| facts.functions.get(name).and_then(|row| row.total).unwrap_or(0);
    let others = said.functions.keys().filter(|name| total(&said, name) != total(&estimated, name)).count();
    let what = "the number of functions with other totals";
    findings.same(&file.source.name, "estimate", what, &differing[file.in_source(column)], &others);
}

/// Leaves out what has no value and is not shown: stacks of nothing need not be written.
pub(super) fn without_nothing(mut expected: Facts, found: &Facts) -> Facts {
    let is_nothing =
        |own: Option<i128>, total: Option<i128>| own.unwrap_or(0) == 0 && total.unwrap_or(0) == 0;
    expected
        .functions
        .retain(|name, row| found.functions.contains_key(name) || !is_nothing(row.own, row.total));
    expected.edges.retain(|pair, row| found.edges.contains_key(pair) || !is_nothing(row.own, row.total));
    expected
}
