//! The rows of the call tables of a merge, each distinct one once.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use profkit_profile::{
    BuildError, CallEdge, FrameId, FunctionCalls, FunctionId, LabelSetId, LineCost, OriginId, TableFull,
};

use crate::columns::Rescale;
use crate::sample_rows::{add, multiply};

/// What makes two rows of functions one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct FunctionKey {
    pub(crate) function: FunctionId,
    pub(crate) origin: OriginId,
    pub(crate) labels: LabelSetId,
    pub(crate) known: Known,
}

/// What makes two edges one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct EdgeKey {
    pub(crate) callee: FunctionId,
    pub(crate) caller: FunctionId,
    pub(crate) site: Option<FrameId>,
    pub(crate) origin: OriginId,
    pub(crate) known: Known,
    pub(crate) has_self: bool,
    pub(crate) has_total: bool,
}

/// What makes two parts of a self value at one line one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct LineKey {
    pub(crate) function: FunctionId,
    pub(crate) frame: FrameId,
    pub(crate) origin: OriginId,
}

/// Which counts of a row are known. A row whose caller entry is a bare number (Python's `profile` module) is not added
/// to one that has all four: nothing would tell any more how much of it is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Known {
    calls: bool,
    primitive_calls: bool,
}

/// The counts of a row; 0 where unknown.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counts {
    pub(crate) calls: i128,
    pub(crate) primitive_calls: i128,
}

impl Known {
    pub(crate) fn of(calls: Option<i64>, primitive_calls: Option<i64>) -> Self {
        Self { calls: calls.is_some(), primitive_calls: primitive_calls.is_some() }
    }

    /// The counts as a profile has them.
    pub(crate) fn counts(self, counts: Counts) -> Result<(Option<i64>, Option<i64>), BuildError> {
        let of = |known: bool, count: i128| {
            known.then(|| i64::try_from(count).map_err(|_| BuildError::Overflow)).transpose()
        };
        Ok((of(self.calls, counts.calls)?, of(self.primitive_calls, counts.primitive_calls)?))
    }
}

impl Counts {
    pub(crate) fn of(calls: Option<i64>, primitive_calls: Option<i64>) -> Self {
        Self { calls: calls.unwrap_or(0).into(), primitive_calls: primitive_calls.unwrap_or(0).into() }
    }
}

impl FunctionKey {
    /// The key of a row, with the ids of its source.
    pub(crate) fn of(row: &FunctionCalls) -> Self {
        let known = Known::of(row.calls, row.primitive_calls);
        Self { origin: row.origin, function: row.function, labels: row.labels, known }
    }
}

impl EdgeKey {
    pub(crate) fn of(row: &CallEdge) -> Self {
        let CallEdge { origin, caller, callee, site, has_self, has_total, .. } = *row;
        let known = Known::of(row.calls, row.primitive_calls);
        Self { callee, caller, site, origin, known, has_self, has_total }
    }
}

impl LineKey {
    pub(crate) fn of(row: &LineCost) -> Self {
        Self { function: row.function, frame: row.frame, origin: row.origin }
    }
}

/// Rows of one call table and the sums of their values.
#[derive(Debug)]
pub(crate) struct CallRows<K> {
    keys: Vec<K>,
    counts: Vec<Counts>,
    /// Self value and total of each column, one row after another.
    values: Vec<[i128; 2]>,
    columns: usize,
    index: HashTable<u32>,
    seed: RandomState,
    /// The row that came after each row the last time. The dumps of many workers list the same rows in the same order,
    /// so the first guess is nearly always right, and no hash is needed.
    next: Vec<u32>,
    last: u32,
}

impl<K> Default for CallRows<K> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            counts: Vec::new(),
            values: Vec::new(),
            columns: 0,
            index: HashTable::new(),
            seed: RandomState::default(),
            next: Vec::new(),
            last: 0,
        }
    }
}

impl<K: Hash + Eq + Copy> CallRows<K> {
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn keys(&self) -> &[K] {
        &self.keys
    }

    pub(crate) fn counts(&self, row: usize) -> Counts {
        self.counts[row]
    }

    /// The self value and the total of a row.
    #[inline]
    pub(crate) fn values(&self, column: usize, row: usize) -> (i128, i128) {
        let [own, total] = self.values[row * self.columns + column];
        (own, total)
    }

    /// Makes room for columns that are new.
    pub(crate) fn set_columns(&mut self, columns: usize) {
        if columns > self.columns {
            let mut values = Vec::with_capacity(self.keys.len() * columns);
            for row in 0..self.keys.len() {
                values.extend_from_slice(&self.values[row * self.columns..(row + 1) * self.columns]);
                values.resize((row + 1) * columns, [0, 0]);
            }
            (self.values, self.columns) = (values, columns);
        }
    }

    pub(crate) fn rescale(&mut self, by: Rescale) -> Result<(), BuildError> {
        if self.columns == 0 {
            return Ok(());
        }
        let column = self.values.iter_mut().skip(by.column).step_by(self.columns);
        multiply(column.flatten(), by.multiplier)
    }

    /// Adds to the counts of a row, a new one if there is none, and tells which it is.
    pub(crate) fn row(&mut self, key: K, counts: Counts) -> Result<usize, BuildError> {
        let row = self.find(key)?;
        if let Some(next) = self.next.get_mut(self.last as usize) {
            *next = row;
        }
        self.last = row;
        let row = row as usize;
        add(&mut self.counts[row].calls, counts.calls)?;
        add(&mut self.counts[row].primitive_calls, counts.primitive_calls)?;
        Ok(row)
    }

    fn find(&mut self, key: K) -> Result<u32, BuildError> {
        if let Some(&guess) = self.next.get(self.last as usize)
            && self.keys.get(guess as usize) == Some(&key)
        {
            return Ok(guess);
        }
        let hash = self.seed.hash_one(key);
        if let Some(&row) = self.index.find(hash, |&row| self.keys[row as usize] == key) {
            return Ok(row);
        }
        let row = u32::try_from(self.keys.len()).map_err(|_| TableFull("call"))?;
        self.keys.push(key);
        self.counts.push(Counts::default());
        self.next.push(0);
        self.values.resize(self.values.len() + self.columns, [0, 0]);
        let Self { index, keys, seed, .. } = self;
        index.insert_unique(hash, row, |&other| seed.hash_one(keys[other as usize]));
        Ok(row)
    }

    /// Adds to the sums of a row.
    pub(crate) fn add(
        &mut self,
        column: usize,
        row: usize,
        own: i128,
        total: i128,
    ) -> Result<(), BuildError> {
        let sums = &mut self.values[row * self.columns + column];
        add(&mut sums[0], own)?;
        add(&mut sums[1], total)
    }
}
