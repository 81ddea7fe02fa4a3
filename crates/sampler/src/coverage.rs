//! What a session has covered, and how that is written to the stream.

use profkit_recording::stream::counter;

pub use crate::process::Counts;
use crate::process::LOCK_INTERVAL;
use crate::session::Options;
use crate::thread::CPU_INTERVAL;

/// What was covered so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Moments at which every thread was to be sampled.
    pub asked: u64,
    /// Moments at which they were.
    pub taken: u64,
    /// Moments that passed before the sampler came to them.
    pub missed: u64,
    /// Nanoseconds between moments and samples, summed.
    pub lateness_ns: u64,
    /// Processes that were given to the sampler.
    pub processes_seen: u64,
    /// Processes of which there are samples.
    pub processes_sampled: u64,
    /// Nanoseconds for which the sampler was on a target's processor.
    pub seated_ns: u64,
    /// Stacks and threads.
    pub counts: Counts,
}

impl Coverage {
    /// The counters of the stream that tell it.
    pub(crate) fn counters(&self, options: Options) -> impl Iterator<Item = (u64, u64)> {
        let counts = self.counts;
        let always = [
            (counter::ASKED, self.asked),
            (counter::TAKEN, self.taken),
            (counter::MISSED, self.missed),
            (counter::READ, counts.read),
            (counter::CUT, counts.cut),
            (counter::FAILED, counts.failed),
            (counter::SEATED, counts.seated),
            (counter::SEATED_TIME, self.seated_ns),
            (counter::PROCESSES_SEEN, self.processes_seen),
            (counter::PROCESSES_SAMPLED, self.processes_sampled),
            (counter::THREADS_SEEN, counts.threads_seen),
            (counter::THREADS_SAMPLED, counts.threads_sampled),
            (counter::LATENESS, self.lateness_ns),
            (counter::CPU_INTERVAL, CPU_INTERVAL),
            (counter::STOPPED, counts.stopped_ns),
            (counter::LOCK_INTERVAL, if options.pause { 0 } else { LOCK_INTERVAL }),
        ];
        let chains = [(counter::CHAINS, counts.chains), (counter::CHAINS_CUT, counts.chains_cut)];
        always.into_iter().chain(chains.into_iter().filter(move |_| options.awaits))
    }
}

impl Counts {
    /// Adds what was counted elsewhere.
    pub(crate) fn add(&mut self, other: Self) {
        self.read += other.read;
        self.cut += other.cut;
        self.seated += other.seated;
        self.failed += other.failed;
        self.chains += other.chains;
        self.chains_cut += other.chains_cut;
        self.threads_seen += other.threads_seen;
        self.threads_sampled += other.threads_sampled;
        self.stopped_ns += other.stopped_ns;
    }
}
