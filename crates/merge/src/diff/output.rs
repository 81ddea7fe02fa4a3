//! Both sides as one profile.

use profkit_profile::{BuildError, Id, Label, LabelSetId, Profile, ProfileBuilder, Sample, SampleType};

use crate::diff::align::{Runs, count, float};
use crate::diff::normalize::Factors;
use crate::header::PERIOD_COMMENT;

/// The label that makes `go tool pprof` take a sample for one of the base: `pprof::base` is `true`
/// (google/pprof `profile/profile.go`, `DiffBaseSample`).
const BASE: (&[u8], &[u8]) = (b"pprof::base", b"true");

pub(super) fn difference(runs: &Runs, factors: &Factors) -> Result<Profile, BuildError> {
    let mut builder = ProfileBuilder::of(runs.tables.clone());
    describe(runs, factors, &mut builder)?;
    let base = Label::text(builder.string(BASE.0)?, builder.string(BASE.1)?);
    let sets = label_sets(runs, &mut builder, Some(base))?;
    let columns = runs.tables.sample_types().len();
    let samples = runs.profile.samples();
    let mut values = vec![0; columns];
    let mut rests = [vec![0.0; columns], vec![0.0; columns]];
    for (row, sample) in samples.iter().enumerate() {
        let Some(run) = runs.run_of(sample.labels) else { continue };
        let (side, of_side) = runs.side_of(run);
        for (column, value) in values.iter_mut().enumerate() {
            // Those of a single run are rounded alone, as `go tool pprof -normalize` does.
            let rest = if of_side > 1 { &mut rests[side][column] } else { &mut 0.0 };
            let by = factors.of_columns[run][column] / count(of_side) * if side == 0 { -1.0 } else { 1.0 };
            *value = scaled(samples.values(column)[row], by, rest)?;
        }
        builder.accumulate(Sample { labels: sets[sample.labels.index()], ..sample }, &values)?;
    }
    crate::merge([&builder.finish()?])
}

pub(super) fn before_after(runs: &Runs, column: usize, factors: &Factors) -> Result<Profile, BuildError> {
    let of = runs.tables.sample_types()[column];
    let mut builder = ProfileBuilder::of(runs.tables.without_sample_types());
    describe(runs, factors, &mut builder)?;
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
        let (side, of_side) = runs.side_of(run);
        let mut values = [0; 2];
        let by = factors.of_value[run] / count(of_side);
        values[side] = scaled(samples.values(column)[row], by, &mut rests[side])?;
        builder.accumulate(Sample { labels: sets[sample.labels.index()], ..sample }, &values)?;
    }
    crate::merge([&builder.finish()?])
}

/// Says what was done to the values, and at which period counts of samples are.
fn describe(runs: &Runs, factors: &Factors, builder: &mut ProfileBuilder) -> Result<(), BuildError> {
    let (bases, news) = runs.counts();
    if bases.max(news) > 1 {
        let comment = format!("profkit: means of {bases} and {news} runs, rounded so that their sums stay");
        let comment = builder.string(comment.as_bytes())?;
        builder.meta.comments.push(comment);
    }
    let Some(rates) = &factors.rates else { return Ok(()) };
    let mut comments = std::mem::take(&mut builder.meta.comments);
    comments.retain(|&comment| !builder.bytes(comment).starts_with(PERIOD_COMMENT.as_bytes()));
    comments.push(builder.string(format!("profkit: {rates}").as_bytes())?);
    builder.meta.comments = comments;
    if let (Some(period), Some((name, _))) = (runs.infos[0].period_ns, builder.meta.period_type) {
        builder.meta.period = scaled(1, period, &mut 0.0)?;
        builder.meta.period_type = Some((name, builder.string(b"nanoseconds")?));
    }
    Ok(())
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
