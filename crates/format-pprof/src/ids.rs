//! What the ids of a file stand for. Most writers count from 1; some use addresses or hashes.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// Values by id, in a vector as far as the ids are dense.
#[derive(Debug)]
pub(crate) struct IdMap<T> {
    dense: Vec<Option<T>>,
    sparse: HashMap<u64, T, RandomState>,
}

impl<T: Copy> IdMap<T> {
    /// A map for about `count` ids.
    pub(crate) fn new(count: usize) -> Self {
        // Room for gaps, without letting one huge id decide how much memory is taken.
        Self { dense: vec![None; count * 2 + 1], sparse: HashMap::default() }
    }

    #[inline]
    pub(crate) fn get(&self, id: u64) -> Option<T> {
        match usize::try_from(id).ok().and_then(|index| self.dense.get(index)) {
            Some(&value) => value,
            None => self.sparse.get(&id).copied(),
        }
    }

    /// Whether the id was free.
    #[must_use]
    pub(crate) fn insert(&mut self, id: u64, value: T) -> bool {
        match usize::try_from(id).ok().and_then(|index| self.dense.get_mut(index)) {
            Some(place) => place.replace(value).is_none(),
            None => self.sparse.insert(id, value).is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_and_sparse_ids_are_found() {
        let mut map = IdMap::new(2);
        let ids = [0, 1, 4, 5, u64::MAX, 1 << 40];
        for (value, &id) in ids.iter().enumerate() {
            assert_eq!(map.get(id), None);
            assert!(map.insert(id, value));
            assert!(!map.insert(id, value));
        }
        for (value, &id) in ids.iter().enumerate() {
            assert_eq!(map.get(id), Some(value));
        }
        assert_eq!(map.get(2), None);
        assert_eq!(map.get(77), None);
    }
}
