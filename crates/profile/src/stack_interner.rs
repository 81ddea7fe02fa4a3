//! Finds the stacks of a builder by their frames. A stack is indexed by a hash of its whole path from the root, so
//! that a path of many frames is found by a few look-ups near its leaf instead of one for each frame.

mod tree;

use std::ops::Range;

use crate::error::TableFull;
use crate::frame::Stack;
use crate::hash::Seed;
use crate::id::{FrameId, Id, StackId};
use crate::path_index::PathIndex;
use crate::paths;
use crate::stack_batch::StackBatch;
use crate::table::Table;

/// How many paths are looked for together: so many that the memory always has something to do, and so few that what it
/// brings stays in the cache.
const GROUP: usize = 32;

/// By how many frames from its leaf a path is looked for in each turn. Those of which nothing is found then are new in
/// many frames, and looked for one by one.
const TURNS: [Range<usize>; 4] = [0..1, 1..4, 4..8, 8..14];

/// Adds stacks to a table, each distinct one once.
#[derive(Debug)]
pub(crate) struct StackInterner {
    table: Table<StackId, Stack>,
    /// The hash of each stack's path; equal hashes do not make equal stacks. Stacks that were only pushed have none yet.
    hashes: Vec<u32>,
    index: PathIndex,
    /// How many stacks somebody said that there may be.
    expected: usize,
    seed: Seed,
    /// Stacks to be fetched.
    near: Vec<StackId>,
    /// What is known of the paths that are looked for together, and those that are compared.
    found: Vec<Known>,
    walks: Vec<Walk>,
}

/// A part of a path, from its root, that is there, and where its leaf is: at the end of the path if there is none.
type Known = (Option<StackId>, usize);

/// A part of a path that is compared with a stack of the same hash.
#[derive(Debug)]
struct Walk {
    stack: StackId,
    /// Where the part's leaf is.
    from: usize,
    /// The stack to be compared next, and the frames that are left.
    at: StackId,
    left: Range<usize>,
    /// Which path of the group it is.
    place: usize,
}

impl StackInterner {
    pub(crate) fn new(table: Table<StackId, Stack>) -> Self {
        Self {
            table,
            hashes: Vec::new(),
            index: PathIndex::default(),
            expected: 0,
            seed: Seed::default(),
            near: Vec::new(),
            found: Vec::new(),
            walks: Vec::new(),
        }
    }

    /// Adds a stack that is not there, without looking. Whoever looks for one next pays for it.
    #[inline]
    pub(crate) fn push(&mut self, stack: Stack) -> Result<StackId, TableFull> {
        push(&mut self.table, stack)
    }

    /// To be called before anything is looked for.
    #[inline]
    fn complete(&mut self) {
        if self.hashes.len() != self.table.len() || self.index.is_empty() {
            self.index_pushed();
        }
    }

    #[cold]
    fn index_pushed(&mut self) {
        let Self { table, hashes, index, seed, .. } = self;
        for stack in &table.rows()[hashes.len()..] {
            let parent = stack.parent.map_or(Seed::ROOT, |parent| hashes[parent.index()]);
            hashes.push(seed.path(parent, stack.frame));
        }
        index.fill(hashes, self.expected);
    }

    /// Makes room for so many more stacks, of which not all need come.
    pub(crate) fn reserve(&mut self, stacks: usize) {
        self.table.reserve(stacks);
        self.hashes.reserve(stacks);
        self.expected = self.table.len().saturating_add(stacks);
    }

    /// The id of one more frame on a stack that is there.
    #[inline]
    pub(crate) fn intern(&mut self, stack: Stack) -> Result<StackId, TableFull> {
        self.complete();
        let parent = stack.parent.map_or(Seed::ROOT, |parent| self.hashes[parent.index()]);
        let hash = self.seed.path(parent, stack.frame);
        match self.index.find(hash, |id| self.table[id] == stack) {
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
        self.complete();
        let frames = batch.frames();
        let hashes = batch.hashes();
        for group in batch.groups(GROUP) {
            self.found.clear();
            self.found.extend(group.clone().map(|path| (None, path.end)));
            for turn in TURNS {
                let part = |at: usize, path: &Range<usize>| path.end.min(path.start + at);
                let part = |path: &Range<usize>| part(turn.start, path)..part(turn.end, path);
                self.find_from(part, &group, batch);
            }
            for (place, path) in group.enumerate() {
                let (mut stack, known) = self.longest_known(frames, hashes, &path, self.found[place]);
                for at in (path.start..known).rev() {
                    stack = Some(self.add(Stack { parent: stack, frame: frames[at] }, hashes[at])?);
                }
                into.push(stack);
            }
        }
        Ok(())
    }

    /// Looks for those paths of which nothing is found yet: for the first of their parts that begin in a range and are
    /// there. In a merge of many profiles nearly all paths are there; most others are new in their last few frames only.
    ///
    /// All go one frame at a time together: a step has to wait for memory, but not for the steps of other paths.
    fn find_from(
        &mut self,
        range: impl Fn(&Range<usize>) -> Range<usize>,
        paths: &(impl Iterator<Item = Range<usize>> + Clone),
        batch: &StackBatch,
    ) {
        let Self { table, index, found, walks, .. } = self;
        let (frames, hashes) = (batch.frames(), batch.hashes());
        let left = paths.clone().zip(&*found).filter(|(_, found)| found.0.is_none());
        index.fetch(left.map(|(path, _)| &hashes[range(&path)]));
        walks.clear();
        for (place, path) in paths.clone().enumerate() {
            if found[place].0.is_some() {
                continue;
            }
            let stack = range(&path).find_map(|at| index.find(hashes[at], |_| true).map(|id| (id, at)));
            if let Some((stack, at)) = stack {
                walks.push(Walk { stack, from: at, at: stack, left: at..path.end, place });
            }
        }
        while !walks.is_empty() {
            walks.retain_mut(|walk| {
                let Stack { parent, frame } = table[walk.at];
                if walk.left.next().is_none_or(|at| frames[at] != frame) {
                    return false;
                }
                let Some(parent) = parent else {
                    if walk.left.is_empty() {
                        found[walk.place] = (Some(walk.stack), walk.from);
                    }
                    return false;
                };
                walk.at = parent;
                true
            });
        }
    }

    /// The longest part of a path that is a stack already, and where its leaf is: at the end of the path if there is none.
    ///
    /// If a part is there, every shorter one is too; so this goes from the leaf towards the root in growing steps
    /// and then bisects. `known` is what is known to be there.
    fn longest_known(
        &self,
        frames: &[FrameId],
        hashes: &[u32],
        path: &Range<usize>,
        mut known: Known,
    ) -> Known {
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
        self.index.find(hash, |id| {
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

    /// Adds a stack that is not there.
    fn add(&mut self, stack: Stack, hash: u32) -> Result<StackId, TableFull> {
        let id = push(&mut self.table, stack)?;
        self.hashes.push(hash);
        if self.index.has_room(self.table.len()) {
            self.index.insert(hash, id);
        } else {
            self.index.fill(&self.hashes, self.expected);
        }
        Ok(id)
    }

    /// An empty batch of stacks for this interner.
    pub(crate) fn batch(&self) -> StackBatch {
        StackBatch::new(Some(self.seed.clone()))
    }

    pub(crate) fn table(&self) -> &Table<StackId, Stack> {
        &self.table
    }

    pub(crate) fn finish(self) -> Table<StackId, Stack> {
        self.table
    }
}

/// The ids behind the last are those of paths.
#[inline]
fn push(table: &mut Table<StackId, Stack>, stack: Stack) -> Result<StackId, TableFull> {
    if table.len() == paths::FIRST {
        return Err(TableFull("stack"));
    }
    table.push(stack, "stack")
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
