//! Time order on its way into a builder: one track is open at a time, and what is entered and left in it becomes
//! intervals, and samples of the time between.

use crate::error::BuildError;
use crate::frame::Stack;
use crate::id::{FrameId, Id, LabelSetId, StackId};
use crate::samples::Sample;
use crate::track::{Interval, Track, TrackKind};

use super::ProfileBuilder;

/// The track that `enter`, `leave` and `sample` add to.
#[derive(Debug)]
pub(super) struct OpenTrack {
    track: Track,
    last: i64,
    /// The open intervals, outermost first.
    pub(super) open: Vec<usize>,
    /// Self values by stack, and the stacks in the order in which they first got one.
    own: Vec<Option<i64>>,
    order: Vec<StackId>,
}

impl ProfileBuilder {
    /// Begins a track; its `end`, `rows` and `samples` are set by [`end_track`](Self::end_track). Samples added
    /// until then belong to it.
    pub fn begin_track(&mut self, mut track: Track) {
        let last = track.start;
        track.samples.start = self.samples.len();
        track.rows.start = match track.kind {
            TrackKind::Samples | TrackKind::Sums => self.samples.len(),
            TrackKind::Intervals => self.tracks.intervals.len(),
        };
        let own = std::mem::take(&mut self.spare);
        self.open = Some(OpenTrack { track, last, open: Vec::new(), own, order: Vec::new() });
    }

    /// A frame is entered at time `at` of the open track.
    ///
    /// # Errors
    /// Where the time goes back, or no track of intervals is open.
    pub fn enter(&mut self, frame: FrameId, at: i64) -> Result<(), BuildError> {
        let intervals = &mut self.tracks.intervals;
        let open = self.open.as_mut().ok_or(BuildError::NoneOpen)?;
        open.advance(at, intervals)?;
        let parent = open.open.last().map(|&row| intervals[row].stack);
        let stack = self.stacks.intern(Stack { parent, frame })?;
        open.open.push(intervals.len());
        intervals.push(Interval { stack, start: at, end: at });
        Ok(())
    }

    /// The innermost frame, which must be `frame`, is left at time `at` of the open track.
    ///
    /// # Errors
    /// Where the time goes back, or another frame or none is innermost.
    pub fn leave(&mut self, frame: FrameId, at: i64) -> Result<(), BuildError> {
        let intervals = &mut self.tracks.intervals;
        let open = self.open.as_mut().ok_or(BuildError::NoneOpen)?;
        open.advance(at, intervals)?;
        let row = open.open.pop().ok_or(BuildError::NoneOpen)?;
        let stack = intervals[row].stack;
        if self.stacks.table()[stack].frame != frame {
            return Err(BuildError::NotInnermost);
        }
        intervals[row].end = at;
        if row + 1 == intervals.len() {
            // A call without callees is kept as a sample even if it took no time.
            open.add(stack, 0)?;
        }
        Ok(())
    }

    /// The frames of the open track that are entered and not left, outermost first.
    #[must_use]
    pub fn open_frames(&self) -> Vec<FrameId> {
        let rows = self.open.iter().flat_map(|open| &open.open);
        rows.map(|&row| self.stacks.table()[self.tracks.intervals[row].stack].frame).collect()
    }

    /// Ends the open track at time `end`.
    ///
    /// # Errors
    /// Where frames are still open, or none is open at all.
    pub fn end_track(&mut self, end: i64) -> Result<(), BuildError> {
        let mut open = self.open.take().ok_or(BuildError::NoneOpen)?;
        if !open.open.is_empty() {
            return Err(BuildError::StillOpen(open.open.len()));
        }
        let mut track = Track { end, ..open.track };
        let mut values = vec![0; self.sample_types.len()];
        for stack in open.order {
            let sample = Sample { stack: Some(stack), origin: track.origin, labels: LabelSetId::EMPTY };
            if let Some(value) = values.get_mut(track.sample_type) {
                *value = open.own[stack.index()].take().unwrap_or(0);
            }
            self.samples.push(sample, &values);
        }
        self.spare = open.own;
        track.samples.end = self.samples.len();
        track.rows.end = match track.kind {
            TrackKind::Samples | TrackKind::Sums => self.samples.len(),
            TrackKind::Intervals => self.tracks.intervals.len(),
        };
        self.tracks.tracks.push(track);
        Ok(())
    }
}

impl OpenTrack {
    /// Gives the time up to `at` to the innermost open frame.
    fn advance(&mut self, at: i64, intervals: &[Interval]) -> Result<(), BuildError> {
        let last = self.last;
        if at < last {
            return Err(BuildError::TimeGoesBack { last, at });
        }
        if let Some(&row) = self.open.last()
            && at > last
        {
            self.add(intervals[row].stack, at.checked_sub(last).ok_or(BuildError::Overflow)?)?;
        }
        self.last = at;
        Ok(())
    }

    fn add(&mut self, stack: StackId, value: i64) -> Result<(), BuildError> {
        if self.own.len() <= stack.index() {
            self.own.resize(stack.index() + 1, None);
        }
        let own = &mut self.own[stack.index()];
        if own.is_none() {
            self.order.push(stack);
        }
        *own = Some(own.unwrap_or(0).checked_add(value).ok_or(BuildError::Overflow)?);
        Ok(())
    }
}
