//! What is read of a thread's data stack (3.11 and later): a list of chunks, the newest of which has the frames that change.
//!
//! It is read from the outermost frame on, whatever its depth: a part of it that was read earlier or later than the rest, depending
//! on how deep the stack is, would prefer one state to another.

use crate::layout::CHUNK_HEAD;
use crate::remote::{Place, Remote, int_at, word_at};

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

/// The chunks of one thread.
#[derive(Debug, Default)]
pub struct DataStack {
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
    pub fn refresh(&mut self, remote: Remote) {
        // Behind the chunk may be nothing.
        self.window = (self.deepest + SLACK).min(self.size);
        self.deepest = 0;
        self.older = older_chunks(remote, self.chunk);
    }

    /// The chunk and its top are these now. Whether the read was laid out for another chunk or a smaller depth.
    pub fn misses(&mut self, remote: Remote, chunk: u64, top: u64) -> bool {
        let used = usize::try_from(top.saturating_sub(chunk)).unwrap_or(0).min(MAX_BYTES);
        let moved = chunk != self.chunk;
        if moved {
            self.chunk = chunk;
            self.size = remote.word(chunk + 8).ok().and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
            self.older = older_chunks(remote, chunk);
        }
        self.deepest = self.deepest.max(used);
        let misses = moved || used > self.window;
        if misses {
            self.window = (used + SLACK).min(self.size);
        }
        misses
    }

    /// Appends the newest chunk to places, from `at` in the buffer on; where it ends.
    pub fn lay_out_newest(&mut self, places: &mut Vec<Place>, at: usize) -> usize {
        self.spans.clear();
        self.lay_out(places, at, (self.chunk, self.window))
    }

    /// The same for those below it.
    pub fn lay_out_older(&mut self, places: &mut Vec<Place>, at: usize) -> usize {
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
    pub fn find(&self, address: u64) -> Option<(usize, usize)> {
        self.spans.iter().find_map(|span| {
            let within = usize::try_from(address.wrapping_sub(span.address)).ok()?;
            (within < span.length).then_some((span.at + within, span.at + span.length))
        })
    }

    /// Where the first frame of the newest chunk lies.
    #[must_use]
    pub fn first_frame(&self) -> u64 {
        // The very first chunk leaves its first word free.
        self.chunk + CHUNK_HEAD as u64 + if self.older.is_empty() { 8 } else { 0 }
    }

    /// Where the outermost frame of all lies.
    #[must_use]
    pub fn outermost_frame(&self) -> u64 {
        self.oldest() + CHUNK_HEAD as u64 + 8
    }

    /// Whether an outermost frame of a chunk may lie there.
    #[must_use]
    pub fn is_start(&self, address: u64) -> bool {
        is_start(self.chunk, address) || self.older.iter().any(|&(chunk, _)| is_start(chunk, address))
    }

    /// Whether nothing lies below an address.
    #[must_use]
    pub fn begins(&self, address: u64) -> bool {
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

/// The chunks below the newest: address and bytes in use.
fn older_chunks(remote: Remote, newest: u64) -> Vec<(u64, usize)> {
    const MAX_CHUNKS: usize = 256;
    let mut found = Vec::new();
    let mut at = newest;
    let mut left = MAX_BYTES;
    while found.len() < MAX_CHUNKS && left > 0 {
        let Ok(previous) = remote.word(at) else { break };
        if previous == 0 {
            break;
        }
        let Ok(head) = remote.bytes(previous, CHUNK_HEAD) else { break };
        // `top` of a chunk that is not the newest counts the words in use.
        let words = usize::try_from(int_at(&head, 16)).unwrap_or(0);
        let size = usize::try_from(word_at(&head, 8)).unwrap_or(0);
        let length = words.saturating_mul(8).saturating_add(CHUNK_HEAD).min(size).min(left);
        left -= length;
        found.push((previous, length));
        at = previous;
    }
    found
}
