//! The stack of one thread of 3.11 and later: frames are records on a data stack, so one read has nearly all of them.
//!
//! ```text
//! one call:  thread state | chunk of the data stack | thread state | frames that lie elsewhere | thread state
//! ```
//!
//! Frames in the chunk are contiguous: a frame's code tells its size, and so where its callee begins. Frames of generators lie in
//! their objects, and entry frames (3.12 and later; where C called Python) on the C stack: they are read at the addresses
//! where they were last time, or by a call of their own.
//!
//! Surprising: nothing is read again because it moved. That would prefer states that stand still: measured as a bias of up to 20
//! percentage points. The copies of the thread state tell whether the stack moved ([`Stillness`]); where it did, only pairs of
//! caller and callee are believed that were seen otherwise ([`call_site`](crate::names::Names::call_site)) or stand in a second
//! reading, and the stack is cut at the first other one. So it is where the stack seems not to have moved, but two functions that
//! are well known were never proven to call each other: it can have come back to what it was.

mod way;

use std::io;
use std::time::{Duration, Instant};

use crate::copies::{Copies, State, States};
use crate::data_stack::DataStack;
use crate::layout::Layout;
use crate::reading::{Context, Link, OWNER_ENTRY, Reading, Resolved, Stillness};
use crate::regions::Regions;
use crate::remote::{Place, Remote, word_at};
use crate::resolver::Resolver;

/// Reads that may follow each other because a place was not the expected one (chunk, depth): not because something moved.
const MAX_ATTEMPTS: usize = 4;
/// After as many reads, guesses (depth, frames elsewhere) are made anew.
const REFRESH: u32 = 256;
/// One in as many reads notes which frames elsewhere are part of a stack.
const TOUCH: u32 = 4;
/// One in as many reads counts the calls that it sees.
const COUNT: u32 = 64;
/// After as long a thread that seems to stand is looked at once more.
const TURN: Duration = Duration::from_micros(20);

/// Reads the stack of one thread.
#[derive(Debug)]
pub struct StackReader {
    copies: Copies,
    data: DataStack,
    elsewhere: Regions,
    root: u64,
    may_be_root: u64,
    /// Whether the outermost frame is read once more, to see that it still is.
    asks_root: bool,
    places: Vec<Place>,
    buffer: Vec<u8>,
    filled: usize,
    stale: bool,
    /// Whether frames of this reading were read by calls of their own.
    has_fetched: bool,
    /// How many frames of this reading were found by their places only.
    guesses: u32,
    reads: u32,
    resolver: Resolver,
}

impl StackReader {
    /// For the thread whose state is at an address.
    #[must_use]
    pub fn new(layout: &Layout, state: u64) -> Self {
        Self {
            copies: Copies::new(state),
            data: DataStack::default(),
            elsewhere: Regions::new(layout.frame_head),
            root: 0,
            may_be_root: 0,
            asks_root: false,
            places: Vec::new(),
            buffer: Vec::new(),
            filled: 0,
            stale: true,
            has_fetched: false,
            guesses: 0,
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
            self.refresh(context);
        }
        let Some(States { first: state, again, last }) = self.gather(context)? else {
            return Ok(Reading::empty());
        };
        self.has_fetched = false;
        self.guesses = 0;
        self.resolver.begin();
        let mut whole = self.walk(context, state, state);
        if !whole && let Some(again) = again.filter(|again| *again != state && again.frame != 0) {
            whole = self.walk(context, again, state);
        }
        context.confirm();
        if !whole {
            // A thread can be stopped between two of the stores that enter or leave a frame.
            whole = self.recover(context, state, again) && context.is_stopped;
        }
        if whole && self.guesses == 0 {
            self.touch();
        }
        let stillness = if !whole {
            Stillness::Moved
        } else if context.is_stopped {
            Stillness::Certain
        } else if last == Some(state) && self.guesses == 0 && self.stands(context, state) {
            Stillness::Whole
        } else if again == Some(state) {
            Stillness::DataStack
        } else {
            Stillness::Moved
        };
        let certain = stillness.is_whole();
        if certain {
            self.root = self.may_be_root;
            self.asks_root = false;
        }
        self.resolver.renew(context);
        let mut reading = self.resolve(context, (stillness, whole), 0, false);
        if self.resolver.doubted.is_some() && !context.seat.exists() && self.read_again(context) {
            while let Some(stood) = self.proven(context) {
                reading = self.resolve(context, (stillness, whole), stood, false);
            }
        } else if reading.cut && self.resolver.is_unknown {
            // The outer part of most stacks stands for longer than a reading takes.
            let stood = self.stood(context, stillness);
            reading = self.resolve(context, (stillness, whole), stood, false);
        }
        if certain && reading.cut && !self.resolver.is_unknown {
            // What stood still fits together: a code object is not the one that was read at its address.
            let codes = self.resolver.links.iter().map(|link| link.code);
            context.names.recheck(context.remote, context.layout, codes);
            reading = self.resolve(context, (stillness, whole), 0, true);
        }
        // Not in the first one: it is laid out for another.
        let counts = certain && context.counts_all();
        if counts && self.reads % COUNT == COUNT / 2 {
            self.resolver.prove_all();
        }
        if self.resolver.learn(context, counts && !reading.cut) {
            self.learn_again(context);
        }
        if certain && self.root != 0 {
            // It says nothing but that it is the outermost: known, it need not be read along.
            self.elsewhere.release(self.root);
        }
        Ok(reading)
    }

    fn resolve(
        &mut self,
        context: &mut Context<'_>,
        (stillness, whole): (Stillness, bool),
        stood: usize,
        gaps: bool,
    ) -> Reading {
        let Self { resolver, data, .. } = self;
        resolver.resolve(context, stillness, whole, stood, gaps, |address| data.is_start(address))
    }

    /// Notes which frames elsewhere are part of a stack, so that they are read along.
    fn touch(&mut self) {
        if self.has_fetched || self.reads.is_multiple_of(TOUCH) {
            for link in self.resolver.links.iter().filter(|link| !link.on_data_stack) {
                self.elsewhere.touch(link.address);
            }
        }
    }

    /// Whether the thread state is what it was, if frames were read by calls of their own since.
    fn stands(&mut self, context: &Context<'_>, state: State) -> bool {
        if !self.has_fetched {
            return true;
        }
        let Self { copies, places, buffer, stale, .. } = self;
        !*stale && copies.read_last(context.layout, context.remote, places, buffer) == Some(state)
    }

    /// Reads everything in one call; again only if it was laid out for another place. `None` if no Python runs.
    fn gather(&mut self, context: &Context<'_>) -> io::Result<Option<States>> {
        for attempt in 1..=MAX_ATTEMPTS {
            self.prepare(context.layout);
            self.elsewhere.begin();
            self.filled = context.remote.gather(&mut self.buffer, &self.places)?;
            if self.filled < self.buffer.len() && self.forget_unmapped() {
                continue;
            }
            let Self { copies, buffer, filled, .. } = self;
            let Some(states) = copies.states(context, buffer, filled) else { continue };
            if states.first.frame == 0 {
                return Ok(None);
            }
            if !self.misses(context, states.first) || attempt == MAX_ATTEMPTS {
                return Ok(Some(states));
            }
        }
        Ok(None)
    }

    /// Frames elsewhere may be gone with their memory. Whether there were some.
    fn forget_unmapped(&mut self) -> bool {
        let mut end = 0;
        let gone = self.places.iter().find(|place| {
            end += place.length();
            end > self.filled
        });
        gone.map(Place::address)
            .is_some_and(|address| self.elsewhere.forget(address) || self.copies.forget(address))
    }

    /// The frames of the last reading that had some, outermost first.
    #[must_use]
    pub fn rows(&self) -> &[Resolved] {
        &self.resolver.resolved
    }

    /// What one call reads.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Reads once more: how many of the outermost frames are the same.
    fn stood(&mut self, context: &Context<'_>, stillness: Stillness) -> usize {
        let may_stand = stillness == Stillness::Whole;
        if may_stand {
            // A program of short turns is somewhere else by then, and a thread that waits is not.
            let until = Instant::now() + TURN;
            while Instant::now() < until {
                std::hint::spin_loop();
            }
        }
        // Frames that were fetched are read along from now on.
        self.prepare(context.layout);
        if !self.read_again(context) {
            return 0;
        }
        let mut stood = 0;
        for index in (0..self.resolver.links.len()).rev() {
            let Some(link) = self.resolver.links.get(index).copied() else { break };
            // Generators of other calls come to lie at the same addresses: theirs is not the same moment in either reading.
            if !may_stand && !link.on_data_stack && link.owner < OWNER_ENTRY {
                return stood;
            }
            match self.again(context.remote, context.layout, &link) {
                Some(again) if again == link => {}
                // What it calls is another thing, but itself it stands.
                Some(again) if again.code == link.code && again.previous == link.previous => {
                    return stood + 1;
                }
                None if link.owner >= OWNER_ENTRY => {}
                _ => return stood,
            }
            stood += 1;
        }
        stood
    }

    /// How many of the outermost frames are believed if the doubted call is the same in a second reading.
    fn proven(&mut self, context: &mut Context<'_>) -> Option<usize> {
        let (remote, layout) = (context.remote, context.layout);
        let (depth, call) = self.resolver.doubted?;
        let stands = call.stands(|link| self.again(remote, layout, link));
        context.names.tried_call(call.point, call.code, stands);
        stands.then_some(depth + 1)
    }

    /// Fills the buffer anew. False if that is not possible.
    fn read_again(&mut self, context: &Context<'_>) -> bool {
        self.elsewhere.begin();
        self.filled = context.remote.gather(&mut self.buffer, &self.places).unwrap_or(0);
        self.filled > 0
    }

    /// The frame of a link as it is in the second reading; one that is not read along comes by a call of its own.
    fn again(&mut self, remote: Remote, layout: &Layout, link: &Link) -> Option<Link> {
        let found = self.frame_or_fetch(remote, layout, link.address)?;
        Some(self.link(layout, link.address, found))
    }

    /// Reads once more, to tell calls that were not often seen before from stacks that changed twice within one read. What was
    /// sampled stays sampled either way.
    fn learn_again(&mut self, context: &mut Context<'_>) {
        if self.stale || self.elsewhere.is_stale() || !self.read_again(context) {
            return;
        }
        let mut resolver = std::mem::take(&mut self.resolver);
        let (remote, layout) = (context.remote, context.layout);
        resolver.learn_again(context.names, |link| self.again(remote, layout, link));
        self.resolver = resolver;
    }

    fn refresh(&mut self, context: &Context<'_>) {
        self.reads = 0;
        self.asks_root = true;
        self.elsewhere.age();
        self.copies.age();
        self.data.refresh(context.remote);
        self.stale = true;
    }

    /// Lays out the read: what is where in the buffer.
    fn prepare(&mut self, layout: &Layout) {
        if !self.stale && !self.elsewhere.is_stale() && !self.copies.is_stale() {
            return;
        }
        self.stale = false;
        let Self { places, copies, data, elsewhere, .. } = self;
        places.clear();
        let mut at = copies.lay_out_first(layout, places);
        at = data.lay_out_newest(places, at);
        // The thread state comes again at once, so that the time in between is short, and at the end.
        at = copies.lay_out_again(layout, places, at);
        at = data.lay_out_older(places, at);
        at = elsewhere.lay_out(places, at);
        at = copies.lay_out_last(layout, places, at);
        self.buffer.resize(at, 0);
    }

    /// Whether the read was laid out for another chunk or a smaller depth; lays it out anew then.
    fn misses(&mut self, context: &Context<'_>, state: State) -> bool {
        if self.data.chunk != state.chunk {
            self.root = 0;
        }
        let read = self.buffer.get(..self.filled).unwrap_or_default();
        let misses = self.data.misses(context.remote, read, state.chunk, state.top);
        self.stale |= misses;
        misses
    }

    /// The bytes of the frame at an address, if they were read.
    #[inline]
    fn frame(&self, layout: &Layout, address: u64) -> Option<(usize, bool)> {
        match self.data.find(address) {
            Some((at, end)) => (at + layout.frame_head <= self.filled.min(end)).then_some((at, true)),
            None => self.elsewhere.find(address, self.filled).map(|at| (at, false)),
        }
    }

    /// The same, by a read of its own if it lies elsewhere. What lies on the data stack behind what was read has been called
    /// since: a later read of it would be of another moment.
    fn frame_or_fetch(&mut self, remote: Remote, layout: &Layout, address: u64) -> Option<(usize, bool)> {
        let found = self.frame(layout, address);
        if found.is_some() || self.data.find(address).is_some() {
            return found;
        }
        self.has_fetched = true;
        let Self { elsewhere, buffer, filled, .. } = self;
        elsewhere.fetch(remote, address, buffer, filled).map(|at| (at, false))
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
}
