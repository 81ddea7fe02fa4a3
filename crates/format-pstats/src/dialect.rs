//! Who wrote a dump. The file says so in one case only; the others are told by their numbers.

use crate::dump::{Counts, Dump};

/// What the numbers of a dump mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    /// cProfile, and all that is like it.
    CProfile,
    /// Python's `profile` module: of a caller only the number of calls is known.
    Profile,
    /// yappi: the counts of functions are swapped, those of callers are not (`convert2pstats`, 1.0 to 1.7.6).
    Yappi,
    /// pyinstrument: all counts are -1, or less where `pstats` added dumps.
    Pyinstrument,
    /// The sampler of Python 3.15: the counts are of samples, in which a function was innermost or on the stack.
    Sampled,
}

/// The names of all dialects.
pub(crate) const NAMES: [&str; 5] = {
    let all = Dialect::ALL;
    [all[0].name(), all[1].name(), all[2].name(), all[3].name(), all[4].name()]
};

impl Dialect {
    const ALL: [Self; 5] = [Self::CProfile, Self::Profile, Self::Yappi, Self::Pyinstrument, Self::Sampled];

    /// Its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CProfile => "cprofile",
            Self::Profile => "profile",
            Self::Yappi => "yappi",
            Self::Pyinstrument => "pyinstrument",
            Self::Sampled => "sampled",
        }
    }

    /// The tool that writes it.
    pub(crate) const fn producer(self) -> &'static str {
        match self {
            Self::CProfile => "cProfile",
            Self::Profile => "profile",
            Self::Yappi => "yappi",
            Self::Pyinstrument => "pyinstrument",
            Self::Sampled => "profiling.sampling",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    /// The dialect that the numbers of a dump speak.
    ///
    /// yappi is only told by recursion, where each function has more primitive calls than calls; without any, both
    /// counts are equal and nothing depends on it. Negative counts come from a difference of two profiles and
    /// prove nothing.
    pub(crate) fn of(dump: &Dump) -> Self {
        if dump.is_marked_sampled {
            return Self::Sampled;
        }
        if dump.edges().any(|edge| edge.value.is_number) {
            return Self::Profile;
        }
        let counts = || dump.rows.iter().map(|row| row.counts);
        if counts().all(|counts| counts.primitive >= 0 && counts.all >= 0) {
            // Where both orders occur, neither is right, and the numbers stay as they are.
            let swapped = counts().any(|counts| counts.primitive > counts.all)
                && counts().all(|counts| counts.primitive >= counts.all);
            return if swapped { Self::Yappi } else { Self::CProfile };
        }
        let callers = dump.edges().map(|edge| edge.value.counts);
        let stubs = counts().chain(callers).all(|counts| counts.primitive == counts.all && counts.all < 0);
        if stubs { Self::Pyinstrument } else { Self::CProfile }
    }

    /// The counts of a function in cProfile's order.
    pub(crate) fn function_counts(self, counts: Counts) -> Counts {
        match self {
            Self::Yappi => Counts { primitive: counts.all, all: counts.primitive },
            _ => counts,
        }
    }
}
