//! Which programs the processes of a session ran, also after their end: so that one which nobody has come to is known by them.

use std::collections::HashMap;

use profkit_recording::stream::kind;

use super::Session;
use crate::clock;

/// A process that has ended, as the kernel tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gone {
    /// Its id.
    pub pid: u32,
    /// Who began it.
    pub parent: u32,
    /// When it began, in clock ticks since boot.
    pub start: u64,
    /// When it began or began to run its last program, in nanoseconds since boot.
    pub since: u64,
    /// The begin of that program's name; `None` if it is its parent's.
    pub name: Option<String>,
    /// It ran that for so short a time that nobody could have come to it.
    pub is_brief: bool,
    /// The session was to add it.
    pub is_told: bool,
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
    version: u64,
    command: u32,
}

/// All that were begun.
#[derive(Debug, Default)]
pub(super) struct Family(HashMap<u32, Member>);

impl Family {
    /// A process runs this from now on.
    pub(super) fn add(&mut self, pid: u32, version: u64, command: u32) {
        let since = clock::now(libc::CLOCK_BOOTTIME).map_or(0, super::nanoseconds);
        self.0.insert(pid, Member { since, version, command });
    }
}

/// A version that is not known.
const UNKNOWN: u64 = 0;

impl Session {
    /// Notes a process that has ended, if it was a Python and ended before it was sampled.
    pub fn note_gone(&mut self, gone: &Gone) {
        if !gone.is_told {
            self.coverage.processes_seen += 1;
        }
        let begun = self.family.0.get(&gone.pid).is_some_and(|member| member.since >= gone.since);
        if begun || gone.is_brief {
            return;
        }
        let (version, command) = match &gone.name {
            Some(name) if is_python(name) => (UNKNOWN, self.tree.text(name)),
            Some(_) => return,
            None => match self.family.0.get(&gone.parent) {
                Some(parent) if parent.since <= gone.since => (parent.version, parent.command),
                _ => return,
            },
        };
        self.write_tables();
        let numbers = [u64::from(gone.pid), gone.start, version, u64::from(command)];
        self.writer.record(kind::PROCESS, &numbers);
        self.begun += 1;
        self.family.0.insert(gone.pid, Member { since: gone.since, version, command });
    }
}
