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
/// Nothing but samples without a stack.
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

/// Counts with fractions.
const FRACTIONS: &[&str] = &["collapsed/variant-fractional.collapsed"];
/// Names that are not Unicode.
const NOT_UNICODE: &[&str] = &["pstats/cpython-2.7-odd-names.pstats", "pstats/cpython-3.11-odd-names.pstats"];
/// Frames that stand for threads, by py-spy.
const THREAD_FRAMES: &[&str] =
    &["speedscope/py-spy-0.4.3-threads.speedscope.json", "speedscope/variant-active-profile.speedscope.json"];
/// Differences, with negative values.
const NEGATIVE: &[&str] = &["pprof/go-tool-pprof-1.27-base.pb.gz", "pprof/go-tool-pprof-1.27-diff.pb.gz"];
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
        "speedscope, original",
        &["speedscope/py-spy-0.4.3-subprocesses.speedscope.json"],
        &["functions"],
        "py-spy's frames for processes are origins, and functions to the app",
    ),
    row(
        "speedscope, original",
        THREAD_FRAMES,
        &["functions", "sum that is not idle"],
        "py-spy's frames for threads are origins, and functions to the app, also where nothing else ran",
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
    // yappi
    row(
        "yappi, original",
        &["yappi/yappi-1.7.6-thread-stats.pickle", "yappi/yappi-1.7.6-greenlet-stats.pickle"],
        &["refused"],
        "pickles of threads and greenlets have no loader in yappi",
    ),
    // collapsed stacks
    row(
        "gprof2dot, collapsed written",
        &[""],
        &["comments"],
        "it takes comments for stacks and fails on their last word",
    ),
    // callgrind_annotate
    row(
        "callgrind_annotate, written",
        &["callgrind/valgrind-*"],
        &["functions", "self"],
        "it has a row a file and function, so inlined lines of another file are another row",
    ),
    row(
        "callgrind_annotate, written",
        &["*odd-names*"],
        &["functions", "edges"],
        "what would end a line is written as an escape",
    ),
    // collapsed stacks
    row(
        "inferno, written",
        NEGATIVE,
        &["self", "total", "edge self", "edge total", "edges", "functions", "sum", "ignored"],
        "none of these tools takes negative counts",
    ),
    row(
        "inferno, written",
        FRACTIONS,
        &["self", "total", "edge self", "edge total", "edges", "functions", "sum"],
        "it cuts fractions off",
    ),
    row("inferno, written", EMPTY, &["refused"], "no stacks at all"),
    row(
        "inferno, written",
        &["collapsed/austin-3.7.0-full.austin"],
        &["refused"],
        "Austin's three numbers `wall,idle,memory` are no count",
    ),
    row(
        "inferno, written",
        &["collapsed/austin-4.0.0-memory.austin"],
        &["ignored"],
        "Austin writes memory that was freed as a negative count",
    ),
    row("inferno, written", NOT_UNICODE, &["refused"], "it takes UTF-8 only"),
    row("gprof2dot, collapsed written", FRACTIONS, &["refused"], "it takes whole numbers only"),
    row(
        "gprof2dot, collapsed written",
        &["collapsed/austin-3.7.0-full.austin"],
        &["refused"],
        "Austin's three numbers `wall,idle,memory` are no count",
    ),
    row(
        "gprof2dot, collapsed written",
        &["collapsed/austin-4.0.0-memory.austin"],
        &["self", "total"],
        "Austin writes memory that was freed as a negative count, which it subtracts",
    ),
    row("gprof2dot, collapsed written", NOT_UNICODE, &["refused"], "it takes UTF-8 only"),
    row(
        "gprof2dot, collapsed written",
        &["collapsed/inferno-0.12.8-diff.collapsed"],
        &["functions", "self", "total"],
        "it takes the first of two counts for a part of the name",
    ),
    row(
        "gprof2dot, collapsed written",
        &["speedscope/speedscope-1.25.0-export-collapsed.speedscope.json"],
        &["functions"],
        "names that look like py-spy's frames have stand-ins, so that it does not take them apart",
    ),
    row(
        "gprof2dot, collapsed written",
        &["pprof/gperftools-2.10-cpu.pb.gz"],
        &["total"],
        "an inlined function is another one to it, and both are on one stack",
    ),
    row(
        "flamegraph.pl, written",
        &["collapsed/austin-*"],
        &["ignored", "sum"],
        "it takes Austin's comments `# duration: 1234` for stacks, and no lists of numbers",
    ),
    row("flamegraph.pl, written", NEGATIVE, &["ignored", "sum"], "it takes no negative counts"),
    row("flamegraph.pl, written", FRACTIONS, &["sum"], "it shows whole numbers"),
    row("flamegraph.pl, written", EMPTY, &["refused"], "no stacks at all"),
    row(
        "flamegraph.pl, written",
        &[
            "speedscope/speedscope-1.25.0-export-threads.speedscope.json",
            "speedscope/py-spy-0.4.3-odd-names.speedscope.json",
            "collapsed/sampling-3.15-odd-names.collapsed",
        ],
        &["refused"],
        "it cuts names that are not ASCII in the middle of a character",
    ),
    row("flamegraph.pl, written", NOT_UNICODE, &["refused"], "it draws bytes as they are"),
    row("snakeviz", EMPTY, &["refused"], "pstats takes no empty dump (a)"),
    row("snakeviz, table", EMPTY, &["refused"], "pstats takes no empty dump (a)"),
    row("gprof2dot", EMPTY, &["refused"], "pstats takes no empty dump (a)"),
    row("flameprof", EMPTY, &["refused"], "pstats takes no empty dump (a)"),
    row(
        "flameprof",
        WITHOUT_STACKS,
        &["refused"],
        "samples without a stack are one function, and it needs one that has a caller (i)",
    ),
    row("pyprof2calltree", EMPTY, &["refused"], "pstats takes no empty dump (a)"),
    row("gprof2dot", NOT_UNICODE, &["refused"], "lone surrogates (l)"),
    row("pyprof2calltree", NOT_UNICODE, &["refused"], "lone surrogates (l)"),
    row(
        "pyprof2calltree",
        &["callgrind/*odd-names*", "collapsed/*odd-names*", "speedscope/*odd-names*", "yappi/*odd-names*"],
        &["functions", "edges", "unreadable"],
        "a newline in a name breaks its line (l)",
    ),
    row("flameprof", &["pstats/cpython-3.11-odd-names.pstats"], &["refused"], "lone surrogates (l)"),
    row("flameprof", NEGATIVE, &["functions"], "it draws nothing of a whole that is negative"),
    row(
        "flameprof",
        &["pstats/cpython-3.13-threads.pstats"],
        &["refused"],
        "it divides by the sum of callers' totals, which is 0",
    ),
    row(
        "flameprof",
        &["pstats/cpython-3.11-no-subcalls.pstats"],
        &["refused"],
        "it needs a function that has a caller (i)",
    ),
    row(
        "tuna",
        &[
            "callgrind/valgrind-3.19-skip-recursion.callgrind",
            "collapsed/perf-6.1-python-3.15-trampoline.collapsed",
            "collapsed/sampling-3.15-native-gc.collapsed",
        ],
        &["refused"],
        "it needs a root of more than 10 µs, or `exec` (h)",
    ),
    row(
        "tuna",
        &["pstats/cpython-3.11-ticks.pstats", "recording/*-calls.trace"],
        &["self"],
        "it draws `exec` as the root and once more below its caller",
    ),
    // collapsed stacks, files as they were made
    row(
        "inferno, original",
        &["collapsed/austin-3.7.0-full.austin"],
        &["refused"],
        "Austin's three numbers `wall,idle,memory` are no count",
    ),
    row(
        "inferno, original",
        &["collapsed/austin-4.0.0-memory.austin"],
        &["sum"],
        "profkit has memory that was freed as a measure of its own, after that which was taken",
    ),
    row("inferno, original", &["collapsed/variant-utf16*"], &["refused"], "it takes UTF-8 only"),
    row("inferno, original", FRACTIONS, &["sum"], "it cuts fractions off"),
    row(
        "inferno, original",
        &["collapsed/py-spy-0.4.3-[fnp]*", "collapsed/variant-*"],
        &["sum"],
        "it leaves out py-spy's lines of threads without a frame, ` 1`",
    ),
    // callgrind, files as they were made
    row(
        "callgrind_annotate, original",
        &["callgrind/valgrind-3.19-part.callgrind", "callgrind/valgrind-3.19-parts.callgrind"],
        &["self"],
        "calls that go on in another part have the count 0, and it takes their cost for the caller's own (m)",
    ),
];
