//! Finds the stacks of a builder by their frames. A stack is indexed by a hash of its whole path from the root, so
//! that a path of many frames is found by a few look-ups near its leaf instead of one for each frame.

use std::hint::black_box;
use std::ops::Range;

use crate::error::TableFull;
use crate::frame::Stack;
use crate::hash::Seed;
use crate::id::{FrameId, Id, StackId};
use crate::stack_batch::StackBatch;
use crate::table::Table;

/// The fewest slots of an index that is not empty; a power of two, as every number of slots.
const MIN_SLOTS: usize = 64;

/// How many paths are looked for together: so many that the memory always has something to do, and so few that what it
/// brings stays in the cache.
const GROUP: usize = 32;

/// For how many frames from its leaf a path is looked for together with those of its batch.
const NEAR_LEAF: usize = 4;

/// How many callers of what was found there are fetched ahead; those nearer to the root are in the cache anyway.
const CALLERS: usize = 4;

/// A place of the index: the hash of a path and its stack.
type Slot = Option<(u32, StackId)>;

/// Adds stacks to a table, each distinct one once.
#[derive(Debug)]
pub(crate) struct StackInterner {
    table: Table<StackId, Stack>,
    /// The hash of each stack's path; equal hashes do not make equal stacks.
    hashes: Vec<u32>,
    /// An open hash table with linear probing, at most 5/8 full; its length is a power of two.
    slots: Vec<Slot>,
    seed: Seed,
    /// Stacks to be fetched.
    near: Vec<StackId>,
}

impl StackInterner {
    pub(crate) fn new(table: Table<StackId, Stack>) -> Self {
        let seed = Seed::default();
        let mut hashes = Vec::with_capacity(table.len());
        for stack in table.rows() {
            let parent = stack.parent.map_or(Seed::ROOT, |parent| hashes[parent.index()]);
            hashes.push(seed.path(parent, stack.frame));
        }
        let mut interner = Self { table, hashes, slots: Vec::new(), seed, near: Vec::new() };
        interner.index_all();
        interner
    }

    /// The id of one more frame on a stack that is there.
    #[inline]
    pub(crate) fn intern(&mut self, stack: Stack) -> Result<StackId, TableFull> {
        let parent = stack.parent.map_or(Seed::ROOT, |parent| self.hashes[parent.index()]);
        let hash = self.seed.path(parent, stack.frame);
        match self.find(hash, |id| self.table[id] == stack) {
            Some(found) => Ok(found),
            None => self.add(stack, hash),
        }
    }

    /// The ids of whole paths.
    pub(crate) fn intern_batch(
        &mut self,
        batch: &StackBatch,
        into: &mut Vec<Option<StackId>>,
    ) -> Result<(), TableFull> {
        let frames = batch.frames();
        let hashes = batch.hashes();
        for group in batch.groups(GROUP) {
            self.fetch(hashes, group.clone());
            for path in group {
                let (mut stack, known) = self.longest_known(frames, hashes, &path);
                for at in (path.start..known).rev() {
                    stack = Some(self.add(Stack { parent: stack, frame: frames[at] }, hashes[at])?);
                }
                into.push(stack);
            }
        }
        Ok(())
    }

    /// Brings into the cache what looking for the paths will need. A look-up has to wait for memory several times, one
    /// after another; here the memory works on those of all paths at once. It changes nothing.
    fn fetch(&mut self, hashes: &[u32], paths: impl Iterator<Item = Range<usize>> + Clone) {
        let Self { table, slots, near, .. } = self;
        let mask = slots.len() - 1;
        let mut full = 0;
        for path in paths.clone() {
            for &hash in hashes[path].iter().take(NEAR_LEAF) {
                // Without a branch: a processor that guesses wrong would stop here and wait for the memory.
                full += u32::from(slots[hash as usize & mask].is_some());
            }
        }
        black_box(full);
        near.clear();
        for path in paths {
            let mut wanted = hashes[path].iter().take(NEAR_LEAF);
            let found =
                wanted.find_map(|&hash| slots[hash as usize & mask].filter(|&(other, _)| other == hash));
            near.extend(found.map(|(_, id)| id));
        }
        for _ in 0..CALLERS {
            for stack in near.iter_mut() {
                *stack = table[*stack].parent.unwrap_or(*stack);
            }
        }
        black_box(&near);
    }

    /// The longest part of a path that is a stack already, and where its leaf is: at the end of the path if there is none.
    ///
    /// If a part is there, every shorter one is too; so this goes from the leaf towards the root in growing steps
    /// and then bisects. Most stacks of a profile are new in their last few frames only.
    fn longest_known(
        &self,
        frames: &[FrameId],
        hashes: &[u32],
        path: &Range<usize>,
    ) -> (Option<StackId>, usize) {
        let mut known = (None, path.end);
        // Nothing is known before `unknown`, and everything from `known` on.
        let mut unknown = path.start;
        let mut step = 0;
        while unknown < known.1 {
            let at = match known.0 {
                None => (unknown + step).min(path.end - 1),
                Some(_) => unknown.midpoint(known.1),
            };
            match self.find_path(&frames[at..known.1], hashes[at], known.0) {
                Some(found) => known = (Some(found), at),
                None => unknown = at + 1,
            }
            step = step * 2 + 1;
        }
        known
    }

    /// The stack that has these frames, innermost first, on a stack that is there.
    #[inline]
    fn find_path(&self, frames: &[FrameId], hash: u32, base: Option<StackId>) -> Option<StackId> {
        self.find(hash, |id| {
            let mut stack = Some(id);
            for &frame in frames {
                let Some(row) = stack.map(|id| self.table[id]) else { return false };
                if row.frame != frame {
                    return false;
                }
                stack = row.parent;
            }
            stack == base
        })
    }

    #[inline]
    fn find(&self, hash: u32, is_it: impl Fn(StackId) -> bool) -> Option<StackId> {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while let Some((other, id)) = self.slots[slot] {
            if other == hash && is_it(id) {
                return Some(id);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    /// Adds a stack that is not there.
    fn add(&mut self, stack: Stack, hash: u32) -> Result<StackId, TableFull> {
        let id = self.table.push(stack, "stack")?;
        self.hashes.push(hash);
        if self.table.len() > self.slots.len() / 8 * 5 {
            self.index_all();
        } else {
            self.index(hash, id);
        }
        Ok(id)
    }

    /// Makes an index with room for half as many stacks again as there are.
    fn index_all(&mut self) {
        // The old slots are given back before the new ones are asked for: this is where a builder is largest.
        self.slots = Vec::new();
        self.slots = vec![None; (self.table.len() / 5 * 8 + 1).next_power_of_two().max(MIN_SLOTS)];
        for row in 0..self.table.len() {
            if let Some(id) = StackId::from_index(row) {
                self.index(self.hashes[row], id);
            }
        }
    }

    fn index(&mut self, hash: u32, id: StackId) {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot].is_some() {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = Some((hash, id));
    }

    /// An empty batch of stacks for this interner.
    pub(crate) fn batch(&self) -> StackBatch {
        StackBatch::new(self.seed.clone())
    }

    pub(crate) fn table(&self) -> &Table<StackId, Stack> {
        &self.table
    }

    pub(crate) fn finish(self) -> Table<StackId, Stack> {
        self.table
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn frame(number: usize) -> FrameId {
        FrameId::from_index(number).unwrap()
    }

    /// Paths from a small alphabet, so that they share beginnings, and some that repeat.
    fn paths() -> Vec<Vec<FrameId>> {
        let mut state = 1_u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from((state >> 33) % below).unwrap()
        };
        (0..300).map(|_| (0..draw(40)).map(|_| frame(draw(3))).collect()).collect()
    }

    /// How many distinct stacks the paths are made of.
    fn distinct(paths: &[Vec<FrameId>]) -> usize {
        let suffixes = paths.iter().flat_map(|path| (0..path.len()).map(|start| &path[start..]));
        suffixes.collect::<HashSet<_>>().len()
    }

    fn intern(interner: &mut StackInterner, paths: &[Vec<FrameId>]) -> Vec<Option<StackId>> {
        let mut batch = interner.batch();
        for path in paths {
            batch.callers(path);
            assert_eq!(batch.depth(), path.len());
            batch.end();
        }
        let mut ids = Vec::new();
        interner.intern_batch(&batch, &mut ids).unwrap();
        ids
    }

    /// The paths in batches of many sizes.
    fn batches(paths: &[Vec<FrameId>]) -> Vec<&[Vec<FrameId>]> {
        let mut rest = paths;
        let mut batches = Vec::new();
        while !rest.is_empty() {
            let (batch, left) = rest.split_at((batches.len() * 7 % 80 + 1).min(rest.len()));
            batches.push(batch);
            rest = left;
        }
        batches
    }

    #[test]
    fn a_path_is_stored_once_however_it_is_added() {
        let paths = paths();
        let mut interner = StackInterner::new(Table::default());
        let ids: Vec<_> =
            batches(&paths).into_iter().flat_map(|batch| intern(&mut interner, batch)).collect();
        for (path, &id) in paths.iter().zip(&ids) {
            assert!(interner.table().leaf_first(id).eq(path.iter().copied()));
        }
        let rows = interner.table().rows().to_vec();
        assert_eq!(rows.len(), distinct(&paths));
        for (index, &row) in rows.iter().enumerate() {
            assert_eq!(interner.intern(row).unwrap().index(), index);
        }
        let mut again = StackInterner::new(interner.finish());
        assert_eq!(intern(&mut again, &paths), ids);
        assert_eq!(again.table().rows(), rows);
    }

    /// Two of many paths of two frames that have the same hash.
    fn colliding(interner: &StackInterner) -> [Vec<FrameId>; 2] {
        let mut seen = HashMap::new();
        let mut pairs = (0..).flat_map(|outer| (0..1_000).map(move |inner| [frame(inner), frame(outer)]));
        pairs
            .find_map(|two| {
                let outer = interner.seed.path(Seed::ROOT, two[1]);
                let one = seen.insert(interner.seed.path(outer, two[0]), two)?;
                Some([one.to_vec(), two.to_vec()])
            })
            .unwrap()
    }

    #[test]
    fn equal_hashes_do_not_make_equal_stacks() {
        for _ in 0..3 {
            let mut interner = StackInterner::new(Table::default());
            let mut paths = colliding(&interner).to_vec();
            for index in 0..2 {
                let deeper = [&[frame(1), frame(0)], &paths[index][..]].concat();
                paths.push(deeper);
            }
            for batch in [&paths[..1], &paths[1..2], &paths[1..3], &paths[..]] {
                let ids = intern(&mut interner, batch);
                for (path, &id) in batch.iter().zip(&ids) {
                    assert!(interner.table().leaf_first(id).eq(path.iter().copied()));
                }
            }
            assert_eq!(interner.table().len(), distinct(&paths));
        }
    }
}
