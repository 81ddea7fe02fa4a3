//! One thread that is sampled: its reader, and what was seen of it since its processor time was read last.
//!
//! Processor time comes in lumps of some milliseconds, so stacks wait in `runs` until their share is known: first those seen
//! with the interpreter's lock, then others that ran, never more than their wall time. Where none was seen to run, it waits for the next
//! that is: at low rates most stacks of a program that works for a while and sleeps for a while are of its sleep.

use profkit_recording::stream::{Sample, Writer};

use crate::gil::{Lock, SIZE};
use crate::proc_stat::{CpuClock, Doing, SystemCall, means_gone};
use crate::reader::Reader;
use crate::rest::Rest;
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
pub(crate) struct Moment {
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
    /// Without the lock, and not asleep.
    busy: u64,
    wait: u64,
}

/// What is to be done of a thread's processor time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// It is too young, but may have ended.
    Look,
    /// It is to be settled.
    Settle,
}

impl Run {
    /// Nanoseconds asleep, but not for the lock.
    fn idle(&self) -> u64 {
        self.wall.saturating_sub(self.gil + self.busy + self.wait)
    }
}

/// A thread that is sampled.
#[derive(Debug)]
pub(crate) struct Thread {
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
    /// Whether it ran then, or waited for a processor.
    is_busy: bool,
    /// When it was last known to be there, and the moment before it was not.
    there: Moment,
    gone: Option<Moment>,
    /// How often the lock had gone to another thread when that was asked.
    waited: u64,
    /// Whether its stack can have changed since it was read.
    pub is_due: bool,
    /// Whether the operating system's thread runs in another interpreter by now.
    pub stands: bool,
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
    /// What it had used when it was last looked at without being told.
    seen: u64,
    rest: Rest,
    /// The last stack in which it ran, and the last of all.
    ran: u32,
    shown: u32,
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
    pub(crate) fn new(
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
            is_busy: false,
            there: now,
            gone: None,
            waited: 0,
            is_due: true,
            stands: false,
            changed: now.ns,
            began: now.ns,
            asked: 0,
            cpu_read: now.ns,
            has_used: false,
            seen: 0,
            rest: Rest::default(),
            ran: 0,
            shown: 0,
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
    pub(crate) fn account(&mut self, now: Moment) {
        let (wall, count) =
            (now.ns.saturating_sub(self.until.ns), now.index.saturating_sub(self.until.index));
        self.until = now;
        if self.stands || wall == 0 && count == 0 {
            return;
        }
        if self.stack != 0 {
            self.shown = self.stack;
        }
        let gil = if self.has_gil { wall } else { 0 };
        let busy = if !self.has_gil && !self.waits && self.is_busy { wall } else { 0 };
        let wait = if self.waits { wall } else { 0 };
        match self.runs.last_mut() {
            Some(run) if run.stack == self.stack => {
                run.count += count;
                run.wall += wall;
                run.gil += gil;
                run.busy += busy;
                run.wait += wait;
            }
            _ => self.runs.push(Run { stack: self.stack, count, wall, gil, busy, wait }),
        }
    }

    /// It has ended after the moment at which it was last known to be there, and, as far as is known, not before `last`, the last
    /// one at which it may have been: it was there for half of them. Without a stack it was not there any more.
    pub(crate) fn end(&mut self, last: Moment) {
        let last = self.gone.unwrap_or(last);
        let end = Moment {
            ns: self.there.ns.midpoint(last.ns.max(self.there.ns)),
            index: self.there.index.midpoint(last.index.max(self.there.index)),
        };
        if end.ns > self.until.ns {
            self.account(end);
        }
        while self.runs.pop_if(|run| run.stack == 0).is_some() {}
    }

    /// The thread runs in another interpreter since a moment. Up to where its processor time was told, if it did not before.
    pub(crate) fn stand(&mut self, since: Moment) -> Option<u64> {
        if self.stands {
            return None;
        }
        self.account(since);
        (self.stands, self.has_gil, self.waits, self.is_busy) = (true, false, false, false);
        self.cpu.as_ref().map(CpuClock::told)
    }

    /// It runs in this interpreter since a moment, and its processor time was told up to there.
    pub(crate) fn go_on(&mut self, told: Option<u64>, since: Moment) {
        let stood = std::mem::replace(&mut self.stands, false);
        if stood {
            self.until = since;
        }
        if let Some(clock) = self.cpu.as_mut().filter(|_| stood || told.is_some()) {
            clock.go_on(told);
        }
    }

    /// Shares out the processor time since the last call and writes what was seen until now. False, and nothing is done, if the thread is
    /// gone.
    pub(crate) fn settle(&mut self, now: Moment, writer: &mut Writer) -> bool {
        let passed = match self.cpu.as_mut().filter(|_| !self.stands).map(CpuClock::passed) {
            Some(Ok(passed)) => passed,
            Some(Err(error)) if means_gone(&error) => return false,
            None | Some(Err(_)) => 0,
        };
        self.account(now);
        self.cpu_read = now.ns;
        self.has_used = passed > 0;
        let used = passed + self.owed;
        // A thread that was asleep whenever it was looked at did not use that there: what it has used waits for a stack in which
        // it runs.
        let [held, busy, ..] = self.times();
        let mut shares = Share::of_each(used, [held, busy, 0, 0]);
        self.owed = Share::rest(used, &shares);
        self.write(writer, &mut shares);
        true
    }

    /// Writes the processor time that no stack was found for: it was used in the one that ran last, as far as is known.
    pub(crate) fn close(&mut self, writer: &mut Writer) {
        let stack = if self.ran == 0 { self.shown } else { self.ran };
        if self.owed > 0 && stack != 0 {
            let (thread, cpu) = (self.id, std::mem::take(&mut self.owed));
            writer.sample(&Sample { thread, stack, count: 0, wall: 0, cpu, gil: 0, gil_wait: 0 });
        }
    }

    /// Finds out whether it waits for a lock, as often as it matters. What was before is over with the moment `last`.
    pub(crate) fn ask(&mut self, lock: &Lock, has_gil: bool, now: Moment, last: Moment) {
        // Not by whether it waits: what is asked for more often when it says yes than when it says no seems to be seldom.
        let is_active = self.has_used || now.ns - self.changed < ACTIVE;
        let interval = if is_active { WAIT_INTERVAL } else { IDLE_WAIT_INTERVAL };
        let (mut waits, mut is_busy) = (self.waits, self.is_busy);
        if has_gil || self.stack == 0 {
            (waits, is_busy) = (false, false);
            if has_gil {
                self.there = now;
            }
        } else if now.ns - self.asked >= interval {
            self.asked = now.ns;
            let doing = self.call.as_ref().map(|call| call.within(lock.address, SIZE)).transpose();
            match &doing {
                Ok(Some(_)) => self.there = now,
                Err(error) if means_gone(error) => self.gone = self.gone.or(Some(last)),
                Ok(None) | Err(_) => {}
            }
            let doing = doing.ok().flatten();
            let waited = self.waits && self.waited == lock.gil.switches;
            self.waited = lock.gil.switches;
            // One that was woken to ask for the lock again waits for a processor: it has not had the lock since.
            waits = doing == Some(Doing::Waits) || doing == Some(Doing::Runs) && waited;
            is_busy = doing == Some(Doing::Runs) && !waits;
        }
        if (waits, is_busy, has_gil) != (self.waits, self.is_busy, self.has_gil) {
            self.account(last);
            (self.waits, self.is_busy, self.has_gil) = (waits, is_busy, has_gil);
        }
        if has_gil || is_busy {
            self.ran = self.stack;
        }
    }

    /// Whether it has not run since it was read last, so that its stack is what it was: asked where there is no lock that tells.
    pub(crate) fn rests(&mut self, now: Moment) -> bool {
        let seems_idle = now.ns - self.changed >= ACTIVE;
        let figures = self.cpu.as_ref().filter(|_| seems_idle).and_then(|clock| clock.figures().ok());
        self.rest.holds(figures, now.ns)
    }

    /// What was read last is not certain: it is read again, whether it rests or not.
    pub(crate) fn read_again(&mut self) {
        self.rest.read_again();
    }

    /// What is to be done of its processor time.
    #[must_use]
    pub(crate) fn due(&self, now: Moment) -> Due {
        let is_active = now.ns - self.changed < ACTIVE || self.has_gil || self.has_used;
        match now.ns - self.cpu_read {
            passed if passed < CPU_INTERVAL => Due::Nothing,
            passed if passed < IDLE_CPU_INTERVAL && !is_active => Due::Nothing,
            _ if now.ns - self.began < YOUNG => Due::Look,
            _ => Due::Settle,
        }
    }

    /// Whether it has not ended. It is as if its processor time had been read.
    pub(crate) fn is_there(&mut self, now: Moment) -> bool {
        self.cpu_read = now.ns;
        match self.cpu.as_ref().map(CpuClock::now) {
            Some(Ok(used)) => self.seen = used,
            Some(Err(error)) if means_gone(&error) => return false,
            None | Some(Err(_)) => {}
        }
        true
    }

    /// The processor time that it is known to have used and was not told.
    #[must_use]
    pub(crate) fn untold(&self) -> u64 {
        let told = self.cpu.as_ref().map_or(0, CpuClock::told);
        self.seen.max(told).saturating_sub(self.given())
    }

    /// Nanoseconds of what was seen with the lock, running without it, asleep, and waiting for it. The lock's holder runs first; who
    /// waits for it may wake now and then.
    #[must_use]
    pub(crate) fn times(&self) -> [u64; 4] {
        let sum = |part: fn(&Run) -> u64| self.runs.iter().map(part).sum();
        [sum(|run| run.gil), sum(|run| run.busy), sum(Run::idle), sum(|run| run.wait)]
    }

    /// Writes what was seen, with its part of the shares.
    pub(crate) fn write(&mut self, writer: &mut Writer, shares: &mut [Share; 4]) {
        let [held, busy, idle, waited] = shares;
        for run in self.runs.drain(..) {
            let cpu =
                held.take(run.gil) + busy.take(run.busy) + idle.take(run.idle()) + waited.take(run.wait);
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

    /// Whether its processor time can be asked for: not where no more files could be opened.
    #[must_use]
    pub(crate) fn has_clock(&self) -> bool {
        self.cpu.is_some()
    }

    /// Its processor time now, in nanoseconds.
    #[must_use]
    pub(crate) fn processor_time(&self) -> Option<u64> {
        self.cpu.as_ref()?.now().ok()
    }

    /// The processor time up to which it was told.
    #[must_use]
    pub(crate) fn given(&self) -> u64 {
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
    pub(crate) fn of_each(amount: u64, times: [u64; 4]) -> [Self; 4] {
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
    pub(crate) fn rest(amount: u64, shares: &[Self; 4]) -> u64 {
        amount - shares.iter().map(|share| share.given).sum::<u64>()
    }

    pub(crate) fn take(&mut self, part: u64) -> u64 {
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
