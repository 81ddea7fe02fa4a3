//! Reads a sample stream: the shape is told by [`profkit_recording::stream`].
//!
//! The file may be written while it is read, and its writer may have been killed: reading ends before a block that is not
//! whole. Samples are added up by stack and thread; their order in time is given up, which a profile of hours needs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use foldhash::HashMap;
use profkit_profile::{
    AtOffset, Frame, FrameId, Function, FunctionId, LabelSetId, Origin, OriginId, ProfileBuilder, ReadError,
    ReadErrorKind, Sample, StackId, StringId,
};
use profkit_recording::stream::{
    BLOCK_HEADER, FREE_THREADED, HEADER, MAGIC, NOT_SAMPLED, Record, Records, Sample as Sampled, VALUES,
    VERSION, block, counter,
};

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
    /// Pids and starts of the processes that were sampled.
    pub(crate) sampled: BTreeSet<(i64, u64)>,
    /// When it began, nanoseconds since 1970.
    pub(crate) start_ns: i64,
    /// When its last sample was, nanoseconds since 1970.
    pub(crate) end_ns: i64,
    /// Nanoseconds between samples, 0 if as fast as possible.
    pub(crate) interval_ns: i64,
}

/// The sample types of a stream.
pub(crate) fn add_sample_types(builder: &mut ProfileBuilder) -> Result<Columns<5>, ReadError> {
    let columns = Columns::add(VALUES, builder)?;
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

struct Process {
    pid: i64,
    start: u64,
    is_free_threaded: bool,
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
    /// By their reasons.
    refused: BTreeMap<StringId, Refused>,
}

/// Of so many processes without a sample it is said which they were.
const MOST_NAMED: usize = 1_000;

/// Processes that could not be sampled for the same reason, and the command line of the first.
struct Refused {
    pids: BTreeSet<i64>,
    command: StringId,
}

impl Refused {
    fn note(&self, reason: StringId, builder: &ProfileBuilder) -> String {
        let first = self.pids.first().copied().unwrap_or_default();
        let which = match self.pids.len() {
            ..=1 => first.to_string(),
            number => format!("{first} and {} more", number - 1),
        };
        format!(
            "process {which}, `{}`, {NOT_SAMPLED}: {}",
            text(self.command, builder),
            text(reason, builder)
        )
    }
}

fn text(id: StringId, builder: &ProfileBuilder) -> String {
    String::from_utf8_lossy(builder.bytes(id)).into_owned()
}

/// The row of a table that a number, from 1, names.
fn row<T: Copy>(table: &[T], number: u64, what: &'static str, at: usize) -> Result<T, ReadError> {
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    index.and_then(|index| table.get(index)).copied().ok_or_else(|| ReadError::malformed(what, at))
}

impl Reader {
    fn block(&mut self, bytes: &[u8], offset: usize, builder: &mut ProfileBuilder) -> Result<(), ReadError> {
        let mut records = Records::new(bytes);
        loop {
            let at = offset + records.position();
            match records.next() {
                None => return Ok(()),
                Some(Ok(Record::Sample(sample))) => self.sample(&sample, at)?,
                Some(Ok(record)) => self.record(record, at, builder)?,
                Some(Err(error)) => return Err(ReadError::malformed(error.what, offset + error.at)),
            }
        }
    }

    fn record(
        &mut self,
        record: Record<'_>,
        at: usize,
        builder: &mut ProfileBuilder,
    ) -> Result<(), ReadError> {
        let text = |texts: &[StringId], number, what| row(texts, number, what, at);
        let integer = |number: u64| i64::try_from(number).unwrap_or(0);
        match record {
            Record::Text(text) => self.texts.push(builder.string(text).at(at)?),
            Record::Function { name, file, first_line } => {
                let name = text(&self.texts, name, "a name is not there")?;
                let file = text(&self.texts, file, "a file is not there")?;
                let first_line = integer(first_line);
                let function = Function { name, system_name: StringId::EMPTY, file, first_line };
                self.functions.push(builder.function(function).at(at)?);
            }
            Record::Frame { function, line } => {
                let function = row(&self.functions, function, "a function is not there", at)?;
                let frame = Frame { line: integer(line), ..Frame::of(function) };
                self.frames.push(builder.frame(frame).at(at)?);
            }
            Record::Stack { below, frame } => {
                let below = match below {
                    0 => None,
                    number => Some(row(&self.stacks, number, "a stack is not there", at)?),
                };
                let frame = row(&self.frames, frame, "a frame is not there", at)?;
                self.stacks.push(builder.stack(below, frame).at(at)?);
            }
            Record::Process { pid, start, version, command } => {
                let command = text(&self.texts, command, "a command is not there")?;
                let is_free_threaded = version & FREE_THREADED != 0;
                self.processes.push(Process { pid: integer(pid), start, is_free_threaded, command });
            }
            Record::Thread { process, tid, began } => {
                let process = usize::try_from(process).ok().and_then(|process| process.checked_sub(1));
                let process = process.filter(|&process| process < self.processes.len());
                let process = process.ok_or_else(|| ReadError::malformed("a process is not there", at))?;
                let (tid, name) = (integer(tid), StringId::EMPTY);
                self.threads.push(Thread { process, tid, name, began, wall: 0 });
            }
            Record::Name { thread, name } => {
                let name = text(&self.texts, name, "a name is not there")?;
                let thread = usize::try_from(thread).ok().and_then(|thread| thread.checked_sub(1));
                if let Some(thread) = thread.and_then(|at| self.threads.get_mut(at)) {
                    thread.name = name;
                }
            }
            Record::Counter(which, value) => {
                self.counters.insert(which, value);
            }
            Record::Begin { unix_ns, interval_ns } => {
                (self.start_ns, self.interval_ns) = (unix_ns, interval_ns);
            }
            Record::End(ns) => self.ended = Some(ns),
            Record::Refused { pid, command, reason } => {
                let command = text(&self.texts, command, "a command is not there")?;
                let reason = text(&self.texts, reason, "a reason is not there")?;
                let first = || Refused { pids: BTreeSet::new(), command };
                self.refused.entry(reason).or_insert_with(first).pids.insert(integer(pid));
            }
            Record::Sample(sample) => self.sample(&sample, at)?,
        }
        Ok(())
    }

    #[inline]
    fn sample(&mut self, sample: &Sampled, at: usize) -> Result<(), ReadError> {
        let index = usize::try_from(sample.thread).ok().and_then(|thread| thread.checked_sub(1));
        let Some(thread) = index.and_then(|index| self.threads.get_mut(index)) else {
            return Err(ReadError::malformed("a thread is not there", at));
        };
        thread.wall = thread.wall.saturating_add(sample.wall);
        if sample.stack == 0 {
            return Ok(());
        }
        if usize::try_from(sample.stack).is_ok_and(|stack| stack > self.stacks.len()) {
            return Err(ReadError::malformed("a stack is not there", at));
        }
        let sums = self.rows.entry((sample.thread, sample.stack)).or_default();
        let values = [sample.count, sample.wall, sample.cpu, sample.gil, sample.gil_wait];
        for (sum, value) in sums.iter_mut().zip(values) {
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
        let (mut notes, remarks) = self.notes(is_torn, builder);
        notes.extend(self.refused.iter().map(|(&reason, refused)| refused.note(reason, builder)));
        Ok(Summary {
            processes: self.processes.len(),
            threads: self.threads.len(),
            notes,
            remarks,
            sampled: self.processes.iter().map(|process| (process.pid, process.start)).collect(),
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

    /// How many processes there were, and the command lines of those without a sample, by their pids.
    fn without_samples(&self) -> (usize, BTreeMap<i64, StringId>) {
        let mut processes: BTreeMap<_, _> =
            self.processes.iter().map(|process| (process.pid, process.command)).collect();
        let all = processes.len();
        for (thread, _) in self.rows.keys() {
            let thread =
                usize::try_from(*thread).ok().and_then(|thread| self.threads.get(thread.checked_sub(1)?));
            if let Some(process) = thread.and_then(|thread| self.processes.get(thread.process)) {
                processes.remove(&process.pid);
            }
        }
        (all, processes)
    }

    /// What is missing, and how it was sampled.
    fn notes(&self, is_torn: bool, builder: &ProfileBuilder) -> (Vec<String>, Vec<String>) {
        let count = |which| self.counters.get(&which).copied().unwrap_or(0);
        let (mut notes, mut remarks) = (Vec::new(), Vec::new());
        let (asked, taken, missed) = (count(counter::ASKED), count(counter::TAKEN), count(counter::MISSED));
        // Where nothing was to be sampled, nothing was missed.
        if asked > 0 && !self.processes.is_empty() {
            let text = format!(
                "{taken} of {asked} moments sampled, {missed} passed before the sampler came to them"
            );
            // Less than that moves no share of a program by a percent.
            if missed > asked / 100 { &mut notes } else { &mut remarks }.push(text);
            let late = Duration::from_nanos(count(counter::LATENESS) / taken.max(1));
            remarks.push(format!("samples were taken {late:.0?} after their moments on average"));
        }
        let (read, cut, failed) = (count(counter::READ), count(counter::CUT), count(counter::FAILED));
        if read > 0 {
            let text = format!(
                "{read} stacks read, {cut} cut where they changed while they were read, {failed} not readable"
            );
            // So many leave functions with time of what they call.
            if cut > read / 10 { &mut notes } else { &mut remarks }.push(text);
        }
        let (all, missing) = self.without_samples();
        if !missing.is_empty() {
            let count = missing.len();
            notes.push(format!("no sample was taken of {count} of {all} processes: they were too short"));
            remarks.extend(missing.into_iter().take(MOST_NAMED).map(|(pid, command)| {
                format!("process {pid}, `{}`: no sample was taken of it", text(command, builder))
            }));
        }
        let (chains, cut) = (count(counter::CHAINS), count(counter::CHAINS_CUT));
        if cut > 0 {
            remarks.push(format!(
                "{cut} of {} stacks of asyncio tasks without all that await them",
                chains.max(cut)
            ));
        }
        let (seen, sampled) = (count(counter::THREADS_SEEN), count(counter::THREADS_SAMPLED));
        if seen > sampled {
            remarks.push(format!("no Python was seen in {} of {seen} threads", seen - sampled));
        }
        let (seen, sampled) = (count(counter::PROCESSES_SEEN), count(counter::PROCESSES_SAMPLED));
        if seen > sampled {
            remarks.push(format!("{} of {seen} processes not sampled", seen - sampled));
        }
        let without_lock = self.processes.iter().filter(|process| process.is_free_threaded).count();
        if without_lock > 0 {
            remarks.push(format!(
                "{without_lock} of {} processes ran a free-threaded Python, which has no GIL to hold or wait for unless it is enabled",
                self.processes.len()
            ));
        }
        let interval = count(counter::CPU_INTERVAL);
        if self.interval_ns < interval {
            remarks.push(format!(
                "processor time was read every {} ms: stacks between share it by their time with the interpreter's lock",
                interval / 1_000_000
            ));
        }
        let interval = count(counter::LOCK_INTERVAL);
        if self.interval_ns < interval {
            remarks.push(format!("the interpreter's lock was looked at every {} µs", interval / 1_000));
        }
        let (seated, time) = (count(counter::SEATED), Duration::from_nanos(count(counter::SEATED_TIME)));
        if seated > 0 {
            remarks.push(format!(
                "{seated} stacks were read from the program's own processor, which it waited for meanwhile: {time:.1?} in all"
            ));
        }
        let stopped = Duration::from_nanos(count(counter::STOPPED));
        if !stopped.is_zero() {
            remarks.push(format!("threads were stopped while they were read, {stopped:.1?} in all"));
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
