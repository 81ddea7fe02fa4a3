//! Signals come one at a time, to a place that waits for them: nothing runs in a handler.

use std::io;
use std::time::Duration;

use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, pthread_sigmask, sigaction,
};
use nix::unistd::{Pid, getpid, gettid};

/// A signal, and who sent it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Arrived {
    pub(crate) signal: Signal,
    /// A process sent it, not the terminal or the kernel.
    pub(crate) by_process: bool,
}

/// Signals that are meant for the program.
const PASSED_ON: [Signal; 6] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR2, Signal::SIGALRM];

/// The signals that wait to be taken.
pub(crate) struct Signals {
    set: SigSet,
    before: Before,
}

/// What a program that is started must find as this process did.
#[derive(Clone, Copy)]
pub(crate) struct Before {
    mask: SigSet,
    child: SigAction,
    too_large: SigAction,
    /// Which of [`LIBRARY`]'s were ignored.
    library: [bool; 2],
}

impl Before {
    /// Sets it, between fork and exec.
    pub(crate) fn set(&self) -> io::Result<()> {
        // SAFETY: what is set was set in this process before.
        unsafe {
            sigaction(Signal::SIGCHLD, &self.child)?;
            sigaction(Signal::SIGXFSZ, &self.too_large)?;
        }
        LIBRARY
            .into_iter()
            .zip(self.library)
            .filter(|(_, ignored)| *ignored)
            .for_each(|(signal, _)| ignore_raw(signal));
        Ok(self.mask.thread_set_mask()?)
    }
}

impl Signals {
    /// Blocks them. A child inherits that: it must be given what was [`before`](Self::before).
    pub(crate) fn block() -> io::Result<Self> {
        let mut set: SigSet = PASSED_ON.into_iter().collect();
        set.add(Signal::SIGCHLD);
        set.add(Signal::SIGUSR1);
        let mut mask = SigSet::empty();
        pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&set), Some(&mut mask))?;
        let child = hear_of_ends_only()?;
        // A file that may not grow is told by the write that fails, also when the result is written.
        let too_large = ignore(Signal::SIGXFSZ)?;
        let library = LIBRARY.map(is_ignored_raw);
        Ok(Self { set, before: Before { mask, child, too_large, library } })
    }

    /// What this process had.
    pub(crate) fn before(&self) -> Before {
        self.before
    }

    /// Those that a sentinel waits for.
    pub(crate) fn passed_on() -> SigSet {
        PASSED_ON.into_iter().collect()
    }

    /// The next one; `None` when the time is over.
    pub(crate) fn wait(&self, at_most: Duration) -> Option<Arrived> {
        let timeout = libc::timespec {
            tv_sec: libc::time_t::try_from(at_most.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: at_most.subsec_nanos().into(),
        };
        // SAFETY: all zeros is a valid value of this plain structure.
        let mut info: libc::siginfo_t = unsafe { core::mem::zeroed() };
        // SAFETY: all three places are valid for the call.
        let number = unsafe { libc::sigtimedwait(self.set.as_ref(), &raw mut info, &raw const timeout) };
        let signal = Signal::try_from(number).ok()?;
        // SI_USER, SI_QUEUE, SI_TKILL; all others are the kernel's.
        Some(Arrived { signal, by_process: matches!(info.si_code, 0 | -1 | -6) })
    }
}

/// Wakes the thread that waits for signals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller(Pid);

impl Caller {
    /// For the calling thread.
    pub(crate) fn of_this_thread() -> Self {
        Self(gettid())
    }

    /// Says that a process may have begun, in the kernel's words for one that has ended: both are to be looked for.
    pub(crate) fn call(self) {
        // SAFETY: the signal goes to a thread of this process, which has it blocked or ignores it.
        unsafe { libc::syscall(libc::SYS_tgkill, getpid().as_raw(), self.0.as_raw(), libc::SIGCHLD) };
    }
}

/// Signals of the C library's own, which it takes when the first thread begins, and lets nobody ask for. A program whose parent
/// ignores all signals has them ignored.
const LIBRARY: [libc::c_int; 2] = [32, 33];

/// The kernel's `struct sigaction` is handler, flags, where to return to and a mask; on some machines the third is not there.
fn is_ignored_raw(signal: libc::c_int) -> bool {
    let mut action = [0_usize; 4];
    // SAFETY: there is room for what the kernel writes.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, 0_usize, action.as_mut_ptr(), 8_usize) };
    action[0] == libc::SIG_IGN
}

fn ignore_raw(signal: libc::c_int) {
    let action = [libc::SIG_IGN, 0, 0, 0];
    // SAFETY: no handler is installed.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), 0_usize, 8_usize) };
}

/// Says what was done before.
fn ignore(signal: Signal) -> nix::Result<SigAction> {
    let action = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler is installed.
    unsafe { sigaction(signal, &action) }
}

/// SIGCHLD comes when a child ends, not when the sampler stops one (`--pause`). Says what was done before: where it was
/// ignored, the kernel kept no status of a child.
fn hear_of_ends_only() -> nix::Result<SigAction> {
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::SA_NOCLDSTOP, SigSet::empty());
    // SAFETY: no handler is installed.
    unsafe { sigaction(Signal::SIGCHLD, &action) }
}

/// Those that would end profkit for what was meant for a program that is no more: a snapshot, say.
const TOO_LATE: [Signal; 3] = [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGALRM];

impl Drop for Signals {
    fn drop(&mut self) {
        for signal in TOO_LATE {
            let _ = ignore(signal);
        }
        // What came before the mask is lifted was for the program too; the result is still to be written.
        while self.wait(Duration::ZERO).is_some() {}
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.before.mask), None);
    }
}
