//! The thread states of a process: which there are, and which thread of the operating system each belongs to.
//!
//! From 3.11 on a thread state knows the number of its thread, but as the target's own pid namespace has it, and 3.11 not in a
//! forked child. Before, it has `pthread_self()` only: an address at which the C library keeps the number, at an offset that
//! is found by looking (720 in glibc on x86-64).

use std::io;

use crate::interpreter::Interpreter;
use crate::layout::NONE;
use crate::proc_stat;
use crate::remote::{int_at, word_at};

/// The most thread states that are followed.
const MAX_THREADS: usize = 100_000;
/// How much of the C library's thread descriptor is searched for the number.
const DESCRIPTOR: usize = 1_024;

/// A thread state as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadState {
    /// Its address.
    pub address: u64,
    /// The address of its interpreter.
    pub interpreter: u64,
    /// `pthread_self()`, what Python calls `ident`.
    pub ident: u64,
    /// What Python knows of the number of the thread, 0 if nothing.
    pub native: u32,
}

/// All thread states of an interpreter, newest first.
///
/// # Errors
/// If memory cannot be read.
pub fn of_interpreter(interpreter: &Interpreter, address: u64) -> io::Result<Vec<ThreadState>> {
    let (remote, layout) = (interpreter.remote, &interpreter.layout);
    let native = if layout.thread_native_id == NONE { 0 } else { layout.thread_native_id };
    let mut head = vec![0; layout.thread_id.max(native) + 8];
    let mut found: Vec<ThreadState> = Vec::new();
    let mut at = remote.word(address + layout.interp_threads_head as u64)?;
    while at != 0 && found.len() < MAX_THREADS {
        if remote.read(at, &mut head).is_err() {
            // A thread ended while the list was followed: the rest is found next time.
            break;
        }
        if word_at(&head, layout.thread_interp) != address {
            break;
        }
        found.push(ThreadState {
            address: at,
            interpreter: address,
            ident: word_at(&head, layout.thread_id),
            native: if native == 0 { 0 } else { u32::try_from(word_at(&head, native)).unwrap_or(0) },
        });
        at = word_at(&head, layout.thread_next);
    }
    Ok(found)
}

/// The threads of a process as the operating system has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// Their numbers, ascending.
    pub ids: Vec<u32>,
    descriptor_offset: Option<usize>,
}

impl Tasks {
    /// Lists the threads of a process anew.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn update(&mut self, pid: u32) -> io::Result<()> {
        self.ids = proc_stat::tasks(pid)?;
        Ok(())
    }

    /// The thread that a thread state belongs to.
    #[must_use]
    pub fn native(&mut self, interpreter: &Interpreter, pid: u32, state: &ThreadState) -> Option<u32> {
        if self.ids.binary_search(&state.native).is_ok() {
            return Some(state.native);
        }
        self.by_descriptor(interpreter, state.ident).or_else(|| self.by_namespace(pid, state.native))
    }

    /// Through the C library's descriptor.
    fn by_descriptor(&mut self, interpreter: &Interpreter, ident: u64) -> Option<u32> {
        let bytes = interpreter.remote.bytes(ident, DESCRIPTOR).ok()?;
        let number = |offset: usize| {
            let number = u32::try_from(int_at(&bytes, offset)).ok()?;
            self.ids.binary_search(&number).is_ok().then_some(number)
        };
        if let Some(found) = self.descriptor_offset.and_then(number) {
            return Some(found);
        }
        let offset = (0..DESCRIPTOR).step_by(4).find(|&offset| number(offset).is_some())?;
        let found = number(offset);
        self.descriptor_offset = Some(offset);
        found
    }

    /// A number as the target's pid namespace has it.
    fn by_namespace(&self, pid: u32, native: u32) -> Option<u32> {
        let inner = |id: u32| {
            let numbers = proc_stat::status(format_args!("{pid}/task/{id}"), "NSpid:")?;
            numbers.split_ascii_whitespace().next_back()?.parse::<u32>().ok()
        };
        (native != 0).then(|| self.ids.iter().copied().find(|&id| inner(id) == Some(native)))?
    }
}
