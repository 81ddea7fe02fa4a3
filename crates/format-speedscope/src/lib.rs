//! speedscope
#![forbid(unsafe_code)]

mod decimal;
mod events;
mod exporter;
mod frame_numbers;
mod json;
mod lanes;
mod losses;
mod measure;
mod profile_name;
mod read;
mod samples;
mod schema;
mod sniff;
mod source;
mod stack_texts;
mod unit;
mod write;

use std::io::Write;

use profkit_profile::{
    Evidence, Format, Input, Profile, ProfileBuilder, ReadError, Sniff, WriteError, WriteOptions, Written,
};

/// The speedscope format.
#[derive(Clone, Copy, Default, Debug)]
pub struct Speedscope;

impl Format for Speedscope {
    fn name(&self) -> &'static str {
        "speedscope"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["speedscope.json", "json"]
    }

    fn about(&self) -> &'static str {
        "JSON of speedscope.app, py-spy and pyinstrument: time lines of threads"
    }

    fn holds(&self) -> Evidence {
        Evidence::Stacks
    }

    fn is_text(&self) -> bool {
        true
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
