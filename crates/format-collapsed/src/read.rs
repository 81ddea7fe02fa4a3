//! Lines → profile. Two lines in a row share most of their frames, so each is compared with the one before it and
//! looked up from the first difference on.

use hashbrown::HashMap;
use profkit_profile::py_spy::PARENT_LABEL;
use profkit_profile::{
    AtOffset, BuildError, Frame, FrameId, Function, Id, Label, LabelSetId, Origin, OriginId, ProfileBuilder,
    ReadError, ReadErrorKind, Sample, StackId, StringId,
};

use crate::dialect::{Dialect, Grammar, detect, head, refine};
use crate::escape::{mask, unescape};
use crate::header::Header;
use crate::record::{Kind, Record, Records};
use crate::root::{self, NO_STACK, Roots};
use crate::rows::Rows;
use crate::survey::Survey;
use crate::thread_names::ThreadNames;
use crate::values::Values;
use crate::{INFERRED_LABEL, INTERPRETER_LABEL};

/// How many pieces of a frame with `;` in its name are put together again.
const MAX_PIECES: usize = 16;

/// Reads a text; places in errors are those in the text.
pub(crate) fn read(text: &[u8], forced: Option<Dialect>, into: &mut ProfileBuilder) -> Result<(), ReadError> {
    let header = Header::parse(text);
    let grammar = match (forced, header) {
        (Some(dialect), Some(header)) => Grammar { dialect, ..header.grammar() },
        (Some(dialect), None) => refine(dialect, head(text)),
        (None, Some(header)) => header.grammar(),
        (None, None) => detect(head(text)),
    };
    // The header is a comment of its own.
    let body = if header.is_some() { memchr::memchr(b'\n', text).map_or(text.len(), |at| at + 1) } else { 0 };
    let survey = Survey::of(&text[body..], grammar.dialect);
    into.meta.notes.extend(survey.check(text, body)?);
    into.meta.format = crate::NAME;
    into.meta.dialect = grammar.dialect.name();
    into.meta.estimated = header.is_some_and(|header| header.estimated);
    add_metadata(&survey, grammar, into).at(body)?;
    let values = Values::of(&survey, grammar.dialect, header, into).at(body)?;
    let mut reader = Reader::new(grammar, values, into);
    // What profkit wrote says which threads are the same.
    reader.names_threads = header.is_none();
    for record in Records::new(&text[body..], grammar.dialect) {
        reader.add(&record).map_err(|error| ReadErrorKind::Build(error).at(record.offset + body))?;
    }
    reader.finish().at(text.len())
}

fn add_metadata(survey: &Survey<'_>, grammar: Grammar, into: &mut ProfileBuilder) -> Result<(), BuildError> {
    for comment in &survey.comments {
        let comment = into.string(&crate::comment::read(grammar, comment))?;
        into.meta.comments.push(comment);
    }
    let metadata = &survey.metadata;
    if let Some(version) = metadata.version {
        into.meta.producer = format!("austin {}", String::from_utf8_lossy(version));
    }
    into.meta.duration_ns = metadata.duration.and_then(|duration| duration.checked_mul(1_000));
    if let Some(interval) = metadata.interval.and_then(|interval| interval.checked_mul(1_000)) {
        into.meta.period = interval;
        let name: &[u8] = if metadata.mode == Some(b"cpu") { b"cpu" } else { b"wall" };
        into.meta.period_type = Some((into.string(name)?, into.string(b"nanoseconds")?));
    }
    Ok(())
}

/// What a line belongs to beside its stack: the number of its origin, labels, and how many of its frames were made up.
type Group = (u32, LabelSetId, u32);

/// A frame of the line before.
struct Step {
    /// Where it ends in the stack's text.
    end: usize,
    stack: StackId,
    /// How many frames from the root on were made up.
    inferred: u32,
}

struct Reader<'a, 'b> {
    into: &'b mut ProfileBuilder,
    grammar: Grammar,
    values: Values,
    frames: HashMap<&'a [u8], (FrameId, bool), foldhash::fast::RandomState>,
    roots: HashMap<&'a [u8], (u32, LabelSetId), foldhash::fast::RandomState>,
    /// As the roots have them; two may be the same.
    origins: Vec<Origin>,
    /// Whether threads without a name get the one that another line has.
    names_threads: bool,
    groups: HashMap<Group, u32, foldhash::fast::RandomState>,
    group_list: Vec<Group>,
    rows: Rows,
    /// The line before: its stack as far as another may share it, the frames, what the roots say.
    last: &'a [u8],
    path: Vec<Step>,
    origin: (u32, LabelSetId),
    last_group: Option<(Group, u32)>,
}

impl<'a, 'b> Reader<'a, 'b> {
    fn new(grammar: Grammar, values: Values, into: &'b mut ProfileBuilder) -> Self {
        let rows = Rows::new(values.columns());
        Self {
            into,
            grammar,
            values,
            frames: HashMap::default(),
            roots: HashMap::default(),
            origins: vec![Origin::UNKNOWN],
            names_threads: true,
            groups: HashMap::default(),
            group_list: Vec::new(),
            rows,
            last: b"",
            path: Vec::new(),
            origin: (0, LabelSetId::EMPTY),
            last_group: None,
        }
    }

    #[inline]
    fn add(&mut self, record: &Record<'a>) -> Result<(), BuildError> {
        let Kind::Stack { end, value } = record.kind else { return Ok(()) };
        let (end, values) = self.values.split(&record.text[..end], value)?;
        self.follow(record.text[..end].trim_ascii_start())?;
        let (stack, inferred) = match self.path.last() {
            Some(step) => (Some(step.stack.index()), step.inferred),
            None => (None, 0),
        };
        let group = self.group((self.origin.0, self.origin.1, inferred));
        self.rows.add((stack, group), &values).map_err(|_| BuildError::Overflow)?;
        Ok(())
    }

    /// Makes `path` that of `text`.
    fn follow(&mut self, text: &'a [u8]) -> Result<(), BuildError> {
        let text = if text == NO_STACK { &[] } else { text };
        let shared = common_prefix(self.last, text);
        self.last = text;
        let ends_frame =
            |end: usize| end < shared || (end == shared && text.get(end).is_none_or(|&byte| byte == b';'));
        while self.path.last().is_some_and(|step| !ends_frame(step.end)) {
            self.path.pop();
        }
        // Without a frame in common, the roots may differ.
        let mut at = match self.path.last() {
            Some(step) => step.end + 1,
            None => self.read_roots(text)?,
        };
        while at < text.len() {
            let mut end = memchr::memchr(b';', &text[at..]).map_or(text.len(), |length| at + length);
            // An empty piece at either end is no frame: py-spy 0.1 ended each frame with a semicolon, and
            // stackcollapse-perf.pl begins with one where it missed the command.
            if end == at && (self.path.is_empty() || end == text.len()) {
                at = end + 1;
                continue;
            }
            let (frame, inferred) = match self.frames.get(&text[at..end]) {
                Some(&found) => found,
                None => match self.frame_end(text, at, end) {
                    Some(whole) => {
                        end = whole;
                        self.known_frame(&text[at..end])?
                    }
                    None => {
                        // Another line may have the rest of it.
                        self.last = &text[..at.min(self.last.len())];
                        self.frame(&text[at..end])?
                    }
                },
            };
            let last = self.path.last();
            let depth = u32::try_from(self.path.len()).unwrap_or(u32::MAX);
            let above = last.map_or(0, |step| step.inferred);
            let inferred = if inferred && above == depth { depth.saturating_add(1) } else { above };
            let stack = self.into.stack(last.map(|step| step.stack), frame)?;
            self.path.push(Step { end, stack, inferred });
            at = end + 1;
        }
        Ok(())
    }

    /// Where the frame at `at` ends, of which the first piece ends at `first`; `None` if it never does.
    fn frame_end(&self, text: &[u8], at: usize, first: usize) -> Option<usize> {
        let mut end = first;
        for _ in 0..MAX_PIECES {
            let piece = &text[at..end];
            let piece = if self.grammar.escaped { mask(piece) } else { piece.into() };
            if crate::frame::is_complete(self.grammar, &piece) {
                return Some(end);
            }
            if end == text.len() {
                break;
            }
            end = memchr::memchr(b';', &text[end + 1..]).map_or(text.len(), |length| end + 1 + length);
        }
        None
    }

    fn known_frame(&mut self, text: &'a [u8]) -> Result<(FrameId, bool), BuildError> {
        if let Some(&found) = self.frames.get(text) {
            return Ok(found);
        }
        let frame = self.frame(text)?;
        self.frames.insert(text, frame);
        Ok(frame)
    }

    fn frame(&mut self, text: &[u8]) -> Result<(FrameId, bool), BuildError> {
        let parts = match self.grammar.escaped {
            true => crate::frame::parse(self.grammar, &mask(text)),
            false => crate::frame::parse(self.grammar, text),
        };
        let (name, file) = (self.string(&text[parts.name])?, self.string(&text[parts.file])?);
        let function = self.into.function(Function { name, file, ..Function::EMPTY })?;
        let frame = self.into.frame(Frame { line: parts.line, flags: parts.flags, ..Frame::of(function) })?;
        Ok((frame, parts.inferred))
    }

    fn string(&mut self, text: &[u8]) -> Result<StringId, BuildError> {
        if self.grammar.escaped { self.into.string(&unescape(text)) } else { self.into.string(text) }
    }

    /// Reads the roots of a stack; where its frames begin.
    fn read_roots(&mut self, text: &'a [u8]) -> Result<usize, BuildError> {
        let roots = match self.grammar.escaped {
            true => root::parse(self.grammar, &mask(text)),
            false => root::parse(self.grammar, text),
        };
        let begin = roots.end;
        let raw = &text[..begin.min(text.len())];
        self.origin = match self.roots.get(raw) {
            Some(&found) => found,
            None => {
                let origin = self.origin(text, &roots)?;
                self.roots.insert(raw, origin);
                origin
            }
        };
        Ok(begin)
    }

    fn origin(&mut self, text: &[u8], roots: &Roots) -> Result<(u32, LabelSetId), BuildError> {
        let number = u32::try_from(self.origins.len()).map_err(|_| BuildError::Overflow)?;
        let origin = Origin {
            host: self.string(&text[roots.host.clone()])?,
            pid: roots.pid,
            process: self.string(&text[roots.process.clone()])?,
            tid: roots.tid,
            thread: self.string(&text[roots.thread.clone()])?,
            file: self.string(&text[roots.file.clone()])?,
        };
        let mut labels = Vec::new();
        for parent in &roots.parents {
            let key = self.into.string(PARENT_LABEL)?;
            labels.push(Label::text(key, self.string(&text[parent.clone()])?));
        }
        if roots.interpreter != 0 {
            let key = self.into.string(INTERPRETER_LABEL)?;
            labels.push(Label::number(key, roots.interpreter, StringId::EMPTY));
        }
        self.origins.push(origin);
        Ok((number, self.into.labels(&labels)?))
    }

    #[inline]
    fn group(&mut self, group: Group) -> u32 {
        if let Some((last, number)) = self.last_group
            && last == group
        {
            return number;
        }
        let next = u32::try_from(self.group_list.len()).unwrap_or(u32::MAX);
        let list = &mut self.group_list;
        let number = *self.groups.entry(group).or_insert_with(|| {
            list.push(group);
            next
        });
        self.last_group = Some((group, number));
        number
    }

    /// The origins of the lines. A thread that got its name late has it from its first line on.
    fn origin_ids(&mut self) -> Result<Vec<OriginId>, BuildError> {
        let is_named = |origin: &&Origin| origin.tid.is_some() && !origin.thread.is_empty();
        let without_name = |origin: Origin| Origin { thread: StringId::EMPTY, ..origin };
        let named = self.origins.iter().filter(|origin| self.names_threads && is_named(origin));
        let names = ThreadNames::of(named.map(|&origin| (without_name(origin), origin.thread)));
        let mut ids = Vec::with_capacity(self.origins.len());
        for &origin in &self.origins {
            let name = names.get(&origin).unwrap_or(origin.thread);
            ids.push(self.into.origin(Origin { thread: name, ..origin })?);
        }
        Ok(ids)
    }

    /// Moves the rows into the profile.
    fn finish(mut self) -> Result<(), BuildError> {
        let origins = self.origin_ids()?;
        let mut numbers: HashMap<_, u32, foldhash::fast::RandomState> = HashMap::default();
        let mut groups = Vec::with_capacity(self.group_list.len());
        let mut new_numbers = Vec::with_capacity(self.group_list.len());
        for &(origin, set, inferred) in &self.group_list {
            let group = (origins[origin as usize], set, inferred);
            let next = u32::try_from(groups.len()).unwrap_or(u32::MAX);
            new_numbers.push(*numbers.entry(group).or_insert_with(|| {
                groups.push(group);
                next
            }));
        }
        if groups.len() < self.group_list.len() {
            self.rows = self.rows.regrouped(&new_numbers).map_err(|_| BuildError::Overflow)?;
        }
        self.values.declare(self.rows.values_mut(), self.into)?;
        let mut labels = Vec::with_capacity(groups.len());
        for &(_, set, inferred) in &groups {
            labels.push(with_inferred(self.into, set, inferred)?);
        }
        for ((stack, group), values) in self.rows.iter() {
            let stack = stack.and_then(StackId::from_index);
            let (origin, ..) = groups[group as usize];
            self.into.sample(Sample { stack, origin, labels: labels[group as usize] }, values)?;
        }
        Ok(())
    }
}

/// The labels with the number of frames that were made up.
fn with_inferred(
    into: &mut ProfileBuilder,
    set: LabelSetId,
    inferred: u32,
) -> Result<LabelSetId, BuildError> {
    if inferred == 0 {
        return Ok(set);
    }
    let mut labels = into.label_set(set).to_vec();
    labels.push(Label::number(into.string(INFERRED_LABEL)?, i64::from(inferred), StringId::EMPTY));
    into.labels(&labels)
}

/// How many bytes two texts have in common at their begin.
#[inline]
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    const WORD: usize = size_of::<u64>();
    let words = a.chunks_exact(WORD).zip(b.chunks_exact(WORD)).take_while(|(a, b)| a == b).count() * WORD;
    words + a[words..].iter().zip(&b[words..]).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_prefix_is_found_to_the_byte() {
        let text = b"0123456789abcdefghij";
        for length in 0..text.len() {
            let mut other = text.to_vec();
            other[length] = b'!';
            assert_eq!(common_prefix(text, &other), length);
            assert_eq!(common_prefix(text, &text[..length]), length);
        }
    }
}
