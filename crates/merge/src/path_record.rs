//! What a merge holds of one sample with its whole path, as words of 64 bits one behind another: origin and labels; how
//! many frames, and how many of them a word has; the frames, innermost first; the sum of each column, two words. All up
//! to the frames is the key.
//!
//! A word has four frames where the numbers of all fit 16 bits, as they do in nearly all profiles, else two.

use profkit_profile::{BuildError, FrameId, Id, LabelSetId, OriginId};

use crate::sample_rows::add;

/// In front of the frames.
const HEAD: usize = 2;

/// How many frames a word has.
const NARROW: usize = 4;
const WIDE: usize = 2;

/// What a path belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) origin: OriginId,
    pub(crate) labels: LabelSetId,
}

/// A record, read.
#[derive(Clone, Copy)]
pub(crate) struct PathRow<'r> {
    pub(crate) origin: OriginId,
    pub(crate) labels: LabelSetId,
    depth: usize,
    /// How many frames a word has.
    per_word: usize,
    frames: &'r [u64],
    values: &'r [u64],
}

impl<'r> PathRow<'r> {
    /// The record at the begin of `words`.
    #[inline]
    pub(crate) fn of(words: &'r [u64], columns: usize) -> Self {
        let (origin, labels) = (id(upper(words[0])), id(lower(words[0])));
        let (depth, per_word) = shape(words);
        let (frames, values) = words[HEAD..].split_at(depth.div_ceil(per_word));
        Self { origin, labels, depth, per_word, frames, values: &values[..columns * 2] }
    }

    /// The index of each frame, innermost first.
    #[inline]
    pub(crate) fn frames(&self) -> impl DoubleEndedIterator<Item = u32> + use<'r> {
        let (frames, is_narrow) = (self.frames, self.per_word == NARROW);
        (0..self.depth).map(move |at| {
            if is_narrow {
                lower(frames[at / NARROW] >> (at % NARROW * 16) & 0xffff)
            } else {
                lower(frames[at / WIDE] >> (at % WIDE * 32))
            }
        })
    }

    /// How many frames.
    #[inline]
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// The sum of each column.
    #[inline]
    pub(crate) fn values(&self) -> impl Iterator<Item = i128> + use<'r> {
        self.values.chunks_exact(2).map(|words| sum(words[0], words[1]))
    }

    #[inline]
    pub(crate) fn value(&self, column: usize) -> i128 {
        sum(self.values[column * 2], self.values[column * 2 + 1])
    }

    #[inline]
    pub(crate) fn is_zero(&self) -> bool {
        self.values.iter().all(|&word| word == 0)
    }
}

/// Appends a key.
#[inline]
pub(crate) fn push_key(to: &mut Vec<u64>, head: Head, frames: &[FrameId]) {
    let is_narrow = frames.iter().fold(0, |bits, frame| bits | frame.index()) < 1 << 16;
    let per_word = if is_narrow { NARROW } else { WIDE };
    to.extend([
        number(head.origin) << 32 | number(head.labels),
        (per_word as u64) << 32 | frames.len() as u64,
    ]);
    if is_narrow { push_frames::<NARROW>(to, frames) } else { push_frames::<WIDE>(to, frames) }
}

#[inline]
fn push_frames<const PER_WORD: usize>(to: &mut Vec<u64>, frames: &[FrameId]) {
    let word = |frames: &[FrameId]| {
        frames.iter().rev().fold(0, |word, &frame| word << (64 / PER_WORD) | number(frame))
    };
    let (full, rest) = frames.as_chunks::<PER_WORD>();
    to.extend(full.iter().map(|frames| word(frames)));
    if !rest.is_empty() {
        to.push(word(rest));
    }
}

/// How many frames the record at the begin of `words` has, and how many a word.
#[inline]
fn shape(words: &[u64]) -> (usize, usize) {
    (lower(words[1]) as usize, upper(words[1]) as usize)
}

/// Appends sums.
#[inline]
pub(crate) fn push_values(to: &mut Vec<u64>, values: &[i128]) {
    values.iter().for_each(|&value| to.extend(words(value)));
}

/// Adds to the sums at the begin of `to`.
#[inline]
pub(crate) fn add_values(to: &mut [u64], values: &[i128]) -> Result<(), BuildError> {
    for (to, &value) in to.chunks_exact_mut(2).zip(values) {
        let mut sum = sum(to[0], to[1]);
        add(&mut sum, value)?;
        to.copy_from_slice(&words(sum));
    }
    Ok(())
}

/// Changes one of the sums of the record at the begin of `words`.
pub(crate) fn change_value(
    record: &mut [u64],
    column: usize,
    change: impl FnOnce(i128) -> Result<i128, BuildError>,
) -> Result<(), BuildError> {
    let (depth, per_word) = shape(record);
    let at = HEAD + depth.div_ceil(per_word) + column * 2;
    let changed = change(sum(record[at], record[at + 1]))?;
    record[at..at + 2].copy_from_slice(&words(changed));
    Ok(())
}

#[inline]
fn sum(low: u64, high: u64) -> i128 {
    (u128::from(high) << 64 | u128::from(low)).cast_signed()
}

#[inline]
fn words(sum: i128) -> [u64; 2] {
    let bits = sum.cast_unsigned();
    [u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0), u64::try_from(bits >> 64).unwrap_or(0)]
}

#[inline]
fn lower(word: u64) -> u32 {
    u32::try_from(word & u64::from(u32::MAX)).unwrap_or(0)
}

#[inline]
pub(crate) fn upper(word: u64) -> u32 {
    u32::try_from(word >> 32).unwrap_or(0)
}

/// The index of an id: it fits 32 bits.
#[inline]
fn number(id: impl Id) -> u64 {
    id.index() as u64
}

/// The id of an index that was an id's.
#[inline]
pub(crate) fn id<I: Id>(index: u32) -> I {
    I::from_index(index as usize).unwrap_or(I::FIRST)
}
