//! The folder of a recording, and which of its processes still run.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use profkit_recording::header::{self, process_of};
use profkit_recording::journal;
use profkit_recording::trace_writer::FIRST_STEP;

use crate::error::RecordError;
use crate::process::still_runs;

/// The folder of a recording.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Absolute: processes below the command have folders of their own.
    pub(crate) path: PathBuf,
    /// When the recording began, nanoseconds since 1970.
    pub(crate) start_ns: u64,
}

impl Folder {
    /// Makes it; one that is there already belongs to another recording.
    pub(crate) fn create(path: &Path, kind: &str, command: &[OsString]) -> Result<Self, RecordError> {
        let failed = |error: io::Error| {
            let reason = if error.kind() == io::ErrorKind::AlreadyExists {
                "it exists: it may be a recording that goes on, or one that was cut off and can be read; remove it, or \
                 give -o another name"
                    .to_owned()
            } else {
                error.to_string()
            };
            RecordError::Folder { path: path.to_owned(), reason }
        };
        fs::create_dir(path).map_err(failed)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let start_ns = u64::try_from(now).unwrap_or(0);
        let folder = Self { path: path.canonicalize().map_err(failed)?, start_ns };
        folder.write_header(kind, command).map_err(|error| {
            let _ = fs::remove_dir_all(&folder.path);
            failed(error)
        })?;
        Ok(folder)
    }

    fn write_header(&self, kind: &str, command: &[OsString]) -> io::Result<()> {
        let host = nix::unistd::gethostname().unwrap_or_default();
        let command: Vec<u8> = command.iter().flat_map(|part| [part.as_bytes(), b"\0"].concat()).collect();
        // The journal is there before anyone writes to it.
        let journal = fs::File::create(self.path.join(journal::FILE))?;
        if nix::unistd::geteuid().is_root() {
            // A process that becomes another user can make no file here, but it can say so.
            journal.set_permissions(fs::Permissions::from_mode(0o666))?;
        }
        let mut file = fs::File::create(self.path.join(header::FILE))?;
        write!(file, "{}profkit\t{}\nkind\t{kind}\n", header::FIRST_LINE, env!("CARGO_PKG_VERSION"))?;
        let (command, host) = (journal::escape(&command), journal::escape(host.as_bytes()));
        write!(file, "start_ns\t{}\ncommand\t{command}\nhost\t{host}\n", self.start_ns)
    }

    /// How many of the recorded processes still run.
    pub(crate) fn running(&self) -> usize {
        let Ok(entries) = fs::read_dir(&self.path) else { return 0 };
        let mut processes: Vec<(u32, u64)> =
            entries.filter_map(|entry| process_of(entry.ok()?.file_name().to_str()?)).collect();
        processes.sort_unstable();
        processes.dedup();
        processes.into_iter().filter(|&(pid, start)| still_runs(pid, start)).count()
    }
}

/// Why a process could not begin a file in this folder, if it is for want of room.
pub(crate) fn no_room(folder: &Path) -> Option<Errno> {
    let path = folder.join("room");
    let file = fs::File::create(&path).ok()?;
    let length = i64::try_from(FIRST_STEP).unwrap_or(i64::MAX);
    let tried = fallocate(&file, FallocateFlags::empty(), 0, length);
    let _ = fs::remove_file(path);
    tried.err().filter(|error| matches!(error, Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::start_ticks;

    #[test]
    fn a_process_that_becomes_another_user_can_say_so() {
        let within = tempfile::TempDir::new().unwrap();
        let folder = Folder::create(&within.path().join("a.recording"), "trace", &[]).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        let is_root = nix::unistd::geteuid().is_root();
        assert_eq!(mode(&folder.path.join(journal::FILE)) & 0o022 == 0o022, is_root);
        assert_eq!(mode(&folder.path) & 0o022, 0);
    }

    #[test]
    fn this_process_runs_and_another_of_its_pid_does_not() {
        let pid = std::process::id();
        let start = start_ticks(pid).unwrap();
        assert!(start > 0);
        assert_eq!(start_ticks(u32::MAX), None);
    }
}
