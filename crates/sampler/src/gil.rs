//! The global interpreter lock: who holds it.
//!
//! Up to 3.11 there is one a process, in the runtime; since 3.12 an interpreter points to its own or to the main one's. Its count
//! of switches tells whether any other thread can have run: nothing of a thread's stack changes without the lock.

use std::io;

use crate::interpreter::Interpreter;
use crate::layout::{Layout, NONE};
use crate::remote::{int_at, word_at};

/// Bytes of a lock up to its count of switches.
pub const HEAD: usize = 32;
/// Bytes of a whole lock: a thread that waits in a futex within waits for it.
pub const SIZE: u64 = 208;

/// What a lock says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gil {
    /// The thread state that took it last.
    pub last_holder: u64,
    /// Whether it is taken now.
    pub locked: bool,
    /// How often it went to another thread.
    pub switches: u64,
}

impl Gil {
    /// From the first [`HEAD`] bytes of the lock.
    #[must_use]
    pub fn parse(layout: &Layout, bytes: &[u8]) -> Self {
        Self {
            last_holder: word_at(bytes, layout.gil_last_holder),
            locked: int_at(bytes, layout.gil_locked) == 1,
            switches: word_at(bytes, layout.gil_switch_number),
        }
    }

    /// Whether the thread state holds it.
    #[must_use]
    pub fn is_held_by(&self, state: u64) -> bool {
        self.locked && self.last_holder == state
    }
}

/// Where the lock of an interpreter is.
///
/// # Errors
/// If memory cannot be read.
pub fn address(interpreter: &Interpreter, of: u64) -> io::Result<u64> {
    let layout = &interpreter.layout;
    if layout.interp_gil == NONE {
        return Ok(interpreter.runtime + layout.runtime_gil as u64);
    }
    interpreter.remote.word(of + layout.interp_gil as u64)
}

/// Where the flag is that says that the garbage collector of an interpreter runs.
#[must_use]
pub fn collecting_address(interpreter: &Interpreter, of: u64) -> u64 {
    let layout = &interpreter.layout;
    if layout.interp_gc_collecting == NONE {
        return interpreter.runtime + layout.runtime_gc_collecting as u64;
    }
    of + layout.interp_gc_collecting as u64
}
