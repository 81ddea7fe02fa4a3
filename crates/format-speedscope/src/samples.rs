//! Sampled profiles: an array of stacks, root first, and one of as many weights.
//!
//! Consecutive samples share most of their stack, and so their text: reading one starts where it first differs from
//! the one before.

use profkit_profile::{AtOffset, BuildError, ReadError, Sample, StackId};

use crate::decimal::Running;
use crate::read::{self, Reader};
use crate::schema::Number;
use crate::source::Source;

/// Reads the samples of a profile, which were taken in `place`; the result is the sum of their weights. `without_roots`:
/// frames that stand for processes and threads are left out.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    samples: &str,
    weights: &str,
    place: Sample,
    without_roots: bool,
) -> Result<i64, ReadError> {
    let source = reader.source;
    let mut texts = SampleTexts::new(source, samples)?;
    let mut last = LastSample { text: "", frames: Vec::new(), without_roots };
    let mut running = Running::new(reader.measure.decimals.into());
    let mut values = vec![0; reader.builder.sample_types().len()];
    let mut total = 0i64;
    source.each(weights, |weight: Number<'_>| {
        let at = source.offset(weight.get());
        let sample = texts.next()?.ok_or_else(|| ReadError::malformed("more weights than samples", at))?;
        let stack = last.read(reader, sample)?;
        let value =
            running.next(read::number(source, weight.get())?).ok_or(BuildError::ValueTooLarge).at(at)?;
        total = total.checked_add(value).ok_or(BuildError::Overflow).at(at)?;
        if let Some(column) = values.get_mut(reader.measure.sample_type) {
            *column = value;
        }
        reader.builder.sample(Sample { stack, ..place }, &values).at(at)
    })?;
    match texts.next()? {
        Some(sample) => Err(ReadError::malformed("more samples than weights", source.offset(sample))),
        None => Ok(total),
    }
}

/// The arrays in an array of arrays. The text is known to be JSON, and the inner arrays hold nothing but numbers (or
/// whoever reads them fails), so the next bracket ends one: this is all of the parsing that a hundred megabytes of
/// stacks need.
pub(crate) struct SampleTexts<'s, 't> {
    source: &'s Source<'s>,
    rest: &'t str,
    /// What stands before the next array.
    before: &'static str,
}

impl<'s, 't> SampleTexts<'s, 't> {
    pub(crate) fn new(source: &'s Source<'s>, samples: &'t str) -> Result<Self, ReadError> {
        let rest = samples.strip_prefix('[');
        let rest =
            rest.ok_or_else(|| ReadError::malformed("samples must be an array", source.offset(samples)))?;
        Ok(Self { source, rest, before: "" })
    }

    pub(crate) fn next(&mut self) -> Result<Option<&'t str>, ReadError> {
        let (space, sample) = self.rest.split_at(self.rest.find('[').unwrap_or(self.rest.len()));
        let end = sample.find(']').map_or(sample.len(), |end| end + 1);
        let last = sample.is_empty();
        if space.trim_ascii() != if last { "]" } else { self.before } {
            let problem = "a sample must be an array of frames";
            return Err(ReadError::malformed(problem, self.source.offset(self.rest)));
        }
        if last {
            return Ok(None);
        }
        self.before = ",";
        let (sample, rest) = sample.split_at(end);
        self.rest = rest;
        Ok(Some(sample))
    }
}

/// The sample that was read last.
struct LastSample<'t> {
    text: &'t str,
    /// Where in the text each frame ends, and the stack up to it.
    frames: Vec<(usize, StackId)>,
    without_roots: bool,
}

impl<'t> LastSample<'t> {
    /// The stack of a sample, brackets included: `[0,1,2]`.
    fn read(&mut self, reader: &mut Reader<'_>, text: &'t str) -> Result<Option<StackId>, ReadError> {
        self.forget_from(shared_length(self.text.as_bytes(), text.as_bytes()), text.as_bytes());
        self.text = text;
        let (rest, mut stack) = match self.frames.last() {
            Some(&(end, stack)) => (&text[end..], Some(stack)),
            None => (&text[1..], None),
        };
        let mut rest = rest[..rest.len() - 1].trim_ascii_start();
        if stack.is_some() {
            rest = rest.strip_prefix(',').unwrap_or_default();
        }
        if rest.is_empty() {
            return Ok(stack);
        }
        for word in rest.split(',') {
            let number = word.trim_ascii();
            let frame = reader.frame(number)?;
            if self.without_roots && stack.is_none() && reader.root_frames.has(frame) {
                continue;
            }
            let above = reader.builder.stack(stack, frame).at(reader.source.offset(number))?;
            stack = Some(above);
            let end = number.as_ptr().addr() + number.len() - text.as_ptr().addr();
            self.frames.push((end, above));
        }
        Ok(stack)
    }

    /// Keeps the frames that a text which begins with the same `shared` bytes has, too.
    fn forget_from(&mut self, shared: usize, text: &[u8]) {
        let goes_on =
            text.get(shared).is_some_and(|byte| !matches!(byte, b',' | b']' | b' ' | b'\n' | b'\r' | b'\t'));
        let kept = |end: usize| end < shared || (end == shared && !goes_on);
        while self.frames.last().is_some_and(|&(end, _)| !kept(end)) {
            self.frames.pop();
        }
    }
}

/// How many bytes two texts begin with in common.
fn shared_length(one: &[u8], other: &[u8]) -> usize {
    let chunks = one.chunks_exact(16).zip(other.chunks_exact(16));
    let chunks = chunks.take_while(|(one, other)| one == other).count() * 16;
    let rest = one[chunks..].iter().zip(&other[chunks..]);
    chunks + rest.take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_lengths() {
        assert_eq!(shared_length(b"", b"[1]"), 0);
        assert_eq!(shared_length(b"[1,2]", b"[1,22]"), 4);
        let long = vec![b'1'; 40];
        assert_eq!(shared_length(&long, &long[..37]), 37);
    }
}
