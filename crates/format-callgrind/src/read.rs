//! From text to costs, line by line.

mod sums;

use memchr::memchr;
use profkit_profile::{BuildError, OriginId, ProfileBuilder, ReadError, ReadErrorKind, count};

use crate::costs::{Costs, Place};
use crate::dialect::Dialect;
use crate::finish;
use crate::header::{Header, Position, key_and_value};
use crate::names::{Name, Text, UNKNOWN};
use crate::number::{cost, number, position, skip_blanks};
use crate::resolve::{Resolver, Spec};

pub(crate) fn read(bytes: &[u8], into: &mut ProfileBuilder) -> Result<(), ReadError> {
    let mut reader = Reader::new(bytes, into);
    let mut at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    while at < bytes.len() {
        let line = line_at(bytes, at);
        let next = at + line.len() + 1;
        at = match reader.line(line, at)? {
            Taken::Yes => next,
            Taken::No => reader.continued_name(line, at)?,
        };
    }
    reader.end_part()?;
    if reader.header.events.is_none() && !reader.had_part {
        return Err(ReadError::truncated("the header: no line begins with `events:`", bytes.len()));
    }
    if !reader.names.undefined.is_empty() {
        let unnamed = reader.names.undefined.len();
        reader
            .into
            .meta
            .notes
            .push(format!("{} not named in the file, only numbered", count(unnamed, "function")));
    }
    finish::finish(reader.costs, &reader.names.texts, &reader.header, into, bytes.len())?;
    Ok(())
}

/// A line without its end.
fn line_at(bytes: &[u8], at: usize) -> &[u8] {
    let rest = bytes.get(at..).unwrap_or_default();
    &rest[..memchr(b'\n', rest).unwrap_or(rest.len())]
}

/// Whether a line was one of the format.
enum Taken {
    Yes,
    No,
}

/// What the next cost line belongs to.
enum Pending {
    Own,
    Call { count: i64, at: usize },
    Jump,
}

/// Every row has a value for each event, so many events in a file of short lines would make much out of little. Callgrind
/// itself has at most 17 events and 4 bytes for a line.
const SUMS_PER_BYTE: usize = 8;

struct Reader<'a, 'b> {
    bytes: &'a [u8],
    into: &'b mut ProfileBuilder,
    header: Header<'a>,
    names: Resolver<'a>,
    costs: Costs,
    /// Whether the part has costs already, and whether there was a part before it.
    in_body: bool,
    had_part: bool,
    origin: Option<OriginId>,
    object: Text,
    /// The file of functions, as `fl=` gives it, that of the current one, and that of costs, which `fi=` and `fe=` change.
    function_file: Text,
    own_file: Text,
    file: Text,
    name: Text,
    /// The row of the current function, once it has a cost line.
    row: Option<u32>,
    called_file: Option<Text>,
    called_object: Option<Text>,
    called: Option<Text>,
    pending: Pending,
    /// The positions of the last cost line, and of this one.
    last: [u64; 3],
    /// Whether the next cost line is the first one after `fn=`.
    is_first: bool,
    part_sums: Vec<i128>,
    values: Vec<i64>,
    /// How many more sums the file has bytes for.
    sums_left: usize,
    /// The name that the last line gave, and where it begins.
    last_name: Option<(Spec, usize)>,
    marks: Marks,
}

/// What profkit's comments say of the next call.
#[derive(Clone, Copy, Default)]
struct Marks {
    count: Option<i64>,
    unknown_cost: bool,
}

/// The comments by which profkit's files say what a call line cannot: `callgrind_annotate` 3.19 takes the cost of
/// `calls=0` for the caller's own, so a count below 1 is written as 1.
pub(crate) const COUNT_MARK: &[u8] = b"#calls=";
pub(crate) const COST_MARK: &[u8] = b"#cost=?";

impl<'a, 'b> Reader<'a, 'b> {
    fn new(bytes: &'a [u8], into: &'b mut ProfileBuilder) -> Self {
        Self {
            bytes,
            into,
            header: Header::new(),
            names: Resolver::new(),
            costs: Costs::new(),
            in_body: false,
            had_part: false,
            origin: None,
            object: UNKNOWN,
            function_file: UNKNOWN,
            own_file: UNKNOWN,
            file: UNKNOWN,
            name: UNKNOWN,
            row: None,
            called_file: None,
            called_object: None,
            called: None,
            pending: Pending::Own,
            last: [0; 3],
            is_first: false,
            part_sums: Vec::new(),
            values: Vec::new(),
            sums_left: bytes.len().saturating_mul(SUMS_PER_BYTE).saturating_add(1 << 16),
            last_name: None,
            marks: Marks::default(),
        }
    }

    fn line(&mut self, line: &'a [u8], at: usize) -> Result<Taken, ReadError> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (at, line) = match line.first() {
            Some(b' ' | b'\t') => {
                let rest = skip_blanks(line);
                (at + line.len() - rest.len(), rest)
            }
            _ => (at, line),
        };
        match line.first() {
            None => {}
            Some(b'0'..=b'9' | b'+' | b'-' | b'*') => {
                self.last_name = None;
                self.cost_line(line, at)?;
            }
            Some(b'#') => self.comment(line),
            _ => return self.word_line(line, at),
        }
        Ok(Taken::Yes)
    }

    fn word_line(&mut self, line: &'a [u8], at: usize) -> Result<Taken, ReadError> {
        if !matches!(self.pending, Pending::Own) {
            return Err(ReadError::malformed(
                "a line with positions must follow `calls=`, `jump=` and `jcnd=`",
                at,
            ));
        }
        let Some(end) = line.iter().position(|byte| matches!(byte, b'=' | b':' | b' ')) else {
            return Ok(Taken::No);
        };
        let (word, value) = (&line[..end], &line[end + 1..]);
        if line[end] != b'=' {
            return self.header_line(line, at);
        }
        let spec = match word {
            b"fn" => Spec::Function,
            b"cfn" => Spec::CalledFunction,
            b"cfi" | b"cfl" | b"cfe" => Spec::CalledFile,
            b"cob" => Spec::CalledObject,
            b"fi" | b"fe" => Spec::InlineFile,
            b"fl" => Spec::File,
            b"ob" => Spec::Object,
            b"jfi" | b"jfl" => Spec::OtherFile,
            b"jfn" | b"frfn" | b"cfrfn" => Spec::OtherFunction,
            b"calls" | b"rcalls" => {
                self.last_name = None;
                self.calls_line(value, at + end + 1)?;
                return Ok(Taken::Yes);
            }
            b"jump" | b"jcnd" => {
                self.pending = Pending::Jump;
                return Ok(Taken::Yes);
            }
            // callgrind's options for its own debugging: recursion levels, basic blocks and their lines, mappings.
            b"rec" | b"crec" | b"bb" | b"ln" | b"mp" => return Ok(Taken::Yes),
            _ => return Ok(Taken::No),
        };
        let value_at = at + line.len() - skip_blanks(value).len();
        self.name_line(spec, skip_blanks(value), value_at)?;
        self.last_name = Some((spec, value_at));
        Ok(Taken::Yes)
    }

    fn name_line(&mut self, spec: Spec, value: &'a [u8], at: usize) -> Result<(), ReadError> {
        // speedscope's test of a reset: `cfl=` without a name.
        if value.is_empty() && spec == Spec::CalledFile {
            self.called_file = None;
            return Ok(());
        }
        let name = Name::parse(value, at)?;
        let text = self.names.resolve(spec, name, value, self.header.is_valgrinds());
        match spec {
            Spec::Object => self.object = text,
            Spec::File => (self.function_file, self.own_file, self.file) = (text, text, text),
            Spec::InlineFile => self.file = if text == self.function_file { self.own_file } else { text },
            Spec::Function => {
                // Costs of inlined code end with the function: valgrind's `dump.c` names a file anew only where it
                // differs from the last `fl=`, and KCachegrind reads it so. callgrind_annotate does not.
                self.own_file = self.file_of(text, self.function_file, self.object);
                self.file = self.own_file;
                self.name = text;
                self.row = None;
                self.is_first = true;
            }
            Spec::CalledFile => self.called_file = Some(text),
            Spec::CalledObject => self.called_object = Some(text),
            Spec::CalledFunction => self.called = Some(text),
            Spec::OtherFile | Spec::OtherFunction => {}
        }
        Ok(())
    }

    fn header_line(&mut self, line: &'a [u8], at: usize) -> Result<Taken, ReadError> {
        let Some((key, value)) = key_and_value(line) else { return Ok(Taken::No) };
        if !Header::is_known(key) && self.header.events.is_some() {
            return Ok(Taken::No);
        }
        self.last_name = None;
        if self.in_body && self.header.begins_part(key) {
            self.end_part()?;
        }
        self.origin = None;
        self.row = None;
        self.header.line(key, value, at + line.len() - value.len(), self.into)?;
        if key == b"events" {
            let count = self.header.events.as_ref().map_or(0, |events| events.types.len());
            self.part_sums = vec![0; count];
        }
        Ok(Taken::Yes)
    }

    fn end_part(&mut self) -> Result<(), ReadError> {
        if let Pending::Call { at, .. } = self.pending {
            return Err(ReadError::truncated("a call", at));
        }
        if let Some(events) = &self.header.events {
            self.had_part = true;
            finish::compare_sums(&self.header, events, &self.part_sums, self.into);
        }
        self.header.begin_part();
        self.part_sums.fill(0);
        self.in_body = false;
        Ok(())
    }

    fn comment(&mut self, line: &[u8]) {
        if self.header.dialect != Dialect::Profkit {
            return;
        }
        if let Some(count) = line.strip_prefix(COUNT_MARK) {
            let count = std::str::from_utf8(count).ok().and_then(|count| count.parse().ok());
            self.marks.count = Some(count.unwrap_or(0));
        } else if line == COST_MARK {
            self.marks.unknown_cost = true;
        }
    }

    fn calls_line(&mut self, value: &'a [u8], at: usize) -> Result<(), ReadError> {
        let value = skip_blanks(value);
        let (mut rest, count) = number(value).map_err(|error| bad_number(&error, value, at))?;
        let count = i64::try_from(count).map_err(|_| too_large(at))?;
        self.pending = Pending::Call { count, at };
        // Where the callee begins. Writers put anything here or nothing; what is no position is left alone.
        let mut line = 0;
        for (&kind, &last) in self.header.positions.iter().zip(&self.last) {
            let Ok((after, value)) = position(skip_blanks(rest), last) else { return Ok(()) };
            rest = after;
            if kind == Position::Line {
                line = value;
            }
        }
        if line > 0
            && self.header.tells_first_line(count)
            && let Some(callee) = self.callee()
        {
            let target = &mut self.costs.targets[callee as usize];
            *target = if *target == 0 { line } else { line.min(*target) };
        }
        Ok(())
    }

    fn cost_line(&mut self, line: &'a [u8], at: usize) -> Result<(), ReadError> {
        let place_of = |rest: &[u8]| at + line.len() - rest.len();
        let mut place = Place { file: self.file, object: self.object, line: 0, address: 0 };
        let mut rest = line;
        for (kind, last) in self.header.positions.iter().zip(&mut self.last) {
            let input = skip_blanks(rest);
            let (after, value) =
                position(input, *last).map_err(|error| bad_number(&error, input, place_of(input)))?;
            *last = value;
            match kind {
                Position::Line => place.line = value,
                Position::Address => place.address = value,
                Position::Block => {}
            }
            rest = after;
        }
        let Some(events) = &self.header.events else {
            return Err(ReadError::malformed("costs before any `events:` line", at));
        };
        self.values.clear();
        loop {
            let input = skip_blanks(rest);
            if input.is_empty() {
                break;
            }
            if input.len() == rest.len() {
                return Err(ReadError::malformed("a number is expected", place_of(rest)));
            }
            let Some(&factor) = events.factors.get(self.values.len()) else {
                return Err(ReadError::malformed("more costs than events", place_of(input)));
            };
            let (after, value) = cost(input).map_err(|error| bad_number(&error, input, place_of(input)))?;
            self.values.push(value.checked_mul(factor).ok_or_else(|| too_large(place_of(input)))?);
            rest = after;
        }
        self.in_body = true;
        let types = self.into.sample_types().len();
        self.sums_left = self.sums_left.checked_sub(types).ok_or_else(|| {
            let problem = format!("{types} events are too many for so short lines");
            ReadErrorKind::Unsupported(problem.into()).at(at)
        })?;
        match std::mem::replace(&mut self.pending, Pending::Own) {
            Pending::Own => self.own_cost(place).map_err(|_| overflow(at)),
            Pending::Call { count, at: call_at } => self.call_cost(place, count, call_at, at),
            Pending::Jump => Ok(()),
        }
    }

    /// A line that is none of the format. yappi writes names with their newlines, so there it may go on the name (or
    /// the command) of the line before; anywhere else it is an error. Returns where the reader goes on.
    fn continued_name(&mut self, line: &'a [u8], at: usize) -> Result<usize, ReadError> {
        if self.header.dialect == Dialect::Yappi && self.header.events.is_none() {
            return Ok(at + line.len() + 1);
        }
        let Some((spec, start)) = self.last_name.filter(|_| self.header.dialect == Dialect::Yappi) else {
            let shown = String::from_utf8_lossy(&line[..line.len().min(40)]).into_owned();
            return Err(ReadError::malformed(format!("a line that says nothing known: {shown:?}"), at));
        };
        let mut end = at + line.len();
        while end < self.bytes.len() {
            let next = line_at(self.bytes, end + 1);
            if next.is_empty() || is_of_the_format(next) {
                break;
            }
            end += 1 + next.len();
        }
        let name = self.bytes.get(start..end.min(self.bytes.len())).unwrap_or_default();
        self.name_line(spec, name, start)?;
        self.last_name = None;
        Ok(end + 1)
    }
}

/// Whether a line looks like one that this reader takes.
fn is_of_the_format(line: &[u8]) -> bool {
    const SPECS: [&[u8]; 11] =
        [b"fn", b"cfn", b"cfi", b"cfl", b"cob", b"fi", b"fe", b"fl", b"ob", b"calls", b"jump"];
    let word = line.split(|byte| matches!(byte, b'=' | b':')).next().unwrap_or_default();
    let is_spec = SPECS.contains(&word) && line.get(word.len()) == Some(&b'=');
    let is_header = Header::is_known(word) && line.get(word.len()) == Some(&b':');
    is_spec
        || is_header
        || line.first().is_some_and(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'*' | b'#'))
}

fn overflow(at: usize) -> ReadError {
    ReadErrorKind::Build(BuildError::Overflow).at(at)
}

fn too_large(at: usize) -> ReadError {
    ReadErrorKind::Build(BuildError::ValueTooLarge).at(at)
}

fn bad_number(error: &nom::Err<nom::error::Error<&[u8]>>, input: &[u8], at: usize) -> ReadError {
    match error {
        nom::Err::Failure(_) => ReadError::malformed("a number that does not fit, or a position below 0", at),
        _ if input.is_empty() => ReadError::truncated("a line of costs", at),
        _ => ReadError::malformed("a number is expected", at),
    }
}
