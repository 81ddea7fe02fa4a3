//! profkit's agent: it lives in a Python process and keeps the call tree of every thread in a file that the kernel has.
//!
//! One file serves CPython 3.9 to 3.15: what is used of the stable ABI is linked, the rest is looked up by name when the agent
//! starts, and the few fields of objects that are read directly are compared with known objects first.
//!
//! | version | events come from | in |
//! |---|---|---|
//! | 3.12 and later | `sys.monitoring` | `monitoring` |
//! | 3.9 to 3.11 | the C profile hook, armed in each thread by the frame evaluation hook | `profile_hook` |
//!
//! The agent never prints, raises nothing into the program, and runs no code of the program's.

// Nearly everything here is a call of C or a pointer from it, under the one condition that the GIL is held; blocks around
// each of them would say the same thing hundreds of times.
#![allow(unsafe_op_in_unsafe_fn, clippy::missing_safety_doc)]
// Hashes, tags and offsets are cut on purpose; nothing here is read from a file.
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod clock;
mod cost;
mod fork;
mod functions;
mod greenlets;
mod interpreters;
mod monitoring;
mod options;
mod process;
mod profile_hook;
mod python;
mod qualnames;
mod setprofile;
mod start;
mod suspension;
mod tasks;
mod thread;
mod tree;

pub(crate) use start::disarm;
pub use start::{PyInit_profkit_tracer, profkit_tracer_limit, profkit_tracer_start};
