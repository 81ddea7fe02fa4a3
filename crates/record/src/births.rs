//! The processes below a command as the kernel tells of them: that they begin, run another program, end.
//!
//! It tells all of it, with times, also what happens while this process cannot run: a child that lives as long as the machine
//! stands still is known at least. It does so through `perf_event_open`, which the administrator or a container may forbid;
//! then there is nothing but to look ([`watch`](crate::watch)).

use std::collections::{HashMap, VecDeque};
use std::io;
use std::thread;

use perf_event::events::Software;
use perf_event::{Builder, Clock, Record, SampleFlag, Sampler, data};
use profkit_sampler::clock;
use profkit_sampler::session::{Command, Gone};

use crate::process::Process;

/// What the kernel said, and when: nanoseconds since boot.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// A process began.
    Began { pid: u32, parent: u32, at: u64 },
    /// A process runs another program now, by the first 15 bytes of its name.
    Became { pid: u32, name: String, at: u64 },
    /// The main thread of a process ended.
    Ended { pid: u32, at: u64 },
}

impl Said {
    fn at(&self) -> u64 {
        match *self {
            Self::Began { at, .. } | Self::Became { at, .. } | Self::Ended { at, .. } => at,
        }
    }

    fn of(record: &Record<'_>) -> Option<Self> {
        // What identifies a record ends it: the time alone, as it was asked for.
        let at = u64::from_ne_bytes(*record.to_contiguous().last_chunk()?);
        match record.parse_record().ok()? {
            // A thread begins in the process of its parent.
            data::Record::Fork(fork) if fork.pid != fork.ppid => {
                Some(Self::Began { pid: fork.pid, parent: fork.ppid, at })
            }
            data::Record::Comm(comm) if record.misc() & BY_EXEC != 0 => {
                let name = String::from_utf8_lossy(&comm.comm);
                Some(Self::Became { pid: comm.pid, name: name.trim_end_matches('\0').to_owned(), at })
            }
            data::Record::Exit(exit) if exit.pid == exit.tid => Some(Self::Ended { pid: exit.pid, at }),
            _ => None,
        }
    }
}

/// A name that came with a program, not from the program itself (`PERF_RECORD_MISC_COMM_EXEC`).
const BY_EXEC: u16 = 1 << 13;
/// There was no room for what was said (`PERF_RECORD_LOST`).
const LOST: u32 = 2;

/// What is said is written to one of these for each processor, of as many bytes: some 800 events.
const RING: usize = 1 << 15;
/// Each process and thread that begins takes 1.6 µs longer for each of them: where there are more processors, too much.
const MOST_PROCESSORS: usize = 16;

/// A process is worth a look when it has run one program for as long: what a child that is to be another program does before
/// that is not worth one, and most commands have ended by then.
const YOUNG: u64 = 2_000_000;
/// `/proc` counts time in hundredths of a second.
const TICK: u64 = 10_000_000;

/// A process that runs.
#[derive(Debug)]
struct Run {
    parent: u32,
    /// Since when its parent ran the program that it had then.
    parent_since: u64,
    began: u64,
    /// Since when it runs its program, and its name, if that is not its parent's.
    since: u64,
    name: Option<String>,
    /// When it ended, by what was said.
    ended: Option<u64>,
}

/// What the kernel tells of the descendants of a thread that is no more.
pub(crate) struct Births {
    rings: Vec<Sampler>,
    running: HashMap<u32, Run>,
    /// Those that are to be looked at, and when: nanoseconds since boot.
    young: VecDeque<(u64, u32)>,
    /// Those that ended but are there, and when that is to be asked again.
    ending: VecDeque<(u64, u32)>,
    is_whole: bool,
}

impl Births {
    /// Does something (starts a process, say) whose descendants are told of, where that is allowed.
    pub(crate) fn below<T: Send>(start: impl Fn() -> T + Sync) -> (T, io::Result<Self>) {
        // All that a thread starts from here on is told of: so it is one that starts nothing else.
        let beside = thread::scope(|scope| {
            let beside = || (rings_of_this_thread(), start());
            let beside = thread::Builder::new().spawn_scoped(scope, beside)?;
            Ok(beside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        match beside {
            Ok((rings, started)) => (started, rings.map(Self::of)),
            Err(error) => (start(), Err(error)),
        }
    }

    fn of(rings: Vec<Sampler>) -> Self {
        let (young, ending) = (VecDeque::new(), VecDeque::new());
        Self { rings, running: HashMap::new(), young, ending, is_whole: true }
    }

    /// What the sampler is to do about it by now.
    pub(crate) fn orders(&mut self) -> Vec<Command> {
        let mut orders = Vec::new();
        for said in self.said() {
            match said {
                Said::Began { pid, parent, at } => {
                    let parent_since = self.running.get(&parent).map_or(u64::MAX, |run| run.since);
                    let run = Run { parent, parent_since, began: at, since: at, name: None, ended: None };
                    // Another one of its number that was said to have ended has.
                    orders.extend(self.running.insert(pid, run).map(|run| run.gone(pid)));
                    self.young.push_back((at + YOUNG, pid));
                }
                Said::Became { pid, name, at } => {
                    if let Some(run) = self.running.get_mut(&pid) {
                        // Where another thread than the main one executes a program, that one ends.
                        (run.since, run.name, run.ended) = (at, Some(name), None);
                        self.young.push_back((at + YOUNG, pid));
                    }
                }
                Said::Ended { pid, at } => {
                    if let Some(run) = self.running.get_mut(&pid) {
                        run.ended = Some(at);
                        if run.is_there(pid) {
                            self.ending.push_back((at + YOUNG, pid));
                        } else {
                            orders.extend(self.running.remove(&pid).map(|run| run.gone(pid)));
                        }
                    }
                }
            }
        }
        if !(self.young.is_empty() && self.ending.is_empty()) {
            self.consider(&mut orders);
        }
        orders
    }

    /// Those whose time has come.
    fn consider(&mut self, orders: &mut Vec<Command>) {
        let now = clock::now(libc::CLOCK_BOOTTIME).unwrap_or_default().as_nanos();
        while let Some((due, pid)) = self.ending.pop_front_if(|(due, _)| u128::from(*due) <= now) {
            match self.running.get_mut(&pid) {
                Some(run) if run.ended.is_some_and(|ended| ended + YOUNG == due) => {
                    if run.is_there(pid) {
                        // It runs a setuid program now, say, which nobody may be told of, and neither of what begins below.
                        self.is_whole = false;
                        run.ended = None;
                    } else {
                        orders.extend(self.running.remove(&pid).map(|run| run.gone(pid)));
                    }
                }
                _ => {}
            }
        }
        while let Some((due, pid)) = self.young.pop_front_if(|(due, _)| u128::from(*due) <= now) {
            // It may run another program since, or be another process.
            if self.running.get(&pid).is_some_and(|run| run.since + YOUNG == due) {
                orders.push(Command::Add(pid));
            }
        }
    }

    /// Since when a process runs its program (nanoseconds since boot), who began it, and that program's name if it is not its parent's.
    pub(crate) fn program(&self, pid: u32) -> Option<(u64, u32, Option<&str>)> {
        self.running.get(&pid).map(|run| (run.since, run.parent, run.name.as_deref()))
    }

    /// Whether everything is said so far: not if there was no room for it, and not of what begins below a setuid program.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// What was said since the last time, in its order.
    fn said(&mut self) -> Vec<Said> {
        let mut said = Vec::new();
        loop {
            let before = said.len();
            for ring in &mut self.rings {
                while let Some(record) = ring.next_record() {
                    self.is_whole &= record.ty() != LOST;
                    said.extend(Said::of(&record));
                }
            }
            // One processor may have told the end of what began on another after that was asked.
            if said.len() == before {
                break;
            }
        }
        said.sort_by_key(Said::at);
        said
    }
}

impl Run {
    /// When it began, in clock ticks since boot: or one before that, since it was said a moment later.
    fn start(&self) -> u64 {
        self.began / TICK
    }

    /// Whether the process runs something.
    fn is_there(&self, pid: u32) -> bool {
        let process = Process::look(pid);
        process.is_some_and(|process| process.start == self.start() || process.start + 1 == self.start())
    }

    fn gone(self, pid: u32) -> Command {
        let start = self.start();
        let Self { parent, parent_since, since, name, ended, .. } = self;
        let is_brief = ended.is_some_and(|ended| ended.saturating_sub(since) < YOUNG);
        Command::Gone(Gone { pid, parent, parent_since, start, since, name, is_brief })
    }
}

fn rings_of_this_thread() -> io::Result<Vec<Sampler>> {
    // SAFETY: the call takes a number and gives one.
    let processors = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
    let processors = usize::try_from(processors).ok().filter(|count| *count <= MOST_PROCESSORS);
    let processors = processors.ok_or(io::ErrorKind::Unsupported)?;
    let mut events = Builder::new(Software::DUMMY);
    events.observe_self().task(true).comm(true).comm_exec(true).inherit(true).enabled(true);
    events.sample_id_all(true).sample(SampleFlag::TIME).clockid(Clock::BOOTTIME);
    let mut rings = Vec::new();
    for processor in 0..processors {
        match events.one_cpu(processor).build() {
            Ok(counter) => rings.push(counter.sampled(RING)?),
            // It is switched off.
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(rings)
}

#[cfg(test)]
mod tests {
    use std::process::Command as Program;
    use std::time::{Duration, Instant};

    use super::*;

    /// Where it is forbidden, or there are too many processors, there is nothing to be seen.
    fn allowed(births: io::Result<Births>) -> Option<Births> {
        use io::ErrorKind::{PermissionDenied, Unsupported};
        let error = births.as_ref().err().map(io::Error::kind);
        assert!(matches!(error, None | Some(PermissionDenied | Unsupported)), "{error:?}");
        births.ok()
    }

    fn gone(orders: Vec<Command>) -> Vec<Gone> {
        let gone = |order| if let Command::Gone(gone) = order { Some(gone) } else { None };
        orders.into_iter().filter_map(gone).collect()
    }

    #[test]
    fn who_came_and_went_unseen_is_told() {
        let script = "sleep 0.01 & sh -c 'sleep 0.02; true'; wait; (true); exec true";
        let run = || Program::new("sh").args(["-c", script]).status().unwrap();
        let (status, births) = Births::below(run);
        assert!(status.success());
        let Some(mut births) = allowed(births) else { return };
        // A process of this one's own is none of its business.
        Program::new("true").status().unwrap();
        let gone = gone(births.orders());
        let named = |name: &str| gone.iter().filter(|gone| gone.name.as_deref() == Some(name)).count();
        assert_eq!((named("sleep"), named("sh"), named("true")), (2, 1, 1), "{gone:?}");
        let unnamed: Vec<_> = gone.iter().filter(|gone| gone.name.is_none()).collect();
        assert!(unnamed.len() == 1 && unnamed[0].is_brief, "{gone:?}");
        let outer = gone.iter().find(|gone| gone.parent == std::process::id()).unwrap();
        assert!(gone.iter().any(|gone| gone.name.is_none() && gone.parent == outer.pid));
        assert!(gone.iter().all(|gone| gone.start > 0), "{gone:?}");
        assert!(births.is_whole() && births.running.is_empty());
    }

    #[test]
    fn who_stays_is_to_be_looked_at() {
        let (child, births) = Births::below(|| Program::new("sleep").arg("5").spawn());
        let mut child = child.unwrap();
        let mut births = allowed(births);
        let end = Instant::now() + Duration::from_secs(20);
        let mut told = Vec::new();
        while let Some(births) = births.as_mut().filter(|_| told.is_empty() && Instant::now() < end) {
            told.extend(births.orders());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let Some(mut births) = births else { return };
        assert!(told.iter().all(|order| matches!(order, Command::Add(pid) if *pid == child.id())));
        assert!(!told.is_empty());
        let gone = gone(births.orders());
        assert!(matches!(gone.as_slice(), [gone] if gone.pid == child.id()), "{gone:?}");
    }
}
