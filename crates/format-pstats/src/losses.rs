//! What pstats cannot hold of a profile, a phrase for each kind of thing.

use profkit_profile::{Dimension, Function, LabelSetId, OriginId, Profile, count};

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
    lose(origins(profile), &|number| match number {
        1 => "where values were measured".to_owned(),
        _ => format!("where values were measured: {} added up", count(number, "origin")),
    });
    let labelled = functions.iter().filter(|row| row.labels != LabelSetId::EMPTY).count();
    lose(labelled, &|number| format!("the labels of {}", count(number, "function")));
    let sites = edges.iter().filter(|edge| edge.site.is_some()).count();
    lose(sites, &|number| format!("the lines of {}", count(number, "call")));
    lose(calls.lines().len(), &|number| format!("the self values of {}", count(number, "line")));
    let merged = sheet.merged;
    lose(merged.functions, &|number| {
        format!("{} added to others of the same file, line and name", count(number, "function"))
    });
    lose(merged.names, &|number| {
        format!(
            "{} changed: bytes that are not UTF-8 became surrogates, as in Python 3",
            count(number, "name")
        )
    });
    lose(merged.partial_calls, &|number| {
        format!("{} whose calls are known in part: the rest counts as 0", count(number, "function"))
    });
    lose(merged.unknown_primitive, &|number| {
        format!(
            "{} whose primitive calls are unknown: all their calls are written",
            count(number, "function")
        )
    });
    let linked = profile.functions().rows().iter().any(Function::has_linker_name);
    lose(usize::from(linked), &|_| "the linker's names".to_owned());
    lose(profile.mappings().len(), &|_| "binaries".to_owned());
    let meta = profile.meta();
    lose(usize::from(meta.title.is_some() || meta.doc_url.is_some()), &|_| {
        "title and documentation".to_owned()
    });
    lose(meta.comments.len(), &|number| count(number, "comment"));
    let times = usize::from(meta.start_ns.is_some() || meta.duration_ns.is_some());
    lose(times, &|_| "when the recording started and how long it took".to_owned());
    let filters = usize::from(meta.drop_frames.is_some() || meta.keep_frames.is_some());
    lose(filters, &|_| "which frames to drop or keep".to_owned());
    losses
}

/// The sampling period, where no times tell it.
pub(crate) fn of_period(profile: &Profile) -> Option<String> {
    (profile.meta().period != 0).then(|| "the sampling period".to_owned())
}

/// What other tools take for counts of 0; profkit does not, and nothing changes of what came from pstats.
pub(crate) fn of_calls(profile: &Profile, sheet: &Sheet<'_>) -> Option<String> {
    let functions = sheet.rows.iter().map(|row| row.calls);
    let callers = sheet.rows.iter().flat_map(|row| &row.callers).map(|caller| caller.calls);
    let unknown = functions.chain(callers).any(|calls| calls.all.is_none());
    (unknown && profile.meta().format != "pstats")
        .then(|| "unknown numbers of calls: written as 0".to_owned())
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
    let own = (shared.own > 0).then(|| {
        format!("{} without self values: estimated from their function's own", count(shared.own, "call"))
    });
    let total = (shared.total > 0)
        .then(|| format!("{} without totals: estimated by call counts", count(shared.total, "call")));
    let functions = (shared.functions > 0).then(|| {
        format!(
            "{} without values: estimated from their callers or callees",
            count(shared.functions, "function")
        )
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
        losses.push(format!("the self values of {}", count(own, "call")));
    }
    let unknown: usize = callers().map(|caller| caller.without_total.edges).sum();
    if unknown > 0 {
        losses.push(format!("{} without totals written as 0 samples", count(unknown, "call")));
    }
    losses
}

/// Numbers of samples that are not whole, as collapsed stacks may have them.
pub(crate) fn of_fractions(fractions: usize) -> Option<String> {
    (fractions > 0).then(|| format!("fractions of samples, which are written as whole numbers ({fractions})"))
}

/// What the sampled form loses where samples do not stand for equal times: it has the samples of callers only.
pub(crate) fn of_times(profile: &Profile) -> Option<String> {
    let timed = profile.calls().edges().rows().iter().filter(|edge| edge.has_total).count();
    (timed > 0).then(|| format!("the times of {}", count(timed, "call")))
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
