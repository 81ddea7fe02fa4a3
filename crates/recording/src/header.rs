//! The file `recording`: what makes a folder a recording, and what is known before anything is recorded. And how the others of
//! the folder are called.
//!
//! Its first line is [`FIRST_LINE`]; each further one is a key, a tab and a value with the escapes of
//! [`journal`](crate::journal). Keys that a reader does not know are left alone.
//!
//! | key | value |
//! |---|---|
//! | `profkit` | version of the recorder |
//! | `kind` | `trace` or `sample` |
//! | `start_ns` | when it began, nanoseconds since 1970 |
//! | `command` | the command with a NUL after each argument |
//! | `host` | name of the machine |

use std::io::ErrorKind;
use std::path::Path;

use crate::trace;

/// The name of the file.
pub const FILE: &str = "recording";

/// The first line, newline included; the number is the version of the folder's shape.
pub const FIRST_LINE: &str = "profkit recording 1\n";

/// The extension of the folder.
pub const FOLDER_EXTENSION: &str = "recording";

/// The name of a file of a process: by its number, its start in clock ticks since boot, and how many it had before.
#[must_use]
pub fn file_name(pid: u32, start: u64, number: u32, extension: &str) -> String {
    format!("{pid}-{start}-{number}.{extension}")
}

/// The process, by its number and its start, in the name of a trace file.
#[must_use]
pub fn process_of(name: &str) -> Option<(u32, u64)> {
    let mut parts = name.strip_suffix(trace::EXTENSION)?.strip_suffix('.')?.split('-');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Whether the recording in a folder may be the one that began then: one that cannot be read may be. By the time that a daemon
/// of an earlier recording asks, the folder of this path may be gone, or belong to another.
#[must_use]
pub fn is_of(folder: &Path, start_ns: u64) -> bool {
    let line = format!("start_ns\t{start_ns}");
    match std::fs::read_to_string(folder.join(FILE)) {
        Ok(text) => text.lines().any(|other| other == line),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream;

    #[test]
    fn a_file_tells_its_process() {
        let names = [trace::EXTENSION, stream::EXTENSION].map(|extension| file_name(17, 99, 2, extension));
        assert_eq!(names, ["17-99-2.trace", "17-99-2.samples"]);
        assert_eq!(names.each_ref().map(|name| process_of(name)), [Some((17, 99)), None]);
        assert_eq!(process_of("processes"), None);
    }

    #[test]
    fn a_recording_is_told_by_its_begin() {
        let folder = std::env::temp_dir().join(format!("profkit-header-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        assert!(!is_of(&folder, 17), "there is none");
        std::fs::write(folder.join(FILE), format!("{FIRST_LINE}kind\ttrace\nstart_ns\t17\n")).unwrap();
        assert!(is_of(&folder, 17) && !is_of(&folder, 1) && !is_of(&folder, 170));
        std::fs::remove_file(folder.join(FILE)).unwrap();
        // A folder cannot be read as a file.
        std::fs::create_dir(folder.join(FILE)).unwrap();
        assert!(is_of(&folder, 17));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
