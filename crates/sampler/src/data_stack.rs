//! What is read of a thread's data stack (3.11 and later): a list of chunks, the newest of which has the frames that change.
//!
//! It is read from the outermost frame on, whatever its depth: a part of it that was read earlier or later than the rest, depending
//! on how deep the stack is, would prefer one state to another.

use crate::layout::CHUNK_HEAD;
use crate::remote::{MAX_PLACES, Place, Remote, int_at, word_at};

/// More of a data stack than as many frames need is not read: the memory may say anything.
const MAX_BYTES: usize = 1 << 24;
/// How much more of the chunk is read than is in use.
const SLACK: usize = 512;

/// A chunk within the buffer.
#[derive(Clone, Copy, Debug)]
struct Span {
    address: u64,
    length: usize,
    at: usize,
}

impl Span {
    fn head<'r>(&self, read: &'r [u8]) -> Option<&'r [u8]> {
        read.get(self.at..self.at + CHUNK_HEAD).filter(|_| self.length >= CHUNK_HEAD)
    }
}

/// The chunks of one thread.
#[derive(Debug, Default)]
pub(crate) struct DataStack {
    /// The newest chunk; 0 if there is none yet.
    pub chunk: u64,
    /// Its bytes.
    size: usize,
    /// The chunks below it: address and bytes in use.
    older: Vec<(u64, usize)>,
    /// How much of the newest chunk is read.
    window: usize,
    /// The most that was in use of late.
    deepest: usize,
    spans: Vec<Span>,
}

impl DataStack {
    /// Guesses are made anew.
    pub(crate) fn refresh(&mut self, remote: Remote) {
        // Behind the chunk may be nothing.
        self.window = (self.deepest + SLACK).min(self.size);
        self.deepest = 0;
        self.older = older_chunks(remote, self.chunk, &[]);
    }

    /// The chunk and its top are these now. Whether the read was laid out for other chunks or a smaller depth.
    pub(crate) fn misses(&mut self, remote: Remote, read: &[u8], chunk: u64, top: u64) -> bool {
        let used = usize::try_from(top.saturating_sub(chunk)).unwrap_or(0).min(MAX_BYTES);
        let moved = chunk != self.chunk || !self.fits(read);
        if moved {
            self.chunk = chunk;
            self.size = remote.word(chunk + 8).ok().and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
            self.older = older_chunks(remote, chunk, &self.older);
        }
        self.deepest = self.deepest.max(used);
        let misses = moved || used > self.window;
        if misses {
            self.window = (used + SLACK).min(self.size);
        }
        misses
    }

    /// Whether the heads of the chunks say what the read was laid out for: one that is given back mostly comes again at the same
    /// address, and by then more may be in use of the one below.
    fn fits(&self, read: &[u8]) -> bool {
        let lower = self.spans.iter().skip(1);
        self.spans.iter().zip(lower).all(|(upper, lower)| match (upper.head(read), lower.head(read)) {
            (Some(head), Some(below)) => word_at(head, 0) == lower.address && used(below) <= lower.length,
            _ => true,
        })
    }

    /// Where the frames of each chunk begin and end, the oldest first; those of the newest end at its top.
    #[must_use]
    pub(crate) fn extents(&self, read: &[u8], top: u64) -> Vec<(u64, u64)> {
        let extent = |span: &Span| {
            let end = match span.head(read) {
                Some(head) if span.address != self.chunk => span.address + used(head) as u64,
                _ => top,
            };
            (span.address + CHUNK_HEAD as u64 + if span.address == self.oldest() { 8 } else { 0 }, end)
        };
        self.spans.iter().rev().map(extent).collect()
    }

    /// Appends the newest chunk to places, from `at` in the buffer on; where it ends.
    pub(crate) fn lay_out_newest(&mut self, places: &mut Vec<Place>, at: usize) -> usize {
        self.spans.clear();
        self.lay_out(places, at, (self.chunk, self.window))
    }

    /// The same for those below it.
    pub(crate) fn lay_out_older(&mut self, places: &mut Vec<Place>, at: usize) -> usize {
        let older = std::mem::take(&mut self.older);
        let end = older.iter().fold(at, |at, &chunk| self.lay_out(places, at, chunk));
        self.older = older;
        end
    }

    fn lay_out(&mut self, places: &mut Vec<Place>, at: usize, (address, length): (u64, usize)) -> usize {
        if length == 0 {
            return at;
        }
        places.push(Place::new(address, length));
        self.spans.push(Span { address, length, at });
        at + length
    }

    /// Where an address is in the buffer, and where what was to be read there ends.
    #[inline]
    #[must_use]
    pub(crate) fn find(&self, address: u64) -> Option<(usize, usize)> {
        self.spans.iter().find_map(|span| {
            let within = usize::try_from(address.wrapping_sub(span.address)).ok()?;
            (within < span.length).then_some((span.at + within, span.at + span.length))
        })
    }

    /// Where the first frame of the newest chunk lies.
    #[must_use]
    pub(crate) fn first_frame(&self) -> u64 {
        // The very first chunk leaves its first word free.
        self.chunk + CHUNK_HEAD as u64 + if self.older.is_empty() { 8 } else { 0 }
    }

    /// Whether an outermost frame of a chunk may lie there.
    #[must_use]
    pub(crate) fn is_start(&self, address: u64) -> bool {
        is_start(self.chunk, address) || self.older.iter().any(|&(chunk, _)| is_start(chunk, address))
    }

    /// Whether nothing lies below an address.
    #[must_use]
    pub(crate) fn begins(&self, address: u64) -> bool {
        is_start(self.oldest(), address)
    }

    fn oldest(&self) -> u64 {
        self.older.last().map_or(self.chunk, |&(chunk, _)| chunk)
    }
}

/// The very first chunk leaves its first word free.
fn is_start(chunk: u64, address: u64) -> bool {
    let within = address.wrapping_sub(chunk);
    within == CHUNK_HEAD as u64 || within == CHUNK_HEAD as u64 + 8
}

/// How much of a chunk that is not the newest is in use: its `top` counts words.
fn used(head: &[u8]) -> usize {
    let words = usize::try_from(int_at(head, 16)).unwrap_or(0);
    let size = usize::try_from(word_at(head, 8)).unwrap_or(0);
    words.saturating_mul(8).saturating_add(CHUNK_HEAD).min(size)
}

/// The chunks below the newest: address, and how much of each is read: what is in use, or was of those that are known.
fn older_chunks(remote: Remote, newest: u64, known: &[(u64, usize)]) -> Vec<(u64, usize)> {
    // One call reads them all, and other places with them.
    const MAX_CHUNKS: usize = MAX_PLACES - 24;
    let mut found = Vec::new();
    let mut at = newest;
    let mut left = MAX_BYTES;
    while found.len() < MAX_CHUNKS && left > 0 {
        let Ok(previous) = remote.word(at) else { break };
        if previous == 0 {
            break;
        }
        let Ok(head) = remote.bytes(previous, CHUNK_HEAD) else { break };
        let size = usize::try_from(word_at(&head, 8)).unwrap_or(0);
        let before = known.iter().find(|(address, _)| *address == previous).map_or(0, |(_, length)| *length);
        let length = used(&head).max(before.min(size)).min(left);
        left -= length;
        found.push((previous, length));
        at = previous;
    }
    found
}
