//! The profile model of profkit.
//!
//! A [`Profile`] is a set of tables that refer to each other by typed ids: strings, [`Function`]s, [`Frame`]s,
//! [`Stack`]s (a prefix tree), [`Sample`]s with one value column for each [`SampleType`], and the call tables
//! ([`FunctionCalls`], [`CallEdge`]) of the formats that know callers and callees only. A [`ProfileBuilder`] is the
//! only way to make one. [`views`] derives what people look at: totals, call trees, folded stacks, call edges from
//! stacks, and estimated stacks from call edges. [`Format`] is what a file format implements.
//!
//! Nothing here reads or writes files.
//!
#![forbid(unsafe_code)]

mod builder;
mod calls;
mod count;
mod decimal;
mod error;
pub mod format;
mod frame;
mod function;
mod hash;
mod id;
mod meta;
mod origin;
mod path_index;
mod paths;
mod profile;
pub mod py_spy;
mod sample_type;
mod samples;
mod seconds;
mod stack_batch;
mod stack_interner;
mod strings;
mod table;
mod track;
mod validate;
pub mod views;

pub use builder::{ProfileBuilder, Stacks, Values};
pub use calls::{CallEdge, CallTables, FunctionCalls, LineCost, Measured};
pub use count::{count, separated};
pub use decimal::{nearest, push_decimal};
pub use error::{BuildError, TableFull};
pub use format::{
    AtOffset, Evidence, Format, Input, ReadError, ReadErrorKind, Sniff, WriteError, WriteOptions, Written,
};
pub use frame::{Frame, FrameFlags, Stack};
pub use function::{Function, Mapping};
pub use id::{FrameId, FunctionId, Id, LabelSetId, MappingId, OriginId, StackId, StringId, TrackId};
pub use meta::Meta;
pub use origin::{Label, LabelTable, Origin};
pub use paths::Paths;
pub use profile::{Profile, Shape};
pub use sample_type::{Dimension, SampleType, Unit};
pub use samples::{Sample, SampleTable};
pub use seconds::nanoseconds;
pub use stack_batch::StackBatch;
pub use strings::StringTable;
pub use table::Table;
pub use track::{Interval, Track, TrackKind, TrackTable};
