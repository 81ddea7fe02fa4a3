//! The samples of a merge whose stacks came as whole paths, each distinct one once.
//!
//! What would surprise: there is no tree of stacks. A path takes two or four bytes for each of its frames here, which is
//! more than what it adds to a tree; but all that is known of it stands in one place, which is found by one look-up, and many at a
//! time wait for the memory together. When the paths have grown long, they are made stacks of a tree: see
//! [`PathRows::is_long`].

use std::hash::BuildHasher;
use std::hint::black_box;

use foldhash::fast::RandomState;
use profkit_profile::{BuildError, FrameId, Id, LabelSetId, OriginId, TableFull};

use crate::columns::Rescale;
use crate::path_record::{self as record, Head, PathRow};
use crate::sample_rows::add;

/// How many paths are looked for together.
const GROUP: usize = 32;

/// The fewest slots of an index that is not empty; a power of two, as every number of slots.
const MIN_SLOTS: usize = 1 << 12;

/// The place of no record. Not 0: memory that is asked for as zeros is given in two steps, first when it is read, then
/// when it is written, and the second step halts all threads.
const NONE: u32 = u32::MAX;

/// How many words all records may have before they go into a tree: 512 MB of memory.
const LONG: usize = 1 << 26;

/// How many bits of a place tell where in its block it is. A block has as many words, or one record that is longer: one
/// long vector would be copied to new memory again and again as it grows.
const BLOCK_BITS: u32 = 16;

/// As many words as a line of the processor's cache has.
const LINE: usize = 8;

/// Samples and the sums of their values, 128 bits wide.
#[derive(Debug, Default)]
pub(crate) struct PathRows {
    /// Blocks of records, of one row after another; see [`record`].
    blocks: Vec<Vec<u64>>,
    /// How many words all have.
    words: usize,
    /// Where the record of each row begins.
    starts: Vec<u32>,
    columns: usize,
    /// An open hash table: the hash of a key, and where its record begins, or [`NONE`]. Equal hashes do not make equal
    /// keys. Where to look first are the upper bits of the hash, so rows stay in their order when there are more slots.
    slots: Vec<(u32, u32)>,
    seed: RandomState,
    used: Used,
    group: Group,
}

/// Which rows of the tables paths have, zero ones included.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) frames: Vec<bool>,
    pub(crate) origins: Vec<bool>,
    pub(crate) labels: Vec<bool>,
}

impl Used {
    #[inline]
    fn add(&mut self, row: PathRow<'_>) {
        row.frames().for_each(|frame| set(&mut self.frames, frame as usize));
        set(&mut self.origins, row.origin.index());
        set(&mut self.labels, row.labels.index());
    }
}

#[inline]
fn set(used: &mut Vec<bool>, index: usize) {
    if used.len() <= index {
        used.resize(index + 1, false);
    }
    used[index] = true;
}

/// Samples that are looked for together.
#[derive(Debug, Default)]
struct Group {
    keys: Vec<u64>,
    ends: Vec<usize>,
    hashes: Vec<u32>,
    values: Vec<i128>,
}

impl PathRows {
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Whether it is time to make the paths stacks of a tree, which has the beginnings that paths share only once.
    pub(crate) fn is_long(&self) -> bool {
        self.words > LONG
    }

    #[inline]
    pub(crate) fn row(&self, row: usize) -> PathRow<'_> {
        PathRow::of(self.record(self.starts[row]), self.columns)
    }

    /// The words from a place on.
    #[inline]
    fn record(&self, place: u32) -> &[u64] {
        let (block, at) = split(place);
        &self.blocks[block][at..]
    }

    /// Every row, also such whose values are all zero.
    pub(crate) fn iter(&self) -> impl Iterator<Item = PathRow<'_>> {
        (0..self.len()).map(|row| self.row(row))
    }

    pub(crate) fn used(&self) -> &Used {
        &self.used
    }

    /// Makes room for columns that are new.
    pub(crate) fn set_columns(&mut self, columns: usize) -> Result<(), BuildError> {
        if columns > self.columns {
            let old = std::mem::take(self);
            self.columns = columns;
            let mut frames = Vec::new();
            for row in old.iter() {
                frames.clear();
                frames.extend(row.frames().map(record::id::<FrameId>));
                self.add(row.origin, row.labels, &frames, row.values().enumerate().map(Ok))?;
            }
            self.complete()?;
        }
        Ok(())
    }

    pub(crate) fn rescale(&mut self, by: Rescale) -> Result<(), BuildError> {
        if by.column < self.columns {
            for &start in &self.starts {
                let (block, at) = split(start);
                record::change_value(&mut self.blocks[block][at..], by.column, |value| {
                    value.checked_mul(by.multiplier).ok_or(BuildError::Overflow)
                })?;
            }
        }
        Ok(())
    }

    /// Adds the values of a sample: pairs of a column and what to add there. To be ended by [`complete`](Self::complete).
    #[inline]
    pub(crate) fn add(
        &mut self,
        origin: OriginId,
        labels: LabelSetId,
        frames: &[FrameId],
        mut values: impl Iterator<Item = Result<(usize, i128), BuildError>>,
    ) -> Result<(), BuildError> {
        let Group { keys, ends, hashes, values: sums } = &mut self.group;
        let start = keys.len();
        record::push_key(keys, Head { origin, labels }, frames);
        hashes.push(record::upper(self.seed.hash_one(&keys[start..])));
        ends.push(keys.len());
        let first = sums.len();
        sums.resize(first + self.columns, 0);
        values.try_for_each(|value| {
            let (column, value) = value?;
            add(&mut sums[first + column], value)
        })?;
        if ends.len() == GROUP { self.complete() } else { Ok(()) }
    }

    /// Ends adding for now.
    pub(crate) fn complete(&mut self) -> Result<(), BuildError> {
        if self.group.ends.is_empty() {
            return Ok(());
        }
        let mut group = std::mem::take(&mut self.group);
        if self.len() + group.ends.len() > self.slots.len() / 8 * 5 {
            self.grow();
        }
        self.fetch(&group.hashes);
        let mut start = 0;
        for (index, (&end, &hash)) in group.ends.iter().zip(&group.hashes).enumerate() {
            let values = &group.values[index * self.columns..(index + 1) * self.columns];
            self.add_one(&group.keys[start..end], hash, values)?;
            start = end;
        }
        group.keys.clear();
        group.ends.clear();
        group.hashes.clear();
        group.values.clear();
        self.group = group;
        Ok(())
    }

    /// Brings into the cache what adding keys of these hashes will look at, all at once.
    #[inline]
    fn fetch(&self, hashes: &[u32]) {
        let mut starts = [0; GROUP];
        for (start, &hash) in starts.iter_mut().zip(hashes) {
            *start = self.slots[first_slot(hash, self.slots.len())].1;
        }
        let mut bits = 0;
        for &start in &starts {
            let (block, at) = split(start);
            let Some(block) = self.blocks.get(block) else { continue };
            bits ^= block.get(at).copied().unwrap_or(0) ^ block.get(at + LINE).copied().unwrap_or(0);
        }
        black_box(bits);
    }

    #[inline]
    fn add_one(&mut self, key: &[u64], hash: u32, values: &[i128]) -> Result<(), BuildError> {
        let mask = self.slots.len() - 1;
        let mut slot = first_slot(hash, self.slots.len());
        while let (other, start) = self.slots[slot]
            && start != NONE
        {
            let (block, at) = split(start);
            if other == hash && self.blocks[block].get(at..at + key.len()) == Some(key) {
                return record::add_values(&mut self.blocks[block][at + key.len()..], values);
            }
            slot = (slot + 1) & mask;
        }
        let start = self.push(key, values)?;
        self.starts.push(start);
        self.slots[slot] = (hash, start);
        let (block, at) = split(start);
        self.used.add(PathRow::of(&self.blocks[block][at..], self.columns));
        Ok(())
    }

    /// Adds a record; tells where it is.
    fn push(&mut self, key: &[u64], values: &[i128]) -> Result<u32, BuildError> {
        let length = key.len() + values.len() * 2;
        if self.blocks.last().is_none_or(|block| block.len() + length > 1 << BLOCK_BITS) {
            self.blocks.push(Vec::with_capacity(length.max(1 << BLOCK_BITS)));
        }
        let number = self.blocks.len() - 1;
        let block = &mut self.blocks[number];
        // A block that is longer than others has one record only.
        let place = u32::try_from(number << BLOCK_BITS | block.len()).ok().filter(|&place| place < NONE);
        block.extend_from_slice(key);
        record::push_values(block, values);
        self.words += length;
        Ok(place.ok_or(TableFull("sample"))?)
    }

    fn grow(&mut self) {
        let slots = vec![(0, NONE); (self.slots.len() * 2).max(MIN_SLOTS)];
        let mask = slots.len() - 1;
        let old = std::mem::replace(&mut self.slots, slots);
        for entry in old.into_iter().filter(|&(_, start)| start != NONE) {
            let mut slot = first_slot(entry.0, self.slots.len());
            while self.slots[slot].1 != NONE {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = entry;
        }
    }
}

/// Where among so many slots a hash is looked for first.
#[inline]
fn first_slot(hash: u32, slots: usize) -> usize {
    ((u64::from(hash) * slots as u64) >> 32) as usize
}

/// The number of the block of a place, and where in it it is.
#[inline]
fn split(place: u32) -> (usize, usize) {
    ((place >> BLOCK_BITS) as usize, (place & ((1 << BLOCK_BITS) - 1)) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(rows: &mut PathRows, path: &[u32], value: i128) {
        let frames: Vec<_> = path.iter().map(|&frame| record::id(frame)).collect();
        rows.add(OriginId::UNKNOWN, LabelSetId::EMPTY, &frames, std::iter::once(Ok((0, value)))).unwrap();
    }

    fn all(rows: &PathRows) -> Vec<(Vec<u32>, Vec<i128>)> {
        rows.iter().map(|row| (row.frames().collect(), row.values().collect())).collect()
    }

    #[test]
    fn equal_paths_are_one_row_however_many_come_together() {
        let mut rows = PathRows::default();
        rows.set_columns(1).unwrap();
        // Some frames fit 16 bits.
        let path = |number: u32| -> Vec<u32> { (0..number % 7).map(|at| number % 5_000 * 20 + at).collect() };
        let mut sums = std::collections::BTreeMap::new();
        for number in 0..20_000 {
            add(&mut rows, &path(number), number.into());
            *sums.entry(path(number)).or_insert(0) += i128::from(number);
            if number % 1_000 == 0 {
                rows.complete().unwrap();
            }
        }
        rows.complete().unwrap();
        let mut found = all(&rows);
        found.sort();
        let expected: Vec<_> = sums.into_iter().map(|(path, sum)| (path, vec![sum])).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn equal_hashes_do_not_make_equal_paths() {
        let mut rows = PathRows::default();
        rows.set_columns(1).unwrap();
        rows.grow();
        let mut keys = [Vec::new(), Vec::new()];
        for (key, frame) in keys.iter_mut().zip([1, 2]) {
            let head = Head { origin: OriginId::UNKNOWN, labels: LabelSetId::EMPTY };
            record::push_key(key, head, &[record::id(frame)]);
        }
        for _ in 0..2 {
            for (key, value) in keys.iter().zip([3, 5]) {
                rows.add_one(key, 77, &[value]).unwrap();
            }
        }
        assert_eq!(all(&rows), [(vec![1], vec![6]), (vec![2], vec![10])]);
    }

    #[test]
    fn new_columns_and_units_keep_what_is_there() {
        let mut rows = PathRows::default();
        rows.set_columns(1).unwrap();
        add(&mut rows, &[1, 2, 3], -4);
        rows.complete().unwrap();
        rows.set_columns(2).unwrap();
        rows.rescale(Rescale { column: 0, multiplier: 1_000 }).unwrap();
        add(&mut rows, &[1, 2, 3], 1);
        rows.complete().unwrap();
        assert_eq!(all(&rows), [(vec![1, 2, 3], vec![-3_999, 0])]);
    }
}
