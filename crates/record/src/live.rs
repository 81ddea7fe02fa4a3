//! A program that is watched while it runs, by someone who looks at it in the same terminal: the samples go to a place in this
//! process, and nothing is left behind.
//!
//! Unlike a recorded program, one that is started here does not have the terminal: its standard input is empty, its output
//! comes to the caller, and it lives in a session of its own, so that it cannot ask the terminal behind the caller's back.

use std::ffi::OsString;
use std::io::{self, PipeReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use profkit_recording::stream::Writer;
use profkit_sampler::refusal::Refusal;

use crate::error::RecordError;
use crate::files::Files;
use crate::launch::Target;
use crate::process::{Process, start_ticks, still_runs};
use crate::sampling::{Sample, Sampling};
use crate::status::Status;
use crate::watch;

/// A program that is watched.
pub struct Live {
    pid: u32,
    start: Option<u64>,
    child: Option<Child>,
    output: Option<PipeReader>,
    sampling: Option<Sampling>,
    _files: Files,
}

impl Live {
    /// Starts to watch. `sink` gets a sample stream: its header and then each block in one call, from another thread, ten
    /// times a second or more often.
    ///
    /// # Errors
    /// Where the command cannot be started, or the process may not be read.
    pub fn start(target: &Target, sample: Sample, sink: Box<dyn Write + Send>) -> Result<Self, RecordError> {
        let system = |error| RecordError::System("the sampler", error);
        let stream = Writer::to(sink).map_err(system)?;
        let files = Files::raise();
        let mut live = match target {
            Target::Command(command) => {
                if sample.subprocesses {
                    watch::adopt();
                }
                Self::launch(command, files)?
            }
            Target::Process(pid) => {
                let start = start_ticks(*pid);
                Self { pid: *pid, start, child: None, output: None, sampling: None, _files: files }
            }
        };
        let (sampling, first) =
            Sampling::start(stream, live.pid, sample, Vec::new(), live.child.is_some(), (None, None))
                .map_err(system)?;
        let has_others = sampling.processes().any(|process| process.pid != live.pid);
        live.sampling = Some(sampling);
        match first {
            // It may be the shell or the server above some Pythons.
            Err(Refusal::NotPython { .. }) if sample.subprocesses && has_others => Ok(live),
            Err(refusal) if live.child.is_none() && !matches!(refusal, Refusal::NotYet) => {
                Err(RecordError::Refused(live.pid, refusal))
            }
            _ => Ok(live),
        }
    }

    fn launch(command: &[OsString], files: Files) -> Result<Self, RecordError> {
        let failed = |reason| RecordError::Command {
            command: command
                .first()
                .map(|program| program.to_string_lossy().into_owned())
                .unwrap_or_default(),
            reason,
        };
        let (program, arguments) =
            command.split_first().ok_or_else(|| failed(io::Error::other("there is no command")))?;
        let (output, writer) = io::pipe().map_err(failed)?;
        let errors = writer.try_clone().map_err(failed)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(writer).stderr(errors);
        let before = files.before();
        // SAFETY: between fork and exec, this makes three system calls.
        unsafe {
            command.pre_exec(move || {
                before.set();
                nix::unistd::setsid()?;
                // Whoever watches may be killed: the program could not print any more.
                Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)?)
            });
        }
        let child = command.spawn().map_err(failed)?;
        let pid = child.id();
        let (start, child, output) = (start_ticks(pid), Some(child), Some(output));
        Ok(Self { pid, start, child, output, sampling: None, _files: files })
    }

    /// The first process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What a program that was started here prints, both streams; once.
    pub fn take_output(&mut self) -> Option<PipeReader> {
        self.output.take()
    }

    /// Looks for processes that came and went: to be called often, since some live for 20 ms.
    pub fn look(&mut self) {
        if let Some(sampling) = &mut self.sampling {
            sampling.look();
        }
    }

    /// The processes that run, as far as it is known.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.sampling.iter().flat_map(Sampling::processes)
    }

    /// Whether the sampler is at work: not if it could not go on.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        self.sampling.as_ref().is_some_and(Sampling::is_at_work)
    }

    /// How the first process ended; one that was not started here counts as one that ended well. `None` while it runs.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn ended(&mut self) -> Result<Option<Status>, RecordError> {
        let Some(child) = &mut self.child else {
            let runs = self.start.is_some_and(|start| still_runs(self.pid, start));
            return Ok((!runs).then_some(Status::Exited(0)));
        };
        let status = child.try_wait();
        Ok(status.map_err(|error| RecordError::System("waiting for the command", error))?.map(Status::of))
    }

    /// Ends the watching. A program that was started here is asked to end (SIGTERM), and killed if it does not.
    pub fn stop(mut self, patience: Duration) {
        self.end(patience);
    }

    fn end(&mut self, patience: Duration) {
        if let Some(sampling) = self.sampling.take() {
            sampling.stop();
        }
        let Some(mut child) = self.child.take() else { return };
        // What it left behind when it ended by itself is its own business.
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        let end = Instant::now() + patience;
        self.signal(Signal::SIGTERM);
        while matches!(child.try_wait(), Ok(None)) {
            if Instant::now() >= end {
                self.signal(Signal::SIGKILL);
                let _ = child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// To all processes of its session that did not leave its group.
    fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.pid) {
            let _ = kill(Pid::from_raw(-pid), signal);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end(Duration::from_millis(100));
    }
}
