//! Hashing with a seed of its own for each table, so that a hostile file cannot be made to collide.
//! Nothing that leaves a table depends on the order of hashes.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

/// The hash function of one table.
#[derive(Clone, Default, Debug)]
pub(crate) struct Seed(RandomState);

impl Seed {
    #[inline]
    pub(crate) fn row<R: Hash>(&self, row: &R) -> u64 {
        self.0.hash_one(row)
    }

    #[inline]
    pub(crate) fn bytes(&self, bytes: &[u8]) -> u64 {
        self.0.hash_one(bytes)
    }
}
