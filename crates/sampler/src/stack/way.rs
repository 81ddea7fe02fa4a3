//! The way from frame to frame through what was read of a stack: out from the innermost, and in from the outermost where that is lost.

use super::StackReader;
use crate::copies::State;
use crate::reading::{Context, OWNER_ENTRY};

/// Deeper stacks are not read: the memory may say anything.
const MAX_DEPTH: usize = 200_000;
/// Frames that may be found by their places only: each takes a way through the chunk.
const MAX_GUESSES: u32 = 64;

impl StackReader {
    /// Follows the frames of a state from the innermost out. False if the way was lost: what was read is not one stack.
    pub(super) fn walk(&mut self, context: &Context<'_>, from: State, first: State) -> bool {
        if self.walk_to_root(context, from, first) {
            return true;
        }
        // Where the outermost frame was may be one that is not the outermost: C has called Python from elsewhere since.
        let root = std::mem::take(&mut self.root);
        let is_whole = root != 0 && self.walk_to_root(context, from, first);
        if !is_whole {
            self.root = root;
        }
        is_whole
    }

    fn walk_to_root(&mut self, context: &Context<'_>, from: State, first: State) -> bool {
        let layout = context.layout;
        self.resolver.links.clear();
        self.may_be_root = self.root;
        let mut at = from.frame;
        let root = if self.asks_root { 0 } else { self.root };
        // Where the next frame of the data stack must end.
        let mut end = from.top;
        while at != 0 && at != root {
            let found = self.frame_or_fetch(context.remote, layout, at);
            if found.is_none() && self.data.find(at).is_some() {
                return false;
            }
            let link = found.map(|found| self.link(layout, at, found));
            // Frames that are called by others lie on the data stack: what lay here has ended meanwhile.
            let Some(link) = link.filter(|link| link.on_data_stack || link.owner != 0) else {
                at = self.before(context, end);
                if at == 0 {
                    return false;
                }
                continue;
            };
            if link.address == link.previous || self.resolver.links.len() >= MAX_DEPTH {
                return false;
            }
            if link.on_data_stack {
                end = link.address;
            }
            at = link.previous;
            if at == 0 && link.owner >= OWNER_ENTRY {
                self.may_be_root = link.address;
            } else if at == 0 && !link.on_data_stack {
                // A generator that was suspended meanwhile: its caller was next to what it called.
                at = self.before(context, end);
            }
            self.resolver.links.push(link);
        }
        let outermost = self.resolver.links.iter().rev().find(|link| link.on_data_stack);
        if outermost.is_none() && first.chunk == 0 {
            // No data stack yet: nothing has run.
            return true;
        }
        self.data.begins(outermost.map_or(first.top, |link| link.address))
    }

    /// The frame of the newest chunk that ends at an address, told by the sizes of those before it; 0 if there is none. Whoever
    /// has to ask has lost the way that was read.
    fn before(&mut self, context: &Context<'_>, end: u64) -> u64 {
        // Where nothing has moved, frames are as they are between two stores.
        if context.is_stopped || self.guesses >= MAX_GUESSES {
            return 0;
        }
        self.guesses += 1;
        let codes = &context.names.codes;
        let mut at = self.data.first_frame();
        while at < end {
            // One that was not read with the chunk, but by a call of its own, is of another moment: it is where the way was lost.
            let Some(found @ (_, true)) = self.frame(context.layout, at) else { return 0 };
            let code = codes.known(self.link(context.layout, at, found).code);
            let Some(code) = code.and_then(|index| codes.get(index)) else { return 0 };
            let next = at + code.frame_bytes;
            if next == end {
                return at;
            }
            at = next;
        }
        0
    }

    /// The frames from the outermost in, as far as they are of one stack: used where the way out was lost. Whether these are
    /// all that lie on the data stack, but for one at most that is being entered.
    pub(super) fn recover(&mut self, context: &mut Context<'_>, state: State, again: Option<State>) -> bool {
        self.resolver.links.clear();
        let top = again.map_or(state.top, |again| again.top.min(state.top));
        let read = self.buffer.get(..self.filled).unwrap_or_default();
        let mut below = 0;
        let is_whole = self.data.extents(read, top).into_iter().all(|extent| {
            let last = self.recover_chunk(context, extent, below);
            last.inspect(|&last| below = last).is_some()
        });
        self.resolver.links.reverse();
        is_whole && !self.resolver.links.is_empty()
    }

    /// The same for what lies in one chunk, above a frame of the one below. The last frame, if the way was not lost.
    fn recover_chunk(
        &mut self,
        context: &mut Context<'_>,
        (first, end): (u64, u64),
        below: u64,
    ) -> Option<u64> {
        let layout = context.layout;
        let mut outward = Vec::new();
        let mut below = below;
        let mut at = first;
        while at < end && self.resolver.links.len() < MAX_DEPTH {
            let found = self.frame(layout, at).filter(|(_, on_data_stack)| *on_data_stack)?;
            let link = self.link(layout, at, found);
            let codes = &mut context.names.codes;
            // What moves may be no code at all.
            let known = match context.is_stopped {
                true => codes.find(context.remote, layout, link.code),
                false => codes.known(link.code),
            };
            let next = at + codes.get(known?)?.frame_bytes;
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
                // One that is being entered does not say yet who called it.
                return (next == end).then_some(below);
            }
            self.resolver.links.extend(outward.iter().rev());
            self.resolver.links.push(link);
            below = at;
            at = next;
        }
        (at == end).then_some(below)
    }
}
