//! Both sides as one profile.

use profkit_profile::{BuildError, Id, Label, LabelSetId, Profile, ProfileBuilder, Sample, SampleType};

use crate::diff::align::{Runs, count, float};
use crate::diff::normalize::Factors;

/// The label that makes `go tool pprof` take a sample for one of the base: `pprof::base` is `true`
/// (google/pprof `profile/profile.go`, `DiffBaseSample`).
const BASE: (&[u8], &[u8]) = (b"pprof::base", b"true");

/// What the samples of a run are multiplied by beside its factors, so that both sides count as many runs.
fn weight(runs: &Runs, run: usize) -> f64 {
    let (base, new) = (count(runs.bases), count(runs.infos.len() - runs.bases));
    base.max(new) / if run < runs.bases { base } else { new }
}

pub(super) fn difference(runs: &Runs, factors: &Factors) -> Result<Profile, BuildError> {
    let mut builder = ProfileBuilder::of(runs.tables.clone());
    let base = Label::text(builder.string(BASE.0)?, builder.string(BASE.1)?);
    let sets = label_sets(runs, &mut builder, Some(base))?;
    let columns = runs.tables.sample_types().len();
    let samples = runs.profile.samples();
    let mut values = vec![0; columns];
    for (row, sample) in samples.iter().enumerate() {
        let Some(run) = runs.run_of(sample.labels) else { continue };
        let by = weight(runs, run) * if run < runs.bases { -1.0 } else { 1.0 };
        for (column, value) in values.iter_mut().enumerate() {
            // Each is rounded alone, as `go tool pprof -normalize` does.
            *value = scaled(samples.values(column)[row], by * factors.of_columns[run][column], &mut 0.0)?;
        }
        builder.accumulate(Sample { labels: sets[sample.labels.index()], ..sample }, &values)?;
    }
    crate::merge([&builder.finish()?])
}

pub(super) fn before_after(runs: &Runs, column: usize, factors: &Factors) -> Result<Profile, BuildError> {
    let of = runs.tables.sample_types()[column];
    let mut builder = ProfileBuilder::of(runs.tables.without_sample_types());
    for name in [&b"before"[..], b"after"] {
        let name = builder.string(name)?;
        builder.push_sample_type(SampleType { name, ..of });
    }
    builder.meta.default_type = None;
    let sets = label_sets(runs, &mut builder, None)?;
    let samples = runs.profile.samples();
    let mut rests = [0.0; 2];
    for (row, sample) in samples.iter().enumerate() {
        let Some(run) = runs.run_of(sample.labels) else { continue };
        let side = usize::from(run >= runs.bases);
        let mut values = [0; 2];
        let by = weight(runs, run) * factors.of_value[run];
        values[side] = scaled(samples.values(column)[row], by, &mut rests[side])?;
        builder.accumulate(Sample { labels: sets[sample.labels.index()], ..sample }, &values)?;
    }
    crate::merge([&builder.finish()?])
}

/// For each label set that without the mark of its run, and on the base's with another label.
fn label_sets(
    runs: &Runs,
    builder: &mut ProfileBuilder,
    base: Option<Label>,
) -> Result<Vec<LabelSetId>, BuildError> {
    let mut sets = Vec::with_capacity(runs.tables.labels().len());
    for (id, _) in runs.tables.labels().iter() {
        let mut set = runs.unmarked(id);
        set.extend(base.filter(|_| runs.run_of(id).is_some_and(|run| run < runs.bases)));
        sets.push(builder.labels(&set)?);
    }
    Ok(sets)
}

/// A value, exact where nothing is scaled, else rounded. `rest` is what rounding took from the values before it, or gave:
/// with one for many values their sum stays what it is, however small they are. Nothing stays nothing, whatever is left
/// of others.
fn scaled(value: i64, by: f64, rest: &mut f64) -> Result<i64, BuildError> {
    #[expect(clippy::float_cmp, reason = "exactly one means that nothing is scaled")]
    if value == 0 || by.abs() == 1.0 {
        return if by < 0.0 { value.checked_neg() } else { Some(value) }.ok_or(BuildError::Overflow);
    }
    let wanted = float(value) * by + *rest;
    let rounded = wanted.round();
    *rest = wanted - rounded;
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    if rounded.abs() < 9.2e18 { Ok(rounded as i64) } else { Err(BuildError::Overflow) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_keeps_the_sum() {
        for (value, by, rows, sum) in
            [(1, 100.0 / 210.0, 210, 100), (1, 0.5, 7, 4), (3, -1.1, 100, -330), (7, -1.0, 3, -21)]
        {
            let mut rest = 0.0;
            let values: Vec<i64> = (0..rows).map(|_| scaled(value, by, &mut rest).unwrap()).collect();
            assert_eq!(values.iter().sum::<i64>(), sum, "{value} by {by}");
            assert!(values.iter().all(|&value| value == 0 || (value < 0) == (by < 0.0)), "{values:?}");
        }
        let mut rest = 0.0;
        assert_eq!([1, 0, 0, 1].map(|value| scaled(value, 0.5, &mut rest).unwrap()), [1, 0, 0, 0]);
        assert!(scaled(i64::MAX, 2.0, &mut 0.0).is_err());
    }
}
