//! The processes below a command, found by looking.
//!
//! Looking is cheap while nothing happens: `/proc/loadavg` ends with the pid that was given out last, so the tree is walked
//! only when some process or thread has begun anywhere. Children whose parent has ended come to this process, which asks
//! to be their reaper before the command begins; nobody else would know them.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use crate::process::{Process, children, has_ended, still_runs};

/// Something that happened in the tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// A process is there that was not there before.
    Began(Process),
    /// A process runs another program now.
    Became(Process),
    /// A process has ended.
    Ended(Process),
}

/// What is known of the tree.
#[derive(Debug)]
pub struct Watcher {
    /// Processes whose children belong to the tree: the first one and, for orphans, this one.
    roots: Vec<u32>,
    /// This process, whose other children do not belong to it.
    own: u32,
    ignored: Vec<u32>,
    known: BTreeMap<u32, Process>,
    load: Load,
    /// The tree is walked so many times more: a pid is given out before its process is in its parent's list.
    again: u32,
}

/// How often the tree is walked after something has begun.
const AGAIN: u32 = 3;

impl Watcher {
    /// Watches `root` and what is below it. With `adopted`, the orphans of the tree are children of this process and stay in
    /// the tree, and are waited for when they end; `ignored` are children of this process that are its own.
    #[must_use]
    pub fn new(root: u32, adopted: bool, ignored: Vec<u32>) -> Self {
        let own = std::process::id();
        let mut roots = vec![root];
        if adopted {
            roots.push(own);
        }
        let load = Load::default();
        Self { roots, own, ignored, known: BTreeMap::new(), load, again: 0 }
    }

    /// What has happened since the last time, if it may be something. With `thoroughly` the tree is walked in any case:
    /// a process that ended or became another program is seen only then.
    pub fn look(&mut self, thoroughly: bool) -> Vec<Change> {
        if self.load.has_changed() {
            self.again = AGAIN;
        } else if !thoroughly && self.again == 0 {
            return Vec::new();
        }
        self.again = self.again.saturating_sub(1);
        let mut changes = Vec::new();
        let mut found = BTreeMap::new();
        let mut next = self.roots.clone();
        while let Some(pid) = next.pop() {
            for child in children(pid) {
                // An orphan that ended here has no other parent to take note of it.
                if pid == self.own && self.roots.first() != Some(&child) && !self.ignored.contains(&child) {
                    reap(child);
                }
                if !self.ignored.contains(&child) && !found.contains_key(&child) {
                    next.push(child);
                }
            }
            if pid == self.own || found.contains_key(&pid) {
                continue;
            }
            let known = self.known.get(&pid).filter(|_| !thoroughly).cloned();
            if let Some(process) = known.or_else(|| Process::look(pid)) {
                found.insert(pid, process);
            }
        }
        for (pid, process) in &found {
            match self.known.get(pid) {
                Some(known) if known.start == process.start && known.program == process.program => {}
                Some(known) if known.start == process.start => changes.push(Change::Became(process.clone())),
                Some(known) => {
                    changes.push(Change::Ended(known.clone()));
                    changes.push(Change::Began(process.clone()));
                }
                None => changes.push(Change::Began(process.clone())),
            }
        }
        // One that is in no list of children may only have changed its parent while they were read.
        for (pid, process) in &self.known {
            if !found.contains_key(pid) {
                if still_runs(*pid, process.start) {
                    found.insert(*pid, process.clone());
                } else {
                    changes.push(Change::Ended(process.clone()));
                }
            }
        }
        self.known = found;
        changes
    }

    /// Whether something has begun just now that may not be seen yet.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.again > 0
    }

    /// Those that run, as far as it is known.
    pub fn known(&self) -> impl Iterator<Item = &Process> {
        self.known.values()
    }
}

/// Makes this process the parent of those below it whose parent ends: to be called before there are any.
pub(crate) fn adopt() {
    // Every Linux that has what else is needed can do that.
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Takes note of the end of adopted children: of all but the `others`.
pub(crate) fn reap_adopted(others: &[u32]) {
    children(std::process::id()).into_iter().filter(|child| !others.contains(child)).for_each(reap);
}

/// Takes note of a child's end, if it has ended.
fn reap(pid: u32) {
    if has_ended(pid)
        && let Ok(pid) = i32::try_from(pid)
    {
        let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
    }
}

/// `/proc/loadavg`, kept open: it is read some hundred times a second.
#[derive(Debug, Default)]
pub(crate) struct Load {
    file: Option<File>,
    last_pid: Option<u32>,
}

impl Load {
    /// Whether a pid was given out since the last time, as far as that can be told.
    pub(crate) fn has_changed(&mut self) -> bool {
        let last_pid = self.read_last_pid();
        let before = std::mem::replace(&mut self.last_pid, last_pid);
        self.last_pid.is_none() || self.last_pid != before
    }

    /// Its last field: the pid that was given out last.
    fn read_last_pid(&mut self) -> Option<u32> {
        if self.file.is_none() {
            self.file = File::open("/proc/loadavg").ok();
        }
        let mut text = [0; 128];
        let length = self.file.as_ref()?.read_at(&mut text, 0).ok()?;
        let last = text.get(..length)?.rsplit(|&byte| byte == b' ').next()?;
        std::str::from_utf8(last).ok()?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_tree_is_seen_from_begin_to_end() {
        let script = "sleep 0.3 & sh -c 'sleep 0.3; true'; exec sleep 0.2";
        let mut child = Command::new("sh").args(["-c", script]).stdin(Stdio::null()).spawn().unwrap();
        let mut watcher = Watcher::new(child.id(), false, Vec::new());
        let (mut began, mut became, mut ended) = (Vec::new(), Vec::new(), Vec::new());
        let end = Instant::now() + Duration::from_millis(900);
        while Instant::now() < end {
            for change in watcher.look(true) {
                match change {
                    Change::Began(process) => began.push(process.pid),
                    Change::Became(process) => became.push(process.pid),
                    Change::Ended(process) => ended.push(process.pid),
                }
            }
            let _ = child.try_wait();
            std::thread::sleep(Duration::from_millis(5));
        }
        child.wait().unwrap();
        assert_eq!(began.len(), 4, "the shell, its sleep, the inner shell, its sleep");
        assert!(became.contains(&child.id()), "exec");
        ended.sort_unstable();
        began.sort_unstable();
        assert_eq!(ended, began);
    }
}
