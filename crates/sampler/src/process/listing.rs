//! Which threads there are: when they are listed, and who is believed to be one.

use std::io;
use std::time::{Duration, Instant};

use foldhash::{HashMap, HashSet};
use profkit_recording::stream::{Writer, kind};

use super::{NAMES_SOON, Process};
use crate::gil::{self, LIST_AGAIN, LIST_SELDOM};
use crate::reader::Reader;
use crate::thread::{Moment, Thread};
use crate::threads::{self, Found, ThreadState};

/// A thread state that still seems to be of a thread that has another one is believed after as long.
const DOUBT: u64 = 1_000_000_000;
/// Threads are not listed for more than one part in as many of the time.
const COST: u32 = 20;

/// When threads are listed anew, and what was not certain when they were listed last.
#[derive(Debug)]
pub(super) struct Listing {
    at: u64,
    /// They are listed anew after as long: [`LIST_SELDOM`]; sooner, from [`LIST_AGAIN`] on and less and less often, while one
    /// is not known to belong to a thread of its own.
    again: u64,
    /// No sooner than that.
    gap: u64,
    /// The newest thread state that is not known to belong to a thread of its own, 0 for none.
    unsettled: u64,
    /// Thread states that seem to be of a thread that has one, since when. Up to 3.11 whoever starts a thread makes its
    /// thread state, with the number of the one who makes it; the right one is there before it runs any Python.
    doubted: HashMap<ThreadState, u64>,
}

impl Default for Listing {
    fn default() -> Self {
        Self { at: 0, again: LIST_SELDOM, gap: 0, unsettled: 0, doubted: HashMap::default() }
    }
}

impl Listing {
    /// How long ago they were listed.
    pub(super) fn since(&self, now: u64) -> u64 {
        now - self.at
    }

    pub(super) fn is_due(&self, now: u64) -> bool {
        self.since(now) >= self.again
    }

    /// Whether they may be listed sooner than they are due.
    pub(super) fn may_begin(&self, now: u64) -> bool {
        self.since(now) >= self.gap
    }

    /// They are listed at the next sample.
    pub(super) fn at_once(&mut self) {
        self.at = 0;
    }

    fn doubts(&mut self, state: ThreadState, now: u64) -> bool {
        now - *self.doubted.entry(state).or_insert(now) < DOUBT
    }

    fn end(&mut self, unsettled: u64, took: Duration) {
        self.again = match unsettled {
            0 => LIST_SELDOM,
            same if same == self.unsettled => (self.again * 2).min(LIST_SELDOM),
            _ => LIST_AGAIN,
        };
        self.unsettled = unsettled;
        self.gap = (took * COST).as_nanos().try_into().unwrap_or(LIST_SELDOM);
    }
}

impl Process {
    /// Lists interpreters, locks and threads.
    pub(super) fn list(&mut self, now: Moment, writer: &mut Writer) -> io::Result<()> {
        let begin = Instant::now();
        self.listing.at = now.ns;
        // Locks that are new are looked at before stacks are read.
        self.looked = 0;
        let found = match self.find() {
            Ok(found) => found,
            // An interpreter may have ended while it was looked at.
            Err(_) => self.find()?,
        };
        self.locks.keep(&found.iter().map(|&(lock, _)| lock).collect::<Vec<_>>());
        let is_whole = found.iter().all(|(_, found)| found.is_whole);
        let mut found: Vec<(ThreadState, usize)> = found
            .into_iter()
            .flat_map(|(lock, found)| found.states.into_iter().map(move |state| (state, lock)))
            .collect();
        let lives: HashMap<ThreadState, usize> = found.iter().copied().collect();
        let taken: HashSet<u64> = found.iter().map(|(state, _)| state.address).collect();
        // Who is not in a list that was cut off may live, unless another one has its place.
        let may_live = |state: &ThreadState| !is_whole && !taken.contains(&state.address);
        self.end_threads(|thread| !lives.contains_key(&thread.state) && !may_live(&thread.state));
        for thread in &mut self.threads {
            thread.lock = lives.get(&thread.state).copied().unwrap_or(thread.lock);
        }
        let sampled: HashSet<ThreadState> = self.threads.iter().map(|thread| thread.state).collect();
        found.retain(|(state, _)| !sampled.contains(state));
        self.listing.doubted.retain(|state, _| lives.contains_key(state));
        let mut known = Vec::new();
        if !found.is_empty() || self.tasks.ids.is_empty() {
            self.tasks.update(self.pid)?;
            known = self.count_tasks();
        }
        let mut unsettled = 0;
        // The oldest first.
        for (state, lock) in found.into_iter().rev() {
            if !self.add(state, lock, &known, now, writer) {
                unsettled = state.address;
            }
        }
        self.find_nested();
        self.ended.begin(self.pid, &self.tasks.ids, &self.threads);
        self.listing.end(unsettled, begin.elapsed());
        Ok(())
    }

    /// The thread states of each interpreter, and the index of its lock.
    fn find(&mut self) -> io::Result<Vec<(usize, Found)>> {
        let (mut found, mut seen) = (Vec::new(), HashSet::default());
        for address in self.interpreter.interpreters()? {
            let lock_address = gil::address(&self.interpreter, address)?;
            if lock_address == 0 {
                continue;
            }
            let collecting = gil::collecting_address(&self.interpreter, address);
            let states = threads::of_interpreter(&self.interpreter, address, &mut seen)?;
            let newest = (
                address + self.interpreter.layout.interp_threads_head as u64,
                states.states.first().map_or(0, |state| state.address),
            );
            found.push((self.locks.index(lock_address, collecting, newest), states));
        }
        Ok(found)
    }

    /// Counts those that are new; those that were known before.
    fn count_tasks(&mut self) -> Vec<u32> {
        let known = std::mem::replace(&mut self.tasks_known, self.tasks.ids.clone());
        let new = self.tasks.ids.iter().filter(|id| known.binary_search(id).is_err()).count();
        self.counts.threads_seen += new as u64;
        known
    }

    /// `known` are the threads that there were before, none at first. Says whether it is a thread of its own, as far as is known.
    fn add(
        &mut self,
        state: ThreadState,
        lock: usize,
        known: &[u32],
        now: Moment,
        writer: &mut Writer,
    ) -> bool {
        // A thread state of a thread that does not exist: a forked child has its parent's for a moment.
        let Some(tid) = self.tasks.native(&self.interpreter, &state) else { return false };
        let is_same = |other: &Thread| other.tid == tid && other.state.interpreter == state.interpreter;
        if self.threads.iter().any(is_same) && self.listing.doubts(state, now.ns) {
            return false;
        }
        let reader = Reader::new(&self.interpreter.layout, state.address);
        let is_new = !known.is_empty() && known.binary_search(&tid).is_err();
        let mut thread = Thread::new(self.pid, (tid, is_new), state, lock, reader, self.last);
        thread.id = writer.next_thread();
        writer.record(kind::THREAD, &[u64::from(self.id), u64::from(tid), self.last.ns]);
        self.counts.threads_sampled += 1;
        self.threads.push(thread);
        self.name_at = self.name_at.min(now.ns + NAMES_SOON);
        self.locks.read_all(lock);
        true
    }
}
