//! The clocks. Each is a type, so that the callbacks are compiled once for each and none asks which one it is.
//!
//! Wall time is the time stamp counter where that runs evenly, else `CLOCK_MONOTONIC`. CPU time is the value of
//! `CLOCK_THREAD_CPUTIME_ID` when it was last read plus what the counter has moved since, as long as the thread has not
//! been switched out: the kernel clears `rseq_cs` when that happens (seen on kernels up to 6.18; one that does not is found
//! out at the start, and the system call is made each time). A virtual machine's processor that stands still is not seen that
//! way, and the kernel does not count it as CPU time, so the value is read again after a millisecond.

use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU64, Ordering::Relaxed};

use crate::thread::State;

/// A clock that a thread's time is kept by.
pub(crate) trait Clock {
    /// Now, in its units. Never less than before in the same thread.
    ///
    /// # Safety
    /// `state` belongs to the calling thread.
    unsafe fn now(state: *mut State) -> u64;
}

/// The time stamp counter.
#[derive(Debug)]
pub(crate) struct Counter;
/// `CLOCK_MONOTONIC` in nanoseconds.
#[derive(Debug)]
pub(crate) struct Monotonic;
/// The thread's CPU time in ticks of the counter, the system call made only after a switch or a millisecond.
#[derive(Debug)]
pub(crate) struct CpuHybrid;
/// The thread's CPU time in nanoseconds by the system call.
#[derive(Debug)]
pub(crate) struct CpuCall;

impl Clock for Counter {
    #[inline(always)]
    unsafe fn now(_: *mut State) -> u64 {
        counter()
    }
}

impl Clock for Monotonic {
    #[inline(always)]
    unsafe fn now(_: *mut State) -> u64 {
        nanoseconds(libc::CLOCK_MONOTONIC)
    }
}

impl Clock for CpuCall {
    #[inline(always)]
    unsafe fn now(_: *mut State) -> u64 {
        nanoseconds(libc::CLOCK_THREAD_CPUTIME_ID)
    }
}

impl Clock for CpuHybrid {
    #[inline(always)]
    unsafe fn now(state: *mut State) -> u64 {
        let counter = counter();
        // Not just anything: allocators have critical sections, too, and leave theirs behind.
        if (*state).rseq_cs.read_volatile() == (&raw const SECTION) as u64 && counter < (*state).cpu_until {
            (*state).cpu_base.wrapping_add(counter)
        } else {
            synchronise(state)
        }
    }
}

/// Ticks of the time stamp counter.
#[inline(always)]
#[must_use]
pub(crate) fn counter() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has it.
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: Linux lets programs read this register.
    unsafe {
        let ticks: u64;
        core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags));
        ticks
    }
}

/// A clock of the system.
#[inline]
#[must_use]
pub(crate) fn nanoseconds(clock: libc::clockid_t) -> u64 {
    // SAFETY: `clock_gettime` into memory of ours.
    unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(clock, &raw mut time);
        time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
    }
}

/// Whether the counter runs evenly, whatever the processor does to save power.
#[must_use]
pub(crate) fn counter_is_even() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        let most = core::arch::x86_64::__cpuid(0x8000_0000).eax;
        most >= 0x8000_0007 && core::arch::x86_64::__cpuid(0x8000_0007).edx & (1 << 8) != 0
    }
    #[cfg(target_arch = "aarch64")]
    true
}

/// Wall ticks come from the counter.
static WALL_IS_COUNTER: AtomicBool = AtomicBool::new(false);
/// When calibration began: the counter and `CLOCK_MONOTONIC`.
static ORIGIN: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
/// Ticks a second, as bits of an `f64`.
static HZ: AtomicU64 = AtomicU64::new(0);
/// When the rate is to be measured again, in ticks; never if it was given.
static NEXT: AtomicU64 = AtomicU64::new(u64::MAX);
/// Distance of a thread's `rseq_cs` from its thread pointer; 0 if there is none.
static RSEQ_CS: AtomicIsize = AtomicIsize::new(0);

/// Wall time now, in units of [`wall_hz`].
#[inline]
#[must_use]
pub(crate) fn wall() -> u64 {
    if WALL_IS_COUNTER.load(Relaxed) { counter() } else { nanoseconds(libc::CLOCK_MONOTONIC) }
}

/// Units a second of [`wall`].
#[must_use]
pub(crate) fn wall_hz() -> f64 {
    if WALL_IS_COUNTER.load(Relaxed) { f64::from_bits(HZ.load(Relaxed)) } else { 1e9 }
}

/// Ticks a second of the counter, even if it is not what times are taken from.
#[must_use]
pub(crate) fn counter_hz() -> f64 {
    match f64::from_bits(HZ.load(Relaxed)) {
        hz if hz > 0.0 => hz,
        // Nobody has measured it: nearly right is enough for what asks.
        _ => 1e9,
    }
}

/// Which clocks this machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// [`Counter`].
    Counter,
    /// [`Monotonic`].
    Monotonic,
    /// [`CpuHybrid`].
    CpuHybrid,
    /// [`CpuCall`].
    CpuCall,
}

/// Chooses the clocks and finds their rate: at once if it is known, else in a quarter of a millisecond, made better later.
pub(crate) fn choose(cpu: bool, tsc_hz: Option<f64>) -> Choice {
    let even = counter_is_even();
    WALL_IS_COUNTER.store(even, Relaxed);
    if even {
        let (ticks, time) = both();
        ORIGIN[0].store(ticks, Relaxed);
        ORIGIN[1].store(time, Relaxed);
        if let Some(hz) = tsc_hz {
            HZ.store(hz.to_bits(), Relaxed);
        } else {
            while nanoseconds(libc::CLOCK_MONOTONIC) < time + 250_000 {
                std::hint::spin_loop();
            }
            measure();
        }
    }
    match (cpu, even) {
        (false, true) => Choice::Counter,
        (false, false) => Choice::Monotonic,
        (true, true) if switches_are_seen() => Choice::CpuHybrid,
        (true, _) => Choice::CpuCall,
    }
}

/// Counter and clock at one moment: of several tries the one that took least.
fn both() -> (u64, u64) {
    let mut best = (u64::MAX, 0, 0);
    for _ in 0..8 {
        let before = counter();
        let time = nanoseconds(libc::CLOCK_MONOTONIC);
        let took = counter().wrapping_sub(before);
        if took < best.0 {
            best = (took, before + took / 2, time);
        }
    }
    (best.1, best.2)
}

fn measure() {
    let (ticks, time) = both();
    let passed = ticks.wrapping_sub(ORIGIN[0].load(Relaxed));
    let hz = passed as f64 / (time - ORIGIN[1].load(Relaxed)) as f64 * 1e9;
    HZ.store(hz.to_bits(), Relaxed);
    NEXT.store(ticks + passed * 3, Relaxed);
}

/// Measures the counter's rate over a longer time, if one has passed. Says whether there is a new one.
pub(crate) fn refine() -> bool {
    if counter() < NEXT.load(Relaxed) {
        return false;
    }
    measure();
    true
}

/// A critical section that no thread is ever in: the kernel sees at a switch that the thread is outside, and clears `rseq_cs`.
#[repr(C, align(32))]
struct Section {
    version: u32,
    flags: u32,
    start: u64,
    length: u64,
    abort: u64,
}

/// The kernel kills a process whose abort address has no signature before it.
#[repr(C, align(16))]
struct Landing([u32; 4]);

/// The signature that glibc registers with.
#[cfg(target_arch = "x86_64")]
const SIGNATURE: u32 = 0x5305_3053;
#[cfg(target_arch = "aarch64")]
const SIGNATURE: u32 = 0xd428_bc00;

static LANDING: Landing = Landing([0, 0, 0, SIGNATURE]);
/// Filled once by [`switches_are_seen`].
static mut SECTION: Section = Section { version: 0, flags: 0, start: 0, length: 0, abort: 0 };

fn thread_pointer() -> isize {
    let pointer: isize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the first word of a thread's block is its own address.
    unsafe {
        core::arch::asm!("mov {}, fs:0", out(reg) pointer, options(nostack, readonly, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: programs may read this register.
    unsafe {
        core::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}

/// Never anything but zero: where a thread looks before its first look at the clock.
static NOTHING: AtomicU64 = AtomicU64::new(0);

/// What a thread begins with: as if it had just been switched in.
#[must_use]
pub(crate) fn nothing_known() -> *mut u64 {
    NOTHING.as_ptr()
}

/// Where the kernel finds this thread's critical section; null if there is no such place.
#[must_use]
pub(crate) fn rseq_cs() -> *mut u64 {
    match RSEQ_CS.load(Relaxed) {
        0 => std::ptr::null_mut(),
        distance => (thread_pointer() + distance) as *mut u64,
    }
}

/// Looks whether the C library has registered restartable sequences and the kernel clears `rseq_cs` at a switch.
fn switches_are_seen() -> bool {
    // SAFETY: `__rseq_offset` and `__rseq_size` are constants of the C library (2.35 and later); the section is written before
    // any thread uses it; what `rseq_cs` points to lives as long as the process.
    unsafe {
        let offset = libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr()).cast::<isize>();
        let size = libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_size".as_ptr()).cast::<u32>();
        if offset.is_null() || size.is_null() || *size == 0 {
            return false;
        }
        let abort = (&raw const LANDING.0[3]).add(1) as u64;
        SECTION = Section { version: 0, flags: 0, start: abort + 64, length: 1, abort };
        RSEQ_CS.store(*offset + 8, Relaxed);
        let place = rseq_cs();
        let mut seen = 0;
        for _ in 0..3 {
            place.write_volatile((&raw const SECTION) as u64);
            let nap = libc::timespec { tv_sec: 0, tv_nsec: 20_000 };
            libc::nanosleep(&raw const nap, std::ptr::null_mut());
            seen += u32::from(place.read_volatile() == 0);
        }
        place.write_volatile(0);
        if seen < 3 {
            RSEQ_CS.store(0, Relaxed);
        }
        seen == 3
    }
}

#[cold]
#[inline(never)]
unsafe fn synchronise(state: *mut State) -> u64 {
    (*state).rseq_cs = rseq_cs();
    (*(*state).record).last_wall.store(wall(), Relaxed);
    (*state).rseq_cs.write_volatile((&raw const SECTION) as u64);
    let before = counter();
    let time = nanoseconds(libc::CLOCK_THREAD_CPUTIME_ID);
    let ticks = (time as f64 * (f64::from_bits(HZ.load(Relaxed)) / 1e9)) as u64;
    // What was read lies between the two counters; never go back behind what was said before.
    let last = (*(*state).record).last.load(Relaxed);
    let now = ticks.max(last);
    let after = counter();
    (*state).cpu_base = now.wrapping_sub(before + (after - before) / 2);
    (*state).cpu_until = after + (f64::from_bits(HZ.load(Relaxed)) / 1e3) as u64;
    now
}
