//! Every string of a profile, once. Strings are bytes: a path on a file system need not be UTF-8, and a
//! Python dump keeps lone surrogates (`ed b3 bf`) that strict UTF-8 refuses.

use std::borrow::Cow;

use hashbrown::HashTable;

use crate::error::TableFull;
use crate::hash::Seed;
use crate::id::{Id, StringId};

/// The strings of a profile, addressed by [`StringId`]; row 0 is `""`.
#[derive(Clone, Debug)]
pub struct StringTable {
    bytes: Vec<u8>,
    /// Where each string ends; it starts where the one before it ends.
    ends: Vec<u32>,
}

impl Default for StringTable {
    fn default() -> Self {
        Self { bytes: Vec::new(), ends: vec![0] }
    }
}

impl StringTable {
    /// The bytes of a string.
    ///
    /// # Panics
    /// If `id` is not of this table.
    #[must_use]
    pub fn get(&self, id: StringId) -> &[u8] {
        self.at(id.index())
    }

    /// A string for people: bytes that are not UTF-8 shown as U+FFFD.
    #[must_use]
    pub fn text(&self, id: StringId) -> Cow<'_, str> {
        String::from_utf8_lossy(self.get(id))
    }

    /// How many strings, the empty one included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Never: row 0 is always there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Every string in order of id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.ends.len()).map(|index| self.at(index))
    }

    fn at(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.bytes[start..self.ends[index] as usize]
    }
}

/// Adds strings, each once.
#[derive(Debug)]
pub(crate) struct StringInterner {
    table: StringTable,
    rows: HashTable<u32>,
    seed: Seed,
}

impl StringInterner {
    pub(crate) fn new(table: StringTable) -> Self {
        let seed = Seed::default();
        let mut rows = HashTable::with_capacity(table.len());
        for (row, string) in (0u32..).zip(table.iter()) {
            rows.insert_unique(seed.bytes(string), row, |&other| seed.bytes(table.at(other as usize)));
        }
        Self { table, rows, seed }
    }

    pub(crate) fn reserve(&mut self, strings: usize) {
        let Self { table, rows, seed } = self;
        table.ends.reserve(strings);
        rows.reserve(strings, |&row| seed.bytes(table.at(row as usize)));
    }

    pub(crate) fn intern(&mut self, string: &[u8]) -> Result<StringId, TableFull> {
        let Self { table, rows, seed } = self;
        let hash = seed.bytes(string);
        let found = rows.find(hash, |&row| table.at(row as usize) == string);
        let row = if let Some(&row) = found {
            row
        } else {
            let full = TableFull("string");
            let row = u32::try_from(table.ends.len()).map_err(|_| full)?;
            let end = u32::try_from(table.bytes.len() + string.len()).map_err(|_| full)?;
            table.bytes.extend_from_slice(string);
            table.ends.push(end);
            rows.insert_unique(hash, row, |&other| seed.bytes(table.at(other as usize)));
            row
        };
        StringId::from_index(row as usize).ok_or(TableFull("string"))
    }

    pub(crate) fn table(&self) -> &StringTable {
        &self.table
    }

    pub(crate) fn finish(self) -> StringTable {
        self.table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_stored_once_and_bytes_are_kept() {
        let mut strings = StringInterner::new(StringTable::default());
        let surrogate = strings.intern(b"\xed\xb3\xbf").unwrap();
        assert_eq!(strings.intern(b"").unwrap(), StringId::EMPTY);
        assert_eq!(strings.intern(b"\xed\xb3\xbf").unwrap(), surrogate);
        let table = strings.finish();
        assert_eq!(table.len(), 2);
        assert_eq!(table.get(surrogate), b"\xed\xb3\xbf");
    }

    #[test]
    fn a_table_that_grew_is_found_again() {
        let mut strings = StringInterner::new(StringTable::default());
        let ids: Vec<_> = (0..5_000).map(|n| strings.intern(format!("s{n}").as_bytes()).unwrap()).collect();
        let mut again = StringInterner::new(strings.finish());
        for (n, id) in ids.into_iter().enumerate() {
            assert_eq!(again.intern(format!("s{n}").as_bytes()).unwrap(), id);
        }
    }
}
