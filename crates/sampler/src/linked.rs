//! The stack of one thread of 3.8 to 3.10: frames are objects, each with a pointer to its caller.
//!
//! One call reads the thread state and every frame object that was part of a recent stack: interpreters reuse them (one kept
//! by each code object, or a free list), so they are mostly where they were. What is missing is read by calls of its own.
//!
//! Surprising: a frame object that has returned keeps its caller and says that it does not run, so a stack that moved
//! while it was read can be told, and is treated as in [`stack`](crate::stack): never read again, cut where it must be.

use std::io;

use hashbrown::HashMap;

use crate::layout::Layout;
use crate::reading::{Context, Link, OWNER_GENERATOR, Reading};
use crate::remote::{MAX_PLACES, Place, int_at, word_at};
use crate::resolver::Resolver;

/// As in CPython, deeper stacks are cut.
const MAX_DEPTH: usize = 20_000;
/// After as many reads, frames that were not part of a stack are no longer read along.
const REFRESH: u32 = 64;
/// The most frames that are read along.
const MAX_KNOWN: usize = MAX_PLACES - 8;

/// Reads the stack of one thread.
#[derive(Debug)]
pub struct LinkedReader {
    state: u64,
    /// Frames that are read along: where in the buffer, and the reading that last used it.
    known: HashMap<u64, (usize, u32), foldhash::fast::RandomState>,
    places: Vec<Place>,
    buffer: Vec<u8>,
    filled: usize,
    again: usize,
    stale: bool,
    reads: u32,
    outermost: u64,
    resolver: Resolver,
}

impl LinkedReader {
    /// For the thread whose state is at an address.
    #[must_use]
    pub fn new(state: u64) -> Self {
        Self {
            state,
            known: HashMap::default(),
            places: Vec::new(),
            buffer: Vec::new(),
            filled: 0,
            again: 0,
            stale: true,
            reads: 0,
            outermost: 0,
            resolver: Resolver::default(),
        }
    }

    /// What is known of code objects has changed: frames are named anew.
    pub fn forget(&mut self) {
        self.resolver.forget();
    }

    /// Reads the stack as it is now.
    ///
    /// # Errors
    /// If the thread state cannot be read.
    pub fn read(&mut self, context: &mut Context<'_>) -> io::Result<Reading> {
        let layout = context.layout;
        self.reads = self.reads.wrapping_add(1);
        if self.reads.is_multiple_of(REFRESH) {
            self.refresh();
        }
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
        let certain = whole && live && again == innermost;
        if certain {
            self.outermost = self.resolver.links.last().map_or(0, |link| link.address);
        }
        let reading = self.resolver.resolve(context, certain, whole, |_| true);
        if !self.resolver.unproven.is_empty() {
            self.prove(context);
        }
        Ok(reading)
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
            let again = |link: &Link| {
                let &(place, _) = self.known.get(&link.address)?;
                Some(link_at(layout, link.address, self.buffer.get(place..)?))
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
        let (now, before) = (self.reads, self.known.len());
        self.known.retain(|_, &mut (_, used)| now.wrapping_sub(used) <= REFRESH);
        self.stale |= self.known.len() != before;
    }

    fn prepare(&mut self, layout: &Layout) {
        if !self.stale {
            return;
        }
        self.stale = false;
        self.places.clear();
        let head = layout.thread_frame + 8;
        let mut at = head;
        self.places.push(Place::new(self.state, head));
        if self.known.len() > MAX_KNOWN {
            self.known.clear();
        }
        for (&address, (place, _)) in &mut self.known {
            *place = at;
            self.places.push(Place::new(address, layout.frame_head));
            at += layout.frame_head;
        }
        self.again = at;
        self.places.push(Place::new(self.state, head));
        self.buffer.resize(at + head, 0);
    }

    /// Reads all places; what has been unmapped since is left out.
    fn gather(&mut self, context: &Context<'_>) -> io::Result<()> {
        loop {
            self.prepare(context.layout);
            self.filled = context.remote.gather(&mut self.buffer, &self.places)?;
            if self.filled == self.buffer.len() || self.known.is_empty() {
                return Ok(());
            }
            let mut end = 0;
            let gone = self.places.iter().find(|place| {
                end += place.length();
                end > self.filled
            });
            let gone = gone.map(Place::address);
            match gone {
                Some(address) if self.known.remove(&address).is_some() => self.stale = true,
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    /// Follows the frames from the innermost out; false if the way was lost.
    fn walk(&mut self, context: &Context<'_>, innermost: u64, live: &mut bool) -> bool {
        let layout = context.layout;
        self.resolver.links.clear();
        let mut at = innermost;
        while at != 0 {
            if self.resolver.links.len() >= MAX_DEPTH {
                return false;
            }
            let place = match self.known.get_mut(&at) {
                Some((place, used)) => {
                    *used = self.reads;
                    *place
                }
                None => match self.fetch(context, at) {
                    Some(place) => place,
                    None => return false,
                },
            };
            let frame = self.buffer.get(place..).unwrap_or_default();
            *live &= is_running(layout, frame);
            let link = link_at(layout, at, frame);
            self.resolver.links.push(link);
            at = link.previous;
        }
        // A generator that was suspended meanwhile has no caller: then the way ends before the outermost frame.
        *live || self.resolver.links.last().is_some_and(|last| last.address == self.outermost)
    }

    /// Reads a frame by a call of its own, and along with the others from now on.
    fn fetch(&mut self, context: &Context<'_>, address: u64) -> Option<usize> {
        if !address.is_multiple_of(8) {
            return None;
        }
        let (at, length) = (self.buffer.len(), context.layout.frame_head);
        self.buffer.resize(at + length, 0);
        context.remote.read(address, self.buffer.get_mut(at..)?).ok()?;
        self.known.insert(address, (at, self.reads));
        self.stale = true;
        Some(at)
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
