//! Stacks from call edges: an estimate, since a call edge says nothing about what stood above its caller.
//!
//! pstats, yappi and callgrind hold functions and pairs of caller and callee. Formats of stacks need more. What
//! [`estimate_stacks`] makes up is only the contexts above the direct caller, drawn in proportion from the
//! callers' own callers. It keeps exactly, in whole units:
//!
//! * the self value of every function, also under each direct caller, and so the grand total. A line that was inlined from
//!   another file, which only a frame of another function could hold, stands as a frame of its function without a line;
//! * the calls of every function;
//! * where the source conserves (outside of cycles, and if no two functions share a key), the total of every
//!   function and of every edge; where values are negative only as far as each function has one caller, else nearly.
//!
//! The number of stacks stays in the order of the number of edges, also for graphs whose contexts cannot be
//! counted. Every sample says in its label [`INFERRED_LABEL`] how many of its frames, from the root, are guesses.
//! [`edge_stacks`] guesses nothing: it makes stacks of two frames.
//!
//! For example, from `main → a 60`, `main → b 40`, `a → work 60`, `b → work 40` and `work → io 50` (all self) come
//! `main;a;work;io 30` and `main;b;work;io 20`: that `work` called `io` is known, the two frames above it are guesses.

mod calls;
mod components;
mod cycle;
mod flow;
mod graph;
mod leaves;
mod nesting;
mod place;
mod shares;
mod signs;
mod sink;

use self::components::Components;
use self::flow::Flow;
use self::graph::Graph;
use self::leaves::Leaves;
use self::place::{Parcel, Placed, Placer};
use self::sink::Sink;
use crate::builder::ProfileBuilder;
use crate::error::BuildError;
use crate::frame::Frame;
use crate::id::{FrameId, FunctionId, Id, LabelSetId};
use crate::profile::Profile;
use crate::sample_type::SampleType;
use crate::table::Table;
use crate::views::totals::{Totals, totals};

/// The label that counts how many frames of a sample, from the root, are guesses.
pub const INFERRED_LABEL: &str = "profkit.inferred";
/// The unit of that label.
pub const INFERRED_UNIT: &str = "frames";
/// How many sample types the summary tells of.
const SHOWN: usize = 3;
/// How the comment begins that an estimated profile carries.
pub const COMMENT_PREFIX: &str = "profkit: stacks estimated from call edges";

/// A profile whose call tables were turned into samples.
#[derive(Debug)]
pub struct Estimate {
    /// Samples only. Calls, where known, are the sample type `calls`/`count`.
    pub profile: Profile,
    /// What was guessed and what could not be kept.
    pub report: Report,
}

/// What an estimate guessed and what it could not keep.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// One for each sample type of the source.
    pub types: Vec<TypeReport>,
    /// How many functions seem to share file, line and name with another one: their callees' totals exceed
    /// their own, as far as they have any.
    pub clashed: usize,
    /// How many functions there are.
    pub functions: usize,
}

/// What happened to one sample type.
#[derive(Clone, Debug, Default)]
pub struct TypeReport {
    /// The sample type's name.
    pub name: String,
    /// The sum of all self values without their signs.
    pub sum: i64,
    /// How much of it lies under guessed callers.
    pub inferred: i64,
    /// How many functions have another total than in the source.
    pub differing: usize,
    /// The function with the largest difference: its name, the source's total and the estimate's.
    pub largest: Option<(String, i64, i64)>,
}

/// Turns the call tables of a profile into samples of whole stacks; see the [module](self). Samples that it
/// has already stay; time order is lost.
///
/// # Errors
/// Where a table is full or a sum does not fit 64 bits.
pub fn estimate_stacks(profile: &Profile) -> Result<Estimate, BuildError> {
    estimate(profile, own_frame)
}

/// The same for tables by line, file or module: lines that were inlined from another file are frames of that file, and
/// not of the function that they are in. Of such functions neither self nor total is kept.
///
/// # Errors
/// Where a table is full or a sum does not fit 64 bits.
pub fn estimate_lines(profile: &Profile) -> Result<Profile, BuildError> {
    Ok(estimate(profile, |_, _, frame| Ok(frame))?.profile)
}

/// The frame of `function` that stands for one of the source.
type FrameOf = fn(&mut ProfileBuilder, FunctionId, FrameId) -> Result<FrameId, BuildError>;

/// The frame itself, or one of the function without a line where it is one of another file.
fn own_frame(
    builder: &mut ProfileBuilder,
    function: FunctionId,
    frame: FrameId,
) -> Result<FrameId, BuildError> {
    let row = builder.frame_row(frame);
    if row.function == Some(function) {
        return Ok(frame);
    }
    builder.frame(Frame { function: Some(function), line: 0, column: 0, ..row })
}

fn estimate(profile: &Profile, frame_of: FrameOf) -> Result<Estimate, BuildError> {
    let (mut builder, slots) = begin(profile)?;
    let mut report = Report::default();
    let graphs = graph::graphs(profile, |function, frame| frame_of(&mut builder, function, frame))?;
    for (origin, mut graph) in graphs {
        let components = Components::new(&graph);
        report.functions += graph.functions.len();
        let mut first: Option<Placed> = None;
        for (sample_type, &slot) in slots.values.iter().enumerate() {
            let mut placed: Option<Placed> = None;
            for (column, sign) in signs::split(&mut graph, &components, sample_type)? {
                let flow = Flow::new(&graph, &components, column)?;
                report.clashed = report.clashed.max(flow.clashed);
                let mut sink = Sink::new(&mut builder, origin)?;
                sink.select(slot, sign);
                let leaves = Leaves::new(&graph, column);
                let part = Placer::new(&graph, &components, &flow, column, leaves, &mut sink).run()?;
                match &mut placed {
                    None => placed = Some(part),
                    Some(placed) => placed.join(part),
                }
            }
            if Some(sample_type) == profile.default_type() || first.is_none() {
                first = placed;
            }
        }
        if let (Some(slot), Some(placed)) = (slots.calls, first) {
            let mut sink = Sink::new(&mut builder, origin)?;
            sink.select(slot, 1);
            calls::place(&graph, &components, placed, &mut sink)?;
        }
    }
    let estimated = builder.finish()?;
    report.types = compare(profile, &estimated, &slots);
    let mut builder = ProfileBuilder::of(estimated);
    let comment = builder.string(format!("{COMMENT_PREFIX}; {}", report.summary()).as_bytes())?;
    // What an estimate before this one said is no longer so.
    let mut comments = std::mem::take(&mut builder.meta.comments);
    comments.retain(|&comment| !builder.bytes(comment).starts_with(COMMENT_PREFIX.as_bytes()));
    comments.push(comment);
    builder.meta.comments = comments;
    builder.meta.estimated = true;
    copy_samples(profile, &slots, &mut builder)?;
    Ok(Estimate { profile: builder.finish()?, report })
}

/// Turns the call tables of a profile into samples of at most two frames, a function below its direct caller:
/// exact, but the total of a function then is its self value and that of its direct callees.
///
/// # Errors
/// Where a table is full or a sum does not fit 64 bits.
pub fn edge_stacks(profile: &Profile) -> Result<Profile, BuildError> {
    let (mut builder, slots) = begin(profile)?;
    let graphs = graph::graphs(profile, |function, frame| own_frame(&mut builder, function, frame))?;
    for (origin, mut graph) in graphs {
        let components = Components::new(&graph);
        let mut contexts = vec![Vec::new(); graph.edges.len()];
        for (sample_type, &slot) in slots.values.iter().enumerate() {
            let mut placed = vec![Vec::new(); graph.edges.len()];
            for (column, sign) in signs::split(&mut graph, &components, sample_type)? {
                let flow = Flow::new(&graph, &components, column)?;
                let mut sink = Sink::new(&mut builder, origin)?;
                sink.select(slot, sign);
                place_edges(&graph, &flow, Leaves::new(&graph, column), &mut sink, &mut placed)?;
            }
            if Some(sample_type) == profile.default_type() || sample_type == 0 {
                contexts = placed;
            }
        }
        if let Some(slot) = slots.calls {
            let mut sink = Sink::new(&mut builder, origin)?;
            sink.select(slot, 1);
            let placed = Placed { contexts, main: vec![Some(Parcel::root(0)); graph.functions.len()] };
            calls::place(&graph, &components, placed, &mut sink)?;
        }
    }
    let comment = "profkit: stacks of two frames from call edges; totals are self plus direct callees";
    let comment = builder.string(comment.as_bytes())?;
    builder.meta.comments.push(comment);
    copy_samples(profile, &slots, &mut builder)?;
    builder.finish()
}

/// Places every self value below its direct caller; notes where, by edge.
fn place_edges(
    graph: &Graph,
    flow: &Flow,
    mut leaves: Leaves,
    sink: &mut Sink<'_>,
    contexts: &mut [Vec<Parcel>],
) -> Result<(), BuildError> {
    let edges = (0..graph.edges.len()).map(|edge| (Some(edge), graph.edges[edge].callee, flow.own[edge]));
    let roots = (0..graph.functions.len()).map(|function| (None, function, flow.root_own[function]));
    for (edge, function, amount) in edges.chain(roots).filter(|&(_, _, amount)| amount != 0) {
        let mut parcel = Parcel::root(amount);
        if let Some(edge) = edge {
            let frame = match graph.edges[edge].site {
                Some(site) => site,
                None => sink.frame(graph, graph.edges[edge].caller)?,
            };
            parcel.parent = Some(sink.builder.stack(None, frame)?);
            contexts[edge].push(parcel);
        }
        for (frame, amount) in leaves.divide(graph, function, amount) {
            let frame = match frame {
                Some(frame) => frame,
                None => sink.frame(graph, function)?,
            };
            sink.add(Parcel { amount, ..parcel }, frame)?;
        }
    }
    Ok(())
}

/// Which sample type of the result each one of the source is, and which counts calls.
struct Slots {
    values: Vec<usize>,
    calls: Option<usize>,
}

fn begin(profile: &Profile) -> Result<(ProfileBuilder, Slots), BuildError> {
    let mut bare = profile.without_values();
    if profile.samples().is_empty() {
        bare.stacks = Table::default();
    }
    let types = std::mem::take(&mut bare.sample_types);
    bare.samples = crate::samples::SampleTable::default();
    bare.calls = crate::calls::CallTables::default();
    if bare.meta.default_type.is_none() {
        bare.meta.default_type = profile.default_type().map(|index| types[index].name);
    }
    let mut builder = ProfileBuilder::of(bare);
    let calls = profile.calls();
    let counted = calls.functions().rows().iter().any(|row| row.calls.is_some())
        || calls.edges().rows().iter().any(|row| row.calls.is_some());
    let mut calls_slot = None;
    if counted && profile.calls_type().is_none() {
        let (name, unit) = (builder.string(b"calls")?, builder.string(b"count")?);
        calls_slot = Some(builder.push_sample_type(SampleType { name, unit, decimals: 0 }));
    }
    let values: Vec<usize> = types.into_iter().map(|of| builder.push_sample_type(of)).collect();
    let own_calls = profile.calls_type().filter(|_| counted).map(|index| values[index]);
    Ok((builder, Slots { values, calls: calls_slot.or(own_calls) }))
}

fn copy_samples(profile: &Profile, slots: &Slots, builder: &mut ProfileBuilder) -> Result<(), BuildError> {
    let mut values = vec![0; builder.sample_types().len()];
    for (row, sample) in profile.samples().iter().enumerate() {
        for (value, &slot) in profile.samples().row_values(row).into_iter().zip(&slots.values) {
            values[slot] = value;
        }
        builder.sample(sample, &values)?;
    }
    Ok(())
}

/// Compares the totals of an estimate with those of its source.
fn compare(source: &Profile, estimated: &Profile, slots: &Slots) -> Vec<TypeReport> {
    let found = totals(estimated);
    // Calls have no totals that could differ.
    let reports = slots.values.iter().enumerate().filter(|&(index, _)| Some(index) != source.calls_type());
    reports.map(|(sample_type, &slot)| compare_type(source, estimated, &found, sample_type, slot)).collect()
}

fn compare_type(
    source: &Profile,
    estimated: &Profile,
    found: &Totals,
    sample_type: usize,
    slot: usize,
) -> TypeReport {
    let functions = source.calls().functions();
    let mut expected = vec![0i64; source.functions().len()];
    for (row, &total) in functions.rows().iter().zip(functions.total(sample_type)) {
        let sum = &mut expected[row.function.index()];
        *sum = sum.saturating_add(total);
    }
    let name = source.text(source.sample_types()[sample_type].name).into_owned();
    let mut report = TypeReport { name, ..TypeReport::default() };
    let mut largest: Option<(FunctionId, u64)> = None;
    for row in functions.rows() {
        let difference = found.total(row.function, slot).abs_diff(expected[row.function.index()]);
        if difference > 0 {
            report.differing += 1;
            if largest.is_none_or(|(_, most)| difference > most) {
                largest = Some((row.function, difference));
            }
        }
    }
    report.largest = largest.map(|(function, _)| {
        let name = source.text(source.functions()[function].shown_name()).into_owned();
        (name, expected[function.index()], found.total(function, slot))
    });
    for (sample, &value) in estimated.samples().iter().zip(estimated.samples().values(slot)) {
        let value = value.saturating_abs();
        report.sum = report.sum.saturating_add(value);
        if sample.labels != LabelSetId::EMPTY {
            report.inferred = report.inferred.saturating_add(value);
        }
    }
    report
}

impl Report {
    /// What was guessed, in one line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let counted: Vec<&TypeReport> = self.types.iter().filter(|of| of.sum != 0).collect();
        let shares =
            counted.iter().take(SHOWN).map(|of| format!("{} of {}", percent(of.inferred, of.sum), of.name));
        let mut text = shares.collect::<Vec<_>>().join(", ");
        if counted.len() > SHOWN {
            text += &format!(" and so on ({} values)", counted.len());
        }
        text += " under inferred callers";
        for of in counted.iter().take(SHOWN).filter(|of| of.differing > 0) {
            let functions = self.functions;
            text += &format!("; {} totals of {} of {functions} functions differ", of.name, of.differing);
            if let Some((name, expected, found)) = &of.largest {
                let change = percent(found.abs_diff(*expected).try_into().unwrap_or(i64::MAX), of.sum);
                text += &format!(", {name} most, by {change} of all");
            }
        }
        text
    }
}

/// A share in percent with one decimal, never rounded up to all or down to nothing.
fn percent(part: i64, whole: i64) -> String {
    let (part, whole) = (i128::from(part), i128::from(whole));
    if whole <= 0 || part <= 0 {
        return "0 %".to_owned();
    }
    if part >= whole {
        return "100 %".to_owned();
    }
    let tenths = (part * 1000 / whole).clamp(1, 999);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
