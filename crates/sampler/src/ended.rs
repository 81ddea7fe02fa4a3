//! Threads that have ended, and what they used of a processor since they were asked last.
//!
//! A thread that is gone cannot be asked any more, and one of a few milliseconds is gone before it was asked once. But the clock of
//! its process has it: what that moved, less what the threads moved that live, is what those that are gone used together. They
//! share it by the time that they had, and none gets more than that.
//!
//! Both numbers are brought up to date at the same ticks and switches (`thread_group_cputime` and `schedstat` read the same
//! field of a thread), so they fit together whenever they are read.

use std::time::{Duration, Instant};

use foldhash::{HashMap, HashMapExt};
use profkit_recording::stream::Writer;

use crate::proc_stat;
use crate::thread::{Share, Thread};

/// Clocks are compared as seldom, and more seldom by as many times what it took.
const INTERVAL: Duration = Duration::from_millis(10);
const COST: u32 = 50;

/// The ended threads of a process that are not settled yet.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    threads: Vec<Thread>,
    clocks: Option<Clocks>,
    next: Option<Instant>,
}

/// What a process has used until a moment.
#[derive(Debug)]
struct Clocks {
    process: u64,
    /// Each of its threads that lived then.
    threads: HashMap<u32, u64>,
    /// What was left since there was no time for it; below zero what was given too much, since a tick fell between two readings.
    balance: i64,
    /// Its threads that are not sampled, or not yet.
    others: Vec<u32>,
}

impl Clocks {
    /// As they are now, those of all threads, of which `live` ones are open already. `None` if the process is gone.
    fn read(pid: u32, all: &[u32], live: &[Thread]) -> Option<Self> {
        let process = proc_stat::processor_time(pid)?;
        let open: HashMap<u32, &Thread> = live.iter().map(|thread| (thread.tid, thread)).collect();
        let mut threads = HashMap::new();
        for &tid in all {
            let known = open.get(&tid).and_then(|thread| thread.processor_time());
            threads.extend(known.or_else(|| proc_stat::thread_time(pid, tid).ok()).map(|used| (tid, used)));
        }
        let others = threads.keys().filter(|tid| !open.contains_key(tid)).copied().collect();
        Some(Self { process, threads, balance: 0, others })
    }

    fn of(&self, tid: u32) -> u64 {
        self.threads.get(&tid).copied().unwrap_or(0)
    }

    /// What those of `ended`, a thread and how much of what it used was told, used without having been told, and others that came
    /// and went until a later moment.
    fn gone(&mut self, later: Self, ended: impl Iterator<Item = (u32, u64)>) -> u64 {
        let lived: u64 = later.threads.iter().map(|(&tid, used)| used.saturating_sub(self.of(tid))).sum();
        let (before, told) =
            ended.fold((0, 0), |(before, told), (tid, part)| (before + self.of(tid), told + part));
        let used = later.process.saturating_sub(self.process) + before;
        let gone = self.balance + used.cast_signed() - (lived + told).cast_signed();
        *self = Self { balance: gone.min(0), ..later };
        gone.max(0).cast_unsigned()
    }
}

impl Ended {
    /// What is used from now on by any of all threads is counted. Later calls do nothing.
    pub(crate) fn begin(&mut self, pid: u32, all: &[u32], live: &[Thread]) {
        if self.clocks.is_none() {
            self.clocks = Clocks::read(pid, all, live);
        }
    }

    /// Adds threads that have ended.
    pub(crate) fn extend(&mut self, threads: impl IntoIterator<Item = Thread>) {
        self.threads.extend(threads);
    }

    /// Writes what is known of those that have ended; for most, that is not at once unless `all` is to be written.
    pub(crate) fn settle(&mut self, pid: u32, live: &[Thread], writer: &mut Writer, all: bool) {
        let begin = Instant::now();
        if self.threads.is_empty() || !all && self.next.is_some_and(|next| begin < next) {
            return;
        }
        // The thread state of one can end long before itself.
        self.threads.retain_mut(|thread| {
            let lives = thread.settle(thread.until, writer);
            thread.close(writer);
            !lives
        });
        let (used, is_theirs) = self.used(pid, live);
        // What a thread had used when it was looked at last is its own. Of the rest, those have nothing that have a clock and were only
        // seen asleep: it waits for others that ran, as long as there may be any.
        let known: u64 = self.threads.iter().map(Thread::untold).sum();
        let rest = used.saturating_sub(known);
        let counted = |thread: &Thread| {
            let [held, busy, idle, waited] = thread.times();
            if all || !thread.has_clock() { [held, busy, idle, waited] } else { [held, busy, 0, 0] }
        };
        let times = self
            .threads
            .iter()
            .map(counted)
            .fold([0; 4], |sums: [u64; 4], times| std::array::from_fn(|kind| sums[kind] + times[kind]));
        let mut shares = Share::of_each(rest, times);
        for mut thread in self.threads.drain(..) {
            let part: u64 =
                shares.iter_mut().zip(counted(&thread)).map(|(share, time)| share.take(time)).sum();
            let mut own = Share::of_each(thread.untold() + part, thread.times());
            thread.write(writer, &mut own);
        }
        if let Some(clocks) = self.clocks.as_mut().filter(|_| is_theirs) {
            clocks.balance +=
                Share::rest(rest, &shares).cast_signed() - known.saturating_sub(used).cast_signed();
        }
        self.next = Some(begin + INTERVAL.max(begin.elapsed() * COST));
    }

    /// What those that are gone used and was not told yet, and whether nobody else can have: no thread has lived for a while that is
    /// not sampled.
    fn used(&mut self, pid: u32, live: &[Thread]) -> (u64, bool) {
        let Some(clocks) = &mut self.clocks else { return (0, false) };
        let now = proc_stat::tasks(pid).ok().and_then(|all| Clocks::read(pid, &all, live));
        // The process is gone, and its clock with it.
        let Some(now) = now else { return (self.threads.iter().map(Thread::untold).sum(), false) };
        let is_theirs = !now.others.iter().any(|tid| clocks.threads.contains_key(tid));
        let used = clocks.gone(now, self.threads.iter().map(|thread| (thread.tid, thread.given())));
        (used, is_theirs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc_stat::own_thread;

    fn clocks(process: u64, threads: &[(u32, u64)]) -> Clocks {
        Clocks { process, threads: threads.iter().copied().collect(), balance: 0, others: Vec::new() }
    }

    #[test]
    fn what_is_gone_is_what_nobody_has_who_lives() {
        let mut now = clocks(100, &[(1, 60), (2, 30)]);
        // 2 and one that was never seen are gone, 3 is new; 23 of what 2 used were told when it had used 30.
        assert_eq!(now.gone(clocks(190, &[(1, 70), (3, 20)]), [(2, 23)].into_iter()), 90 - 10 - 20 + 7);
        // The threads' clocks were read after a tick that the process's clock did not have yet.
        assert_eq!(now.gone(clocks(200, &[(1, 85), (3, 20)]), [].into_iter()), 0);
        assert_eq!(now.gone(clocks(220, &[(1, 85), (3, 20)]), [].into_iter()), 15);
    }

    #[test]
    fn a_thread_that_came_and_went_is_in_the_clock_of_its_process() {
        let own = std::process::id();
        let read = || Clocks::read(own, &proc_stat::tasks(own).unwrap(), &[]).unwrap();
        let mut before = read();
        let spun = std::thread::spawn(move || {
            let begin = proc_stat::thread_time(own, own_thread()).unwrap();
            let used = || proc_stat::thread_time(own, own_thread()).unwrap() - begin;
            while used() < 30_000_000 {}
            used()
        });
        let spun = spun.join().unwrap();
        let gone = before.gone(read(), [].into_iter());
        // This thread may have run until after its own clock was read.
        assert!((spun - 5_000_000..spun + 20_000_000).contains(&gone), "{gone} of {spun}");
    }
}
