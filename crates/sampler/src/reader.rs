//! Reads the stack of one thread, of whichever version.

use std::io;

use crate::layout::Layout;
use crate::linked::LinkedReader;
use crate::reading::{Context, Reading, Resolved};
use crate::remote::Place;
use crate::stack::StackReader;

/// Reads the stack of one thread.
#[derive(Debug)]
pub enum Reader {
    /// 3.11 and later.
    DataStack(Box<StackReader>),
    /// 3.8 to 3.10.
    Linked(Box<LinkedReader>),
}

impl Reader {
    /// For the thread state at an address.
    #[must_use]
    pub fn new(layout: &Layout, state: u64) -> Self {
        if layout.has_data_stack() {
            Self::DataStack(Box::new(StackReader::new(layout, state)))
        } else {
            Self::Linked(Box::new(LinkedReader::new(layout, state)))
        }
    }

    /// Reads the stack as it is now.
    ///
    /// # Errors
    /// If the thread state cannot be read: the thread or the process has ended.
    #[inline]
    pub fn read(&mut self, context: &mut Context<'_>) -> io::Result<Reading> {
        match self {
            Self::DataStack(reader) => reader.read(context),
            Self::Linked(reader) => reader.read(context),
        }
    }

    /// The frames of the last reading that had some, outermost first.
    #[must_use]
    pub fn rows(&self) -> &[Resolved] {
        match self {
            Self::DataStack(reader) => reader.rows(),
            Self::Linked(reader) => reader.rows(),
        }
    }

    /// What one call reads.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        match self {
            Self::DataStack(reader) => reader.places(),
            Self::Linked(reader) => reader.places(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::*;
    use crate::clock::Dice;
    use crate::layout::{CHUNK_HEAD, OB_SIZE, OB_TYPE};
    use crate::names::Names;
    use crate::remote::Remote;
    use crate::seat::Seat;
    use crate::tree::Tree;
    use crate::version::Version;

    const WORDS: usize = 2_048;
    /// More frames than the memory has room for, or is followed where they go round.
    const MANY: usize = 20_001;

    /// A word as a memory full of thread states, frames and code objects has it: mostly an address within it.
    fn word(dice: &mut Dice, base: u64) -> u64 {
        match dice.below(8) {
            0 => 0,
            1 => dice.below(4_096),
            2 => dice.below(u64::MAX),
            _ => base + dice.below(WORDS as u64) * 8,
        }
    }

    /// A reading ends whatever the memory holds, and while it changes: nothing in it is waited for.
    fn read_any_memory(minor: u8, readings: usize) {
        let version = Version::new(3, minor, 0);
        let layout = Layout::known(version).unwrap();
        let memory: Vec<AtomicU64> = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
        let base = memory.as_ptr() as u64;
        let is_over = AtomicBool::new(false);
        let change = |dice: &mut Dice, count: u64| {
            for _ in 0..count {
                let at = usize::try_from(dice.below(WORDS as u64)).unwrap();
                memory[at].store(word(dice, base), Ordering::Relaxed);
            }
        };
        let mut dice = Dice::new(7);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut dice = Dice::new(11);
                while !is_over.load(Ordering::Relaxed) {
                    change(&mut dice, 16);
                    std::thread::yield_now();
                }
            });
            let mut names = Names::default();
            let mut tree = Tree::default();
            let mut reader = Reader::new(&layout, base);
            for reading in 0..readings {
                if reading % 64 == 0 {
                    change(&mut dice, WORDS as u64);
                    reader = Reader::new(&layout, base);
                    names = Names::default();
                }
                let remote = Remote::new(std::process::id());
                let (names, tree) = (&mut names, &mut tree);
                let is_stopped = reading % 128 > 100;
                let seat = &mut Seat::none();
                let mut context = Context { remote, layout: &layout, names, tree, is_stopped, seat };
                let depth = reader.read(&mut context).map(|found| tree.frames_of(found.stack).len());
                assert!(depth.unwrap_or(0) < MANY, "reading {reading}");
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn any_memory_of_frame_objects() {
        for minor in [8, 9, 10] {
            read_any_memory(minor, 2_000);
        }
    }

    #[test]
    fn any_memory_of_a_data_stack() {
        for minor in [11, 12] {
            read_any_memory(minor, 5_000);
        }
    }

    /// A chunk that says less of its size than is in use is read too short for ever: the frame behind is read by a call of its
    /// own, and no frame of the chunk. One took it for its own caller, and a reading did not end.
    #[test]
    fn a_frame_behind_what_was_read_of_the_chunk() {
        let layout = Layout::known(Version::new(3, 12, 0)).unwrap();
        let mut memory = vec![0_u64; WORDS];
        let base = memory.as_ptr() as u64;
        let [holder, chunk, code, code_type, type_name, text, table] =
            [512, 768, 1_024, 1_280, 1_408, 1_536, 1_792].map(|word| base + word * 8);
        let outer = chunk + CHUNK_HEAD as u64 + 8;
        let words = layout.frame_head as u64 / 8 + 2;
        let inner = outer + words * 8;
        let mut set = |address: u64, value: u64| {
            let (word, shift) = (usize::try_from((address - base) / 8).unwrap(), address % 8 * 8);
            memory[word] = memory[word] & !(u64::MAX << shift) | value << shift;
        };
        set(code + OB_TYPE as u64, code_type);
        set(code + OB_SIZE as u64, 8);
        set(code + layout.code_qualname as u64, text);
        set(code + layout.code_filename as u64, text);
        set(code + layout.code_linetable as u64, table);
        // One character of ASCII.
        set(text + layout.unicode_length as u64, 1);
        set(text + layout.unicode_state as u64, 1 << 2 | 1 << 5 | 1 << 6);
        set(code_type + 24, type_name);
        set(type_name, u64::from_le_bytes(*b"code\0\0\0\0"));
        set(code + layout.code_framesize as u64, words);
        for (frame, previous) in [(outer, 0), (inner, outer)] {
            set(frame + layout.frame_code as u64, code);
            set(frame + layout.frame_previous as u64, previous);
            set(frame + layout.frame_instr as u64, code + layout.code_adaptive as u64 + 4);
        }
        set(base + layout.thread_cframe as u64, holder);
        set(base + layout.thread_chunk as u64, chunk);
        set(chunk + 8, inner - chunk);
        let mut names = Names::default();
        let mut tree = Tree::default();
        let mut reader = Reader::new(&layout, base);
        for innermost in [outer, inner] {
            set(holder + layout.cframe_frame as u64, innermost);
            set(base + layout.thread_chunk as u64 + 8, innermost + words * 8);
            let remote = Remote::new(std::process::id());
            let (names, tree, seat) = (&mut names, &mut tree, &mut Seat::none());
            let mut context = Context { remote, layout: &layout, names, tree, is_stopped: false, seat };
            let reading = reader.read(&mut context).unwrap();
            assert_eq!((tree.frames_of(reading.stack).len(), reading.cut), (1, innermost == inner));
        }
    }
}
