//! What pstats cannot hold of a profile, a phrase for each kind of thing.

use profkit_profile::{Dimension, LabelSetId, OriginId, Profile};

use crate::share::Shared;
use crate::sheet::Sheet;

/// What both forms lose. `columns` are the sample types that are written.
pub(crate) fn of(profile: &Profile, sheet: &Sheet<'_>, columns: &[usize]) -> Vec<String> {
    let mut losses = Vec::new();
    let mut lose = |count: usize, text: &dyn Fn(usize) -> String| {
        if count > 0 {
            losses.push(text(count));
        }
    };
    let calls = profile.calls();
    let (functions, edges) = (calls.functions().rows(), calls.edges().rows());
    let others: Vec<_> = (0..profile.sample_types().len())
        .filter(|index| !columns.contains(index))
        .map(|index| profile.text(profile.sample_types()[index].name).into_owned())
        .collect();
    lose(others.len(), &|_| format!("the values of {}", others.join(", ")));
    lose(origins(profile), &|count| format!("where values were measured: {count} origins added up"));
    let labelled = functions.iter().filter(|row| row.labels != LabelSetId::EMPTY).count();
    lose(labelled, &|count| format!("the labels of {count} functions"));
    let sites = edges.iter().filter(|edge| edge.site.is_some()).count();
    lose(sites, &|count| format!("the lines of {count} calls"));
    lose(calls.lines().len(), &|count| format!("the self values of {count} lines"));
    let merged = sheet.merged;
    lose(merged.functions, &|count| {
        format!("{count} functions added to others of the same file, line and name")
    });
    lose(merged.names, &|count| {
        format!("{count} names changed: bytes that are not UTF-8 became surrogates, as in Python 3")
    });
    lose(merged.partial_calls, &|count| {
        format!("{count} functions whose calls are known in part: the rest counts as 0")
    });
    lose(merged.unknown_primitive, &|count| {
        format!("{count} functions whose primitive calls are unknown: all their calls are written")
    });
    let meta = profile.meta();
    lose(meta.comments.len(), &|count| format!("{count} comments"));
    let times = usize::from(meta.start_ns.is_some() || meta.duration_ns.is_some());
    lose(times, &|_| "when the recording started and how long it took".to_owned());
    losses
}

/// How the values of the classic form stopped being what they were.
pub(crate) fn of_seconds(profile: &Profile, column: Option<usize>) -> Option<String> {
    let column = column.filter(|&column| profile.unit(column).dimension != Dimension::Time)?;
    let sample_type = profile.sample_types()[column];
    let (name, unit) = (profile.text(sample_type.name), profile.text(sample_type.unit));
    let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
    Some(format!("the unit of {name}{unit}: 1 is written as 1.0 second"))
}

/// Values that come back as others.
pub(crate) fn of_rounding(rounded: usize) -> Option<String> {
    (rounded > 0)
        .then(|| format!("the last digits of values, which floats of seconds do not hold ({rounded})"))
}

/// What the classic form makes up.
pub(crate) fn of_shares(shared: Shared) -> impl Iterator<Item = String> {
    let own = (shared.own > 0)
        .then(|| format!("{} calls without self values: estimated from their function's own", shared.own));
    let total = (shared.total > 0)
        .then(|| format!("{} calls without totals: estimated by call counts", shared.total));
    let functions = (shared.functions > 0).then(|| {
        format!("{} functions without values: estimated from their callers or callees", shared.functions)
    });
    own.into_iter().chain(total).chain(functions)
}

/// What only the sampled form loses.
pub(crate) fn of_sampled(profile: &Profile, sheet: &Sheet<'_>) -> Vec<String> {
    let mut losses = Vec::new();
    let calls = profile.calls();
    let counted = calls.functions().rows().iter().any(|row| row.calls.is_some())
        || calls.edges().rows().iter().any(|edge| edge.calls.is_some());
    if counted {
        losses.push("the numbers of calls".to_owned());
    }
    let callers = || sheet.rows.iter().flat_map(|row| &row.callers);
    let own = calls.edges().rows().iter().filter(|edge| edge.has_self).count();
    if own > 0 {
        losses.push(format!("the self values of {own} calls"));
    }
    let unknown: usize = callers().map(|caller| caller.without_total.edges).sum();
    if unknown > 0 {
        losses.push(format!("{unknown} calls without totals written as 0 samples"));
    }
    losses
}

/// How many origins have values, the unknown one counted if there are others.
fn origins(profile: &Profile) -> usize {
    let calls = profile.calls();
    let functions = calls.functions().rows().iter().map(|row| row.origin);
    let edges = calls.edges().rows().iter().map(|edge| edge.origin);
    let mut used: Vec<OriginId> = functions.chain(edges).collect();
    used.sort_unstable();
    used.dedup();
    if used == [OriginId::UNKNOWN] { 0 } else { used.len() }
}
