//! Time order: what ran from when to when, for the sources that know it.
//!
//! A track is one time line, usually a thread, or sums that a source keeps where others have time lines. It is a range either of samples, each as long as its value, or
//! of intervals, frames with begin and end. The samples of a track of intervals are there too, summed
//! by stack, so a view that does not care for order need not know of tracks.

use std::ops::Range;

use crate::id::{OriginId, StackId, StringId};

/// What a track is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrackKind {
    /// `rows` are samples, one after another from `start`; a sample lasts as long as its value.
    Samples,
    /// `rows` are samples in no order, such as sums: speedscope holds them in a profile of their own, like a time
    /// line.
    Sums,
    /// `rows` are intervals.
    Intervals,
}

/// One time line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Track {
    /// Its name in the source.
    pub name: StringId,
    /// The thread or process it shows.
    pub origin: OriginId,
    /// The sample type of its values and times.
    pub sample_type: usize,
    /// The unit the source gave its times in, e.g. `seconds` where values are stored in nanoseconds.
    pub unit: StringId,
    /// Samples, sums or intervals.
    pub kind: TrackKind,
    /// Of a track of intervals, whether its source wrote every call. Else its intervals are what consecutive samples had
    /// in common, and their number says nothing of calls.
    pub every_call: bool,
    /// Where it begins, in the sample type's unit.
    pub start: i64,
    /// Where it ends.
    pub end: i64,
    /// Its samples or intervals.
    pub rows: Range<usize>,
    /// Where the sample table has its values: `rows` of a track of samples or sums, the sums by stack of one of intervals.
    pub samples: Range<usize>,
}

/// A call, or what samples saw of several: a stack from when its innermost frame was entered to when it was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    /// The stack at the time.
    pub stack: StackId,
    /// When the frame was entered.
    pub start: i64,
    /// When it was left.
    pub end: i64,
}

/// Every track, and the intervals of those that have any.
///
/// The intervals of a track stand in the order in which their frames were entered. Since the depth of a
/// stack tells what was left before, this order alone gives back every event, also where several share
/// a time.
#[derive(Clone, Default, Debug)]
pub struct TrackTable {
    pub(crate) tracks: Vec<Track>,
    pub(crate) intervals: Vec<Interval>,
}

impl TrackTable {
    /// The tracks in the order of the source.
    #[must_use]
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The intervals of a track; none for one of another kind.
    #[must_use]
    pub fn intervals(&self, track: &Track) -> &[Interval] {
        match track.kind {
            TrackKind::Samples | TrackKind::Sums => &[],
            TrackKind::Intervals => &self.intervals[track.rows.clone()],
        }
    }

    /// The intervals of a track that are calls; none where the source did not write every call.
    #[must_use]
    pub fn calls(&self, track: &Track) -> &[Interval] {
        if track.every_call { self.intervals(track) } else { &[] }
    }

    /// Every interval of every track.
    #[must_use]
    pub fn all_intervals(&self) -> &[Interval] {
        &self.intervals
    }

    /// Whether anything has time order.
    #[must_use]
    pub fn has_time_order(&self) -> bool {
        self.tracks.iter().any(|track| track.kind != TrackKind::Sums)
    }

    /// Whether there is no track.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }
}
