//! (docs to come)
#![forbid(unsafe_code)]

mod austin;
mod comment;
mod count;
mod dialect;
mod encoding;
mod escape;
mod frame;
mod frame_text;
mod header;
mod line_text;
mod loss;
mod measure;
mod read;
mod record;
mod root;
mod root_text;
mod rows;
mod sniff;
mod survey;
mod texts;
mod write;

use std::io::Write;

use profkit_profile::{
    Evidence, Format, Input, Profile, ProfileBuilder, ReadError, ReadErrorKind, Sniff, WriteError, WriteOptions,
    Written,
};

use crate::dialect::Dialect;

const NAME: &str = "collapsed";

/// Label of a sample: how many of its outermost frames an estimate made up.
const INFERRED_LABEL: &[u8] = b"profkit.inferred";
/// Label of a sample: a process above its own, `12:"command"`; one label a process, outermost first.
const PARENT_LABEL: &[u8] = b"parent_process";
/// Label of a sample: the number of the Python interpreter in its process, where it is not the first one.
const INTERPRETER_LABEL: &[u8] = b"interpreter";

/// Collapsed stacks.
#[derive(Clone, Copy, Debug)]
pub struct Collapsed;

impl Format for Collapsed {
    fn name(&self) -> &'static str {
        NAME
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["collapsed", "folded", "txt"]
    }

    fn about(&self) -> &'static str {
        "collapsed stacks, a line each: flamegraph.pl, py-spy, Python's own sampler, Austin, async-profiler, perf"
    }

    fn holds(&self) -> Evidence {
        Evidence::Stacks
    }

    fn is_text(&self) -> bool {
        true
    }

    fn dialects(&self) -> &'static [&'static str] {
        const NAMES: [&str; 6] = {
            let mut names = [""; 6];
            let mut at = 0;
            while at < names.len() {
                names[at] = Dialect::ALL[at].name();
                at += 1;
            }
            names
        };
        &NAMES
    }

    fn written_dialects(&self) -> &'static [&'static str] {
        &["py-spy", "flamegraph", "austin", "perf"]
    }

    fn sniff(&self, input: &[u8]) -> Sniff {
        sniff::sniff(input)
    }

    fn read(&self, input: &Input<'_>, into: &mut ProfileBuilder) -> Result<(), ReadError> {
        let forced = match input.dialect {
            Some(name) => {
                let unknown = || ReadErrorKind::Unsupported(format!("collapsed has no dialect {name:?}").into()).at(0);
                Some(Dialect::named(name).ok_or_else(unknown)?)
            }
            None => None,
        };
        let decoded = encoding::decode(input.bytes);
        read::read(&decoded.text, forced, into).map_err(|error| error.kind.at(decoded.offset(error.offset)))
    }

    fn write(
        &self,
        profile: &Profile,
        to: &mut dyn Write,
        options: &WriteOptions<'_>,
    ) -> Result<Written, WriteError> {
        let own = Some(profile.meta().dialect).filter(|_| profile.meta().format == NAME);
        let own = own.filter(|dialect| self.written_dialects().contains(dialect));
        let name = options.dialect.or(own).unwrap_or("py-spy");
        let dialect = Dialect::named(name).filter(|_| self.written_dialects().contains(&name));
        let unknown = || WriteError::Unsupported(format!("collapsed is not written as {name:?}").into());
        write::write(profile, to, options, dialect.ok_or_else(unknown)?)
    }
}
