//! Call edges from stacks: exact, since a stack knows more than its pairs of caller and callee.
//!
//! Recursion is counted as CPython's cProfile counts it (`Modules/_lsprof.c`): the total of a function covers
//! its outermost activation, and the total of a pair the outermost activation of that pair.

use std::hash::Hash;

use foldhash::{HashMap, HashMapExt};

use crate::builder::ProfileBuilder;
use crate::calls::{CallEdge, CallTables, FunctionCalls, LineCost};
use crate::error::BuildError;
use crate::frame::Frame;
use crate::function::Function;
use crate::id::{FrameId, FunctionId, Id, LabelSetId, OriginId, StackId, StringId};
use crate::profile::Profile;
use crate::samples::SampleTable;
use crate::table::Table;
use crate::track::Track;
use crate::views::no_stack::name_missing_stacks;
use crate::views::walk::{Saturated, outermost};

/// The call edges of a profile.
#[derive(Debug)]
pub struct CallEdges {
    /// The profile with its samples turned into call tables, added to those it had.
    pub profile: Profile,
    /// Whether a sum did not fit 64 bits.
    pub saturated: Saturated,
}

/// Turns samples into call tables: per function and per pair of caller and callee the calls, self and total.
///
/// Calls come from the sample type `calls`/`count`, which is not a sample type of the result, else from the
/// number of intervals of tracks that have every call; without either they are unknown. Frames without a function get one named by their
/// address, and samples without a stack one named [`NO_STACK`](super::no_stack::NO_STACK). Labels and time order are lost.
///
/// # Errors
/// Where a table overflows.
pub fn call_edges(profile: &Profile) -> Result<CallEdges, BuildError> {
    if profile.samples().stacks().iter().any(Option::is_none) {
        return call_edges(&name_missing_stacks(profile.clone())?);
    }
    let calls_type = profile.calls_type();
    let mut bare = profile.without_values();
    bare.stacks = Table::default();
    bare.samples = SampleTable::default();
    bare.calls = CallTables::default();
    bare.sample_types.clear();
    let mut builder = ProfileBuilder::of(bare);
    let kept: Vec<usize> = (0..profile.sample_types().len()).filter(|&t| Some(t) != calls_type).collect();
    for &sample_type in &kept {
        builder.push_sample_type(profile.sample_types()[sample_type]);
    }
    copy_call_tables(profile, &kept, &mut builder)?;
    let mut edges = Edges::new(profile, &kept, calls_type, &mut builder)?;
    for rows in rows_by_origin(profile) {
        edges.add_origin(&rows, &mut builder)?;
    }
    let saturated = edges.saturated;
    Ok(CallEdges { profile: builder.finish()?, saturated })
}

fn copy_call_tables(
    profile: &Profile,
    kept: &[usize],
    builder: &mut ProfileBuilder,
) -> Result<(), BuildError> {
    let pick = |values: &[i64]| -> Vec<i64> { kept.iter().map(|&index| values[index]).collect() };
    let calls = profile.calls();
    for (row, &function) in calls.functions().rows().iter().enumerate() {
        let (own, total) = calls.functions().values(row);
        builder.function_calls(function, &pick(&own), &pick(&total))?;
    }
    for (row, &edge) in calls.edges().rows().iter().enumerate() {
        let (own, total) = calls.edges().values(row);
        builder.call_edge(edge, &pick(&own), &pick(&total))?;
    }
    for (row, &line) in calls.lines().rows().iter().enumerate() {
        let (own, _) = calls.lines().values(row);
        builder.line_cost(line, &pick(&own))?;
    }
    Ok(())
}

/// The sample rows of each origin, origins in order of first appearance.
fn rows_by_origin(profile: &Profile) -> Vec<Vec<usize>> {
    let mut slot = vec![None; profile.origins().len()];
    let mut origins: Vec<Vec<usize>> = Vec::new();
    for (row, sample) in profile.samples().iter().enumerate() {
        let index = *slot[sample.origin.index()].get_or_insert_with(|| {
            origins.push(Vec::new());
            origins.len() - 1
        });
        origins[index].push(row);
    }
    origins
}

/// What the stacks of a profile say about calls, whoever's samples they carry.
struct Edges<'a> {
    profile: &'a Profile,
    kept: &'a [usize],
    calls_type: Option<usize>,
    functions: Keys<FunctionId>,
    pairs: Keys<Option<(FunctionId, FunctionId, Option<FrameId>)>>,
    lines: Keys<Option<(FunctionId, FrameId)>>,
    /// By stack, whether it is the outermost activation of its function and of its pair.
    outer_function: Vec<bool>,
    outer_pair: Vec<bool>,
    tracks: HashMap<OriginId, Vec<&'a Track>>,
    /// By stack, then kept sample type; zero outside of `add_origin`, as are the other two.
    values: Vec<i64>,
    calls: Vec<i64>,
    seen: Vec<bool>,
    saturated: Saturated,
}

impl<'a> Edges<'a> {
    fn new(
        profile: &'a Profile,
        kept: &'a [usize],
        calls_type: Option<usize>,
        builder: &mut ProfileBuilder,
    ) -> Result<Self, BuildError> {
        let places = profile.frames().rows().iter().map(|frame| place(profile, frame, builder));
        let places: Vec<Place> = places.collect::<Result<_, _>>()?;
        let stacks = profile.stacks();
        let of = |id: StackId| places[stacks[id].frame.index()];
        let functions = Keys::new(stacks.ids().map(|id| of(id).function));
        let lines = Keys::new(stacks.ids().map(|id| of(id).line.map(|line| (of(id).function, line))));
        let callers = Keys::new(
            stacks
                .iter()
                .map(|(id, stack)| stack.parent.map(|parent| (of(parent).function, of(id).function))),
        );
        let pairs = Keys::new(stacks.iter().map(|(id, stack)| {
            stack.parent.map(|parent| (of(parent).function, of(id).function, of(parent).line))
        }));
        let mut tracks: HashMap<OriginId, Vec<&Track>> = HashMap::new();
        for track in profile.tracks().tracks() {
            tracks.entry(track.origin).or_default().push(track);
        }
        Ok(Self {
            outer_function: outermost(stacks, |id| functions.of_stack[id.index()], functions.keys.len()),
            outer_pair: outermost(stacks, |id| callers.of_stack[id.index()], callers.keys.len()),
            values: vec![0; stacks.len() * kept.len()],
            calls: vec![0; stacks.len()],
            seen: vec![false; stacks.len()],
            saturated: Saturated::default(),
            profile,
            kept,
            calls_type,
            functions,
            pairs,
            lines,
            tracks,
        })
    }

    /// Adds the call tables of the samples `rows`, which share their origin.
    fn add_origin(&mut self, rows: &[usize], builder: &mut ProfileBuilder) -> Result<(), BuildError> {
        let Some(&first) = rows.first() else { return Ok(()) };
        let origin = self.profile.samples().get(first).origin;
        let touched = self.load(rows);
        let counts_calls = self.load_calls(origin, rows);
        let types = self.kept.len();
        let mut functions = Rows::new(types, self.functions.keys.len());
        let mut pairs = Rows::new(types, self.pairs.keys.len());
        let mut lines = Rows::new(types, self.lines.keys.len());
        let saturated = &mut self.saturated;
        // Own values first: after that they are summed into the parents.
        for &stack in &touched {
            let index = stack.index();
            let (own, calls) = (&self.values[index * types..(index + 1) * types], self.calls[index]);
            let row = functions.row(self.functions.of_stack[index]);
            row.add_own(own, calls, self.outer_function[index], saturated);
            let row = pairs.row(self.pairs.of_stack[index]);
            row.add_own(own, calls, self.outer_pair[index], saturated);
            lines.row(self.lines.of_stack[index]).add_own(own, calls, true, saturated);
        }
        for &stack in touched.iter().rev() {
            let index = stack.index();
            let values = self.values[index * types..(index + 1) * types].to_vec();
            if self.outer_function[index] {
                add_all(&mut functions.row(self.functions.of_stack[index]).total, &values, saturated);
            }
            if self.outer_pair[index] {
                add_all(&mut pairs.row(self.pairs.of_stack[index]).total, &values, saturated);
            }
            if let Some(parent) = self.profile.stacks()[stack].parent {
                let sums = &mut self.values[parent.index() * types..(parent.index() + 1) * types];
                add_all(sums, &values, saturated);
            }
        }
        for &stack in &touched {
            self.values[stack.index() * types..(stack.index() + 1) * types].fill(0);
            self.calls[stack.index()] = 0;
            self.seen[stack.index()] = false;
        }
        let labels = LabelSetId::EMPTY;
        let known =
            |row: &Row| (counts_calls.then_some(row.calls), counts_calls.then_some(row.primitive_calls));
        for (key, row) in functions.rows {
            let (function, (calls, primitive_calls)) = (self.functions.keys[key], known(&row));
            let key = FunctionCalls { origin, function, labels, calls, primitive_calls };
            builder.function_calls(key, &row.own, &row.total)?;
        }
        for (key, row) in pairs.rows {
            let Some((caller, callee, site)) = self.pairs.keys[key] else { continue };
            let (calls, primitive_calls) = known(&row);
            let (has_self, has_total) = (true, true);
            let key = CallEdge { origin, caller, callee, site, calls, primitive_calls, has_self, has_total };
            builder.call_edge(key, &row.own, &row.total)?;
        }
        for (key, row) in lines.rows.into_iter().filter(|(_, row)| row.own.iter().any(|&own| own != 0)) {
            let Some((function, frame)) = self.lines.keys[key] else { continue };
            builder.line_cost(LineCost { origin, function, frame }, &row.own)?;
        }
        Ok(())
    }

    /// Puts the samples' values at their stacks; returns every stack on the way to a root, parents first.
    fn load(&mut self, rows: &[usize]) -> Vec<StackId> {
        let (samples, stacks) = (self.profile.samples(), self.profile.stacks());
        let mut touched = Vec::new();
        for &row in rows {
            let Some(stack) = samples.stacks()[row] else { continue };
            for (slot, &sample_type) in self.kept.iter().enumerate() {
                let sum = &mut self.values[stack.index() * self.kept.len() + slot];
                self.saturated.add(sum, samples.values(sample_type)[row]);
            }
            for id in stacks.ancestors(Some(stack)) {
                if std::mem::replace(&mut self.seen[id.index()], true) {
                    break;
                }
                touched.push(id);
            }
        }
        touched.sort_unstable();
        touched
    }

    /// Puts the calls at their stacks; whether they are known at all.
    fn load_calls(&mut self, origin: OriginId, rows: &[usize]) -> bool {
        let samples = self.profile.samples();
        if let Some(calls_type) = self.calls_type {
            for &row in rows {
                if let Some(stack) = samples.stacks()[row] {
                    self.saturated.add(&mut self.calls[stack.index()], samples.values(calls_type)[row]);
                }
            }
            return true;
        }
        let tracks = self.tracks.get(&origin).into_iter().flatten();
        let mut known = false;
        for interval in tracks.flat_map(|track| self.profile.tracks().calls(track)) {
            known = true;
            self.calls[interval.stack.index()] += 1;
        }
        known
    }
}

/// What a frame is in a call table: a function, and the line where that is known.
#[derive(Clone, Copy)]
struct Place {
    function: FunctionId,
    line: Option<FrameId>,
}

fn place(profile: &Profile, frame: &Frame, builder: &mut ProfileBuilder) -> Result<Place, BuildError> {
    let function = match frame.function {
        Some(function) => function,
        None => address_function(profile, frame, builder)?,
    };
    let at_line = Frame { line: frame.line, mapping: frame.mapping, ..Frame::of(function) };
    let line = if frame.line == 0 { None } else { Some(builder.frame(at_line)?) };
    Ok(Place { function, line })
}

/// A function that stands for an address: named by it, in the file of its binary.
fn address_function(
    profile: &Profile,
    frame: &Frame,
    builder: &mut ProfileBuilder,
) -> Result<FunctionId, BuildError> {
    let name = builder.string(format!("{:#x}", frame.address).as_bytes())?;
    let file = frame.mapping.map_or(StringId::EMPTY, |mapping| profile.mappings()[mapping].file);
    builder.function(Function { name, file, ..Function::EMPTY })
}

fn add_all(sums: &mut [i64], values: &[i64], saturated: &mut Saturated) {
    for (sum, &value) in sums.iter_mut().zip(values) {
        saturated.add(sum, value);
    }
}

/// Dense numbers for what stacks are counted under.
struct Keys<K> {
    of_stack: Vec<usize>,
    keys: Vec<K>,
}

impl<K: Copy + Eq + Hash> Keys<K> {
    /// `of_stack` gives the key of every stack in order.
    fn new(of_stack: impl Iterator<Item = K>) -> Self {
        let mut index = HashMap::new();
        let mut keys = Vec::new();
        let of_stack = of_stack
            .map(|key| {
                *index.entry(key).or_insert_with(|| {
                    keys.push(key);
                    keys.len() - 1
                })
            })
            .collect();
        Self { of_stack, keys }
    }
}

/// A row of the call tables in the making.
struct Row {
    own: Vec<i64>,
    total: Vec<i64>,
    calls: i64,
    primitive_calls: i64,
}

impl Row {
    fn add_own(&mut self, own: &[i64], calls: i64, outermost: bool, saturated: &mut Saturated) {
        add_all(&mut self.own, own, saturated);
        saturated.add(&mut self.calls, calls);
        if outermost {
            saturated.add(&mut self.primitive_calls, calls);
        }
    }
}

/// Rows by key, in order of first appearance.
struct Rows {
    types: usize,
    slots: Vec<Option<usize>>,
    rows: Vec<(usize, Row)>,
}

impl Rows {
    fn new(types: usize, keys: usize) -> Self {
        Self { types, slots: vec![None; keys], rows: Vec::new() }
    }

    fn row(&mut self, key: usize) -> &mut Row {
        let Self { types, slots, rows } = self;
        let row = *slots[key].get_or_insert_with(|| {
            let values = vec![0; *types];
            rows.push((key, Row { own: values.clone(), total: values, calls: 0, primitive_calls: 0 }));
            rows.len() - 1
        });
        &mut rows[row].1
    }
}
