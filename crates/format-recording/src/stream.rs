//! Reads a sample stream: the shape is told by [`profkit_recording::stream`].
//!
//! The file may be written while it is read, and its writer may have been killed: reading ends before a block that is not
//! whole. Samples are added up by stack and thread; their order in time is given up, which a profile of hours needs.

use foldhash::HashMap;
use profkit_profile::{
    AtOffset, Frame, FrameId, Function, FunctionId, LabelSetId, Origin, OriginId, ProfileBuilder, ReadError,
    ReadErrorKind, Sample, StackId, StringId,
};
use profkit_recording::stream::{BLOCK_HEADER, HEADER, MAGIC, VERSION, checksum, counter, kind, sample};

use crate::columns::Columns;
use crate::journal::Facts;

/// What a stream says of itself beside its samples.
#[derive(Clone, Default, Debug)]
pub(crate) struct Summary {
    pub(crate) processes: usize,
    pub(crate) threads: usize,
    /// What is missing.
    pub(crate) notes: Vec<String>,
    /// How it was sampled.
    pub(crate) remarks: Vec<String>,
    /// When it began, nanoseconds since 1970.
    pub(crate) start_ns: i64,
    /// When its last sample was, nanoseconds since 1970.
    pub(crate) end_ns: i64,
    /// Nanoseconds between samples, 0 if as fast as possible.
    pub(crate) interval_ns: i64,
}

/// The sample types of a stream.
pub(crate) fn add_sample_types(builder: &mut ProfileBuilder) -> Result<Columns<5>, ReadError> {
    let types = [
        ("samples", "count"),
        ("wall", "nanoseconds"),
        ("cpu", "nanoseconds"),
        ("gil", "nanoseconds"),
        ("gil_wait", "nanoseconds"),
    ];
    let columns = Columns::add(types, builder)?;
    if builder.meta.default_type.is_none() {
        builder.meta.default_type = Some(builder.string(b"wall").at(0)?);
    }
    Ok(columns)
}

/// Reads the stream in `bytes` into the builder, whose sample types are all added already.
pub(crate) fn read(
    bytes: &[u8],
    columns: Columns<5>,
    facts: &Facts,
    builder: &mut ProfileBuilder,
) -> Result<Summary, ReadError> {
    let Some(version) = bytes.get(MAGIC.len()..HEADER).and_then(<[u8]>::first_chunk) else {
        return Err(ReadError::truncated("the header", bytes.len()));
    };
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        let reason = format!("a sample stream of version {version}, this profkit reads {VERSION}");
        return Err(ReadErrorKind::Unsupported(reason.into()).at(MAGIC.len()));
    }
    let mut reader = Reader::default();
    let mut at = HEADER;
    while let Some(records) = block(bytes, at) {
        let begin = at + BLOCK_HEADER;
        reader.block(&bytes[begin..begin + records], begin, builder)?;
        at = begin + records;
    }
    reader.finish(at < bytes.len(), columns, facts, builder)
}

/// How many bytes of records the block at an offset has; `None` if there is no whole block.
fn block(bytes: &[u8], at: usize) -> Option<usize> {
    let head = bytes.get(at..at + BLOCK_HEADER)?;
    let length = usize::try_from(u32::from_le_bytes(*head.first_chunk()?)).ok()?;
    let sum = u32::from_le_bytes(*head.get(4..)?.first_chunk()?);
    let begin = at + BLOCK_HEADER;
    let records = bytes.get(begin..begin.checked_add(length)?)?;
    (checksum(records) == sum).then_some(length)
}

struct Process {
    pid: i64,
    start: u64,
    command: StringId,
}

struct Thread {
    process: usize,
    tid: i64,
    name: StringId,
    began: u64,
    wall: u64,
}

/// What a row of the result adds up.
type Values = [i64; 5];

#[derive(Default)]
struct Reader {
    texts: Vec<StringId>,
    functions: Vec<FunctionId>,
    frames: Vec<FrameId>,
    stacks: Vec<StackId>,
    processes: Vec<Process>,
    threads: Vec<Thread>,
    rows: HashMap<(u32, u32), Values>,
    counters: HashMap<u64, u64>,
    start_ns: u64,
    interval_ns: u64,
    ended: Option<u64>,
}

/// The numbers of a block.
struct Cursor<'a> {
    records: &'a [u8],
    at: usize,
    /// Offset of the block's records in the file.
    offset: usize,
}

impl<'a> Cursor<'a> {
    fn malformed(&self, what: &'static str) -> ReadError {
        ReadError::malformed(what, self.offset + self.at)
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.records.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Result<u64, ReadError> {
        let (mut number, mut shift) = (0u64, 0u32);
        loop {
            let byte = self.byte().ok_or_else(|| self.malformed("a record ends early"))?;
            if shift > 63 {
                return Err(self.malformed("a number is too long"));
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    fn index(&mut self) -> Result<usize, ReadError> {
        let number = self.number()?;
        usize::try_from(number).map_err(|_| self.malformed("a number is too large"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ReadError> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.records.len());
        let end = end.ok_or_else(|| self.malformed("a text ends early"))?;
        let taken = &self.records[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// The row of a table that the next number, from 1, names.
    fn row<T: Copy>(&mut self, table: &[T], what: &'static str) -> Result<T, ReadError> {
        let index = self.index()?;
        index.checked_sub(1).and_then(|at| table.get(at)).copied().ok_or_else(|| self.malformed(what))
    }
}

impl Reader {
    fn block(
        &mut self,
        records: &[u8],
        offset: usize,
        builder: &mut ProfileBuilder,
    ) -> Result<(), ReadError> {
        let mut cursor = Cursor { records, at: 0, offset };
        let mut last = (0, 0);
        while let Some(kind) = cursor.byte() {
            if kind & kind::SAMPLE != 0 {
                self.sample(kind, &mut cursor, &mut last)?;
            } else {
                self.record(kind, &mut cursor, builder)?;
            }
        }
        Ok(())
    }

    fn record(
        &mut self,
        kind: u8,
        cursor: &mut Cursor<'_>,
        builder: &mut ProfileBuilder,
    ) -> Result<(), ReadError> {
        let at = cursor.offset + cursor.at;
        match kind {
            kind::TEXT => {
                let length = cursor.index()?;
                let text = cursor.take(length)?;
                self.texts.push(builder.string(text).at(at)?);
            }
            kind::FUNCTION => {
                let name = cursor.row(&self.texts, "a name is not there")?;
                let file = cursor.row(&self.texts, "a file is not there")?;
                let first_line = i64::try_from(cursor.number()?).unwrap_or(0);
                let function = Function { name, system_name: StringId::EMPTY, file, first_line };
                self.functions.push(builder.function(function).at(at)?);
            }
            kind::FRAME => {
                let function = cursor.row(&self.functions, "a function is not there")?;
                let line = i64::try_from(cursor.number()?).unwrap_or(0);
                self.frames.push(builder.frame(Frame { line, ..Frame::of(function) }).at(at)?);
            }
            kind::STACK => self.stack(cursor, at, builder)?,
            kind::PROCESS => {
                let pid = i64::try_from(cursor.number()?).unwrap_or(0);
                let start = cursor.number()?;
                let _version = cursor.number()?;
                let command = cursor.row(&self.texts, "a command is not there")?;
                self.processes.push(Process { pid, start, command });
            }
            kind::THREAD => {
                let process = cursor.index()?;
                let process = process.checked_sub(1).filter(|&at| at < self.processes.len());
                let process = process.ok_or_else(|| cursor.malformed("a process is not there"))?;
                let tid = i64::try_from(cursor.number()?).unwrap_or(0);
                let began = cursor.number()?;
                self.threads.push(Thread { process, tid, name: StringId::EMPTY, began, wall: 0 });
            }
            kind::NAME => {
                let thread = cursor.index()?;
                let name = cursor.row(&self.texts, "a name is not there")?;
                if let Some(thread) = thread.checked_sub(1).and_then(|at| self.threads.get_mut(at)) {
                    thread.name = name;
                }
            }
            kind::COUNTER => {
                let (which, value) = (cursor.number()?, cursor.number()?);
                self.counters.insert(which, value);
            }
            kind::BEGIN => (self.start_ns, self.interval_ns) = (cursor.number()?, cursor.number()?),
            kind::END => self.ended = Some(cursor.number()?),
            _ => return Err(cursor.malformed("a record of this kind is unknown")),
        }
        Ok(())
    }

    fn stack(
        &mut self,
        cursor: &mut Cursor<'_>,
        at: usize,
        builder: &mut ProfileBuilder,
    ) -> Result<(), ReadError> {
        let below = match cursor.index()? {
            0 => None,
            number => {
                Some(*self.stacks.get(number - 1).ok_or_else(|| cursor.malformed("a stack is not there"))?)
            }
        };
        let frame = cursor.row(&self.frames, "a frame is not there")?;
        self.stacks.push(builder.stack(below, frame).at(at)?);
        Ok(())
    }

    /// `last`: the thread and the wall time of the sample before.
    fn sample(&mut self, bits: u8, cursor: &mut Cursor<'_>, last: &mut (u32, u64)) -> Result<(), ReadError> {
        let given = |bit: u8, otherwise: u64, cursor: &mut Cursor<'_>| {
            if bits & bit != 0 { cursor.number() } else { Ok(otherwise) }
        };
        let stack = cursor.number()?;
        let thread = given(sample::THREAD, u64::from(last.0), cursor)?;
        let count = given(sample::COUNT, 1, cursor)?;
        let wall = given(sample::WALL, last.1, cursor)?;
        let cpu = given(sample::CPU, if bits & sample::ALL_CPU != 0 { wall } else { 0 }, cursor)?;
        let gil = given(sample::GIL, if bits & sample::ALL_GIL != 0 { wall } else { 0 }, cursor)?;
        let wait = given(sample::GIL, 0, cursor)?;
        let index = usize::try_from(thread).ok().and_then(|thread| thread.checked_sub(1));
        let Some(row) = index.and_then(|index| self.threads.get_mut(index)) else {
            return Err(cursor.malformed("a thread is not there"));
        };
        row.wall = row.wall.saturating_add(wall);
        let (Ok(thread), Ok(stack)) = (u32::try_from(thread), u32::try_from(stack)) else {
            return Err(cursor.malformed("a number is too large"));
        };
        *last = (thread, wall);
        if stack == 0 {
            return Ok(());
        }
        if usize::try_from(stack).is_ok_and(|stack| stack > self.stacks.len()) {
            return Err(cursor.malformed("a stack is not there"));
        }
        let sums = self.rows.entry((thread, stack)).or_default();
        for (sum, value) in sums.iter_mut().zip([count, wall, cpu, gil, wait]) {
            *sum = sum.saturating_add(i64::try_from(value).unwrap_or(i64::MAX));
        }
        Ok(())
    }

    fn finish(
        self,
        is_torn: bool,
        columns: Columns<5>,
        facts: &Facts,
        builder: &mut ProfileBuilder,
    ) -> Result<Summary, ReadError> {
        let origins = self.origins(facts, builder)?;
        let (all, mut values_of_row) = (builder.sample_types().len(), Vec::new());
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_unstable_by_key(|&(key, _)| *key);
        for (&(thread, stack), values) in rows {
            let index = |number: u32| usize::try_from(number).unwrap_or(0).saturating_sub(1);
            let (Some(&origin), Some(&stack)) = (origins.get(index(thread)), self.stacks.get(index(stack)))
            else {
                continue;
            };
            columns.fill(values, all, &mut values_of_row);
            let sample = Sample { stack: Some(stack), origin, labels: LabelSetId::EMPTY };
            builder.accumulate(sample, &values_of_row).at(0)?;
        }
        let end = self.threads.iter().map(|thread| thread.began.saturating_add(thread.wall)).max();
        let end = self.ended.or(end).unwrap_or(0);
        let time = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
        let (notes, remarks) = self.notes(is_torn);
        Ok(Summary {
            processes: self.processes.len(),
            threads: self.threads.len(),
            notes,
            remarks,
            start_ns: time(self.start_ns),
            end_ns: time(self.start_ns.saturating_add(end)),
            interval_ns: time(self.interval_ns),
        })
    }

    fn origins(&self, facts: &Facts, builder: &mut ProfileBuilder) -> Result<Vec<OriginId>, ReadError> {
        let host = builder.string(&facts.host).at(0)?;
        let mut origins = Vec::with_capacity(self.threads.len());
        for thread in &self.threads {
            let Some(process) = self.processes.get(thread.process) else { continue };
            let name = match facts.commands.get(&(process.pid, process.start)) {
                Some(command) => builder.string(command).at(0)?,
                None => process.command,
            };
            let origin = Origin {
                host,
                pid: Some(process.pid),
                process: name,
                tid: Some(thread.tid),
                thread: thread.name,
                ..Origin::UNKNOWN
            };
            origins.push(builder.origin(origin).at(0)?);
        }
        Ok(origins)
    }

    /// What is to be known about how the samples came to be.
    /// What is missing, and how it was sampled.
    fn notes(&self, is_torn: bool) -> (Vec<String>, Vec<String>) {
        let count = |which| self.counters.get(&which).copied().unwrap_or(0);
        let (mut notes, mut remarks) = (Vec::new(), Vec::new());
        let (asked, taken, missed) = (count(counter::ASKED), count(counter::TAKEN), count(counter::MISSED));
        if asked > 0 {
            let text = format!(
                "{taken} of {asked} moments sampled, {missed} passed before the sampler came to them"
            );
            // Less than that moves no share of a program by a percent.
            if missed > asked / 100 { &mut notes } else { &mut remarks }.push(text);
        }
        let (read, cut, failed) = (count(counter::READ), count(counter::CUT), count(counter::FAILED));
        if cut + failed > 0 {
            remarks.push(format!(
                "{cut} of {read} stacks cut where they changed while they were read, {failed} not readable"
            ));
        }
        let (seen, sampled) = (count(counter::THREADS_SEEN), count(counter::THREADS_SAMPLED));
        if seen > sampled {
            remarks.push(format!("{} of {seen} threads have no Python in them", seen - sampled));
        }
        let (seen, sampled) = (count(counter::PROCESSES_SEEN), count(counter::PROCESSES_SAMPLED));
        if seen > sampled {
            remarks.push(format!("{} of {seen} processes not sampled", seen - sampled));
        }
        let interval = count(counter::CPU_INTERVAL);
        if self.interval_ns < interval {
            remarks.push(format!(
                "processor time was read every {} ms: stacks between share it by their time with the interpreter's lock",
                interval / 1_000_000
            ));
        }
        if self.ended.is_none() {
            notes.push("the sampler has not ended, or was ended from outside".to_owned());
        }
        if is_torn {
            notes.push("the last block is torn: what was seen from there on is missing".to_owned());
        }
        (notes, remarks)
    }
}
