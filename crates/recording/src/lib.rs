//! What profkit's recorders leave on disk while they run.
//!
//! A recording is a folder. Every process that is traced writes a file of its own into it, and the kernel keeps what was
//! written however the process ends; so there is no dump step that could be missed.
//!
//! | file | written by | how |
//! |---|---|---|
//! | `recording` | `profkit record` | once, at the start: [`header`](mod@header) |
//! | `processes` | everyone | appended, a line an event: [`journal`] |
//! | `<pid>-<start>-<n>.trace` | the tracer in that process | through mapped memory: [`trace`] |
//! | `*.samples` | the sampler | appended, ten times a second: [`stream`] |
//!
//! `<start>` is the start time of the process in clock ticks since boot (`/proc/PID/stat`, field 22), since a pid may come
//! again; `<n>` counts the programs that it ran (`execve`).

mod backing;
pub mod carrier;
pub mod header;
pub mod journal;
pub mod stat;
pub mod stream;
pub mod trace;
pub mod trace_writer;
