//! Tells whether a signal was for the whole process group or for `profkit` alone.
//!
//! A signal that a person or a supervisor sends to `profkit` is meant for the program, and is passed on. One that is sent to
//! the group (Ctrl-C, `timeout`, a shell's `kill %1`) has reached the program already, and must not reach it twice. The
//! kernel does not tell the two apart; but a child that does nothing but wait in the same group gets the second kind only.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{ForkResult, Pid, fork, pipe};

/// How long a signal to the group may take to reach the sentinel after it has reached `profkit`.
const PATIENCE: Duration = Duration::from_millis(20);

/// The child that waits.
#[derive(Debug)]
pub(crate) struct Sentinel {
    child: Pid,
    reports: File,
    /// Signals to the group that were not asked for yet.
    seen: Vec<u8>,
}

impl Sentinel {
    /// Starts it. The signals must be blocked already, and no other thread run.
    pub(crate) fn start(signals: SigSet) -> io::Result<Self> {
        let (reports, writer) = pipe()?;
        // SAFETY: this process has one thread, and the child only makes system calls.
        match unsafe { fork() }? {
            ForkResult::Child => wait_for_signals(signals, writer),
            ForkResult::Parent { child } => {
                drop(writer);
                fcntl(reports.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
                fcntl(reports.as_fd(), FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
                Ok(Self { child, reports: File::from(reports), seen: Vec::new() })
            }
        }
    }

    /// The child's id.
    pub(crate) fn pid(&self) -> u32 {
        u32::try_from(self.child.as_raw()).unwrap_or(0)
    }

    /// Whether the signal that just came was for the group.
    pub(crate) fn saw(&mut self, signal: Signal) -> bool {
        let wanted = number(signal);
        let end = Instant::now() + PATIENCE;
        loop {
            let mut buffer = [0; 64];
            if let Ok(length) = self.reports.read(&mut buffer) {
                self.seen.extend_from_slice(&buffer[..length]);
            }
            if let Some(at) = self.seen.iter().position(|&seen| seen == wanted) {
                self.seen.remove(at);
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = nix::sys::signal::kill(self.child, Signal::SIGKILL);
        let _ = nix::sys::wait::waitpid(self.child, None);
    }
}

fn number(signal: Signal) -> u8 {
    u8::try_from(signal as i32).unwrap_or(0)
}

fn wait_for_signals(signals: SigSet, writer: OwnedFd) -> ! {
    let writer = writer.into_raw_fd();
    // SAFETY: plain system calls. What the program may wait for the end of (pipes, terminals) must not be held open
    // here; when `profkit` dies, so does this child.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::dup2(writer, 3);
        for file in 0..3 {
            libc::close(file);
        }
        libc::syscall(libc::SYS_close_range, 4, libc::c_uint::MAX, 0);
        if libc::getppid() == 1 {
            libc::_exit(0);
        }
    }
    // SAFETY: descriptor 3 is the pipe, and nobody else's.
    let writer = unsafe { OwnedFd::from_raw_fd(3) };
    loop {
        if let Ok(signal) = signals.wait() {
            let _ = nix::unistd::write(&writer, &[number(signal)]);
        }
    }
}
