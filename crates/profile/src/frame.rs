//! Frames, and the stacks they make: a tree in one column, since stacks share most of their frames.

use std::ops::{BitOr, BitOrAssign};

use crate::id::{FrameId, FunctionId, MappingId, StackId};
use crate::table::Table;

/// A function at a line and, for native code, an address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Frame {
    /// The function; `None` for an address that nobody has named.
    pub function: Option<FunctionId>,
    /// The line that runs; 0 where unknown.
    pub line: i64,
    /// The column in that line; 0 where unknown.
    pub column: i64,
    /// The instruction's address; 0 where unknown.
    pub address: u64,
    /// The binary that holds the address.
    pub mapping: Option<MappingId>,
    /// What kind of frame it is.
    pub flags: FrameFlags,
}

impl Frame {
    /// A frame of which nothing is known; for `..Frame::EMPTY`.
    pub const EMPTY: Self =
        Self { function: None, line: 0, column: 0, address: 0, mapping: None, flags: FrameFlags::NONE };

    /// A frame of which only the function is known.
    #[must_use]
    pub const fn of(function: FunctionId) -> Self {
        Self { function: Some(function), ..Self::EMPTY }
    }
}

/// What some recorders know about a frame beside its place. A set of bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FrameFlags(u8);

impl FrameFlags {
    /// Nothing known.
    pub const NONE: Self = Self(0);
    /// Inlined into its parent frame, whose address it has (pprof: not the last line of its location).
    pub const INLINED: Self = Self(1);
    /// The linker folded several identical functions into this one (pprof: `is_folded`).
    pub const FOLDED: Self = Self(2);
    /// In the operating system's kernel.
    pub const KERNEL: Self = Self(4);
    /// Compiled at run time.
    pub const JIT: Self = Self(8);
    /// Run by an interpreter, where its neighbours are compiled.
    pub const INTERPRETED: Self = Self(16);
    /// Compiled at run time by the quicker of two compilers (async-profiler: C1).
    pub const JIT_FAST: Self = Self(32);

    /// Whether all of `other`'s bits are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for FrameFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for FrameFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// A frame and the stack it stands on. Parents always have smaller ids than their children, so one pass
/// from the last stack to the first sums subtrees.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Stack {
    /// The callers; `None` for a root.
    pub parent: Option<StackId>,
    /// The innermost frame.
    pub frame: FrameId,
}

impl Table<StackId, Stack> {
    /// The frames of a stack, innermost first.
    pub fn leaf_first(&self, stack: Option<StackId>) -> impl Iterator<Item = FrameId> {
        self.ancestors(stack).map(|id| self[id].frame)
    }

    /// A stack, then its parent, up to the root.
    pub fn ancestors(&self, stack: Option<StackId>) -> impl Iterator<Item = StackId> {
        std::iter::successors(stack, |&id| self[id].parent)
    }

    /// The frames of a stack, outermost first, in place of what `frames` held.
    pub fn root_first(&self, stack: Option<StackId>, frames: &mut Vec<FrameId>) {
        frames.clear();
        frames.extend(self.leaf_first(stack));
        frames.reverse();
    }
}
