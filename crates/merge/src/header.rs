//! What a merge says about itself: what its inputs say, each by a rule that does not care for their order.

use std::collections::BTreeSet;

use profkit_profile::views::estimate::COMMENT_PREFIX;
use profkit_profile::{BuildError, Dimension, Meta, ProfileBuilder, SampleType, StringId, Unit};

use crate::agreed::Agreed;
use crate::sample_rows::add;

/// What stands between several producers. A merge of merges takes them apart again.
const BETWEEN: &str = ", ";

/// How the comment begins that a merge of several periods has for each of them.
pub(crate) const PERIOD_COMMENT: &str = "profkit: some of the counts are of samples taken every";

/// A sampling period. Those of which the unit is known come first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Period {
    of_nothing: bool,
    name: Vec<u8>,
    unit: Vec<u8>,
    period: i64,
}

/// The sample type that an input shows first. Those of time come first, then those of bytes, then counts; of these the
/// least. A name that no column of the input has says nothing: a merge of some inputs may have such a column.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Shown {
    kind: u8,
    name: Vec<u8>,
}

impl Shown {
    fn of<'s>(meta: &Meta, types: &[SampleType], string: impl Fn(StringId) -> &'s [u8]) -> Option<Self> {
        let dimension = |of: &SampleType| Unit::parse(string(of.unit)).dimension;
        let said = meta.default_type.map(&string);
        // As `Profile::default_type` has it.
        let shown = said.and_then(|name| types.iter().find(|of| string(of.name) == name));
        let time = || types.iter().find(|of| dimension(of) == Dimension::Time);
        let shown = shown.or_else(time).or(types.last())?;
        let kind = match dimension(shown) {
            Dimension::Time => 0,
            Dimension::Bytes => 1,
            Dimension::Count => 2,
        };
        Some(Self { kind, name: string(shown.name).to_vec() })
    }
}

/// What the inputs so far say about themselves.
#[derive(Clone, Default, Debug)]
pub(crate) struct Header {
    format: Agreed<(&'static str, &'static str)>,
    title: Agreed<Option<Vec<u8>>>,
    producers: BTreeSet<String>,
    /// The earliest; 0 means unknown, as in pprof.
    start: Option<i64>,
    duration: Option<i128>,
    periods: BTreeSet<Period>,
    default_type: Option<Shown>,
    comments: BTreeSet<Vec<u8>>,
    /// Frames to drop, frames to keep: they belong together.
    filter: Option<(Vec<u8>, Vec<u8>)>,
    doc_url: Option<Vec<u8>>,
    estimated: bool,
}

impl Header {
    /// What one input says, whose strings are those of `string`. One without sample types has nothing in it.
    pub(crate) fn of<'s>(meta: &Meta, types: &[SampleType], string: impl Fn(StringId) -> &'s [u8]) -> Self {
        let bytes = |id: StringId| string(id).to_vec();
        let text = |id: Option<StringId>| id.map(bytes).filter(|text| !text.is_empty());
        let mut header = Self {
            producers: meta
                .producer
                .split(BETWEEN)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            start: meta.start_ns.filter(|&start| start != 0),
            duration: meta.duration_ns.map(i128::from),
            default_type: Shown::of(meta, types, &string),
            comments: meta.comments.iter().map(|&comment| bytes(comment)).collect(),
            doc_url: text(meta.doc_url),
            estimated: meta.estimated,
            ..Self::default()
        };
        let (drop, keep) = (text(meta.drop_frames), text(meta.keep_frames));
        if drop.is_some() || keep.is_some() {
            header.filter = Some((drop.unwrap_or_default(), keep.unwrap_or_default()));
        }
        if meta.period_type.is_some() || meta.period != 0 {
            let (name, unit) =
                meta.period_type.map(|(name, unit)| (bytes(name), bytes(unit))).unwrap_or_default();
            let of_nothing = meta.period_type.is_none();
            header.periods.insert(Period { of_nothing, name, unit, period: meta.period });
        }
        // A profile without anything in it changes nothing.
        if !types.is_empty() {
            header.format = Agreed::Same((meta.format, meta.dialect));
            header.title = Agreed::Same(text(meta.title));
        }
        header
    }

    pub(crate) fn comment(&mut self, comment: &[u8]) {
        self.comments.insert(comment.to_vec());
    }

    pub(crate) fn join(&mut self, other: Self) -> Result<(), BuildError> {
        self.format.join(other.format);
        self.title.join(other.title);
        self.producers.extend(other.producers);
        self.start = least(self.start, other.start);
        if let Some(duration) = other.duration {
            add(self.duration.get_or_insert(0), duration)?;
        }
        self.periods.extend(other.periods);
        self.default_type = least(self.default_type.take(), other.default_type);
        self.comments.extend(other.comments);
        self.filter = least(self.filter.take(), other.filter);
        self.doc_url = least(self.doc_url.take(), other.doc_url);
        self.estimated |= other.estimated;
        Ok(())
    }

    /// As a profile has it, with the strings of `builder`.
    pub(crate) fn finish(mut self, builder: &mut ProfileBuilder) -> Result<Meta, BuildError> {
        let mut meta = Meta::default();
        self.estimates();
        let unsaid = Shown::of(&meta, builder.sample_types(), |id| builder.bytes(id));
        // It is said only if the columns alone would not: whether some input said it would depend on the grouping, since a
        // merge of some inputs has to say what a merge of more of them need not.
        let default_type = self.default_type.take().filter(|shown| unsaid.as_ref() != Some(shown));
        self.period(&mut meta, builder)?;
        if let Some((format, dialect)) = self.format.same() {
            (meta.format, meta.dialect) = (format, dialect);
        }
        let mut text = |text: Option<Vec<u8>>| {
            text.filter(|text| !text.is_empty()).map(|text| builder.string(&text)).transpose()
        };
        meta.title = text(self.title.same().flatten())?;
        meta.default_type = text(default_type.map(|shown| shown.name))?;
        let (drop, keep) = self.filter.unzip();
        (meta.drop_frames, meta.keep_frames) = (text(drop)?, text(keep)?);
        meta.doc_url = text(self.doc_url)?;
        for comment in &self.comments {
            meta.comments.push(builder.string(comment)?);
        }
        meta.producer = self.producers.into_iter().collect::<Vec<_>>().join(BETWEEN);
        meta.start_ns = self.start;
        let duration = self.duration.map(i64::try_from).transpose();
        meta.duration_ns = duration.map_err(|_| BuildError::Overflow)?;
        meta.estimated = self.estimated;
        Ok(meta)
    }

    /// Figures of several estimates do not add up: that there are some is all that is left to say.
    fn estimates(&mut self) {
        let is_estimate = |comment: &Vec<u8>| comment.starts_with(COMMENT_PREFIX.as_bytes());
        if self.comments.iter().filter(|comment| is_estimate(comment)).count() > 1 {
            self.comments.retain(|comment| !is_estimate(comment));
            self.comments.insert(COMMENT_PREFIX.as_bytes().to_vec());
        }
    }

    /// The largest period, and if there are several, what the counts are made of. If not even their units agree, the
    /// least unit by name is taken.
    fn period(&mut self, meta: &mut Meta, builder: &mut ProfileBuilder) -> Result<(), BuildError> {
        let mut periods: Vec<&Period> = self.periods.iter().filter(|period| period.period != 0).collect();
        if periods.len() > 1 {
            for period in &periods {
                let comment = format!(
                    "{PERIOD_COMMENT} {} {} {}",
                    period.period,
                    String::from_utf8_lossy(&period.name),
                    String::from_utf8_lossy(&period.unit),
                );
                self.comments.insert(comment.trim_end().as_bytes().to_vec());
            }
        }
        if periods.is_empty() {
            periods.extend(&self.periods);
        }
        let Some(&first) = periods.first() else { return Ok(()) };
        let of_first = |period: &&&Period| {
            (period.of_nothing, &period.name, &period.unit) == (first.of_nothing, &first.name, &first.unit)
        };
        meta.period = periods.iter().take_while(of_first).last().map_or(0, |last| last.period);
        if !first.of_nothing {
            meta.period_type = Some((builder.string(&first.name)?, builder.string(&first.unit)?));
        }
        Ok(())
    }
}

/// The lesser of two, of what is known.
fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use profkit_profile::{Profile, Sample};

    use super::*;
    use crate::merge;

    /// One sample of each type; a name that is shown first, and comments.
    fn profile(types: &[(&str, &str)], shown: Option<&str>, comments: &[&str]) -> Profile {
        let mut builder = ProfileBuilder::new();
        for (name, unit) in types {
            builder.sample_type(name.as_bytes(), unit.as_bytes()).unwrap();
        }
        builder.meta.default_type = shown.map(|name| builder.string(name.as_bytes()).unwrap());
        for comment in comments {
            let comment = builder.string(comment.as_bytes()).unwrap();
            builder.meta.comments.push(comment);
        }
        builder.sample(Sample::of(None), &vec![1; types.len()]).unwrap();
        builder.finish().unwrap()
    }

    fn said(merged: &Profile) -> Option<String> {
        merged.meta().default_type.map(|name| merged.text(name).into_owned())
    }

    fn shown(merged: &Profile) -> Option<String> {
        let name = |index: usize| merged.text(merged.sample_types()[index].name).into_owned();
        merged.default_type().map(name)
    }

    #[test]
    fn time_is_shown_first_where_inputs_disagree() {
        let wall = profile(&[("wall", "microseconds")], None, &[]);
        let memory = profile(&[("allocated", "bytes"), ("memory", "bytes")], Some("memory"), &[]);
        let counts = profile(&[("samples", "count")], Some("samples"), &[]);
        for order in [[&wall, &memory, &counts], [&counts, &memory, &wall]] {
            assert_eq!(shown(&merge(order).unwrap()).as_deref(), Some("wall"));
        }
        assert_eq!(shown(&merge([&counts, &memory]).unwrap()).as_deref(), Some("memory"));
        let lost = profile(&[("samples", "count")], Some("gone"), &[]);
        assert_eq!(shown(&merge([&counts, &lost]).unwrap()).as_deref(), Some("samples"));
    }

    /// A name of no column may be that of one in the merge of some of the inputs.
    #[test]
    fn a_default_that_an_input_does_not_have_says_nothing() {
        let [one, two, three] = [("n", "x"), ("x", "z"), ("m", "a")]
            .map(|(name, shown)| profile(&[(name, "count")], Some(shown), &[]));
        let part = merge([&one, &two]).unwrap();
        let merged = merge([&one, &two, &three]).unwrap();
        assert_eq!(format!("{:?}", merge([&part, &three]).unwrap()), format!("{merged:?}"));
        assert_eq!(shown(&merged).as_deref(), Some("m"), "the least by name");
    }

    #[test]
    fn what_is_shown_first_is_said_only_where_it_must_be() {
        let go = profile(&[("samples", "count"), ("cpu", "nanoseconds")], None, &[]);
        assert_eq!(said(&merge([&go, &go]).unwrap()), None);
        // Alone, each shows its first column of time; together `a` would come first.
        let two = [
            profile(&[("wall", "nanoseconds"), ("a", "nanoseconds")], None, &[]),
            profile(&[("z", "nanoseconds")], None, &[]),
        ];
        assert_eq!(said(&merge(&two).unwrap()).as_deref(), Some("wall"));
    }

    #[test]
    fn figures_of_several_estimates_are_dropped() {
        let of = |figures: &str| format!("{COMMENT_PREFIX}; {figures}");
        let estimates = ["12 % of time", "90 % of time"]
            .map(|figures| profile(&[("time", "nanoseconds")], None, &["other", &of(figures)]));
        let comments = |merged: &Profile| -> Vec<String> {
            merged.meta().comments.iter().map(|&comment| merged.text(comment).into_owned()).collect()
        };
        assert_eq!(comments(&merge([&estimates[0]]).unwrap()), ["other".to_owned(), of("12 % of time")]);
        let merged = merge(&estimates).unwrap();
        assert_eq!(comments(&merged), ["other", COMMENT_PREFIX]);
        assert_eq!(comments(&merge([&merged, &estimates[1]]).unwrap()), ["other", COMMENT_PREFIX]);
    }
}
