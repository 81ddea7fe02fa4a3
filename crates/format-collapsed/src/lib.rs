//! Collapsed (or folded) stacks, the text that flame graphs are drawn from: a line a stack, outermost frame first,
//! semicolons between frames, and a count after the last space.
//!
//! ```text
//! process 10:"python app.py";thread (12): worker 1;<module> (app.py:9);fib (app.py:3);fib (app.py:4) 250
//! ```
//!
//! There is no header, no unit and no escape, and no specification: the format is what `flamegraph.pl` (Brendan Gregg,
//! 2011) takes, `^(.*)\s+?(\d+(?:\.\d*)?)$`. Everything else is packed into names by whoever writes them, each in a way of
//! its own. profkit calls these ways dialects and tells them apart by the first 64 KiB of a file; `info` shows which one
//! it took, and `--from collapsed:py-spy` forces one.
//!
//! # Dialects
//!
//! | dialect | a line | told by |
//! |---|---|---|
//! | `flamegraph` | `main;fib;fib_[k] 250` | nothing |
//! | `py-spy` | `process 10:"command";thread (12): name;fib (app.py:3) 250` | files and lines in parentheses |
//! | `tachyon` | `tid:12;app.py:fib:3;<GC> 250` | all lines begin so |
//! | `austin` | `P10;T0:12;/home/app.py:fib:3 2500` | all lines begin so |
//! | `async-profiler` | `[main tid=12];App.run_[j];read_[i] 250` | suffixes, threads in brackets |
//! | `perf` | `python-10/12;_start;main_[k] 250` | a command first, with ids or before the begin of a thread |
//!
//! * py-spy 0.1 ended each frame with a semicolon. Since 0.3 `--function` writes the line of the definition, `--nolineno`
//!   none, `--threads` and `--subprocesses` add the roots, a process below its parents; ids that the system does not
//!   know are hexadecimal. A thread that got its name after some samples is one thread, if its id has one name only.
//!   Threads without a frame make lines like ` 3`. (`flamegraph.rs`, `main.rs`; seen in 0.4.3.)
//! * Tachyon is how Python 3.15's `profiling.sampling` calls itself; `--collapsed` keeps base names only.
//!   (`stack_collector.py`.)
//! * Austin 3 and 4 (through austin-python's `mojo2austin`): see `austin.rs`.
//! * async-profiler: `_[j]` compiled, `_[i]` inlined, `_[0]` interpreted, `_[1]` compiled by C1, `_[k]` kernel.
//!   (`frameName.cpp`, `FlameGraph.java`.) FlameGraph's `stackcollapse-perf.pl --all` has `_[j]`, `_[i]`, `_[k]` too, so
//!   the suffixes are read in `flamegraph`, `perf` and `py-spy` as well; they become [`FrameFlags`].
//! * perf, through `stackcollapse-perf.pl` or inferno: the command is a process, not a function. Without `--pid` it is
//!   recognised by its length and by functions such as `_start` and `start_thread` right after it.
//!
//! A file in which every line ends in two counts is differential (`difffolded.pl`, `inferno-diff-folded`): sample types
//! `before` and `after`. All others have one, `samples`/count, save Austin's. Counts may have fractions or exponents and
//! are kept as exact decimals. UTF-16 and UTF-8 with byte order marks, CR LF, `# comments`, empty lines and a missing
//! last newline are all fine; equal lines are summed; their order means nothing.
//!
//! Recorders write names as they are. A semicolon in a name makes two frames of one and a line break makes two lines;
//! where a grammar gives every frame a place (Tachyon, Austin, and py-spy's if all stacks begin and end with one) profkit
//! puts them together again. Up to a tenth of the lines may have no count; they are skipped and a note says so.
//!
//! # Writing
//!
//! The dialect is that of the file the profile came from if it is one of `py-spy`, `flamegraph`, `austin` and `perf`, and
//! py-spy's otherwise, which is no more than names where there are no files. Hosts and merged files are roots of
//! their own, `file:"x";host:"y"`. One sample type is written, and the unit is lost (see [`Written::losses`] for the rest).
//!
//! Every text is checked with the reader's own functions before anything is written. What would read back as
//! something else gets stand-ins: a name with `;` shows the Greek question mark, which looks the same. A file with
//! stand-ins, or one that would be taken for another dialect, begins with a comment that the reader obeys and other
//! tools skip: `# profkit: collapsed py-spy escaped`. So reading back is exact; most files need no such line.
//!
//! ```
//! use profkit_format_collapsed::Collapsed;
//! use profkit_profile::{Format, Input, ProfileBuilder, WriteOptions};
//!
//! let mut builder = ProfileBuilder::new();
//! Collapsed.read(&Input::new(b"thread (12): w;fib (app.py:3) 2\nthread (12): w;fib (app.py:3) 3\n"), &mut builder)?;
//! let profile = builder.finish()?;
//! assert_eq!(profile.meta().dialect, "py-spy");
//! let mut names = Vec::new();
//! let options = WriteOptions { dialect: Some("flamegraph"), ..WriteOptions::default() };
//! Collapsed.write(&profile, &mut names, &options)?;
//! assert_eq!(names, b"thread (12): w;fib 5\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`FrameFlags`]: profkit_profile::FrameFlags
#![forbid(unsafe_code)]

mod austin;
mod comment;
mod count;
mod dialect;
mod encoding;
mod escape;
mod frame;
mod frame_text;
mod header;
mod line_text;
mod loss;
mod measure;
mod read;
mod record;
mod root;
mod root_text;
mod rows;
mod sniff;
mod survey;
mod texts;
mod thread_names;
mod values;
mod write;

use std::io::Write;

use profkit_profile::{
    Evidence, Format, Input, Profile, ProfileBuilder, ReadError, ReadErrorKind, Sniff, WriteError,
    WriteOptions, Written,
};

use crate::dialect::Dialect;

const NAME: &str = "collapsed";

/// Label of a sample: how many of its outermost frames an estimate made up.
const INFERRED_LABEL: &[u8] = b"profkit.inferred";
/// Label of a sample: the number of the Python interpreter in its process, where it is not the first one.
const INTERPRETER_LABEL: &[u8] = b"interpreter";

/// Collapsed stacks.
#[derive(Clone, Copy, Debug)]
pub struct Collapsed;

impl Format for Collapsed {
    fn name(&self) -> &'static str {
        NAME
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["collapsed", "folded", "txt"]
    }

    fn about(&self) -> &'static str {
        "collapsed stacks, a line each: flamegraph.pl, py-spy, Python's own sampler, Austin, async-profiler, perf"
    }

    fn holds(&self) -> Evidence {
        Evidence::Stacks
    }

    fn is_text(&self) -> bool {
        true
    }

    fn dialects(&self) -> &'static [&'static str] {
        const NAMES: [&str; 6] = {
            let mut names = [""; 6];
            let mut at = 0;
            while at < names.len() {
                names[at] = Dialect::ALL[at].name();
                at += 1;
            }
            names
        };
        &NAMES
    }

    fn written_dialects(&self) -> &'static [&'static str] {
        &["py-spy", "flamegraph", "austin", "perf"]
    }

    fn sniff(&self, input: &[u8]) -> Sniff {
        sniff::sniff(input)
    }

    fn may_begin(&self, head: &[u8]) -> bool {
        // A stack may be longer than the head: nothing is known of a line without its end.
        let is_line = !head.contains(&b'\n') && !head.contains(&0);
        is_line || matches!(self.sniff(head), Sniff::Yes | Sniff::Maybe)
    }

    fn read(&self, input: &Input<'_>, into: &mut ProfileBuilder) -> Result<(), ReadError> {
        let forced = match input.dialect {
            Some(name) => {
                let unknown =
                    || ReadErrorKind::Unsupported(format!("collapsed has no dialect {name:?}").into()).at(0);
                Some(Dialect::named(name).ok_or_else(unknown)?)
            }
            None => None,
        };
        let decoded = encoding::decode(input.bytes);
        read::read(&decoded.text, forced, into).map_err(|error| error.kind.at(decoded.offset(error.offset)))
    }

    fn write(
        &self,
        profile: &Profile,
        to: &mut dyn Write,
        options: &WriteOptions<'_>,
    ) -> Result<Written, WriteError> {
        options.check(profile, self)?;
        let own = Some(profile.meta().dialect).filter(|_| profile.meta().format == NAME);
        let own = own.filter(|dialect| self.written_dialects().contains(dialect));
        let dialect = options.dialect.or(own).and_then(Dialect::named).unwrap_or(Dialect::PySpy);
        write::write(profile, to, options, dialect)
    }
}
