//! Which sample type the values of each profile are, and with how many decimals.
//!
//! The unit alone decides: `time` in nanoseconds, `memory` in bytes, `weight` in whatever else. Where a file of
//! profkit or austin2speedscope has several measures in one unit (`cpu` and `wall`), adding them up would make a sum
//! that means nothing; these profiles then have the names of their measures.

use std::collections::{HashMap, HashSet};

use profkit_profile::{AtOffset, Dimension, ProfileBuilder, ReadError, SampleType};

use crate::decimal::Decimal;
use crate::event_scanner::each_event;
use crate::exporter::Exporter;
use crate::profile_name::ProfileName;
use crate::read;
use crate::schema::{Body, File, Number, Profile};
use crate::source::Source;
use crate::unit::Unit;

/// Decimals that are kept where no smaller unit exists; the same precision as that of seconds.
const MOST_DECIMALS: u8 = 9;

/// How far the sum of a profile may reach into the 64 bits of a value with the decimals it is given.
const MOST_MAGNITUDE: f64 = 4e18;

/// How many measures of one unit are kept apart. Each is a column of the sample table, so that a hostile file could
/// otherwise make as many columns as rows; a pprof of libdatadog has a dozen.
const MOST_MEASURES: usize = 100;

/// How the numbers of a profile become values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    /// Of which sample type they are.
    pub(crate) sample_type: usize,
    /// How many decimals of the file's unit the model's unit has.
    pub(crate) decimals: u8,
}

/// Name and unit of a sample type.
pub(crate) type Key<'a> = (&'a [u8], &'a [u8]);

/// How finely and how far the values of some profiles reach.
#[derive(Clone, Copy, Default)]
struct Reach {
    decimals: u32,
    magnitude: f64,
}

impl Reach {
    fn add(&mut self, number: Decimal) {
        self.decimals = self.decimals.max(number.decimals());
        self.magnitude += number.magnitude().abs();
    }

    /// The decimals that are kept.
    fn decimals(self) -> u8 {
        let mut kept = u8::try_from(self.decimals).unwrap_or(u8::MAX).min(MOST_DECIMALS);
        while kept > 0 && self.magnitude * 10f64.powi(kept.into()) > MOST_MAGNITUDE {
            kept -= 1;
        }
        kept
    }
}

/// The measure of every profile. All sample types exist after this.
pub(crate) fn measures(
    source: &Source<'_>,
    file: &File<'_>,
    exporter: &Exporter,
    builder: &mut ProfileBuilder,
) -> Result<Vec<Measure>, ReadError> {
    let names_tell = exporter.is_profkit || exporter.producer.starts_with("Austin2Speedscope");
    let profiles = file.profiles.iter().map(|profile| (profile.name.0.as_ref(), profile.unit.0.as_ref()));
    let keys = keys(profiles, names_tell);
    let mut reaches: HashMap<Key<'_>, Reach> = HashMap::new();
    for (profile, &key) in file.profiles.iter().zip(&keys) {
        reach(source, profile, reaches.entry(key).or_default())?;
    }
    let mut measures = Vec::with_capacity(keys.len());
    for (profile, key) in file.profiles.iter().zip(keys) {
        let kept = reaches.get(&key).map_or(0, |reach| reach.decimals());
        let at = source.offset(profile.body.text());
        let (name, unit) = (builder.string(key.0).at(at)?, builder.string(key.1).at(at)?);
        let sample_type = builder.add_sample_type(SampleType { name, unit, decimals: kept });
        let finer = Unit::named(&profile.unit.0).map_or(0, Unit::decimals);
        measures.push(Measure { sample_type, decimals: finer + kept });
    }
    Ok(measures)
}

/// Name and unit of the sample type of every profile, given its name and unit. `names_tell` is whether the file's
/// writer puts measures into names.
pub(crate) fn keys<'a>(
    profiles: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    names_tell: bool,
) -> Vec<Key<'a>> {
    let (mut keys, mut measures) = (Vec::new(), Vec::new());
    for (name, unit) in profiles {
        keys.push(key(unit));
        measures.push(ProfileName::parse(name).measure.filter(|_| names_tell));
    }
    let mut distinct: HashMap<Key<'_>, HashSet<&[u8]>> = HashMap::new();
    for (&key, measure) in keys.iter().zip(&measures) {
        distinct.entry(key).or_default().extend(measure);
    }
    for (key, measure) in keys.iter_mut().zip(measures) {
        if distinct.get(key).is_some_and(|measures| (2..=MOST_MEASURES).contains(&measures.len())) {
            key.0 = measure.unwrap_or(key.0);
        }
    }
    keys
}

/// What the unit alone says. One that the schema does not know is taken as none: the app shows plain numbers then.
fn key(unit: &[u8]) -> Key<'static> {
    match Unit::named(unit).map_or(Dimension::Count, Unit::dimension) {
        Dimension::Time => (b"time", b"nanoseconds"),
        Dimension::Bytes => (b"memory", b"bytes"),
        Dimension::Count => (b"weight", b"none"),
    }
}

/// Looks through the numbers of a profile whose unit has no smaller one.
fn reach(source: &Source<'_>, profile: &Profile<'_>, reach: &mut Reach) -> Result<(), ReadError> {
    if Unit::named(&profile.unit.0).is_some_and(|unit| unit.dimension() == Dimension::Time) {
        return Ok(());
    }
    for number in [profile.start, profile.end].into_iter().flatten() {
        reach.add(read::number(source, number.get())?);
    }
    match profile.body {
        Body::Sampled { weights, .. } if has_fractions(weights.get()) => {
            source.each(weights.get(), |weight: Number<'_>| {
                reach.add(read::number(source, weight.get())?);
                Ok(())
            })
        }
        Body::Evented { events } if has_fractions(events.get()) => {
            let mut last = Decimal::ZERO;
            each_event(source, events.get(), |event| {
                last = read::number(source, event.at)?;
                reach.decimals = reach.decimals.max(last.decimals());
                Ok(())
            })?;
            reach.add(last);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether a number in a text may have a fraction: a digit before a point or an exponent.
fn has_fractions(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| pair[0].is_ascii_digit() && matches!(pair[1], b'.' | b'e' | b'E'))
}
