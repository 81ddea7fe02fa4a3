//! Threads that have a name in some lines only. py-spy asks a thread for its name once and keeps the answer, which Python
//! has for few threads that have just begun; a thread of `_thread` never gets one.

use std::hash::Hash;

use hashbrown::HashMap;

/// The names of threads, by what tells threads apart.
pub(crate) struct ThreadNames<K, N> {
    /// `None` for several.
    names: HashMap<K, Option<N>, foldhash::fast::RandomState>,
}

impl<K: Hash + Eq, N: Copy + Eq> ThreadNames<K, N> {
    pub(crate) fn of(named: impl Iterator<Item = (K, N)>) -> Self {
        let mut names: HashMap<K, Option<N>, foldhash::fast::RandomState> = HashMap::default();
        for (thread, name) in named {
            let known = names.entry(thread).or_insert(Some(name));
            *known = known.filter(|&known| known == name);
        }
        Self { names }
    }

    /// The only name of a thread. Ids are used again, so one of several names may be another thread's.
    pub(crate) fn get(&self, thread: &K) -> Option<N> {
        self.names.get(thread).copied().flatten()
    }
}
