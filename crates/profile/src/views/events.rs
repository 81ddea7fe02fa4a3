//! A track as the events of a trace: frames entered and left, in order.

use crate::error::BuildError;
use crate::id::{FrameId, StackId};
use crate::profile::Profile;
use crate::track::{Interval, Track, TrackKind};

/// Something that happens on a track.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// When, in the unit of the track's sample type.
    pub at: i64,
    /// Which frame.
    pub frame: FrameId,
    /// Whether it is entered; else it is left.
    pub enters: bool,
}

/// The events of a track; none for one of sums. Where consecutive samples share frames, these stay open between them.
///
/// # Errors
/// Where a sample's value is negative, or the times do not fit 64 bits.
pub fn events(profile: &Profile, track: &Track) -> Result<Vec<Event>, BuildError> {
    let mut events = Events { profile, open: Vec::new(), events: Vec::new() };
    match track.kind {
        TrackKind::Intervals => interval_events(profile, track, |event| {
            events.events.push(event);
            Ok::<(), BuildError>(())
        })?,
        TrackKind::Sums => {}
        TrackKind::Samples => {
            let mut at = track.start;
            let values = profile.samples().values(track.sample_type);
            for row in track.rows.clone() {
                events.switch(profile.samples().stacks()[row], at);
                if values[row] < 0 {
                    return Err(BuildError::TimeGoesBack { last: at, at: at.saturating_add(values[row]) });
                }
                at = at.checked_add(values[row]).ok_or(BuildError::Overflow)?;
            }
            events.switch(None, at);
        }
    }
    Ok(events.events)
}

/// Hands out the events of a track of intervals one by one, just as they came in; none for one of samples.
///
/// # Errors
/// Those of `each`.
pub fn interval_events<E>(
    profile: &Profile,
    track: &Track,
    mut each: impl FnMut(Event) -> Result<(), E>,
) -> Result<(), E> {
    let frame = |stack: StackId| profile.stacks()[stack].frame;
    let leave = |open: Interval| Event { at: open.end, frame: frame(open.stack), enters: false };
    let mut open: Vec<Interval> = Vec::new();
    for &interval in profile.tracks().intervals(track) {
        let parent = profile.stacks()[interval.stack].parent;
        while open.last().map(|last| last.stack) != parent {
            let Some(last) = open.pop() else { break };
            each(leave(last))?;
        }
        each(Event { at: interval.start, frame: frame(interval.stack), enters: true })?;
        open.push(interval);
    }
    open.into_iter().rev().try_for_each(|last| each(leave(last)))
}

struct Events<'a> {
    profile: &'a Profile,
    /// The open stacks, each the parent of the next.
    open: Vec<StackId>,
    events: Vec<Event>,
}

impl Events<'_> {
    fn enter(&mut self, stack: StackId, at: i64) {
        self.open.push(stack);
        self.events.push(Event { at, frame: self.profile.stacks()[stack].frame, enters: true });
    }

    fn leave(&mut self, at: i64) {
        if let Some(stack) = self.open.pop() {
            self.events.push(Event { at, frame: self.profile.stacks()[stack].frame, enters: false });
        }
    }

    /// Leaves what is not on `stack` and enters what is.
    fn switch(&mut self, stack: Option<StackId>, at: i64) {
        let mut wanted: Vec<StackId> = self.profile.stacks().ancestors(stack).collect();
        wanted.reverse();
        let shared = self.open.iter().zip(&wanted).take_while(|(open, wanted)| open == wanted).count();
        while self.open.len() > shared {
            self.leave(at);
        }
        for &stack in &wanted[shared..] {
            self.enter(stack, at);
        }
    }
}
