//! Pythons that nothing of the tracer was loaded into, as the kernel tells of them: the journal learns of them here.

use std::collections::HashSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use profkit_recording::journal::{self, Line};
use profkit_recording::trace::process_of;
use profkit_sampler::binary::Binaries;
use profkit_sampler::interpreter;
use profkit_sampler::refusal::Refusal;
use profkit_sampler::session::{Command, Gone, is_python};

use crate::agent::PRELOAD;
use crate::births::Births;
use crate::missed::{Journal, unix_time};
use crate::process::{Process, innermost_pid};

/// Why a process is one of these.
const REASON: &str = "nothing of profkit was loaded into it: it is a static or setuid program, or was started with an environment of \
                      its own by a call that is not seen (`execle`, a bare system call)";

/// So many times a program is looked at that is no Python: it may yet load one, but it costs as much as some samples.
const LOOKS: u32 = 10;

/// A program of which it is not known yet whether it is one of these.
struct Candidate {
    pid: u32,
    since: u64,
    /// By its name.
    is_python: bool,
    looks: u32,
}

/// Looks for them.
pub(crate) struct Unseen {
    folder: PathBuf,
    births: Births,
    binaries: Binaries,
    candidates: Vec<Candidate>,
    /// Pids of programs that run and are none of these, or are told already.
    decided: HashSet<u32>,
    /// Pids of those that were found, and run.
    found: HashSet<u32>,
}

impl Unseen {
    pub(crate) fn new(folder: &Path, births: Births) -> Self {
        Self {
            folder: folder.to_owned(),
            births,
            binaries: Binaries::default(),
            candidates: Vec::new(),
            decided: HashSet::new(),
            found: HashSet::new(),
        }
    }

    /// Tells the journal of those that were found since the last time.
    pub(crate) fn look(&mut self, journal: &mut Journal) {
        for order in self.births.orders() {
            match order {
                Command::Add(pid, _) => self.consider(pid),
                Command::Gone(gone) => self.bury(&gone, journal),
                _ => {}
            }
        }
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.retain_mut(|candidate| {
            let is_open = self.is_open(candidate, journal);
            if !is_open {
                self.decided.insert(candidate.pid);
            }
            is_open
        });
        self.candidates = candidates;
    }

    /// Every new program; and the children of those that were found, which are what their parents are.
    fn consider(&mut self, pid: u32) {
        let Some((since, parent, name)) = self.births.program(pid) else { return };
        self.candidates.retain(|candidate| candidate.pid != pid);
        self.decided.remove(&pid);
        if let Some(name) = name {
            let is_python = is_python(name);
            self.found.remove(&pid);
            self.candidates.push(Candidate { pid, since, is_python, looks: 0 });
        } else if self.found.contains(&parent) {
            self.tell(pid);
        }
    }

    /// Whether it is to be asked again.
    fn is_open(&mut self, candidate: &mut Candidate, journal: &mut Journal) -> bool {
        let Candidate { pid, since, .. } = *candidate;
        // Its end is going to be told.
        let Some(process) = Process::look(pid) else { return true };
        if journal.has(innermost_pid(pid), process.start, since) {
            return false;
        }
        candidate.looks += 1;
        match interpreter::find(pid, &mut self.binaries) {
            Err(Refusal::NotYet | Refusal::Gone) => return true,
            Err(Refusal::NotPython { .. }) => return candidate.looks < LOOKS,
            // Any setuid program, which an ordinary user may not read.
            Err(Refusal::Permission { .. }) if !candidate.is_python => return false,
            Ok(_) | Err(Refusal::Permission { .. } | Refusal::Unsupported { .. }) => {}
        }
        if !has_preload(pid) {
            self.tell(pid);
        }
        false
    }

    /// Whether one that has ended was traced, or was to be. It may not have been able to say so: no file may grow, say.
    fn was_traced(&self, pid: u32, start: u64, since: u64, journal: &mut Journal) -> bool {
        journal.read();
        let is_its = |entry: &fs::DirEntry| {
            entry.file_name().to_str().and_then(process_of) == Some((pid, start))
                && entry
                    .metadata()
                    .and_then(|file| file.created().or_else(|_| file.modified()))
                    .is_ok_and(|created| created >= unix_time(since))
        };
        journal.has(pid, start, since)
            || fs::read_dir(&self.folder).into_iter().flatten().flatten().any(|entry| is_its(&entry))
    }

    /// One that has ended before it was looked at.
    fn bury(&mut self, gone: &Gone, journal: &mut Journal) {
        let is_decided = self.decided.remove(&gone.pid) | self.found.remove(&gone.pid);
        self.candidates.retain(|candidate| candidate.pid != gone.pid);
        let is_child = gone.name.is_none() && self.found.contains(&gone.parent);
        if is_decided || gone.is_brief || !(is_child || gone.name.as_deref().is_some_and(is_python)) {
            return;
        }
        // It may have begun just before the hundredth of a second in which that was said.
        let starts = [gone.start, gone.start.saturating_sub(1)];
        if !starts.iter().any(|&start| self.was_traced(gone.pid, start, gone.since, journal)) {
            self.write(gone.pid, gone.start, &[], gone.name.as_deref().unwrap_or_default().as_bytes());
        }
    }

    fn tell(&mut self, pid: u32) {
        let Some(process) = Process::look(pid) else { return };
        self.found.insert(pid);
        self.write(pid, process.start, process.program.as_os_str().as_bytes(), &process.arguments());
    }

    fn write(&self, pid: u32, start: u64, program: &[u8], arguments: &[u8]) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let now = u64::try_from(now).unwrap_or(0);
        let mut began = Line::new("start", now, pid, start);
        began.number(0);
        began.field(program);
        for (index, argument) in
            arguments.strip_suffix(&[0]).unwrap_or(arguments).split(|&byte| byte == 0).enumerate()
        {
            began.argument(argument, index == 0);
        }
        let mut missed = Line::new("missed", now, pid, start);
        missed.field(REASON.as_bytes());
        for line in
            [Some(&mut began).filter(|_| !arguments.is_empty()), Some(&mut missed)].into_iter().flatten()
        {
            // Where that fails, there is nobody who could be told.
            let _ = journal::append_in(&self.folder, line.finish());
        }
    }
}

/// Whether the object is in it that brings the tracer.
fn has_preload(pid: u32) -> bool {
    let maps = fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
    let name = [b"/", PRELOAD.as_bytes()].concat();
    maps.split(|&byte| byte == b'\n')
        .any(|line| line.ends_with(&name) || line.ends_with(&[&name[..], b" (deleted)"].concat()))
}
