//! pprof (being documented)
#![forbid(unsafe_code)]

mod encode;
mod ids;
mod labels;
mod legacy;
mod locations;
mod outline;
pub mod proto;
mod read;
mod samples;
mod sniff;
mod stacks;
mod string_ids;
mod strings;
mod tables;
mod unit;
mod wire;
mod write;

use std::io::Write;

use profkit_profile::{
    Evidence, Format, Input, Profile, ProfileBuilder, ReadError, Sniff, WriteError, WriteOptions, Written,
};

/// The pprof format.
#[derive(Clone, Copy, Debug)]
pub struct Pprof;

impl Format for Pprof {
    fn name(&self) -> &'static str {
        "pprof"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["pb.gz", "pprof", "pb"]
    }

    fn about(&self) -> &'static str {
        "protobuf profiles of Go, py-spy, Parca, Pyroscope, Datadog and many others, for go tool pprof"
    }

    fn holds(&self) -> Evidence {
        Evidence::Stacks
    }

    fn is_text(&self) -> bool {
        false
    }

    fn is_gzipped(&self) -> bool {
        true
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
        _options: &WriteOptions<'_>,
    ) -> Result<Written, WriteError> {
        write::write(profile, to)
    }
}
