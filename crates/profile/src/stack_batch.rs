//! Stacks on their way into a builder.

use std::ops::Range;

use crate::hash::Seed;
use crate::id::FrameId;

/// Stacks as a file gives them: lists of frames, the innermost first. They go into the
/// [`ProfileBuilder`](crate::ProfileBuilder) that the batch is from, many at a time, which is quicker than one by one.
/// A batch can be filled on another thread.
#[derive(Clone, Debug)]
pub struct StackBatch {
    /// None if nobody will look for the stacks.
    seed: Option<Seed>,
    /// Of one stack after another.
    frames: Vec<FrameId>,
    /// The hash of the path from the root to each frame, if there is a seed.
    hashes: Vec<u32>,
    /// Where the frames of each stack end.
    ends: Vec<usize>,
}

impl StackBatch {
    pub(crate) fn new(seed: Option<Seed>) -> Self {
        Self { seed, frames: Vec::new(), hashes: Vec::new(), ends: Vec::new() }
    }

    /// Adds a frame to the stack that is being listed, as the caller of those added before.
    #[inline]
    pub fn caller(&mut self, frame: FrameId) {
        self.frames.push(frame);
    }

    /// Adds several frames, innermost first.
    pub fn callers(&mut self, frames: &[FrameId]) {
        self.frames.extend_from_slice(frames);
    }

    /// Ends the stack that is being listed and begins the next.
    #[inline]
    pub fn end(&mut self) {
        if let Some(seed) = &self.seed {
            let start = self.hashes.len();
            self.hashes.resize(self.frames.len(), Seed::ROOT);
            let mut last = Seed::ROOT;
            for (hash, &frame) in self.hashes[start..].iter_mut().zip(&self.frames[start..]).rev() {
                last = seed.path(last, frame);
                *hash = last;
            }
        }
        self.ends.push(self.frames.len());
    }

    /// How many frames the stack that is being listed has so far.
    #[must_use]
    #[inline]
    pub fn depth(&self) -> usize {
        self.frames.len() - self.ends.last().copied().unwrap_or(0)
    }

    /// How many frames all stacks have.
    #[must_use]
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// How many stacks have been ended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no stack has been ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Forgets all stacks.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.hashes.clear();
        self.ends.clear();
    }

    /// The frames of all stacks.
    pub(crate) fn frames(&self) -> &[FrameId] {
        &self.frames
    }

    /// The hash of the path from the root to each frame.
    pub(crate) fn hashes(&self) -> &[u32] {
        &self.hashes
    }

    /// Where the frames of each stack end.
    pub(crate) fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// Where the frames of each stack begin and end, some stacks at a time.
    pub(crate) fn groups(
        &self,
        stacks: usize,
    ) -> impl Iterator<Item = impl Iterator<Item = Range<usize>> + Clone> {
        let mut start = 0;
        self.ends.chunks(stacks).map(move |ends| {
            let first = start;
            start = ends.last().copied().unwrap_or(first);
            ends.iter().scan(first, |start, &end| Some(std::mem::replace(start, end)..end))
        })
    }
}
