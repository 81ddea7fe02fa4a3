//! Which profiles a file gets: one for each track as it was, then one for each origin and sample type of the samples
//! that belong to no track.

use std::collections::HashMap;
use std::ops::Range;

use profkit_profile::{Dimension, Origin, OriginId, Profile, Track, TrackKind, WriteError};

use crate::profile_name;
use crate::unit::Unit;

/// One profile of the file.
pub(crate) struct Lane<'p> {
    pub(crate) name: Vec<u8>,
    /// The track it shows had another name, which did not tell its origin.
    pub(crate) renamed: bool,
    /// The track it shows had another unit, which the format does not know.
    pub(crate) converted: bool,
    pub(crate) sample_type: usize,
    pub(crate) unit: Unit,
    /// A value of the sample type is `factor` times ten to the power of -`decimals` of the unit.
    factor: i128,
    pub(crate) decimals: usize,
    pub(crate) start: i128,
    pub(crate) end: i128,
    /// Whether it has order of time.
    pub(crate) is_ordered: bool,
    pub(crate) rows: Rows<'p>,
}

/// What a profile consists of.
pub(crate) enum Rows<'p> {
    /// The calls of a track.
    Intervals(&'p Track),
    /// Samples of a track.
    Range(Range<usize>),
    /// Samples of no track.
    List(Vec<usize>),
}

impl Rows<'_> {
    /// The rows of the sample table.
    pub(crate) fn samples(&self) -> impl Iterator<Item = usize> {
        let (range, list) = match self {
            Self::Intervals(_) => (0..0, &[][..]),
            Self::Range(range) => (range.clone(), &[][..]),
            Self::List(list) => (0..0, list.as_slice()),
        };
        range.chain(list.iter().copied())
    }
}

impl<'p> Lane<'p> {
    /// A profile with nothing in it yet, in `unit` if that is of the right kind.
    fn new(profile: &Profile, sample_type: usize, unit: Option<Unit>) -> Self {
        let from = profile.unit(sample_type);
        let unit = unit.filter(|unit| unit.dimension() == from.dimension).unwrap_or(Unit::for_writing(from));
        let own = usize::from(profile.sample_types()[sample_type].decimals);
        Self {
            sample_type,
            unit,
            factor: if from.dimension == Dimension::Count { 1 } else { from.factor.into() },
            decimals: own + usize::from(unit.decimals()),
            ..Self::nothing()
        }
    }

    fn nothing() -> Self {
        Self {
            name: Vec::new(),
            renamed: false,
            converted: false,
            sample_type: 0,
            unit: Unit::Nothing,
            factor: 1,
            decimals: 0,
            start: 0,
            end: 0,
            is_ordered: false,
            rows: Rows::Range(0..0),
        }
    }

    /// `of_thread`: a name of no form is read back as a thread's.
    fn of_track(profile: &'p Profile, track: &'p Track, of_thread: bool) -> Self {
        let unit = profile.bytes(track.unit);
        let mut lane = Self::new(profile, track.sample_type, Unit::named(unit));
        lane.converted = lane.unit.name().as_bytes() != unit;
        let origin = profile.origins()[track.origin];
        let name = profile.bytes(track.name);
        if origin == Origin::UNKNOWN || profile_name::tells(name, of_thread, profile, &origin) {
            lane.name = name.to_vec();
        } else {
            lane.name = profile_name::describe(profile, &origin, None);
            lane.renamed = !name.is_empty();
        }
        lane.start = lane.value(track.start);
        lane.end = lane.value(track.end);
        lane.is_ordered = track.kind != TrackKind::Sums;
        lane.rows = match track.kind {
            TrackKind::Intervals => Rows::Intervals(track),
            TrackKind::Samples | TrackKind::Sums => Rows::Range(track.rows.clone()),
        };
        lane
    }

    /// A value as the file has it, with `decimals`.
    pub(crate) fn value(&self, value: i64) -> i128 {
        // At most 2^63 hours in nanoseconds: 107 bits.
        i128::from(value) * self.factor
    }
}

/// Every profile of the file; at least one, since speedscope does not open a file without.
pub(crate) fn lanes(profile: &Profile) -> Result<Vec<Lane<'_>>, WriteError> {
    let tracks = profile.tracks().tracks();
    let names = tracks.iter().map(|track| (track.sample_type, profile.bytes(track.name)));
    let with_threads = profile_name::with_threads(names);
    let lane = |track| Lane::of_track(profile, track, with_threads.contains(&track.sample_type));
    let mut lanes: Vec<Lane<'_>> = tracks.iter().map(lane).collect();
    loose(profile, &mut lanes)?;
    if lanes.is_empty() {
        let types = profile.sample_types().len();
        lanes.extend((0..types).map(|sample_type| {
            let name = name(profile, &Origin::UNKNOWN, (types > 1).then_some(sample_type));
            Lane { name, ..Lane::new(profile, sample_type, None) }
        }));
    }
    if lanes.is_empty() {
        lanes.push(Lane::nothing());
    }
    lanes.iter().try_for_each(|lane| check_signs(profile, lane).and_then(|()| check_sum(profile, lane)))?;
    Ok(lanes)
}

/// The profiles of the samples that belong to no track.
fn loose(profile: &Profile, lanes: &mut Vec<Lane<'_>>) -> Result<(), WriteError> {
    let samples = profile.samples();
    let default = profile.default_type();
    let mut found = Vec::new();
    for (origin, rows) in loose_rows(profile) {
        for sample_type in 0..profile.sample_types().len() {
            let values = samples.values(sample_type);
            // A sample without any value is kept once, for its stack.
            let wanted =
                |row: &usize| values[*row] != 0 || (default == Some(sample_type) && samples.is_zero(*row));
            let rows: Vec<usize> = rows.iter().copied().filter(wanted).collect();
            if !rows.is_empty() {
                found.push((origin, sample_type, rows));
            }
        }
    }
    let several = found.iter().any(|(_, sample_type, _)| *sample_type != found[0].1);
    for (origin, sample_type, rows) in found {
        let mut lane = Lane::new(profile, sample_type, None);
        lane.name = name(profile, &profile.origins()[origin], several.then_some(sample_type));
        let sum: i128 = rows.iter().map(|&row| i128::from(samples.values(sample_type)[row])).sum();
        let end = sum.checked_mul(lane.factor);
        lane.end = end.ok_or_else(|| WriteError::Unsupported("the sum of its values is too large".into()))?;
        lane.rows = Rows::List(rows);
        lanes.push(lane);
    }
    Ok(())
}

/// The samples that belong to no track by origin, in order of first appearance.
fn loose_rows(profile: &Profile) -> Vec<(OriginId, Vec<usize>)> {
    let samples = profile.samples();
    let mut places: HashMap<OriginId, usize> = HashMap::new();
    let mut found: Vec<(OriginId, Vec<usize>)> = Vec::new();
    let mut start = 0;
    let tracked = profile.tracks().tracks().iter().map(|track| track.samples.clone());
    for tracked in tracked.chain(std::iter::once(samples.len()..samples.len())) {
        for row in start..tracked.start {
            let origin = samples.get(row).origin;
            let place = *places.entry(origin).or_insert_with(|| {
                found.push((origin, Vec::new()));
                found.len() - 1
            });
            found[place].1.push(row);
        }
        start = tracked.end;
    }
    found
}

fn name(profile: &Profile, origin: &Origin, measure: Option<usize>) -> Vec<u8> {
    let measure = measure.map(|sample_type| profile.bytes(profile.sample_types()[sample_type].name));
    profile_name::describe(profile, origin, measure)
}

/// Whether the times of a profile are read back, which are 64 bits.
fn check_sum(profile: &Profile, lane: &Lane<'_>) -> Result<(), WriteError> {
    let Some(sample_type) = profile.sample_types().get(lane.sample_type) else { return Ok(()) };
    let values = profile.samples().values(lane.sample_type);
    let sum = lane.rows.samples().fold(0, |sum: i128, row| sum.saturating_add(lane.value(values[row])));
    let one = 10_i128.checked_pow(sample_type.decimals.into()).unwrap_or(i128::MAX);
    if sum.max(lane.end) / one <= i64::MAX.into() {
        return Ok(());
    }
    let name = profile.text(sample_type.name);
    Err(WriteError::Unsupported(format!("the sum of `{name}` does not fit 64 bits").into()))
}

/// speedscope 1.25.0 does not open a file with a negative weight. Leaving such samples out would change every sum, so
/// there is no way to write them.
fn check_signs(profile: &Profile, lane: &Lane<'_>) -> Result<(), WriteError> {
    let Some(sample_type) = profile.sample_types().get(lane.sample_type) else { return Ok(()) };
    let values = profile.samples().values(lane.sample_type);
    let negative = lane.rows.samples().filter(|&row| values[row] < 0).count();
    if negative == 0 {
        return Ok(());
    }
    let name = profile.text(sample_type.name);
    Err(WriteError::Unsupported(
        format!(
            "speedscope does not open profiles with negative values, and {negative} of `{name}` are negative"
        )
        .into(),
    ))
}
