//! The parts of `.reference/`, in the order in which they can be installed.
//!
//! `debian` is the odd one out: it installs into the machine, and its folder stays empty.

use crate::part::Part;

macro_rules! recipe {
    ($name:literal) => {
        include_str!(concat!("../recipes/", $name))
    };
}

/// What the reference tests need.
pub(crate) const REFERENCE: &[Part] = &[
    Part {
        name: "debian",
        recipe: recipe!("debian.sh"),
        inputs: &[],
        pythons: &[],
        makes: &[
            "/usr/bin/callgrind_annotate",
            "/usr/bin/chromium",
            "/usr/bin/go",
            "/usr/bin/tmux",
            "/usr/bin/zstd",
            "/usr/sbin/debootstrap",
        ],
    },
    Part {
        name: "sid",
        recipe: recipe!("sid.sh"),
        inputs: &[],
        pythons: &[],
        makes: &["usr/bin/python3.14", "usr/bin/python3.15", "usr/lib/go-1.27/bin/go"],
    },
    Part {
        name: "free-threaded",
        recipe: recipe!("free-threaded.sh"),
        inputs: &[],
        pythons: &[],
        makes: &["bin/python3.14t", "include/python3.14t/Python.h"],
    },
    Part {
        name: "python",
        recipe: recipe!("python.sh"),
        inputs: &[],
        pythons: &["2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"],
        makes: &["2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.14t", "3.15"],
    },
    Part {
        name: "venv",
        recipe: recipe!("venv.sh"),
        inputs: &["crates/xtask/recipes/venv.txt"],
        pythons: &["3.11"],
        makes: &[
            "bin/python",
            "bin/snakeviz",
            "bin/gprof2dot",
            "bin/tuna",
            "bin/flameprof",
            "bin/pyprof2calltree",
        ],
    },
    Part {
        name: "programs",
        recipe: recipe!("programs.sh"),
        inputs: &["crates/xtask/recipes/programs.txt"],
        pythons: &["3.11", "3.13"],
        makes: &["3.11/bin/gunicorn", "3.13/bin/gunicorn", "click/tests/conftest.py"],
    },
    Part {
        name: "pprof",
        recipe: recipe!("pprof.sh"),
        inputs: &["tests/reference/pprof_dump/build.sh", "tests/reference/pprof_dump/main.go"],
        pythons: &[],
        makes: &["pprof-go1.19", "pprof-go1.27", "pprof-dump-go1.19", "pprof-dump-go1.27"],
    },
    Part {
        name: "node",
        recipe: recipe!("node.sh"),
        inputs: &[],
        pythons: &[],
        makes: &["node_modules/speedscope/package.json"],
    },
    Part {
        name: "inferno",
        recipe: recipe!("inferno.sh"),
        inputs: &[],
        pythons: &[],
        makes: &["bin/inferno-flamegraph"],
    },
    Part {
        name: "flamegraph",
        recipe: recipe!("flamegraph.sh"),
        inputs: &[],
        pythons: &["2.7"],
        makes: &["pyflamegraph/flamegraph/flamegraph.pl"],
    },
];

/// What only some task asks for.
pub(crate) const ON_REQUEST: &[Part] = &[Part {
    name: "cargo-fuzz",
    recipe: recipe!("cargo-fuzz.sh"),
    inputs: &[],
    pythons: &[],
    makes: &["bin/cargo-fuzz"],
}];

/// Where what makes fixtures runs, its installation included.
const NEUTRAL: &str = "fixtures/make/neutral.sh";

/// What making the fixtures needs on top.
pub(crate) const MAKERS: &[Part] = &[
    Part {
        name: "makers/debian",
        recipe: recipe!("makers-debian.sh"),
        inputs: &[],
        pythons: &[],
        makes: &[
            "/usr/bin/google-pprof",
            "/usr/bin/perf",
            "/usr/include/gperftools/profiler.h",
            "/usr/share/gocode/src/github.com/google/pprof",
        ],
    },
    Part {
        name: "makers/python",
        recipe: recipe!("makers-python.sh"),
        inputs: &[NEUTRAL, "fixtures/make/install-python.sh"],
        pythons: &[],
        makes: &["yappi-1.7.6-python3.13"],
    },
    Part {
        name: "makers/rust",
        recipe: recipe!("makers-rust.sh"),
        inputs: &[
            NEUTRAL,
            "fixtures/make/install-rust.sh",
            "fixtures/make/rust/Cargo.toml",
            "fixtures/make/rust/src/bin/cpu.rs",
            "fixtures/make/rust/src/bin/heap.rs",
        ],
        pythons: &[],
        makes: &["cpu", "heap"],
    },
    Part {
        name: "makers/node",
        recipe: recipe!("makers-node.sh"),
        inputs: &[NEUTRAL, "fixtures/make/install-node.sh"],
        pythons: &[],
        makes: &[
            "node_modules/@datadog/pprof/package.json",
            "node_modules/pprof/package.json",
            "node_modules/playwright-core/package.json",
        ],
    },
];

/// Every part.
pub(crate) fn all() -> impl Iterator<Item = &'static Part> {
    REFERENCE.iter().chain(MAKERS).chain(ON_REQUEST)
}
