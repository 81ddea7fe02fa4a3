//! Runs the command and stays out of its way; or records a process that runs already.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use profkit_recording::carrier;
use profkit_recording::header::file_name;
use profkit_recording::stream::{EXTENSION, Writer};

use crate::agent::Trace;
use crate::births::Births;
use crate::error::RecordError;
use crate::files::Files;
use crate::folder::{self, Folder};
use crate::missed::{self, Missed};
use crate::process::{arguments, has_ended, start_ticks, still_runs};
use crate::sampling::{LOOK, Sample, Sampling};
use crate::sentinel::Sentinel;
use crate::signals::{Caller, Signals};
use crate::status::Status;
use crate::tsc::Measurement;
use crate::watch::{self, Watcher};

/// What is recorded.
#[derive(Clone, Debug)]
pub enum Target {
    /// A program, which is started with its arguments.
    Command(Vec<OsString>),
    /// A process that runs.
    Process(u32),
}

/// How it is recorded.
#[derive(Clone, Debug)]
pub enum Recorder {
    /// From inside, every call.
    Trace(Trace),
    /// From outside, so many times a second.
    Sample(Sample),
}

/// What is to be recorded, and how.
#[derive(Clone, Debug)]
pub struct Launch {
    /// What. A process that runs can only be sampled.
    pub target: Target,
    /// The folder to make.
    pub folder: PathBuf,
    /// How.
    pub recorder: Recorder,
    /// A snapshot each time that this has passed.
    pub every: Option<Duration>,
    /// The recording ends after this time; a program that was started for it is asked to end (SIGTERM).
    pub duration: Option<Duration>,
}

/// What the caller may act upon while the recording goes on.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// It is time for a snapshot of this recording.
    Snapshot(&'a Path),
    /// The recording is over, and from here on signals do to this process what the caller wants them to.
    Over,
}

/// A recording that has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// How the command did; a process that was not started here counts as one that ended well.
    pub status: Status,
    /// The recording, complete but for processes that still run.
    pub folder: PathBuf,
    /// How many recorded processes still run.
    pub running: usize,
    /// From start to end.
    pub took: Duration,
    /// Why the recording stopped before its end, if it did: the disk was full, say.
    pub failure: Option<String>,
}

impl Ended {
    /// Why there was no room for a recording, if there still is none: the disk is full, say. To be asked before the folder is
    /// removed.
    #[must_use]
    pub fn no_room(&self) -> Option<&'static str> {
        folder::no_room(&self.folder).map(nix::errno::Errno::desc)
    }
}

/// How long workers may take to end after the command has, and others to begin that it has left behind.
const STRAGGLERS: Duration = Duration::from_millis(500);

/// How many processes still run. If they are below a command of our own, those that may yet end have some time for that.
fn left_behind(is_own: bool, mut running: impl FnMut() -> usize) -> usize {
    let end = Instant::now() + STRAGGLERS;
    loop {
        // Twice: one that ends while the others are looked for may leave one behind where they have been looked for before.
        let left = match running() {
            0 => running(),
            left => left,
        };
        if left == 0 || !is_own || Instant::now() >= end {
            return left;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Who is at work beside the command.
struct Recorders {
    sampling: Option<Sampling>,
    /// Where the command is traced.
    missed: Option<Missed>,
}

impl Recorders {
    /// Looks for processes that are to be sampled. How long the next look can wait.
    fn look(&mut self) -> Duration {
        match (&mut self.missed, &mut self.sampling) {
            (Some(missed), sampling) => {
                missed.look(sampling);
                missed::LOOK
            }
            (None, Some(sampling)) => sampling.look(),
            (None, None) => LOOK,
        }
    }
}

/// The process that is waited for.
struct Waited<'a> {
    pid: u32,
    /// `None` for one that was not started here.
    child: Option<&'a mut Child>,
    start: Option<u64>,
    looked: Instant,
}

/// Whether a process that was not started here still runs is asked as often: to ask costs more than a sample.
const ASK: Duration = Duration::from_millis(20);

impl Waited<'_> {
    fn ended(&mut self) -> Result<Option<Status>, RecordError> {
        let Some(child) = &mut self.child else {
            if self.looked.elapsed() < ASK {
                return Ok(None);
            }
            self.looked = Instant::now();
            let runs = self.start.is_some_and(|start| still_runs(self.pid, start));
            return Ok((!runs).then_some(Status::Exited(0)));
        };
        if !has_ended(child.id()) {
            return Ok(None);
        }
        let status =
            child.try_wait().map_err(|error| RecordError::System("waiting for the command", error))?;
        Ok(status.map(Status::of))
    }

    fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.pid) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

impl Launch {
    /// Runs the command to its end. Standard input and output and the terminal are the command's. Whom the command leaves behind
    /// becomes a child of this process, which must have no others of its own: it takes note of the end of each.
    ///
    /// # Errors
    /// Where the recording or the command cannot be started; then there is no folder.
    pub fn run(&self, on_event: &mut dyn FnMut(Event<'_>)) -> Result<Ended, RecordError> {
        let measurement = Measurement::begin();
        let system = |what| move |error| RecordError::System(what, error);
        let files = Files::raise();
        let signals = Signals::block().map_err(system("signals"))?;
        let sentinel = Sentinel::start(Signals::passed_on());
        let mut sentinel = sentinel.map_err(system("a process that watches signals"))?;
        let kind = if matches!(self.recorder, Recorder::Trace(_)) { "trace" } else { "sample" };
        let folder = Folder::create(&self.folder, kind, &self.command())?;
        let begin = Instant::now();
        let begun = self.begin(&folder, measurement, (&signals, &files), &sentinel);
        let (pid, mut child, mut recorders) = begun.inspect_err(|_| {
            let _ = std::fs::remove_dir_all(&folder.path);
        })?;
        let mut waited = Waited { pid, child: child.as_mut(), start: start_ticks(pid), looked: begin };
        let status = self.wait(&mut waited, &signals, &mut sentinel, &folder, &mut recorders, on_event)?;
        let is_own = waited.child.is_some();
        let running = match &mut recorders {
            Recorders { sampling: Some(sampling), missed: None } => {
                left_behind(is_own, || sampling.running())
            }
            recorders => {
                let mut tree = Watcher::new(pid, is_own, vec![sentinel.pid()]);
                left_behind(is_own, || {
                    tree.look(true);
                    recorders.look();
                    tree.known().count()
                });
                folder.running()
            }
        };
        let took = begin.elapsed();
        let failure = recorders.sampling.and_then(Sampling::stop).map(|error| error.to_string());
        on_event(Event::Over);
        Ok(Ended { status, folder: folder.path, running, took, failure })
    }

    fn command(&self) -> Vec<OsString> {
        match &self.target {
            Target::Command(command) => command.clone(),
            Target::Process(pid) => {
                use std::os::unix::ffi::OsStringExt;
                let arguments = arguments(*pid);
                let arguments = arguments.strip_suffix(&[0]).unwrap_or(&arguments);
                arguments.split(|&byte| byte == 0).map(|part| OsString::from_vec(part.to_vec())).collect()
            }
        }
    }

    /// Starts the command and the recorder. The first process, if it was started here also as a child.
    fn begin(
        &self,
        folder: &Folder,
        measurement: Measurement,
        own: (&Signals, &Files),
        sentinel: &Sentinel,
    ) -> Result<(u32, Option<Child>, Recorders), RecordError> {
        let subprocesses = !matches!(self.recorder, Recorder::Sample(Sample { subprocesses: false, .. }));
        if subprocesses && matches!(self.target, Target::Command(_)) {
            watch::adopt();
        }
        let (root, mut child, births) = match &self.target {
            Target::Process(pid) => (*pid, None, None),
            Target::Command(command) => {
                let variables = match &self.recorder {
                    Recorder::Sample(_) => Vec::new(),
                    Recorder::Trace(trace) => trace.variables(folder, measurement.finish()).to_vec(),
                };
                let start = || start(command, &variables, own);
                if subprocesses {
                    let (child, births) = Births::below(start);
                    let child = child?;
                    (child.id(), Some(child), births.ok())
                } else {
                    let child = start()?;
                    (child.id(), Some(child), None)
                }
            }
        };
        let Recorder::Sample(sample) = self.recorder else {
            // Below another trace, that one has the processes.
            let births = births.filter(|_| std::env::var_os(carrier::VARIABLE).is_none());
            let missed = Some(Missed::new(&folder.path, births));
            return Ok((root, child, Recorders { sampling: None, missed }));
        };
        let stream = folder.path.join(file_name(root, start_ticks(root).unwrap_or(0), 0, EXTENSION));
        let caller = sample.subprocesses.then(Caller::of_this_thread);
        let sampling = Writer::create(&stream).and_then(|stream| {
            Sampling::start(stream, root, sample, vec![sentinel.pid()], child.is_some(), (births, caller))
        });
        let (sampling, first) = sampling.map_err(|error| {
            // A program that is not recorded is not run.
            if let Some(child) = &mut child {
                let _ = child.kill();
                let _ = child.wait();
            }
            RecordError::System("the sampler", error)
        })?;
        match (first, &child) {
            (Err(refusal), None) if !matches!(refusal, profkit_sampler::refusal::Refusal::NotYet) => {
                sampling.stop();
                Err(RecordError::Refused(root, refusal))
            }
            _ => Ok((root, child, Recorders { sampling: Some(sampling), missed: None })),
        }
    }

    fn wait(
        &self,
        waited: &mut Waited<'_>,
        signals: &Signals,
        sentinel: &mut Sentinel,
        folder: &Folder,
        recorders: &mut Recorders,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Status, RecordError> {
        let begin = Instant::now();
        // What no clock will show never comes.
        let mut next_snapshot = self.every.and_then(|every| begin.checked_add(every));
        let mut end = self.duration.and_then(|duration| begin.checked_add(duration));
        let is_own = waited.child.is_some();
        let is_traced = matches!(self.recorder, Recorder::Trace(_));
        let mut snapshot = |sampling: &Option<Sampling>| {
            if let Some(sampling) = sampling {
                sampling.flush();
            }
            on_event(Event::Snapshot(&folder.path));
        };
        loop {
            if let Some(status) = waited.ended()? {
                return Ok(status);
            }
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                if !is_own {
                    return Ok(Status::Exited(0));
                }
                end = None;
                waited.signal(Signal::SIGTERM);
            }
            if let (Some(next), Some(every)) = (next_snapshot, self.every)
                && now >= next
            {
                snapshot(&recorders.sampling);
                // Those that were missed while one was written are not made up for.
                let late = u32::try_from((now - next).as_nanos() / every.as_nanos().max(1)).unwrap_or(0);
                next_snapshot = next.checked_add(every.saturating_mul(late.saturating_add(1)));
            }
            let idle = recorders.look();
            let next = [next_snapshot, end].into_iter().flatten().min();
            let rest = next.map_or(idle, |next| next.saturating_duration_since(now).min(idle));
            let Some(arrived) = signals.wait(rest) else { continue };
            match arrived.signal {
                Signal::SIGCHLD if is_own && is_traced => watch::reap_adopted(&[waited.pid, sentinel.pid()]),
                Signal::SIGCHLD => {}
                Signal::SIGUSR1 => snapshot(&recorders.sampling),
                Signal::SIGINT | Signal::SIGTERM | Signal::SIGHUP if !is_own => return Ok(Status::Exited(0)),
                // What comes from the terminal has come to the whole group, and the sentinel has seen it: it is to forget that.
                signal if is_own && !sentinel.saw(signal) && arrived.by_process => waited.signal(signal),
                _ => {}
            }
        }
    }
}

fn start(
    command: &[OsString],
    variables: &[(OsString, OsString)],
    (signals, files): (&Signals, &Files),
) -> Result<Child, RecordError> {
    let (program, arguments) = command.split_first().ok_or_else(|| RecordError::Command {
        command: String::new(),
        reason: std::io::Error::other("there is no command"),
    })?;
    let mut child = Command::new(program);
    child.args(arguments).envs(variables.iter().cloned());
    let (signals, files) = (signals.before(), files.before());
    // SAFETY: between fork and exec, this makes a few system calls.
    unsafe {
        child.pre_exec(move || {
            files.set();
            signals.set()
        });
    }
    let command = || program.to_string_lossy().into_owned();
    child.spawn().map_err(|reason| RecordError::Command { command: command(), reason })
}
