//! What the thread state said while a stack was read (3.11 and later): it is read several times in one call, so that what changed
//! in between is seen.
//!
//! In 3.11 and 3.12 it does not say which frame runs, but which frame holder on the C stack says so.

use crate::layout::{Layout, NONE};
use crate::reading::Context;
use crate::regions::Regions;
use crate::remote::{Place, Remote, word_at};

/// The most frame holders that are read twice.
const MAX_RECENT: usize = 2;
/// Bytes of a frame holder.
const HOLDER: usize = 16;

/// What the thread state said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// The innermost frame.
    pub frame: u64,
    /// The newest chunk of the data stack.
    pub chunk: u64,
    /// Where its free part begins.
    pub top: u64,
}

/// What it said before, directly behind the newest chunk of the data stack, and at the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct States {
    /// Before.
    pub first: State,
    /// Directly behind the newest chunk of the data stack.
    pub again: Option<State>,
    /// At the end.
    pub last: Option<State>,
}

/// Where the copies are in the buffer.
#[derive(Debug)]
pub(crate) struct Copies {
    address: u64,
    again: usize,
    last: usize,
    holders: Regions,
    recent: Vec<u64>,
    is_stale: bool,
}

impl Copies {
    /// Of the thread state at an address.
    #[must_use]
    pub(crate) fn new(address: u64) -> Self {
        Self {
            address,
            again: 0,
            last: 0,
            holders: Regions::new(HOLDER),
            recent: Vec::new(),
            is_stale: false,
        }
    }

    /// Whether the read must be laid out anew.
    #[must_use]
    pub(crate) fn is_stale(&self) -> bool {
        self.is_stale || self.holders.is_stale()
    }

    /// Appends the first copy to places, at the beginning of the buffer; where it ends.
    pub(crate) fn lay_out_first(&mut self, layout: &Layout, places: &mut Vec<Place>) -> usize {
        self.is_stale = false;
        places.push(Place::new(self.address, state_bytes(layout)));
        self.holders.lay_out(places, state_bytes(layout))
    }

    /// The same for the second copy, from `at` on.
    pub(crate) fn lay_out_again(&mut self, layout: &Layout, places: &mut Vec<Place>, at: usize) -> usize {
        self.again = at;
        self.lay_out(layout, places, at)
    }

    /// The same for the last one.
    pub(crate) fn lay_out_last(&mut self, layout: &Layout, places: &mut Vec<Place>, at: usize) -> usize {
        self.last = at;
        self.lay_out(layout, places, at)
    }

    fn lay_out(&self, layout: &Layout, places: &mut Vec<Place>, at: usize) -> usize {
        places.push(Place::new(self.address, state_bytes(layout)));
        places.extend(self.recent.iter().map(|&holder| Place::new(holder, HOLDER)));
        at + state_bytes(layout) + self.recent.len() * HOLDER
    }

    /// What the copies say, of `filled` bytes; `None` if the thread state was not read, or its frame holder not along with it.
    pub(crate) fn states(
        &mut self,
        context: &Context<'_>,
        buffer: &mut Vec<u8>,
        filled: &mut usize,
    ) -> Option<States> {
        let layout = context.layout;
        let read = buffer.get(..*filled)?;
        let first = state_at(layout, read, 0)?;
        let [again, last] = [self.again, self.last].map(|at| self.copy_at(layout, read, at));
        if layout.thread_cframe == NONE {
            return Some(States { first, again, last });
        }
        // What was read as the frame is the frame holder.
        let holder = first.frame;
        self.holders.touch(holder);
        let found = self.holders.find(holder, *filled);
        let found = found.or_else(|| self.holders.fetch(context.remote, holder, buffer, filled))?;
        if !self.recent.contains(&holder) {
            self.recent.insert(0, holder);
            self.recent.truncate(MAX_RECENT);
            self.is_stale = true;
        }
        let frame = word_at(buffer, found + layout.cframe_frame);
        Some(States { first: State { frame, ..first }, again, last })
    }

    /// Reads the last copy once more; what it says.
    #[must_use]
    pub(crate) fn read_last(
        &self,
        layout: &Layout,
        remote: Remote,
        places: &[Place],
        buffer: &mut [u8],
    ) -> Option<State> {
        // It is the last place but for its frame holders.
        let last = places.get(places.len().checked_sub(1 + self.recent.len())?..)?;
        remote.gather(buffer.get_mut(self.last..)?, last).ok()?;
        self.copy_at(layout, buffer, self.last)
    }

    /// A later copy, with the frame that its holder tells.
    fn copy_at(&self, layout: &Layout, read: &[u8], at: usize) -> Option<State> {
        let state = state_at(layout, read, at)?;
        if layout.thread_cframe == NONE {
            return Some(state);
        }
        let index = self.recent.iter().position(|&known| known == state.frame)?;
        let at = at + state_bytes(layout) + index * HOLDER + layout.cframe_frame;
        (at + 8 <= read.len()).then(|| State { frame: word_at(read, at), ..state })
    }

    /// A frame holder may be gone with its memory. Whether one was read there.
    pub(crate) fn forget(&mut self, address: u64) -> bool {
        self.holders.forget(address)
    }

    /// Frame holders that are no longer used are no longer read along.
    pub(crate) fn age(&mut self) {
        self.holders.age();
    }
}

fn state_at(layout: &Layout, read: &[u8], at: usize) -> Option<State> {
    let state = read.get(at..at + state_bytes(layout))?;
    let frame = if layout.thread_cframe == NONE { layout.thread_frame } else { layout.thread_cframe };
    Some(State {
        frame: word_at(state, frame),
        chunk: word_at(state, layout.thread_chunk),
        top: word_at(state, layout.thread_top()),
    })
}

/// Bytes of the thread state up to the last field that is read.
fn state_bytes(layout: &Layout) -> usize {
    layout.thread_top() + 8
}
