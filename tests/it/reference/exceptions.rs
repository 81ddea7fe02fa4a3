//! What each reader cannot take or shows otherwise, and why. A row that no longer happens fails the test of its reader.

/// A known difference.
pub(super) struct Exception {
    /// The reader, `*` for anything.
    pub(super) reader: &'static str,
    /// The fixtures.
    pub(super) sources: &'static [&'static str],
    /// What differs.
    pub(super) kinds: &'static [&'static str],
    /// Why; a letter in brackets is one of the faults in `tests/reference/README.md`.
    pub(super) why: &'static str,
}

const fn row(
    reader: &'static str,
    sources: &'static [&'static str],
    kinds: &'static [&'static str],
    why: &'static str,
) -> Exception {
    Exception { reader, sources, kinds, why }
}

const CALLS: &[&str] = &["calls", "primitive calls"];
const ALL_CALLS: &[&str] = &["calls", "primitive calls", "edge calls", "edge primitive calls"];
/// Without any function.
const EMPTY: &[&str] = &["pstats/cpython-3.11-empty.pstats", "yappi/yappi-1.7.6-empty.ystat"];
/// Samples without a stack, which no table of functions can hold.
const WITHOUT_STACKS: &[&str] = &[
    "pprof/go-1.19-threadcreate.pb.gz",
    "yappi/yappi-1.7.6-thread-stats.pickle",
    "yappi/yappi-1.7.6-greenlet-stats.pickle",
];
const PROFILE_MODULE: &[&str] = &[
    "pstats/profile-2.7-calls.pstats",
    "pstats/profile-3.7-calls.pstats",
    "pstats/profile-3.9-calls.pstats",
    "pstats/profile-3.12-calls.pstats",
];

/// Traces in which at times no frame is open.
const EVENTED_WITH_GAPS: &[&str] = &[
    "speedscope/pyinstrument-*",
    "speedscope/speedscope-1.25.0-export-cpuprofile.speedscope.json",
    "speedscope/speedscope-python-1.0-calls.speedscope.json",
];

/// All of them.
pub(super) static EXCEPTIONS: &[Exception] = &[
    // pstats, files as they were made
    row(
        "pstats *, original",
        &["pstats/cpython-3.11-empty.pstats"],
        &["refused"],
        "no release takes an empty dump (a)",
    ),
    row(
        "pstats 3.*, original",
        &["pstats/cpython-2.7-*", "pstats/profile-2.7-*"],
        &["refused"],
        "Python 3 has no marshal code of Python 2's interned strings",
    ),
    row(
        "pstats 3.*, original",
        &["pstats/profile-3.*"],
        &["refused"],
        "a key is a marshalled code object, which other releases do not load",
    ),
    row(
        "pstats 2.7, original",
        &[
            "pstats/cpython-3.*",
            "pstats/profile-3.*",
            "pstats/marshal-[3456]*",
            "pstats/kernprof-*",
            "pstats/pyinstrument-*",
            "pstats/yappi-*",
            "pstats/sampling-*",
        ],
        &["refused"],
        "Python 2.7 reads marshal up to version 2",
    ),
    row(
        "pstats 3.*, original",
        &["pstats/yappi-1.7.6-calls.pstats"],
        CALLS,
        "yappi swaps the two counts of functions; profkit swaps them back",
    ),
    row(
        "pstats 3.*, original",
        &["pstats/pyinstrument-*"],
        ALL_CALLS,
        "pyinstrument writes -1 for calls, which it does not count",
    ),
    row(
        "pstats 3.?, original",
        &["pstats/sampling-3.15-*"],
        &["refused"],
        "before 3.15 there was no marker of a sampled dump",
    ),
    row(
        "pstats 3.1[01234], original",
        &["pstats/sampling-3.15-*"],
        &["refused"],
        "before 3.15 there was no marker of a sampled dump",
    ),
    row(
        "pstats 3.15, original",
        &["pstats/sampling-3.15-*"],
        ALL_CALLS,
        "its counts are samples, which profkit does not take for calls",
    ),
    row(
        "pstats 3.15, original",
        &["pstats/sampling-3.15-*"],
        &["edge total"],
        "callers have samples only; profkit knows the interval",
    ),
    // pstats, files by profkit
    row("pstats *, written", EMPTY, &["refused"], "no release takes an empty dump (a)"),
    row(
        "pstats *, written",
        WITHOUT_STACKS,
        &["refused"],
        "samples without a stack are in no function, and no release takes an empty dump (a)",
    ),
    row(
        "pstats *, written",
        PROFILE_MODULE,
        &["edge self", "edge total"],
        "the profile module counts the calls of callers only; times are estimated, since viewers want them",
    ),
    row(
        "pstats *, written",
        PROFILE_MODULE,
        &["total"],
        "`profile:0(profiler)` has no total, without which tuna finds no root; it gets that of its callees",
    ),
    row(
        "pstats *, written",
        &["callgrind/*", "pstats/sampling-3.15-*"],
        &["edge self"],
        "the source has no self value of calls; it is estimated, since viewers want it",
    ),
    // Go's pprof
    row(
        "pprof go1.*, written",
        &["callgrind/valgrind-*"],
        &["self"],
        "callgrind gives a function's lines files of their own; a frame has one file, so inlined lines are a second function of that name",
    ),
    row(
        "pprof go1.*, -top",
        &["*odd-names*"],
        &["functions", "unreadable"],
        "names are printed raw, and a newline ends the row",
    ),
    row(
        "pprof go1.*, -top",
        &["pprof/gperftools-2.10-unsymbolized.pb.gz"],
        &["functions"],
        "addresses without function are shown by their binaries",
    ),
    // speedscope
    row(
        "speedscope, original",
        EVENTED_WITH_GAPS,
        &["sum"],
        "the app counts the time in which no frame is open",
    ),
    row(
        "speedscope, written of speedscope",
        EVENTED_WITH_GAPS,
        &["sum"],
        "the app counts the time in which no frame is open",
    ),
    row(
        "speedscope, written of pprof",
        &["pprof/go-tool-pprof-1.27-base.pb.gz", "pprof/go-tool-pprof-1.27-diff.pb.gz"],
        &["not written"],
        "the app refuses negative weights, so profkit does not write them",
    ),
];
