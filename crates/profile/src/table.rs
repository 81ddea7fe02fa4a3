//! A table of small rows and its interner, which stores each distinct row once.

use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::Index;

use hashbrown::HashTable;

use crate::error::TableFull;
use crate::hash::Seed;
use crate::id::Id;

/// Rows of one kind, addressed by their id.
#[derive(Clone, Debug)]
pub struct Table<I, R> {
    rows: Vec<R>,
    id: PhantomData<I>,
}

impl<I, R> Default for Table<I, R> {
    fn default() -> Self {
        Self { rows: Vec::new(), id: PhantomData }
    }
}

impl<I: Id, R> Table<I, R> {
    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows in order of id.
    #[must_use]
    pub fn rows(&self) -> &[R] {
        &self.rows
    }

    /// Every id with its row.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (I, &R)> + DoubleEndedIterator {
        // The interner never lets a table grow past the last id.
        self.rows.iter().enumerate().map(|(index, row)| (I::from_index(index).unwrap_or(I::FIRST), row))
    }

    /// Every id.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = I> + DoubleEndedIterator + use<'_, I, R> {
        self.iter().map(|(id, _)| id)
    }

    pub(crate) fn reserve(&mut self, rows: usize) {
        self.rows.reserve(rows);
    }

    pub(crate) fn push(&mut self, row: R, name: &'static str) -> Result<I, TableFull> {
        let id = I::from_index(self.rows.len()).ok_or(TableFull(name))?;
        self.rows.push(row);
        Ok(id)
    }
}

impl<I: Id, R> Index<I> for Table<I, R> {
    type Output = R;

    #[inline]
    fn index(&self, id: I) -> &R {
        &self.rows[id.index()]
    }
}

/// Adds rows to a table, each distinct row once.
#[derive(Debug)]
pub(crate) struct Interner<I, R> {
    name: &'static str,
    table: Table<I, R>,
    index: HashTable<u32>,
    seed: Seed,
}

impl<I: Id, R: Hash + Eq + Copy> Interner<I, R> {
    pub(crate) fn new(name: &'static str, table: Table<I, R>) -> Self {
        let seed = Seed::default();
        let mut index = HashTable::with_capacity(table.len());
        for (row, value) in (0u32..).zip(&table.rows) {
            index.insert_unique(seed.row(value), row, |&other| seed.row(&table.rows[other as usize]));
        }
        Self { name, table, index, seed }
    }

    pub(crate) fn reserve(&mut self, rows: usize) {
        let Self { table, index, seed, .. } = self;
        table.rows.reserve(rows);
        index.reserve(rows, |&row| seed.row(&table.rows[row as usize]));
    }

    #[inline]
    pub(crate) fn intern(&mut self, row: R) -> Result<I, TableFull> {
        let Self { name, table, index, seed } = self;
        let hash = seed.row(&row);
        if let Some(&found) = index.find(hash, |&other| table.rows[other as usize] == row) {
            return I::from_index(found as usize).ok_or(TableFull(name));
        }
        let number = u32::try_from(table.len()).map_err(|_| TableFull(name))?;
        let id = table.push(row, name)?;
        index.insert_unique(hash, number, |&other| seed.row(&table.rows[other as usize]));
        Ok(id)
    }

    pub(crate) fn table(&self) -> &Table<I, R> {
        &self.table
    }

    pub(crate) fn finish(self) -> Table<I, R> {
        self.table
    }
}
