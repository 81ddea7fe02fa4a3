//! One thread that is sampled: its reader, and what was seen of it since its processor time was read last.
//!
//! Processor time comes in lumps of some milliseconds, so stacks wait in `runs` until their share is known: first those seen
//! with the interpreter's lock, then others, never more than their wall time.

use profkit_recording::stream::{Sample, Writer};

use crate::gil::{Lock, SIZE};
use crate::proc_stat::{CpuClock, Doing, SystemCall, means_gone};
use crate::reader::Reader;
use crate::threads::ThreadState;

/// Processor times are read as seldom: threads that run, threads that do not.
pub(crate) const CPU_INTERVAL: u64 = 10_000_000;
const IDLE_CPU_INTERVAL: u64 = 1_000_000_000;
/// Threads that end sooner than that after their beginning are settled as a whole.
const YOUNG: u64 = 50_000_000;
/// Whether active threads wait for a lock is asked as seldom; whether others do.
const WAIT_INTERVAL: u64 = 1_000_000;
const IDLE_WAIT_INTERVAL: u64 = 100_000_000;
/// A thread whose stack has changed within this time is active.
const ACTIVE: u64 = 100_000_000;

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

/// What is to be done of a thread's processor time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// It is too young, but may have ended.
    Look,
    /// It is to be settled.
    Settle,
}

impl Run {
    /// Nanoseconds without the lock.
    fn free(&self) -> u64 {
        self.wall.saturating_sub(self.gil + self.wait)
    }
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
    /// How often the lock had gone to another thread when that was asked.
    waited: u64,
    /// Whether its stack can have changed since it was read.
    pub is_due: bool,
    /// When its stack was last another one.
    pub changed: u64,
    /// When it began.
    began: u64,
    /// When it was last asked whether it waits.
    asked: u64,
    /// When its processor time was read.
    cpu_read: u64,
    /// Whether it had used any since it was read before.
    has_used: bool,
    /// Its name in the stream.
    pub name: u32,
    /// Until when it is accounted for.
    pub until: Moment,
    cpu: Option<CpuClock>,
    call: Option<SystemCall>,
    /// Nanoseconds of processor time that there was no time for yet: the clock moves at ticks.
    owed: u64,
    runs: Vec<Run>,
}

impl Thread {
    /// A thread that is sampled from now on. One that `is_new` has used nothing before that is not to be counted.
    #[must_use]
    pub fn new(
        pid: u32,
        (tid, is_new): (u32, bool),
        state: ThreadState,
        lock: usize,
        reader: Reader,
        now: Moment,
    ) -> Self {
        Self {
            state,
            id: 0,
            tid,
            lock,
            reader,
            stack: 0,
            has_gil: false,
            waits: false,
            waited: 0,
            is_due: true,
            changed: now.ns,
            began: now.ns,
            asked: 0,
            cpu_read: now.ns,
            has_used: false,
            name: 0,
            until: now,
            owed: 0,
            cpu: if is_new { CpuClock::of_new(pid, tid) } else { CpuClock::open(pid, tid) }.ok(),
            call: SystemCall::open(pid, tid).ok(),
            runs: Vec::new(),
        }
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

    /// It has ended, no later than now. Without a stack it was not there any more.
    pub fn end(&mut self, now: Moment) {
        self.account(now);
        while self.runs.pop_if(|run| run.stack == 0).is_some() {}
    }

    /// Shares out the processor time since the last call and writes what was seen until now. False, and nothing is done, if the thread is
    /// gone.
    pub fn settle(&mut self, now: Moment, writer: &mut Writer) -> bool {
        let used = match self.cpu.as_mut().map(CpuClock::passed) {
            Some(Ok(passed)) => passed + self.owed,
            Some(Err(error)) if means_gone(&error) => return false,
            None | Some(Err(_)) => self.owed,
        };
        self.account(now);
        self.cpu_read = now.ns;
        self.has_used = used > 0;
        let mut shares = Share::of_each(used, self.times());
        self.owed = Share::rest(used, &shares);
        self.write(writer, &mut shares);
        true
    }

    /// Finds out whether it waits for a lock, as often as it matters. What was before is over with the moment `last`.
    pub fn ask(&mut self, lock: &Lock, has_gil: bool, now: Moment, last: Moment) {
        // Not by whether it waits: what is asked for more often when it says yes than when it says no seems to be seldom.
        let is_active = self.has_used || now.ns - self.changed < ACTIVE;
        let interval = if is_active { WAIT_INTERVAL } else { IDLE_WAIT_INTERVAL };
        let waits = if has_gil || self.stack == 0 {
            false
        } else if now.ns - self.asked >= interval {
            self.asked = now.ns;
            let doing = self.call.as_ref().map_or(Doing::Else, |call| call.within(lock.address, SIZE));
            let waited = self.waits && self.waited == lock.gil.switches;
            self.waited = lock.gil.switches;
            // One that was woken to ask for the lock again waits for a processor: it has not had the lock since.
            doing == Doing::Waits || doing == Doing::Runs && waited
        } else {
            self.waits
        };
        if waits != self.waits || has_gil != self.has_gil {
            self.account(last);
            self.waits = waits;
            self.has_gil = has_gil;
        }
    }

    /// What is to be done of its processor time.
    #[must_use]
    pub fn due(&self, now: Moment) -> Due {
        let is_active = now.ns - self.changed < ACTIVE || self.has_gil || self.has_used;
        match now.ns - self.cpu_read {
            passed if passed < CPU_INTERVAL => Due::Nothing,
            passed if passed < IDLE_CPU_INTERVAL && !is_active => Due::Nothing,
            _ if now.ns - self.began < YOUNG => Due::Look,
            _ => Due::Settle,
        }
    }

    /// Whether it has not ended. It is as if its processor time had been read.
    pub fn is_there(&mut self, now: Moment) -> bool {
        self.cpu_read = now.ns;
        !self.cpu.as_ref().is_some_and(|clock| clock.now().is_err_and(|error| means_gone(&error)))
    }

    /// Nanoseconds of what was seen with the lock, without it, and waiting for it. The lock's holder runs first; who waits for it
    /// may wake now and then.
    #[must_use]
    pub fn times(&self) -> [u64; 3] {
        let sum = |part: fn(&Run) -> u64| self.runs.iter().map(part).sum();
        [sum(|run| run.gil), sum(Run::free), sum(|run| run.wait)]
    }

    /// Writes what was seen, with its part of the shares.
    pub(crate) fn write(&mut self, writer: &mut Writer, shares: &mut [Share; 3]) {
        let [held, free, waited] = shares;
        for run in self.runs.drain(..) {
            let cpu = held.take(run.gil) + free.take(run.free()) + waited.take(run.wait);
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
    }

    /// Its processor time now, in nanoseconds.
    #[must_use]
    pub fn processor_time(&self) -> Option<u64> {
        self.cpu.as_ref()?.now().ok()
    }

    /// The processor time up to which it was told.
    #[must_use]
    pub fn given(&self) -> u64 {
        self.cpu.as_ref().map_or(0, CpuClock::told).saturating_sub(self.owed)
    }
}

/// An amount that is shared out in proportion, to the nanosecond.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Share {
    given: u64,
    of: u64,
    seen: u64,
    taken: u64,
}

impl Share {
    /// An amount for several kinds of time, the first of which gets as much as there is of it, then the next.
    pub(crate) fn of_each(amount: u64, times: [u64; 3]) -> [Self; 3] {
        let mut rest = amount;
        times.map(|time| {
            let share = Self::of(rest, time);
            rest -= share.given;
            share
        })
    }

    fn of(amount: u64, of: u64) -> Self {
        Self { given: amount.min(of), of, seen: 0, taken: 0 }
    }

    /// What is left of an amount.
    pub(crate) fn rest(amount: u64, shares: &[Self; 3]) -> u64 {
        amount - shares.iter().map(|share| share.given).sum::<u64>()
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
