//! Folding origins together: `--by none|process|thread|file`.

use crate::builder::ProfileBuilder;
use crate::calls::{CallEdge, FunctionCalls, LineCost};
use crate::error::BuildError;
use crate::id::{Id, OriginId};
use crate::origin::Origin;
use crate::profile::Profile;
use crate::samples::Sample;
use crate::track::{Track, TrackKind};
use crate::views::events::interval_events;

/// Which origins stay apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// None: everything is one.
    Nothing,
    /// Processes, on their hosts.
    Process,
    /// Threads, in their processes.
    Thread,
    /// The files that were merged.
    File,
}

impl By {
    /// What is left of an origin.
    #[must_use]
    pub fn fold(self, origin: Origin) -> Origin {
        match self {
            Self::Nothing => Origin::UNKNOWN,
            Self::Process => {
                Origin { host: origin.host, pid: origin.pid, process: origin.process, ..Origin::UNKNOWN }
            }
            Self::Thread => Origin { file: Origin::UNKNOWN.file, ..origin },
            Self::File => Origin { file: origin.file, ..Origin::UNKNOWN },
        }
    }
}

/// The same profile with only the wanted origins apart. Samples that become equal are added up, and time order
/// is given up, unless nothing folds at all.
///
/// # Errors
/// Where a sum does not fit 64 bits.
pub fn fold_origins(profile: Profile, by: By) -> Result<Profile, BuildError> {
    if profile.origins().rows().iter().all(|&origin| by.fold(origin) == origin) {
        return Ok(profile);
    }
    let origins: Vec<Origin> = profile.origins().rows().iter().map(|&origin| by.fold(origin)).collect();
    rebuild(&profile, &Rows::all(&profile), |origin| origins[origin.index()], Order::Lost)
}

/// One profile for each origin that has any values, in order of id, made one after the other: each has all the
/// strings, functions and stacks. Time order stays.
///
/// # Errors
/// Where a table is full.
pub fn split_origins(profile: &Profile) -> impl Iterator<Item = Result<(Origin, Profile), BuildError>> {
    let parts = Rows::by_origin(profile);
    profile.origins().iter().zip(parts).filter(|(_, rows)| !rows.is_empty()).map(
        |((wanted, &origin), rows)| {
            let part = rebuild(
                profile,
                &rows,
                |id| if id == wanted { origin } else { Origin::UNKNOWN },
                Order::Kept,
            )?;
            Ok((origin, part))
        },
    )
}

/// Some of a profile's rows, by table.
#[derive(Clone, Default)]
struct Rows {
    /// Without those of tracks.
    samples: Vec<usize>,
    tracks: Vec<usize>,
    functions: Vec<usize>,
    edges: Vec<usize>,
    lines: Vec<usize>,
}

impl Rows {
    fn all(profile: &Profile) -> Self {
        let calls = profile.calls();
        Self {
            samples: (0..profile.samples().len()).collect(),
            tracks: Vec::new(),
            functions: (0..calls.functions().len()).collect(),
            edges: (0..calls.edges().len()).collect(),
            lines: (0..calls.lines().len()).collect(),
        }
    }

    fn by_origin(profile: &Profile) -> Vec<Self> {
        let mut parts = vec![Self::default(); profile.origins().len()];
        let mut in_track = vec![false; profile.samples().len()];
        for (index, track) in profile.tracks().tracks().iter().enumerate() {
            in_track[track.samples.clone()].fill(true);
            parts[track.origin.index()].tracks.push(index);
        }
        for (row, sample) in profile.samples().iter().enumerate().filter(|&(row, _)| !in_track[row]) {
            parts[sample.origin.index()].samples.push(row);
        }
        let calls = profile.calls();
        for (row, of) in calls.functions().rows().iter().enumerate() {
            parts[of.origin.index()].functions.push(row);
        }
        for (row, of) in calls.edges().rows().iter().enumerate() {
            parts[of.origin.index()].edges.push(row);
        }
        for (row, of) in calls.lines().rows().iter().enumerate() {
            parts[of.origin.index()].lines.push(row);
        }
        parts
    }

    fn is_empty(&self) -> bool {
        let calls = self.functions.is_empty() && self.edges.is_empty() && self.lines.is_empty();
        calls && self.samples.is_empty() && self.tracks.is_empty()
    }
}

/// Whether samples stay in their rows or add up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Kept,
    Lost,
}

/// Some rows of a profile, with other origins.
fn rebuild(
    profile: &Profile,
    rows: &Rows,
    origin: impl Fn(OriginId) -> Origin,
    order: Order,
) -> Result<Profile, BuildError> {
    let mut bare = profile.without_values();
    bare.origins = Profile::empty().origins;
    let mut builder = ProfileBuilder::of(bare);
    for &track in &rows.tracks {
        let track = &profile.tracks().tracks()[track];
        let origin = builder.origin(origin(track.origin))?;
        copy_track(profile, track, origin, &mut builder)?;
    }
    let samples = profile.samples();
    for &row in &rows.samples {
        let sample = samples.get(row);
        let sample = Sample { origin: builder.origin(origin(sample.origin))?, ..sample };
        match order {
            Order::Kept => builder.sample(sample, &samples.row_values(row))?,
            Order::Lost => builder.accumulate(sample, &samples.row_values(row))?,
        }
    }
    let calls = profile.calls();
    for &row in &rows.functions {
        let function = calls.functions().rows()[row];
        let (own, total) = calls.functions().values(row);
        let origin = builder.origin(origin(function.origin))?;
        builder.function_calls(FunctionCalls { origin, ..function }, &own, &total)?;
    }
    for &row in &rows.edges {
        let edge = calls.edges().rows()[row];
        let (own, total) = calls.edges().values(row);
        let origin = builder.origin(origin(edge.origin))?;
        builder.call_edge(CallEdge { origin, ..edge }, &own, &total)?;
    }
    for &row in &rows.lines {
        let line = calls.lines().rows()[row];
        let (own, _) = calls.lines().values(row);
        let origin = builder.origin(origin(line.origin))?;
        builder.line_cost(LineCost { origin, ..line }, &own)?;
    }
    builder.finish()
}

fn copy_track(
    profile: &Profile,
    track: &Track,
    origin: OriginId,
    builder: &mut ProfileBuilder,
) -> Result<(), BuildError> {
    builder.begin_track(Track { origin, ..track.clone() });
    match track.kind {
        TrackKind::Samples | TrackKind::Sums => {
            for row in track.rows.clone() {
                let sample = Sample { origin, ..profile.samples().get(row) };
                builder.sample(sample, &profile.samples().row_values(row))?;
            }
        }
        TrackKind::Intervals => interval_events(profile, track, |event| {
            if event.enters {
                builder.enter(event.frame, event.at)
            } else {
                builder.leave(event.frame, event.at)
            }
        })?,
    }
    builder.end_track(track.end)
}
