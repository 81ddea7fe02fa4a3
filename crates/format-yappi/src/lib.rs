//! The statistics that [yappi](https://github.com/sumerc/yappi) saves: **ystat**, a Python pickle, read without ever
//! executing anything and written so that yappi loads them.
#![forbid(unsafe_code)]

mod builtin;
mod context;
mod encode;
mod last_place;
mod losses;
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
        write::write(profile, to, options)
    }
}
