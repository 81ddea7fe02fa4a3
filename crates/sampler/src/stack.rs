//! The stack of one thread of 3.11 and later: frames are records on a data stack, so one read has nearly all of them.
//!
//! ```text
//! one call:  thread state | chunk of the data stack | frames that lie elsewhere | thread state again
//! ```
//!
//! Frames in the chunk are contiguous: a frame's code tells its size, and so where its callee begins. Frames of generators lie in
//! their objects, and entry frames (3.12 and later; where C called Python) on the C stack: they are read at the addresses
//! where they were last time, or by a call of their own.
//!
//! Surprising: nothing is read again because it moved. That would prefer states that stand still: measured as a bias of up to 20
//! percentage points. The thread state's second copy tells whether the stack moved; if so, only pairs of caller and callee
//! that were seen in stacks that stood still are believed ([`Names::call_site`]), and the stack is cut at the first other one.

use std::io;

use crate::layout::{CHUNK_HEAD, Layout, NONE};
use crate::names::Names;
use crate::reading::{Context, Link, OWNER_ENTRY, OWNER_GENERATOR, Reading};
use crate::remote::{Place, int_at, word_at};
use crate::resolver::Resolver;

/// Deeper stacks are cut at the leaf's end: CPython's own limit of recursion is 1,000 unless changed.
const MAX_DEPTH: usize = 20_000;
/// Reads that may follow each other because a place was not the expected one (chunk, depth): not because something moved.
const MAX_ATTEMPTS: usize = 4;
/// How much more of the chunk is read than was used last time.
const SLACK: usize = 512;
/// After as many reads, guesses (depth, frames elsewhere) are made anew.
const REFRESH: u32 = 256;
/// The most frame holders (3.11, 3.12) that are read along.
const MAX_HOLDERS: usize = 4;

/// A piece of the target's memory within the buffer.
#[derive(Clone, Copy, Debug)]
struct Span {
    address: u64,
    length: usize,
    at: usize,
    used: bool,
}

/// Reads the stack of one thread.
#[derive(Debug)]
pub struct StackReader {
    state: u64,
    chunk: u64,
    window: usize,
    deepest: usize,
    older: Vec<(u64, usize)>,
    elsewhere: Vec<u64>,
    holders: Vec<u64>,
    root: u64,
    places: Vec<Place>,
    spans: Vec<Span>,
    chunk_at: usize,
    state_again: usize,
    holders_at: usize,
    holders_again: usize,
    buffer: Vec<u8>,
    filled: usize,
    stale: bool,
    reads: u32,
    resolver: Resolver,
}

/// What the thread state said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    frame: u64,
    chunk: u64,
    top: u64,
}

impl StackReader {
    /// For the thread whose state is at an address.
    #[must_use]
    pub fn new(state: u64) -> Self {
        Self {
            state,
            chunk: 0,
            window: 0,
            deepest: 0,
            older: Vec::new(),
            elsewhere: Vec::new(),
            holders: Vec::new(),
            root: 0,
            places: Vec::new(),
            spans: Vec::new(),
            chunk_at: 0,
            state_again: 0,
            holders_at: 0,
            holders_again: 0,
            buffer: Vec::new(),
            filled: 0,
            stale: true,
            reads: 0,
            resolver: Resolver::default(),
        }
    }

    /// Reads the stack as it is now.
    ///
    /// # Errors
    /// If the thread state cannot be read: the thread or the process has ended.
    pub fn read(&mut self, context: &mut Context<'_>) -> io::Result<Reading> {
        self.reads += 1;
        if self.reads >= REFRESH {
            self.refresh();
        }
        let mut attempts = 0;
        let (state, again) = loop {
            self.prepare(context.layout);
            self.filled = context.remote.gather(&mut self.buffer, &self.places)?;
            let (state, again) = self.states(context.layout);
            attempts += 1;
            let Some(state) = state else {
                if attempts < MAX_ATTEMPTS {
                    continue;
                }
                return Ok(Reading::empty());
            };
            if state.frame == 0 {
                return Ok(Reading::empty());
            }
            if attempts >= MAX_ATTEMPTS || !self.misses(context, state) {
                break (state, again);
            }
        };
        let whole = self.walk(context, state.frame);
        if !whole {
            self.recover(context.names, context.layout, state, again);
        }
        let certain = whole && again == Some(state);
        let (newest, older) = (self.chunk, &self.older);
        let may_begin = |address| is_chunk_start(newest, older, address);
        let reading = self.resolver.resolve(context, certain, whole, may_begin);
        if !self.resolver.unproven.is_empty() {
            self.prove(context);
        }
        Ok(reading)
    }

    /// What is known of code objects has changed: frames are named anew.
    pub fn forget(&mut self) {
        self.resolver.forget();
    }

    /// Reads once more, to tell calls that were never seen before from stacks that changed twice within one read. What was
    /// sampled stays sampled either way.
    fn prove(&mut self, context: &mut Context<'_>) {
        let layout = context.layout;
        if self.stale || context.remote.gather(&mut self.buffer, &self.places).is_err() {
            return;
        }
        let calls = std::mem::take(&mut self.resolver.unproven);
        for call in &calls {
            let mut again = |link: &Link| {
                let found = self.frame(layout, link.address)?;
                Some(self.link(layout, link.address, found))
            };
            let stands = again(&call.caller).is_some_and(|link| link == call.caller);
            let callee = again(&call.callee);
            if stands
                && callee.is_some_and(|link| {
                    link.code == call.callee.code && link.previous == call.callee.previous
                })
            {
                context.names.learn_call(call.point, call.code);
            }
        }
        self.resolver.unproven = calls;
    }

    fn refresh(&mut self) {
        self.reads = 0;
        self.root = 0;
        let used = |address: &u64| self.spans.iter().any(|span| span.address == *address && span.used);
        let kept: Vec<u64> = self.elsewhere.iter().filter(|&address| used(address)).copied().collect();
        self.elsewhere = kept;
        self.window = (self.deepest + SLACK).max(SLACK);
        self.deepest = 0;
        self.older.clear();
        self.stale = true;
    }

    /// Lays out the read: what is where in the buffer.
    fn prepare(&mut self, layout: &Layout) {
        if !self.stale {
            return;
        }
        self.stale = false;
        self.places.clear();
        self.spans.clear();
        let head = state_bytes(layout);
        let mut at = 0;
        let mut add = |places: &mut Vec<Place>, address: u64, length: usize| {
            let here = at;
            places.push(Place::new(address, length));
            at += length;
            here
        };
        add(&mut self.places, self.state, head);
        self.holders_at = head;
        for &holder in &self.holders {
            add(&mut self.places, holder, HOLDER);
        }
        // The thread state comes again directly behind the chunk, so that the time between them is short.
        self.chunk_at = NONE;
        if self.chunk != 0 {
            self.chunk_at = add(&mut self.places, self.chunk, self.window);
        }
        for &address in &self.elsewhere {
            let at = add(&mut self.places, address, layout.frame_head);
            self.spans.push(Span { address, length: layout.frame_head, at, used: false });
        }
        for &(address, length) in &self.older {
            let at = add(&mut self.places, address, length);
            self.spans.push(Span { address, length, at, used: false });
        }
        self.holders_again = add(&mut self.places, self.state, head) + head;
        self.state_again = self.holders_again - head;
        for &holder in &self.holders {
            add(&mut self.places, holder, HOLDER);
        }
        self.places.truncate(crate::remote::MAX_PLACES);
        self.buffer.resize(at, 0);
    }

    /// Both copies of the thread state. `None` for the first if its frame holder was not read along.
    fn states(&mut self, layout: &Layout) -> (Option<State>, Option<State>) {
        let first = self.state_in(layout, 0, self.holders_at);
        if first.is_none() {
            let holder = word_at(&self.buffer, layout.thread_cframe);
            self.holders.retain(|&known| known != holder);
            self.holders.insert(0, holder);
            self.holders.truncate(MAX_HOLDERS);
            self.stale = true;
        }
        (first, self.state_in(layout, self.state_again, self.holders_again))
    }

    fn state_in(&self, layout: &Layout, at: usize, holders_at: usize) -> Option<State> {
        let state = self.buffer.get(at..self.filled.max(at))?;
        if state.len() < state_bytes(layout) {
            return None;
        }
        let frame = if layout.thread_cframe == NONE {
            word_at(state, layout.thread_frame)
        } else {
            let holder = word_at(state, layout.thread_cframe);
            let index = self.holders.iter().position(|&known| known == holder)?;
            word_at(self.buffer.get(..self.filled)?, holders_at + index * HOLDER + layout.cframe_frame)
        };
        Some(State {
            frame,
            chunk: word_at(state, layout.thread_chunk),
            top: word_at(state, layout.thread_top()),
        })
    }

    /// Whether the read was laid out for another chunk or a smaller depth; lays it out anew then.
    fn misses(&mut self, context: &Context<'_>, state: State) -> bool {
        let used = usize::try_from(state.top.saturating_sub(state.chunk)).unwrap_or(0);
        let moved = state.chunk != self.chunk;
        if moved {
            self.chunk = state.chunk;
            self.window = SLACK;
            self.root = 0;
            self.older = older_chunks(context, state.chunk);
        }
        self.deepest = self.deepest.max(used);
        if used > self.window {
            self.window = used + SLACK;
        } else if !moved {
            return false;
        }
        self.limit_window(context);
        self.stale = true;
        true
    }

    /// The window ends with the chunk: behind it may be nothing.
    fn limit_window(&mut self, context: &Context<'_>) {
        if self.chunk != 0
            && let Ok(size) = context.remote.word(self.chunk + 8)
            && let Ok(size) = usize::try_from(size)
        {
            self.window = self.window.min(size);
        }
    }

    /// The bytes of the frame at an address, if they were read.
    #[inline]
    fn frame(&mut self, layout: &Layout, address: u64) -> Option<(usize, bool)> {
        let within = address.wrapping_sub(self.chunk);
        if within < self.window as u64 {
            let at = self.chunk_at + usize::try_from(within).ok()?;
            return (at + layout.frame_head <= self.filled.min(self.chunk_at + self.window))
                .then_some((at, true));
        }
        for span in &mut self.spans {
            let within = address.wrapping_sub(span.address);
            if within < span.length as u64 {
                span.used = true;
                let at = span.at + usize::try_from(within).ok()?;
                return (at + layout.frame_head <= self.filled)
                    .then_some((at, span.length != layout.frame_head));
            }
        }
        None
    }

    /// Follows the frames from the innermost out. False if the way was lost: what was read is not one stack.
    fn walk(&mut self, context: &Context<'_>, innermost: u64) -> bool {
        let layout = context.layout;
        self.resolver.links.clear();
        let mut at = innermost;
        while at != 0 && at != self.root {
            if self.resolver.links.len() >= MAX_DEPTH {
                return false;
            }
            let found = match self.frame(layout, at) {
                Some(found) => found,
                None if self.fetch(context, at) => continue,
                None => return false,
            };
            let link = self.link(layout, at, found);
            at = link.previous;
            if at == 0 && link.owner >= OWNER_ENTRY {
                self.root = link.address;
            }
            if link.address == at {
                return false;
            }
            self.resolver.links.push(link);
        }
        // An executing generator that was suspended meanwhile has no caller: then the outermost frame is not one.
        match self.resolver.links.last() {
            Some(last) => at == self.root || last.owner != OWNER_GENERATOR || self.resolver.links.len() == 1,
            None => true,
        }
    }

    #[inline]
    fn link(&self, layout: &Layout, address: u64, (at, on_data_stack): (usize, bool)) -> Link {
        let frame = self.buffer.get(at..).unwrap_or_default();
        Link {
            address,
            // From 3.14 on the lowest bits are tags.
            code: word_at(frame, layout.frame_code) & !7,
            previous: word_at(frame, layout.frame_previous),
            instr: word_at(frame, layout.frame_instr),
            owner: frame.get(layout.frame_owner).copied().unwrap_or(0),
            on_data_stack,
        }
    }

    /// Reads a frame that lies elsewhere by a call of its own, and along with the others from now on.
    fn fetch(&mut self, context: &Context<'_>, address: u64) -> bool {
        if !address.is_multiple_of(8) || self.elsewhere.contains(&address) {
            return false;
        }
        let length = context.layout.frame_head;
        let at = self.filled;
        if self.buffer.len() < at + length {
            self.buffer.resize(at + length, 0);
        }
        let Some(buffer) = self.buffer.get_mut(at..at + length) else { return false };
        if context.remote.read(address, buffer).is_err() {
            return false;
        }
        self.filled += length;
        self.spans.push(Span { address, length, at, used: true });
        self.elsewhere.push(address);
        self.stale = true;
        true
    }

    /// The frames from the outermost in, as far as they are of one stack: used where the way out was lost.
    fn recover(&mut self, names: &Names, layout: &Layout, state: State, again: Option<State>) {
        self.resolver.links.clear();
        let top = again.map_or(state.top, |again| again.top.min(state.top));
        let mut outward = Vec::new();
        let mut at = self
            .resolver
            .resolved
            .iter()
            .find(|known| known.link.on_data_stack)
            .map_or(0, |known| known.link.address);
        let mut below = 0;
        while at != 0 && at < top && self.resolver.links.len() < MAX_DEPTH {
            let Some(found) = self.frame(layout, at) else { break };
            let link = self.link(layout, at, found);
            let Some(code) = names.codes.known(link.code).and_then(|index| names.codes.get(index)) else {
                break;
            };
            // Frames elsewhere that lie between this one and the one below.
            outward.clear();
            let mut previous = link.previous;
            while previous != below && previous != 0 && previous != self.root && outward.len() < MAX_DEPTH {
                let Some(found @ (_, false)) = self.frame(layout, previous) else { break };
                let between = self.link(layout, previous, found);
                previous = between.previous;
                outward.push(between);
            }
            if previous != below && !(below == 0 && (previous == 0 || previous == self.root)) {
                break;
            }
            self.resolver.links.extend(outward.iter().rev());
            self.resolver.links.push(link);
            below = at;
            at += code.frame_bytes;
        }
        self.resolver.links.reverse();
    }
}

/// The outermost frame begins a chunk; the very first chunk leaves its first word free.
fn is_chunk_start(newest: u64, older: &[(u64, usize)], address: u64) -> bool {
    let starts = |chunk: u64| {
        let within = address.wrapping_sub(chunk);
        within == CHUNK_HEAD as u64 || within == CHUNK_HEAD as u64 + 8
    };
    starts(newest) || older.iter().any(|&(chunk, _)| starts(chunk))
}

/// Bytes of a frame holder.
const HOLDER: usize = 16;

/// Bytes of the thread state up to the last field that is read.
fn state_bytes(layout: &Layout) -> usize {
    layout.thread_top() + 8
}

/// The chunks below the newest: address and bytes in use.
fn older_chunks(context: &Context<'_>, newest: u64) -> Vec<(u64, usize)> {
    const MAX_CHUNKS: usize = 256;
    let mut found = Vec::new();
    let mut at = newest;
    while found.len() < MAX_CHUNKS {
        let Ok(previous) = context.remote.word(at) else { break };
        if previous == 0 {
            break;
        }
        let Ok(head) = context.remote.bytes(previous, CHUNK_HEAD) else { break };
        // `top` of a chunk that is not the newest counts the words in use.
        let words = usize::try_from(int_at(&head, 16)).unwrap_or(0);
        let size = usize::try_from(word_at(&head, 8)).unwrap_or(0);
        found.push((previous, (CHUNK_HEAD + words * 8).min(size)));
        at = previous;
    }
    found
}
