//! Merges profiles into one with the right totals.
//!
//! A [`Merger`] absorbs profiles one by one; [`merge_all`] loads and absorbs many on all threads of the pool. What comes
//! out depends on what was absorbed only, neither on the order nor on who absorbed what: two mergers that are joined,
//! or a merge of merges, give the same profile, row for row. That is so because every sum, least and largest value is
//! taken in arithmetic that cannot round or overflow, and because at the end every table is sorted by content.
//!
//! ```
//! use profkit_profile::{Frame, Function, Profile, ProfileBuilder, Sample};
//!
//! fn profile(name: &str, value: i64) -> Profile {
//!     let mut builder = ProfileBuilder::new();
//!     builder.sample_type(b"cpu", b"nanoseconds").unwrap();
//!     let name = builder.string(name.as_bytes()).unwrap();
//!     let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
//!     let frame = builder.frame(Frame::of(function)).unwrap();
//!     let stack = builder.stack(None, frame).unwrap();
//!     builder.sample(Sample::of(Some(stack)), &[value]).unwrap();
//!     builder.finish().unwrap()
//! }
//!
//! let merged = profkit_merge::merge(&[profile("work", 3), profile("main", 1), profile("work", 4)])?;
//! assert_eq!(merged.samples().values(0), [1, 7]);
//! # Ok::<(), profkit_profile::BuildError>(())
//! ```
//!
//! What merging means for each part of a profile follows `profile.Merge` of google/pprof and `pstats.Stats.add` of
//! CPython, with one difference: where they take what the first input says, the least value by a fixed order is taken.
//! * Sample types of the same name and dimension are one column, in their common unit; others stay columns of their
//!   own. Time is never added to a count, nor `wall` to `cpu`.
//! * Samples are one row if their stacks, origins and labels are equal; rows whose values are all zero are dropped.
//! * Calls are one row if function (or caller, callee and site), origin and labels are equal, and if the same of their
//!   values are known.
//! * Functions are the same if name, file and first line agree, and the linker's name where it is another one. [`PathRules`] let files of different
//!   machines agree.
//! * Mappings are the same if size (in pages), offset and build id (or file) agree; addresses count from their starts.
//! * The earliest start, the sum of durations, the largest period, all comments.
//! * Time order is given up: the tracks of two inputs have no common clock.
#![forbid(unsafe_code)]

mod agreed;
mod call_rows;
mod canonical;
mod columns;
pub mod diff;
mod header;
mod mappings;
mod merger;
mod parallel;
mod path_record;
mod path_rows;
mod paths;
mod raw;
mod remap;
mod rows;
mod sample_rows;
mod stack_order;

pub use merger::{MergeOptions, Merger};
pub use parallel::{Outcome, merge_all};
pub use paths::PathRules;

use profkit_profile::{BuildError, Profile};

/// Merges profiles that are in memory already. Merging one profile puts it into canonical form.
///
/// # Errors
/// Where a sum does not fit 64 bits, or a table is full.
pub fn merge<'p>(profiles: impl IntoIterator<Item = &'p Profile>) -> Result<Profile, BuildError> {
    let mut merger = Merger::default();
    for profile in profiles {
        merger.absorb(profile, None)?;
    }
    merger.finish()
}
