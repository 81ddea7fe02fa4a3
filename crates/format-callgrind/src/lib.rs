//! Callgrind's profiles.
#![forbid(unsafe_code)]

mod blocks;
mod costs;
mod dialect;
mod event;
mod finish;
mod header;
mod inclusive;
mod lines;
mod losses;
mod names;
mod number;
mod read;
mod sniff;
mod spell;
mod write;

use std::io::Write;

use profkit_profile::{
    Evidence, Format, Input, Profile, ProfileBuilder, ReadError, Sniff, WriteError, WriteOptions, Written,
};

/// The format.
#[derive(Clone, Copy, Default, Debug)]
pub struct Callgrind;

impl Format for Callgrind {
    fn name(&self) -> &'static str {
        "callgrind"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["callgrind"]
    }

    fn about(&self) -> &'static str {
        "calls and their costs as valgrind's callgrind, yappi and others write them for KCachegrind"
    }

    fn holds(&self) -> Evidence {
        Evidence::CallEdges
    }

    fn is_text(&self) -> bool {
        true
    }

    fn written_dialects(&self) -> &'static [&'static str] {
        &[write::PARTS]
    }

    fn sniff(&self, input: &[u8]) -> Sniff {
        sniff::sniff(input)
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
        write::write(profile, to, options)
    }
}
