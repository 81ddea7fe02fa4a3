//! Which values are compared, and what makes those of different runs comparable: one factor a run.

use std::collections::{HashMap, HashSet};

use profkit_profile::{Dimension, Profile, SampleType};

use crate::diff::DiffError;
use crate::diff::align::{Runs, float, mean};

/// What makes the values of runs comparable. All but the first run of the base are scaled; relative changes are the same as
/// if each was divided by its own duration or total.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Normalize {
    /// Values as they were measured: for the same work done twice, as in benchmarks and tests. A slower function shows in
    /// itself and its callers and nowhere else.
    #[default]
    None,
    /// The same, but counts of samples as if each run had been sampled at the rate of the first one.
    Rate,
    /// As if each run had taken as long as the base: for services that are watched for different times.
    Duration,
    /// As if each run had the total of the base: compares shares. What grows makes all others shrink.
    Total,
}

impl Normalize {
    /// Its name on the command line and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Rate => "rate",
            Self::Duration => "duration",
            Self::Total => "total",
        }
    }
}

/// What makes columns of different files the same, as in a merge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Kind {
    name: Vec<u8>,
    dimension: Dimension,
    /// The unit of a count.
    counted: Vec<u8>,
    /// pprof files may have a sample type twice.
    occurrence: usize,
}

impl Kind {
    fn of_all(profile: &Profile, words: &Words) -> Vec<Self> {
        let mut kinds: Vec<Self> = Vec::new();
        for (column, sample_type) in profile.sample_types().iter().enumerate() {
            let counted = match profile.unit(column).dimension {
                Dimension::Count => words.of(profile, column).unwrap_or(profile.bytes(sample_type.unit)),
                Dimension::Time | Dimension::Bytes => b"",
            };
            let mut kind = Self {
                name: profile.bytes(sample_type.name).to_vec(),
                dimension: profile.unit(column).dimension,
                counted: counted.to_vec(),
                occurrence: 0,
            };
            let alike = |other: &&Self| Self { occurrence: 0, ..(*other).clone() } == kind;
            kind.occurrence = kinds.iter().filter(alike).count();
            kinds.push(kind);
        }
        kinds
    }
}

/// By the name of a count one unit for all runs. What one counts is called `count` by one tool and `objects` by another;
/// only where a run has several counts of a name do their units tell them apart, and these have none here.
#[derive(Clone, Debug, Default)]
pub(super) struct Words(HashMap<Vec<u8>, Option<Vec<u8>>>);

impl Words {
    pub(super) fn of_runs<'p>(runs: impl Iterator<Item = &'p Profile>) -> Self {
        let mut words = HashMap::new();
        for run in runs {
            let mut seen = HashSet::new();
            for (column, of) in run.sample_types().iter().enumerate() {
                if run.unit(column).dimension != Dimension::Count {
                    continue;
                }
                let word = words.entry(run.bytes(of.name).to_vec());
                let word = word.or_insert_with(|| Some(run.bytes(of.unit).to_vec()));
                if !seen.insert(of.name) {
                    *word = None;
                }
            }
        }
        Self(words)
    }

    /// The unit to give to a column instead of its own.
    pub(super) fn of(&self, profile: &Profile, column: usize) -> Option<&[u8]> {
        let is_count = profile.unit(column).dimension == Dimension::Count;
        let name = profile.bytes(profile.sample_types()[column].name);
        self.0.get(name).filter(|_| is_count)?.as_deref()
    }

    /// What to call a column: with its unit where others differ in nothing else.
    fn name(&self, kind: &Kind) -> String {
        let name = String::from_utf8_lossy(&kind.name);
        match self.0.get(&kind.name) {
            Some(None) if kind.dimension == Dimension::Count => {
                format!("{name}/{}", String::from_utf8_lossy(&kind.counted))
            }
            _ => name.into_owned(),
        }
    }
}

/// The column that is compared, in the merged tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub(super) column: usize,
}

impl Value {
    pub(super) fn find(tables: &Profile, kind: &Kind) -> Option<Self> {
        let kinds = Kind::of_all(tables, &Words::default());
        kinds.iter().position(|other| other == kind).map(|column| Self { column })
    }
}

/// The sample types that all of some runs have. Runs without any, which have no values either, do not count.
fn common(runs: &[Profile], words: &Words) -> Vec<Kind> {
    let runs = runs.iter().filter(|run| !run.sample_types().is_empty());
    let mut kinds = runs.map(|run| Kind::of_all(run, words));
    let Some(mut common) = kinds.next() else { return Vec::new() };
    kinds.for_each(|kinds| common.retain(|kind| kinds.contains(kind)));
    common
}

/// The sample type of this name that is on both sides, or the one to compare when nobody says.
pub(super) fn choose(
    base: &[Profile],
    new: &[Profile],
    words: &Words,
    name: Option<&str>,
) -> Result<Kind, DiffError> {
    let (of_base, of_new) = (common(base, words), common(new, words));
    let both: Vec<&Kind> = of_base.iter().filter(|kind| of_new.contains(kind)).collect();
    let default =
        base.iter().find_map(|run| run.default_type().map(|column| Kind::of_all(run, words).remove(column)));
    let chosen = match name {
        Some(name) => both.iter().find(|kind| kind.name == name.as_bytes()),
        None => both
            .iter()
            .find(|&&kind| Some(kind) == default.as_ref() && kind.dimension != Dimension::Count)
            .or_else(|| both.iter().find(|kind| kind.dimension == Dimension::Time))
            .or_else(|| both.iter().find(|&&kind| Some(kind) == default.as_ref()))
            .or(both.last()),
    };
    let names = |kinds: &[Kind]| {
        let names: Vec<_> = kinds.iter().map(|kind| words.name(kind)).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    chosen.map(|&kind| kind.clone()).ok_or_else(|| {
        let (base, new) = (names(&of_base), names(&of_new));
        match name {
            Some(wanted) => DiffError::NoSuchValue { wanted: wanted.to_owned(), base, new },
            None => DiffError::NoCommonValue { base, new },
        }
    })
}

/// By what values are multiplied.
#[derive(Clone, Debug)]
pub(super) struct Factors {
    /// Of the compared column, by run.
    pub(super) of_value: Vec<f64>,
    /// Of all columns: by run, then column.
    pub(super) of_columns: Vec<Vec<f64>>,
    /// The grand total of the compared column in each run, as measured.
    pub(super) measured: Vec<f64>,
    /// How much of the compared value one sample is, after scaling, on each side; 0 where it was not sampled.
    pub(super) quantum: [f64; 2],
    /// What was done to counts of samples of unequal periods.
    pub(super) rates: Option<String>,
}

pub(super) fn factors(
    runs: &Runs,
    value: Value,
    wanted: Option<Normalize>,
    notes: &mut Vec<String>,
) -> (Normalize, Factors) {
    let sums = sums(runs);
    let counts_samples = is_sample_count(&runs.tables, value.column);
    let rates_known = runs.infos.iter().all(|info| info.period_ns.is_some());
    let rates_differ = rates_known && runs.infos.iter().any(|info| info.period_ns != runs.infos[0].period_ns);
    let durations_known = runs.infos.iter().all(|info| info.duration_ns.is_some());
    let normalize = match wanted {
        None | Some(Normalize::Duration) if counts_samples && !rates_known && !durations_known => {
            notes.push(
                "counts of samples whose rate is not known: each side's share of its own total is compared \
                 (--normalize none compares the counts)"
                    .to_owned(),
            );
            Normalize::Total
        }
        Some(Normalize::Duration) if !durations_known => {
            notes.push("the duration of a profile is not known: values are compared as measured".to_owned());
            Normalize::None
        }
        None if counts_samples && !rates_known => {
            notes.push(
                "counts of samples whose rate is not known: each side's share of its own total is compared \
                 (--normalize none compares the counts, duration counts per time)"
                    .to_owned(),
            );
            Normalize::Total
        }
        Some(Normalize::Rate) if counts_samples && !rates_known => {
            notes.push(
                "the rate of a profile is not known: counts of samples are compared as they are".to_owned(),
            );
            Normalize::None
        }
        None if counts_samples && rates_differ => Normalize::Rate,
        None => Normalize::None,
        Some(wanted) => wanted,
    };
    // To the period of the first run, where that is asked for.
    let to_rate = |run: usize| match (normalize, runs.infos[run].period_ns, runs.infos[0].period_ns) {
        (Normalize::Rate | Normalize::Duration, Some(period), Some(first)) if rates_differ => period / first,
        _ => 1.0,
    };
    let rates = scaled_rates(&(0..runs.infos.len()).map(to_rate).collect::<Vec<_>>());
    if let Some(rates) = rates.as_ref().filter(|_| counts_samples) {
        notes.push(format!("{rates} (--normalize none compares them as they are)"));
    }
    let columns = runs.tables.sample_types().len();
    let of_column = |column: usize| -> Vec<f64> {
        let totals: Vec<f64> = sums.iter().map(|run| run[column]).collect();
        let counts_samples = is_sample_count(&runs.tables, column);
        let rates = (0..runs.infos.len()).map(|run| if counts_samples { to_rate(run) } else { 1.0 });
        let [total, _] = runs.means(&totals);
        let durations: Vec<f64> = runs.infos.iter().map(|info| info.duration_ns.unwrap_or(0.0)).collect();
        let [duration, _] = runs.means(&durations);
        let factor = |run: usize, rate: f64| match normalize {
            Normalize::None | Normalize::Rate => rate,
            Normalize::Duration => rate * ratio(duration, durations[run]),
            Normalize::Total => ratio(total, totals[run]),
        };
        rates.enumerate().map(|(run, rate)| factor(run, rate)).collect()
    };
    let by_column: Vec<Vec<f64>> = (0..columns).map(of_column).collect();
    let of_value = by_column[value.column].clone();
    let of_columns = (0..runs.infos.len()).map(|run| by_column.iter().map(|column| column[run]).collect());
    let quanta: Vec<f64> =
        (0..runs.infos.len()).map(|run| quantum(runs, value, run, &sums) * of_value[run]).collect();
    let factors = Factors {
        quantum: side_quanta(&quanta, runs.bases),
        measured: sums.iter().map(|run| run[value.column]).collect(),
        of_columns: of_columns.collect(),
        of_value,
        rates,
    };
    (normalize, factors)
}

/// By what counts of samples are multiplied, for people; nothing where they stay what they are.
#[expect(clippy::float_cmp, reason = "exactly one means that nothing is scaled")]
fn scaled_rates(factors: &[f64]) -> Option<String> {
    // Four digits are enough to see what was done.
    let mut scaled: Vec<String> =
        factors.iter().filter(|&&by| by != 1.0).map(|by| format!("{by:.3e}")).collect();
    scaled.sort_unstable();
    scaled.dedup();
    let factors: Vec<String> =
        scaled.iter().filter_map(|by| by.parse::<f64>().ok()).map(|by| format!("× {by}")).collect();
    let factors = factors.join(", ");
    (!factors.is_empty())
        .then(|| format!("counts of samples are scaled to the period of the first profile, {factors}"))
}

/// 1 where there is nothing to scale.
fn ratio(wanted: f64, is: f64) -> f64 {
    if wanted > 0.0 && is > 0.0 { wanted / is } else { 1.0 }
}

/// Whether a column counts samples. The name is the one that py-spy, Go, pprof and profkit itself give such columns.
fn is_sample_count(tables: &Profile, column: usize) -> bool {
    let is_named = tables.bytes(tables.sample_types()[column].name) == b"samples";
    is_named && tables.unit(column).dimension == Dimension::Count
}

/// The grand totals: by run, then column.
fn sums(runs: &Runs) -> Vec<Vec<f64>> {
    let columns = runs.tables.sample_types().len();
    let mut sums = vec![vec![0i128; columns]; runs.infos.len()];
    let samples = runs.profile.samples();
    let functions = runs.profile.calls().functions();
    let of_samples = samples.iter().enumerate().map(|(row, sample)| (sample.labels, samples.row_values(row)));
    let functions =
        functions.rows().iter().enumerate().map(|(row, calls)| (calls.labels, functions.values(row).0));
    for (labels, values) in of_samples.chain(functions) {
        let Some(run) = runs.run_of(labels) else { continue };
        sums[run].iter_mut().zip(values).for_each(|(sum, value)| *sum += i128::from(value));
    }
    #[expect(clippy::cast_precision_loss, reason = "totals are used in ratios")]
    let float = |sum: i128| sum as f64;
    sums.into_iter().map(|run| run.into_iter().map(float).collect()).collect()
}

/// How much of the value one sample of a run is, as measured; 0 where it was not sampled or had no sample.
fn quantum(runs: &Runs, value: Value, run: usize, sums: &[Vec<f64>]) -> f64 {
    let tables = &runs.tables;
    let SampleType { decimals, .. } = tables.sample_types()[value.column];
    let unit = tables.unit(value.column);
    if is_sample_count(tables, value.column) {
        return 10f64.powi(decimals.into());
    }
    if unit.dimension != Dimension::Time {
        return 0.0;
    }
    let counts = (0..tables.sample_types().len()).find(|&column| is_sample_count(tables, column));
    if let Some(samples) = counts.map(|column| sums[run][column]).filter(|&samples| samples > 0.0) {
        return sums[run][value.column] / samples;
    }
    runs.infos[run].period_ns.map_or(0.0, |period| period / float(unit.factor) * 10f64.powi(decimals.into()))
}

/// The mean of each side, of its runs that were sampled.
fn side_quanta(of_runs: &[f64], bases: usize) -> [f64; 2] {
    let (base, new) = of_runs.split_at(bases);
    [base, new].map(|side| {
        let sampled: Vec<f64> = side.iter().copied().filter(|&quantum| quantum > 0.0).collect();
        mean(&sampled)
    })
}
