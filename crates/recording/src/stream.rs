//! A sample stream: what a sampler saw, in the order of time, appended while it runs.
//!
//! ```text
//! "pk-sampl" | u32 version | block | block | …      a block: u32 length, u32 checksum (FNV-1a), then records (little endian)
//! ```
//!
//! Blocks are appended whole, at least ten times a second. A killed sampler, or a full disk, leaves a torn block at the end at
//! most, which length and checksum tell. Records are a byte that says their kind, then LEB128 numbers. Texts, functions, frames,
//! stacks, processes and threads are numbered from 1 in the order in which they come; 0 is none.
//!
//! | kind | numbers |
//! |---|---|
//! | [`kind::TEXT`] | length; then as many bytes |
//! | [`kind::FUNCTION`] | text of the name, text of the file, first line |
//! | [`kind::FRAME`] | function, line that runs (0: unknown) |
//! | [`kind::STACK`] | stack below, frame on top |
//! | [`kind::PROCESS`] | pid, start in clock ticks since boot, `PY_VERSION_HEX` (0: unknown) with [`FREE_THREADED`], text of the command line; without threads it ended before it was sampled |
//! | [`kind::THREAD`] | process, tid, nanoseconds since the stream's beginning |
//! | [`kind::NAME`] | thread, text: the thread's name from now on, and the better one for what was |
//! | [`kind::COUNTER`] | a [`counter`], its value so far |
//! | [`kind::BEGIN`] | nanoseconds since 1970, nanoseconds between samples (0: as fast as possible) |
//! | [`kind::REFUSED`] | pid, text of the command line, text of the reason |
//! | [`kind::END`] | nanoseconds since the beginning: the sampler ended in order |
//! | from [`kind::SAMPLE`] | a sample, see [`sample`] |
//!
//! Samples of a thread follow each other in time: their `wall` adds up from the beginning that the thread's record tells. A
//! sample of stack 0 is time without Python.

mod records;
mod writer;

pub use records::{Malformed, Record, Records, block};
pub use writer::{Sample, Writer};

/// The first bytes of a stream.
pub const MAGIC: [u8; 8] = *b"pk-sampl";
/// The version of this shape. Readers refuse others.
pub const VERSION: u32 = 1;
/// Added to the `PY_VERSION_HEX` of a Python that was built to run without the GIL.
pub const FREE_THREADED: u64 = 1 << 32;
/// What is said of a process of [`kind::REFUSED`], before a colon and the reason.
pub const NOT_SAMPLED: &str = "was not sampled";
/// Bytes before the first block.
pub const HEADER: usize = 12;
/// Bytes before the records of a block.
pub const BLOCK_HEADER: usize = 8;
/// The most bytes of records in a block.
pub const MAX_BLOCK: usize = 64 << 10;
/// The extension of a stream's file.
pub const EXTENSION: &str = "samples";

/// Name and unit of each value of a sample.
pub const VALUES: [(&str, &str); 5] = [
    ("samples", "count"),
    ("wall", "nanoseconds"),
    ("cpu", "nanoseconds"),
    ("gil", "nanoseconds"),
    ("gil_wait", "nanoseconds"),
];

/// What a record's first byte says.
pub mod kind {
    /// A text.
    pub const TEXT: u8 = 1;
    /// A function.
    pub const FUNCTION: u8 = 2;
    /// A function at a line.
    pub const FRAME: u8 = 3;
    /// A frame on a stack.
    pub const STACK: u8 = 4;
    /// A process.
    pub const PROCESS: u8 = 5;
    /// A thread.
    pub const THREAD: u8 = 6;
    /// A thread's name.
    pub const NAME: u8 = 7;
    /// What is covered.
    pub const COUNTER: u8 = 8;
    /// The beginning.
    pub const BEGIN: u8 = 9;
    /// The end.
    pub const END: u8 = 10;
    /// A process that could not be sampled.
    pub const REFUSED: u8 = 11;
    /// A sample: this bit, and those of [`sample`](super::sample).
    pub const SAMPLE: u8 = 0x80;
}

/// The lower bits of a sample's first byte: which numbers follow, in this order; the stack always comes first.
pub mod sample {
    /// The thread; else that of the sample before.
    pub const THREAD: u8 = 1;
    /// How many equal samples in a row; else 1.
    pub const COUNT: u8 = 2;
    /// Nanoseconds of wall time; else as many as the sample before.
    pub const WALL: u8 = 4;
    /// Nanoseconds on a processor; else 0, or all of the wall time if [`ALL_CPU`].
    pub const CPU: u8 = 8;
    /// All of the wall time was spent on a processor.
    pub const ALL_CPU: u8 = 16;
    /// All of the wall time, the lock of the interpreter was held.
    pub const ALL_GIL: u8 = 32;
    /// Nanoseconds of holding the lock, nanoseconds of waiting for it; else 0 but for [`ALL_GIL`].
    pub const GIL: u8 = 64;
}

/// What [`kind::COUNTER`] counts; each is the sum so far.
pub mod counter {
    /// Moments at which every thread was to be sampled.
    pub const ASKED: u64 = 1;
    /// Moments at which they were.
    pub const TAKEN: u64 = 2;
    /// Moments that passed before the sampler came to them.
    pub const MISSED: u64 = 3;
    /// Stacks that were read (threads that cannot have run since are not read again).
    pub const READ: u64 = 4;
    /// Stacks of which inner frames were left out, since they were not of the same moment.
    pub const CUT: u64 = 5;
    /// Stacks that could not be read.
    pub const FAILED: u64 = 6;
    /// Processes that were given to the sampler.
    pub const PROCESSES_SEEN: u64 = 7;
    /// Processes of which there are samples.
    pub const PROCESSES_SAMPLED: u64 = 8;
    /// Threads that the operating system had in sampled processes.
    pub const THREADS_SEEN: u64 = 9;
    /// Threads with a Python thread state, which were sampled.
    pub const THREADS_SAMPLED: u64 = 10;
    /// Nanoseconds between an asked moment and the sample, summed.
    pub const LATENESS: u64 = 11;
    /// Nanoseconds between two readings of a thread's processor time at least: samples between share what was used.
    pub const CPU_INTERVAL: u64 = 12;
    /// Stacks in which an asyncio task ran, if who awaits it was asked for.
    pub const CHAINS: u64 = 13;
    /// Stacks of an asyncio task whose awaiters were not all found.
    pub const CHAINS_CUT: u64 = 14;
    /// Nanoseconds for which threads of a process were stopped to be read, summed over processes.
    pub const STOPPED: u64 = 15;
    /// Nanoseconds between two looks at an interpreter's lock at least.
    pub const LOCK_INTERVAL: u64 = 16;
    /// Stacks that were read from the processor that their thread was to run on, so that it stood.
    pub const SEATED: u64 = 17;
    /// Nanoseconds for which the sampler was on such a processor.
    pub const SEATED_TIME: u64 = 18;
}

/// The checksum of a block's records.
#[must_use]
pub fn checksum(records: &[u8]) -> u32 {
    records.iter().fold(0x811c_9dc5, |sum, &byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
