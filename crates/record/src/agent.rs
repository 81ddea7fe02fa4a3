//! The tracer: where its files are, and what it is told.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use profkit_recording::carrier;
use profkit_recording::journal::escape;

use crate::error::RecordError;
use crate::folder::Folder;

/// The object that every program below the command loads, and the tracer that it brings into Pythons.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agent {
    preload: PathBuf,
    tracer: PathBuf,
}

pub(crate) const PRELOAD: &str = "libprofkit_preload.so";
const TRACER: &str = "libprofkit_tracer.so";

impl Agent {
    /// Looks beside this program: where cargo puts it, and `lib/profkit` beside a `bin`.
    ///
    /// # Errors
    /// Where a file is not there.
    pub fn find() -> Result<Self, RecordError> {
        let program =
            std::env::current_exe().map_err(|error| RecordError::System("this program's path", error))?;
        let folder = program.parent().unwrap_or(Path::new("/"));
        let folders = [folder.to_owned(), folder.join("../lib/profkit"), folder.join("..")];
        Self::find_in(&folders)
    }

    /// Looks in these folders, the first one that has a file wins.
    ///
    /// # Errors
    /// Where a file is in none.
    pub fn find_in(folders: &[PathBuf]) -> Result<Self, RecordError> {
        let find = |name: &'static str| {
            let mut found = folders.iter().map(|folder| folder.join(name)).filter(|path| path.is_file());
            let folder = || folders.first().cloned().unwrap_or_default();
            found
                .find_map(|path| path.canonicalize().ok())
                .ok_or_else(|| RecordError::NoAgent { name, folder: folder() })
        };
        Ok(Self { preload: find(PRELOAD)?, tracer: find(TRACER)? })
    }
}

/// What time is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Clock {
    /// Wall time.
    #[default]
    Wall,
    /// CPU time of the thread.
    Cpu,
}

/// How to trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// Where the tracer is.
    pub agent: Agent,
    /// What time is.
    pub clock: Clock,
    /// Functions in C as well.
    pub builtins: bool,
    /// The tracer's own time is subtracted.
    pub compensate: bool,
}

impl Trace {
    /// The variables that carry the recording into the command and all below it.
    pub(crate) fn variables(&self, folder: &Folder, tsc_hz: Option<f64>) -> [(OsString, OsString); 2] {
        let mut text = String::new();
        let mut line = |key: &str, value: &[u8]| {
            let _ = writeln!(text, "{key}\t{}", escape(value));
        };
        line("folder", folder.path.as_os_str().as_bytes());
        line("start_ns", folder.start_ns.to_string().as_bytes());
        line("preload", self.agent.preload.as_os_str().as_bytes());
        line("tracer", self.agent.tracer.as_os_str().as_bytes());
        line("clock", if self.clock == Clock::Cpu { b"cpu" } else { b"wall" });
        line("builtins", if self.builtins { b"1" } else { b"0" });
        line("compensate", if self.compensate { b"1" } else { b"0" });
        if let Some(hz) = tsc_hz {
            line("tsc_hz", hz.to_string().as_bytes());
        }
        let mut preload = self.agent.preload.clone().into_os_string();
        if let Some(theirs) = std::env::var_os("LD_PRELOAD").filter(|theirs| !theirs.is_empty()) {
            preload.push(":");
            preload.push(theirs);
        }
        [("LD_PRELOAD".into(), preload), (carrier::VARIABLE.into(), text.into())]
    }
}
