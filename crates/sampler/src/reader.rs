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
    use crate::layout::{CHUNK_HEAD, OB_SIZE, OB_TYPE, TYPE_NAME};
    use crate::names::Names;
    use crate::reading::OWNER_ENTRY;
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

    /// The memory of a thread of 3.12 whose frames are all of one function.
    struct Memory {
        words: Vec<u64>,
        layout: Layout,
        names: Names,
        tree: Tree,
    }

    impl Memory {
        const THREAD: usize = 0;
        const HOLDER: usize = 512;
        const CHUNK: usize = 768;
        const CODE: usize = 1_024;

        fn new() -> Self {
            let layout = Layout::known(Version::new(3, 12, 0)).unwrap();
            let mut memory =
                Self { words: vec![0; WORDS], layout, names: Names::default(), tree: Tree::default() };
            let code = memory.address(Self::CODE);
            let [code_type, type_name, text, table] =
                [1_280, 1_408, 1_536, 1_792].map(|word| memory.address(word));
            memory.set(code, OB_TYPE, code_type);
            memory.set(code, OB_SIZE, 8);
            memory.set(code, layout.code_qualname, text);
            memory.set(code, layout.code_filename, text);
            memory.set(code, layout.code_linetable, table);
            memory.set(code, layout.code_framesize, memory.frame_words());
            // One character of ASCII.
            memory.set(text, layout.unicode_length, 1);
            memory.set(text, layout.unicode_state, 1 << 2 | 1 << 5 | 1 << 6);
            memory.set(code_type, TYPE_NAME, type_name);
            memory.set(type_name, 0, u64::from_le_bytes(*b"code\0\0\0\0"));
            memory.set(memory.address(Self::THREAD), layout.thread_cframe, memory.address(Self::HOLDER));
            memory.set(memory.address(Self::THREAD), layout.thread_chunk, memory.address(Self::CHUNK));
            memory
        }

        fn address(&self, word: usize) -> u64 {
            self.words.as_ptr() as u64 + word as u64 * 8
        }

        fn set(&mut self, object: u64, field: usize, value: u64) {
            let at = object - self.address(0) + field as u64;
            let (word, shift) = (usize::try_from(at / 8).unwrap(), at % 8 * 8);
            self.words[word] = self.words[word] & !(u64::MAX << shift) | value << shift;
        }

        fn frame_words(&self) -> u64 {
            self.layout.frame_head as u64 / 8 + 2
        }

        /// Where a frame of the data stack lies, the outermost is 0.
        fn frame(&self, number: u64) -> u64 {
            self.address(Self::CHUNK) + CHUNK_HEAD as u64 + 8 + number * self.frame_words() * 8
        }

        fn set_frame(&mut self, frame: u64, previous: u64, owner: u8) {
            let (layout, code) = (self.layout, self.address(Self::CODE));
            self.set(frame, layout.frame_code, code);
            self.set(frame, layout.frame_previous, previous);
            self.set(frame, layout.frame_instr, code + layout.code_adaptive as u64 + 4);
            self.set(frame, layout.frame_owner, owner.into());
        }

        /// How deep the stack is, and whether it is cut, where a frame of the data stack is the innermost.
        fn read(&mut self, reader: &mut Reader, innermost: u64) -> (usize, bool) {
            let (layout, innermost) = (self.layout, self.frame(innermost));
            self.set(self.address(Self::HOLDER), layout.cframe_frame, innermost);
            let top = innermost + self.frame_words() * 8;
            self.set(self.address(Self::THREAD), layout.thread_top(), top);
            let remote = Remote::new(std::process::id());
            let (names, tree, seat) = (&mut self.names, &mut self.tree, &mut Seat::none());
            let mut context = Context { remote, layout: &layout, names, tree, is_stopped: false, seat };
            let reading = reader.read(&mut context).unwrap();
            (tree.frames_of(reading.stack).len(), reading.cut)
        }
    }

    /// A chunk that says less of its size than is in use is read too short for ever: the frame behind is read by a call of its
    /// own, and no frame of the chunk. One took it for its own caller, and a reading did not end.
    #[test]
    fn a_frame_behind_what_was_read_of_the_chunk() {
        let mut memory = Memory::new();
        let [outer, inner] = [0, 1].map(|number| memory.frame(number));
        memory.set_frame(outer, 0, 0);
        memory.set_frame(inner, outer, 0);
        memory.set(memory.address(Memory::CHUNK), 8, inner - memory.address(Memory::CHUNK));
        let mut reader = Reader::new(&memory.layout, memory.address(Memory::THREAD));
        assert_eq!(memory.read(&mut reader, 0), (1, false));
        assert_eq!(memory.read(&mut reader, 1), (1, true));
    }

    /// C calls Python from another depth of its own stack, and then from where it did so before, further in.
    #[test]
    fn the_outermost_frame_of_before_lies_within_the_stack() {
        let mut memory = Memory::new();
        let [outer, inner] = [0, 1].map(|number| memory.frame(number));
        let [entry, other_entry] = [1_920, 1_984].map(|word| memory.address(word));
        memory.set(memory.address(Memory::CHUNK), 8, 1_024);
        memory.set_frame(entry, 0, OWNER_ENTRY);
        memory.set_frame(outer, entry, 0);
        let mut reader = Reader::new(&memory.layout, memory.address(Memory::THREAD));
        assert_eq!(memory.read(&mut reader, 0), (1, false));
        memory.set_frame(other_entry, 0, OWNER_ENTRY);
        memory.set_frame(outer, other_entry, 0);
        memory.set_frame(entry, outer, OWNER_ENTRY);
        memory.set_frame(inner, entry, 0);
        assert_eq!(memory.read(&mut reader, 1), (2, false));
    }
}
