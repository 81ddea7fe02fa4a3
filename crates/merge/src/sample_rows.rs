//! The samples of a merge, each distinct one once.

use std::hash::BuildHasher;
use std::hint::black_box;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use profkit_profile::{BuildError, Id, LabelSetId, OriginId, Sample, StackId, TableFull};

use crate::columns::Rescale;

/// Samples and the sums of their values. Sums are 128 bits wide: so no order of adding can overflow what another does
/// not.
#[derive(Debug, Default)]
pub(crate) struct SampleRows {
    samples: Vec<Sample>,
    /// The sums of one row after another.
    values: Vec<i128>,
    columns: usize,
    /// For each stack (and, first, for none) one more than the row without origin and labels; 0 for none. Most profiles
    /// have no other rows.
    plain: Vec<u32>,
    others: HashTable<u32>,
    seed: RandomState,
}

impl SampleRows {
    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    pub(crate) fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The sums of a row, one a column.
    #[inline]
    pub(crate) fn values(&self, row: usize) -> &[i128] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// Whether every sum of a row is zero.
    pub(crate) fn is_zero(&self, row: usize) -> bool {
        self.values(row).iter().all(|&sum| sum == 0)
    }

    /// Makes room for columns that are new.
    pub(crate) fn set_columns(&mut self, columns: usize) {
        if columns > self.columns {
            let mut values = Vec::with_capacity(self.samples.len() * columns);
            for row in 0..self.samples.len() {
                values.extend_from_slice(self.values(row));
                values.resize((row + 1) * columns, 0);
            }
            (self.values, self.columns) = (values, columns);
        }
    }

    pub(crate) fn rescale(&mut self, by: Rescale) -> Result<(), BuildError> {
        if self.columns == 0 {
            return Ok(());
        }
        multiply(self.values.iter_mut().skip(by.column).step_by(self.columns), by.multiplier)
    }

    /// The row of a sample, a new one with zeros if there is none.
    #[inline]
    pub(crate) fn row(&mut self, sample: Sample) -> Result<usize, BuildError> {
        if sample.origin == OriginId::UNKNOWN && sample.labels == LabelSetId::EMPTY {
            let slot = slot(sample.stack);
            if self.plain.len() <= slot {
                self.plain.resize((slot + 1).max(self.plain.len() * 3 / 2), 0);
            }
            if let Some(row) = self.plain[slot].checked_sub(1) {
                return Ok(row as usize);
            }
            let row = self.push(sample)?;
            self.plain[slot] = row + 1;
            return Ok(row as usize);
        }
        let hash = self.seed.hash_one(sample);
        if let Some(&row) = self.others.find(hash, |&row| self.samples[row as usize] == sample) {
            return Ok(row as usize);
        }
        let row = self.push(sample)?;
        let Self { others, samples, seed, .. } = self;
        others.insert_unique(hash, row, |&other| seed.hash_one(samples[other as usize]));
        Ok(row as usize)
    }

    fn push(&mut self, sample: Sample) -> Result<u32, BuildError> {
        let row = u32::try_from(self.samples.len()).ok().filter(|&row| row < u32::MAX);
        let row = row.ok_or(TableFull("sample"))?;
        self.samples.push(sample);
        self.values.resize(self.values.len() + self.columns, 0);
        Ok(row)
    }

    /// Brings into the cache where the rows of stacks are, all at once.
    #[inline]
    pub(crate) fn fetch_stacks(&self, stacks: impl Iterator<Item = Option<StackId>>) {
        let row = |stack| self.plain.get(slot(stack)).copied().unwrap_or(0);
        black_box(stacks.fold(0, |sum: u32, stack| sum ^ row(stack)));
    }

    /// Brings the sums of rows into the cache, all at once.
    #[inline]
    pub(crate) fn fetch(&self, rows: impl Iterator<Item = usize>) {
        let first = |row: usize| self.values.get(row * self.columns).copied().unwrap_or(0);
        black_box(rows.fold(0, |sum: i128, row| sum ^ first(row)));
    }

    /// Adds to the sum of a row.
    #[inline]
    pub(crate) fn add(&mut self, column: usize, row: usize, value: i128) -> Result<(), BuildError> {
        add(&mut self.values[row * self.columns + column], value)
    }
}

/// The place of a stack, or of none, among those that have rows without origin and labels.
#[inline]
fn slot(stack: Option<StackId>) -> usize {
    stack.map_or(0, |stack| stack.index() + 1)
}

/// Adds to a sum.
#[inline]
pub(crate) fn add(sum: &mut i128, value: i128) -> Result<(), BuildError> {
    *sum = sum.checked_add(value).ok_or(BuildError::Overflow)?;
    Ok(())
}

/// Multiplies the values of a column.
pub(crate) fn multiply<'v>(column: impl Iterator<Item = &'v mut i128>, by: i128) -> Result<(), BuildError> {
    for value in column {
        *value = value.checked_mul(by).ok_or(BuildError::Overflow)?;
    }
    Ok(())
}
