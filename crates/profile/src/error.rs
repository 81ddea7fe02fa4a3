//! What can go wrong while a profile is built.

use thiserror::Error;

/// A table has more rows (or more bytes of strings) than 32-bit ids can address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the {0} table is full: more than 2^32 - 1 entries")]
pub struct TableFull(pub &'static str);

/// Why a profile could not be built from what was given.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// See [`TableFull`].
    #[error(transparent)]
    Full(#[from] TableFull),
    /// A row came with more or fewer values than there are sample types.
    #[error("{given} values for {types} sample types")]
    ValueCount {
        /// Values in the row.
        given: usize,
        /// Sample types declared so far.
        types: usize,
    },
    /// A single value, as the source has it, does not fit 64 bits.
    #[error("a value does not fit 64 bits")]
    ValueTooLarge,
    /// A sum of values does not fit 64 bits.
    #[error("a sum of values does not fit 64 bits")]
    Overflow,
    /// A time is before the one that preceded it on its track.
    #[error("the time goes back from {last} to {at}")]
    TimeGoesBack {
        /// The time before.
        last: i64,
        /// The time given.
        at: i64,
    },
    /// A frame was left that is not the innermost open one.
    #[error("a frame is left that is not the innermost open one")]
    NotInnermost,
    /// A frame was left while none was open.
    #[error("a frame is left while none is open")]
    NoneOpen,
    /// A track ended with frames still open.
    #[error("{0} frames are still open at the end")]
    StillOpen(usize),
    /// The finished profile does not hold together; a defect of whoever built it.
    #[error("inconsistent profile: {0}")]
    Invalid(String),
}
