//! The call tables: what pstats, yappi and callgrind store instead of stacks.
//!
//! Each function has its calls, self and total, and so has each pair of caller and callee; nothing is known
//! above the direct caller. Totals count the outermost activation only, of a function or of a pair.

use crate::id::{FrameId, FunctionId, LabelSetId, OriginId};

/// The calls of one function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FunctionCalls {
    /// Where it was measured.
    pub origin: OriginId,
    /// The function.
    pub function: FunctionId,
    /// What the recorder noted beside it (yappi: context and tag).
    pub labels: LabelSetId,
    /// All calls; `None` where the recorder does not count them.
    pub calls: Option<i64>,
    /// Calls while it was not running already.
    pub primitive_calls: Option<i64>,
}

/// The calls that one function made of another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CallEdge {
    /// Where they were measured.
    pub origin: OriginId,
    /// Who called.
    pub caller: FunctionId,
    /// Who was called.
    pub callee: FunctionId,
    /// The caller's frame at the call, where known: its line, and its file where code was inlined.
    pub site: Option<FrameId>,
    /// All calls.
    pub calls: Option<i64>,
    /// Calls while this pair was not active already.
    pub primitive_calls: Option<i64>,
    /// Whether the callee's self value under this caller is known (callgrind does not store it).
    pub has_self: bool,
    /// Whether the callee's total under this caller is known (Python's `profile` module counts calls only).
    pub has_total: bool,
}

/// The self value of one function at one line.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LineCost {
    /// Where it was measured.
    pub origin: OriginId,
    /// Whose self value it is part of.
    pub function: FunctionId,
    /// The line; its function differs from `function` in the file where code was inlined.
    pub frame: FrameId,
}

/// Rows with a self value and a total for each sample type.
#[derive(Clone, Debug)]
pub struct Measured<R> {
    rows: Vec<R>,
    own: Vec<Vec<i64>>,
    total: Vec<Vec<i64>>,
}

impl<R> Default for Measured<R> {
    fn default() -> Self {
        Self { rows: Vec::new(), own: Vec::new(), total: Vec::new() }
    }
}

impl<R> Measured<R> {
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

    /// The rows in the order of the source.
    #[must_use]
    pub fn rows(&self) -> &[R] {
        &self.rows
    }

    /// The self values for one sample type, a value a row; 0 where unknown.
    #[must_use]
    pub fn own(&self, sample_type: usize) -> &[i64] {
        &self.own[sample_type]
    }

    /// The totals for one sample type, a value a row; 0 where unknown.
    #[must_use]
    pub fn total(&self, sample_type: usize) -> &[i64] {
        &self.total[sample_type]
    }

    /// The self values and the totals of one row, a value a sample type.
    #[must_use]
    pub fn values(&self, row: usize) -> (Vec<i64>, Vec<i64>) {
        let of = |columns: &[Vec<i64>]| columns.iter().map(|column| column[row]).collect();
        (of(&self.own), of(&self.total))
    }

    pub(crate) fn columns(&self) -> (&[Vec<i64>], &[Vec<i64>]) {
        (&self.own, &self.total)
    }

    fn with_columns(columns: usize) -> Self {
        let empty = vec![Vec::new(); columns];
        Self { rows: Vec::new(), own: empty.clone(), total: empty }
    }

    pub(crate) fn add_column(&mut self) {
        self.own.push(vec![0; self.rows.len()]);
        self.total.push(vec![0; self.rows.len()]);
    }

    pub(crate) fn reserve(&mut self, rows: usize) {
        self.rows.reserve(rows);
        for column in self.own.iter_mut().chain(&mut self.total) {
            column.reserve(rows);
        }
    }

    /// `own` and `total` have one value a column.
    pub(crate) fn push(&mut self, row: R, own: &[i64], total: &[i64]) {
        self.rows.push(row);
        for (column, &value) in self.own.iter_mut().zip(own) {
            column.push(value);
        }
        for (column, &value) in self.total.iter_mut().zip(total) {
            column.push(value);
        }
    }
}

/// The call tables of a profile.
#[derive(Clone, Default, Debug)]
pub struct CallTables {
    pub(crate) functions: Measured<FunctionCalls>,
    pub(crate) edges: Measured<CallEdge>,
    pub(crate) lines: Measured<LineCost>,
}

impl CallTables {
    pub(crate) fn with_columns(columns: usize) -> Self {
        Self {
            functions: Measured::with_columns(columns),
            edges: Measured::with_columns(columns),
            lines: Measured::with_columns(columns),
        }
    }

    /// Per function.
    #[must_use]
    pub fn functions(&self) -> &Measured<FunctionCalls> {
        &self.functions
    }

    /// Per caller and callee.
    #[must_use]
    pub fn edges(&self) -> &Measured<CallEdge> {
        &self.edges
    }

    /// How the self value of functions spreads over their lines, where the source says so (callgrind). The
    /// totals of these rows are unused.
    #[must_use]
    pub fn lines(&self) -> &Measured<LineCost> {
        &self.lines
    }

    /// Whether there is no call table.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.functions.is_empty() && self.edges.is_empty()
    }
}
