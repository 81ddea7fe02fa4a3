//! Runs the sampler beside the front, and tells it of processes that begin and end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use profkit_recording::stream::Writer;
use profkit_sampler::refusal::Refusal;
use profkit_sampler::session::{Command, Options, Session};

use crate::births::Births;
use crate::process::Process;
use crate::signals::Caller;
use crate::watch::{Change, Load, Watcher};

/// How to sample.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    /// Samples a second of every thread; 0 is as many as the machine can do.
    pub rate: f64,
    /// The processes below the first one as well.
    pub subprocesses: bool,
    /// Who awaits a running asyncio task, in its stack.
    pub awaits: bool,
    /// Stop threads while they are read.
    pub pause: bool,
}

/// The sampler at work.
pub(crate) struct Sampling {
    commands: Sender<Command>,
    thread: JoinHandle<Option<io::Error>>,
    watcher: Watcher,
    /// The kernel tells of each process that begins.
    is_told: Arc<AtomicBool>,
    subprocesses: bool,
    thorough: Instant,
    is_called: bool,
}

/// New processes are looked for this often, and soon again after some have begun: a child of 20 ms must be seen.
pub(crate) const LOOK: Duration = Duration::from_millis(2);
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// The whole tree is walked this often, for programs that became others.
const THOROUGH: Duration = Duration::from_millis(50);
/// The sampler may take as long to do what it was asked.
const PATIENCE: Duration = Duration::from_secs(5);

impl Sampling {
    /// Begins with one process; says what that is by now. One of our own was started after `watch::adopt`. With the
    /// kernel's word of births nobody needs to [`look`](Self::look) for new processes, and with a caller not all the time: whoever
    /// waits for signals is called when one may have begun.
    pub(crate) fn start(
        stream: Writer,
        root: u32,
        sample: Sample,
        own_children: Vec<u32>,
        is_own: bool,
        (births, caller): (Option<Births>, Option<Caller>),
    ) -> io::Result<(Self, Result<(), Refusal>)> {
        let Sample { rate, awaits, pause, .. } = sample;
        // A sampler that is awake more seldom is better left asleep: it may sit on the program's own processor.
        let is_awake = rate <= 0.0 || rate * LOOK.as_secs_f64() >= 1.0;
        let caller = caller.filter(|_| births.is_none() && is_awake);
        let is_told = Arc::new(AtomicBool::new(births.is_some()));
        let tells = Arc::clone(&is_told);
        let mut session = Session::to(stream, Options { rate, awaits, pause });
        let first = session.add_process(root);
        let (commands, orders) = channel();
        let thread = std::thread::Builder::new().name("sampler".to_owned()).spawn(move || {
            let (mut births, mut load, mut due) = (births, Load::default(), Instant::now());
            let mut chore = || {
                if let Some(births) = &mut births {
                    let orders = births.orders();
                    tells.store(births.is_whole(), Ordering::Relaxed);
                    return orders;
                }
                let now = Instant::now();
                if let Some(caller) = caller.filter(|_| now >= due) {
                    due = now + LOOK;
                    if load.has_changed() {
                        caller.call();
                    }
                }
                Vec::new()
            };
            session.run_beside(None, &orders, Some(&mut chore));
            session.failure().map(|error| io::Error::new(error.kind(), error.to_string()))
        })?;
        let mut watcher = Watcher::new(root, is_own && sample.subprocesses, own_children);
        watcher.look(true);
        let sampling = Self {
            commands,
            thread,
            watcher,
            subprocesses: sample.subprocesses,
            thorough: Instant::now(),
            is_called: caller.is_some(),
            is_told,
        };
        for process in sampling.watcher.known().filter(|process| process.pid != root && sample.subprocesses) {
            let _ = sampling.commands.send(Command::Add(process.pid));
        }
        Ok((sampling, first))
    }

    /// Samples one more process.
    pub(crate) fn add(&self, pid: u32) {
        let _ = self.commands.send(Command::Add(pid));
    }

    /// Looks for processes that came and went. How long the next look can wait.
    pub(crate) fn look(&mut self) -> Duration {
        let thoroughly = self.thorough.elapsed() >= THOROUGH;
        if !thoroughly && !self.is_searching() {
            return self.pace();
        }
        self.walk(thoroughly);
        if self.is_searching() && self.watcher.is_busy() { LOOK_AGAIN } else { self.pace() }
    }

    /// Whether new processes are to be looked for.
    fn is_searching(&self) -> bool {
        self.subprocesses && !self.is_told.load(Ordering::Relaxed)
    }

    fn walk(&mut self, thoroughly: bool) {
        if thoroughly {
            self.thorough = Instant::now();
        }
        for change in self.watcher.look(thoroughly) {
            let command = match change {
                // It is added once more where the kernel has told of it.
                Change::Began(process) if self.subprocesses => Command::Add(process.pid),
                Change::Ended(process) => Command::Remove(process.pid),
                // The sampler sees itself that the interpreter it knew is gone, and looks for the next one.
                Change::Became(process) => Command::Add(process.pid),
                Change::Began(_) => continue,
            };
            let _ = self.commands.send(command);
        }
    }

    fn pace(&self) -> Duration {
        if self.is_called || !self.is_searching() { THOROUGH } else { LOOK }
    }

    /// The processes that run, as far as it is known.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &Process> {
        self.watcher.known()
    }

    /// Whether the sampler is at work: not if it could not go on.
    pub(crate) fn is_at_work(&self) -> bool {
        !self.thread.is_finished()
    }

    /// How many of the processes still run. Those that have begun just now are sampled from here on.
    pub(crate) fn running(&mut self) -> usize {
        self.walk(true);
        if self.subprocesses { self.watcher.known().count() } else { 0 }
    }

    /// Everything that was seen until now is on disk afterwards.
    pub(crate) fn flush(&self) {
        let (done, is_done) = channel();
        if self.commands.send(Command::Flush(done)).is_ok() {
            let _ = is_done.recv_timeout(PATIENCE);
        }
    }

    /// Ends the recording. Why it is not complete, if it is not.
    pub(crate) fn stop(self) -> Option<io::Error> {
        let _ = self.commands.send(Command::Stop);
        joined(self.thread, PATIENCE)
    }
}

/// What a thread has to tell. One that does not end is left to itself: signals are blocked, so nobody could end the waiting.
fn joined(thread: JoinHandle<Option<io::Error>>, patience: Duration) -> Option<io::Error> {
    let end = Instant::now() + patience;
    while !thread.is_finished() {
        if Instant::now() >= end {
            return Some(io::Error::other("the sampler did not stop when it was asked to"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    thread.join().unwrap_or_else(|_| Some(io::Error::other("the sampler failed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sampler_that_does_not_stop_is_told_and_left() {
        let (keep, blocks) = channel::<()>();
        let stuck = std::thread::spawn(move || {
            let _ = blocks.recv();
            None
        });
        let failure = joined(stuck, Duration::from_millis(10)).unwrap();
        assert!(failure.to_string().contains("did not stop"), "{failure}");
        drop(keep);
        assert!(joined(std::thread::spawn(|| None), Duration::from_secs(60)).is_none());
    }
}
