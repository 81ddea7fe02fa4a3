//! A seat on the target's own processor: while the sampler runs there the target does not, so what it reads stands still.
//!
//! From another processor a reading takes 10 to 60 µs where the target has just written what is read, and a program that calls every
//! microsecond has gone elsewhere meanwhile: a third of the stacks of a test suite were cut. From its own, the target waits for
//! as long as a sample takes. So the seat is taken for as much of the time as costs the target one percent: at 100 samples a second
//! always, at 1,000 for a part of it. Where hardly anything is cut without it, only now and then, to learn calls for certain
//! (`calls`).
//!
//! Nothing is selected by that: when a sample is taken, and from where, does not depend on what the target does then.
//!
//! To stop the target by `ptrace` (`--pause`) is not the same: the request takes a while to arrive, and a thread that enters the
//! kernel meanwhile stops there. A function of two system calls and 0.9 µs, 38 % of a program's time by its own clock, had
//! 99 % of the samples of whoever stops threads (on a virtual machine), and 35 % from the seat.

use std::time::{Duration, Instant};

use crate::clock;
use crate::proc_stat::Processor;

/// At higher rates the target would not come to its turn.
const HIGHEST_RATE: f64 = 2_000.0;
/// Samples until it is decided anew where to sit.
const PHASE: u32 = 64;
/// The same where the seat is hardly needed.
const REST: u32 = 4_096;
/// The seat is given up sooner if a phase takes as long: at the beginning all of the target's code is new to the sampler.
const LONGEST: Duration = Duration::from_millis(10);
/// It is needed where more than one stack in as many is cut.
const NEEDED: u32 = 64;
/// One part in as many of the target's time.
const BUDGET: u128 = 100;
/// Processors that the kernel's sets have room for.
const PROCESSORS: usize = libc::CPU_SETSIZE as usize;

/// Where the sampling thread sits.
#[derive(Debug)]
pub struct Seat {
    phase: Phase,
    /// Samples until the next phase.
    left: u32,
    /// Stacks that were read from elsewhere since it was decided whether the seat is needed, and how many of them were cut.
    read: u32,
    cut: u32,
    began: Instant,
    /// This thread's processor time then.
    used: Duration,
    /// The processors that this thread may use, once it was bound to one of them.
    allowed: Option<Processors>,
    /// The one that it is bound to.
    at: Option<usize>,
    /// The one that a thread was on when it was last looked at, if it is another one.
    wanted: Option<usize>,
    /// How often this thread had been switched away when the sample began.
    switches: i64,
    looked: Processor,
    /// How long this thread ran on a target's processor, in phases that have ended.
    seated: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is no seat.
    Off,
    Seated,
    Away,
    /// Away for long, since hardly anything is cut.
    Resting,
}

impl Seat {
    /// For so many samples a second.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        let has_seat = rate > 0.0 && rate <= HIGHEST_RATE;
        Self {
            phase: if has_seat { Phase::Seated } else { Phase::Off },
            left: PHASE,
            read: 0,
            cut: 0,
            began: Instant::now(),
            used: used(),
            allowed: None,
            at: None,
            wanted: None,
            switches: 0,
            looked: Processor::default(),
            seated: Duration::ZERO,
        }
    }

    /// Never taken.
    #[must_use]
    pub fn none() -> Self {
        Self::new(0.0)
    }

    /// A sample begins.
    pub fn begin(&mut self) {
        if self.at.is_some() {
            self.switches = switches();
        }
    }

    /// Whether a thread waits for this processor, and for nothing else: as long as this one [is not switched away](Self::is_kept).
    /// If it is on another processor, that is where to sit next time.
    pub fn holds(&mut self, pid: u32, tid: u32) -> bool {
        if self.phase != Phase::Seated {
            return false;
        }
        let Some(processor) = self.looked.of(pid, tid) else { return false };
        if self.at != Some(processor) {
            self.wanted = Some(processor);
        }
        self.at == Some(processor)
    }

    /// Whether this thread was not switched away since the sample began.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        switches() == self.switches
    }

    /// Whether there is a seat: calls are learned for certain, sooner or later.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.phase != Phase::Off
    }

    /// Whether this thread is bound to a target's processor.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.at.is_some()
    }

    /// Whether there is a seat, and it is not taken now.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self.phase, Phase::Away | Phase::Resting)
    }

    /// Notes whether a stack was cut.
    pub fn count(&mut self, cut: bool) {
        if self.phase == Phase::Away {
            self.read += 1;
            self.cut += u32::from(cut);
        }
    }

    /// A sample has ended: goes where it is to sit.
    pub fn end(&mut self) {
        if !self.exists() {
            return;
        }
        self.left -= 1;
        let is_seated = self.phase == Phase::Seated;
        if self.left == 0 || is_seated && used().saturating_sub(self.used) > LONGEST {
            self.turn();
        }
        let wanted = self.wanted.take().filter(|_| self.phase == Phase::Seated);
        let Some(processor) = wanted else { return };
        if self.allowed.get_or_insert_with(Processors::allowed).bind_to(processor) {
            self.at = Some(processor);
        } else {
            self.phase = Phase::Off;
            self.leave();
        }
    }

    fn leave(&mut self) {
        if let Some(allowed) = self.allowed.as_ref().filter(|_| self.at.take().is_some()) {
            allowed.bind();
        }
    }

    fn turn(&mut self) {
        let is_judged = self.read >= PHASE;
        (self.phase, self.left) = match self.phase {
            Phase::Seated => self.after_seat(),
            Phase::Away if is_judged && self.cut * NEEDED <= self.read => (Phase::Resting, REST),
            _ => (Phase::Seated, PHASE),
        };
        if is_judged {
            (self.read, self.cut) = (0, 0);
        }
        if self.phase != Phase::Seated {
            self.leave();
        }
        (self.began, self.used) = (Instant::now(), used());
    }

    fn after_seat(&mut self) -> (Phase, u32) {
        let used = used().saturating_sub(self.used);
        self.seated = self.time();
        let passed = self.began.elapsed().as_nanos().max(1);
        let samples = PHASE - self.left;
        let cost = used.as_nanos() * BUDGET * u128::from(samples) / passed;
        let away = u32::try_from(cost).unwrap_or(REST).saturating_sub(samples);
        if away == 0 { (Phase::Seated, PHASE) } else { (Phase::Away, away.min(REST)) }
    }

    /// How long this thread ran on a target's processor.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.seated + if self.is_taken() { used().saturating_sub(self.used) } else { Duration::ZERO }
    }
}

/// A set of processors.
#[derive(Clone, Copy)]
struct Processors(libc::cpu_set_t);

impl Processors {
    /// Those that this thread may use; none if the kernel does not say.
    fn allowed() -> Self {
        // SAFETY: an empty set is all zeros; the kernel writes no more than its size.
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set);
            Self(set)
        }
    }

    /// Binds this thread to one of them. False if it is none of them, or is gone.
    fn bind_to(&self, processor: usize) -> bool {
        if processor >= PROCESSORS {
            return false;
        }
        // SAFETY: the number is below the size of a set, and an empty set is all zeros.
        let one = unsafe {
            let mut one: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(processor, &mut one);
            libc::CPU_ISSET(processor, &self.0).then_some(Self(one))
        };
        one.is_some_and(|one| one.bind())
    }

    /// Binds this thread to them.
    fn bind(&self) -> bool {
        // SAFETY: the kernel reads no more than the size of the set.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const self.0) == 0 }
    }
}

impl std::fmt::Debug for Processors {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // SAFETY: the numbers are below the size of a set.
        let is_in = |&processor: &usize| unsafe { libc::CPU_ISSET(processor, &self.0) };
        formatter.debug_set().entries((0..PROCESSORS).filter(is_in)).finish()
    }
}

/// How often this thread was switched away.
fn switches() -> i64 {
    // SAFETY: the structure is plain, and the kernel fills it.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage);
        usage.ru_nvcsw + usage.ru_nivcsw
    }
}

/// This thread's processor time.
fn used() -> Duration {
    clock::now(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc_stat::own_thread;

    /// In a thread of its own: what it is bound to does not matter afterwards.
    fn apart(test: impl FnOnce() + Send + 'static) {
        std::thread::spawn(test).join().unwrap();
    }

    fn sample(seat: &mut Seat, cut: bool) -> bool {
        seat.begin();
        let holds = seat.holds(std::process::id(), own_thread()) && seat.is_kept();
        seat.count(cut);
        seat.end();
        holds
    }

    #[test]
    fn it_is_where_the_target_is_and_given_up_for_what_was_before() {
        apart(|| {
            let before = format!("{:?}", Processors::allowed());
            let mut seat = Seat::new(1_000.0);
            // This thread itself is what it looks at.
            assert!(!sample(&mut seat, false) && seat.is_taken());
            assert_eq!(format!("{:?}", Processors::allowed()), format!("{{{}}}", seat.at.unwrap()));
            assert!((0..200).filter(|_| sample(&mut seat, false)).count() > 0);
            // Without any sleep, all of the time is spent on it: far too much.
            assert!(seat.is_away() && !seat.is_taken() && seat.time() > Duration::ZERO);
            assert_eq!(format!("{:?}", Processors::allowed()), before);
        });
    }

    #[test]
    fn it_is_hardly_taken_where_nothing_is_cut() {
        apart(|| {
            let taken = |cut: bool| {
                let mut seat = Seat::new(1_000.0);
                (0..60_000).filter(|_| sample(&mut seat, cut)).count()
            };
            // 64 of 4,160 samples, if this thread has the processor for itself, and 64 of 8,256.
            let (needed, unneeded) = (taken(true), taken(false));
            assert!(unneeded > 0 && unneeded < needed, "{unneeded} {needed}");
        });
    }

    #[test]
    fn there_is_none_at_high_rates_and_where_this_program_may_not_be() {
        apart(|| {
            let mut seat = Seat::new(10_000.0);
            assert!(!sample(&mut seat, true) && !seat.exists() && !seat.is_taken());
            let mut seat = Seat::new(100.0);
            // SAFETY: an empty set is all zeros.
            seat.allowed = Some(Processors(unsafe { std::mem::zeroed() }));
            assert!(!sample(&mut seat, true) && !seat.exists() && !seat.is_taken());
        });
    }
}
