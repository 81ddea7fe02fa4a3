//! The thread states of a process: which there are, and which thread of the operating system each belongs to.
//!
//! From 3.11 on a thread state knows the number of its thread, 3.11 not in a forked child. Before, it has `pthread_self()`
//! only: an address at which the C library keeps the number, at an offset that is found by looking.
//!
//! Surprising: both are numbers of the target's own pid namespace. Of a container they mean nothing here, or another thread.

use std::io;

use foldhash::{HashMap, HashSet};

use crate::interpreter::Interpreter;
use crate::layout::NONE;
use crate::proc_stat;
use crate::remote::{int_at, word_at};

/// The most thread states that are followed, of all interpreters together.
const MAX_THREADS: usize = 100_000;
/// How often a list is followed that is cut off.
const ATTEMPTS: usize = 4;
/// How much of the C library's thread descriptor is searched for the number.
const DESCRIPTOR: usize = 1_024;
/// Where it is in glibc (x86-64, aarch64) and musl (the same two): other fields may have a number of a thread by chance.
const USUAL_OFFSETS: [usize; 4] = [720, 208, 48, 32];
/// The most threads whose descriptors are compared to find it.
const MAX_COMPARED: usize = 64;

/// A thread state as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// The thread states of an interpreter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Newest first.
    pub states: Vec<ThreadState>,
    /// Whether that is all: a thread that ends while the list is followed cuts it off.
    pub is_whole: bool,
}

/// All thread states of an interpreter, but those seen before, of which there are so many at most: in a memory that
/// changes, lists may lead to each other and into themselves.
///
/// # Errors
/// If memory cannot be read.
pub fn of_interpreter(interpreter: &Interpreter, address: u64, seen: &mut HashSet<u64>) -> io::Result<Found> {
    let mut found = follow(interpreter, address, seen)?;
    for _ in 1..ATTEMPTS {
        if found.is_whole {
            break;
        }
        for state in &found.states {
            seen.remove(&state.address);
        }
        found = follow(interpreter, address, seen)?;
    }
    Ok(found)
}

fn follow(interpreter: &Interpreter, address: u64, seen: &mut HashSet<u64>) -> io::Result<Found> {
    let (remote, layout) = (interpreter.remote, &interpreter.layout);
    let native = if layout.thread_native_id == NONE { 0 } else { layout.thread_native_id };
    let mut head = vec![0; layout.thread_id.max(native) + 8];
    let mut states: Vec<ThreadState> = Vec::new();
    let mut at = remote.word(address.wrapping_add(layout.interp_threads_head as u64))?;
    while at != 0 && seen.len() < MAX_THREADS && !seen.contains(&at) {
        if remote.read(at, &mut head).is_err() || word_at(&head, layout.thread_interp) != address {
            return Ok(Found { states, is_whole: false });
        }
        seen.insert(at);
        states.push(ThreadState {
            address: at,
            interpreter: address,
            ident: word_at(&head, layout.thread_id),
            native: if native == 0 { 0 } else { u32::try_from(word_at(&head, native)).unwrap_or(0) },
        });
        at = word_at(&head, layout.thread_next);
    }
    Ok(Found { states, is_whole: true })
}

/// The threads of a process as the operating system has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// Their numbers, ascending.
    pub ids: Vec<u32>,
    /// The same by the numbers that the target's own pid namespace has for them, if that is not this one.
    inner: Option<HashMap<u32, u32>>,
    descriptor_offset: Option<usize>,
}

impl Tasks {
    /// Lists the threads of a process anew.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn update(&mut self, pid: u32) -> io::Result<()> {
        let is_first = self.ids.is_empty();
        self.ids = match proc_stat::tasks(pid) {
            // What cannot be listed now (no descriptor is left, say) has not ended.
            Err(error) if !proc_stat::means_gone(&error) => return Ok(()),
            found => found?,
        };
        if is_first && proc_stat::inner_number(pid, pid).is_some_and(|inner| inner != pid) {
            self.inner = Some(HashMap::default());
        }
        let Some(inner) = &mut self.inner else { return Ok(()) };
        inner.retain(|_, id| self.ids.binary_search(id).is_ok());
        let mut known: Vec<u32> = inner.values().copied().collect();
        known.sort_unstable();
        let new = self.ids.iter().filter(|id| known.binary_search(id).is_err());
        inner.extend(new.filter_map(|&id| Some((proc_stat::inner_number(pid, id)?, id))));
        Ok(())
    }

    /// The thread that a thread state belongs to.
    #[must_use]
    pub fn native(&mut self, interpreter: &Interpreter, state: &ThreadState) -> Option<u32> {
        self.of_number(state.native).or_else(|| self.by_descriptor(interpreter, state))
    }

    /// The thread that has a number in the target's own pid namespace.
    fn of_number(&self, number: u32) -> Option<u32> {
        match &self.inner {
            Some(inner) => inner.get(&number).copied(),
            None => self.ids.binary_search(&number).is_ok().then_some(number),
        }
    }

    /// Through the C library's descriptor.
    fn by_descriptor(&mut self, interpreter: &Interpreter, state: &ThreadState) -> Option<u32> {
        if self.descriptor_offset.is_none() {
            let states = of_interpreter(interpreter, state.interpreter, &mut HashSet::default()).ok()?.states;
            let descriptor = |state: &ThreadState| interpreter.remote.bytes(state.ident, DESCRIPTOR).ok();
            let descriptors: Vec<_> = states.iter().filter_map(descriptor).take(MAX_COMPARED).collect();
            self.descriptor_offset = self.offset_in(&descriptors);
        }
        let address = state.ident.wrapping_add(self.descriptor_offset? as u64);
        let number = interpreter.remote.bytes(address, 4).ok()?;
        self.of_number(u32::try_from(int_at(&number, 0)).ok()?)
    }

    /// Where descriptors have the numbers of their threads: where most of them have one of their own.
    fn offset_in(&self, descriptors: &[Vec<u8>]) -> Option<usize> {
        let count = |offset: usize| {
            let numbers = descriptors.iter().filter_map(|bytes| u32::try_from(int_at(bytes, offset)).ok());
            let mut found: Vec<u32> = numbers.filter_map(|number| self.of_number(number)).collect();
            found.sort_unstable();
            found.dedup();
            found.len()
        };
        let offsets = USUAL_OFFSETS.into_iter().chain((0..DESCRIPTOR).step_by(4));
        // The last of equals is taken.
        let best = offsets.rev().max_by_key(|&offset| count(offset));
        best.filter(|&offset| count(offset) > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;
    use crate::remote::Remote;
    use crate::version::Version;

    /// In this process, where every interpreter and every thread state is the same piece of memory.
    #[test]
    fn lists_that_lead_into_themselves() {
        let layout = Layout::known(Version::new(3, 10, 1)).unwrap();
        let own = [layout.runtime_interpreters_head, layout.interp_next, layout.interp_threads_head];
        let own = own.into_iter().chain([layout.thread_next, layout.thread_interp]);
        let mut words = vec![0_u64; own.clone().max().unwrap() / 8 + 64];
        let runtime = words.as_ptr() as u64;
        own.for_each(|offset| words[offset / 8] = runtime);
        let interpreter = Interpreter { remote: Remote::new(std::process::id()), layout, runtime };
        assert_eq!(interpreter.interpreters().unwrap(), [runtime]);
        let mut seen = HashSet::default();
        let mut states = || of_interpreter(&interpreter, runtime, &mut seen).unwrap().states;
        assert_eq!(states().iter().map(|state| state.address).collect::<Vec<_>>(), [runtime]);
        assert_eq!(states(), []);
    }

    /// An interpreter with one thread state, whose list leads on to where nothing is.
    #[test]
    fn a_list_that_is_cut_off_says_so() {
        let layout = Layout::known(Version::new(3, 10, 1)).unwrap();
        let (mut head, mut thread) = (vec![0_u64; 64], vec![0_u64; 64]);
        let address = head.as_ptr() as u64;
        head[layout.interp_threads_head / 8] = thread.as_ptr() as u64;
        thread[layout.thread_interp / 8] = address;
        let interpreter = Interpreter { remote: Remote::new(std::process::id()), layout, runtime: address };
        let mut is_whole = |next: u64| {
            thread[layout.thread_next / 8] = next;
            let mut seen = HashSet::default();
            let found = of_interpreter(&interpreter, address, &mut seen).unwrap();
            assert!(found.states.len() == 1 && seen.len() == 1, "{found:?} {seen:?}");
            found.is_whole
        };
        assert!(is_whole(0) && !is_whole(8));
    }

    fn descriptors(ints: &[&[(usize, u8)]]) -> Vec<Vec<u8>> {
        let descriptor = |ints: &&[(usize, u8)]| {
            let mut bytes = vec![0; DESCRIPTOR];
            ints.iter().for_each(|&(at, value)| bytes[at] = value);
            bytes
        };
        ints.iter().map(descriptor).collect()
    }

    #[test]
    fn a_flag_is_no_number_of_a_thread() {
        let tasks = Tasks { ids: vec![1, 2, 3], ..Tasks::default() };
        let of = |ints: &[&[(usize, u8)]]| tasks.offset_in(&descriptors(ints));
        // glibc says at 24 that there are several threads.
        assert_eq!(of(&[&[(24, 1), (720, 1)]]), Some(720));
        assert_eq!(of(&[&[(24, 1), (600, 3)], &[(24, 1), (600, 1)]]), Some(600));
        // One that has ended, or that a forked child does not have.
        assert_eq!(of(&[&[(24, 1), (600, 3)], &[(24, 1), (600, 2)], &[(24, 1), (600, 9)]]), Some(600));
        assert_eq!(of(&[&[(24, 9)]]), None);
    }

    #[test]
    fn numbers_of_another_namespace() {
        let inner = Some([(1, 70), (2, 71), (70, 72)].into_iter().collect());
        let tasks = Tasks { ids: vec![70, 71, 72], inner, ..Tasks::default() };
        assert_eq!(
            [1, 2, 70, 71].map(|number| tasks.of_number(number)),
            [Some(70), Some(71), Some(72), None]
        );
    }
}
