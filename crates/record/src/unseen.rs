//! Pythons that nothing of the tracer was loaded into, as the kernel tells of them: the journal learns of them here.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use profkit_recording::header::process_of;
use profkit_recording::journal::{self, Line};
use profkit_sampler::binary::Binaries;
use profkit_sampler::refusal::Refusal;
use profkit_sampler::session::{Command, Gone, is_python};
use profkit_sampler::{interpreter, maps, proc_stat};

use crate::agent::PRELOAD;
use crate::births::Births;
use crate::missed::{Journal, unix_time};
use crate::process::{Process, arguments};

/// Why a process is one of these.
const REASON: &str = "nothing of profkit was loaded into it: it is a static or setuid program, or was started with an environment of \
                      its own by a call that is not seen (`execle`, a bare system call)";

/// So many times a program is looked at that is no Python: it may yet load one, but it costs as much as some samples.
const LOOKS: u32 = 10;

/// What is known of a process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing yet, after so many looks.
    Open(u32),
    /// The tracer is in it, or there is no Python.
    Traced,
    /// It is one of these, and the journal knows.
    Told,
}

/// Looks for them.
pub(crate) struct Unseen {
    folder: PathBuf,
    births: Births,
    binaries: Binaries,
    /// Of each that runs and has done so for a moment.
    verdicts: HashMap<u32, Verdict>,
}

impl Unseen {
    pub(crate) fn new(folder: &Path, births: Births) -> Self {
        let (folder, binaries, verdicts) = (folder.to_owned(), Binaries::default(), HashMap::new());
        Self { folder, births, binaries, verdicts }
    }

    /// Tells the journal of those that were found since the last time.
    pub(crate) fn look(&mut self, journal: &mut Journal) {
        let (mut added, mut ended) = (Vec::new(), Vec::new());
        for order in self.births.orders() {
            match order {
                Command::Add(pid) => added.push(pid),
                Command::Gone(gone) => ended.push(gone),
                _ => {}
            }
        }
        for pid in added {
            let program = self.births.program(pid);
            // What a process forks is what it is itself.
            let is_traced = program.is_some_and(|(_, parent, name)| {
                name.is_none() && self.verdicts.get(&parent) == Some(&Verdict::Traced)
            });
            self.verdicts.insert(pid, if is_traced { Verdict::Traced } else { Verdict::Open(0) });
        }
        let open =
            |(&pid, &verdict)| if let Verdict::Open(looks) = verdict { Some((pid, looks)) } else { None };
        let open: Vec<(u32, u32)> = self.verdicts.iter().filter_map(open).collect();
        for (pid, looks) in open {
            let verdict = self.ask(pid, looks, journal);
            match verdict {
                Some(verdict) => self.verdicts.insert(pid, verdict),
                None => self.verdicts.remove(&pid),
            };
        }
        for gone in ended {
            self.bury(&gone, journal);
        }
    }

    /// What is to be thought of a process; `None` if nobody will tell of its end.
    fn ask(&mut self, pid: u32, looks: u32, journal: &mut Journal) -> Option<Verdict> {
        let again = Verdict::Open(looks + 1);
        let (since, _, name) = self.births.program(pid)?;
        let Some(process) = Process::look(pid) else { return self.births.is_whole().then_some(again) };
        let inner = proc_stat::inner_number(pid, pid).unwrap_or(pid);
        if journal.has(inner, process.start, since) {
            return Some(Verdict::Traced);
        }
        match interpreter::find(pid, &mut self.binaries) {
            Ok(_) => {}
            Err(Refusal::NotYet | Refusal::Gone) => return Some(again),
            // Any setuid program, which an ordinary user may not read.
            Err(Refusal::Permission { .. }) if !name.is_some_and(is_python) => return Some(Verdict::Traced),
            Err(Refusal::NotPython { .. }) if looks >= LOOKS => return Some(Verdict::Traced),
            Err(Refusal::NotPython { .. }) => return Some(again),
            // By its version, which shows before anything is loaded.
            Err(Refusal::Permission { .. } | Refusal::Unsupported { .. }) if looks == 0 => {
                return Some(again);
            }
            Err(Refusal::Permission { .. } | Refusal::Unsupported { .. }) => {}
        }
        match has_preload(pid) {
            Some(true) => return Some(Verdict::Traced),
            Some(false) => self.tell(&process),
            // It is ending, or may not be read.
            None if looks < LOOKS => return Some(again),
            None => return Some(Verdict::Traced),
        }
        Some(Verdict::Told)
    }

    /// One that has ended, perhaps before it was looked at.
    fn bury(&mut self, gone: &Gone, journal: &mut Journal) {
        let verdict = self.verdicts.remove(&gone.pid);
        let is_open = matches!(verdict, None | Some(Verdict::Open(_)));
        let is_child = gone.name.is_none() && self.verdicts.get(&gone.parent) == Some(&Verdict::Told);
        if is_open && !gone.is_brief && (is_child || gone.name.as_deref().is_some_and(is_python)) {
            journal.read();
            if !self.was_traced(gone, journal) {
                let name = gone.name.as_deref().unwrap_or_default();
                self.write(gone.pid, gone.start, &[], name.as_bytes());
            }
        }
        journal.forget(gone);
    }

    /// Whether one that has ended was traced, or was to be. It may not have been able to say so: no file may grow, say.
    fn was_traced(&self, gone: &Gone, journal: &Journal) -> bool {
        let starts = gone.starts();
        let is_its = |entry: &fs::DirEntry| {
            let process = entry.file_name().to_str().and_then(process_of);
            let file = entry.metadata().and_then(|file| file.created().or_else(|_| file.modified()));
            process.is_some_and(|(pid, start)| pid == gone.pid && starts.contains(&start))
                && file.is_ok_and(|created| created >= unix_time(gone.since))
        };
        journal.has_begun(&starts, gone.since)
            || fs::read_dir(&self.folder).into_iter().flatten().flatten().any(|entry| is_its(&entry))
    }

    fn tell(&self, process: &Process) {
        let program = process.program.as_os_str().as_bytes();
        self.write(process.pid, process.start, program, &arguments(process.pid));
    }

    fn write(&self, pid: u32, start: u64, program: &[u8], arguments: &[u8]) {
        // Where that fails, there is nobody who could be told.
        let append = |mut line: Line| {
            let _ = journal::append_in(&self.folder, line.finish());
        };
        if !arguments.is_empty() {
            let mut began = Line::new(journal::START, pid, start);
            began.number(0);
            began.field(program);
            began.arguments(arguments);
            append(began);
        }
        let mut missed = Line::new(journal::MISSED, pid, start);
        missed.field(REASON.as_bytes());
        append(missed);
    }
}

/// Whether the object is in a process that brings the tracer; `None` if that cannot be seen.
fn has_preload(pid: u32) -> Option<bool> {
    let mappings = maps::of_process(pid).ok().filter(|mappings| !mappings.is_empty())?;
    Some(mappings.iter().any(|mapping| mapping.path.rsplit('/').next() == Some(PRELOAD)))
}
