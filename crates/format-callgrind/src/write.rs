//! From the model to text that KCachegrind, callgrind_annotate, gprof2dot and speedscope read alike.
//!
//! Within what the format allows, the writer keeps to what all of them understand: lines as the only positions and
//! absolute, every cost on every line, `ob`, `fl` and `fn` for every block, `cfi` for every call, a number of its own for
//! every function, and no call count below 1. What the format has no place for is said in ways that other readers skip:
//! * the first cost line of a block stands at the line of the function's definition and holds the self cost of which no
//!   line is known, often 0;
//! * a comment `#calls=N` or `#calls=?` before a call corrects its count, `#cost=?` says that its cost is unknown;
//! * `desc: Thread: …`, `Host:`, `Profile:` and `Producer:`.

use std::borrow::Cow;
use std::io::Write;

use foldhash::{HashMap, HashMapExt};
use profkit_profile::{
    Id, MappingId, Origin, OriginId, Profile, StringId, WriteError, WriteOptions, Written,
};

use crate::blocks::{Block, Call, Names, Part, Section, Spot};
use crate::event::Event;
use crate::header::{HOST, NO_EVENT, PRODUCER, PROFILE, THREAD};
use crate::losses::Losses;
use crate::read::{COST_MARK, COUNT_MARK};
use crate::spell::{UNKNOWN, safe, safe_text};

/// The dialect that keeps origins apart, a part each. Only KCachegrind and gprof2dot read more than the first part;
/// speedscope 1.25 refuses them, and callgrind_annotate 3.19 takes the headers of the others for errors.
pub(crate) const PARTS: &str = "parts";

pub(crate) fn write(
    profile: &Profile,
    to: &mut dyn Write,
    options: &WriteOptions<'_>,
) -> Result<Written, WriteError> {
    if !profile.samples().is_empty() {
        return Err(WriteError::NeedsCallEdges);
    }
    // Tools show the first event first.
    let types = profile.sample_types().len();
    let first = options.sample_type.or_else(|| profile.default_type());
    let order: Vec<usize> =
        first.into_iter().chain((0..types).filter(|&index| Some(index) != first)).collect();
    let mut names = Names::of(profile);
    let mut losses = Losses::default();
    let origins = used_origins(profile);
    let mut output = Output::new(profile, &order);
    output.buffer.extend_from_slice(b"# callgrind format\nversion: 1\ncreator: profkit ");
    output.buffer.extend_from_slice(env!("CARGO_PKG_VERSION").as_bytes());
    output.buffer.push(b'\n');
    if options.dialect == Some(PARTS) && origins.len() > 1 {
        for (number, &origin) in origins.iter().enumerate() {
            let part = Part::of(profile, &mut names, &order, |other| other == origin);
            output.header(number + 1, profile.origins()[origin]);
            output.part(&part, &names, to)?;
            losses.part(profile, &names, &part, &order, |other| other == origin);
        }
    } else {
        let part = Part::of(profile, &mut names, &order, |_| true);
        output.header(1, common(profile, &origins));
        output.part(&part, &names, to)?;
        losses.part(profile, &names, &part, &order, |_| true);
        losses.threads(origins.len());
    }
    to.write_all(&output.buffer)?;
    losses.names(&names);
    Ok(Written { losses: losses.of(profile, &output.events) })
}

/// The origins of the call tables, in order of appearance.
fn used_origins(profile: &Profile) -> Vec<OriginId> {
    let mut seen = vec![false; profile.origins().len()];
    let calls = profile.calls();
    let of_functions = calls.functions().rows().iter().map(|row| row.origin);
    let all = of_functions.chain(calls.edges().rows().iter().map(|row| row.origin));
    all.filter(|origin| !std::mem::replace(&mut seen[origin.index()], true)).collect()
}

/// What all origins agree on.
fn common(profile: &Profile, origins: &[OriginId]) -> Origin {
    let mut origins = origins.iter().map(|&origin| profile.origins()[origin]);
    let Some(first) = origins.next() else { return Origin::UNKNOWN };
    origins.fold(first, |common, other| Origin {
        host: same(common.host, other.host, StringId::EMPTY),
        pid: same(common.pid, other.pid, None),
        process: same(common.process, other.process, StringId::EMPTY),
        tid: same(common.tid, other.tid, None),
        thread: same(common.thread, other.thread, StringId::EMPTY),
        file: same(common.file, other.file, StringId::EMPTY),
    })
}

fn same<T: PartialEq + Copy>(one: T, other: T, otherwise: T) -> T {
    if one == other { one } else { otherwise }
}

struct Output<'a> {
    profile: &'a Profile,
    buffer: Vec<u8>,
    events: Vec<Event>,
    /// The numbers of files and functions, by row of the names, in the order of their first mention.
    files: Vec<Option<usize>>,
    functions: Vec<Option<usize>>,
    file_count: usize,
    function_count: usize,
    /// By name: two mappings may be parts of one binary.
    objects: HashMap<Vec<u8>, usize>,
    has_objects: bool,
    /// By function of the part, the object of its first costs.
    object_of: Vec<Option<MappingId>>,
}

/// How much text is held before it goes out.
const CHUNK: usize = 1 << 16;

impl<'a> Output<'a> {
    fn new(profile: &'a Profile, order: &[usize]) -> Self {
        let event = |&index: &usize| {
            let row = profile.sample_types()[index];
            Event {
                name: profile.bytes(row.name).to_vec(),
                unit: profile.bytes(row.unit).to_vec(),
                decimals: row.decimals,
                factor: 1,
            }
        };
        let frames = profile.frames().rows();
        Self {
            profile,
            buffer: Vec::new(),
            events: order.iter().map(event).collect(),
            files: Vec::new(),
            functions: Vec::new(),
            file_count: 0,
            function_count: 0,
            objects: HashMap::new(),
            has_objects: frames.iter().any(|frame| frame.mapping.is_some()),
            object_of: Vec::new(),
        }
    }

    fn header(&mut self, number: usize, origin: Origin) {
        if let Some(pid) = origin.pid {
            self.line("pid: ", pid.to_string().as_bytes());
        }
        self.text("cmd: ", origin.process);
        self.line("part: ", number.to_string().as_bytes());
        if let Some(tid) = origin.tid {
            self.line("thread: ", tid.to_string().as_bytes());
        }
        self.buffer.push(b'\n');
        self.text(&format!("desc: {THREAD}"), origin.thread);
        self.text(&format!("desc: {HOST}"), origin.host);
        self.text(&format!("desc: {PROFILE}"), origin.file);
        if number == 1 {
            let profile = self.profile;
            let producer = &profile.meta().producer;
            if !producer.is_empty() && !producer.starts_with("profkit") {
                self.line(&format!("desc: {PRODUCER}"), &safe(producer.as_bytes()));
            }
            for &comment in &profile.meta().comments {
                self.text("desc: ", comment);
            }
        }
        self.buffer.extend_from_slice(b"positions: line\nevents:");
        for event in &self.events {
            self.buffer.push(b' ');
            self.buffer.extend_from_slice(&event.word());
        }
        if self.events.is_empty() {
            self.buffer.push(b' ');
            self.buffer.extend_from_slice(NO_EVENT);
        }
        self.buffer.push(b'\n');
    }

    fn text(&mut self, key: &str, text: StringId) {
        if !text.is_empty() {
            let text = safe_text(self.profile.bytes(text));
            self.line(key, &text);
        }
    }

    fn line(&mut self, key: &str, value: &[u8]) {
        self.buffer.extend_from_slice(key.as_bytes());
        self.buffer.extend_from_slice(value);
        self.buffer.push(b'\n');
    }

    fn part(&mut self, part: &Part, names: &Names, to: &mut dyn Write) -> Result<(), WriteError> {
        let object = |block: &Block| block.sections.first().and_then(|section| section.object);
        let blocks = part.blocks.iter();
        self.object_of = blocks.map(|block| block.as_ref().and_then(object)).collect();
        let mut totals = vec![0; self.events.len()];
        for &function in &part.order {
            let Some(Some(block)) = part.blocks.get(function) else { continue };
            for (total, &own) in totals.iter_mut().zip(&block.own) {
                *total += own;
            }
            for section in &block.sections {
                for (_, costs) in &section.lines {
                    totals.iter_mut().zip(costs).for_each(|(total, cost)| *total += cost);
                }
            }
            self.block(function, block, names);
            if self.buffer.len() > CHUNK {
                to.write_all(&self.buffer)?;
                self.buffer.clear();
            }
        }
        self.buffer.extend_from_slice(b"\ntotals:");
        self.costs(&totals);
        Ok(())
    }

    fn block(&mut self, function: usize, block: &Block, names: &Names) {
        let none = [Section::default()];
        let sections = if block.sections.is_empty() { none.as_slice() } else { block.sections.as_slice() };
        let named = &names.functions[function];
        for (index, section) in sections.iter().enumerate() {
            self.buffer.push(b'\n');
            if self.has_objects {
                self.object("ob=", section.object);
            }
            self.file("fl=", named.file, names);
            self.function("fn=", function, names);
            self.number(i128::from(named.line.max(0)));
            let zeros = vec![0; block.own.len()];
            self.costs(if index == 0 { &block.own } else { &zeros });
            let mut file = named.file;
            for (spot, costs) in &section.lines {
                self.go_to(*spot, named.file, &mut file, names);
                self.number(i128::from(spot.1));
                self.costs(costs);
            }
            for call in &section.calls {
                self.go_to(call.spot, named.file, &mut file, names);
                self.call(call, section.object, names);
            }
        }
    }

    /// Changes to the file of the next cost line.
    fn go_to(&mut self, spot: Spot, own: usize, file: &mut usize, names: &Names) {
        if spot.0 != *file {
            self.file(if spot.0 == own { "fe=" } else { "fi=" }, spot.0, names);
            *file = spot.0;
        }
    }

    fn call(&mut self, call: &Call, object: Option<MappingId>, names: &Names) {
        let callee = &names.functions[call.callee];
        let callee_object = self.object_of.get(call.callee).copied().flatten();
        if self.has_objects && callee_object != object {
            self.object("cob=", callee_object);
        }
        self.file("cfi=", callee.file, names);
        self.function("cfn=", call.callee, names);
        let count = match call.count {
            Some(count) if count > 0 => count,
            count => {
                self.buffer.extend_from_slice(COUNT_MARK);
                match count {
                    Some(count) if count < 0 => self.number(count),
                    _ => self.buffer.push(b'?'),
                }
                self.buffer.push(b'\n');
                1
            }
        };
        if !call.has_cost {
            self.buffer.extend_from_slice(COST_MARK);
            self.buffer.push(b'\n');
        }
        self.buffer.extend_from_slice(b"calls=");
        self.number(count);
        self.buffer.push(b' ');
        self.number(i128::from(callee.line.max(0)));
        self.buffer.push(b'\n');
        self.number(i128::from(call.spot.1));
        self.costs(&call.cost);
    }

    fn file(&mut self, key: &str, file: usize, names: &Names) {
        self.buffer.extend_from_slice(key.as_bytes());
        let (number, is_new) = numbered(&mut self.files, file, &mut self.file_count);
        self.numbered(number, is_new, &names.files[file]);
    }

    fn function(&mut self, key: &str, function: usize, names: &Names) {
        self.buffer.extend_from_slice(key.as_bytes());
        let (number, is_new) = numbered(&mut self.functions, function, &mut self.function_count);
        self.numbered(number, is_new, &names.functions[function].name);
    }

    fn object(&mut self, key: &str, object: Option<MappingId>) {
        let name = match object {
            Some(object) => safe(self.profile.bytes(self.profile.mappings()[object].file)),
            None => Cow::Borrowed(UNKNOWN),
        };
        let next = self.objects.len() + 1;
        let number = *self.objects.entry(name.to_vec()).or_insert(next);
        self.buffer.extend_from_slice(key.as_bytes());
        self.numbered(number, number == next, &name);
    }

    /// `(7) name`, or `(7)` where the name is known.
    fn numbered(&mut self, number: usize, is_new: bool, name: &[u8]) {
        self.buffer.push(b'(');
        self.buffer.extend_from_slice(number.to_string().as_bytes());
        self.buffer.push(b')');
        if is_new {
            self.buffer.push(b' ');
            self.buffer.extend_from_slice(name);
        }
        self.buffer.push(b'\n');
    }

    fn costs(&mut self, costs: &[i128]) {
        for &cost in costs {
            self.buffer.push(b' ');
            self.number(cost);
        }
        // The placeholder event.
        if costs.is_empty() {
            self.buffer.extend_from_slice(b" 0");
        }
        self.buffer.push(b'\n');
    }

    fn number(&mut self, number: i128) {
        // Writing to a vector cannot fail.
        let _ = match i64::try_from(number) {
            Ok(number) => write!(self.buffer, "{number}"),
            Err(_) => write!(self.buffer, "{number}"),
        };
    }
}

/// The number of a row, and whether it is new: the next one after `count`.
fn numbered(numbers: &mut Vec<Option<usize>>, row: usize, count: &mut usize) -> (usize, bool) {
    if numbers.len() <= row {
        numbers.resize(row + 1, None);
    }
    let is_new = numbers[row].is_none();
    let number = *numbers[row].get_or_insert_with(|| {
        *count += 1;
        *count
    });
    (number, is_new)
}
