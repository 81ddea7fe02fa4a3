//! The stack of one thread of 3.8 to 3.10: frames are objects, each with a pointer to its caller.
//!
//! One call reads the thread state and every frame object that was part of a recent stack: interpreters reuse them (one kept
//! by each code object, or a free list), so they are mostly where they were. What is missing is read by calls of its own.
//!
//! Surprising: a frame object that has returned keeps its caller and says that it does not run, so a stack that moved
//! while it was read can be told, and is treated as in [`stack`](crate::stack): never read again, cut where it must be.

use std::io;

use crate::layout::Layout;
use crate::reading::{Context, Link, OWNER_GENERATOR, Reading, Resolved, Stillness};
use crate::regions::Regions;
use crate::remote::{Place, int_at, word_at};
use crate::resolver::Resolver;

/// Deeper stacks are not read: the memory may say anything.
const MAX_DEPTH: usize = 200_000;
/// After as many reads, frames that were not part of a stack are no longer read along.
const REFRESH: u32 = 256;
/// One in as many reads notes which frames are part of a stack.
const TOUCH: u32 = 4;
/// One in as many reads counts the calls that it sees.
const COUNT: u32 = 64;

/// Reads the stack of one thread.
#[derive(Debug)]
pub struct LinkedReader {
    state: u64,
    known: Regions,
    places: Vec<Place>,
    buffer: Vec<u8>,
    filled: usize,
    again: usize,
    reads: u32,
    resolver: Resolver,
}

impl LinkedReader {
    /// For the thread whose state is at an address.
    #[must_use]
    pub fn new(layout: &Layout, state: u64) -> Self {
        Self {
            state,
            known: Regions::of_objects(layout.frame_head),
            places: Vec::new(),
            buffer: Vec::new(),
            filled: 0,
            again: 0,
            reads: 0,
            resolver: Resolver::default(),
        }
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

    /// Reads the stack as it is now.
    ///
    /// # Errors
    /// If the thread state cannot be read.
    pub fn read(&mut self, context: &mut Context<'_>) -> io::Result<Reading> {
        let layout = context.layout;
        self.reads = self.reads.wrapping_add(1);
        if self.reads.is_multiple_of(REFRESH) {
            self.known.age();
        }
        self.resolver.begin();
        self.gather(context)?;
        let innermost = word_at(&self.buffer, layout.thread_frame);
        let again = word_at(&self.buffer, self.again + layout.thread_frame);
        if innermost == 0 {
            return Ok(Reading::empty());
        }
        let mut live = true;
        let mut whole = self.walk(context, innermost, &mut live);
        if !whole && again != 0 && again != innermost {
            whole = self.walk(context, again, &mut live);
        }
        context.confirm();
        if !whole {
            self.recover(layout);
        }
        let certain = whole && (context.is_stopped || live && again == innermost);
        let stillness = if certain { Stillness::Certain } else { Stillness::Moved };
        self.resolver.renew(context);
        let reading = self.resolver.resolve(context, stillness, whole, 0, false, |_| true);
        let counts = certain && context.counts_all();
        if counts && self.reads.is_multiple_of(COUNT) {
            self.resolver.prove_all();
        }
        if self.resolver.learn(context, counts && !reading.cut) {
            self.learn_again(context);
        }
        Ok(reading)
    }

    /// Reads once more, to tell calls that were never seen before from stacks that changed twice within one read. What was
    /// sampled stays sampled either way.
    fn learn_again(&mut self, context: &mut Context<'_>) {
        let Self { known, places, buffer, filled, resolver, .. } = self;
        if known.is_stale() || context.remote.gather(buffer, places).is_err() {
            return;
        }
        resolver.learn_again(context.names, |link| {
            let place = known.find(link.address, *filled)?;
            Some(link_at(context.layout, link.address, buffer.get(place..)?))
        });
    }

    /// The frames of the last stack that still run, outermost first: used where the way out was lost.
    fn recover(&mut self, layout: &Layout) {
        let Self { resolver, known, buffer, filled, .. } = self;
        resolver.links.clear();
        for row in &resolver.resolved {
            let Some(place) = known.find(row.link.address, *filled) else { break };
            let Some(frame) = buffer.get(place..) else { break };
            let link = link_at(layout, row.link.address, frame);
            if !is_running(layout, frame) || link.code != row.link.code || link.previous != row.link.previous
            {
                break;
            }
            resolver.links.push(link);
        }
        resolver.links.reverse();
    }

    fn prepare(&mut self, layout: &Layout) {
        if !self.known.is_stale() {
            return;
        }
        let head = layout.thread_frame + 8;
        self.places.clear();
        self.places.push(Place::new(self.state, head));
        self.again = self.known.lay_out(&mut self.places, head);
        self.places.push(Place::new(self.state, head));
        self.buffer.resize(self.again + head, 0);
    }

    /// Reads all places; what has been unmapped since is left out.
    fn gather(&mut self, context: &Context<'_>) -> io::Result<()> {
        loop {
            self.prepare(context.layout);
            let wanted = self.again + context.layout.thread_frame + 8;
            self.filled = context.remote.gather(&mut self.buffer, &self.places)?;
            if self.filled == wanted {
                return Ok(());
            }
            let mut end = 0;
            let gone = self.places.iter().find(|place| {
                end += place.length();
                end > self.filled
            });
            if !gone.map(Place::address).is_some_and(|address| self.known.forget(address)) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Follows the frames from the innermost out; false if the way was lost.
    fn walk(&mut self, context: &Context<'_>, innermost: u64, live: &mut bool) -> bool {
        let layout = context.layout;
        let touches = self.reads.is_multiple_of(TOUCH);
        self.resolver.links.clear();
        let mut at = innermost;
        let mut is_root = true;
        while at != 0 {
            if self.resolver.links.len() >= MAX_DEPTH {
                return false;
            }
            let place = self
                .known
                .find(at, self.filled)
                .or_else(|| self.known.fetch(context.remote, at, &mut self.buffer, &mut self.filled));
            let Some(place) = place else { return false };
            if touches {
                self.known.touch(at);
            }
            let frame = self.buffer.get(place..).unwrap_or_default();
            let runs = is_running(layout, frame);
            *live &= runs;
            // `f_gen` stands before `f_lasti`.
            is_root = runs && word_at(frame, layout.frame_instr - 8) == 0;
            let link = link_at(layout, at, frame);
            self.resolver.links.push(link);
            at = link.previous;
        }
        // A generator that was suspended meanwhile has no caller: then the way ends before the outermost frame.
        is_root || context.is_stopped
    }
}

fn link_at(layout: &Layout, address: u64, frame: &[u8]) -> Link {
    Link {
        address,
        code: word_at(frame, layout.frame_code),
        previous: word_at(frame, layout.frame_previous),
        instr: i64::from(int_at(frame, layout.frame_instr)).cast_unsigned(),
        owner: OWNER_GENERATOR,
        on_data_stack: false,
    }
}

/// 3.10 replaced `f_executing` by a state of which 0 is executing.
fn is_running(layout: &Layout, frame: &[u8]) -> bool {
    let byte = frame.get(layout.frame_running).copied().unwrap_or(0);
    if layout.version.at_least(10) { byte == 0 } else { byte != 0 }
}
