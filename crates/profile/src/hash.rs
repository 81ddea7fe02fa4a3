//! Hashing with a seed of its own for each table, so that a hostile file cannot be made to collide.
//! Nothing that leaves a table depends on the order of hashes.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

use crate::id::{FrameId, Id};

/// The hash function of one table.
#[derive(Clone, Default, Debug)]
pub(crate) struct Seed(RandomState);

impl Seed {
    #[inline]
    pub(crate) fn row<R: Hash>(&self, row: &R) -> u64 {
        self.0.hash_one(row)
    }

    /// The hash of the path without frames.
    pub(crate) const ROOT: u32 = 0;

    /// The hash of a path, from that of its parent and its last frame.
    #[inline]
    pub(crate) fn path(&self, parent: u32, frame: FrameId) -> u32 {
        let hash = self.row(&(u64::from(parent) << 32 | frame.index() as u64));
        u32::try_from(hash >> 32).unwrap_or(u32::MAX)
    }

    #[inline]
    pub(crate) fn bytes(&self, bytes: &[u8]) -> u64 {
        self.0.hash_one(bytes)
    }
}
