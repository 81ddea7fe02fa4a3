//! The location lists of samples, made into lists of frames.

use profkit_profile::{ReadError, ReadErrorKind, StackBatch};

use crate::strings::undefined;
use crate::tables::Locations;
use crate::wire::{Bytes, packed};

/// How deep a stack may be.
const MAX_DEPTH: usize = 1 << 20;

/// How many frames inlined ones may add to the stacks of a file for each of its bytes. Locations with many lines make
/// stacks deeper than they are long in the file; without a limit a small file could ask for any amount of work.
const MAX_INLINED_PER_BYTE: usize = 32;

/// What small files may have beyond that.
const FREE_INLINED: usize = 1 << 20;

/// Makes frames of locations.
#[derive(Debug)]
pub(crate) struct FrameReader<'f> {
    input: &'f [u8],
    locations: &'f Locations,
    inlined_left: usize,
}

impl<'f> FrameReader<'f> {
    pub(crate) fn new(input: &'f [u8], locations: &'f Locations) -> Self {
        let inlined_left = input.len().saturating_mul(MAX_INLINED_PER_BYTE).saturating_add(FREE_INLINED);
        Self { input, locations, inlined_left }
    }

    /// Adds the frames of a packed list of locations to the stack that `to` is at.
    #[inline(always)]
    pub(crate) fn list(&mut self, list: Bytes<'f>, to: &mut StackBatch) -> Result<(), ReadError> {
        let input = self.input;
        packed(input, list, "a list of locations", |id, offset| self.location(id, offset, to))?;
        check_depth(to, list.offset)
    }

    /// Adds the frames of one location.
    #[inline(always)]
    pub(crate) fn location(&mut self, id: u64, offset: usize, to: &mut StackBatch) -> Result<(), ReadError> {
        match self.locations.single(id) {
            Some(frame) => to.caller(frame),
            None => self.inlined(id, offset, to)?,
        }
        Ok(())
    }

    /// Adds the frames of a location that has several, or does not exist.
    #[cold]
    fn inlined(&mut self, id: u64, offset: usize, to: &mut StackBatch) -> Result<(), ReadError> {
        let frames = self.locations.inlined(id).ok_or_else(|| undefined("location", id, offset))?;
        let left = self.inlined_left.checked_sub(frames.len());
        self.inlined_left = left.ok_or_else(|| too_much("inlined frames", offset))?;
        to.callers(frames);
        check_depth(to, offset)
    }
}

fn check_depth(stacks: &StackBatch, offset: usize) -> Result<(), ReadError> {
    match stacks.depth() {
        0..=MAX_DEPTH => Ok(()),
        _ => Err(ReadErrorKind::TooDeep(MAX_DEPTH).at(offset)),
    }
}

/// A file that would take far more memory or time than its size lets expect.
#[cold]
pub(crate) fn too_much(what: &str, offset: usize) -> ReadError {
    ReadError::malformed(format!("a file of this size cannot have so many {what}"), offset)
}
