//! A trace file: the calling-context trees of the threads of one process, kept by plain stores into mapped memory.
//!
//! ```text
//! header (one chunk) | chunk | chunk | …        a chunk: 32 bytes of ChunkHeader, then records
//! ```
//!
//! Chunks hold nodes, threads or texts, and are filled from the front; `used` is raised (release) after a record is
//! whole, so a reader who looks at any moment sees whole records. All numbers are in the byte order of the machine;
//! records begin at multiples of 8 bytes. **Ids of nodes and threads are their offset in the file divided by 8**, 0 is none.
//!
//! Time is kept as self time only: at each event, what has passed since the last one is added to the node that the thread
//! is in. A thread's state is therefore two words, `current` and `last`; nothing is pending when a process is killed,
//! and Σ self is what has passed until the last event. Totals are sums over subtrees, made by the reader.

use core::mem::{offset_of, size_of};
use core::sync::atomic::{AtomicU32, AtomicU64};

/// The first bytes of a trace file.
pub const MAGIC: [u8; 8] = *b"pk-trace";
/// The version of this shape. Readers refuse others.
pub const VERSION: u32 = 1;
/// The size of a chunk, and of the header, in bytes.
pub const CHUNK: usize = 4096;

/// The begin of the file.
#[repr(C)]
#[derive(Debug)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`VERSION`].
    pub version: u32,
    /// What the process was doing at last, a [`state`].
    pub state: AtomicU32,
    /// The process.
    pub pid: u32,
    /// Its parent when the file was made.
    pub parent: u32,
    /// Start of the process in clock ticks since boot.
    pub start_ticks: u64,
    /// When the file was made: nanoseconds since 1970.
    pub created_ns: u64,
    /// Bytes of the file that chunks take, header included.
    pub used: AtomicU64,
    /// Which clock `self_time` follows, a [`clock`].
    pub clock: u32,
    /// The interpreter's version as `PY_VERSION_HEX` has it.
    pub python: u32,
    /// Units a second of `self_time`, as the bits of an `f64`.
    pub self_hz: AtomicU64,
    /// Units a second of `first`, `last` and `await_time`, as the bits of an `f64`.
    pub wall_hz: AtomicU64,
    /// Units of `self_time` that the recorder itself takes at entering and leaving a Python function, then a C function:
    /// measured at the start. Inside the callee, outside of it (in the caller) for each.
    pub cost: [AtomicU32; 4],
    /// 1 if the reader is to subtract `cost`.
    pub compensate: u32,
    /// Subinterpreters that were seen and not traced.
    pub interpreters_missed: AtomicU32,
    /// Threads that were seen and not traced.
    pub threads_missed: AtomicU32,
    /// Why the file could not grow, if it could not: a number of the operating system's, 0 if it is not known.
    pub error: AtomicU32,
    /// Events that could not be kept: the file could not grow, or a table was at its end.
    pub events_lost: AtomicU64,
    /// Forked children that could reach neither the recording nor its journal.
    pub children_missed: AtomicU32,
    /// For the future.
    pub reserved: u32,
}

/// The extension of a trace's file.
pub const EXTENSION: &str = "trace";

/// Values of [`Header::state`].
pub mod state {
    /// It runs, or was ended from outside.
    pub const RUNNING: u32 = 0;
    /// The interpreter ended in order.
    pub const ENDED: u32 = 1;
    /// The file could not grow: tracing stopped, the program went on.
    pub const NO_ROOM: u32 = 2;
    /// A table was at its end (32 GiB, address space): tracing stopped.
    pub const TABLE_FULL: u32 = 3;
}

/// Values of [`Header::clock`].
pub mod clock {
    /// Wall time.
    pub const WALL: u32 = 0;
    /// CPU time of the thread.
    pub const CPU: u32 = 1;
}

/// Name and unit of each value that a trace by this [`clock`] has: the second is its time.
#[must_use]
pub const fn values(clock: u32) -> [(&'static str, &'static str); 3] {
    let time = if clock == clock::CPU { "cpu" } else { "wall" };
    [("calls", "count"), (time, "nanoseconds"), ("await", "nanoseconds")]
}

/// The begin of every chunk.
#[repr(C)]
#[derive(Debug)]
pub struct ChunkHeader {
    /// What is in it: a [`kind`].
    pub kind: AtomicU32,
    /// How many chunks it spans: more than one for texts that need it.
    pub span: u32,
    /// Bytes of whole records after this header.
    pub used: AtomicU32,
    /// For the future.
    pub reserved: [u32; 5],
}

/// Values of [`ChunkHeader::kind`].
pub mod kind {
    /// Not yet in use.
    pub const FREE: u32 = 0;
    /// [`Node`](super::Node)s of any thread.
    pub const NODES: u32 = 1;
    /// [`Thread`](super::Thread)s.
    pub const THREADS: u32 = 2;
    /// [`Text`](super::Text)s.
    pub const TEXTS: u32 = 3;
}

/// A function in the context of its callers.
#[repr(C)]
#[derive(Debug)]
pub struct Node {
    /// Which function: the `id` of its text; 0 for the root of a thread.
    pub function: u32,
    /// The node of its caller; for a root the id of its [`Thread`].
    pub parent: u32,
    /// The child that was entered last: a cache of the writer's.
    pub last_child: AtomicU32,
    /// For the writer.
    pub scratch: AtomicU32,
    /// How often it was called; resumed generators and coroutines do not count again.
    pub calls: AtomicU64,
    /// Time in it without its callees, in units of the clock.
    pub self_time: AtomicU64,
    /// Time that it was suspended in an `await` of its own, in units of `wall_hz`.
    pub await_time: AtomicU64,
}

/// A thread.
#[repr(C)]
#[derive(Debug)]
pub struct Thread {
    /// Its id as the kernel has it.
    pub tid: u32,
    /// 1 when it has ended.
    pub ended: AtomicU32,
    /// Its root node. Greenlets that run in it have trees below the same root.
    pub root: AtomicU32,
    /// The node that it is in.
    pub current: AtomicU32,
    /// When it was first seen, on the wall clock.
    pub first: u64,
    /// The last event, on the clock of `self_time`.
    pub last: AtomicU64,
    /// The last event on the wall clock, if that is another one; may lag.
    pub last_wall: AtomicU64,
    /// As Python's `threading.get_ident()`.
    pub ident: u64,
}

/// The begin of a text; `len` bytes follow, padded to a multiple of 8.
#[repr(C)]
#[derive(Debug)]
pub struct Text {
    /// What it says: a [`text`].
    pub kind: u32,
    /// Bytes that follow.
    pub len: u32,
    /// What it is about, see [`text`].
    pub id: u32,
    /// See [`text`].
    pub extra: u32,
}

/// Values of [`Text::kind`], and what `id`, `extra` and the bytes are.
pub mod text {
    /// A Python function: `id` of the function (from 1), `extra` its first line; `u32` length of the file name, file name,
    /// qualified name (UTF-8, surrogates as CPython's `surrogatepass` writes them).
    pub const FUNCTION: u32 = 1;
    /// A function in C: `id`; the name as cProfile gives it, e.g. `<built-in method builtins.len>`.
    pub const C_FUNCTION: u32 = 2;
    /// Not a function but a mark in the tree: all below it has this label. `id`; `u32` length of the key, key, value.
    pub const LABEL: u32 = 3;
    /// The name of a thread: `id` of the [`Thread`](super::Thread); the last one holds.
    pub const THREAD_NAME: u32 = 4;
    /// The arguments of the process, with a NUL after each.
    pub const ARGUMENTS: u32 = 5;
    /// Something that was not covered or went wrong, for people.
    pub const NOTE: u32 = 6;
}

const _: () = assert!(size_of::<Header>() <= CHUNK && size_of::<ChunkHeader>() == 32);
const _: () = assert!(size_of::<Node>() == 40 && size_of::<Thread>() == 48 && size_of::<Text>() == 16);
const _: () = assert!(offset_of!(Header, start_ticks) == 24);
