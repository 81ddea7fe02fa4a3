//! Profile → lines. All texts are made and checked first (`line_text.rs`); a line is then a walk to the root that
//! ends where it meets the line before.

use std::io::Write;

use profkit_profile::{Id, Profile, Shape, Sniff, StackId, WriteError, WriteOptions, Written};

use crate::dialect::{Dialect, Grammar, HEAD, detect, head};
use crate::encoding::has_mark;
use crate::frame::INFERRED;
use crate::header::Header;
use crate::line_text::{LineTexts, Used};
use crate::loss::Losses;
use crate::measure::{Measure, Remainders};
use crate::record::split_first_count;
use crate::root::NO_STACK;
use crate::rows::{Key, Rows};
use crate::sniff::sniff;

/// Writes a profile.
pub(crate) fn write(
    profile: &Profile,
    to: &mut dyn Write,
    options: &WriteOptions<'_>,
    dialect: Dialect,
) -> Result<Written, WriteError> {
    if profile.shape() != Shape::Stacks {
        return Err(WriteError::NeedsStacks);
    }
    let measure = Measure::of(profile, options, dialect)?;
    let used = Used::by(profile, &measure);
    let inferred = options.mark_inferred && used.inferred;
    let plain = Grammar { inferred, ..Grammar::of(dialect) };
    // Stand-ins only where something cannot be written without.
    let mut texts = LineTexts::of(profile, plain, &measure, &used)
        .or_else(|| LineTexts::of(profile, Grammar { escaped: true, ..plain }, &measure, &used))
        .ok_or(WriteError::Unsupported("more threads than a file can tell apart".into()))?;
    let mut losses = Losses::default();
    losses.types(profile, &measure);
    losses.whole(profile, dialect, used.inferred && !inferred);
    losses.frames(profile, dialect, used.frames());
    losses.roots(texts.loss);
    losses.stand_ins(texts.stand_ins);
    let rows = sum_rows(profile, &measure, &mut texts).ok_or_else(overflow)?;
    write_rows(profile, &measure, &texts, &rows, to, &mut losses)?;
    Ok(Written { losses: losses.phrases() })
}

fn overflow() -> WriteError {
    WriteError::Unsupported("a sum of values does not fit 64 bits".into())
}

/// The values of every line; `None` where a sum does not fit.
fn sum_rows(profile: &Profile, measure: &Measure, texts: &mut LineTexts) -> Option<Rows> {
    let columns: Vec<&[i64]> =
        measure.columns.iter().map(|&column| profile.samples().values(column)).collect();
    let mut rows = Rows::new(columns.len());
    let mut values = vec![0; columns.len()];
    for (index, sample) in measure.samples(profile) {
        for (value, column) in values.iter_mut().zip(&columns) {
            *value = column[index];
        }
        rows.add(texts.key(profile, sample)?, &values).ok()?;
    }
    Some(rows)
}

fn write_rows(
    profile: &Profile,
    measure: &Measure,
    texts: &LineTexts,
    rows: &Rows,
    to: &mut dyn Write,
    losses: &mut Losses,
) -> Result<(), WriteError> {
    let header = Header {
        escaped: texts.grammar.escaped,
        inferred: texts.grammar.inferred,
        estimated: profile.meta().estimated,
        differential: measure.is_differential(),
        ..Header::of(texts.grammar.dialect)
    };
    let said = header.escaped || header.estimated || header.inferred || texts.has_half_named_threads();
    let mut lines = Lines::new(header, said || looks_differential(profile, measure, texts, rows), texts, to);
    let mut path = Path::new(profile, texts);
    let mut remainders = Remainders::default();
    let (mut rounded, mut negative) = (0, 0);
    for ((stack, group), values) in rows.iter() {
        let (roots, inferred) = texts.group(group);
        let frames = path.follow(stack.and_then(StackId::from_index), inferred);
        rounded += usize::from(measure.rounds(values));
        negative += values.iter().filter(|&&value| value < 0).count();
        let mut result = Ok(());
        let add = |numbers: &[u8]| {
            if result.is_ok() {
                result = lines.add(roots, frames, numbers);
            }
        };
        measure.lines(values, &mut remainders, add).ok_or_else(overflow)?;
        result?;
    }
    losses.values(rounded, negative);
    lines.finish()
}

/// Whether every stack ends in what looks like the first of two counts.
fn looks_differential(profile: &Profile, measure: &Measure, texts: &LineTexts, rows: &Rows) -> bool {
    let end = |(stack, group): Key| match stack.and_then(StackId::from_index) {
        Some(stack) => texts.frame(profile.stacks()[stack].frame),
        None => texts.group(group).0,
    };
    // One line that ends in a single number is enough to tell.
    !measure.is_differential() && rows.iter().all(|(key, _)| split_first_count(end(key)).is_some())
}

/// The text of a stack, put together anew only where it differs from the one before.
struct Path<'a> {
    profile: &'a Profile,
    texts: &'a LineTexts,
    text: Vec<u8>,
    /// The stacks from the root on, and where each ends in the text.
    steps: Vec<(StackId, usize)>,
    inferred: u32,
    missing: Vec<StackId>,
}

impl<'a> Path<'a> {
    fn new(profile: &'a Profile, texts: &'a LineTexts) -> Self {
        Self { profile, texts, text: Vec::new(), steps: Vec::new(), inferred: 0, missing: Vec::new() }
    }

    /// The text of `leaf`, in which the `inferred` outermost frames are marked.
    fn follow(&mut self, leaf: Option<StackId>, inferred: u32) -> &[u8] {
        if inferred != self.inferred {
            self.steps.clear();
            self.inferred = inferred;
        }
        let mut next = leaf;
        self.missing.clear();
        // Parents have smaller ids than their children, so both paths are sorted.
        loop {
            while self.steps.last().is_some_and(|&(step, _)| next.is_none_or(|next| step > next)) {
                self.steps.pop();
            }
            let Some(stack) = next else { break };
            if self.steps.last().is_some_and(|&(step, _)| step == stack) {
                break;
            }
            self.missing.push(stack);
            next = self.profile.stacks()[stack].parent.map(|parent| self.texts.first(parent));
        }
        self.text.truncate(self.steps.last().map_or(0, |&(_, end)| end));
        while let Some(stack) = self.missing.pop() {
            if !self.steps.is_empty() {
                self.text.push(b';');
            }
            self.text.extend_from_slice(self.texts.frame(self.profile.stacks()[stack].frame));
            if self.steps.len() < inferred as usize {
                self.text.extend_from_slice(INFERRED);
            }
            self.steps.push((stack, self.text.len()));
        }
        &self.text
    }
}

/// The output, which begins with a header only if it would be read as something else without.
struct Lines<'a> {
    to: &'a mut dyn Write,
    texts: &'a LineTexts,
    buffer: Vec<u8>,
    header: Header,
    /// Whether the header is needed whatever the lines look like.
    needed: bool,
    any: bool,
    begun: bool,
}

/// How many bytes are written at once; the first time these must be all that is looked at to recognise a file.
const BLOCK: usize = 2 * HEAD;

impl<'a> Lines<'a> {
    fn new(header: Header, needed: bool, texts: &'a LineTexts, to: &'a mut dyn Write) -> Self {
        let mut buffer = Vec::with_capacity(BLOCK + BLOCK / 4);
        for comment in &texts.comments {
            buffer.extend_from_slice(comment);
            buffer.push(b'\n');
        }
        Self { to, texts, buffer, header, needed, any: false, begun: false }
    }

    #[inline]
    fn add(&mut self, roots: &[u8], frames: &[u8], numbers: &[u8]) -> Result<(), WriteError> {
        self.any = true;
        self.buffer.extend_from_slice(roots);
        if !roots.is_empty() && !frames.is_empty() {
            self.buffer.push(b';');
        }
        self.buffer.extend_from_slice(if roots.is_empty() && frames.is_empty() { NO_STACK } else { frames });
        self.buffer.push(b' ');
        self.buffer.extend_from_slice(numbers);
        self.buffer.push(b'\n');
        if self.buffer.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        if !self.begun {
            self.begun = true;
            if self.needed || !self.any || !self.is_recognised() {
                let mut line = Vec::new();
                self.header.push(&mut line);
                self.to.write_all(&line)?;
            }
        }
        self.to.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Whether the reader would find the right grammar by itself, or one that makes no difference.
    fn is_recognised(&self) -> bool {
        !has_mark(&self.buffer)
            && matches!(sniff(&self.buffer), Sniff::Yes | Sniff::Maybe)
            && self.texts.mean_the_same_in(detect(head(&self.buffer)))
    }

    fn finish(mut self) -> Result<(), WriteError> {
        self.flush()
    }
}
