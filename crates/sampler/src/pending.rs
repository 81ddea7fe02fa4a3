//! Processes that are no Python, or not yet: they are asked again.

use std::time::{Duration, Instant};

use crate::proc_stat;
use crate::refusal::Refusal;

/// At least and at most as long after a process was asked it is asked again; in between, a part of the time since it began: to be
/// asked costs as much as several samples.
const RETRY: Duration = Duration::from_millis(1);
const RETRY_LATER: Duration = Duration::from_millis(100);
const PART: u32 = 32;
/// A Python whose library is not loaded yet is none when it is asked so often.
const ENOUGH: u32 = 20;

/// One of them.
#[derive(Debug)]
struct Pending {
    pid: u32,
    since: Instant,
    next: Instant,
    /// How often it was asked.
    asked: u32,
    /// If it is a Python that cannot be read.
    refused: Option<Refused>,
}

/// A process that was not sampled, though there may be a Python in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) pid: u32,
    pub(crate) command: String,
    pub(crate) reason: String,
}

impl Refused {
    fn new(pid: u32, refusal: &Refusal) -> Option<Self> {
        let may_be_python = matches!(refusal, Refusal::Permission { .. } | Refusal::Unsupported { .. });
        may_be_python.then(|| Self {
            pid,
            command: proc_stat::command_line(pid),
            reason: refusal.to_string(),
        })
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct PendingProcesses {
    list: Vec<Pending>,
    /// Those that cannot be sampled any more, and are not told yet.
    refused: Vec<Refused>,
}

impl PendingProcesses {
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A process may be another program by now: it is asked as often as a new one. False if it is none of these.
    pub(crate) fn renew(&mut self, pid: u32) -> bool {
        let known = self.list.iter_mut().find(|pending| pending.pid == pid);
        let now = Instant::now();
        known.map(|pending| (pending.since, pending.next, pending.asked) = (now, now, 0)).is_some()
    }

    /// Asks a process again from now on, if it can become a Python.
    pub(crate) fn add(&mut self, pid: u32, refusal: &Refusal) {
        let refused = Refused::new(pid, refusal);
        if may_become_python(refusal) {
            let now = Instant::now();
            self.list.push(Pending { pid, since: now, next: now + RETRY, asked: 1, refused });
        } else {
            self.refused.extend(refused);
        }
    }

    fn take(&mut self, pid: u32) -> Option<Refused> {
        let at = self.list.iter().position(|pending| pending.pid == pid)?;
        self.list.swap_remove(at).refused
    }

    /// Whether a process could not be sampled, or was asked so often that it is no Python.
    pub(crate) fn was_asked(&self, pid: u32) -> bool {
        let known = self.list.iter().find(|pending| pending.pid == pid);
        known.is_some_and(|pending| pending.refused.is_some() || pending.asked >= ENOUGH)
    }

    /// It is sampled.
    pub(crate) fn begin(&mut self, pid: u32) {
        self.take(pid);
    }

    /// It has ended.
    pub(crate) fn end(&mut self, pid: u32) {
        let refused = self.take(pid);
        self.refused.extend(refused);
    }

    /// None is asked any more.
    pub(crate) fn end_all(&mut self) {
        self.refused.extend(self.list.drain(..).filter_map(|pending| pending.refused));
    }

    /// What is to be told.
    pub(crate) fn refused(&mut self) -> Vec<Refused> {
        std::mem::take(&mut self.refused)
    }

    /// Those that are to be asked by now.
    pub(crate) fn due(&self, now: Instant) -> Vec<u32> {
        self.list.iter().filter(|pending| pending.next <= now).map(|pending| pending.pid).collect()
    }

    /// A process was asked and is none.
    pub(crate) fn again(&mut self, pid: u32, refusal: &Refusal, now: Instant) {
        if !may_become_python(refusal) {
            let before = self.take(pid);
            self.refused.extend(Refused::new(pid, refusal).or(before));
            return;
        }
        let Some(pending) = self.list.iter_mut().find(|pending| pending.pid == pid) else { return };
        pending.asked += 1;
        pending.next = now + (now.duration_since(pending.since) / PART).clamp(RETRY, RETRY_LATER);
        match refusal {
            Refusal::Unsupported { .. } if pending.refused.is_none() => {
                pending.refused = Refused::new(pid, refusal);
            }
            Refusal::NotPython { .. } => pending.refused = None,
            // One that is ending is not there yet, either.
            _ => {}
        }
    }
}

/// An interpreter that is only half there makes no sense either.
fn may_become_python(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::NotYet | Refusal::NotPython { .. } | Refusal::Unsupported { .. })
}
