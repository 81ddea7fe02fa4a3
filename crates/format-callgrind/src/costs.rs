//! Costs as they are added up while a file is read: by function, by call and by line, a column for each sample type.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use foldhash::{HashMap, HashMapExt};
use hashbrown::HashTable;
use profkit_profile::{BuildError, OriginId};

use crate::lines::Lines;
use crate::names::Text;

/// A row of [`Costs::functions`].
pub(crate) type Function = u32;

/// A function as the file names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct FunctionName {
    pub(crate) file: Text,
    pub(crate) name: Text,
}

/// The place of costs inside a function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Place {
    pub(crate) file: Text,
    pub(crate) object: Text,
    pub(crate) line: u64,
    pub(crate) address: u64,
}

/// A function in one part's origin.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Row {
    pub(crate) origin: OriginId,
    pub(crate) function: Function,
}

/// Calls of one function by another from a place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct CallKey {
    pub(crate) caller: u32,
    pub(crate) origin: OriginId,
    pub(crate) callee: Function,
    pub(crate) place: Place,
}

/// A sum did not fit 64 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overflow;

impl From<Overflow> for BuildError {
    fn from(Overflow: Overflow) -> Self {
        Self::Overflow
    }
}

/// Everything that is added up.
#[derive(Default)]
pub(crate) struct Costs {
    pub(crate) names: Vec<FunctionName>,
    by_name: HashMap<FunctionName, Function>,
    /// By function, the line of its definition where a cost line told it, and the smallest line that a call led to.
    pub(crate) definitions: Vec<Option<u64>>,
    pub(crate) targets: Vec<u64>,
    /// The functions that have a block of their own, in the order of the file.
    pub(crate) functions: Rows<Row>,
    pub(crate) lines: Lines,
    pub(crate) calls: Rows<CallKey>,
    /// By call, how many, and whether its cost is unknown.
    pub(crate) counts: Vec<i64>,
    pub(crate) unknown_cost: Vec<bool>,
}

impl Costs {
    pub(crate) fn new() -> Self {
        Self { by_name: HashMap::new(), ..Self::default() }
    }

    pub(crate) fn function(&mut self, name: FunctionName) -> Function {
        let Self { names, by_name, definitions, targets, .. } = self;
        *by_name.entry(name).or_insert_with(|| {
            names.push(name);
            definitions.push(None);
            targets.push(0);
            Function::try_from(names.len() - 1).unwrap_or(Function::MAX)
        })
    }

    /// Adds a call.
    pub(crate) fn call(&mut self, key: CallKey, count: i64) -> Result<u32, Overflow> {
        let row = self.calls.row(key);
        if row as usize == self.counts.len() {
            self.counts.push(0);
            self.unknown_cost.push(false);
        }
        let sum = &mut self.counts[row as usize];
        *sum = sum.checked_add(count).ok_or(Overflow)?;
        Ok(row)
    }
}

/// Rows that are each there once, in order of first appearance, with a value for each sample type.
pub(crate) struct Rows<K> {
    pub(crate) keys: Vec<K>,
    index: HashTable<u32>,
    hasher: RandomState,
    last: u32,
    /// By sample type; shorter than `keys` where the last rows have none.
    columns: Vec<Vec<i64>>,
}

impl<K> Default for Rows<K> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            index: HashTable::new(),
            hasher: RandomState::default(),
            last: 0,
            columns: Vec::new(),
        }
    }
}

impl<K: Copy + Eq + Hash> Rows<K> {
    /// The number of the row with this key.
    #[inline]
    pub(crate) fn row(&mut self, key: K) -> u32 {
        if self.keys.get(self.last as usize) == Some(&key) {
            return self.last;
        }
        let Self { keys, index, hasher, .. } = self;
        let hash = hasher.hash_one(key);
        let found = index.find(hash, |&row| keys[row as usize] == key).copied();
        self.last = found.unwrap_or_else(|| {
            // A line of input makes at most one row, and 2^32 of them do not fit the profile's tables either.
            let row = u32::try_from(keys.len()).unwrap_or(u32::MAX);
            keys.push(key);
            index.insert_unique(hash, row, |&other| hasher.hash_one(keys[other as usize]));
            row
        });
        self.last
    }

    #[inline]
    pub(crate) fn add(&mut self, row: u32, sample_type: usize, value: i64) -> Result<(), Overflow> {
        if value == 0 {
            return Ok(());
        }
        if self.columns.len() <= sample_type {
            self.columns.resize_with(sample_type + 1, Vec::new);
        }
        let column = &mut self.columns[sample_type];
        if column.len() <= row as usize {
            column.resize(self.keys.len(), 0);
        }
        let sum = &mut column[row as usize];
        *sum = sum.checked_add(value).ok_or(Overflow)?;
        Ok(())
    }

    /// The value of every row for a sample type; rows at the end may be missing, and are 0.
    pub(crate) fn column(&self, sample_type: usize) -> &[i64] {
        self.columns.get(sample_type).map_or(&[], Vec::as_slice)
    }

    /// The values of a row for the first `types` sample types, in place of what `values` held.
    pub(crate) fn values(&self, row: usize, types: usize, values: &mut Vec<i64>) {
        values.clear();
        values.extend((0..types).map(|index| self.column(index).get(row).copied().unwrap_or(0)));
    }
}
