//! What `/proc` says of a process.

use std::fs;
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use profkit_recording::stat::Stat;
use profkit_sampler::proc_stat::means_gone;

/// A process while it runs one program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it started, in clock ticks since boot: ids come again.
    pub start: u64,
    /// What it runs; empty where that may not be known.
    pub program: PathBuf,
}

impl Process {
    /// The process of this id; `None` if it does not run.
    pub(crate) fn look(pid: u32) -> Option<Self> {
        let start = start_ticks(pid)?;
        match fs::read_link(format!("/proc/{pid}/exe")) {
            Ok(program) => Some(Self { pid, start, program }),
            // It is ending: it runs nothing any more.
            Err(error) if means_gone(&error) => None,
            Err(_) => Some(Self { pid, start, program: PathBuf::new() }),
        }
    }
}

/// The arguments of a process, with a NUL after each.
pub(crate) fn arguments(pid: u32) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// When a process started, in clock ticks since boot; `None` if it does not run: zombies have ended.
pub(crate) fn start_ticks(pid: u32) -> Option<u64> {
    start_of(pid).ok().flatten()
}

/// Whether the process of this id that started then still runs. One that cannot be asked now (no descriptor is left, say) does.
pub(crate) fn still_runs(pid: u32, start: u64) -> bool {
    match start_of(pid) {
        Ok(found) => found == Some(start),
        Err(error) => !means_gone(&error),
    }
}

fn start_of(pid: u32) -> io::Result<Option<u64>> {
    let text = fs::read(format!("/proc/{pid}/stat"))?;
    let stat = Stat::parse(&text).filter(|stat| !matches!(stat.field(3), Some("Z" | "X")));
    Ok(stat.and_then(|stat| stat.start_ticks()))
}

/// Whether a child has ended. It is still to be waited for, which must not be done before: a child that the sampler has
/// stopped (`--pause`) is shown to `waitpid` as well, and who takes note of that takes it away.
pub(crate) fn has_ended(child: u32) -> bool {
    let Ok(child) = i32::try_from(child) else { return false };
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match waitid(Id::Pid(Pid::from_raw(child)), flags) {
        Ok(status) => matches!(status, WaitStatus::Exited(..) | WaitStatus::Signaled(..)),
        // No child of ours: who asks for its status learns that.
        Err(error) => error == Errno::ECHILD,
    }
}

/// The children of all threads of a process.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let mut found = Vec::new();
    for task in tasks.flatten() {
        let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(text.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    found
}

#[cfg(test)]
mod tests {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    use super::*;

    #[test]
    fn this_process_runs_and_one_that_cannot_be_does_not() {
        let process = Process::look(std::process::id()).unwrap();
        assert!(process.start > 0 && process.program.is_absolute());
        assert!(arguments(process.pid).ends_with(&[0]));
        assert_eq!(Process::look(u32::MAX), None);
    }

    #[test]
    fn a_process_that_cannot_be_asked_has_not_ended() {
        let (own, start) = (std::process::id(), start_ticks(std::process::id()).unwrap());
        assert!(still_runs(own, start) && !still_runs(own, start + 1) && !still_runs(u32::MAX, start));
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 0, hard).unwrap();
        let (can_be_asked, runs) = (start_ticks(own).is_some(), still_runs(own, start));
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
        assert!(!can_be_asked && runs);
    }
}
