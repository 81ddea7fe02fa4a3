//! All rows of a merge: samples and call tables, and how those of a profile or of another merge are added.

use profkit_profile::{BuildError, CallEdge, FunctionCalls, LineCost, Profile, Sample};

use crate::call_rows::{CallRows, Counts, EdgeKey, FunctionKey, LineKey};
use crate::columns::{Place, Rescale};
use crate::remap::{Into, Remap};
use crate::sample_rows::SampleRows;

/// The rows of a merge.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) samples: SampleRows,
    pub(crate) functions: CallRows<FunctionKey>,
    pub(crate) edges: CallRows<EdgeKey>,
    pub(crate) lines: CallRows<LineKey>,
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.samples.len() + self.functions.len() + self.edges.len() + self.lines.len()
    }

    /// Makes room for so many columns, after multiplying what is there.
    pub(crate) fn set_columns(&mut self, columns: usize, rescaled: &[Rescale]) -> Result<(), BuildError> {
        for &rescale in rescaled {
            self.samples.rescale(rescale)?;
            self.functions.rescale(rescale)?;
            self.edges.rescale(rescale)?;
            self.lines.rescale(rescale)?;
        }
        self.samples.set_columns(columns);
        self.functions.set_columns(columns);
        self.edges.set_columns(columns);
        self.lines.set_columns(columns);
        Ok(())
    }

    /// Adds the rows of a profile.
    pub(crate) fn add_profile(
        &mut self,
        profile: &Profile,
        places: &[Place],
        remap: &mut Remap<'_>,
        into: &mut Into<'_>,
    ) -> Result<(), BuildError> {
        let samples = profile.samples();
        let used = |&row: &usize| !samples.is_zero(row);
        let stacks = samples.stacks();
        remap.stacks((0..samples.len()).filter(used).filter_map(|row| stacks[row]), into)?;
        let columns: Vec<&[i64]> = (0..samples.columns()).map(|column| samples.values(column)).collect();
        for (row, sample) in samples.iter().enumerate().filter(|&(row, _)| !samples.is_zero(row)) {
            let value = |column: usize| i128::from(columns[column][row]);
            self.add_sample(sample, value, places, remap, into)?;
        }
        let calls = profile.calls();
        let functions = calls.functions();
        for (row, calls) in functions.rows().iter().enumerate() {
            let value =
                |column| (i128::from(functions.own(column)[row]), i128::from(functions.total(column)[row]));
            let counts = Counts::of(calls.calls, calls.primitive_calls);
            self.add_function(FunctionKey::of(calls), counts, value, places, remap, into)?;
        }
        let edges = calls.edges();
        for (row, calls) in edges.rows().iter().enumerate() {
            let value = |column| (i128::from(edges.own(column)[row]), i128::from(edges.total(column)[row]));
            let counts = Counts::of(calls.calls, calls.primitive_calls);
            self.add_edge(EdgeKey::of(calls), counts, value, places, remap, into)?;
        }
        let lines = calls.lines();
        for (row, line) in lines.rows().iter().enumerate() {
            let value = |column| (i128::from(lines.own(column)[row]), 0);
            self.add_line(LineKey::of(line), value, places, remap, into)?;
        }
        Ok(())
    }

    /// Adds the rows of another merge.
    pub(crate) fn add_rows(
        &mut self,
        other: &Self,
        places: &[Place],
        remap: &mut Remap<'_>,
        into: &mut Into<'_>,
    ) -> Result<(), BuildError> {
        let samples = other.samples.samples().iter().enumerate();
        let used = samples.clone().filter(|&(row, _)| !other.samples.is_zero(row));
        remap.stacks(used.filter_map(|(_, sample)| sample.stack), into)?;
        for (row, &sample) in samples.filter(|&(row, _)| !other.samples.is_zero(row)) {
            let value = |column| other.samples.value(column, row);
            self.add_sample(sample, value, places, remap, into)?;
        }
        let Self { functions, edges, lines, .. } = other;
        for (row, &key) in functions.keys().iter().enumerate() {
            let value = |column| functions.values(column, row);
            self.add_function(key, functions.counts(row), value, places, remap, into)?;
        }
        for (row, &key) in edges.keys().iter().enumerate() {
            let value = |column| edges.values(column, row);
            self.add_edge(key, edges.counts(row), value, places, remap, into)?;
        }
        for (row, &key) in lines.keys().iter().enumerate() {
            self.add_line(key, |column| lines.values(column, row), places, remap, into)?;
        }
        Ok(())
    }

    #[inline]
    fn add_sample(
        &mut self,
        sample: Sample,
        value: impl Fn(usize) -> i128,
        places: &[Place],
        remap: &mut Remap<'_>,
        into: &mut Into<'_>,
    ) -> Result<(), BuildError> {
        let sample = Sample {
            stack: sample.stack.and_then(|stack| remap.stack(stack)),
            origin: remap.origin(sample.origin, into)?,
            labels: remap.labels(sample.labels, into)?,
        };
        let row = self.samples.row(sample)?;
        for (column, place) in places.iter().enumerate() {
            self.samples.add(place.column, row, place.of(value(column))?)?;
        }
        Ok(())
    }

    #[inline]
    fn add_function(
        &mut self,
        key: FunctionKey,
        counts: Counts,
        value: impl Fn(usize) -> (i128, i128),
        places: &[Place],
        remap: &mut Remap<'_>,
        into: &mut Into<'_>,
    ) -> Result<(), BuildError> {
        let key = FunctionKey {
            function: remap.function(key.function, into)?,
            origin: remap.origin(key.origin, into)?,
            labels: remap.labels(key.labels, into)?,
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
        remap: &mut Remap<'_>,
        into: &mut Into<'_>,
    ) -> Result<(), BuildError> {
        let key = EdgeKey {
            callee: remap.function(key.callee, into)?,
            caller: remap.function(key.caller, into)?,
            site: key.site.map(|site| remap.frame(site, into)).transpose()?,
            origin: remap.origin(key.origin, into)?,
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
        remap: &mut Remap<'_>,
        into: &mut Into<'_>,
    ) -> Result<(), BuildError> {
        let key = LineKey {
            function: remap.function(key.function, into)?,
            frame: remap.frame(key.frame, into)?,
            origin: remap.origin(key.origin, into)?,
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
