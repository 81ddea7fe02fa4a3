//! The string table of a file that is being written: each string gets its index when first used, `""` is 0.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use profkit_profile::{Id, StringId, StringTable};

/// A string of the profile, or one that only the file has.
#[derive(Debug)]
enum Source {
    Profile(StringId),
    File(Vec<u8>),
}

/// The strings of a file in order of first use.
#[derive(Debug)]
pub(crate) struct StringIds<'p> {
    table: &'p StringTable,
    /// The index of each string of the profile; 0 for one that has none yet, and for `""`.
    ids: Vec<u32>,
    order: Vec<Source>,
    /// The strings asked for by their bytes.
    by_bytes: HashMap<Vec<u8>, u64, RandomState>,
}

impl<'p> StringIds<'p> {
    pub(crate) fn new(table: &'p StringTable) -> Self {
        Self { table, ids: vec![0; table.len()], order: Vec::new(), by_bytes: HashMap::default() }
    }

    /// The index of a string of the profile.
    #[inline]
    pub(crate) fn id(&mut self, string: StringId) -> u64 {
        match self.ids[string.index()] {
            0 if string.is_empty() => 0,
            0 => self.add(string),
            id => id.into(),
        }
    }

    fn add(&mut self, string: StringId) -> u64 {
        self.order.push(Source::Profile(string));
        // There are at most as many as in the profile and a few more.
        self.ids[string.index()] = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
        self.order.len() as u64
    }

    /// The index of a string that the profile may not have.
    pub(crate) fn id_of_bytes(&mut self, bytes: &[u8]) -> u64 {
        if let Some(&id) = self.by_bytes.get(bytes) {
            return id;
        }
        let id = match self.table.iter().position(|string| string == bytes).and_then(StringId::from_index) {
            Some(string) => self.id(string),
            None => {
                self.order.push(Source::File(bytes.to_vec()));
                self.order.len() as u64
            }
        };
        self.by_bytes.insert(bytes.to_vec(), id);
        id
    }

    /// Every string, the empty one first.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &[u8]> {
        let rest = self.order.iter().map(|source| match source {
            Source::Profile(string) => self.table.get(*string),
            Source::File(bytes) => bytes,
        });
        std::iter::once(&[][..]).chain(rest)
    }
}
