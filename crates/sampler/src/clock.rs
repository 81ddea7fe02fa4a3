//! Waiting for a moment, and chance.

use std::time::{Duration, Instant};

/// Waits that are shorter are spent looking at the clock: to sleep and wake takes as long.
const SPIN: u64 = 30_000;

/// A short turn on the processor, in nanoseconds: the kernel's scheduler (EEVDF, since 6.12 by this number) lets those who
/// ask for short turns have them soon. A sample takes some microseconds.
const TURN: u64 = 100_000;

/// Lets this thread, and those that it starts, wake when it asked to: not up to 50 µs later (the kernel's default slack),
/// and not after all others that want the processor, as far as this user may ask for that. One that never sleeps would take it from
/// the target if both were on the same one: it does not come first.
pub(crate) fn be_prompt(sleeps: bool) {
    let attributes = SchedulingAttributes {
        size: 48,
        policy: 0,
        flags: 0,
        nice: if sleeps { -10 } else { 0 },
        priority: 0,
        runtime: TURN,
        deadline: 0,
        period: 0,
    };
    let modest = SchedulingAttributes { nice: 0, ..attributes };
    // SAFETY: sets numbers of the calling thread from structures of the size that they say.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1);
        if libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) != 0 {
            libc::syscall(libc::SYS_sched_setattr, 0, &raw const modest, 0);
        }
    }
}

/// `struct sched_attr` of the kernel.
#[repr(C)]
#[derive(Clone, Copy)]
struct SchedulingAttributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// What a clock of the kernel's says; `None` if there is none of this name.
#[must_use]
pub fn now(clock: libc::clockid_t) -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills the structure.
    let is_read = unsafe { libc::clock_gettime(clock, &raw mut time) == 0 };
    let part = |number: i64| u64::try_from(number).ok();
    let time = Duration::from_secs(part(time.tv_sec)?) + Duration::from_nanos(part(time.tv_nsec)?);
    is_read.then_some(time)
}

/// Waits until `ns` nanoseconds after `start`.
pub(crate) fn sleep_until(start: Instant, ns: u64) {
    let deadline = start + Duration::from_nanos(ns);
    let left = deadline.saturating_duration_since(Instant::now());
    if left >= Duration::from_nanos(SPIN) {
        std::thread::sleep(left);
    }
    while Instant::now() < deadline {
        std::hint::spin_loop();
    }
}

/// Random numbers, good enough to be out of step with a program (xorshift64*).
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `limit`; 0 if that is 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        u64::try_from((u128::from(number) * u128::from(limit)) >> 64).unwrap_or(0)
    }
}
