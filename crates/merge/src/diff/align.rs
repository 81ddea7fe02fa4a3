//! All runs of both sides in one profile, each value with its run as a label.
//!
//! A label is the one mark that merging keeps apart and that changes nothing else; it never leaves this module.

use profkit_profile::{
    BuildError, Dimension, FunctionCalls, Id, Label, LabelSetId, Profile, ProfileBuilder, Sample, SampleType,
    StringId, Unit,
};

use crate::diff::moved;
use crate::diff::normalize::Words;
use crate::merger::{MergeOptions, Merger};
use crate::paths::PathRules;

/// The label that numbers the runs.
const RUN: &[u8] = b"profkit.run";

/// What a run says about itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunInfo {
    /// Nanoseconds between two samples.
    pub(super) period_ns: Option<f64>,
    pub(super) duration_ns: Option<f64>,
}

/// The runs of both sides, those of the base first.
#[derive(Debug)]
pub(super) struct Runs {
    /// All values, each with its run.
    pub(super) profile: Profile,
    /// The same tables without values.
    pub(super) tables: Profile,
    /// Of each label set its run.
    run_of: Vec<Option<usize>>,
    pub(super) infos: Vec<RunInfo>,
    /// How many runs are of the base.
    pub(super) bases: usize,
    /// How many functions begin at another line in the base.
    pub(super) moved: usize,
}

impl Runs {
    pub(super) fn align(
        base: &[Profile],
        new: &[Profile],
        words: &Words,
        paths: &PathRules,
    ) -> Result<Self, BuildError> {
        let mut merger = Merger::new(MergeOptions { by: None, paths: paths.clone() });
        let mut infos = Vec::new();
        for (run, profile) in base.iter().chain(new).enumerate() {
            merger.absorb(&tagged(profile, run, words)?, None)?;
            infos.push(RunInfo::of(profile));
        }
        let profile = merger.finish()?;
        let run_of =
            |label: &Label| usize::try_from(label.number).ok().filter(|_| profile.bytes(label.key) == RUN);
        let run_of: Vec<_> = profile.labels().iter().map(|(_, set)| set.iter().find_map(run_of)).collect();
        let bases = base.len();
        let (profile, moved) =
            moved::follow(profile, |labels| run_of[labels.index()].is_some_and(|run| run < bases))?;
        Ok(Self { tables: profile.without_values(), run_of, infos, bases, moved, profile })
    }

    /// The run that a label set belongs to.
    pub(super) fn run_of(&self, labels: LabelSetId) -> Option<usize> {
        self.run_of[labels.index()]
    }

    /// How many runs the base has, and the new side.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.bases, self.infos.len() - self.bases)
    }

    /// The side that a run belongs to, 0 for the base, and how many runs that has.
    pub(super) fn side_of(&self, run: usize) -> (usize, usize) {
        let (bases, news) = self.counts();
        if run < bases { (0, bases) } else { (1, news) }
    }

    /// A label set without the mark of its run.
    pub(super) fn unmarked(&self, labels: LabelSetId) -> Vec<Label> {
        let set = self.profile.labels().get(labels).iter();
        set.filter(|label| self.profile.bytes(label.key) != RUN).copied().collect()
    }

    /// Gives a copy of [`tables`](Self::tables) what belongs to one run.
    pub(super) fn fill(&self, part: &mut Profile, run: usize) {
        part.take_values_of(&self.profile, |labels| self.run_of(labels) == Some(run));
    }

    /// The mean of a number of each run, for both sides.
    pub(super) fn means(&self, of_runs: &[f64]) -> [f64; 2] {
        let (base, new) = of_runs.split_at(self.bases.min(of_runs.len()));
        [mean(base), mean(new)]
    }
}

impl RunInfo {
    fn of(profile: &Profile) -> Self {
        let meta = profile.meta();
        let unit = meta.period_type.map(|(_, unit)| Unit::parse(profile.bytes(unit)));
        let unit = unit.filter(|unit| unit.dimension == Dimension::Time && meta.period > 0);
        Self {
            period_ns: unit.map(|unit| float(meta.period) * float(unit.factor)),
            duration_ns: meta.duration_ns.filter(|&duration| duration > 0).map(float),
        }
    }
}

/// The profile with the number of its run on each sample and each function's calls, and units as in all runs. Edges and
/// lines are left out: no self or total comes from them.
fn tagged(profile: &Profile, run: usize, words: &Words) -> Result<Profile, BuildError> {
    let mut builder = ProfileBuilder::of(profile.without_sample_types());
    for (column, &of) in profile.sample_types().iter().enumerate() {
        let unit = words.of(profile, column).map_or(Ok(of.unit), |word| builder.string(word))?;
        builder.push_sample_type(SampleType { unit, ..of });
    }
    let number = i64::try_from(run).map_err(|_| BuildError::Overflow)?;
    let tag = Label::number(builder.string(RUN)?, number, StringId::EMPTY);
    let mut tagged = Vec::with_capacity(profile.labels().len());
    for (_, set) in profile.labels().iter() {
        let kept = set.iter().filter(|label| label.key != tag.key).copied();
        tagged.push(builder.labels(&kept.chain([tag]).collect::<Vec<_>>())?);
    }
    let samples = profile.samples();
    for (row, sample) in samples.iter().enumerate() {
        let labels = tagged[sample.labels.index()];
        builder.sample(Sample { labels, ..sample }, &samples.row_values(row))?;
    }
    let functions = profile.calls().functions();
    for (row, &function) in functions.rows().iter().enumerate() {
        let (own, total) = functions.values(row);
        let labels = tagged[function.labels.index()];
        builder.function_calls(FunctionCalls { labels, ..function }, &own, &total)?;
    }
    builder.finish()
}

/// A number for statistics. Above 2⁵³ it loses its last digits.
#[expect(clippy::cast_precision_loss, reason = "means and ratios are rounded anyway")]
pub(super) fn float(value: i64) -> f64 {
    value as f64
}

/// A count for statistics.
#[expect(clippy::cast_precision_loss, reason = "counts of runs and rows are small")]
pub(super) fn count(value: usize) -> f64 {
    value as f64
}

/// 0 for no values.
pub(super) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / count(values.len()) }
}
