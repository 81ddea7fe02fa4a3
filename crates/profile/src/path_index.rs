//! Where stacks are found by the hash of their path from the root: an open hash table, at most 5/8 full, that grows in
//! large steps, since every entry is moved to another place of memory at each.

use std::hint::black_box;

use crate::id::{Id, StackId};

/// The fewest slots of an index that is not empty; a power of two, as every number of slots.
const MIN_SLOTS: usize = 64;

/// Up to so many slots there are soon four times as many, beyond that twice: that may be hundreds of megabytes.
const MAX_LEAP: usize = 1 << 18;

/// The hash of a path and its stack.
type Slot = Option<(u32, StackId)>;

/// Stacks by the hash of their path. Equal hashes do not make equal stacks.
#[derive(Default, Debug)]
pub(crate) struct PathIndex {
    /// Linear probing.
    slots: Vec<Slot>,
}

impl PathIndex {
    /// Whether it was never filled: then nothing can be looked for.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether one more stack than `len` has room.
    #[inline]
    pub(crate) fn has_room(&self, len: usize) -> bool {
        len < self.slots.len() / 8 * 5
    }

    /// Makes an index of all these stacks, with room for at least half as many again. `expected` is how many there may be
    /// in the end, as far as anybody knows.
    pub(crate) fn fill(&mut self, hashes: &[u32], expected: usize) {
        let least = (hashes.len() / 5 * 8 + 1).next_power_of_two().max(MIN_SLOTS);
        let leap = least * if least <= MAX_LEAP || hashes.len() * 2 < expected { 2 } else { 1 };
        // The old slots are given back before the new ones are asked for: this is where a builder is largest.
        self.slots = Vec::new();
        self.slots = vec![None; leap];
        for (row, &hash) in hashes.iter().enumerate() {
            if let Some(id) = StackId::from_index(row) {
                self.insert(hash, id);
            }
        }
    }

    /// Adds a stack; there must be room.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u32, id: StackId) {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot].is_some() {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = Some((hash, id));
    }

    /// The first stack of this hash for which `is_it` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u32, is_it: impl Fn(StackId) -> bool) -> Option<StackId> {
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

    /// Brings the slots of hashes into the cache, all at once.
    #[inline]
    pub(crate) fn fetch<'h>(&self, hashes: impl Iterator<Item = &'h [u32]>) {
        let mask = self.slots.len() - 1;
        let mut full = 0;
        for hashes in hashes {
            for &hash in hashes {
                // Without a branch: a processor that guesses wrong would stop here and wait for the memory.
                full += u32::from(self.slots[hash as usize & mask].is_some());
            }
        }
        black_box(full);
    }

    /// The stack in the first slot of a hash, of whatever path.
    #[inline]
    pub(crate) fn first(&self, hash: u32) -> Option<StackId> {
        self.slots[hash as usize & (self.slots.len() - 1)].map(|(_, id)| id)
    }
}
