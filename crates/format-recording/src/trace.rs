//! Reads a trace file: the shape is told by [`profkit_recording::trace`].
//!
//! The file may be written while it is read, or its process have been killed at any instruction: counters are those of one
//! instant or another, but records are whole, since `used` is raised after they are. A file is read from its begin to its
//! end, so a node at the end may name a function that was not there yet when the begin was read: such a node is newer than
//! the reading, and left out, unless the process had ended in order, when it is damage.

use core::mem::{offset_of, size_of};

use foldhash::{HashMap, HashMapExt};
use profkit_profile::{
    AtOffset, BuildError, Frame, FrameId, Function, Label, LabelSetId, OriginId, ProfileBuilder, ReadError,
    ReadErrorKind, Sample, StackId,
};
use profkit_recording::trace::{
    CHUNK, ChunkHeader, Header, MAGIC, Node, Text, Thread, VERSION, clock, kind, state, text,
};

use crate::bytes::{f64_at, u32_at, u64_at};
use crate::columns::Columns;
use crate::journal::{Facts, command_line};

/// What a trace says of itself beside its samples.
#[derive(Clone, Default, Debug)]
pub(crate) struct Summary {
    pub(crate) threads: usize,
    pub(crate) notes: Vec<String>,
    /// When its last event was, nanoseconds since 1970.
    pub(crate) end_ns: i64,
}

/// The sample types of a trace.
pub(crate) fn add_sample_types(bytes: &[u8], builder: &mut ProfileBuilder) -> Result<Columns<3>, ReadError> {
    let time = if is_cpu(bytes) { "cpu" } else { "wall" };
    let types = [("calls", "count"), (time, "nanoseconds"), ("await", "nanoseconds")];
    let columns = Columns::add(types, builder)?;
    builder.meta.default_type = Some(builder.string(time.as_bytes()).at(0)?);
    Ok(columns)
}

fn is_cpu(bytes: &[u8]) -> bool {
    u32_at(bytes, offset_of!(Header, clock)) == Some(clock::CPU)
}

/// Reads the trace in `bytes` into the builder, whose sample types are all added already.
pub(crate) fn read(
    bytes: &[u8],
    columns: Columns<3>,
    facts: &Facts,
    builder: &mut ProfileBuilder,
) -> Result<Summary, ReadError> {
    let head = Head::read(bytes)?;
    let records = Records::collect(bytes, &head)?;
    let mut summary =
        Summary { threads: records.threads.len(), notes: head.notes(bytes), end_ns: head.created_ns };
    summary.notes.extend(records.notes.iter().cloned());
    for thread in records.threads.values() {
        let passed = head.wall.nanoseconds(thread.last.saturating_sub(thread.first));
        summary.end_ns = summary.end_ns.max(head.created_ns.saturating_add(passed));
    }
    Tree { bytes, head: &head, records: &records, facts, nodes: HashMap::new(), folded: HashMap::new() }
        .add(columns, builder)?;
    Ok(summary)
}

/// A rate of ticks.
#[derive(Clone, Copy, Debug)]
struct Rate(f64);

impl Rate {
    fn read(bytes: &[u8], offset: usize) -> Result<Self, ReadError> {
        match f64_at(bytes, offset) {
            Some(hz) if hz.is_finite() && hz >= 1.0 => Ok(Self(hz)),
            _ => Err(ReadError::malformed("the clock has no rate", offset)),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a clock is not that exact, and `as` saturates"
    )]
    fn nanoseconds(self, ticks: u64) -> i64 {
        (ticks as f64 * (1e9 / self.0)).round() as i64
    }
}

struct Head {
    pid: i64,
    start: u64,
    created_ns: i64,
    used: usize,
    own: Rate,
    wall: Rate,
    /// The process had ended in order: nothing changes any more.
    ended: bool,
    /// Inside of and outside of a Python function, then of a C function; zeros if not to be subtracted.
    cost: [u64; 4],
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        if !bytes.starts_with(&MAGIC) || bytes.len() < CHUNK {
            return Err(ReadError::truncated("the header", bytes.len()));
        }
        let word = |offset| u32_at(bytes, offset).unwrap_or(0);
        let long = |offset| u64_at(bytes, offset).unwrap_or(0);
        let version = word(offset_of!(Header, version));
        if version != VERSION {
            let reason = format!("a trace of version {version}, this profkit reads {VERSION}");
            return Err(ReadErrorKind::Unsupported(reason.into()).at(offset_of!(Header, version)));
        }
        let used = usize::try_from(long(offset_of!(Header, used))).unwrap_or(usize::MAX);
        let compensate = u64::from(word(offset_of!(Header, compensate)) == 1);
        let cost = [0, 4, 8, 12].map(|at| compensate * u64::from(word(offset_of!(Header, cost) + at)));
        Ok(Self {
            pid: i64::from(word(offset_of!(Header, pid))),
            start: long(offset_of!(Header, start_ticks)),
            created_ns: i64::try_from(long(offset_of!(Header, created_ns))).unwrap_or(0),
            used: used.min(bytes.len()),
            own: Rate::read(bytes, offset_of!(Header, self_hz))?,
            wall: Rate::read(bytes, offset_of!(Header, wall_hz))?,
            ended: word(offset_of!(Header, state)) == state::ENDED,
            cost,
        })
    }

    fn notes(&self, bytes: &[u8]) -> Vec<String> {
        let pid = self.pid;
        let mut notes = Vec::new();
        match u32_at(bytes, offset_of!(Header, state)) {
            Some(state::DISK_FULL) => {
                notes.push(format!("process {pid}: the disk was full, tracing stopped"));
            }
            Some(state::TABLE_FULL) => {
                notes.push(format!("process {pid}: a table was full, tracing stopped"));
            }
            _ => {}
        }
        let missed = [
            (
                u64::from(u32_at(bytes, offset_of!(Header, interpreters_missed)).unwrap_or(0)),
                "subinterpreters",
            ),
            (u64::from(u32_at(bytes, offset_of!(Header, threads_missed)).unwrap_or(0)), "threads"),
            (u64_at(bytes, offset_of!(Header, events_lost)).unwrap_or(0), "events"),
        ];
        for (number, what) in missed.into_iter().filter(|&(number, _)| number > 0) {
            notes.push(format!("process {pid}: {number} {what} not covered"));
        }
        notes
    }
}

/// A thread as the file has it.
#[derive(Clone, Debug)]
struct ThreadRecord {
    tid: i64,
    first: u64,
    last: u64,
    name: Vec<u8>,
}

/// What a node's function is.
#[derive(Clone, Copy, Debug)]
enum Callee<'a> {
    Python { file: &'a [u8], name: &'a [u8], line: u32 },
    C(&'a [u8]),
    Label { key: &'a [u8], value: &'a [u8] },
}

/// Every record but the nodes, by id.
#[derive(Default)]
struct Records<'a> {
    functions: HashMap<u32, Callee<'a>>,
    threads: HashMap<u32, ThreadRecord>,
    /// Offsets, in file order.
    nodes: Vec<usize>,
    arguments: Vec<u8>,
    notes: Vec<String>,
}

impl<'a> Records<'a> {
    fn collect(bytes: &'a [u8], head: &Head) -> Result<Self, ReadError> {
        let mut records = Self::default();
        let mut names = Vec::new();
        let mut at = CHUNK;
        // A chunk that is not wholly there was cut off with the file.
        while at + CHUNK <= head.used {
            let word = |offset: usize| u32_at(bytes, at + offset).unwrap_or(0);
            let span = usize::try_from(word(offset_of!(ChunkHeader, span))).unwrap_or(0).max(1);
            let size =
                span.checked_mul(CHUNK).ok_or_else(|| ReadError::malformed("a chunk is too long", at))?;
            let begin = at + size_of::<ChunkHeader>();
            let used = usize::try_from(word(offset_of!(ChunkHeader, used))).unwrap_or(usize::MAX);
            let end = begin.saturating_add(used);
            if end > at.saturating_add(size) {
                return Err(ReadError::malformed("more is in a chunk than fits", at));
            }
            let end = end.min(bytes.len());
            match word(offset_of!(ChunkHeader, kind)) {
                kind::FREE => {}
                kind::NODES => {
                    records
                        .nodes
                        .extend((begin..=end.saturating_sub(size_of::<Node>())).step_by(size_of::<Node>()));
                }
                kind::THREADS => records.add_threads(bytes, begin, end),
                kind::TEXTS => records.add_texts(bytes, begin, end, head.pid, &mut names)?,
                other => return Err(ReadError::malformed(format!("chunks of kind {other} are unknown"), at)),
            }
            at = at.saturating_add(size);
        }
        for (id, name) in names {
            if let Some(thread) = records.threads.get_mut(&id) {
                thread.name = name;
            }
        }
        Ok(records)
    }

    fn add_threads(&mut self, bytes: &[u8], begin: usize, end: usize) {
        for at in (begin..=end.saturating_sub(size_of::<Thread>())).step_by(size_of::<Thread>()) {
            let long = |offset: usize| u64_at(bytes, at + offset).unwrap_or(0);
            let last = match long(offset_of!(Thread, last_wall)) {
                0 => long(offset_of!(Thread, last)),
                last => last,
            };
            let tid = u32_at(bytes, at + offset_of!(Thread, tid)).unwrap_or(0);
            let first = long(offset_of!(Thread, first));
            let record = ThreadRecord { tid: i64::from(tid), first, last, name: Vec::new() };
            if let Ok(id) = u32::try_from(at / 8) {
                self.threads.insert(id, record);
            }
        }
    }

    fn add_texts(
        &mut self,
        bytes: &'a [u8],
        begin: usize,
        end: usize,
        pid: i64,
        names: &mut Vec<(u32, Vec<u8>)>,
    ) -> Result<(), ReadError> {
        let mut at = begin;
        while at + size_of::<Text>() <= end {
            let word = |offset: usize| u32_at(bytes, at + offset).unwrap_or(0);
            let length = usize::try_from(word(offset_of!(Text, len))).unwrap_or(usize::MAX);
            let start = at + size_of::<Text>();
            let stop = start.checked_add(length).filter(|&stop| stop <= end);
            let stop = stop.ok_or_else(|| ReadError::malformed("a text is longer than its chunk", at))?;
            let content = &bytes[start..stop];
            let (id, line) = (word(offset_of!(Text, id)), word(offset_of!(Text, extra)));
            let parts = || two(content).ok_or_else(|| ReadError::malformed("a text has no two parts", at));
            match word(offset_of!(Text, kind)) {
                text::FUNCTION => {
                    let (file, name) = parts()?;
                    self.functions.insert(id, Callee::Python { file, name, line });
                }
                text::C_FUNCTION => {
                    self.functions.insert(id, Callee::C(content));
                }
                text::LABEL => {
                    let (key, value) = parts()?;
                    self.functions.insert(id, Callee::Label { key, value });
                }
                text::THREAD_NAME => names.push((id, content.to_vec())),
                text::ARGUMENTS => self.arguments = command_line(content),
                text::NOTE => {
                    self.notes.push(format!("process {pid}: {}", String::from_utf8_lossy(content)));
                }
                _ => {}
            }
            at = start + length.next_multiple_of(8);
        }
        Ok(())
    }
}

/// A length, so many bytes, and the rest.
fn two(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(u32_at(content, 0)?).ok()?;
    content.get(4..)?.split_at_checked(length)
}

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

struct Tree<'a> {
    bytes: &'a [u8],
    head: &'a Head,
    records: &'a Records<'a>,
    facts: &'a Facts,
    nodes: HashMap<u32, Place>,
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

impl Tree<'_> {
    fn add(mut self, columns: Columns<3>, builder: &mut ProfileBuilder) -> Result<(), ReadError> {
        let (all, mut values_of_row) = (builder.sample_types().len(), Vec::new());
        let mut frames = HashMap::new();
        let mut origins = HashMap::new();
        let overheads = self.overheads();
        for &at in &self.records.nodes {
            let Ok(id) = u32::try_from(at / 8) else { continue };
            let place = match self.place(id, &mut frames, &mut origins, builder) {
                Err(ReadError { kind: ReadErrorKind::Undefined { .. }, .. }) if !self.head.ended => continue,
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
        Ok(())
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
        let mut above = Vec::new();
        let mut next = id;
        let mut place = loop {
            if let Some(&place) = self.nodes.get(&next) {
                break place;
            }
            let at = usize::try_from(next).unwrap_or(usize::MAX).saturating_mul(8);
            if self.records.nodes.binary_search(&at).is_err() {
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
