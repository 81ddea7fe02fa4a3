//! pstats: what Python's profilers dump, and Python's `pstats` reads.
//!
//! # The file
//!
//! One dict in Python's [marshal] format and nothing else: no magic number, no version, no header. A key is
//! a function, `(file, line, name)`; its value holds the function's numbers and, for each function that called it,
//! the numbers under that caller:
//!
//! ```text
//! {(file, line, name): (primitive calls, calls, self, total,
//!                       {(file, line, name): (calls, primitive calls, self, total)})}
//! ```
//!
//! * **The two tuples begin in opposite order**; gprof2dot 2025.4 and pyprof2calltree 1.4 each show the wrong one of
//!   the two somewhere.
//! * Times are seconds, floats. Total covers the outermost activation only, of a function or of a pair; callers'
//!   self values add up to the function's, callers' totals need not.
//! * Builtins are `("~", 0, "<built-in method builtins.len>")`; functions entered from outside lack those calls
//!   among their callers.
//! * Python 2's text is bytes, Python 3's is UTF-8 in which the lone surrogates of odd file names are let through.
//!
//! A function that was called once and called itself twice:
//!
//! ```
//! use profkit_format_pstats::Pstats;
//! use profkit_profile::{Format, Input, ProfileBuilder, WriteOptions};
//!
//! // A dump of cProfile in marshal version 2:
//! // {("a.py", 1, "f"): (1, 3, 250*1e-9, 400*1e-9, {("a.py", 1, "f"): (2, 1, 100*1e-9, 100*1e-9)})}
//! let dump = b"{(\x03\0\0\0u\x04\0\0\0a.pyi\x01\0\0\0u\x01\0\0\0f(\x05\0\0\0i\x01\0\0\0i\x03\0\0\0\
//!     g\x8e\xed\xb5\xa0\xf7\xc6\x90>gI\xaf\xbc\x9a\xf2\xd7\x9a>\
//!     {(\x03\0\0\0u\x04\0\0\0a.pyi\x01\0\0\0u\x01\0\0\0f(\x04\0\0\0i\x02\0\0\0i\x01\0\0\0\
//!     gI\xaf\xbc\x9a\xf2\xd7z>gI\xaf\xbc\x9a\xf2\xd7z>00";
//! let mut builder = ProfileBuilder::new();
//! Pstats.read(&Input::new(dump), &mut builder)?;
//! let profile = builder.finish()?;
//! let functions = profile.calls().functions();
//! assert_eq!(functions.rows()[0].calls, Some(3));
//! assert_eq!(functions.rows()[0].primitive_calls, Some(1));
//! assert_eq!((functions.own(0), functions.total(0)), (&[250][..], &[400][..]));
//! let mut written = Vec::new();
//! Pstats.write(&profile, &mut written, &WriteOptions::default())?;
//! assert_eq!(written, dump);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Dialects
//!
//! None but the last says what it is; each is told by its numbers, or by the user.
//!
//! | dialect | written by | what differs |
//! |---|---|---|
//! | `cprofile` | cProfile (`-m cProfile`, `%prun`, kernprof, pytest-profiling, WSGI middlewares), `pstats`' `dump_stats` | nothing |
//! | `profile` | the pure-Python `profile`, hotshot's converted logs | a caller's value is a bare number of calls; a key may hold a code object, named here as Python shows it without the address |
//! | `yappi` | yappi's `save(type="pstat")`, 1.0 to 1.7.6 | a function's two counts are swapped, a caller's are not; builtins have their module for `~` |
//! | `pyinstrument` | pyinstrument `-r pstats` | all counts are -1; the total of a recursive function adds up all its activations, so it can exceed the run |
//! | `sampled` | Python 3.15's `profiling.sampling --pstats` | an item `("__sampled__",): True`; the counts are samples (innermost, on the stack), a caller's value is the samples of the pair, a function has a row a line |
//!
//! A file that is several dumps in a row (`cat a b`) is read as all of them; `pstats` sees the first one only. Bytes
//! that are neither a dump nor padding are refused, since a damaged byte that ends the dict early looks like that.
//!
//! # What becomes of it
//!
//! One sample type, `time` in nanoseconds; the sampler's dumps have `samples` before it. Rows go to the call tables in
//! the order of the file. Calls are unknown where both counts are 0, where pyinstrument wrote -1, and in the sampler's
//! dumps. Where a sampler's dump has samples and no time but 0, `time` is left out: that is how samples without a time are
//! written. Where the sampler's interval explains every time it is the profile's period, and callers get times by it.
//! Of two items with one key the last wins, as in a Python dict.
//!
//! cProfile's floats are products, ticks · 1e-9 since Python 3.8 and ticks · 1e-6 before (measured on every value of
//! dumps from 2.7 and 3.6 to 3.15), so nanoseconds are exact and the same product gives every float back. Sums of
//! floats come back to the nanosecond: cProfile adds up callers that share a key (two lambdas on a line), `pstats`
//! adds up dumps. Times that are no multiples of a nanosecond (yappi, pyinstrument, `profile`) are rounded.
//!
//! # Writing
//!
//! Marshal version 2 without references is the one form that Python 2.7 and 3.x both read. Every viewer gets what it
//! insists on: keys of text, number, text; five-tuples and four-tuples of integers and floats; every caller among the
//! keys; no NaN. Unknown calls are 0, and unknown self values and totals of callers are estimated and said so. Names
//! that are not UTF-8 (Latin-1 paths of Python 2) become what Python 3 calls such a path: lone surrogates. The
//! sampler's form is written on demand: samples, and the time that was chosen.
//!
//! # History
//!
//! The dict has been the same since Python 2.5. What changed is marshal (see there), the clock's tick (3.8), the
//! sampler's marker (3.15), and who sees which threads: one up to 3.11, all of them mixed up from 3.12 on. Learned
//! from CPython's `Lib/pstats.py`, `Lib/cProfile.py`, `Modules/_lsprof.c`, `Python/marshal.c`, from yappi's
//! `convert2pstats`, pyinstrument's `pstatsrenderer.py`, and from dumps of all of them.
#![forbid(unsafe_code)]

mod dialect;
mod dump;
mod fit;
mod interval;
mod key;
mod losses;
pub mod marshal;
mod number;
mod read;
mod seconds;
mod share;
mod sheet;
mod sniff;
mod text;
mod write;

use std::io::Write;

use profkit_profile::{
    Evidence, Format, Input, Profile, ProfileBuilder, ReadError, Sniff, WriteError, WriteOptions, Written,
};

/// The pstats format.
#[derive(Clone, Copy, Default, Debug)]
pub struct Pstats;

impl Format for Pstats {
    fn name(&self) -> &'static str {
        "pstats"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["pstats", "prof"]
    }

    fn about(&self) -> &'static str {
        "dumps of cProfile, profile, yappi, pyinstrument and Python 3.15's sampler"
    }

    fn holds(&self) -> Evidence {
        Evidence::CallEdges
    }

    fn is_text(&self) -> bool {
        false
    }

    fn dialects(&self) -> &'static [&'static str] {
        &dialect::NAMES
    }

    fn written_dialects(&self) -> &'static [&'static str] {
        &[write::SAMPLED]
    }

    fn sniff(&self, input: &[u8]) -> Sniff {
        sniff::sniff(input)
    }

    fn read(&self, input: &Input<'_>, into: &mut ProfileBuilder) -> Result<(), ReadError> {
        read::read(input, into)
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
