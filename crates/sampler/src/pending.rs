//! Processes that are no Python, or not yet: they are asked again.

use std::time::{Duration, Instant};

use crate::refusal::Refusal;

/// At first this often, and after a while this often.
const RETRY: Duration = Duration::from_millis(1);
const RETRY_LATER: Duration = Duration::from_millis(100);
const RETRY_SOON_FOR: Duration = Duration::from_secs(1);

/// One of them.
#[derive(Debug)]
struct Pending {
    pid: u32,
    since: Instant,
    next: Instant,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct PendingProcesses {
    list: Vec<Pending>,
}

impl PendingProcesses {
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn contains(&self, pid: u32) -> bool {
        self.list.iter().any(|pending| pending.pid == pid)
    }

    /// Asks a process again from now on, if it can become a Python.
    pub(crate) fn add(&mut self, pid: u32, refusal: &Refusal) {
        if may_become_python(refusal) {
            let now = Instant::now();
            self.list.push(Pending { pid, since: now, next: now + RETRY });
        }
    }

    pub(crate) fn remove(&mut self, pid: u32) {
        self.list.retain(|pending| pending.pid != pid);
    }

    /// Those that are to be asked by now.
    pub(crate) fn due(&self, now: Instant) -> Vec<u32> {
        self.list.iter().filter(|pending| pending.next <= now).map(|pending| pending.pid).collect()
    }

    /// A process was asked and is none.
    pub(crate) fn again(&mut self, pid: u32, refusal: &Refusal, now: Instant) {
        if !may_become_python(refusal) {
            self.remove(pid);
        } else if let Some(pending) = self.list.iter_mut().find(|pending| pending.pid == pid) {
            let is_young = now.duration_since(pending.since) < RETRY_SOON_FOR;
            pending.next = now + if is_young { RETRY } else { RETRY_LATER };
        }
    }
}

/// An interpreter that is only half there makes no sense either.
fn may_become_python(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::NotYet | Refusal::NotPython { .. } | Refusal::Unsupported { .. })
}
