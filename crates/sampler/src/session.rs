//! The sampling loop: moments without drift, every process at each of them, a stream on disk.
//!
//! Time is cut into intervals of equal length, and each is sampled at a random moment within it: samples stand for equal times,
//! and a program with a period of its own does not beat against them. An interval whose moment passed before the sampler came
//! to it is missed: its time goes to the next sample, and it is counted.

mod family;
mod stream;

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use profkit_recording::stream::{Writer, kind};

use crate::binary::Binaries;
use crate::clock::{self, Dice};
use crate::coverage::Coverage;
use crate::interpreter::{self, Interpreter};
use crate::pause::Pause;
use crate::pending::PendingProcesses;
use crate::proc_stat;
use crate::process::{Counts, Process};
use crate::refusal::Refusal;
use crate::seat::Seat;
use crate::thread::Moment;
use crate::tree::{Tree, Written};

use family::Family;
pub use family::{Gone, is_python};

/// How to sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Samples a second of every thread; 0 is as fast as possible.
    pub rate: f64,
    /// Whether who awaits a running asyncio task is part of its stack.
    pub awaits: bool,
    /// Stop threads while they are read, with `ptrace`, so that each stack is of one moment.
    pub pause: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { rate: 1_000.0, awaits: false, pause: false }
    }
}

/// What can be asked of a session that runs.
#[derive(Debug)]
pub enum Command {
    /// Samples a process too; if it is not a Python yet, as soon as it is one.
    Add(u32),
    /// A process is no longer of interest.
    Remove(u32),
    /// A process has ended; it may have done so before it was sampled.
    Gone(Gone),
    /// Writes everything that was seen, and answers when that is done: a snapshot can be read then.
    Flush(Sender<()>),
    /// Ends the session.
    Stop,
}

/// What else is to be done before a sample, but not more often than every millisecond: so that no other thread must wake for it.
/// Says what the session is to do.
pub type Chore<'a> = &'a mut dyn FnMut() -> Vec<Command>;

/// Why [`Session::run`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was asked to.
    Stopped,
    /// The time was over.
    TimeOver,
    /// Every process has ended, and nobody can add another.
    AllEnded,
}

/// Samples processes into a stream.
#[derive(Debug)]
pub struct Session {
    options: Options,
    writer: Writer,
    tree: Tree,
    written: Written,
    /// How many processes are in the stream.
    begun: u32,
    binaries: Binaries,
    processes: Vec<Process>,
    family: Family,
    pending: PendingProcesses,
    /// Of processes that are not sampled any more.
    late: Vec<Pause>,
    coverage: Coverage,
    ended: Counts,
    began: Instant,
    flushed: u64,
    settled: u64,
    now: Moment,
    dice: Dice,
    seat: Seat,
}

/// What was seen is on disk after as long.
const FLUSH_INTERVAL: u64 = 90_000_000;
/// Threads are looked through for what is to be settled as often.
const SETTLE_INTERVAL: u64 = 5_000_000;
/// Threads that stop too late are let go on after as long.
const LATE_LOOK: u64 = 500_000;
/// Commands are looked for as often as samples are taken, but not more often than this, and not more seldom than that.
const COMMAND_INTERVAL: u64 = 1_000_000;
const LONGEST_SLEEP: u64 = 20_000_000;

impl Session {
    /// A session that writes to a new file.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn new(stream: &Path, options: Options) -> io::Result<Self> {
        Ok(Self::to(Writer::create(stream)?, options))
    }

    /// A session that writes to a stream which has only begun.
    #[must_use]
    pub fn to(mut writer: Writer, options: Options) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix = nanoseconds(unix);
        writer.record(kind::BEGIN, &[unix, interval(options)]);
        writer.flush();
        Self {
            options,
            writer,
            tree: Tree::default(),
            written: Written::default(),
            begun: 0,
            binaries: Binaries::default(),
            processes: Vec::new(),
            family: Family::default(),
            pending: PendingProcesses::default(),
            late: Vec::new(),
            coverage: Coverage::default(),
            ended: Counts::default(),
            began: Instant::now(),
            flushed: 0,
            settled: 0,
            now: Moment::default(),
            dice: Dice::new(unix),
            seat: if options.pause { Seat::none() } else { Seat::new(options.rate) },
        }
    }

    /// Samples a process from now on. One that is no Python, or not yet, is asked again until it ends; one that is sampled
    /// already and has become another program begins anew.
    ///
    /// # Errors
    /// What it is at this moment.
    pub fn add_process(&mut self, pid: u32) -> Result<(), Refusal> {
        if self.pending.renew(pid) {
            return Ok(());
        }
        match self.processes.iter().position(|process| process.pid == pid) {
            Some(at) if self.processes.get(at).is_some_and(Process::is_same_program) => {
                return Ok(());
            }
            Some(at) => self.end(at),
            None => self.coverage.processes_seen += u64::from(self.family.count(pid)),
        }
        match self.find(pid) {
            Ok((interpreter, pause)) => {
                self.begin(pid, interpreter, pause);
                Ok(())
            }
            Err(refusal) => {
                if !matches!(refusal, Refusal::NotYet | Refusal::NotPython { .. } | Refusal::Gone) {
                    self.family.add(pid, None);
                }
                self.pending.add(pid, &refusal);
                Err(refusal)
            }
        }
    }

    /// Whether a process is being sampled.
    #[must_use]
    pub fn is_sampled(&self, pid: u32) -> bool {
        self.processes.iter().any(|process| process.pid == pid)
    }

    /// Whether no process is sampled or waited for.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.processes.is_empty() && self.pending.is_empty()
    }

    /// The interpreter of a process, and what is to stop it if that is wanted.
    fn find(&mut self, pid: u32) -> Result<(Interpreter, Option<Pause>), Refusal> {
        let interpreter = interpreter::find(pid, &mut self.binaries)?;
        Ok((interpreter, self.options.pause.then(|| Pause::new(pid)).transpose()?))
    }

    fn begin(&mut self, pid: u32, interpreter: Interpreter, pause: Option<Pause>) {
        let line = proc_stat::command_line(pid);
        let command = self.tree.text(&line);
        let (start, _) = proc_stat::start_and_parent(pid).unwrap_or_default();
        let version = interpreter.layout.version.hex();
        self.write_process(pid, start, version, command);
        self.family.add(pid, Some((version, command)));
        self.coverage.processes_sampled += 1;
        let mut process = Process::new(pid, self.begun, line, interpreter, pause, self.now);
        if self.options.awaits {
            process.follow_awaits();
        }
        self.processes.push(process);
    }

    /// No longer samples a process.
    pub fn remove_process(&mut self, pid: u32) {
        self.pending.end(pid);
        if let Some(at) = self.processes.iter().position(|process| process.pid == pid) {
            self.end(at);
        }
    }

    fn end(&mut self, at: usize) {
        let mut process = self.processes.swap_remove(at);
        self.late.extend(process.take_pause().filter(Pause::is_late));
        self.write_tables();
        process.settle(self.now, &mut self.writer, true);
        process.close(&mut self.writer);
        self.ended.add(process.counts);
    }

    /// Samples until a time, a command, or the end of every process.
    pub fn run(&mut self, until: Option<Instant>, commands: &Receiver<Command>) -> Outcome {
        self.run_beside(until, commands, None)
    }

    /// The same, and does something else in between.
    pub fn run_beside(
        &mut self,
        until: Option<Instant>,
        commands: &Receiver<Command>,
        mut chore: Option<Chore<'_>>,
    ) -> Outcome {
        let interval = interval(self.options);
        // Of this thread only: what the front starts must not inherit it.
        clock::be_prompt(interval > 0);
        let mut next = self.now.ns;
        self.began = Instant::now().checked_sub(Duration::from_nanos(self.now.ns)).unwrap_or(self.began);
        let mut is_open = true;
        let mut at = self.elapsed();
        let mut looked = at;
        loop {
            let planned = if interval == 0 { self.elapsed() } else { next + self.dice.below(interval) };
            loop {
                let to = planned.min(at + LONGEST_SLEEP);
                at = self.wait(to, interval);
                // Whoever has begun by now is to be sampled.
                if at - looked >= COMMAND_INTERVAL {
                    looked = at;
                    if let Some(outcome) = self.look(until, commands, &mut chore, &mut is_open) {
                        return self.finish(outcome);
                    }
                    at = self.elapsed();
                }
                if to == planned {
                    break;
                }
            }
            // A moment that is late by less than an interval is sampled all the same, at once.
            let missed = at.saturating_sub(planned).checked_div(interval).unwrap_or(0);
            next = if interval == 0 { at } else { next + (missed + 1) * interval };
            self.coverage.missed += missed;
            self.coverage.asked += missed + 1;
            self.coverage.taken += 1;
            self.coverage.lateness_ns += at.saturating_sub(planned) - missed * interval;
            self.sample(Moment { ns: next, index: self.coverage.taken });
        }
    }

    /// Looks for commands, and for processes that have become a Python. Whether that is the end, or time is.
    fn look(
        &mut self,
        until: Option<Instant>,
        commands: &Receiver<Command>,
        chore: &mut Option<Chore<'_>>,
        is_open: &mut bool,
    ) -> Option<Outcome> {
        let now = Instant::now();
        self.retry(now);
        self.serve(chore);
        let outcome = self
            .obey(commands, is_open)
            .or_else(|| until.is_some_and(|until| now >= until).then_some(Outcome::TimeOver))
            .or_else(|| (!*is_open && self.is_idle()).then_some(Outcome::AllEnded))?;
        self.serve(chore);
        Some(outcome)
    }

    fn serve(&mut self, chore: &mut Option<Chore<'_>>) {
        for command in chore.as_mut().map_or_else(Vec::new, |chore| chore()) {
            self.carry_out(command);
        }
    }

    fn elapsed(&self) -> u64 {
        nanoseconds(self.began.elapsed())
    }

    /// Waits until a moment. Says when it is.
    fn wait(&mut self, planned: u64, interval: u64) -> u64 {
        if interval == 0 && !self.options.pause {
            return planned;
        }
        let planned = if self.options.pause { self.rest(planned) } else { planned };
        clock::sleep_until(self.began, planned);
        self.elapsed()
    }

    /// Lets threads go on that are late to stop, until a moment or until all may be stopped again. Says which it is.
    fn rest(&mut self, planned: u64) -> u64 {
        loop {
            let pauses = || self.processes.iter().filter_map(Process::pause);
            let next = pauses().map(Pause::next).max().map_or(Duration::ZERO, |next| next - self.began);
            let planned = planned.max(nanoseconds(next));
            let is_late = !self.late.is_empty() || pauses().any(Pause::is_late);
            let look = self.elapsed() + LATE_LOOK;
            if !is_late || look >= planned {
                return planned;
            }
            clock::sleep_until(self.began, look);
            self.processes.iter_mut().for_each(Process::resume);
            self.late.retain_mut(|pause| {
                pause.resume();
                pause.is_late()
            });
        }
    }

    fn sample(&mut self, now: Moment) {
        self.now = now;
        self.seat.begin();
        let mut at = 0;
        while let Some(process) = self.processes.get_mut(at) {
            match process.sample(now, &mut self.tree, &mut self.writer, &mut self.seat) {
                Ok(()) => at += 1,
                Err(error) => {
                    let pid = process.pid;
                    self.end(at);
                    // It may have replaced its program by another.
                    if error.raw_os_error() != Some(libc::ESRCH) {
                        self.pending.add(pid, &Refusal::NotYet);
                    }
                }
            }
        }
        self.seat.end();
        if now.ns - self.settled >= SETTLE_INTERVAL {
            self.settled = now.ns;
            self.settle(false);
            if now.ns - self.flushed >= FLUSH_INTERVAL {
                self.flush();
            }
        }
    }

    fn settle(&mut self, all: bool) {
        let now = self.now;
        for process in &mut self.processes {
            process.care(now, &mut self.tree);
        }
        self.write_tables();
        for process in &mut self.processes {
            process.settle(now, &mut self.writer, all);
        }
    }

    fn retry(&mut self, now: Instant) {
        for pid in self.pending.due(now) {
            match self.find(pid) {
                Ok((interpreter, pause)) => {
                    self.pending.begin(pid);
                    self.begin(pid, interpreter, pause);
                }
                Err(refusal) => self.pending.again(pid, &refusal, now),
            }
        }
    }

    fn obey(&mut self, commands: &Receiver<Command>, is_open: &mut bool) -> Option<Outcome> {
        loop {
            match commands.try_recv() {
                Ok(command) => {
                    if let Some(outcome) = self.carry_out(command) {
                        return Some(outcome);
                    }
                }
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => {
                    *is_open = false;
                    return None;
                }
            }
        }
    }

    fn carry_out(&mut self, command: Command) -> Option<Outcome> {
        match command {
            Command::Add(pid) => {
                // What cannot be sampled yet is asked again.
                let _ = self.add_process(pid);
            }
            Command::Remove(pid) => self.remove_process(pid),
            Command::Gone(gone) => self.note_gone(&gone),
            Command::Flush(answer) => {
                self.flush();
                // Nobody may wait for the answer any more.
                let _ = answer.send(());
            }
            Command::Stop => return Some(Outcome::Stopped),
        }
        None
    }
}

/// Nanoseconds between samples.
fn interval(options: Options) -> u64 {
    if options.rate <= 0.0 {
        return 0;
    }
    nanoseconds(Duration::from_secs_f64((1.0 / options.rate).min(3_600.0))).max(1)
}

/// As a number, the largest if it is longer: 584 years.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
