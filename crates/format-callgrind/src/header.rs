//! The `key: value` lines in front of a part. Nearly all of them are optional.

use foldhash::{HashMap, HashMapExt};
use profkit_profile::{BuildError, Origin, OriginId, ProfileBuilder, ReadError, ReadErrorKind};

use crate::dialect::Dialect;
use crate::event::Event;
use crate::number::skip_blanks;

/// What one of the numbers in front of a cost line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Position {
    /// The address of an instruction.
    Address,
    /// The address of its basic block (callgrind's `--dump-bb=yes`), which is not kept.
    Block,
    /// The line.
    Line,
}

/// A file's header as far as it has been read. What a part does not say again holds on from the part before.
pub(crate) struct Header<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) creator: Option<&'a [u8]>,
    pub(crate) producer: Option<&'a [u8]>,
    pub(crate) positions: Vec<Position>,
    /// The events; none before the first `events:` line.
    pub(crate) events: Option<Events<'a>>,
    pub(crate) part: Option<&'a [u8]>,
    /// What `summary:` and `totals:` say of this part.
    pub(crate) sums: Vec<Sums<'a>>,
    pub(crate) comments: Vec<&'a [u8]>,
    long_names: HashMap<&'a [u8], &'a [u8]>,
    pid: Option<i64>,
    thread: Option<i64>,
    pub(crate) command: &'a [u8],
    thread_name: &'a [u8],
    host: &'a [u8],
    file: &'a [u8],
}

/// The `events:` line of a part.
pub(crate) struct Events<'a> {
    pub(crate) words: Vec<&'a [u8]>,
    /// The sample type of each; `None` for what stands for no event.
    pub(crate) types: Vec<Option<usize>>,
    /// See [`Event::factor`].
    pub(crate) factors: Vec<i64>,
}

/// A line that gives the costs of a whole part.
pub(crate) struct Sums<'a> {
    pub(crate) key: &'static str,
    pub(crate) costs: &'a [u8],
}

/// The event of profkit's files of profiles without a sample type.
pub(crate) const NO_EVENT: &[u8] = b"nothing";

/// How profkit marks what the format has no key for, in `desc:` lines.
pub(crate) const PRODUCER: &str = "Producer: ";
pub(crate) const THREAD: &str = "Thread: ";
pub(crate) const HOST: &str = "Host: ";
pub(crate) const PROFILE: &str = "Profile: ";

impl<'a> Header<'a> {
    pub(crate) fn new() -> Self {
        Self {
            dialect: Dialect::Plain,
            creator: None,
            producer: None,
            positions: vec![Position::Line],
            events: None,
            part: None,
            sums: Vec::new(),
            comments: Vec::new(),
            long_names: HashMap::new(),
            pid: None,
            thread: None,
            command: b"",
            thread_name: b"",
            host: b"",
            file: b"",
        }
    }

    /// Whether a key begins a new part when it comes after costs: the keys by which KCachegrind does so, those that
    /// begin a file, and `cmd:`, with which a part of profkit begins where the process has no number.
    pub(crate) fn begins_part(&self, key: &[u8]) -> bool {
        let always =
            matches!(key, b"version" | b"creator" | b"pid" | b"part" | b"thread" | b"positions" | b"events");
        always || (key == b"cmd" && self.dialect == Dialect::Profkit)
    }

    /// Whether the key is one that real writers use. An unknown one is not an error before the `events:` line.
    pub(crate) fn is_known(key: &[u8]) -> bool {
        const KNOWN: [&[u8]; 14] = [
            b"version",
            b"creator",
            b"pid",
            b"cmd",
            b"part",
            b"thread",
            b"desc",
            b"positions",
            b"event",
            b"events",
            b"summary",
            b"totals",
            b"arch",
            b"timeframe",
        ];
        KNOWN.contains(&key)
    }

    pub(crate) fn is_valgrinds(&self) -> bool {
        self.creator.is_some_and(|creator| creator.starts_with(b"callgrind"))
    }

    /// Whether the line that so many calls lead to is where the callee begins. Go's pprof and gperftools write the line of a
    /// sample there: Go counts no calls, gperftools `Hits`. Valgrind's calls are 0 where they began in an earlier part.
    pub(crate) fn tells_first_line(&self, calls: i64) -> bool {
        let is_gperftools =
            || self.creator.is_none() && self.events.as_ref().is_some_and(|events| events.words == [b"Hits"]);
        self.is_valgrinds() || (calls > 0 && !is_gperftools())
    }

    /// Forgets what belongs to the part before. Valgrind 3.19 says `pid:` and `cmd:` once for all parts of a process;
    /// parts of profkit are origins that have nothing to do with each other, and what one does not say is unknown.
    pub(crate) fn begin_part(&mut self) {
        self.part = None;
        self.sums.clear();
        if self.dialect == Dialect::Profkit {
            (self.pid, self.thread) = (None, None);
            (self.command, self.thread_name, self.host, self.file) = (b"", b"", b"", b"");
        }
    }

    /// Takes in a line. `at` is the place of the value.
    pub(crate) fn line(
        &mut self,
        key: &'a [u8],
        value: &'a [u8],
        at: usize,
        into: &mut ProfileBuilder,
    ) -> Result<(), ReadError> {
        match key {
            b"version" => return version(value, at),
            b"creator" => {
                // Files that were simply joined: nothing of the first one holds for the next.
                *self = Self { comments: std::mem::take(&mut self.comments), ..Self::new() };
                self.dialect = Dialect::of_creator(value);
                self.creator = Some(value);
            }
            b"pid" => self.pid = integer(value),
            b"thread" => {
                self.thread = integer(value);
                // A thread may have a name in place of a number; the name of another does not hold on.
                self.thread_name = if self.thread.is_none() { value } else { b"" };
            }
            b"part" => self.part = Some(value),
            b"cmd" => self.command = value,
            b"desc" => self.description(value),
            b"positions" => self.positions = positions(value, at)?,
            b"event" => {
                let mut halves = value.splitn(2, |&byte| byte == b':');
                let name = halves.next().unwrap_or_default();
                // A derived event, `Sum = Ir + Dr : …`, has no costs of its own.
                if !name.contains(&b'=') {
                    let long_name = halves.next().unwrap_or_default().trim_ascii();
                    self.long_names.insert(name.trim_ascii(), long_name);
                }
            }
            b"events" => self.events = Some(self.events(value, into)?),
            b"summary" => self.sums.push(Sums { key: "summary", costs: value }),
            b"totals" => self.sums.push(Sums { key: "totals", costs: value }),
            _ => {}
        }
        Ok(())
    }

    fn description(&mut self, value: &'a [u8]) {
        if self.dialect == Dialect::Profkit {
            let own = [(THREAD, &mut self.thread_name), (HOST, &mut self.host), (PROFILE, &mut self.file)];
            for (key, field) in own {
                if let Some(value) = value.strip_prefix(key.as_bytes()) {
                    *field = value;
                    return;
                }
            }
            if let Some(value) = value.strip_prefix(PRODUCER.as_bytes()) {
                self.producer = Some(value);
                return;
            }
        }
        // callgrind describes caches that it did not simulate: `desc: I1 cache: `.
        if !value.is_empty() && !value.ends_with(b":") && !self.comments.contains(&value) {
            self.comments.push(value);
        }
    }

    fn events(&mut self, value: &'a [u8], into: &mut ProfileBuilder) -> Result<Events<'a>, ReadError> {
        let words: Vec<&[u8]> =
            value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
        let is_nanoseconds = |name: &&[u8]| name.eq_ignore_ascii_case(b"nanoseconds");
        if self.creator.is_none()
            && *words == [b"ns"]
            && self.long_names.get(words[0]).is_some_and(is_nanoseconds)
        {
            self.dialect = Dialect::Pyprof2calltree;
        }
        let mut events = Events { words, types: Vec::new(), factors: Vec::new() };
        for &word in &events.words {
            let long_name = self.long_names.get(word).copied();
            let event = Event::parse(word, long_name, self.dialect.event_writer());
            events.factors.push(event.factor);
            if self.dialect == Dialect::Profkit && word == NO_EVENT {
                events.types.push(None);
                continue;
            }
            let row = sample_type(&event, &events.types, into)
                .map_err(|error| ReadErrorKind::Build(error).at(0))?;
            events.types.push(Some(row));
        }
        Ok(events)
    }

    /// The origin of the part.
    pub(crate) fn origin(&self, into: &mut ProfileBuilder) -> Result<OriginId, BuildError> {
        let origin = Origin {
            host: into.string(self.host)?,
            pid: self.pid,
            process: into.string(self.command)?,
            tid: self.thread,
            thread: into.string(self.thread_name)?,
            file: into.string(self.file)?,
        };
        into.origin(origin)
    }
}

/// The sample type of an event; one that the same line has already is another.
fn sample_type(
    event: &Event,
    taken: &[Option<usize>],
    into: &mut ProfileBuilder,
) -> Result<usize, BuildError> {
    let (name, unit) = (into.string(&event.name)?, into.string(&event.unit)?);
    let row = profkit_profile::SampleType { name, unit, decimals: event.decimals };
    let same = into.sample_types().iter().enumerate().filter(|(_, other)| **other == row);
    let free = same.map(|(index, _)| index).find(|&index| !taken.contains(&Some(index)));
    Ok(free.unwrap_or_else(|| into.push_sample_type(row)))
}

fn integer(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok().and_then(|value| value.parse().ok())
}

fn version(value: &[u8], at: usize) -> Result<(), ReadError> {
    let major = value.split(|byte| !byte.is_ascii_digit()).next().unwrap_or_default();
    match major {
        b"" | b"0" | b"1" => Ok(()),
        _ => {
            let problem = format!("callgrind format version {} is not known", String::from_utf8_lossy(value));
            Err(ReadErrorKind::Unsupported(problem.into()).at(at))
        }
    }
}

fn positions(value: &[u8], at: usize) -> Result<Vec<Position>, ReadError> {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let mut positions = Vec::new();
    for word in words {
        let position = match word {
            b"instr" | b"addr" => Position::Address,
            b"bb" => Position::Block,
            b"line" => Position::Line,
            _ => {
                let problem = format!("a position `{}` is not known", String::from_utf8_lossy(word));
                return Err(ReadErrorKind::Unsupported(problem.into()).at(at));
            }
        };
        if positions.contains(&position) {
            return Err(ReadError::malformed("a position is named twice", at));
        }
        positions.push(position);
    }
    Ok(positions)
}

/// A header line's key and value; `None` for what is none. The value is freed of blanks around it.
pub(crate) fn key_and_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = line.iter().position(|byte| !byte.is_ascii_alphabetic())?;
    let (key, rest) = line.split_at(end);
    // `timeframe (BB): …` by early versions of callgrind.
    let rest = rest.strip_prefix(b" (BB)").unwrap_or(rest);
    let value = rest.strip_prefix(b":").filter(|_| !key.is_empty())?;
    Some((key, skip_blanks(value).trim_ascii_end()))
}
