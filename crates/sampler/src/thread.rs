//! One thread that is sampled: its reader, and what was seen of it since its processor time was read last.
//!
//! Processor time comes in lumps of some milliseconds, so stacks wait in `runs` until their share is known: first those seen
//! with the interpreter's lock, then others, never more than their wall time.

use profkit_recording::stream::{Sample, Writer};

use crate::proc_stat::{CpuClock, SystemCall};
use crate::reader::Reader;
use crate::threads::ThreadState;

/// A moment of the session: nanoseconds, and how many samples were taken until then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Nanoseconds since the beginning that samples up to here stand for.
    pub ns: u64,
    /// Number of the sample.
    pub index: u64,
}

/// A stack that was seen in a row.
#[derive(Clone, Copy, Debug)]
struct Run {
    stack: u32,
    count: u64,
    wall: u64,
    gil: u64,
    wait: u64,
}

/// A thread that is sampled.
#[derive(Debug)]
pub struct Thread {
    /// Its thread state.
    pub state: ThreadState,
    /// Its number in the stream, 0 until it has one.
    pub id: u32,
    /// What the operating system calls it.
    pub tid: u32,
    /// Which lock of the process it needs.
    pub lock: usize,
    /// Reads its stack.
    pub reader: Reader,
    /// Its stack when it was last looked at.
    pub stack: u32,
    /// Whether it had the lock then.
    pub has_gil: bool,
    /// Whether it waited for the lock then.
    pub waits: bool,
    /// Whether its stack can have changed since it was read.
    pub is_due: bool,
    /// When its stack was last another one.
    pub changed: u64,
    /// When it was last asked whether it waits.
    pub asked: u64,
    /// When its processor time was read.
    pub cpu_read: u64,
    /// Its name in the stream.
    pub name: u32,
    /// Until when it is accounted for.
    pub until: Moment,
    cpu: Option<CpuClock>,
    call: Option<SystemCall>,
    runs: Vec<Run>,
}

impl Thread {
    /// A thread that is sampled from now on.
    #[must_use]
    pub fn new(pid: u32, tid: u32, state: ThreadState, lock: usize, reader: Reader, now: Moment) -> Self {
        Self {
            state,
            id: 0,
            tid,
            lock,
            reader,
            stack: 0,
            has_gil: false,
            waits: false,
            is_due: true,
            changed: now.ns,
            asked: 0,
            cpu_read: now.ns,
            name: 0,
            until: now,
            cpu: CpuClock::open(pid, tid).ok(),
            call: SystemCall::open(pid, tid).ok(),
            runs: Vec::new(),
        }
    }

    /// Whether it sleeps until it gets the lock at an address.
    #[must_use]
    pub fn waits_for(&self, lock: u64) -> bool {
        self.call.as_ref().is_some_and(|call| call.waits_within(lock, crate::gil::SIZE))
    }

    /// Accounts for the time up to a moment with the stack and states that it has.
    #[inline]
    pub fn account(&mut self, now: Moment) {
        let (wall, count) =
            (now.ns.saturating_sub(self.until.ns), now.index.saturating_sub(self.until.index));
        self.until = now;
        if wall == 0 && count == 0 {
            return;
        }
        let gil = if self.has_gil { wall } else { 0 };
        let wait = if self.waits { wall } else { 0 };
        match self.runs.last_mut() {
            Some(run) if run.stack == self.stack => {
                run.count += count;
                run.wall += wall;
                run.gil += gil;
                run.wait += wait;
            }
            _ => self.runs.push(Run { stack: self.stack, count, wall, gil, wait }),
        }
    }

    /// Whether there is something to settle.
    #[must_use]
    pub fn has_runs(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Shares out the processor time since the last call and writes what was seen. False if the thread has ended.
    pub fn settle(&mut self, writer: &mut Writer) -> bool {
        self.cpu_read = self.until.ns;
        let passed = self.cpu.as_mut().map(CpuClock::passed);
        let is_alive = !matches!(passed, Some(Err(_)));
        let used = passed.and_then(Result::ok).unwrap_or(0);
        let held: u64 = self.runs.iter().map(|run| run.gil).sum();
        let free: u64 = self.runs.iter().map(|run| run.wall.saturating_sub(run.gil + run.wait)).sum();
        let waited: u64 = self.runs.iter().map(|run| run.wait).sum();
        // The lock's holder runs first; who waits for it may wake now and then.
        let mut shares = [Share::of(used, held), Share::default(), Share::default()];
        shares[1] = Share::of(used - shares[0].given, free);
        shares[2] = Share::of(used - shares[0].given - shares[1].given, waited);
        for run in self.runs.drain(..) {
            let free = run.wall.saturating_sub(run.gil + run.wait);
            let cpu = shares[0].take(run.gil) + shares[1].take(free) + shares[2].take(run.wait);
            let count = if run.stack == 0 { 0 } else { run.count };
            writer.sample(&Sample {
                thread: self.id,
                stack: run.stack,
                count,
                wall: run.wall,
                cpu,
                gil: run.gil,
                gil_wait: run.wait,
            });
        }
        is_alive
    }
}

/// An amount that is shared out in proportion, to the nanosecond.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    given: u64,
    of: u64,
    seen: u64,
    taken: u64,
}

impl Share {
    fn of(amount: u64, of: u64) -> Self {
        Self { given: amount.min(of), of, seen: 0, taken: 0 }
    }

    fn take(&mut self, part: u64) -> u64 {
        if part == 0 || self.given == 0 {
            return 0;
        }
        self.seen += part;
        let due = u128::from(self.given) * u128::from(self.seen) / u128::from(self.of.max(1));
        let due = u64::try_from(due).unwrap_or(u64::MAX);
        let taken = due.saturating_sub(self.taken);
        self.taken = due;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        let mut share = Share::of(10, 7);
        assert_eq!(share.given, 7);
        assert_eq!([share.take(3), share.take(0), share.take(4)], [3, 0, 4]);
        let mut share = Share::of(100, 300);
        let parts: Vec<u64> = [101, 99, 100].map(|part| share.take(part)).to_vec();
        assert_eq!(parts.iter().sum::<u64>(), 100);
        assert_eq!(parts, [33, 33, 34]);
    }
}
