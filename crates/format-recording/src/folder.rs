//! All files of a recording, and what it says about itself.

use std::collections::BTreeSet;

use profkit_profile::{AtOffset, ProfileBuilder, ReadError, count};
use profkit_recording::journal::NOT_COVERED;
use profkit_recording::{header, journal, stream as samples, trace as traces};

use crate::journal::Facts;
use crate::pack::Packed;
use crate::{stream, trace};

/// Reads the files of a recording into the builder.
pub(crate) fn read(files: &[Packed<'_>], into: &mut ProfileBuilder) -> Result<(), ReadError> {
    let mut facts = Facts::default();
    for file in files {
        match file.name {
            name if name == header::FILE.as_bytes() => facts.read_header(file.content),
            name if name == journal::FILE.as_bytes() => facts.read_journal(file.content),
            _ => {}
        }
    }
    let (whole, cut): (Vec<_>, Vec<_>) = files
        .iter()
        .filter_map(|file| Some((file, beginning(file)?)))
        .partition(|(file, least)| file.content.len() >= *least);
    // Whoever was killed while it made a file takes nothing from the others.
    let (used, left_out) = if whole.is_empty() { (cut, whole) } else { (whole, cut) };
    let with = |magic: &'static [u8]| {
        used.iter().map(|(file, _)| file).filter(move |file| file.content.starts_with(magic))
    };
    // The types of all files come before the first sample.
    let traced = match with(&traces::MAGIC).next() {
        Some(first) => Some(trace::add_sample_types(first.content, into)?),
        None => None,
    };
    let sampled = match with(&samples::MAGIC).next() {
        Some(_) => Some(stream::add_sample_types(into)?),
        None => None,
    };
    let mut covered = Covered::default();
    for file in with(&traces::MAGIC) {
        let Some(columns) = traced else { continue };
        let summary = trace::read(file.content, columns, &facts, into);
        covered.add_trace(summary.map_err(|error| within(file, error))?);
    }
    for file in with(&samples::MAGIC) {
        let Some(columns) = sampled else { continue };
        let summary = stream::read(file.content, columns, &facts, into);
        covered.add_stream(summary.map_err(|error| within(file, error))?);
    }
    for (file, _) in left_out {
        let name = String::from_utf8_lossy(file.name);
        covered.notes.push(format!("{name}: the file ends in the middle of its header, and was left out"));
    }
    covered.notes.extend(files.iter().filter_map(|file| empty(file, &facts)));
    covered.describe(&facts, into)
}

/// How many bytes a file of samples or calls has at least; `None` if it is something else.
fn beginning(file: &Packed<'_>) -> Option<usize> {
    let kinds = [(&traces::MAGIC[..], traces::CHUNK), (&samples::MAGIC[..], samples::HEADER)];
    kinds.into_iter().find_map(|(magic, least)| file.content.starts_with(magic).then_some(least))
}

/// What is to be said of a file that a process made and could not write into, if the journal has nothing of it: there may
/// have been no room for that, either.
fn empty(file: &Packed<'_>, facts: &Facts) -> Option<String> {
    let name = std::str::from_utf8(file.name).ok().filter(|_| file.content.is_empty())?;
    let (pid, start) = header::process_of(name)?;
    let pid = i64::from(pid);
    let is_known = facts.missed.iter().any(|missed| (missed.pid, missed.start) == (pid, start));
    let reason = "its file is empty, as where the disk is full or files may not be that long (`ulimit -f`)";
    (!is_known).then(|| format!("process {pid}{} {NOT_COVERED}: {reason}", command_of(facts, pid, start)))
}

/// The command line of a process in brackets, if it is known.
fn command_of(facts: &Facts, pid: i64, start: u64) -> String {
    let command = facts.commands.get(&(pid, start));
    command.map_or_else(String::new, |line| format!(" ({})", String::from_utf8_lossy(line)))
}

fn within(file: &Packed<'_>, mut error: ReadError) -> ReadError {
    error.offset += file.offset;
    error
}

/// How much a recording covers.
#[derive(Default)]
struct Covered {
    traced: usize,
    sampled: usize,
    threads: usize,
    notes: Vec<String>,
    remarks: Vec<String>,
    /// Pids and starts of those that were sampled.
    found: BTreeSet<(i64, u64)>,
    start_ns: Option<i64>,
    end_ns: Option<i64>,
    interval_ns: i64,
}

impl Covered {
    fn add_trace(&mut self, summary: trace::Summary) {
        self.traced += 1;
        self.threads += summary.threads;
        self.notes.extend(summary.notes);
        self.end_ns = self.end_ns.max(Some(summary.end_ns));
    }

    fn add_stream(&mut self, summary: stream::Summary) {
        self.sampled += summary.processes;
        self.threads += summary.threads;
        self.notes.extend(summary.notes);
        self.remarks.extend(summary.remarks);
        self.found.extend(summary.sampled);
        let start = self.start_ns.unwrap_or(i64::MAX).min(summary.start_ns);
        self.start_ns = Some(start);
        self.end_ns = self.end_ns.max(Some(summary.end_ns));
        self.interval_ns = summary.interval_ns;
    }

    /// Who recorded what, and what is missing.
    fn describe(self, facts: &Facts, into: &mut ProfileBuilder) -> Result<(), ReadError> {
        into.meta.dialect = if self.traced > 0 { "trace" } else { "samples" };
        let start = facts.start_ns.or(self.start_ns);
        into.meta.start_ns = start;
        // A sampler begins a little after the folder was made.
        let begin = if self.traced == 0 { self.start_ns.or(start) } else { start };
        into.meta.duration_ns = self.end_ns.zip(begin).map(|(end, start)| end.saturating_sub(start).max(0));
        if self.interval_ns > 0 {
            into.meta.period = self.interval_ns;
            into.meta.period_type = Some((into.string(b"wall").at(0)?, into.string(b"nanoseconds").at(0)?));
        }
        let version = String::from_utf8_lossy(&facts.profkit);
        into.meta.producer =
            if version.is_empty() { "profkit".to_owned() } else { format!("profkit {version}") };
        let mut comments = vec![self.sentence()];
        if !facts.command.is_empty() {
            comments.push(format!("command {}", String::from_utf8_lossy(&facts.command)));
        }
        let missed = facts.missed.iter().map(|missed| {
            let command = command_of(facts, missed.pid, missed.start);
            let is_sampled = self.found.contains(&(missed.pid, missed.start));
            let how = if is_sampled { "sampled instead of traced" } else { NOT_COVERED };
            format!("process {}{command} {how}: {}", missed.pid, String::from_utf8_lossy(&missed.reason))
        });
        let notes: Vec<String> = self.notes.into_iter().chain(missed).collect();
        for comment in comments.iter().chain(&self.remarks).chain(&notes) {
            let comment = into.string(format!("profkit: {comment}").as_bytes()).at(0)?;
            into.meta.comments.push(comment);
        }
        into.meta.notes.extend(notes);
        Ok(())
    }

    /// `recorded 3 processes and 12 threads`.
    fn sentence(&self) -> String {
        let processes = count(self.traced + self.sampled, "process");
        let mixed = match (self.traced, self.sampled) {
            (0, _) | (_, 0) => String::new(),
            (_, sampled) => format!(" ({sampled} of them sampled)"),
        };
        format!("recorded {processes}{mixed} and {}", count(self.threads, "thread"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_could_write_nothing_is_told_of_once() {
        let journal = b"start\t1\t7\t99\t1\t/p\tpython%00a.py%00\nmissed\t2\t8\t99\tno file\n";
        let file =
            |name: &'static str, content: &'static [u8]| Packed { name: name.as_bytes(), content, offset: 0 };
        let files = [file("processes", journal), file("7-99-0.trace", b""), file("8-99-0.trace", b"")];
        let mut builder = ProfileBuilder::new();
        read(&files, &mut builder).unwrap();
        let profile = builder.finish().unwrap();
        let [empty, missed] = &profile.meta().notes[..] else { panic!("{:?}", profile.meta().notes) };
        assert!(empty.starts_with("process 7 (python a.py) not covered: its file is empty"), "{empty}");
        assert_eq!(missed, "process 8 not covered: no file");
    }
}
