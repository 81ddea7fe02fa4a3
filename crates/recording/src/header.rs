//! The file `recording`: what makes a folder a recording, and what is known before anything is recorded.
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

use std::path::Path;

/// The name of the file.
pub const FILE: &str = "recording";

/// The first line, newline included; the number is the version of the folder's shape.
pub const FIRST_LINE: &str = "profkit recording 1\n";

/// The extension of the folder.
pub const FOLDER_EXTENSION: &str = "recording";

/// Whether the recording in a folder is the one that began then. By the time that a daemon of an earlier recording asks, the
/// folder of this path may belong to another.
#[must_use]
pub fn is_of(folder: &Path, start_ns: u64) -> bool {
    let line = format!("start_ns\t{start_ns}");
    std::fs::read_to_string(folder.join(FILE)).is_ok_and(|text| text.lines().any(|other| other == line))
}
