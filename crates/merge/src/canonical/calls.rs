//! Call tables in canonical form: each sorted by its new keys.

use profkit_profile::{BuildError, ProfileBuilder};
use rayon::slice::ParallelSliceMut;

use super::{Ids, new, value};
use crate::call_rows::{CallRows, Counts, EdgeKey, FunctionKey, LineKey};
use crate::rows::{Rows, call_edge, function_calls, line_cost};

pub(super) fn calls(
    rows: &Rows,
    columns: &[usize],
    ids: &Ids<'_>,
    builder: &mut ProfileBuilder,
) -> Result<(), BuildError> {
    builder.reserve_calls(rows.functions.len(), rows.edges.len());
    let key = |key: FunctionKey| FunctionKey {
        function: new(&ids.functions, key.function),
        origin: new(&ids.origins, key.origin),
        labels: new(&ids.labels, key.labels),
        known: key.known,
    };
    each(&rows.functions, columns, key, |key, counts, own, total| {
        builder.function_calls(function_calls(key, counts)?, own, total)
    })?;
    let key = |key: EdgeKey| EdgeKey {
        callee: new(&ids.functions, key.callee),
        caller: new(&ids.functions, key.caller),
        site: key.site.map(|site| new(&ids.frames, site)),
        origin: new(&ids.origins, key.origin),
        ..key
    };
    each(&rows.edges, columns, key, |key, counts, own, total| {
        builder.call_edge(call_edge(key, counts)?, own, total)
    })?;
    let key = |key: LineKey| LineKey {
        function: new(&ids.functions, key.function),
        frame: new(&ids.frames, key.frame),
        origin: new(&ids.origins, key.origin),
    };
    each(&rows.lines, columns, key, |key, _, own, _| builder.line_cost(line_cost(key), own))
}

/// Hands out the rows of a call table in the order of their new keys.
fn each<K: std::hash::Hash + Copy + Ord + Send>(
    rows: &CallRows<K>,
    columns: &[usize],
    key: impl Fn(K) -> K,
    mut each: impl FnMut(K, Counts, &[i64], &[i64]) -> Result<(), BuildError>,
) -> Result<(), BuildError> {
    let mut order: Vec<(K, u32)> = rows.keys().iter().zip(0..).map(|(&old, row)| (key(old), row)).collect();
    order.par_sort_unstable();
    let (mut own, mut total) = (vec![0; columns.len()], vec![0; columns.len()]);
    for (key, row) in order {
        let row = row as usize;
        for (place, &column) in columns.iter().enumerate() {
            let sums = rows.values(column, row);
            (own[place], total[place]) = (value(sums.0)?, value(sums.1)?);
        }
        each(key, rows.counts(row), &own, &total)?;
    }
    Ok(())
}
