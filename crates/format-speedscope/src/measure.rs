//! Which sample type the values of each profile are, and with how many decimals.
//!
//! The unit alone decides: `time` in nanoseconds, `memory` in bytes, `weight` in whatever else. Where a file of
//! profkit or austin2speedscope has several measures in one unit (`cpu` and `wall`), adding them up would make a sum
//! that means nothing; these profiles then have the names of their measures.

use std::collections::{HashMap, HashSet};

use profkit_profile::{AtOffset, Dimension, ProfileBuilder, ReadError, SampleType};

use crate::decimal::Decimal;
use crate::exporter::Exporter;
use crate::profile_name::ProfileName;
use crate::read;
use crate::schema::{Body, Event, File, Number, Profile};
use crate::source::Source;
use crate::unit::Unit;

/// Decimals that are kept where no smaller unit exists; the same precision as that of seconds.
const MOST_DECIMALS: u8 = 9;

/// How far the sum of a profile may reach into the 64 bits of a value with the decimals it is given.
const MOST_MAGNITUDE: f64 = 4e18;

/// How the numbers of a profile become values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    /// Of which sample type they are.
    pub(crate) sample_type: usize,
    /// How many decimals of the file's unit the model's unit has.
    pub(crate) decimals: u8,
}

/// Name and unit of a sample type.
type Key<'a> = (&'a [u8], &'a [u8]);

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
    let keys = keys(file, exporter);
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

/// Name and unit of every profile's sample type.
fn keys<'a>(file: &'a File<'_>, exporter: &Exporter) -> Vec<Key<'a>> {
    let names_tell = exporter.is_profkit || exporter.producer.starts_with("Austin2Speedscope");
    let mut keys: Vec<Key<'a>> = file.profiles.iter().map(key).collect();
    let measures: Vec<Option<&[u8]>> = file
        .profiles
        .iter()
        .map(|profile| ProfileName::parse(&profile.name.0).measure.filter(|_| names_tell))
        .collect();
    let mut first: HashMap<Key<'_>, &[u8]> = HashMap::new();
    let mut several: HashSet<Key<'_>> = HashSet::new();
    for (&key, measure) in keys.iter().zip(&measures) {
        if let Some(measure) = measure
            && first.entry(key).or_insert(measure) != measure
        {
            several.insert(key);
        }
    }
    for (key, measure) in keys.iter_mut().zip(measures) {
        if several.contains(key) {
            key.0 = measure.unwrap_or(key.0);
        }
    }
    keys
}

fn key<'a>(profile: &'a Profile<'_>) -> Key<'a> {
    match Unit::named(&profile.unit.0).map(Unit::dimension) {
        Some(Dimension::Time) => (b"time", b"nanoseconds"),
        Some(Dimension::Bytes) => (b"memory", b"bytes"),
        _ if profile.unit.0.is_empty() => (b"weight", b"none"),
        // A unit that the schema does not know is kept; the app shows plain numbers then.
        _ => (b"weight", &profile.unit.0),
    }
}

/// Looks through the numbers of a profile whose unit has no smaller one.
fn reach(source: &Source<'_>, profile: &Profile<'_>, reach: &mut Reach) -> Result<(), ReadError> {
    if key(profile).0 == b"time" {
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
            source.each(events.get(), |event: Event<'_>| {
                last = read::number(source, event.at.get())?;
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
