//! From nodes, which name their parents, to samples of stacks.

use core::mem::offset_of;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use profkit_profile::{
    AtOffset, BuildError, Frame, FrameId, Function, Label, LabelSetId, OriginId, ProfileBuilder, ReadError,
    ReadErrorKind, Sample, StackId,
};
use profkit_recording::trace::Node;

use super::head::Head;
use super::records::{Callee, Records};
use crate::bytes::{u32_at, u64_at};
use crate::columns::Columns;
use crate::journal::Facts;

/// Recursion is folded from this depth on. Each activation is a node; written as stacks, those of a recursion 100,000
/// deep would take 5,000,000,000 frames.
const DEEP: usize = 1000;

/// Where a node is.
#[derive(Clone, Copy)]
struct Place {
    /// How many frames are above.
    depth: usize,
    stack: Option<StackId>,
    labels: LabelSetId,
    origin: OriginId,
}

pub(super) struct Tree<'a> {
    bytes: &'a [u8],
    head: &'a Head,
    records: &'a Records<'a>,
    facts: &'a Facts,
    nodes: HashMap<u32, Place>,
    /// Nodes below one that is not there.
    lost: HashSet<u32>,
    /// Where a frame below a stack that is deep belongs.
    folded: HashMap<(StackId, FrameId), StackId>,
}

/// What a node of the file holds.
struct Row {
    function: u32,
    parent: u32,
    calls: u64,
    own: u64,
    awaited: u64,
}

impl<'a> Tree<'a> {
    pub(super) fn new(bytes: &'a [u8], head: &'a Head, records: &'a Records<'a>, facts: &'a Facts) -> Self {
        Self {
            bytes,
            head,
            records,
            facts,
            nodes: HashMap::new(),
            lost: HashSet::new(),
            folded: HashMap::new(),
        }
    }

    /// Adds the samples. How many calls are left out, since what they refer to is not there.
    pub(super) fn add(mut self, columns: Columns<3>, builder: &mut ProfileBuilder) -> Result<u64, ReadError> {
        let mut left_out: u64 = 0;
        let (all, mut values_of_row) = (builder.sample_types().len(), Vec::new());
        let mut frames = HashMap::new();
        let mut origins = HashMap::new();
        let overheads = self.overheads();
        for &at in &self.records.nodes {
            let Ok(id) = u32::try_from(at / 8) else { continue };
            let place = match self.place(id, &mut frames, &mut origins, builder) {
                Err(ReadError { kind: ReadErrorKind::Undefined { .. }, .. }) if !self.head.ended => {
                    left_out = left_out.saturating_add(self.row(at).calls);
                    continue;
                }
                place => place?,
            };
            let row = self.row(at);
            let own = row.own.saturating_sub(overheads.get(&id).copied().unwrap_or(0));
            let calls = i64::try_from(row.calls)
                .map_err(|_| ReadError::malformed("too many calls", at + offset_of!(Node, calls)))?;
            let values = [calls, self.head.own.nanoseconds(own), self.head.wall.nanoseconds(row.awaited)];
            if place.stack.is_some() && values != [0; 3] {
                let sample = Sample { stack: place.stack, origin: place.origin, labels: place.labels };
                columns.fill(&values, all, &mut values_of_row);
                builder.accumulate(sample, &values_of_row).at(at)?;
            }
        }
        Ok(left_out)
    }

    fn row(&self, at: usize) -> Row {
        let word = |offset: usize| u32_at(self.bytes, at + offset).unwrap_or(0);
        let long = |offset: usize| u64_at(self.bytes, at + offset).unwrap_or(0);
        Row {
            function: word(offset_of!(Node, function)),
            parent: word(offset_of!(Node, parent)),
            calls: long(offset_of!(Node, calls)),
            own: long(offset_of!(Node, self_time)),
            awaited: long(offset_of!(Node, await_time)),
        }
    }

    /// What the tracer itself took of each node's time.
    fn overheads(&self) -> HashMap<u32, u64> {
        let mut overheads: HashMap<u32, u64> = HashMap::new();
        if self.head.cost == [0; 4] {
            return overheads;
        }
        for &at in &self.records.nodes {
            let Row { function, parent, calls, .. } = self.row(at);
            let kind =
                if matches!(self.records.functions.get(&function), Some(Callee::C(_))) { 2 } else { 0 };
            let places = [u32::try_from(at / 8).unwrap_or(0), parent];
            for (id, cost) in places.into_iter().zip(&self.head.cost[kind..]) {
                let sum = overheads.entry(id).or_default();
                *sum = sum.saturating_add(calls.saturating_mul(*cost));
            }
        }
        overheads
    }

    /// The stack of a node: the callers above it that are not known yet are walked up, then down again.
    fn place(
        &mut self,
        id: u32,
        frames: &mut HashMap<u32, FrameId>,
        origins: &mut HashMap<u32, OriginId>,
        builder: &mut ProfileBuilder,
    ) -> Result<Place, ReadError> {
        let mut above: Vec<(u32, usize, u32)> = Vec::new();
        let mut next = id;
        let mut place = loop {
            if let Some(&place) = self.nodes.get(&next) {
                break place;
            }
            let at = usize::try_from(next).unwrap_or(usize::MAX).saturating_mul(8);
            if self.lost.contains(&next) || self.records.nodes.binary_search(&at).is_err() {
                self.lost.extend(above.iter().map(|&(id, ..)| id));
                return Err(ReadErrorKind::Undefined { table: "node", id: next.into() }.at(at));
            }
            if above.len() > self.records.nodes.len() {
                return Err(ReadError::malformed("a node is its own caller", at));
            }
            let row = self.row(at);
            if row.function == 0 {
                let origin = self.origin(row.parent, at, origins, builder)?;
                let place = Place { depth: 0, stack: None, labels: LabelSetId::EMPTY, origin };
                self.nodes.insert(next, place);
                break place;
            }
            above.push((next, at, row.function));
            next = row.parent;
        };
        while let Some((id, at, function)) = above.pop() {
            place = self.below(place, function, at, frames, builder)?;
            self.nodes.insert(id, place);
        }
        Ok(place)
    }

    fn below(
        &mut self,
        mut place: Place,
        function: u32,
        at: usize,
        frames: &mut HashMap<u32, FrameId>,
        builder: &mut ProfileBuilder,
    ) -> Result<Place, ReadError> {
        let callee = self.records.functions.get(&function);
        let callee = *callee
            .ok_or_else(|| ReadErrorKind::Undefined { table: "function", id: function.into() }.at(at))?;
        if let Callee::Label { key, value } = callee {
            let label = Label::text(builder.string(key).at(at)?, builder.string(value).at(at)?);
            let mut set: Vec<Label> = builder.label_set(place.labels).to_vec();
            set.retain(|other| other.key != label.key);
            set.push(label);
            place.labels = builder.labels(&set).at(at)?;
            return Ok(place);
        }
        let frame = match frames.get(&function) {
            Some(&frame) => frame,
            None => {
                let frame = frame(callee, builder).at(at)?;
                frames.insert(function, frame);
                frame
            }
        };
        place.stack = match place.stack.filter(|_| place.depth >= DEEP) {
            Some(caller) => Some(self.fold(caller, frame, builder).at(at)?),
            None => Some(builder.stack(place.stack, frame).at(at)?),
        };
        place.depth += 1;
        Ok(place)
    }

    /// The stack of `frame` below a deep one: the nearest one above that ends with the same caller and callee, so that
    /// self, calls and edges stay what they are; a new one where there is none.
    fn fold(
        &mut self,
        caller: StackId,
        frame: FrameId,
        builder: &mut ProfileBuilder,
    ) -> Result<StackId, BuildError> {
        if let Some(&known) = self.folded.get(&(caller, frame)) {
            return Ok(known);
        }
        let calling = builder.stack_row(caller).frame;
        let mut above = Some(caller);
        let found = loop {
            let Some(stack) = above else { break None };
            let row = builder.stack_row(stack);
            if row.frame == frame
                && row.parent.is_some_and(|parent| builder.stack_row(parent).frame == calling)
            {
                break Some(stack);
            }
            above = row.parent;
        };
        let stack = match found {
            Some(stack) => stack,
            None => builder.stack(Some(caller), frame)?,
        };
        self.folded.insert((caller, frame), stack);
        Ok(stack)
    }

    fn origin(
        &self,
        thread: u32,
        at: usize,
        origins: &mut HashMap<u32, OriginId>,
        builder: &mut ProfileBuilder,
    ) -> Result<OriginId, ReadError> {
        if let Some(&origin) = origins.get(&thread) {
            return Ok(origin);
        }
        let record = self.records.threads.get(&thread);
        let record =
            record.ok_or_else(|| ReadErrorKind::Undefined { table: "thread", id: thread.into() }.at(at))?;
        let mut process = self.records.arguments.as_slice();
        if let Some(command) = self.facts.commands.get(&(self.head.pid, self.head.start))
            && process.is_empty()
        {
            process = command;
        }
        let origin = profkit_profile::Origin {
            pid: Some(self.head.pid),
            process: builder.string(process).at(at)?,
            tid: Some(record.tid),
            thread: builder.string(&record.name).at(at)?,
            host: builder.string(&self.facts.host).at(at)?,
            ..profkit_profile::Origin::UNKNOWN
        };
        let id = builder.origin(origin).at(at)?;
        origins.insert(thread, id);
        Ok(id)
    }
}

/// A C function has the file `~` and no line, as in cProfile's dumps, so that both meet in a merge.
fn frame(callee: Callee<'_>, builder: &mut ProfileBuilder) -> Result<FrameId, BuildError> {
    let (file, name, line) = match callee {
        Callee::Python { file, name, line } => (file, name, i64::from(line)),
        Callee::C(name) | Callee::Label { value: name, .. } => (&b"~"[..], name, 0),
    };
    let (file, name) = (builder.string(file)?, builder.string(name)?);
    let function = builder.function(Function { name, file, first_line: line, ..Function::EMPTY })?;
    builder.frame(Frame::of(function))
}
