//! The established tools as judges: whether they see in profkit's files, and profkit in theirs, the same functions and
//! numbers. They are asked through the readers of `tests/reference`; `exceptions.rs` has the table of what they cannot.
#![allow(clippy::cast_possible_truncation, reason = "numbers of fixtures, which are small")]

mod awaits;
mod callgrind;
mod canon;
mod collapsed;
mod diff;
mod each_into_each;
mod exceptions;
mod facts;
mod merge;
mod originals;
mod outside;
mod pprof;
mod pstats;
mod sampler;
mod sources;
mod speedscope;
mod stacks;
pub(crate) mod tools;
mod verdict;
mod viewers;
mod yappi;
