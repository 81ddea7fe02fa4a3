//! What reading a thread's stack needs, and what it gives: the same for frames on a data stack and for frame objects.

use crate::layout::Layout;
use crate::names::Names;
use crate::remote::Remote;
use crate::seat::Seat;
use crate::tree::Tree;

/// Owner of frames that lie in a generator; also said of frame objects (3.8 to 3.10), which have the same freedom.
pub const OWNER_GENERATOR: u8 = 1;
/// Owner of frames that only mark where C called Python, and larger ones (3.12 and later).
pub const OWNER_ENTRY: u8 = 3;

/// What a reader works with.
#[derive(Debug)]
pub struct Context<'a> {
    /// The process's memory.
    pub remote: Remote,
    /// Where things are in it.
    pub layout: &'a Layout,
    /// What its frames are called.
    pub names: &'a mut Names,
    /// The tables of the recording.
    pub tree: &'a mut Tree,
    /// Whether the thread stands still, since it was stopped or the sampler has its processor.
    pub is_stopped: bool,
    /// Where the sampler sits.
    pub seat: &'a mut Seat,
}

impl Context<'_> {
    /// All is read: the thread has not stood still if the sampler has lost its seat meanwhile.
    pub fn confirm(&mut self) {
        self.is_stopped &= !self.seat.is_taken() || self.seat.is_kept();
    }

    /// Whether calls are counted that were seen from another processor.
    #[must_use]
    pub fn counts_all(&self) -> bool {
        self.is_stopped || !self.seat.is_away()
    }
}

/// A frame as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it lies.
    pub address: u64,
    /// Its code object.
    pub code: u64,
    /// Its caller.
    pub previous: u64,
    /// The running instruction.
    pub instr: u64,
    /// Who owns it.
    pub owner: u8,
    /// Whether it is one of the contiguous ones.
    pub on_data_stack: bool,
}

/// A frame that was named, on top of those before it.
#[derive(Clone, Copy, Debug)]
pub struct Resolved {
    /// What was read.
    pub link: Link,
    /// The frame whose instruction `point` is: this one, or the one below if this one is hidden.
    pub visible: Link,
    /// Where the next frame of the data stack must begin.
    pub end: u64,
    /// Index of its code, or of the frame below if it is hidden.
    pub code: u32,
    /// Its instruction, or that of the frame below if it is hidden.
    pub point: u32,
    /// The stack below it.
    pub parent: u32,
    /// The stack up to it.
    pub stack: u32,
}

/// How much of what was read is of one moment, as far as copies of the thread state tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stillness {
    /// Nothing is known to be.
    Moved,
    /// The newest chunk of the data stack; the rest was read later.
    DataStack,
    /// All of it, unless it went and came back: generators and entry frames of other calls often lie at the same addresses.
    Whole,
    /// All of it, for certain.
    Certain,
}

impl Stillness {
    /// Whether all of it is.
    #[must_use]
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Whole | Self::Certain)
    }

    /// Whether a frame and its caller are of one moment.
    #[inline]
    #[must_use]
    pub fn holds(self, caller: Option<&Link>, callee: &Link) -> bool {
        match self {
            Self::Moved => false,
            Self::DataStack | Self::Whole => {
                callee.on_data_stack && caller.is_none_or(|caller| caller.on_data_stack)
            }
            Self::Certain => true,
        }
    }
}

/// What one reading gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The stack, 0 if no Python runs in the thread.
    pub stack: u32,
    /// Whether inner frames were left out because they are not of the same moment.
    pub cut: bool,
    /// Whether the stack stood still while it was read.
    pub certain: bool,
}

impl Reading {
    /// No Python runs in the thread.
    #[must_use]
    pub fn empty() -> Self {
        Self { stack: 0, cut: false, certain: true }
    }
}
