//! One process that is sampled: its interpreters' locks and its threads.
//!
//! A look at a lock comes first. If it did not go to another thread since the last look, only the thread that took it last can
//! have changed its stack: the others are not read, and the time that passed is added to the stacks that they have. So idle
//! threads cost nothing but now and then.
//!
//! That look also brings the kernel's way to the target's memory into the caches, so that the stack is read in a short time. The
//! stack itself must not be read twice for that: it would take its cache lines away from the target, which then is slow
//! where it goes deep, just while it is looked at: sampled shares were wrong by 30 percentage points.

use std::io;
use std::time::Instant;

use foldhash::{HashMap, HashSet};
use profkit_recording::stream::{Writer, kind};

use crate::asyncio::{Chains, Naming};
use crate::ended::Ended;
use crate::gil::{self, Locks};
use crate::interpreter::Interpreter;
use crate::names::Names;
use crate::pause::Pause;
use crate::reader::Reader;
use crate::reading::Context;
use crate::seat::Seat;
use crate::thread::{Due, Moment, Thread};
use crate::thread_names;
use crate::threads::{self, Found, Tasks, ThreadState};
use crate::tree::Tree;

/// Threads are listed anew after as long; sooner if one takes a lock that is not known.
const LIST_INTERVAL: u64 = 100_000_000;
/// A thread state that still seems to be of a thread that has another one is believed after as long.
const DOUBT: u64 = 1_000_000_000;
/// Sooner if one is not known to belong to a thread of its own: after as long, less and less often while that is so.
const LIST_SOON: u64 = 1_000_000;
/// Threads are not listed for more than one part in as many of the time.
const LIST_COST: u64 = 20;
/// Threads are asked for their names anew after as long, and once soon after they appear.
const NAMES_INTERVAL: u64 = 5_000_000_000;
const NAMES_SOON: u64 = 30_000_000;
/// At higher rates, locks are looked at as seldom: a look costs most of what a sample costs.
pub(crate) const LOCK_INTERVAL: u64 = 100_000;

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Stacks that were read.
    pub read: u64,
    /// Of these, how many were cut.
    pub cut: u64,
    /// Of these, how many were read from the processor of their thread, which stood therefore.
    pub seated: u64,
    /// Stacks that could not be read.
    pub failed: u64,
    /// Stacks in which an asyncio task ran, if its awaiters were asked for.
    pub chains: u64,
    /// Stacks of a task whose awaiters were not all found.
    pub chains_cut: u64,
    /// Threads that the operating system had.
    pub threads_seen: u64,
    /// Threads that were sampled.
    pub threads_sampled: u64,
    /// Nanoseconds for which threads were stopped.
    pub stopped_ns: u64,
}

/// A process that is sampled.
#[derive(Debug)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its number in the stream.
    pub id: u32,
    /// Where things are.
    pub interpreter: Interpreter,
    /// What was counted.
    pub counts: Counts,
    command: String,
    names: Names,
    tasks: Tasks,
    tasks_known: Vec<u32>,
    locks: Locks,
    threads: Vec<Thread>,
    /// Thread states that seem to be of a thread that has one, since when. Up to 3.11 whoever starts a thread makes its
    /// thread state, with the number of the one who makes it; the right one is there before it runs any Python.
    doubted: HashMap<ThreadState, u64>,
    ended: Ended,
    renamed: Vec<(u32, u32)>,
    listed: u64,
    /// They are listed anew after as long.
    list_again: u64,
    /// No sooner than that.
    list_gap: u64,
    /// The newest thread state that is not known to belong to a thread of its own, 0 for none.
    unsettled: u64,
    looked: u64,
    named: u64,
    name_at: u64,
    last: Moment,
    marker: u32,
    chains: Option<Chains>,
    pause: Option<Pause>,
}

impl Process {
    /// A process whose interpreter was found; with `pause`, threads are stopped while they are read.
    #[must_use]
    pub fn new(
        pid: u32,
        id: u32,
        command: String,
        interpreter: Interpreter,
        pause: Option<Pause>,
        now: Moment,
    ) -> Self {
        Self {
            chains: None,
            pid,
            id,
            command,
            interpreter,
            counts: Counts::default(),
            names: Names::default(),
            tasks: Tasks::default(),
            tasks_known: Vec::new(),
            locks: Locks::default(),
            threads: Vec::new(),
            doubted: HashMap::default(),
            ended: Ended::default(),
            renamed: Vec::new(),
            listed: 0,
            list_again: LIST_INTERVAL,
            list_gap: 0,
            unsettled: 0,
            looked: 0,
            named: now.ns,
            name_at: now.ns + NAMES_SOON,
            last: now,
            marker: 0,
            pause,
        }
    }

    /// From now on, who awaits a running asyncio task is part of its stack.
    pub fn follow_awaits(&mut self) {
        self.chains = Some(Chains::new(self.pid, Naming::Chosen));
    }

    /// Whether its command line is what it was.
    #[must_use]
    pub fn is_same_program(&self) -> bool {
        crate::proc_stat::command_line(self.pid) == self.command
    }

    /// Samples every thread.
    ///
    /// # Errors
    /// If the process has ended or runs another program.
    pub fn sample(
        &mut self,
        now: Moment,
        tree: &mut Tree,
        writer: &mut Writer,
        seat: &mut Seat,
    ) -> io::Result<()> {
        if self.locks.is_empty() || now.ns - self.listed >= self.list_again {
            self.list(now, writer)?;
        }
        if now.ns - self.looked >= LOCK_INTERVAL {
            self.look(now)?;
            let is_known = |holder| self.threads.iter().any(|thread| thread.state.address == holder);
            let since = now.ns - self.listed;
            if self.locks.ask_for_list(is_known, since) || since >= self.list_gap && self.locks.have_new() {
                self.list(now, writer)?;
            }
        }
        self.choose();
        self.stop(now)?;
        let result = self.read(now, tree, seat);
        self.resume();
        if result.is_ok() {
            self.last = now;
        }
        result
    }

    /// Which threads can have run since they were read last.
    fn choose(&mut self) {
        for thread in &mut self.threads {
            let lock = self.locks.get(thread.lock);
            thread.is_due =
                lock.is_some_and(|lock| lock.read_all || lock.gil.last_holder == thread.state.address);
        }
        for lock in self.locks.iter_mut() {
            lock.read_all = false;
        }
    }

    /// Stops those, if it is wanted, and looks at their locks as they are then.
    fn stop(&mut self, now: Moment) -> io::Result<()> {
        let Some(pause) = &mut self.pause else { return Ok(()) };
        pause.stop(self.threads.iter().filter(|thread| thread.is_due).map(|thread| thread.tid));
        self.look(now).inspect_err(|_| self.resume())
    }

    /// Lets those go on that were stopped.
    pub fn resume(&mut self) {
        if let Some(pause) = &mut self.pause {
            pause.resume();
            self.counts.stopped_ns = pause.stopped_ns;
        }
    }

    /// What stops its threads, if anything does.
    #[must_use]
    pub fn pause(&self) -> Option<&Pause> {
        self.pause.as_ref()
    }

    /// The same, to be kept while the process is given up: threads that are late to stop must be let go on.
    pub fn take_pause(&mut self) -> Option<Pause> {
        self.pause.take()
    }

    /// Looks at the locks.
    fn look(&mut self, now: Moment) -> io::Result<()> {
        self.looked = now.ns;
        if !self.locks.look(self.interpreter.remote, &self.interpreter.layout)? {
            self.listed = 0;
        }
        Ok(())
    }

    /// Reads the stacks of threads that can have run.
    fn read(&mut self, now: Moment, tree: &mut Tree, seat: &mut Seat) -> io::Result<()> {
        let Self { pid, interpreter, names, threads, locks, counts, last, marker, chains, pause, .. } = self;
        let layout = interpreter.layout;
        names.begin(now.ns);
        for thread in threads.iter_mut() {
            let Some(lock) = locks.get(thread.lock) else { continue };
            let has_gil = lock.gil.is_held_by(thread.state.address);
            if !thread.is_due {
                // Nothing of it can have changed but whether it waits.
                thread.ask(lock, has_gil, now, *last);
                continue;
            }
            let is_stopped = match pause {
                Some(pause) => pause.holds(thread.tid),
                None => seat.holds(*pid, thread.tid),
            };
            let mut context =
                Context { remote: interpreter.remote, layout: &layout, names, tree, is_stopped, seat };
            counts.read += 1;
            let reading = match thread.reader.read(&mut context) {
                Ok(reading) => reading,
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Err(error),
                Err(_) => {
                    counts.failed += 1;
                    continue;
                }
            };
            counts.cut += u64::from(reading.cut);
            counts.seated += u64::from(context.is_stopped && context.seat.is_taken());
            context.seat.count(reading.cut);
            let mut stack = reading.stack;
            if let Some(chains) = chains {
                let extended = chains.extend(&mut context, &thread.state, thread.reader.rows(), stack);
                stack = extended.stack;
                counts.chains += u64::from(extended.has_task);
                counts.chains_cut += u64::from(extended.cut);
            }
            if lock.is_collecting && has_gil && stack != 0 {
                if *marker == 0 {
                    let function = tree.function(GC_MARKER, "", 0);
                    *marker = tree.frames.id((function, 0));
                }
                stack = tree.stacks.id((stack, *marker));
            }
            // What was before is over with the sample before this one.
            if stack != thread.stack || has_gil != thread.has_gil {
                thread.account(*last);
                thread.stack = stack;
                thread.has_gil = has_gil;
                thread.changed = now.ns;
            }
            thread.ask(lock, has_gil, now, *last);
        }
        Ok(())
    }

    /// Settles what was seen: what runs every `CPU_INTERVAL`, everything if `all`. The tables have been written.
    pub fn settle(&mut self, now: Moment, writer: &mut Writer, all: bool) {
        for (thread, name) in self.renamed.drain(..) {
            writer.record(kind::NAME, &[u64::from(thread), u64::from(name)]);
        }
        let mut gone = Vec::new();
        for thread in &mut self.threads {
            let is_there = match thread.due(now) {
                _ if all => thread.settle(now, writer),
                Due::Nothing => true,
                Due::Look => thread.is_there(now),
                Due::Settle => thread.settle(now, writer),
            };
            if !is_there {
                gone.push(thread.tid);
            }
        }
        if !gone.is_empty() {
            // Others may have their places.
            self.listed = 0;
            self.end_threads(|thread| gone.contains(&thread.tid));
        }
        self.ended.settle(self.pid, &self.threads, writer, all);
    }

    /// It is not sampled any more: nothing is left to be told.
    pub fn close(&mut self, writer: &mut Writer) {
        self.threads.iter_mut().for_each(|thread| thread.close(writer));
    }

    /// No longer samples some threads.
    fn end_threads(&mut self, mut has_ended: impl FnMut(&Thread) -> bool) {
        let last = self.last;
        let ended = self.threads.extract_if(.., |thread| has_ended(thread));
        self.ended.extend(ended.map(|mut thread| {
            thread.end(last);
            thread
        }));
    }

    /// What is done now and then: names of threads.
    pub fn care(&mut self, now: Moment, tree: &mut Tree) {
        if now.ns >= self.name_at || now.ns - self.named >= NAMES_INTERVAL {
            self.name_threads(now, tree);
        }
    }

    /// Names the threads as Python does.
    pub fn name_threads(&mut self, now: Moment, tree: &mut Tree) {
        self.named = now.ns;
        self.name_at = u64::MAX;
        let Ok(interpreters) = self.interpreter.interpreters() else { return };
        for address in interpreters {
            let python = thread_names::of_interpreter(&self.interpreter, address);
            for thread in self.threads.iter_mut().filter(|thread| thread.state.interpreter == address) {
                let name = python.get(&thread.state.ident).cloned();
                let Some(name) = name.or_else(|| thread_names::fallback(self.pid, thread.tid)) else {
                    continue;
                };
                let text = tree.text(&name);
                if text != thread.name {
                    thread.name = text;
                    self.renamed.push((thread.id, text));
                }
            }
        }
    }

    /// Lists interpreters, locks and threads.
    fn list(&mut self, now: Moment, writer: &mut Writer) -> io::Result<()> {
        let begin = Instant::now();
        self.listed = now.ns;
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
        self.doubted.retain(|state, _| lives.contains_key(state));
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
        self.ended.begin(self.pid, &self.tasks.ids, &self.threads);
        self.list_again = match unsettled {
            0 => LIST_INTERVAL,
            same if same == self.unsettled => (self.list_again * 2).min(LIST_INTERVAL),
            _ => LIST_SOON,
        };
        self.unsettled = unsettled;
        self.list_gap =
            begin.elapsed().as_nanos().try_into().map_or(LIST_INTERVAL, |took: u64| took * LIST_COST);
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
        if self.threads.iter().any(is_same)
            && now.ns - self.doubted.entry(state).or_insert(now.ns).to_owned() < DOUBT
        {
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

/// What stands on top of the stack of a thread that collects garbage.
pub const GC_MARKER: &str = "<GC>";
