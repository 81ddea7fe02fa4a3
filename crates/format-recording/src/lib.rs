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
mod journal;
mod pack;
mod stream;
mod trace;

use std::io::Write;

use profkit_profile::{
    AtOffset, Evidence, Format, Input, Profile, ProfileBuilder, ReadError, Sniff, WriteError, WriteOptions,
    Written,
};
use profkit_recording::trace::MAGIC;
use profkit_recording::{header, journal as processes, stream as samples};

use crate::journal::Facts;
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
            return read_folder(input.bytes, into);
        }
        if input.bytes.starts_with(&MAGIC) {
            trace::add_sample_types(input.bytes, into)?;
            let summary = trace::read(input.bytes, &Facts::default(), into)?;
            return describe(&[summary], &Facts::default(), into);
        }
        if input.bytes.starts_with(&samples::MAGIC) {
            stream::add_sample_types(into)?;
            let summary = stream::read(input.bytes, &Facts::default(), into)?;
            return describe_samples(&[summary], &Facts::default(), into);
        }
        let reason = "the file of a folder that says what the folder is: give the folder";
        Err(profkit_profile::ReadErrorKind::Unsupported(reason.into()).at(0))
    }

    fn write(&self, _: &Profile, _: &mut dyn Write, _: &WriteOptions<'_>) -> Result<Written, WriteError> {
        Err(WriteError::Unsupported("only `profkit record` makes recordings".into()))
    }
}

fn read_folder(bytes: &[u8], into: &mut ProfileBuilder) -> Result<(), ReadError> {
    let files = pack::unpack(bytes)?;
    let mut facts = Facts::default();
    for file in &files {
        match file.name {
            name if name == header::FILE.as_bytes() => facts.read_header(file.content),
            name if name == processes::FILE.as_bytes() => facts.read_journal(file.content),
            _ => {}
        }
    }
    let streams: Vec<_> = files.iter().filter(|file| file.content.starts_with(&samples::MAGIC)).collect();
    if !streams.is_empty() {
        stream::add_sample_types(into)?;
        let mut summaries = Vec::new();
        for file in streams {
            let place = |mut error: ReadError| {
                error.offset += file.offset;
                error
            };
            summaries.push(stream::read(file.content, &facts, into).map_err(place)?);
        }
        return describe_samples(&summaries, &facts, into);
    }
    let traces: Vec<_> = files.iter().filter(|file| file.content.starts_with(&MAGIC)).collect();
    if let Some(first) = traces.first() {
        trace::add_sample_types(first.content, into)?;
    }
    let mut summaries = Vec::new();
    for file in traces {
        let place = |mut error: ReadError| {
            error.offset += file.offset;
            error
        };
        summaries.push(trace::read(file.content, &facts, into).map_err(place)?);
    }
    describe(&summaries, &facts, into)
}

/// What a sampled recording says about itself.
fn describe_samples(
    summaries: &[stream::Summary],
    facts: &Facts,
    into: &mut ProfileBuilder,
) -> Result<(), ReadError> {
    into.meta.dialect = "samples";
    let begins = summaries.iter().map(|summary| summary.start_ns).min();
    into.meta.start_ns = facts.start_ns.or(begins);
    let end = summaries.iter().map(|summary| summary.end_ns).max();
    into.meta.duration_ns = end.zip(begins).map(|(end, start)| end.saturating_sub(start).max(0));
    if let Some(interval) =
        summaries.first().map(|summary| summary.interval_ns).filter(|&interval| interval > 0)
    {
        into.meta.period = interval;
        into.meta.period_type = Some((into.string(b"wall").at(0)?, into.string(b"nanoseconds").at(0)?));
    }
    let counted = Counted {
        processes: summaries.iter().map(|summary| summary.processes).sum(),
        threads: summaries.iter().map(|summary| summary.threads).sum(),
    };
    let notes = summaries.iter().flat_map(|summary| summary.notes.iter().cloned()).collect();
    annotate(&counted, notes, facts, into)
}

/// What the recording says about itself, and what it does not cover.
fn describe(summaries: &[trace::Summary], facts: &Facts, into: &mut ProfileBuilder) -> Result<(), ReadError> {
    into.meta.dialect = "trace";
    into.meta.start_ns = facts.start_ns;
    let end = summaries.iter().map(|summary| summary.end_ns).max();
    into.meta.duration_ns = end.zip(facts.start_ns).map(|(end, start)| end.saturating_sub(start).max(0));
    let counted = Counted {
        processes: summaries.len(),
        threads: summaries.iter().map(|summary| summary.threads).sum(),
    };
    let notes = summaries.iter().flat_map(|summary| summary.notes.iter().cloned()).collect();
    annotate(&counted, notes, facts, into)
}

/// How much a recording covers.
struct Counted {
    processes: usize,
    threads: usize,
}

/// Who recorded what, and what is missing.
fn annotate(
    counted: &Counted,
    mut notes: Vec<String>,
    facts: &Facts,
    into: &mut ProfileBuilder,
) -> Result<(), ReadError> {
    let version = String::from_utf8_lossy(&facts.profkit).into_owned();
    into.meta.producer = if version.is_empty() { "profkit".to_owned() } else { format!("profkit {version}") };
    for missed in &facts.missed {
        let command = facts.commands.get(&(missed.pid, missed.start));
        let command =
            command.map_or_else(String::new, |line| format!(" ({})", String::from_utf8_lossy(line)));
        let reason = String::from_utf8_lossy(&missed.reason);
        notes.push(format!("process {}{command} not covered: {reason}", missed.pid));
    }
    let covered = format!(
        "profkit: recorded {} and {}",
        if counted.processes == 1 {
            "1 process".to_owned()
        } else {
            format!("{} processes", counted.processes)
        },
        profkit_profile::count(counted.threads, "thread")
    );
    let command = (!facts.command.is_empty())
        .then(|| format!("profkit: command {}", String::from_utf8_lossy(&facts.command)));
    let comments =
        std::iter::once(covered).chain(command).chain(notes.iter().map(|note| format!("profkit: {note}")));
    for comment in comments {
        let comment = into.string(comment.as_bytes()).at(0)?;
        into.meta.comments.push(comment);
    }
    into.meta.notes.extend(notes);
    Ok(())
}
