//! Which programs the processes of a session ran, also after their end: so that one which nobody has come to is known by them.

use std::collections::{HashMap, HashSet};

use super::Session;
use crate::clock;

/// A process that has ended, as the kernel tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gone {
    /// Its id.
    pub pid: u32,
    /// Who began it.
    pub parent: u32,
    /// Since when that one ran the program that it had then, in nanoseconds since boot.
    pub parent_since: u64,
    /// When it began, in clock ticks since boot.
    pub start: u64,
    /// When it began or began to run its last program, in nanoseconds since boot.
    pub since: u64,
    /// The begin of that program's name; `None` if it is its parent's.
    pub name: Option<String>,
    /// It ran that for so short a time that nobody could have come to it.
    pub is_brief: bool,
}

impl Gone {
    /// When it may have begun by `/proc`: just before the hundredth of a second in which that was said, too.
    #[must_use]
    pub fn starts(&self) -> [u64; 2] {
        [self.start, self.start.saturating_sub(1)]
    }
}

/// Whether a program has the name of a Python.
#[must_use]
pub fn is_python(name: &str) -> bool {
    name.starts_with("python")
}

/// What a process ran.
#[derive(Clone, Copy, Debug)]
struct Member {
    /// At the latest since then, in nanoseconds since boot.
    since: u64,
    /// Its version and command line, if it was sampled or might have been.
    program: Option<(u64, u32)>,
}

/// All that were asked.
#[derive(Debug, Default)]
pub(super) struct Family {
    members: HashMap<u32, Member>,
    /// Pids of those that were counted.
    counted: HashSet<u32>,
}

/// Of more, those that have ended are forgotten: some of their children may yet end unseen.
const MOST: usize = 100_000;

impl Family {
    /// A process runs this from now on; `None` is a Python that cannot be sampled.
    pub(super) fn add(&mut self, pid: u32, program: Option<(u64, u32)>) {
        let since = clock::now(libc::CLOCK_BOOTTIME).map_or(0, super::nanoseconds);
        self.members.insert(pid, Member { since, program });
    }

    /// Whether a process has not been counted before.
    pub(super) fn count(&mut self, pid: u32) -> bool {
        if self.counted.len() > MOST {
            self.counted.clear();
        }
        self.counted.insert(pid)
    }

    /// A process has ended.
    pub(super) fn end(&mut self, pid: u32) {
        self.counted.remove(&pid);
        if self.members.len() > MOST {
            let counted = &self.counted;
            self.members.retain(|pid, _| counted.contains(pid));
        }
    }
}

/// A version that is not known.
const UNKNOWN: u64 = 0;

impl Session {
    /// Notes a process that has ended, if it was a Python and ended before it was asked.
    pub fn note_gone(&mut self, gone: &Gone) {
        if self.family.count(gone.pid) {
            self.coverage.processes_seen += 1;
        }
        self.family.end(gone.pid);
        let was_asked = self.pending.was_asked(gone.pid);
        self.pending.end(gone.pid);
        let members = &self.family.members;
        let is_known = members.get(&gone.pid).is_some_and(|member| member.since >= gone.since);
        if is_known || was_asked || gone.is_brief {
            return;
        }
        let program = match &gone.name {
            Some(name) if is_python(name) => Some((UNKNOWN, self.tree.text(name))),
            Some(_) => None,
            None => {
                // It ran what its parent ran when it began.
                let parent = members.get(&gone.parent);
                let parent = parent.filter(|parent| (gone.parent_since..=gone.since).contains(&parent.since));
                parent.and_then(|parent| parent.program)
            }
        };
        let Some((version, command)) = program else { return };
        self.write_process(gone.pid, gone.start, version, command);
        self.family.members.insert(gone.pid, Member { since: gone.since, program });
    }
}
