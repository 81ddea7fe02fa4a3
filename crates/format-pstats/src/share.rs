//! Self values and totals of callers where the source has none: an estimate, so that viewers which divide a
//! function's time among its callers (snakeviz, tuna, flameprof) have something to divide by.
//!
//! What would surprise: a function's total is shared out among the others that call it, whatever it calls itself,
//! since totals cover outermost activations only.

use crate::sheet::{Caller, Sheet, SheetRow, Unknown};

/// How many edges and functions were given a value they did not have.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Shared {
    pub(crate) own: usize,
    pub(crate) total: usize,
    pub(crate) functions: usize,
}

/// Gives every caller a self value and a total: what the function has and its other callers have not, in
/// proportion to totals where those are known, else to calls, else in equal parts. The part of calls that come
/// from no caller, the root's, stays where it is.
pub(crate) fn share_unknown(sheet: &mut Sheet<'_>) -> Shared {
    let mut shared = Shared::default();
    for (index, row) in sheet.rows.iter_mut().enumerate() {
        let own: usize = row.callers.iter().map(|caller| caller.without_own.edges).sum();
        let total: usize = row.callers.iter().map(|caller| caller.without_total.edges).sum();
        if own > 0 {
            share_own(row);
        }
        if total > 0 {
            share_total(row, index);
        }
        shared.own += own;
        shared.total += total;
    }
    shared.functions = fill_functions(sheet);
    shared
}

/// Gives functions without any value those of the calls they took part in: all of them where somebody calls the
/// function, and a total where nobody does. Such a root is that of Python's `profile` module, `profile:0(profiler)`,
/// without whose total tuna 0.5 finds no root at all.
fn fill_functions(sheet: &mut Sheet<'_>) -> usize {
    let mut totals = vec![0; sheet.rows.len()];
    for caller in sheet.rows.iter().flat_map(|row| &row.callers) {
        if let Some(total) = totals.get_mut(caller.row) {
            *total += caller.total;
        }
    }
    let mut filled = 0;
    for (row, callees_total) in sheet.rows.iter_mut().zip(totals) {
        let is_bare = row.calls.all.is_none() && row.own == 0 && row.total == 0;
        if is_bare && row.callers.is_empty() && callees_total != 0 {
            row.total = callees_total;
            filled += 1;
        } else if is_bare && row.sources == 0 && !row.callers.is_empty() {
            row.calls.all = sum(row.callers.iter().filter_map(|caller| caller.calls.all));
            row.calls.primitive = sum(row.callers.iter().filter_map(|caller| caller.calls.primitive));
            row.own = row.callers.iter().map(|caller| caller.own).sum();
            row.total = row.callers.iter().map(|caller| caller.total).sum();
            filled += 1;
        }
    }
    filled
}

fn sum(values: impl Iterator<Item = i128>) -> Option<i128> {
    values.fold(None, |sum, value| Some(sum.unwrap_or(0) + value))
}

fn share_own(row: &mut SheetRow<'_>) {
    let known = row.callers.iter().map(|caller| caller.own).sum();
    let rest = left(row.own, known);
    let totals: Vec<i128> = row.callers.iter().map(|caller| caller.without_own.total.max(0)).collect();
    let weights = if totals.iter().any(|&total| total > 0) {
        Weights::new(totals, row.total)
    } else {
        Weights::by_calls(row, |caller| caller.without_own)
    };
    for (caller, part) in row.callers.iter_mut().zip(weights.parts(rest)) {
        caller.own += part;
    }
}

fn share_total(row: &mut SheetRow<'_>, index: usize) {
    let calls = Weights::by_calls(row, |caller| caller.without_total);
    let others = calls.without(row.callers.iter().position(|caller| caller.row == index));
    let known = row.callers.iter().filter(|caller| caller.row != index).map(|caller| caller.total).sum();
    let outer = others.parts(left(row.total, known));
    let recursive = calls.parts(row.total);
    for ((caller, outer), recursive) in row.callers.iter_mut().zip(outer).zip(recursive) {
        caller.total += if caller.row == index { recursive } else { outer };
    }
}

/// What is left of a value, of the same sign.
fn left(value: i128, known: i128) -> i128 {
    if value >= 0 { (value - known).max(0) } else { (value - known).min(0) }
}

/// In which proportions something is shared out among the callers of a function.
struct Weights {
    each: Vec<i128>,
    /// What all weights are a part of.
    whole: i128,
}

impl Weights {
    fn new(each: Vec<i128>, whole: i128) -> Self {
        let sum = each.iter().sum();
        Self { each, whole: whole.max(sum) }
    }

    fn by_calls(row: &SheetRow<'_>, unknown: impl Fn(&Caller) -> Unknown) -> Self {
        let calls: Vec<i128> = row.callers.iter().map(|caller| unknown(caller).calls.max(0)).collect();
        let sum: i128 = calls.iter().sum();
        if sum == 0 {
            let edges = row.callers.iter().map(|caller| i128::from(unknown(caller).edges > 0)).collect();
            return Self::new(edges, 0);
        }
        let of_callers: i128 = row.callers.iter().filter_map(|caller| caller.calls.all).sum();
        let from_nowhere = row.calls.all.unwrap_or(0) - of_callers;
        Self::new(calls, sum + from_nowhere.max(0))
    }

    fn without(&self, caller: Option<usize>) -> Self {
        let mut each = self.each.clone();
        let weight = caller.and_then(|caller| each.get_mut(caller)).map(std::mem::take);
        Self { each, whole: self.whole - weight.unwrap_or(0) }
    }

    /// The parts of a value: whole numbers that add up to the weights' part of it, rounded once.
    fn parts(&self, value: i128) -> Vec<i128> {
        let mut weight = 0;
        let mut given = 0;
        let part = |each: &i128| {
            weight += each;
            let part = proportion(value, weight, self.whole) - given;
            given += part;
            part
        };
        self.each.iter().map(part).collect()
    }
}

/// `value` · `part` / `whole`.
fn proportion(value: i128, part: i128, whole: i128) -> i128 {
    match value.checked_mul(part) {
        _ if whole == 0 => 0,
        Some(product) => product / whole,
        // Sums of values near 2^63: the quotient first is exact enough for an estimate.
        None => value / whole * part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_value() {
        let weights = Weights::new(vec![1, 0, 1, 1], 0);
        assert_eq!(weights.parts(100), [33, 0, 33, 34]);
        assert_eq!(weights.parts(-100), [-33, 0, -33, -34]);
        assert_eq!(Weights::new(vec![1, 1], 4).parts(100), [25, 25]);
        assert_eq!(Weights::new(vec![0, 0], 0).parts(100), [0, 0]);
        assert_eq!(Weights::new(vec![1, 3], 0).without(Some(1)).parts(8), [8, 0]);
    }
}
