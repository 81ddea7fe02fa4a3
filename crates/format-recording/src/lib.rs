//! Reads the recordings of profkit's tracer and sampler, finished, running or killed.
//!
//! A recording is a folder; [`profkit_recording`] tells its shape. This crate takes one file of it, or the whole folder as
//! one input, packed by [`Pack`]. Nothing here writes: only a recorder does.
//!
//! A trace becomes one sample a node of its calling-context trees: `calls`, `wall` or `cpu`, and `await`. Time is self
//! time, so what the format calls total is the sum over callees. There is no time order.
//!
//! A sample stream becomes one sample a stack and thread: `samples`, `wall`, `cpu`, `gil` and `gil_wait`.
//!
//! ```
//! use profkit_format_recording::{Pack, Recording};
//! use profkit_profile::{Format, Input, ProfileBuilder, Sniff};
//!
//! let mut pack = Pack::new();
//! pack.add(b"recording", b"profkit recording 1\nkind\ttrace\n");
//! let bytes = pack.into_bytes();
//! assert_eq!(Recording.sniff(&bytes), Sniff::Yes);
//! let mut builder = ProfileBuilder::new();
//! Recording.read(&Input::new(&bytes), &mut builder)?;
//! assert_eq!(builder.finish()?.samples().len(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod bytes;
mod columns;
mod folder;
mod journal;
mod pack;
mod stream;
mod trace;

use std::io::Write;

use profkit_profile::{
    Evidence, Format, Input, Profile, ProfileBuilder, ReadError, Sniff, WriteError, WriteOptions, Written,
};
use profkit_recording::trace::MAGIC;
use profkit_recording::{header, stream as samples};

pub use crate::pack::{Pack, length_in_use};

/// The file that makes a folder a recording.
pub const HEADER_FILE: &str = header::FILE;

/// What profkit's recorders leave.
#[derive(Clone, Copy, Debug)]
pub struct Recording;

impl Format for Recording {
    fn name(&self) -> &'static str {
        "recording"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[header::FOLDER_EXTENSION]
    }

    fn about(&self) -> &'static str {
        "folder that profkit record writes while it runs"
    }

    fn holds(&self) -> Evidence {
        Evidence::Stacks
    }

    fn is_text(&self) -> bool {
        false
    }

    fn is_written(&self) -> bool {
        false
    }

    fn sniff(&self, input: &[u8]) -> Sniff {
        if input.starts_with(pack::MAGIC)
            || input.starts_with(&MAGIC)
            || input.starts_with(&samples::MAGIC)
            || journal::is_header(input)
        {
            Sniff::Yes
        } else {
            Sniff::No
        }
    }

    fn read(&self, input: &Input<'_>, into: &mut ProfileBuilder) -> Result<(), ReadError> {
        if input.bytes.starts_with(pack::MAGIC) {
            return folder::read(&pack::unpack(input.bytes)?, into);
        }
        if input.bytes.starts_with(&MAGIC) || input.bytes.starts_with(&samples::MAGIC) {
            return folder::read(&[pack::Packed { name: b"", content: input.bytes, offset: 0 }], into);
        }
        let reason = "the file of a folder that says what the folder is: give the folder";
        Err(profkit_profile::ReadErrorKind::Unsupported(reason.into()).at(0))
    }

    fn write(&self, _: &Profile, _: &mut dyn Write, _: &WriteOptions<'_>) -> Result<Written, WriteError> {
        Err(WriteError::Unsupported("only `profkit record` makes recordings".into()))
    }
}
