//! Writes a trace file through mapped memory.
//!
//! Address space is reserved once, so a record never moves; the file grows in steps by `fallocate`, since a sparse map on a
//! full disk kills whoever writes into it. The program that is traced may close all files or change its user at any moment:
//! the descriptor is looked at before each use, and the file opened again by name if it is another one by now.
//!
//! Nothing here locks: whoever has a [`TraceFile`] sees to it that one thread at a time asks it for room. Records, once
//! given out, are their thread's own.

use std::io;
use std::mem::size_of;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Relaxed, Release};

use crate::backing::{CHUNK_BYTES, Descriptor, allocate, below, map, new_file};
use crate::trace::{ChunkHeader, Header, MAGIC, Node, Text, Thread, VERSION, kind};

/// Why there is no more room.
#[derive(Debug)]
pub enum Full {
    /// The disk, a quota or a limit of the process: the program may go on, the recording not.
    Disk(io::Error),
    /// Ids or address space are at their end.
    Table,
}

/// What is known of the process when its file is made.
#[derive(Debug, Clone, Copy)]
pub struct Beginning {
    /// The process.
    pub pid: u32,
    /// Its parent.
    pub parent: u32,
    /// Its start in clock ticks since boot.
    pub start_ticks: u64,
    /// Now, nanoseconds since 1970.
    pub created_ns: u64,
    /// A [`clock`](crate::trace::clock).
    pub clock: u32,
    /// `PY_VERSION_HEX`.
    pub python: u32,
    /// Units a second of `self_time`.
    pub self_hz: f64,
    /// Units a second of wall ticks.
    pub wall_hz: f64,
    /// Whether the reader is to subtract what the recorder costs.
    pub compensate: bool,
    /// That cost, as in [`Header::cost`].
    pub cost: [u32; 4],
}

/// Room for nodes that is one thread's own.
#[derive(Debug, Clone, Copy)]
pub struct NodeRoom {
    chunk: u64,
    used: u32,
}

impl NodeRoom {
    /// No room: the first node will need a chunk.
    pub const NONE: Self = Self { chunk: 0, used: 0 };
}

/// `size_of::<Node>()`, as the shape asserts.
const NODE: u32 = 40;
const CHUNK_HEADER: u64 = size_of::<ChunkHeader>() as u64;
/// What a file begins with, and the least that it grows by.
pub const FIRST_STEP: u64 = 1 << 18;
const LAST_STEP: u64 = 1 << 24;

/// A trace file that is being written. Dropping it unmaps the memory and closes the file.
#[derive(Debug)]
pub struct TraceFile {
    base: NonNull<u8>,
    reserved: u64,
    backed: u64,
    step: u64,
    descriptor: Descriptor,
    path: PathBuf,
    texts: u64,
    threads: u64,
    rooms: Vec<NodeRoom>,
}

// SAFETY: the mapping belongs to the process, not to a thread.
unsafe impl Send for TraceFile {}

impl TraceFile {
    /// Makes the first file of its name that is not there yet.
    ///
    /// # Errors
    /// Fails when the file cannot be made, grown or mapped.
    pub fn create(folder: &Path, beginning: &Beginning) -> io::Result<Self> {
        let (file, path) = new_file(folder, (beginning.pid, beginning.start_ticks))?;
        let metadata = file.metadata()?;
        allocate(&file, 0, FIRST_STEP)?;
        let (base, reserved) = map(&file)?;
        let mut trace = Self {
            base,
            reserved,
            backed: FIRST_STEP,
            step: FIRST_STEP,
            descriptor: Descriptor::of(&file, &metadata),
            path,
            texts: 0,
            threads: 0,
            rooms: Vec::new(),
        };
        trace.begin(beginning);
        Ok(trace)
    }

    fn begin(&mut self, beginning: &Beginning) {
        // SAFETY: the mapping begins with zeroed memory that is larger than a header, and nobody else has it yet.
        let header = unsafe { self.base.cast::<Header>().as_mut() };
        header.pid = beginning.pid;
        header.parent = beginning.parent;
        header.start_ticks = beginning.start_ticks;
        header.created_ns = beginning.created_ns;
        header.clock = beginning.clock;
        header.python = beginning.python;
        header.compensate = u32::from(beginning.compensate);
        header.self_hz.store(beginning.self_hz.to_bits(), Relaxed);
        header.wall_hz.store(beginning.wall_hz.to_bits(), Relaxed);
        for (place, &cost) in header.cost.iter().zip(&beginning.cost) {
            place.store(cost, Relaxed);
        }
        header.used.store(CHUNK_BYTES, Relaxed);
        header.version = VERSION;
        // Last: a file without it is one that has not begun.
        header.magic = MAGIC;
    }

    /// The begin of the mapping: an id times 8 is an offset from here.
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Gives back what is reserved beyond what it would be if the address space were limited so, but for what is in use.
    pub fn limit(&mut self, address_space: u64) {
        let kept = below(address_space).max(self.backed.next_multiple_of(CHUNK_BYTES));
        if let (Ok(at), Ok(length)) =
            (usize::try_from(kept), usize::try_from(self.reserved.saturating_sub(kept)))
            && length > 0
        {
            // SAFETY: this part of the mapping is ours, and nothing has been given out of it.
            unsafe { libc::munmap(self.base.as_ptr().add(at).cast(), length) };
            self.reserved = kept;
        }
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        // SAFETY: it was written by `begin`, and what changes later is atomic.
        unsafe { self.base.cast::<Header>().as_ref() }
    }

    /// A node that is all zero but for its function and parent, from the thread's own room.
    ///
    /// # Errors
    /// When there is no more room.
    pub fn node(&mut self, room: &mut NodeRoom, function: u32, parent: u32) -> Result<u32, Full> {
        if room.chunk == 0 || CHUNK_HEADER + u64::from(room.used + NODE) > CHUNK_BYTES {
            *room = match self.rooms.pop() {
                Some(room) => room,
                None => NodeRoom { chunk: self.chunk(kind::NODES, 1)?, used: 0 },
            };
        }
        let offset = room.chunk + CHUNK_HEADER + u64::from(room.used);
        // SAFETY: the place is inside of a chunk of ours that is backed, aligned to 8, and not given out before.
        unsafe {
            let node = self.base.as_ptr().add(usize::try_from(offset).unwrap_or(0)).cast::<Node>();
            (*node).function = function;
            (*node).parent = parent;
        }
        room.used += NODE;
        self.publish(room.chunk, room.used);
        u32::try_from(offset / 8).map_err(|_| Full::Table)
    }

    /// Takes back what a thread that has ended has left of its room.
    pub fn give_back(&mut self, room: NodeRoom) {
        if room.chunk != 0 && CHUNK_HEADER + u64::from(room.used + NODE) <= CHUNK_BYTES {
            self.rooms.push(room);
        }
    }

    /// A thread's record and root.
    ///
    /// # Errors
    /// When there is no more room.
    pub fn thread(
        &mut self,
        room: &mut NodeRoom,
        (tid, ident): (u32, u64),
        first: u64,
        last: u64,
    ) -> Result<u32, Full> {
        const SIZE: u64 = size_of::<Thread>() as u64;
        let (chunk, used) = match self.room_in(self.threads, SIZE) {
            Some(used) => (self.threads, used),
            None => {
                self.threads = self.chunk(kind::THREADS, 1)?;
                (self.threads, 0)
            }
        };
        let offset = chunk + CHUNK_HEADER + u64::from(used);
        let id = u32::try_from(offset / 8).map_err(|_| Full::Table)?;
        let root = self.node(room, 0, id)?;
        // SAFETY: as for nodes.
        unsafe {
            let thread = self.base.as_ptr().add(usize::try_from(offset).unwrap_or(0)).cast::<Thread>();
            (*thread).tid = tid;
            (*thread).ident = ident;
            (*thread).first = first;
            (*thread).last.store(last, Relaxed);
            (*thread).last_wall.store(first, Relaxed);
            (*thread).root.store(root, Relaxed);
            (*thread).current.store(root, Relaxed);
        }
        self.publish(chunk, used + u32::try_from(SIZE).unwrap_or(0));
        Ok(id)
    }

    /// A text of several parts.
    ///
    /// # Errors
    /// When there is no more room.
    pub fn text(&mut self, kind_of: u32, id: u32, extra: u32, parts: &[&[u8]]) -> Result<(), Full> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let len = u32::try_from(len).map_err(|_| Full::Table)?;
        let size = size_of::<Text>() as u64 + u64::from(len).next_multiple_of(8);
        let (chunk, used) = match self.room_in(self.texts, size) {
            Some(used) => (self.texts, used),
            None => {
                let span = (CHUNK_HEADER + size).div_ceil(CHUNK_BYTES);
                let chunk = self.chunk(kind::TEXTS, u32::try_from(span).map_err(|_| Full::Table)?)?;
                self.texts = chunk;
                (chunk, 0)
            }
        };
        let offset = chunk + CHUNK_HEADER + u64::from(used);
        // SAFETY: as for nodes; `room_in` and the span say that header and bytes fit.
        unsafe {
            let place = self.base.as_ptr().add(usize::try_from(offset).unwrap_or(0));
            place.cast::<Text>().write(Text { kind: kind_of, len, id, extra });
            let mut at = place.add(size_of::<Text>());
            for part in parts {
                at.copy_from_nonoverlapping(part.as_ptr(), part.len());
                at = at.add(part.len());
            }
        }
        self.publish(chunk, used + u32::try_from(size).map_err(|_| Full::Table)?);
        Ok(())
    }

    fn chunk_header(&self, chunk: u64) -> &ChunkHeader {
        // SAFETY: chunks begin at multiples of 4096 below `used`, which is backed.
        unsafe { &*self.base.as_ptr().add(usize::try_from(chunk).unwrap_or(0)).cast::<ChunkHeader>() }
    }

    /// How much of a chunk is used, if `size` more bytes fit.
    fn room_in(&self, chunk: u64, size: u64) -> Option<u32> {
        if chunk == 0 {
            return None;
        }
        let header = self.chunk_header(chunk);
        let used = header.used.load(Relaxed);
        (CHUNK_HEADER + u64::from(used) + size <= u64::from(header.span) * CHUNK_BYTES).then_some(used)
    }

    fn publish(&self, chunk: u64, used: u32) {
        self.chunk_header(chunk).used.store(used, Release);
    }

    fn chunk(&mut self, kind_of: u32, span: u32) -> Result<u64, Full> {
        let offset = self.header().used.load(Relaxed);
        let end = offset + u64::from(span) * CHUNK_BYTES;
        if end > self.reserved {
            return Err(Full::Table);
        }
        if end > self.backed {
            self.grow(end).map_err(Full::Disk)?;
        }
        // SAFETY: the place is backed and nobody's yet.
        unsafe {
            let place = self.base.as_ptr().add(usize::try_from(offset).unwrap_or(0)).cast::<ChunkHeader>();
            (*place).span = span;
            (*place).kind.store(kind_of, Relaxed);
        }
        self.header().used.store(end, Release);
        Ok(offset)
    }

    fn grow(&mut self, needed: u64) -> io::Result<()> {
        let file = self.descriptor.file(&self.path)?;
        let wanted = (needed + self.step).min(self.reserved).next_multiple_of(CHUNK_BYTES);
        // What does not fit in a large step may fit in a small one.
        let end = match allocate(&file, self.backed, wanted) {
            Ok(()) => wanted,
            Err(_) => {
                allocate(&file, self.backed, needed)?;
                needed
            }
        };
        self.backed = end;
        self.step = (self.step * 2).min(LAST_STEP);
        Ok(())
    }
}

impl Drop for TraceFile {
    fn drop(&mut self) {
        // SAFETY: whoever drops it has no pointer into the mapping any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), usize::try_from(self.reserved).unwrap_or(0)) };
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;

    use super::*;

    fn beginning() -> Beginning {
        Beginning {
            pid: 7,
            parent: 1,
            start_ticks: 99,
            created_ns: 5,
            clock: 0,
            python: 0x030b_07f0,
            self_hz: 1e9,
            wall_hz: 1e9,
            compensate: false,
            cost: [1, 2, 3, 4],
        }
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("profkit-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn what_is_written_is_in_the_file() {
        let folder = folder("writer");
        let mut trace = TraceFile::create(&folder, &beginning()).unwrap();
        let mut room = NodeRoom::NONE;
        let thread = trace.thread(&mut room, (8, 9), 10, 11).unwrap();
        let long = vec![b'x'; 10_000];
        trace.text(1, 1, 2, &[b"ab", &long]).unwrap();
        trace.text(1, 2, 2, &[b"c"]).unwrap();
        let mut parent = thread + 1;
        for function in 0..100_000 {
            parent = trace.node(&mut room, function, parent).unwrap();
        }
        let bytes = std::fs::read(trace.path()).unwrap();
        assert_eq!(bytes[..8], MAGIC);
        let used = trace.header().used.load(Relaxed);
        assert!(used >= 4_000_000 && u64::try_from(bytes.len()).unwrap() >= used);
        let at = usize::try_from(parent).unwrap() * 8;
        assert_eq!(bytes[at..at + 4], 99_999u32.to_ne_bytes());
        let second = TraceFile::create(&folder, &beginning()).unwrap();
        assert!(second.path().ends_with("7-99-1.trace"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_closed_descriptor_is_not_used() {
        let folder = folder("closed");
        let mut trace = TraceFile::create(&folder, &beginning()).unwrap();
        // What a program does that closes all its files and opens one of its own.
        let other = File::create(folder.join("other")).unwrap();
        // SAFETY: the descriptor is the trace's, which is what is tested.
        unsafe { libc::dup2(other.as_raw_fd(), trace.descriptor.number) };
        let mut room = NodeRoom::NONE;
        for _ in 0..50_000 {
            trace.node(&mut room, 1, 1).unwrap();
        }
        assert_eq!(std::fs::metadata(folder.join("other")).unwrap().len(), 0);
        assert!(std::fs::metadata(trace.path()).unwrap().len() > 2_000_000);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_file_that_is_lost_has_a_number() {
        let folder = folder("lost");
        let mut trace = TraceFile::create(&folder, &beginning()).unwrap();
        let other = File::create(folder.join("other")).unwrap();
        // SAFETY: as above.
        unsafe { libc::dup2(other.as_raw_fd(), trace.descriptor.number) };
        std::fs::rename(folder.join("other"), trace.path()).unwrap();
        let mut room = NodeRoom::NONE;
        let full = (0..50_000).find_map(|_| trace.node(&mut room, 1, 1).err());
        let Some(Full::Disk(error)) = full else { panic!("{full:?}") };
        assert_eq!(error.raw_os_error(), Some(libc::ESTALE));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
