//! Whether a change is more than noise.
//!
//! Two sources of noise are known: counting samples (a value that n samples were seen of is known to ±√n of them), and
//! what differs between runs. What would surprise: the counting error is that of the mean of both sides, so a function that was
//! seen on one side only has an error too. And between several runs it is less, ±√(n·(1−n/N)) of N samples: how much the whole
//! differs is known from the runs, and what is nearly all of it cannot miss many.

use statrs::function::beta::checked_beta_reg;
use statrs::function::erf::erfc;

use crate::diff::align::{Runs, count, mean};
use crate::diff::normalize::Factors;
use crate::diff::rows::{Measured, Row};

/// How often at most a comparison of what has not changed finds any change: 5 of 100.
pub const ERROR_RATE: f64 = 0.05;

/// What is less than this share of the larger side's total is too small to be tested, or to matter.
pub const LEAST_SHARE: f64 = 0.001;

/// Values of runs that differ by less are equal but for the rounding of their scaling.
const ROUNDING: f64 = 1e-9;

/// What tells changes from noise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Test {
    /// Student's t on the values of the runs, Welch's where one side has more of them; p corrected by Holm's method.
    Runs,
    /// One run a side: only that counting samples is inexact.
    Counting,
    /// One run a side, not sampled: nothing is known of noise.
    Nothing,
}

impl Test {
    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Runs => Some("t"),
            Self::Counting => Some("counting"),
            Self::Nothing => None,
        }
    }
}

/// A value on both sides, in the unit of the compared sample type.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Change {
    /// The mean of the base.
    pub base: f64,
    /// The mean of the new side.
    pub new: f64,
    /// The standard error that counting samples leaves in the difference; `None` where nothing was sampled.
    pub error: Option<f64>,
    /// How likely noise alone makes such a difference somewhere in the whole comparison; `None` where it was not tested.
    pub p: Option<f64>,
}

impl Change {
    /// New less base.
    #[must_use]
    pub fn absolute(&self) -> f64 {
        self.new - self.base
    }

    /// The difference as a part of the base; `None` where the base has none.
    #[must_use]
    pub fn relative(&self) -> Option<f64> {
        (self.base != 0.0).then(|| self.absolute() / self.base.abs())
    }

    /// Whether it was tested and is more than noise.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        self.p.is_some_and(|p| p < ERROR_RATE)
    }
}

/// Tests all rows and the grand total together.
pub(super) fn judge<K>(measured: Vec<Measured<K>>, runs: &Runs, factors: &Factors) -> (Vec<Row<K>>, Change) {
    let whole: Vec<f64> =
        factors.measured.iter().zip(&factors.of_value).map(|(value, by)| value * by).collect();
    let [base, new] = runs.means(&whole);
    let judge = Judge { bases: runs.bases, quantum: factors.quantum, whole: (base + new) / 2.0 };
    let least = LEAST_SHARE * base.abs().max(new.abs());
    let mut total = judge.change(&whole, least);
    let mut rows: Vec<Row<K>> = Vec::with_capacity(measured.len());
    for row in measured {
        let (own, total) = (judge.change(&row.own, least), judge.change(&row.total, least));
        rows.push(Row { key: row.key, own, total, calls: judge.calls(&row.calls) });
    }
    let changes = || rows.iter().flat_map(|row| [&row.own, &row.total]).chain([&total]);
    let adjusted = holm(changes().filter_map(identity).collect());
    let correct = |change: &mut Change| {
        if let Some(found) =
            identity(change).and_then(|of| adjusted.binary_search_by(|(one, _)| order(one, &of)).ok())
        {
            change.p = Some(adjusted[found].1);
        }
    };
    for row in &mut rows {
        correct(&mut row.own);
        correct(&mut row.total);
    }
    correct(&mut total);
    (rows, total)
}

/// What makes tests the same one: a function that calls nothing has one value and not two, and so has a chain of
/// functions that do nothing but call the next.
type Identity = [f64; 3];

fn identity(change: &Change) -> Option<Identity> {
    change.p.map(|p| [p, change.base, change.new])
}

fn order(one: &Identity, other: &Identity) -> std::cmp::Ordering {
    let parts = one.iter().zip(other).map(|(one, other)| one.total_cmp(other));
    parts.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
}

/// Holm's correction: the chance that any of the tests that find nothing but noise gets such a p is at most that p.
fn holm(mut tests: Vec<Identity>) -> Vec<(Identity, f64)> {
    tests.sort_by(order);
    tests.dedup();
    let all = tests.len();
    let mut least: f64 = 0.0;
    let mut corrected = Vec::with_capacity(all);
    for (rank, test) in tests.into_iter().enumerate() {
        least = least.max((test[0] * count(all - rank)).min(1.0));
        corrected.push((test, least));
    }
    corrected
}

struct Judge {
    bases: usize,
    /// How much of the value one sample is, by side.
    quantum: [f64; 2],
    /// The mean of both sides' totals.
    whole: f64,
}

impl Judge {
    fn change(&self, of_runs: &[f64], least: f64) -> Change {
        let (base, new) = of_runs.split_at(self.bases);
        let means = [mean(base), mean(new)];
        let pooled = (means[0] + means[1]) / 2.0;
        // A value v of samples that are worth q each is v/q samples: its variance is q²·v/q.
        let counting = self.quantum.map(|quantum| quantum * pooled.max(0.0));
        let others = if of_runs.len() > 2 { (1.0 - pooled / self.whole).clamp(0.0, 1.0) } else { 1.0 };
        let sampled = self.quantum.iter().any(|&quantum| quantum > 0.0);
        let error = (counting[0] / count(base.len()) + counting[1] / count(new.len())).sqrt();
        let large = means.iter().any(|mean| mean.abs() >= least) && means != [0.0, 0.0];
        Change {
            base: means[0],
            new: means[1],
            error: sampled.then_some(error),
            p: if large { p_value(base, new, counting.map(|counting| counting * others)) } else { None },
        }
    }

    /// The means of both sides, if all runs count calls that have any.
    fn calls(&self, of_runs: &[Option<f64>]) -> Option<(f64, f64)> {
        let (base, new) = of_runs.split_at(self.bases);
        let side =
            |side: &[Option<f64>]| mean(&side.iter().map(|calls| calls.unwrap_or(0.0)).collect::<Vec<_>>());
        of_runs.iter().any(Option::is_some).then(|| (side(base), side(new)))
    }
}

/// How likely runs of the same thing differ as much, given the least variance that each side has. `None` where one run
/// a side and nothing else is known.
fn p_value(base: &[f64], new: &[f64], least: [f64; 2]) -> Option<f64> {
    let difference = mean(new) - mean(base);
    let known =
        [(base, least[0]), (new, least[1])].map(|(side, least)| variance(side).map(|known| known.max(least)));
    // What is not known of one side is taken from the other.
    let (variances, freedom) = match known {
        [Some(base), Some(new)] => ([base, new], None),
        [Some(one), None] => ([one, one.max(least[1])], Some(count(base.len() - 1))),
        [None, Some(one)] => ([one.max(least[0]), one], Some(count(new.len() - 1))),
        [None, None] if least == [0.0, 0.0] => return None,
        [None, None] => (least, Some(f64::INFINITY)),
    };
    if difference.abs() <= ROUNDING * mean(base).abs().max(mean(new).abs()) {
        return Some(1.0);
    }
    let parts = [variances[0] / count(base.len()), variances[1] / count(new.len())];
    let square = parts[0] + parts[1];
    if square <= 0.0 {
        return Some(0.0);
    }
    let t = difference / square.sqrt();
    let part = |part: f64, runs: usize| part * part / (count(runs) - 1.0);
    let freedom = freedom.unwrap_or_else(|| match (base.len(), new.len()) {
        // With as many runs on both sides t is that of Student, which unequal variances hardly disturb, and which finds more.
        (base, new) if base == new => count(base + new - 2),
        (base, new) => square * square / (part(parts[0], base) + part(parts[1], new)),
    });
    Some(two_sided(t, freedom))
}

/// The variance of one run, estimated from several.
fn variance(runs: &[f64]) -> Option<f64> {
    let mean = mean(runs);
    (runs.len() > 1)
        .then(|| runs.iter().map(|run| (run - mean).powi(2)).sum::<f64>() / (count(runs.len()) - 1.0))
}

/// The chance that Student's t with so many degrees of freedom (the normal distribution, if infinite) is at least
/// this far from 0.
fn two_sided(t: f64, freedom: f64) -> f64 {
    if freedom.is_infinite() {
        return erfc(t.abs() / std::f64::consts::SQRT_2);
    }
    checked_beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t)).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }

    /// Expected: Student's density integrated numerically.
    #[test]
    fn p_is_that_of_student_and_welch() {
        close(two_sided(2.5, 8.0), 0.036_941_8);
        close(two_sided(-1.96, f64::INFINITY), 0.049_995_8);
        let p = p_value(&[1.0, 2.0, 3.0, 4.0, 5.0], &[2.0, 4.0, 6.0, 8.0, 10.5], [0.0; 2]).unwrap();
        close(p, 0.0964422);
        let p = p_value(&[1.0, 2.0, 3.0, 4.0], &[2.0, 4.0, 6.0, 8.0, 10.5], [0.0; 2]).unwrap();
        close(p, 0.0730772);
    }

    #[test]
    fn the_counting_error_is_the_least_variance() {
        let (base, new) = ([100.0; 5], [104.0; 5]);
        close(p_value(&base, &new, [0.0; 2]).unwrap(), 0.0);
        assert!(p_value(&base, &new, [102.0; 2]).unwrap() > 0.5);
        close(p_value(&base, &base, [0.0; 2]).unwrap(), 1.0);
        assert_eq!(p_value(&[1.0], &[2.0], [0.0; 2]), None);
        // 400 samples against 460: ±29.
        let p = p_value(&[400.0], &[460.0], [430.0; 2]).unwrap();
        close(p, two_sided(60.0 / 860f64.sqrt(), f64::INFINITY));
    }

    #[test]
    fn what_is_tested_twice_counts_once() {
        let found = holm(vec![[0.02, 1.0, 2.0], [0.01, 1.0, 3.0], [0.01, 1.0, 3.0], [0.9, 5.0, 5.0]]);
        let p: Vec<f64> = found.iter().map(|(_, p)| *p).collect();
        assert_eq!(p, [0.03, 0.04, 0.9]);
    }
}
