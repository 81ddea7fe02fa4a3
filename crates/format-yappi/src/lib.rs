//! The statistics that [yappi](https://github.com/sumerc/yappi) saves: **ystat**, a Python pickle, read without ever
//! executing anything and written so that yappi loads them.
//!
//! # The file
//!
//! `YFuncStats.save(path)` is `pickle.dump((stats, clock), file, 2)`, and the clock is `"wall"` or `"cpu"`:
//!
//! ```text
//! (YFuncStats { _clock_type: "wall",
//!               _as_list: [YFuncStat { name: "fib", module: "/app/calls.py", lineno: 9, ncall: 1973, nactualcall: 4,
//!                                      builtin: False, ttot: 0.001458, tsub: 0.001390, index: 3, tavg: …,
//!                                      ctx_id: 0, ctx_name: "_MainThread", tag: 0,
//!                                      full_name: "/app/calls.py:9 fib",
//!                                      children: YChildFuncStats { _as_list: [YChildFuncStat {…}, …], … } }, …],
//!               _as_dict: {stat: stat, …}, _additional_indexing: {index: stat, full_name: stat, …}, … },
//!  "wall")
//! ```
//!
//! | yappi | model |
//! |---|---|
//! | `YFuncStat` of `_as_list` | a row of function calls: `ncall` calls, `nactualcall` of them not recursive, `tsub` self, `ttot` total (outermost calls only) |
//! | `YChildFuncStat` of its `children` | a call edge with the same four numbers |
//! | `module`, `lineno`, `name` | file, first line and name of the function, as they are |
//! | clock | the sample type `wall` or `cpu`, in nanoseconds; `time` where there is none |
//! | `ctx_id`, `ctx_name` | the origin's `tid` and thread, if all rows agree; otherwise labels of the rows that are not the main thread's |
//! | `tag` | a label, unless 0 |
//! | `builtin` | follows from file and line (line 0 and no path); a label where it does not |
//! | `index`, `tavg`, `full_name` | made anew: they follow from the rest |
//!
//! * Only the attributes count. Both classes are dicts too, of the same values under numbers that mean something else in
//!   each release.
//! * Only `_as_list` counts. `_additional_indexing` also has the rows that `get()` has added to others, one a thread: to
//!   count those too would double them.
//! * `ctx_id` and its like are those of the first thread that a row was added up from.
//! * A child's `tavg` is the callee's average in some files and the edge's in others (after a merge); it is not read.
//! * `python -m yappi -f ystat` makes the classes in `__main__`. yappi itself cannot load such a file; this crate does.
//! * Statistics of threads and greenlets (`pickle.dump(yappi.get_thread_stats(), file)`, or a list of them) are samples
//!   without a stack, one a thread: the clock's time, and `sched_count`. The origin's `tid` is yappi's own id, the label
//!   `tid` the operating system's. A profile of just this shape is written as such statistics again; any other profile
//!   with samples has to be turned into call edges first.
//! * Times are floats of products, and sums of such: see the modules `time` and `last_place` for how the same floats come
//!   out again, so that yappi prints the same table.
//!
//! # Releases
//!
//! Files by each of these were made and read here, and what this crate writes of them was loaded, merged and printed by the
//! same release: 1.0 (on Python 2.7 and 3.6), 1.2.5, 1.3.6, 1.4.0, 1.6.0, 1.7.6.
//!
//! | | |
//! |---|---|
//! | 1.0 | no `ctx_name`, no `tag`; on Python 2 strings are byte strings |
//! | 1.2 | `ctx_name` and `tag`; the numbers of the dict items change |
//! | 1.3 | greenlets |
//! | 1.4 to 1.7 | only what is saved as callgrind changes |
//!
//! # Never executed
//!
//! A pickle is a program. [`pickle`] knows the opcodes that yappi's files consist of, makes nothing but plain values and
//! records of yappi's eight classes, and refuses a file that would call anything, by the name of what it would call:
//!
//! ```
//! use profkit_format_yappi::Yappi;
//! use profkit_profile::{Format, Input, ProfileBuilder};
//!
//! let file = b"\x80\x02cposix\nsystem\nU\x04echo\x85R.";
//! let error = Yappi.read(&Input::new(file), &mut ProfileBuilder::new()).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "the pickle would call `posix.system` when it is opened; profkit calls nothing at byte 23"
//! );
//! ```
//!
//! # Writing
//!
//! ```
//! use profkit_format_yappi::Yappi;
//! use profkit_profile::{Format, Function, FunctionCalls, LabelSetId, OriginId, ProfileBuilder, WriteOptions};
//!
//! let mut builder = ProfileBuilder::new();
//! builder.sample_type(b"cpu", b"nanoseconds")?;
//! let (name, file) = (builder.string(b"main")?, builder.string(b"/app/main.py")?);
//! let function = builder.function(Function { name, file, first_line: 3, ..Function::EMPTY })?;
//! let (origin, labels) = (OriginId::UNKNOWN, LabelSetId::EMPTY);
//! let row = FunctionCalls { origin, function, labels, calls: Some(2), primitive_calls: Some(2) };
//! builder.function_calls(row, &[5_000], &[12_000])?;
//!
//! let mut ystat = Vec::new();
//! Yappi.write(&builder.finish()?, &mut ystat, &WriteOptions::default())?;
//! assert!(ystat.starts_with(b"\x80\x02cyappi\nYFuncStats\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What yappi needs and a profile may lack is filled in, and said in [`Written::losses`]: a callee without a row of its
//! own gets one from what its callers say; unknown calls are 0 (`YFuncStats` cannot merge two functions that both have 0);
//! unknown times are 0; a clock that is neither wall nor cpu is written as wall, and what is no time at all as seconds. Rows that share their `full_name` are
//! added up, since yappi would do so. Strings are byte strings of Python 2 where they are ASCII, because yappi on Python 2
//! finds a function by nothing else; a byte that is not UTF-8 becomes the surrogate that Python gives it.
#![forbid(unsafe_code)]

mod arguments;
mod builtin;
mod context;
mod encode;
mod last_place;
mod losses;
mod machine;
pub mod pickle;
mod read;
mod stats;
mod threads;
mod time;
pub mod value;
mod write;

use std::io::Write;

use profkit_profile::{
    Evidence, Format, Input, Profile, ProfileBuilder, ReadError, Sniff, WriteError, WriteOptions, Written,
};

use crate::value::Class;

/// How far [`Yappi::sniff`] looks. The first name in a pickle comes within its first hundred bytes.
const SNIFFED: usize = 1 << 16;

/// The format.
#[derive(Clone, Copy, Default, Debug)]
pub struct Yappi;

impl Format for Yappi {
    fn name(&self) -> &'static str {
        "yappi"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["ystat", "ys"]
    }

    fn about(&self) -> &'static str {
        "statistics of functions, threads or greenlets that yappi saved (a pickle)"
    }

    fn holds(&self) -> Evidence {
        Evidence::CallEdges
    }

    fn is_text(&self) -> bool {
        false
    }

    fn sniff(&self, input: &[u8]) -> Sniff {
        let head = &input[..input.len().min(SNIFFED)];
        let Some((module, name)) = pickle::first_global(head) else { return Sniff::No };
        if Class::named(module, name).is_some() {
            return Sniff::Yes;
        }
        let (module, name) = (String::from_utf8_lossy(module), String::from_utf8_lossy(name));
        if name == "LineStats" {
            return Sniff::Near("it holds line_profiler's times of lines (.lprof), not of functions".into());
        }
        Sniff::Near(format!("it is a pickle of `{module}.{name}`, which is not opened").into())
    }

    fn read(&self, input: &Input<'_>, into: &mut ProfileBuilder) -> Result<(), ReadError> {
        read::read(input.bytes, into)
    }

    fn write(
        &self,
        profile: &Profile,
        to: &mut dyn Write,
        options: &WriteOptions<'_>,
    ) -> Result<Written, WriteError> {
        options.check(profile, self)?;
        write::write(profile, to, options)
    }
}
