//! What a merge says about itself: what its inputs say, each by a rule that does not care for their order.

use std::collections::BTreeSet;

use profkit_profile::{BuildError, Meta, ProfileBuilder, StringId};

use crate::agreed::Agreed;
use crate::sample_rows::add;

/// What stands between several producers. A merge of merges takes them apart again.
const BETWEEN: &str = ", ";

/// A sampling period. Those of which the unit is known come first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Period {
    of_nothing: bool,
    name: Vec<u8>,
    unit: Vec<u8>,
    period: i64,
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
    default_type: Option<Vec<u8>>,
    comments: BTreeSet<Vec<u8>>,
    /// Frames to drop, frames to keep: they belong together.
    filter: Option<(Vec<u8>, Vec<u8>)>,
    doc_url: Option<Vec<u8>>,
    estimated: bool,
}

impl Header {
    /// What one input says, whose strings are those of `string`. One without sample types has nothing in it.
    pub(crate) fn of<'s>(meta: &Meta, string: impl Fn(StringId) -> &'s [u8], has_types: bool) -> Self {
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
            default_type: text(meta.default_type),
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
        if has_types {
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
        self.period(&mut meta, builder)?;
        if let Some((format, dialect)) = self.format.same() {
            (meta.format, meta.dialect) = (format, dialect);
        }
        let mut text = |text: Option<Vec<u8>>| {
            text.filter(|text| !text.is_empty()).map(|text| builder.string(&text)).transpose()
        };
        meta.title = text(self.title.same().flatten())?;
        meta.default_type = text(self.default_type)?;
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

    /// The largest period, and if there are several, what the counts are made of. If not even their units agree, the
    /// least unit by name is taken.
    fn period(&mut self, meta: &mut Meta, builder: &mut ProfileBuilder) -> Result<(), BuildError> {
        let mut periods: Vec<&Period> = self.periods.iter().filter(|period| period.period != 0).collect();
        if periods.len() > 1 {
            for period in &periods {
                let comment = format!(
                    "profkit: some of the counts are of samples taken every {} {} {}",
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
