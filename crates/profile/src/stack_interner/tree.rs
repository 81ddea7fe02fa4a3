//! The stacks of another table made ours, parents before children: one look-up each.

use std::hint::black_box;

use super::StackInterner;
use crate::error::TableFull;
use crate::frame::Stack;
use crate::hash::Seed;
use crate::id::{FrameId, Id, StackId};
use crate::table::Table;

/// How many stacks of a tree are looked for together.
const TREE_GROUP: usize = 64;

impl StackInterner {
    /// The ids of the stacks of another table, whose frames are ours after `frame`; `None` where that says so, or where
    /// the parent has none. One look-up each, since a parent is found before its children.
    pub(crate) fn intern_tree(
        &mut self,
        tree: &Table<StackId, Stack>,
        frame: impl Fn(StackId) -> Option<FrameId>,
    ) -> Result<Vec<Option<StackId>>, TableFull> {
        if self.table.is_empty() && is_one_to_one(tree, &frame) {
            return self.push_tree(tree, frame);
        }
        self.complete();
        let mut ids: Vec<Option<StackId>> = vec![None; tree.len()];
        let mut hashes = vec![Seed::ROOT; tree.len()];
        let mut wanted = Vec::with_capacity(TREE_GROUP);
        let mut all = tree.iter().peekable();
        while all.peek().is_some() {
            wanted.clear();
            for (id, stack) in all.by_ref().take(TREE_GROUP) {
                let Some(frame) = frame(id) else { continue };
                let parent = stack.parent.map_or(Seed::ROOT, |parent| hashes[parent.index()]);
                hashes[id.index()] = self.seed.path(parent, frame);
                wanted.push((id, stack.parent, frame));
            }
            self.fetch_slots(wanted.iter().map(|&(id, _, _)| hashes[id.index()]));
            for &(id, parent, frame) in &wanted {
                let parent = match parent.map(|parent| ids[parent.index()]) {
                    None => None,
                    Some(Some(parent)) => Some(parent),
                    Some(None) => continue,
                };
                let (stack, hash) = (Stack { parent, frame }, hashes[id.index()]);
                let found = self.index.find(hash, |id| self.table[id] == stack);
                ids[id.index()] = Some(match found {
                    Some(found) => found,
                    None => self.add(stack, hash)?,
                });
            }
        }
        Ok(ids)
    }

    /// The same where nothing is there and the frames of no two stacks become one.
    fn push_tree(
        &mut self,
        tree: &Table<StackId, Stack>,
        frame: impl Fn(StackId) -> Option<FrameId>,
    ) -> Result<Vec<Option<StackId>>, TableFull> {
        let mut ids: Vec<Option<StackId>> = Vec::with_capacity(tree.len());
        for (id, stack) in tree.iter() {
            let parent = stack.parent.map(|parent| ids[parent.index()]);
            ids.push(match (frame(id), parent) {
                (None, _) | (_, Some(None)) => None,
                (Some(frame), parent) => Some(self.push(Stack { parent: parent.flatten(), frame })?),
            });
        }
        Ok(ids)
    }

    /// Brings into the cache the slots of hashes, and the stacks in them.
    fn fetch_slots(&mut self, hashes: impl Iterator<Item = u32>) {
        let Self { table, index, near, .. } = self;
        near.clear();
        near.extend(hashes.filter_map(|hash| index.first(hash)));
        let sum = near.iter().fold(0, |sum: usize, &id| sum.wrapping_add(table[id].frame.index()));
        black_box(sum);
    }
}

/// Whether no two frames of a tree become one.
fn is_one_to_one(tree: &Table<StackId, Stack>, frame: impl Fn(StackId) -> Option<FrameId>) -> bool {
    let mut sources: Vec<Option<FrameId>> = Vec::new();
    tree.iter().all(|(id, stack)| {
        let Some(target) = frame(id) else { return true };
        if sources.len() <= target.index() {
            sources.resize(target.index() + 1, None);
        }
        *sources[target.index()].get_or_insert(stack.frame) == stack.frame
    })
}
