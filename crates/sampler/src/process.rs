//! One process that is sampled: its interpreters' locks and its threads.
//!
//! A look at a lock comes first. If it did not go to another thread since the last look, only the thread that took it last can
//! have changed its stack: the others are not read, and the time that passed is added to the stacks that they have. So idle
//! threads cost nothing but now and then. Where there is no lock, the kernel is asked whether a thread can have run.
//!
//! That look also brings the kernel's way to the target's memory into the caches, so that the stack is read in a short time. The
//! stack itself must not be read twice for that: it would take its cache lines away from the target, which then is slow
//! where it goes deep, just while it is looked at: sampled shares were wrong by 30 percentage points.

mod listing;
mod nested;

use std::io;

use profkit_recording::stream::{Writer, kind};

use self::listing::Listing;
use crate::asyncio::{Chains, Naming};
use crate::ended::Ended;
use crate::gil::Locks;
use crate::interpreter::Interpreter;
use crate::names::Names;
use crate::pause::Pause;
use crate::reading::Context;
use crate::seat::Seat;
use crate::thread::{Due, Moment, Thread};
use crate::thread_names;
use crate::threads::Tasks;
use crate::tree::Tree;

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
pub(crate) struct Process {
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
    /// Threads of the operating system with several thread states.
    nested: Vec<u32>,
    ended: Ended,
    renamed: Vec<(u32, u32)>,
    listing: Listing,
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
    pub(crate) fn new(
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
            nested: Vec::new(),
            ended: Ended::default(),
            renamed: Vec::new(),
            listing: Listing::default(),
            looked: 0,
            named: now.ns,
            name_at: now.ns + NAMES_SOON,
            last: now,
            marker: 0,
            pause,
        }
    }

    /// From now on, who awaits a running asyncio task is part of its stack.
    pub(crate) fn follow_awaits(&mut self) {
        self.chains = Some(Chains::new(self.pid, Naming::Chosen));
    }

    /// Whether its command line is what it was.
    #[must_use]
    pub(crate) fn is_same_program(&self) -> bool {
        crate::proc_stat::command_line(self.pid) == self.command
    }

    /// Samples every thread.
    ///
    /// # Errors
    /// If the process has ended or runs another program.
    pub(crate) fn sample(
        &mut self,
        now: Moment,
        tree: &mut Tree,
        writer: &mut Writer,
        seat: &mut Seat,
    ) -> io::Result<()> {
        if self.locks.is_empty() || self.listing.is_due(now.ns) {
            self.list(now, writer)?;
        }
        if now.ns - self.looked >= LOCK_INTERVAL {
            self.look(now)?;
            let is_known = |holder| self.threads.iter().any(|thread| thread.state.address == holder);
            let is_wanted = self.locks.ask_for_list(is_known, self.listing.since(now.ns));
            if is_wanted || self.listing.may_begin(now.ns) && self.locks.have_new() {
                self.list(now, writer)?;
            }
        }
        self.choose(now);
        self.stop(now)?;
        let result = self.read(now, tree, seat);
        self.resume();
        if result.is_ok() {
            self.last = now;
        }
        result
    }

    /// Which threads can have run since they were read last.
    fn choose(&mut self, now: Moment) {
        self.nest();
        for thread in self.threads.iter_mut().filter(|thread| !thread.stands) {
            thread.is_due = self.locks.get(thread.lock).is_some_and(|lock| match lock.gil.is_disabled {
                true => !thread.rests(now),
                false => lock.read_all || lock.gil.last_holder == thread.state.address,
            });
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
    pub(crate) fn resume(&mut self) {
        if let Some(pause) = &mut self.pause {
            pause.resume();
            self.counts.stopped_ns = pause.stopped_ns;
        }
    }

    /// What stops its threads, if anything does.
    #[must_use]
    pub(crate) fn pause(&self) -> Option<&Pause> {
        self.pause.as_ref()
    }

    /// The same, to be kept while the process is given up: threads that are late to stop must be let go on.
    pub(crate) fn take_pause(&mut self) -> Option<Pause> {
        self.pause.take()
    }

    /// Looks at the locks.
    fn look(&mut self, now: Moment) -> io::Result<()> {
        self.looked = now.ns;
        if !self.locks.look(self.interpreter.remote, &self.interpreter.layout)? {
            self.listing.at_once();
        }
        Ok(())
    }

    /// Reads the stacks of threads that can have run.
    fn read(&mut self, now: Moment, tree: &mut Tree, seat: &mut Seat) -> io::Result<()> {
        let Self { pid, interpreter, names, threads, locks, counts, last, marker, chains, pause, .. } = self;
        let layout = interpreter.layout;
        names.begin(now.ns);
        // Threads that stand, and their stacks: states in interpreters that call others come before those.
        let mut below: Vec<(u32, u32)> = Vec::new();
        for thread in threads.iter_mut() {
            if thread.stands && !thread.is_due {
                below.push((thread.tid, thread.stack));
                continue;
            }
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
                    thread.read_again();
                    continue;
                }
            };
            counts.cut += u64::from(reading.cut);
            if reading.cut || !reading.certain {
                thread.read_again();
            }
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
            if let Some(&(_, under)) = below.iter().rfind(|(tid, _)| *tid == thread.tid) {
                stack = tree.on(under, stack);
            }
            if thread.stands {
                (thread.stack, thread.is_due) = (stack, reading.cut);
                below.push((thread.tid, stack));
                continue;
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
    pub(crate) fn settle(&mut self, now: Moment, writer: &mut Writer, all: bool) {
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
            self.listing.at_once();
            self.end_threads(|thread| gone.contains(&thread.tid));
        }
        self.ended.settle(self.pid, &self.threads, writer, all);
    }

    /// It is not sampled any more: nothing is left to be told.
    pub(crate) fn close(&mut self, writer: &mut Writer) {
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
    pub(crate) fn care(&mut self, now: Moment, tree: &mut Tree) {
        if now.ns >= self.name_at || now.ns - self.named >= NAMES_INTERVAL {
            self.name_threads(now, tree);
        }
    }

    /// Names the threads as Python does.
    pub(crate) fn name_threads(&mut self, now: Moment, tree: &mut Tree) {
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
}

/// What stands on top of the stack of a thread that collects garbage.
pub(crate) const GC_MARKER: &str = "<GC>";
