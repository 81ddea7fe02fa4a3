//! From a running task to what awaits it, to what awaits that, and so on.

use super::walk::{Task, Walk};

/// Stands where a chain could not be followed.
pub const UNKNOWN: &str = "<awaited by unknown>";

/// Longer chains are cut.
const MAX_TASKS: usize = 1_000;

/// A task and the frames in which it is suspended, outermost first; none for the running one.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) task: Task,
    pub(super) frames: Vec<u32>,
}

/// A task and those that await it.
#[derive(Debug)]
pub(super) struct Chain {
    /// The running task, what awaits it, and so on.
    pub(super) links: Vec<Link>,
    /// What stands above the last one if the chain goes on in a way that a stack cannot tell.
    pub(super) end: Option<String>,
    /// Whether it could not be followed.
    pub(super) cut: bool,
}

impl Chain {
    /// That of a running task.
    pub(super) fn of(walk: &mut Walk<'_, '_>, task: Task) -> Self {
        let mut chain = Self { links: vec![Link { task, frames: Vec::new() }], end: None, cut: false };
        let is_followed = chain.follow(walk);
        if is_followed.is_none() {
            chain.end = Some(UNKNOWN.to_owned());
            chain.cut = true;
        }
        chain
    }

    /// `None` if it cannot be followed.
    fn follow(&mut self, walk: &mut Walk<'_, '_>) -> Option<()> {
        while let Some(last) = self.links.last() {
            let mut awaiters = walk.awaiters(&last.task)?;
            if awaiters.len() > 1 {
                self.end = Some(format!("<awaited by {} tasks>", awaiters.len()));
                return Some(());
            }
            let Some(task) = awaiters.pop() else { return Some(()) };
            let is_known = self.links.iter().any(|link| link.task.address == task.address);
            if is_known || self.links.len() >= MAX_TASKS {
                return None;
            }
            let frames = walk.suspended(task.coroutine)?;
            self.links.push(Link { task, frames });
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::super::kinds::Kinds;
    use super::super::offsets::TaskOffsets;
    use super::*;
    use crate::clock::Dice;
    use crate::layout::{Layout, TYPE_NAME};
    use crate::names::Names;
    use crate::reading::Context;
    use crate::remote::Remote;
    use crate::seat::Seat;
    use crate::tree::Tree;
    use crate::version::Version;

    const TYPES: [&[u8]; 10] = [
        b"_asyncio.Task\0",
        b"_asyncio.Future\0",
        b"coroutine\0",
        b"generator\0",
        b"async_generator_asend\0",
        b"function\0",
        b"method\0",
        b"builtin_function_or_method\0",
        b"TaskWakeupMethWrapper\0",
        b"functools.partial\0",
    ];
    const TYPE_WORDS: usize = 40;
    const WORDS: usize = 1_024;

    /// A chain ends whatever the memory holds, and while it changes.
    fn follow_any_memory(layout: &Layout, offsets: TaskOffsets) {
        let types: Vec<[u64; TYPE_WORDS]> = TYPES
            .iter()
            .map(|name| {
                let mut kind = [0; TYPE_WORDS];
                kind[TYPE_NAME / 8] = name.as_ptr() as u64;
                kind
            })
            .collect();
        let memory: Vec<AtomicU64> = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
        let base = memory.as_ptr() as u64;
        let word = |dice: &mut Dice| match dice.below(8) {
            0 => 0,
            1 => dice.below(64),
            // A task as often as anything else.
            2 => types[0].as_ptr() as u64,
            3 | 4 => types[usize::try_from(dice.below(TYPES.len() as u64)).unwrap()].as_ptr() as u64,
            _ => base + dice.below(WORDS as u64) * 8,
        };
        let change = |dice: &mut Dice, count: u64| {
            for _ in 0..count {
                let at = usize::try_from(dice.below(WORDS as u64)).unwrap();
                memory[at].store(word(dice), Ordering::Relaxed);
            }
        };
        let is_over = AtomicBool::new(false);
        let mut longest = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut dice = Dice::new(11);
                while !is_over.load(Ordering::Relaxed) {
                    change(&mut dice, 4);
                    std::thread::yield_now();
                }
            });
            let (mut dice, mut kinds) = (Dice::new(7), Kinds::default());
            let (mut names, mut tree) = (Names::default(), Tree::default());
            for round in 0..20_000 {
                if round % 64 == 0 {
                    change(&mut dice, WORDS as u64);
                }
                let remote = Remote::new(std::process::id());
                let (names, tree) = (&mut names, &mut tree);
                let (is_stopped, seat) = (false, &mut Seat::none());
                let mut context = Context { remote, layout, names, tree, is_stopped, seat };
                let mut walk = Walk::new(&mut context, &mut kinds, offsets);
                let task = walk.task(base + dice.below(WORDS as u64 / 2) * 8);
                let chain = task.map(|task| Chain::of(&mut walk, task));
                longest = longest.max(chain.map_or(0, |chain| chain.links.len()));
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert!((1..=MAX_TASKS).contains(&longest), "{longest}");
    }

    #[test]
    fn any_memory() {
        for (minor, size) in [(8, 144), (9, 184), (10, 184), (10, 192), (11, 176), (12, 176)] {
            let version = Version::new(3, minor, 0);
            let offsets = TaskOffsets::known(version, size).unwrap();
            follow_any_memory(&Layout::known(version).unwrap(), offsets);
        }
        let version = Version::new(3, 12, 0);
        let said = TaskOffsets {
            awaited_by: 96,
            awaited_by_is_set: 108,
            ..TaskOffsets::known(version, 176).unwrap()
        };
        follow_any_memory(&Layout::known(version).unwrap(), said);
    }
}
