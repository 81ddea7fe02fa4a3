//! Reading tasks, and the frames in which their coroutines are suspended.

use super::kinds::{Kind, Kinds};
use super::offsets::{MAX_TASK, TaskOffsets};
use crate::dicts::Dicts;
use crate::layout::{BYTES_DATA, CODE_BYTES, FIRST_FIELD, FRAME_VALUES, NONE, OB_TYPE};
use crate::reading::Context;
use crate::remote::{Place, int_at, word_at};

/// More reads and looks at objects are not made for one chain: some 10 ms, which only a task with thousands of callbacks needs.
const BUDGET: usize = 16_384;
/// Deeper stacks of coroutines are not followed.
const MAX_DEPTH: usize = 1_000;

/// A task as it was read.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// Where it is.
    pub(super) address: u64,
    /// Its coroutine.
    pub(super) coroutine: u64,
    /// The object that is its name.
    pub(super) name: u64,
    /// The future that it waits for; 0 if none, or from 3.14 on.
    pub(super) waiter: u64,
    /// All of it.
    pub(super) head: [u8; MAX_TASK],
}

/// What following a chain needs.
#[derive(Debug)]
pub(super) struct Walk<'a, 'b> {
    /// The memory, and what is known of code.
    pub(super) context: &'a mut Context<'b>,
    /// What is known of types.
    pub(super) kinds: &'a mut Kinds,
    /// How tasks are laid out.
    pub(super) offsets: TaskOffsets,
    /// How many reads and looks at objects may still be made: the memory may lead anywhere.
    budget: usize,
    near: [Block; BLOCKS],
    oldest: usize,
}

/// What was read around an object: its other fields, or its neighbours, are often read next.
#[derive(Clone, Copy, Debug)]
struct Block {
    address: u64,
    filled: usize,
    bytes: [u8; BLOCK],
}

/// Every object but long tuples and dicts fits.
const BLOCK: usize = 192;
const BLOCKS: usize = 4;

impl<'a, 'b> Walk<'a, 'b> {
    /// Begins with nothing read.
    pub(super) fn new(context: &'a mut Context<'b>, kinds: &'a mut Kinds, offsets: TaskOffsets) -> Self {
        let none = Block { address: 0, filled: 0, bytes: [0; BLOCK] };
        Self { context, kinds, offsets, budget: BUDGET, near: [none; BLOCKS], oldest: 0 }
    }

    /// Before so many reads, or looks at what was read.
    pub(super) fn charge(&mut self, reads: usize) -> Option<()> {
        self.budget = self.budget.checked_sub(reads)?;
        Some(())
    }

    /// Some bytes, by a read of more of them unless a recent one had them; no more than a block.
    pub(super) fn bytes(&mut self, address: u64, length: usize) -> Option<&[u8]> {
        let within = |block: &Block| {
            let at = usize::try_from(address.wrapping_sub(block.address)).ok()?;
            (at < block.filled && length <= block.filled - at).then_some(at)
        };
        let known = self.near.iter().enumerate().find_map(|(index, block)| Some((index, within(block)?)));
        let (index, at) = match known {
            Some(found) => found,
            None => {
                self.charge(1)?;
                self.oldest = (self.oldest + 1) % BLOCKS;
                let block = self.near.get_mut(self.oldest)?;
                block.address = address;
                block.filled = 0;
                block.filled =
                    self.context.remote.gather(&mut block.bytes, &[Place::new(address, BLOCK)]).ok()?;
                (self.oldest, 0)
            }
        };
        let block = self.near.get(index)?;
        block.bytes.get(..block.filled)?.get(at..at + length)
    }

    /// Looks things up in dicts.
    #[must_use]
    pub(super) fn dicts(&self) -> Dicts<'b> {
        Dicts::new(self.context.remote, self.context.layout)
    }

    /// A pointer that is not null.
    pub(super) fn word(&mut self, address: u64) -> Option<u64> {
        self.number(address).filter(|&word| word != 0)
    }

    /// A 64-bit number.
    pub(super) fn number(&mut self, address: u64) -> Option<u64> {
        self.bytes(address, 8).map(|word| word_at(word, 0))
    }

    /// What an object is; `None` if there is no object.
    pub(super) fn kind(&mut self, object: u64) -> Option<Kind> {
        self.charge(1)?;
        if object == 0 || !object.is_multiple_of(8) {
            return None;
        }
        let type_at = self.context.layout.at(OB_TYPE);
        let kind = word_at(self.bytes(object, type_at + 8)?, type_at);
        self.of_type(kind)
    }

    fn of_type(&mut self, kind: u64) -> Option<Kind> {
        self.kinds.of_type(self.context.remote, self.context.layout, kind, &mut self.budget)
    }

    /// The task at an address; `None` if there is none.
    pub(super) fn task(&mut self, address: u64) -> Option<Task> {
        self.charge(1)?;
        let mut head = [0; MAX_TASK];
        self.context.remote.read(address, head.get_mut(..self.offsets.size)?).ok()?;
        let kind = self.of_type(word_at(&head, self.context.layout.at(OB_TYPE)))?;
        let offsets = &self.offsets;
        (kind == Kind::Task).then(|| Task {
            address,
            coroutine: word_at(&head, offsets.coroutine),
            name: word_at(&head, offsets.name),
            waiter: if offsets.waiter == NONE { 0 } else { word_at(&head, offsets.waiter) },
            head,
        })
    }

    /// Where the frame of a coroutine is; `None` if it has none.
    pub(super) fn frame_of(&mut self, coroutine: u64) -> Option<u64> {
        let layout = self.context.layout;
        let place = coroutine + layout.generator_frame as u64;
        if layout.has_data_stack() { Some(place) } else { self.word(place) }
    }

    /// The frames in which a coroutine is suspended, outermost first, as ids of the tree's frames: its own, and those of what it
    /// awaits. None if it has no frames of Python; `None` if it is not suspended, or moved while it was read.
    pub(super) fn suspended(&mut self, coroutine: u64) -> Option<Vec<u32>> {
        let mut frames = Vec::new();
        let mut at = coroutine;
        while frames.len() < MAX_DEPTH {
            let mut kind = self.kind(at)?;
            if kind == Kind::Step {
                // `cw_coroutine`, `ags_gen`, `agt_gen`, `wrapped`.
                at = self.word(at + self.context.layout.at(FIRST_FIELD) as u64)?;
                kind = self.kind(at)?;
            }
            if !kind.has_frame() {
                break;
            }
            let (frame, awaited) = self.suspended_frame(at, kind)?;
            frames.push(frame);
            if awaited == 0 {
                break;
            }
            at = awaited;
        }
        Some(frames)
    }

    /// One of them: its frame, and the object that it awaits, 0 if none.
    fn suspended_frame(&mut self, coroutine: u64, kind: Kind) -> Option<(u32, u64)> {
        let layout = self.context.layout;
        let (frame, code, instr, top) = if layout.has_data_stack() {
            let head = self.bytes(coroutine, layout.generator_frame + layout.frame_head)?.to_vec();
            let state = head.get(layout.generator_state)?.cast_signed();
            let is_delegating = self.is_delegating(state)?;
            let frame = head.get(layout.generator_frame..)?;
            let address = coroutine + layout.generator_frame as u64;
            let top = if is_delegating { self.top_of_record(address, frame)? } else { 0 };
            // From 3.14 on the lowest bits are tags.
            (address, word_at(frame, layout.frame_code) & !7, word_at(frame, layout.frame_instr), top)
        } else {
            let address = self.word(coroutine + layout.generator_frame as u64)?;
            let frame = self.bytes(address, layout.frame_head)?.to_vec();
            let instr = i64::from(int_at(&frame, layout.frame_instr));
            let top = self.top_of_object(&frame)?;
            (address, word_at(&frame, layout.frame_code), instr.cast_unsigned(), top)
        };
        let Context { remote, names, tree, .. } = &mut *self.context;
        let (mut index, mut own) = names.code_at(*remote, layout, code, instr)?;
        // What is suspended has run: this was code that is gone.
        if !names.codes.get(index)?.runs(own) {
            names.recheck(*remote, layout, std::iter::once(code));
            (index, own) = names.code_at(*remote, layout, code, instr)?;
        }
        let point = names.point(layout, tree, index, own);
        let id = names.frame(point);
        let mut awaited = 0;
        if top > frame && (kind != Kind::Generator || self.is_in_yield_from(code, instr)?) {
            awaited = self.word(top)? & !7;
        }
        Some((id, awaited))
    }

    /// Whether a frame on the data stack with this state is in an `await` or `yield from`, as far as the state tells; `None` if it
    /// is not suspended.
    fn is_delegating(&self, state: i8) -> Option<bool> {
        let version = self.context.layout.version;
        match (version.minor, state) {
            (11 | 12, -1) | (13 | 14, -1) => Some(true),
            (13 | 14, -2) => Some(false),
            (15, 2 | 3) => Some(true),
            (15, 1) => Some(false),
            _ => None,
        }
    }

    /// Where the topmost object of a suspended frame is (3.11 and later); 0 if there is none.
    fn top_of_record(&self, address: u64, frame: &[u8]) -> Option<u64> {
        let layout = self.context.layout;
        let values = address + layout.frame_head as u64;
        if layout.version.at_least(14) {
            // From 3.15 on an iterator has an index or nothing on top of it.
            let size = if layout.version.at_least(15) { 16 } else { 8 };
            let end = word_at(frame, layout.frame_stack);
            return Some(if end >= values + size { end - size } else { 0 });
        }
        let count = u64::try_from(int_at(frame, layout.frame_stack)).ok()?;
        Some(if count > 0 { values + (count - 1) * 8 } else { 0 })
    }

    /// The same for a frame object; `None` if it is not suspended.
    fn top_of_object(&self, frame: &[u8]) -> Option<u64> {
        let layout = self.context.layout;
        let values = word_at(frame, FRAME_VALUES);
        let runs = frame.get(layout.frame_running)?.cast_signed();
        if int_at(frame, layout.frame_instr) < 0 {
            return None;
        }
        if layout.version.at_least(10) {
            let count = u64::try_from(int_at(frame, layout.frame_stack)).ok()?;
            return (runs == -1).then_some(if count > 0 { values + (count - 1) * 8 } else { 0 });
        }
        let end = word_at(frame, layout.frame_stack);
        (runs == 0 && end != 0).then_some(if end > values { end - 8 } else { 0 })
    }

    /// Whether a suspended generator is in a `yield from`, whose topmost value is what it delegates to: after a plain `yield` it may
    /// be anything. Coroutines have no other way to be suspended; from 3.13 on the state tells.
    fn is_in_yield_from(&mut self, code: u64, instr: u64) -> Option<bool> {
        const YIELD_FROM: u8 = 72;
        let layout = self.context.layout;
        let remote = self.context.remote;
        match layout.version.minor {
            8..=10 => {
                let unit = if layout.version.at_least(10) { 2 } else { 1 };
                let instructions = self.word(code + CODE_BYTES as u64)? + BYTES_DATA as u64;
                let next = remote.bytes(instructions + instr * unit + 2, 1).ok()?;
                Some(next.first() == Some(&YIELD_FROM))
            }
            11 | 12 => {
                // `RESUME` with 2 (`yield from`) or 3 (`await`), in whatever form it was quickened or instrumented to.
                let next = remote.bytes(instr + 2, 2).ok()?;
                let [opcode, argument] = next.as_slice() else { return None };
                Some(matches!(opcode, 150 | 151 | 240) && argument & 3 >= 2)
            }
            _ => Some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{Layout, TYPE_NAME};
    use crate::names::Names;
    use crate::remote::Remote;
    use crate::seat::Seat;
    use crate::tree::Tree;
    use crate::version::Version;

    #[test]
    fn no_more_tasks_are_read_than_the_budget_has() {
        let version = Version::new(3, 12, 0);
        let (layout, offsets) = (Layout::known(version).unwrap(), TaskOffsets::known(version, 176).unwrap());
        let (mut kind, mut task) = ([0_u64; 64], [0_u64; MAX_TASK / 8]);
        let name = *b"_asyncio.Task\0                  ";
        kind[TYPE_NAME / 8] = name.as_ptr() as u64;
        task[OB_TYPE / 8] = kind.as_ptr() as u64;
        let (mut names, mut tree, mut kinds) = (Names::default(), Tree::default(), Kinds::default());
        let mut context = Context {
            remote: Remote::new(std::process::id()),
            layout: &layout,
            names: &mut names,
            tree: &mut tree,
            is_stopped: false,
            seat: &mut Seat::none(),
        };
        let mut walk = Walk::new(&mut context, &mut kinds, offsets);
        let read = (0..BUDGET * 2).filter(|_| walk.task(task.as_ptr() as u64).is_some()).count();
        // Its type is looked at by two reads.
        assert_eq!(read, BUDGET - 2);
        assert_eq!(walk.bytes(task.as_ptr() as u64, 8), None);
    }
}
