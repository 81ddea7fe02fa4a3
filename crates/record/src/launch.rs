//! Runs the command and stays out of its way.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::agent::Trace;
use crate::error::RecordError;
use crate::folder::Folder;
use crate::sentinel::Sentinel;
use crate::signals::Signals;
use crate::status::Status;
use crate::tsc::Measurement;

/// A command to be recorded.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// The folder to make.
    pub folder: PathBuf,
    /// How to trace.
    pub trace: Trace,
    /// A snapshot each time that this has passed.
    pub every: Option<Duration>,
    /// The program is asked to end (SIGTERM) after this time.
    pub duration: Option<Duration>,
}

/// What the caller may act upon while the command runs.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// It is time for a snapshot of this recording.
    Snapshot(&'a std::path::Path),
}

/// A command that has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// How.
    pub status: Status,
    /// The recording, complete but for processes that still run.
    pub folder: PathBuf,
    /// How many recorded processes still run.
    pub running: usize,
    /// From start to end.
    pub took: Duration,
}

/// How long workers may take to end after the command has.
const STRAGGLERS: Duration = Duration::from_millis(500);

impl Launch {
    /// Runs the command to its end. Standard input and output and the terminal are the command's.
    ///
    /// # Errors
    /// Where the recording or the command cannot be started; then there is no folder.
    pub fn run(&self, on_event: &mut dyn FnMut(Event<'_>)) -> Result<Ended, RecordError> {
        let measurement = Measurement::begin();
        let system = |what| move |error| RecordError::System(what, error);
        let signals = Signals::block().map_err(system("signals"))?;
        let mut sentinel =
            Sentinel::start(Signals::passed_on()).map_err(system("a process that watches signals"))?;
        let folder = Folder::create(&self.folder, "trace", &self.command)?;
        let begin = Instant::now();
        let child = self.start(&folder, measurement.finish(), &signals);
        let mut child = child.inspect_err(|_| {
            let _ = std::fs::remove_dir_all(&folder.path);
        })?;
        let status = self.wait(&mut child, &signals, &mut sentinel, &folder, on_event)?;
        let took = begin.elapsed();
        let end = Instant::now() + STRAGGLERS;
        let mut running = folder.running();
        while running > 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
            running = folder.running();
        }
        Ok(Ended { status, folder: folder.path, running, took })
    }

    fn start(&self, folder: &Folder, tsc_hz: Option<f64>, signals: &Signals) -> Result<Child, RecordError> {
        let (program, arguments) = self.command.split_first().ok_or_else(|| RecordError::Command {
            command: String::new(),
            reason: std::io::Error::other("there is no command"),
        })?;
        let mut command = Command::new(program);
        command.args(arguments).envs(self.trace.variables(&folder.path, tsc_hz));
        let mask = signals.before();
        // SAFETY: between fork and exec, this makes one system call.
        unsafe {
            command.pre_exec(move || Ok(mask.thread_set_mask()?));
        }
        command.spawn().map_err(|reason| RecordError::Command {
            command: program.to_string_lossy().into_owned(),
            reason,
        })
    }

    fn wait(
        &self,
        child: &mut Child,
        signals: &Signals,
        sentinel: &mut Sentinel,
        folder: &Folder,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Status, RecordError> {
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
        let begin = Instant::now();
        let mut next_snapshot = self.every.map(|every| begin + every);
        let mut end = self.duration.map(|duration| begin + duration);
        loop {
            let ended =
                child.try_wait().map_err(|error| RecordError::System("waiting for the command", error))?;
            if let Some(status) = ended {
                return Ok(Status::of(status));
            }
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                end = None;
                let _ = kill(pid, Signal::SIGTERM);
            }
            if let (Some(next), Some(every)) = (next_snapshot, self.every)
                && now >= next
            {
                on_event(Event::Snapshot(&folder.path));
                // Those that were missed while one was written are not made up for.
                let late = u32::try_from((now - next).as_nanos() / every.as_nanos().max(1)).unwrap_or(0);
                next_snapshot = Some(next + every * (late + 1));
            }
            let next = [next_snapshot, end].into_iter().flatten().min();
            let rest = next.map_or(Duration::from_secs(3600), |next| next.saturating_duration_since(now));
            let Some(arrived) = signals.wait(rest) else { continue };
            match arrived.signal {
                Signal::SIGCHLD => {}
                Signal::SIGUSR1 => on_event(Event::Snapshot(&folder.path)),
                // What comes from the terminal has come to the whole group.
                signal if arrived.by_process && !sentinel.saw(signal) => {
                    let _ = kill(pid, signal);
                }
                _ => {}
            }
        }
    }
}
