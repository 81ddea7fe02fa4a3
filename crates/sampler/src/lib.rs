//! Reads the Python stacks of other processes, CPython 3.8 to 3.15 (free-threaded builds, too) on Linux, without any code in them, and samples them at a steady
//! rate into a stream on disk.
//!
//! | module | what it knows |
//! |---|---|
//! | [`binary`], [`maps`], [`interpreter`] | which mapped file is the interpreter, and where its runtime lies |
//! | [`layout`], `debug_offsets`, [`version`] | where fields are, by version |
//! | `stack`, `linked`, `regions` | reading one thread's frames in one call: data stack (3.11 and later), frame objects |
//! | `resolver`, [`names`], `code`, [`lines`] | naming frames, and telling stacks of one moment from torn ones |
//! | [`asyncio`], `dicts` | who awaits the task that runs |
//! | `process`, `thread`, `gil`, [`proc_stat`] | which threads can have run, who has the lock, processor time |
//! | [`seat`] | reading from the target's own processor, where it stands meanwhile |
//! | `pause` | stopping threads while they are read, for those who want it |
//! | [`session`], [`coverage`] | the loop, and what it has covered |
//! | [`mod@dump`] | every stack once |
//!
//! ```no_run
//! use std::sync::mpsc::channel;
//! use profkit_sampler::session::{Command, Options, Session};
//!
//! let mut session = Session::new("app.samples".as_ref(), Options::default())?;
//! session.add_process(4711)?;
//! let (commands, orders) = channel();
//! let sampling = std::thread::spawn(move || session.run(None, &orders));
//! // …
//! commands.send(Command::Stop)?;
//! # sampling.join().ok();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is believed
//!
//! The target runs on while it is read, so a reading may have the inner frames of one moment on the outer frames of another. Never
//! is a reading dropped or taken again for that: it would prefer states that stand still. Instead:
//!
//! * Frames of the data stack are contiguous: the size of a frame tells where its callee must begin.
//! * The thread state is read before and after the data stack, and at the end; where it did not change, neighbours on the data
//!   stack are certain. Frames elsewhere are not: those of another call often come to lie at the same addresses.
//! * Every other pair of caller and callee must be one that was seen to be certain, or twice in a row, and not just by mistake: it is
//!   a good part of what its caller does, or of the calls of its callee (`calls`). The stack is cut at the first that is not, and
//!   counted. A caller that has run on after its callee returned is put back to the call.
//! * What is read from the target's own processor stands still ([`seat`]): all of it is of one moment, and calls are learned from it
//!   for certain. Two functions that are well known by then and were never seen together are not believed from elsewhere.
//! * Where an entry frame on the C stack is gone before it is read, the frame below is the one that ends where the callee begins.
//! * Nothing of a stack is touched before the reading that counts: see `process`.

pub mod asyncio;
pub mod binary;
mod calls;
pub mod clock;
mod code;
mod copies;
pub mod coverage;
mod data_stack;
mod debug_offsets;
mod dicts;
pub mod dump;
mod ended;
mod gil;
pub mod interpreter;
pub mod layout;
pub mod lines;
mod linked;
pub mod maps;
pub mod names;
mod objects;
mod pause;
mod pending;
pub mod proc_stat;
mod process;
pub mod reader;
pub mod reading;
pub mod refusal;
mod regions;
pub mod remote;
mod resolver;
mod rest;
pub mod seat;
pub mod session;
mod stack;
mod thread;
mod thread_names;
pub mod threads;
pub mod tree;
pub mod version;
