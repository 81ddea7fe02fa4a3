//! Where `_asyncio`'s tasks keep what is read of them.
//!
//! From 3.14 on the module says so itself, in a section `.AsyncioDebug` of the file that it comes from: a row of 64-bit numbers, the
//! same in 3.14 and 3.15. Before, nothing says so, and no header has it: the tables were read off the functions of
//! `_asyncio` that give the fields to Python, and a test asks tasks of every version. Surprising: 3.10 moved fields in a patch
//! release (a future has its exception's traceback since), so the size of a task tells which table holds.

use crate::layout::{NONE, longer_head};
use crate::remote::word_at;
use crate::version::Version;

/// In every version, in a future: its first callback.
pub const CALLBACK: usize = 24;
/// In every version, in a future: the list of its other callbacks, each a tuple of callback and context.
pub const CALLBACKS: usize = 40;
/// What [`TaskOffsets::state`] has while a future is not done.
pub const PENDING: i32 = 0;
/// No task is larger.
pub const MAX_TASK: usize = 256;

/// Byte offsets of fields within a task. A field that a version does not have is [`NONE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskOffsets {
    /// Its size.
    pub size: usize,
    /// An `int`: whether it is done (up to 3.13). Futures that are no tasks have it too.
    pub state: usize,
    /// The future that it waits for (up to 3.13).
    pub waiter: usize,
    /// Its coroutine.
    pub coroutine: usize,
    /// Its name: a `str`, or the number of an automatic name (3.12 and later).
    pub name: usize,
    /// The task or future that awaits it, or a set of them (3.14 and later). Futures that are no tasks have it too.
    pub awaited_by: usize,
    /// A byte: whether that is a set (3.14 and later).
    pub awaited_by_is_set: usize,
}

impl TaskOffsets {
    /// Of a version up to 3.13 whose tasks have a size.
    #[must_use]
    pub fn known(version: Version, size: usize) -> Option<Self> {
        let head = longer_head(version);
        let (state, waiter) = match (version.major, version.minor, size.checked_sub(head)?) {
            (3, 8, 144) => (72, 104),
            // 3.10 until it got `exception_tb` (3.10.6).
            (3, 9 | 10, 184) => (80, 144),
            (3, 10, 192) => (88, 152),
            (3, 11 | 12, 176) => (88, 128),
            (3, 13, 144) => (96, 112),
            _ => return None,
        };
        let (state, waiter) = (state + head, waiter + head);
        let (coroutine, name) = (waiter + 8, waiter + 16);
        Some(Self { size, state, waiter, coroutine, name, awaited_by: NONE, awaited_by_is_set: NONE })
    }

    /// What a section `.AsyncioDebug` says, and where a thread state has the running task.
    #[must_use]
    pub fn described(section: &[u8]) -> Option<(Self, usize)> {
        // Task: size, name, awaited_by, is_task, awaited_by_is_set, coro, node. Interpreter: size, tasks_head. Thread: size,
        // running_loop, running_task, tasks_head.
        let number = |index: usize| {
            let number = usize::try_from(word_at(section.get(index * 8..index * 8 + 8)?, 0)).ok()?;
            (number < MAX_OFFSET).then_some(number)
        };
        let offsets = Self {
            size: number(0)?,
            state: NONE,
            waiter: NONE,
            coroutine: number(5)?,
            name: number(1)?,
            awaited_by: number(2)?,
            awaited_by_is_set: number(4)?,
        };
        let fields = [offsets.coroutine, offsets.name, offsets.awaited_by, offsets.awaited_by_is_set];
        let fit = offsets.size <= MAX_TASK && fields.iter().all(|&field| field + 8 <= offsets.size);
        fit.then_some((offsets, number(11)?))
    }

    /// How much of a future is read, be it a task or not.
    #[must_use]
    pub fn future_bytes(&self) -> usize {
        if self.awaited_by == NONE { self.state + 4 } else { self.awaited_by_is_set + 1 }
    }
}

/// No structure of CPython is as large.
const MAX_OFFSET: usize = 1 << 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_that_cannot_be_is_none() {
        // As Debian's 3.14.6 has it.
        let words =
            [0xa8, 0x88, 0x60, 0x6c, 0x6d, 0x80, 0x98, 0x37248, 0x2a80, 0x3a8, 0x360, 0x368, 0x370_u64];
        let section = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let (offsets, running) = TaskOffsets::described(&section(&words)).unwrap();
        assert_eq!((offsets.coroutine, offsets.name, offsets.awaited_by), (0x80, 0x88, 0x60));
        assert_eq!((offsets.future_bytes(), running), (0x6e, 0x368));
        assert_eq!(TaskOffsets::described(&section(&words[..11])), None);
        let beyond = [&words[..5], &[0xa1], &words[6..]].concat();
        assert_eq!(TaskOffsets::described(&section(&beyond)), None);
    }
}
