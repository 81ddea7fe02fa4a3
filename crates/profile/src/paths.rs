//! Whole stacks of one profile as its file lists them, for who adds up many profiles and needs no tree of each.
//!
//! What would surprise: they are not distinct, and their ids are none of the stack table's: they begin where its rows end at
//! the latest.

use crate::error::TableFull;
use crate::id::{FrameId, Id, StackId};
use crate::stack_batch::StackBatch;

/// The index of the first path's id, and so how many rows a table of stacks may have.
pub(crate) const FIRST: usize = 1 << 31;

/// Lists of frames, the innermost first.
#[derive(Clone, Default, Debug)]
pub struct Paths {
    frames: Vec<FrameId>,
    ends: Vec<usize>,
}

impl Paths {
    /// The frames of a path, innermost first; `None` for the id of a stack that is in the table.
    #[inline]
    #[must_use]
    pub fn get(&self, id: StackId) -> Option<&[FrameId]> {
        let row = id.index().checked_sub(FIRST)?;
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.frames[start..self.ends[row]])
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds the stacks of a batch, with an id each but for those without frames.
    pub(crate) fn push(
        &mut self,
        batch: &StackBatch,
        into: &mut Vec<Option<StackId>>,
    ) -> Result<(), TableFull> {
        let before = self.frames.len();
        self.frames.extend_from_slice(batch.frames());
        for &end in batch.ends() {
            let is_empty = self.ends.last().map_or(0, |&end| end) == before + end;
            self.ends.push(before + end);
            let id = StackId::from_index(FIRST - 1 + self.ends.len()).ok_or(TableFull("stack"))?;
            into.push(Some(id).filter(|_| !is_empty));
        }
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.frames.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProfileBuilder;

    #[test]
    fn paths_are_kept_as_they_come_until_values_are_taken_out() {
        let mut builder = ProfileBuilder::new();
        let [one, two] = [1, 2].map(|index| FrameId::from_index(index).unwrap());
        builder.keep_paths(Paths::default());
        let mut ids = Vec::new();
        for path in [&[one, two][..], &[], &[one, two], &[two]] {
            let mut batch = builder.stack_batch();
            batch.callers(path);
            batch.end();
            builder.stacks(&batch, &mut ids).unwrap();
        }
        let paths = builder.take_values().paths;
        let found: Vec<_> = ids.iter().map(|id| id.and_then(|id| paths.get(id))).collect();
        assert_eq!(found, [Some(&[one, two][..]), None, Some(&[one, two]), Some(&[two])]);
        assert_eq!(paths.get(StackId::FIRST), None, "that is in the table");
        assert_eq!((builder.stack_count(), builder.keeps_paths()), (0, false));
    }
}
