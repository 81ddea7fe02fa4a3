//! Samples: a stack, where it was seen, and a value for each sample type; in columns.

use crate::id::{Id, LabelSetId, OriginId, StackId};

/// What a sample's values belong to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Sample {
    /// The stack; `None` where nothing ran.
    pub stack: Option<StackId>,
    /// Where it was seen.
    pub origin: OriginId,
    /// The recorder's labels.
    pub labels: LabelSetId,
}

impl Sample {
    /// A sample of a stack of which nothing else is known.
    #[must_use]
    pub const fn of(stack: Option<StackId>) -> Self {
        Self { stack, origin: OriginId::UNKNOWN, labels: LabelSetId::EMPTY }
    }
}

/// A column that costs nothing while all its rows are the first id.
#[derive(Clone, Debug)]
struct MostlyFirst<I>(Vec<I>);

impl<I> Default for MostlyFirst<I> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<I: Id> MostlyFirst<I> {
    fn push(&mut self, row: usize, id: I) {
        if self.0.is_empty() && id == I::FIRST {
            return;
        }
        self.0.resize(row, I::FIRST);
        self.0.push(id);
    }

    #[inline]
    fn get(&self, row: usize) -> I {
        self.0.get(row).copied().unwrap_or(I::FIRST)
    }
}

/// The samples of a profile in the order of the source.
#[derive(Clone, Default, Debug)]
pub struct SampleTable {
    stacks: Vec<Option<StackId>>,
    origins: MostlyFirst<OriginId>,
    labels: MostlyFirst<LabelSetId>,
    /// One column a sample type.
    values: Vec<Vec<i64>>,
}

impl SampleTable {
    pub(crate) fn with_columns(columns: usize) -> Self {
        Self { values: vec![Vec::new(); columns], ..Self::default() }
    }

    /// Gives the samples without a stack this one.
    pub(crate) fn fill_stacks(&mut self, stack: StackId) {
        for missing in self.stacks.iter_mut().filter(|stack| stack.is_none()) {
            *missing = Some(stack);
        }
    }

    /// How many samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stacks.len()
    }

    /// Whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stacks.is_empty()
    }

    /// What the values of row `row` belong to.
    ///
    /// # Panics
    /// Where there is no such row.
    #[inline]
    #[must_use]
    pub fn get(&self, row: usize) -> Sample {
        Sample { stack: self.stacks[row], origin: self.origins.get(row), labels: self.labels.get(row) }
    }

    /// The stack of every sample.
    #[must_use]
    pub fn stacks(&self) -> &[Option<StackId>] {
        &self.stacks
    }

    /// Every sample in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Sample> + DoubleEndedIterator {
        (0..self.len()).map(|row| self.get(row))
    }

    /// The value of every sample for one sample type.
    ///
    /// # Panics
    /// Where there is no such sample type.
    #[must_use]
    pub fn values(&self, sample_type: usize) -> &[i64] {
        &self.values[sample_type]
    }

    /// How many value columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.values.len()
    }

    /// Whether every value of a row is zero.
    ///
    /// # Panics
    /// Where there is no such row, and any sample type.
    #[must_use]
    pub fn is_zero(&self, row: usize) -> bool {
        self.values.iter().all(|column| column[row] == 0)
    }

    pub(crate) fn reserve(&mut self, rows: usize) {
        self.stacks.reserve(rows);
        self.values.iter_mut().for_each(|column| column.reserve(rows));
    }

    pub(crate) fn add_column(&mut self) {
        self.values.push(vec![0; self.stacks.len()]);
    }

    /// `values` has one value a column.
    #[inline]
    pub(crate) fn push(&mut self, sample: Sample, values: &[i64]) {
        let row = self.stacks.len();
        self.stacks.push(sample.stack);
        self.origins.push(row, sample.origin);
        self.labels.push(row, sample.labels);
        for (column, &value) in self.values.iter_mut().zip(values) {
            column.push(value);
        }
    }

    /// The values of one row, a value a sample type.
    ///
    /// # Panics
    /// Where there is no such row, and any sample type.
    #[must_use]
    pub fn row_values(&self, row: usize) -> Vec<i64> {
        self.values.iter().map(|column| column[row]).collect()
    }

    pub(crate) fn column_mut(&mut self, sample_type: usize) -> &mut Vec<i64> {
        &mut self.values[sample_type]
    }
}
