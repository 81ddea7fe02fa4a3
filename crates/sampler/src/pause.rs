//! Stopping threads for the time of a reading (`--pause`): by `ptrace`, since then nobody but them notices.
//!
//! `SIGSTOP` would be seen: the program's parent is told of each stop, a shell takes it for job control, `SIGCONT` undoes what the
//! user stopped, and if profkit is killed meanwhile nothing goes on. A thread that is traced is let go by the kernel when its
//! tracer dies, and its parent hears nothing. It is traced only while it is stopped, so signals, `exec` and the end of threads
//! need no care between two readings.
//!
//! What stops is not quite what ran when it was asked to: the request takes a while to arrive, and a thread that enters the kernel
//! meanwhile stops there. See [`seat`](crate::seat) for figures, and for how to read what stands without stopping it.
//!
//! What would surprise: the kernel shows these stops to any `waitpid` of this process too, since its children are the tracer's. Who
//! waits for a child must therefore look with `WNOWAIT` first, and here nothing is taken that is not known to be ours.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::proc_stat;
use crate::refusal::Refusal;

/// Threads stop within microseconds, or when they get a processor, except those deep in the kernel (a disk, a `vfork`); these are
/// not waited for longer.
const PATIENCE: Duration = Duration::from_millis(50);
/// For as long the stop is looked for without sleeping: it takes less than to sleep and wake.
const SPIN: Duration = Duration::from_micros(50);
/// A look at threads that are late, as often.
const LOOK: Duration = Duration::from_micros(100);
/// Between two stops threads run for as long as they stood, but for no less than this and no more than [`PATIENCE`]: one that is
/// stopped again before it was given a processor makes no step, ever.
const REST: Duration = Duration::from_micros(100);
/// `PTRACE_EVENT_STOP`: stopped as it was asked to, or with its group; everything else is a signal that it is about to get.
const EVENT_STOP: libc::c_int = 128;

/// Stops the threads of one process.
#[derive(Debug)]
pub(crate) struct Pause {
    pid: u32,
    threads: Vec<Traced>,
    began: Instant,
    /// When they may be stopped again.
    next: Instant,
    /// Nanoseconds for which threads were stopped, so far.
    pub stopped_ns: u64,
}

/// A thread that is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Traced {
    tid: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It was asked to stop.
    Asked,
    /// It was asked to, and is not waited for any more.
    Late,
    /// It stands; the signal that it is to get when it goes on, or 0.
    Stopped(libc::c_int),
    /// It has ended.
    Ended,
}

impl Pause {
    /// For the threads of a process, which must be one that may be read: whether it may be stopped is then only a matter of who
    /// does so already, and of whether anybody may.
    ///
    /// # Errors
    /// If it may not be stopped.
    pub(crate) fn new(pid: u32) -> Result<Self, Refusal> {
        let refused = |reason, remedy: &str| {
            Err(Refusal::Permission { reason, remedy: format!("{remedy}, or leave out --pause") })
        };
        let is_other = |tracer: &u32| !Path::new(&format!("/proc/self/task/{tracer}")).exists();
        if let Some(tracer) = proc_stat::tracer(pid).filter(is_other) {
            return refused(format!("process {tracer} traces it already (a debugger, strace)"), "end that");
        }
        // A process that is not traced cannot be asked to stop: any other answer comes from a filter of system calls.
        match trace(libc::PTRACE_INTERRUPT, pid, 0) {
            Err(error) if error.raw_os_error() != Some(libc::ESRCH) => refused(
                format!("this container forbids the system call ptrace ({error})"),
                "start it with `--cap-add=SYS_PTRACE`",
            ),
            _ => {
                let now = Instant::now();
                Ok(Self { pid, threads: Vec::new(), began: now, next: now, stopped_ns: 0 })
            }
        }
    }

    /// When threads may be stopped again: they must run in between.
    #[must_use]
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// Stops threads; they stand until [`resume`](Self::resume).
    pub(crate) fn stop(&mut self, threads: impl Iterator<Item = u32>) {
        self.began = Instant::now();
        for tid in threads {
            // One that has ended, or that a debugger took meanwhile, is read as it is.
            let _ = self.ask(tid);
        }
        self.wait();
    }

    /// Whether a thread stands.
    #[must_use]
    pub(crate) fn holds(&self, tid: u32) -> bool {
        self.threads.iter().any(|known| known.tid == tid && matches!(known.state, State::Stopped(_)))
    }

    /// Whether threads were asked to stop and have not done so: [`resume`](Self::resume) is to be called again soon.
    #[must_use]
    pub(crate) fn is_late(&self) -> bool {
        !self.threads.is_empty()
    }

    /// Lets every thread go on that stands by now.
    pub(crate) fn resume(&mut self) {
        let stood = self.threads.iter().any(|known| matches!(known.state, State::Stopped(_)));
        let pid = self.pid;
        self.threads.retain_mut(|known| {
            known.look();
            match known.state {
                State::Asked | State::Late => true,
                State::Stopped(signal) => {
                    known.state = State::Ended;
                    trace(libc::PTRACE_DETACH, known.tid, signal).is_err() && !reap(pid, known.tid)
                }
                State::Ended => !reap(pid, known.tid),
            }
        });
        if stood {
            let passed = self.began.elapsed();
            self.next = Instant::now() + passed.clamp(REST, PATIENCE);
            let passed = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
            self.stopped_ns = self.stopped_ns.saturating_add(passed);
        }
    }

    fn ask(&mut self, tid: u32) -> io::Result<()> {
        // A process that was just forked has its parent's threads in its memory.
        if self.threads.iter().any(|known| known.tid == tid) || !is_thread_of(self.pid, tid) {
            return Ok(());
        }
        trace(libc::PTRACE_SEIZE, tid, 0)?;
        // It cannot fail but for a thread that has ended meanwhile, which is waited for as well.
        let _ = trace(libc::PTRACE_INTERRUPT, tid, 0);
        self.threads.push(Traced { tid, state: State::Asked });
        Ok(())
    }

    /// Waits until all stand that will do so soon.
    fn wait(&mut self) {
        let begin = Instant::now();
        loop {
            let mut is_waiting = false;
            for known in &mut self.threads {
                known.look();
                is_waiting |= known.state == State::Asked;
            }
            let passed = begin.elapsed();
            if !is_waiting {
                return;
            }
            if passed >= PATIENCE {
                self.threads.iter_mut().for_each(Traced::give_up);
                return;
            }
            if passed >= SPIN {
                std::thread::sleep(LOOK);
            }
        }
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.resume();
    }
}

impl Traced {
    fn give_up(&mut self) {
        if self.state == State::Asked {
            self.state = State::Late;
        }
    }

    /// Looks whether it stands by now, or has ended. Nothing is taken.
    fn look(&mut self) {
        if !matches!(self.state, State::Asked | State::Late) {
            return;
        }
        // SAFETY: all zeros is a valid value of this plain structure.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let options = libc::WSTOPPED | libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
        // SAFETY: `info` is valid for the call.
        let found = unsafe { libc::waitid(libc::P_PID, self.tid, &raw mut info, options) };
        if found != 0 {
            self.state = State::Ended;
            return;
        }
        // SAFETY: a call that succeeded has filled in what these read; zeros if there is no news.
        let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
        if pid == 0 {
            return;
        }
        self.state = match info.si_code {
            libc::CLD_TRAPPED | libc::CLD_STOPPED => {
                let is_signal = status >> 8 != EVENT_STOP;
                State::Stopped(if is_signal { status & 0x7f } else { 0 })
            }
            _ => State::Ended,
        };
    }
}

fn is_thread_of(pid: u32, tid: u32) -> bool {
    // SAFETY: signal 0 is only asked about, not sent.
    unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, 0) == 0 }
}

fn trace(request: libc::c_uint, tid: u32, data: libc::c_int) -> io::Result<()> {
    let tid = libc::pid_t::try_from(tid).map_err(io::Error::other)?;
    let nothing = std::ptr::null_mut::<libc::c_void>();
    let data = std::ptr::without_provenance_mut::<libc::c_void>(usize::try_from(data).unwrap_or(0));
    // SAFETY: none of the requests that are made here reads or writes memory of this process.
    match unsafe { libc::ptrace(request, tid, nothing, data) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Takes note of the end of a traced thread, without which nobody else hears of it. False if it has not ended yet.
fn reap(pid: u32, tid: u32) -> bool {
    // A child of this process is waited for by whoever started it.
    if tid == pid && proc_stat::start_and_parent(pid).is_ok_and(|(_, parent)| parent == std::process::id()) {
        return true;
    }
    let Ok(tid) = libc::pid_t::try_from(tid) else { return true };
    // SAFETY: no status is asked for.
    unsafe { libc::waitpid(tid, std::ptr::null_mut(), libc::__WALL | libc::WNOHANG) != 0 }
}
