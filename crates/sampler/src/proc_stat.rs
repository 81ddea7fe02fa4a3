//! What the kernel says of threads: processor time used so far, where one runs, and whether it waits for the interpreter's lock.
//!
//! `schedstat` is kept open as long as there are descriptors, since opening costs more than reading. The kernel brings its number up to
//! date at scheduler ticks and switches only, so single differences are multiples of some milliseconds; their sums are exact.

use std::fmt::Display;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use profkit_recording::stat::Stat;

use crate::clock;

/// So many descriptors are left to whatever else opens files: kept ones must not take the last.
const RESERVE: u64 = 32;

/// A file of a thread, kept open if there is room.
#[derive(Debug)]
struct ThreadFile {
    path: String,
    kept: Option<File>,
}

impl ThreadFile {
    fn open(pid: u32, tid: u32, name: &str) -> io::Result<Self> {
        let path = format!("/proc/{pid}/task/{tid}/{name}");
        let file = File::open(&path)?;
        Ok(Self { path, kept: Some(file).filter(may_be_kept) })
    }

    fn read<'a>(&self, text: &'a mut [u8]) -> io::Result<&'a [u8]> {
        let length = match &self.kept {
            Some(file) => file.read_at(text, 0)?,
            None => File::open(&self.path)?.read_at(text, 0)?,
        };
        Ok(text.get(..length).unwrap_or_default())
    }
}

/// The lowest free number is given out: how many files are open shows in it.
fn may_be_kept(file: &File) -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel fills the structure.
    let is_known = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 };
    is_known && u64::try_from(file.as_raw_fd()).is_ok_and(|number| number + RESERVE < limit.rlim_cur)
}

/// Whether an error says that a process or thread is not there any more. Others (no descriptor is left, say) are no news of it.
#[must_use]
pub fn means_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH))
}

/// Processor time of a thread.
#[derive(Debug)]
pub struct CpuClock {
    file: ThreadFile,
    last: u64,
}

impl CpuClock {
    /// Opens the clock of a thread; counting begins now.
    ///
    /// # Errors
    /// If the thread has ended, or the kernel has no scheduler statistics.
    pub fn open(pid: u32, tid: u32) -> io::Result<Self> {
        let mut clock = Self::of_new(pid, tid)?;
        clock.last = clock.now()?;
        Ok(clock)
    }

    /// The same for a thread that has just begun: all that it has used is counted.
    ///
    /// # Errors
    /// Like [`Self::open`].
    pub fn of_new(pid: u32, tid: u32) -> io::Result<Self> {
        Ok(Self { file: ThreadFile::open(pid, tid, "schedstat")?, last: 0 })
    }

    /// Nanoseconds that the thread has run since the last call.
    ///
    /// # Errors
    /// If the thread has ended, or cannot be asked now; what it ran until then counts the next time.
    pub fn passed(&mut self) -> io::Result<u64> {
        let now = self.now()?;
        let passed = now.saturating_sub(self.last);
        self.last = now;
        Ok(passed)
    }

    /// Counts from what somebody else told last, or else from now.
    pub fn go_on(&mut self, told: Option<u64>) {
        if let Some(told) = told.or_else(|| self.now().ok()) {
            self.last = told;
        }
    }

    /// What the thread had used when [`Self::passed`] was last called.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.last
    }

    /// `run-time wait-time slices`: the first, nanoseconds.
    ///
    /// # Errors
    /// Like [`Self::passed`].
    pub fn now(&self) -> io::Result<u64> {
        let mut text = [0; 64];
        let digits = self.file.read(&mut text)?.iter().take_while(|byte| byte.is_ascii_digit());
        Ok(digits
            .fold(0, |number: u64, &digit| number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))))
    }

    /// How long the thread has run, as of a tick at the latest, and how often it was given a processor.
    ///
    /// # Errors
    /// Like [`Self::passed`].
    pub fn figures(&self) -> io::Result<(u64, u64)> {
        let mut text = [0; 64];
        let text = std::str::from_utf8(self.file.read(&mut text)?).unwrap_or_default();
        let mut numbers = text.split_ascii_whitespace().filter_map(|number| number.parse().ok());
        let figures = numbers.next().zip(numbers.nth(1));
        figures.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// Nanoseconds that a thread has run.
///
/// # Errors
/// If it has ended.
pub fn thread_time(pid: u32, tid: u32) -> io::Result<u64> {
    CpuClock::of_new(pid, tid)?.now()
}

/// Nanoseconds that all threads of a process have run, also those that have ended; `None` if it is gone.
#[must_use]
pub fn processor_time(pid: u32) -> Option<u64> {
    let pid = libc::pid_t::try_from(pid).ok()?;
    let mut clock = 0;
    // SAFETY: the C library fills what is given.
    let is_known = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) == 0 };
    let used = is_known.then(|| clock::now(clock)).flatten()?;
    u64::try_from(used.as_nanos()).ok()
}

/// The number of this thread.
#[cfg(test)]
pub(crate) fn own_thread() -> u32 {
    // SAFETY: takes nothing.
    u32::try_from(unsafe { libc::gettid() }).unwrap()
}

/// The threads of a process, ascending.
///
/// # Errors
/// If it has ended.
pub fn tasks(pid: u32) -> io::Result<Vec<u32>> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        ids.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    ids.sort_unstable();
    Ok(ids)
}

/// What a thread does in the kernel.
#[derive(Debug)]
pub struct SystemCall {
    file: ThreadFile,
}

/// What a thread does, seen from a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It runs, or waits for a processor.
    Runs,
    /// It sleeps until the lock is its own.
    Waits,
    /// It sleeps for something else.
    Else,
}

/// The number of `futex`.
#[cfg(target_arch = "x86_64")]
const FUTEX: &[u8] = b"202 0x";
/// The number of `futex`.
#[cfg(not(target_arch = "x86_64"))]
const FUTEX: &[u8] = b"98 0x";

impl SystemCall {
    /// Opens the file that tells of a thread.
    ///
    /// # Errors
    /// If the thread has ended, or this is not allowed.
    pub fn open(pid: u32, tid: u32) -> io::Result<Self> {
        Ok(Self { file: ThreadFile::open(pid, tid, "syscall")? })
    }

    /// What the thread does; it waits if that is in a futex within `start..start + size`.
    ///
    /// # Errors
    /// If the file cannot be read: [`means_gone`] tells whether the thread has ended.
    pub fn within(&self, start: u64, size: u64) -> io::Result<Doing> {
        // `number 0xargument … 0xstack 0xinstruction`, or `running`.
        let mut text = [0; 192];
        let text = self.file.read(&mut text)?;
        if text.starts_with(b"running") {
            return Ok(Doing::Runs);
        }
        let Some(rest) = text.strip_prefix(FUTEX) else { return Ok(Doing::Else) };
        let digits = rest.iter().map_while(|&byte| char::from(byte).to_digit(16));
        let address = digits.fold(0u64, |number, digit| number << 4 | u64::from(digit));
        Ok(if address.wrapping_sub(start) < size { Doing::Waits } else { Doing::Else })
    }
}

/// Where a thread runs. The file of the last one asked for is kept open.
#[derive(Debug, Default)]
pub struct Processor(Option<(u32, File)>);

impl Processor {
    /// The number of the processor that a thread runs on or waits for; `None` if it sleeps or has ended.
    pub fn of(&mut self, pid: u32, tid: u32) -> Option<usize> {
        if self.0.as_ref().is_none_or(|&(known, _)| known != tid) {
            self.0 = Some((tid, File::open(format!("/proc/{pid}/task/{tid}/stat")).ok()?));
        }
        let mut text = [0; 512];
        // One that has ended: another may have its number by now.
        let Ok(length) = self.0.as_ref()?.1.read_at(&mut text, 0) else {
            self.0 = None;
            return None;
        };
        let stat = Stat::parse(text.get(..length)?).filter(is_running)?;
        usize::try_from(stat.number(39)?).ok()
    }
}

fn is_running(stat: &Stat<'_>) -> bool {
    stat.field(3) == Some("R")
}

/// Whether a thread is on a processor, or would be if there were one for it.
#[must_use]
pub fn runs(pid: u32, tid: u32) -> bool {
    let text = fs::read(format!("/proc/{pid}/task/{tid}/stat")).unwrap_or_default();
    Stat::parse(&text).as_ref().is_some_and(is_running)
}

/// Who traces a process.
#[must_use]
pub fn tracer(pid: u32) -> Option<u32> {
    status(pid, "TracerPid:")?.trim().parse().ok().filter(|&tracer| tracer != 0)
}

/// What follows a name in the `status` of a process (a pid, `self`) or of a thread (`PID/task/TID`).
pub(crate) fn status(process: impl Display, name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
}

/// The number of a thread in the innermost pid namespace that it is in.
#[must_use]
pub fn inner_number(pid: u32, id: u32) -> Option<u32> {
    let numbers = status(format_args!("{pid}/task/{id}"), "NSpid:")?;
    numbers.split_ascii_whitespace().next_back()?.parse().ok()
}

/// When a process began, in clock ticks since boot, and its parent.
///
/// # Errors
/// If it has ended.
pub fn start_and_parent(pid: u32) -> io::Result<(u64, u32)> {
    let text = fs::read(format!("/proc/{pid}/stat"))?;
    let stat = Stat::parse(&text);
    let parent = stat.and_then(|stat| u32::try_from(stat.number(4)?).ok());
    let start = stat.and_then(|stat| stat.start_ticks());
    start.zip(parent).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The command line of a process, as a shell would take it but for quotes.
#[must_use]
pub fn command_line(pid: u32) -> String {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&arguments);
    text.trim_end_matches('\0').replace('\0', " ")
}
