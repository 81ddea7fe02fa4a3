//! All rows of a merge: samples and call tables, and how those of a profile or of another merge are added.

mod paths;

use profkit_profile::{
    BuildError, CallEdge, CallTables, FrameId, FunctionCalls, FunctionId, LabelSetId, LineCost, OriginId,
    Sample, SampleTable, StackId, Values,
};

use crate::call_rows::{CallRows, Counts, EdgeKey, FunctionKey, LineKey};
use crate::columns::{Place, Rescale};
use crate::path_rows::PathRows;
use crate::sample_rows::SampleRows;

/// What the ids of rows become on their way into a merge.
pub(crate) trait Ids {
    fn stack(&self, id: StackId) -> Option<StackId>;
    fn function(&mut self, id: FunctionId) -> Result<FunctionId, BuildError>;
    fn frame(&mut self, id: FrameId) -> Result<FrameId, BuildError>;
    fn origin(&mut self, id: OriginId) -> Result<OriginId, BuildError>;
    fn labels(&mut self, id: LabelSetId) -> Result<LabelSetId, BuildError>;
}

/// How many samples are added together.
pub(crate) const GROUP: usize = 64;

/// The rows of a merge.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) samples: SampleRows,
    /// Samples whose stacks came as whole paths.
    pub(crate) paths: PathRows,
    pub(crate) functions: CallRows<FunctionKey>,
    pub(crate) edges: CallRows<EdgeKey>,
    pub(crate) lines: CallRows<LineKey>,
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.samples.len() + self.paths.len() + self.functions.len() + self.edges.len() + self.lines.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all ids of the rows stay as they are.
    pub(crate) fn are_same(&self, ids: &mut impl Ids) -> Result<bool, BuildError> {
        // Functions are seldom the same: they come in the order in which the rows need them.
        if self.len() != self.samples.len() + self.paths.len() {
            return Ok(false);
        }
        for sample in self.samples.samples() {
            let stack = sample.stack.and_then(|stack| ids.stack(stack));
            let (origin, labels) = (ids.origin(sample.origin)?, ids.labels(sample.labels)?);
            if *sample != (Sample { stack, origin, labels }) {
                return Ok(false);
            }
        }
        self.are_same_paths(ids)
    }

    /// Makes room for so many columns, after multiplying what is there.
    pub(crate) fn set_columns(&mut self, columns: usize, rescaled: &[Rescale]) -> Result<(), BuildError> {
        for &rescale in rescaled {
            self.samples.rescale(rescale)?;
            self.paths.rescale(rescale)?;
            self.functions.rescale(rescale)?;
            self.edges.rescale(rescale)?;
            self.lines.rescale(rescale)?;
        }
        self.samples.set_columns(columns);
        self.paths.set_columns(columns)?;
        self.functions.set_columns(columns);
        self.edges.set_columns(columns);
        self.lines.set_columns(columns);
        Ok(())
    }

    /// Adds what was measured in one input.
    pub(crate) fn add_values(
        &mut self,
        values: &Values,
        places: &[Place],
        ids: &mut impl Ids,
    ) -> Result<(), BuildError> {
        let Values { samples, paths, calls, .. } = values;
        if paths.is_empty() {
            return self.add_measured(samples, calls, places, ids);
        }
        self.add_path_samples(samples, paths, places, ids)?;
        self.add_measured(&SampleTable::default(), calls, places, ids)
    }

    /// The same where all stacks are in the table. Samples whose values are all zero are left out.
    pub(crate) fn add_measured(
        &mut self,
        samples: &SampleTable,
        calls: &CallTables,
        places: &[Place],
        ids: &mut impl Ids,
    ) -> Result<(), BuildError> {
        let columns: Vec<&[i64]> = (0..samples.columns()).map(|column| samples.values(column)).collect();
        let (mut group, mut rows) = (Vec::with_capacity(GROUP), Vec::with_capacity(GROUP));
        let mut all = samples.iter().enumerate().filter(|&(row, _)| !samples.is_zero(row)).peekable();
        while all.peek().is_some() {
            group.clear();
            group.extend(all.by_ref().take(GROUP));
            let stack = |&(_, sample): &(usize, Sample)| sample.stack.and_then(|stack| ids.stack(stack));
            self.samples.fetch_stacks(group.iter().map(stack));
            rows.clear();
            for &(row, sample) in &group {
                rows.push((row, self.sample_row(sample, ids)?));
            }
            self.samples.fetch(rows.iter().map(|&(_, to)| to));
            for &(row, to) in &rows {
                for (column, place) in columns.iter().zip(places) {
                    self.samples.add(place.column, to, place.of(column[row].into())?)?;
                }
            }
        }
        let functions = calls.functions();
        for (row, calls) in functions.rows().iter().enumerate() {
            let value =
                |column| (i128::from(functions.own(column)[row]), i128::from(functions.total(column)[row]));
            let counts = Counts::of(calls.calls, calls.primitive_calls);
            self.add_function(FunctionKey::of(calls), counts, value, places, ids)?;
        }
        let edges = calls.edges();
        for (row, calls) in edges.rows().iter().enumerate() {
            let value = |column| (i128::from(edges.own(column)[row]), i128::from(edges.total(column)[row]));
            let counts = Counts::of(calls.calls, calls.primitive_calls);
            self.add_edge(EdgeKey::of(calls), counts, value, places, ids)?;
        }
        let lines = calls.lines();
        for (row, line) in lines.rows().iter().enumerate() {
            self.add_line(LineKey::of(line), |column| (i128::from(lines.own(column)[row]), 0), places, ids)?;
        }
        Ok(())
    }

    /// Adds the rows of another merge.
    pub(crate) fn add_rows(
        &mut self,
        other: &Self,
        places: &[Place],
        ids: &mut impl Ids,
    ) -> Result<(), BuildError> {
        let Self { samples, paths, functions, edges, lines } = other;
        self.add_paths(paths, places, ids)?;
        let (mut group, mut rows) = (Vec::with_capacity(GROUP), Vec::with_capacity(GROUP));
        let mut all =
            samples.samples().iter().enumerate().filter(|&(row, _)| !samples.is_zero(row)).peekable();
        while all.peek().is_some() {
            group.clear();
            group.extend(all.by_ref().take(GROUP).map(|(row, &sample)| {
                (row, Sample { stack: sample.stack.and_then(|stack| ids.stack(stack)), ..sample })
            }));
            self.samples.fetch_stacks(group.iter().map(|(_, sample)| sample.stack));
            rows.clear();
            for &(row, sample) in &group {
                let (origin, labels) = (ids.origin(sample.origin)?, ids.labels(sample.labels)?);
                rows.push((row, self.samples.row(Sample { origin, labels, ..sample })?));
            }
            self.samples.fetch(rows.iter().map(|&(_, to)| to));
            for &(row, to) in &rows {
                for (&value, place) in samples.values(row).iter().zip(places) {
                    self.samples.add(place.column, to, place.of(value)?)?;
                }
            }
        }
        for (row, &key) in functions.keys().iter().enumerate() {
            let value = |column| functions.values(column, row);
            self.add_function(key, functions.counts(row), value, places, ids)?;
        }
        for (row, &key) in edges.keys().iter().enumerate() {
            let value = |column| edges.values(column, row);
            self.add_edge(key, edges.counts(row), value, places, ids)?;
        }
        for (row, &key) in lines.keys().iter().enumerate() {
            self.add_line(key, |column| lines.values(column, row), places, ids)?;
        }
        Ok(())
    }

    #[inline]
    fn sample_row(&mut self, sample: Sample, ids: &mut impl Ids) -> Result<usize, BuildError> {
        self.samples.row(Sample {
            stack: sample.stack.and_then(|stack| ids.stack(stack)),
            origin: ids.origin(sample.origin)?,
            labels: ids.labels(sample.labels)?,
        })
    }

    #[inline]
    fn add_function(
        &mut self,
        key: FunctionKey,
        counts: Counts,
        value: impl Fn(usize) -> (i128, i128),
        places: &[Place],
        ids: &mut impl Ids,
    ) -> Result<(), BuildError> {
        let key = FunctionKey {
            function: ids.function(key.function)?,
            origin: ids.origin(key.origin)?,
            labels: ids.labels(key.labels)?,
            known: key.known,
        };
        let row = self.functions.row(key, counts)?;
        add_values(&mut self.functions, row, value, places)
    }

    #[inline]
    fn add_edge(
        &mut self,
        key: EdgeKey,
        counts: Counts,
        value: impl Fn(usize) -> (i128, i128),
        places: &[Place],
        ids: &mut impl Ids,
    ) -> Result<(), BuildError> {
        let key = EdgeKey {
            callee: ids.function(key.callee)?,
            caller: ids.function(key.caller)?,
            site: key.site.map(|site| ids.frame(site)).transpose()?,
            origin: ids.origin(key.origin)?,
            ..key
        };
        let row = self.edges.row(key, counts)?;
        add_values(&mut self.edges, row, value, places)
    }

    #[inline]
    fn add_line(
        &mut self,
        key: LineKey,
        value: impl Fn(usize) -> (i128, i128),
        places: &[Place],
        ids: &mut impl Ids,
    ) -> Result<(), BuildError> {
        let key = LineKey {
            function: ids.function(key.function)?,
            frame: ids.frame(key.frame)?,
            origin: ids.origin(key.origin)?,
        };
        let row = self.lines.row(key, Counts::default())?;
        add_values(&mut self.lines, row, value, places)
    }
}

#[inline]
fn add_values<K: std::hash::Hash + Eq + Copy>(
    rows: &mut CallRows<K>,
    row: usize,
    value: impl Fn(usize) -> (i128, i128),
    places: &[Place],
) -> Result<(), BuildError> {
    for (column, place) in places.iter().enumerate() {
        let (own, total) = value(column);
        rows.add(place.column, row, place.of(own)?, place.of(total)?)?;
    }
    Ok(())
}

/// A row of a table as a profile has it.
pub(crate) fn function_calls(key: FunctionKey, counts: Counts) -> Result<FunctionCalls, BuildError> {
    let (calls, primitive_calls) = key.known.counts(counts)?;
    let FunctionKey { function, origin, labels, .. } = key;
    Ok(FunctionCalls { origin, function, labels, calls, primitive_calls })
}

/// An edge as a profile has it.
pub(crate) fn call_edge(key: EdgeKey, counts: Counts) -> Result<CallEdge, BuildError> {
    let (calls, primitive_calls) = key.known.counts(counts)?;
    let EdgeKey { callee, caller, site, origin, has_self, has_total, .. } = key;
    Ok(CallEdge { origin, caller, callee, site, calls, primitive_calls, has_self, has_total })
}

/// A line as a profile has it.
pub(crate) fn line_cost(key: LineKey) -> LineCost {
    LineCost { origin: key.origin, function: key.function, frame: key.frame }
}
