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
    rebuild(&profile, |origin| Some(origins[origin.index()]), Order::Lost)
}

/// One profile for each origin that has any values, in order of id. Time order stays.
///
/// # Errors
/// Where a table is full.
pub fn split_origins(profile: &Profile) -> Result<Vec<(Origin, Profile)>, BuildError> {
    let mut used = vec![false; profile.origins().len()];
    let calls = profile.calls();
    let of_calls = calls.functions().rows().iter().map(|row| row.origin);
    let of_edges = calls.edges().rows().iter().map(|row| row.origin);
    let of_tracks = profile.tracks().tracks().iter().map(|track| track.origin);
    let of_samples = profile.samples().iter().map(|sample| sample.origin);
    for origin in of_samples.chain(of_calls).chain(of_edges).chain(of_tracks) {
        used[origin.index()] = true;
    }
    let origins = profile.origins().iter().filter(|(id, _)| used[id.index()]);
    origins
        .map(|(wanted, &origin)| {
            let part = rebuild(profile, |id| (id == wanted).then_some(origin), Order::Kept)?;
            Ok((origin, part))
        })
        .collect()
}

/// Whether samples stay in their rows and tracks in their order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Kept,
    Lost,
}

/// The same profile with other origins; what has none is left out.
fn rebuild(
    profile: &Profile,
    mut origin: impl FnMut(OriginId) -> Option<Origin>,
    order: Order,
) -> Result<Profile, BuildError> {
    let mut bare = profile.without_values();
    bare.origins = Profile::empty().origins;
    let mut builder = ProfileBuilder::of(bare);
    let mut origins: Vec<Option<OriginId>> = Vec::with_capacity(profile.origins().len());
    for id in profile.origins().ids() {
        origins.push(origin(id).map(|origin| builder.origin(origin)).transpose()?);
    }
    let of = |origin: OriginId| origins[origin.index()];
    let samples = profile.samples();
    let mut in_track = vec![false; samples.len()];
    if order == Order::Kept {
        for track in profile.tracks().tracks() {
            in_track[track.samples.clone()].fill(true);
            if let Some(origin) = of(track.origin) {
                copy_track(profile, track, origin, &mut builder)?;
            }
        }
    }
    for (row, sample) in samples.iter().enumerate().filter(|&(row, _)| !in_track[row]) {
        let Some(origin) = of(sample.origin) else { continue };
        let sample = Sample { origin, ..sample };
        match order {
            Order::Kept => builder.sample(sample, &samples.row_values(row))?,
            Order::Lost => builder.accumulate(sample, &samples.row_values(row))?,
        }
    }
    let calls = profile.calls();
    for (row, &function) in calls.functions().rows().iter().enumerate() {
        let Some(origin) = of(function.origin) else { continue };
        let (own, total) = calls.functions().values(row);
        builder.function_calls(FunctionCalls { origin, ..function }, &own, &total)?;
    }
    for (row, &edge) in calls.edges().rows().iter().enumerate() {
        let Some(origin) = of(edge.origin) else { continue };
        let (own, total) = calls.edges().values(row);
        builder.call_edge(CallEdge { origin, ..edge }, &own, &total)?;
    }
    for (row, &line) in calls.lines().rows().iter().enumerate() {
        let Some(origin) = of(line.origin) else { continue };
        let (own, _) = calls.lines().values(row);
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
        TrackKind::Samples => {
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
