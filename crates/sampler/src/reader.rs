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

    /// What is known of code objects has changed: frames are named anew.
    pub fn forget(&mut self) {
        match self {
            Self::DataStack(reader) => reader.forget(),
            Self::Linked(reader) => reader.forget(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::*;
    use crate::clock::Dice;
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
        let version = Version { major: 3, minor, micro: 0 };
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
}
