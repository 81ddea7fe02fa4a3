//! What a file format is to profkit: recognise, read, write. Each format crate implements [`Format`] once; the
//! registry lists them.

use std::borrow::Cow;
use std::io::{self, Write};

use thiserror::Error;

use crate::builder::ProfileBuilder;
use crate::error::BuildError;
use crate::profile::Profile;

/// A file format.
pub trait Format: Sync {
    /// Its name on the command line, e.g. `pprof`.
    fn name(&self) -> &'static str;

    /// The extensions that choose it for output, without the first dot, longest first.
    fn extensions(&self) -> &'static [&'static str];

    /// One line for people: what it is and who makes it.
    fn about(&self) -> &'static str;

    /// The evidence that it holds. A profile of the other shape must be converted before it is written.
    fn holds(&self) -> Evidence;

    /// Whether places in its files are lines and columns for people, or byte offsets.
    fn is_text(&self) -> bool;

    /// Whether its files are gzipped by those who use them.
    fn is_gzipped(&self) -> bool {
        false
    }

    /// Whether profiles can be written in it; else [`write`](Self::write) fails.
    fn is_written(&self) -> bool {
        true
    }

    /// The dialects that can be forced when reading.
    fn dialects(&self) -> &'static [&'static str] {
        &[]
    }

    /// The dialects that can be chosen when writing.
    fn written_dialects(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether the bytes are in this format. Must be cheap: it looks at a bounded part of `input`, or at its
    /// outer structure only.
    fn sniff(&self, input: &[u8]) -> Sniff;

    /// Whether a file of which these bytes are the begin may be in this format; they are 64 KiB at least. What
    /// [`sniff`](Self::sniff) says where it looks no further than that.
    fn may_begin(&self, head: &[u8]) -> bool {
        matches!(self.sniff(head), Sniff::Yes | Sniff::Maybe)
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// Where the input is damaged, hostile or a variant that is not supported.
    fn read(&self, input: &Input<'_>, into: &mut ProfileBuilder) -> Result<(), ReadError>;

    /// Writes a whole file.
    ///
    /// # Errors
    /// Where the profile lacks what the format holds, or the writer fails.
    fn write(
        &self,
        profile: &Profile,
        to: &mut dyn Write,
        options: &WriteOptions<'_>,
    ) -> Result<Written, WriteError>;
}

/// The evidence that a format holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// Samples of whole stacks.
    Stacks,
    /// Callers and callees.
    CallEdges,
}

/// Whether bytes are in a format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sniff {
    /// They are: what is wrong from here on is damage.
    Yes,
    /// They may be, if no other format says yes.
    Maybe,
    /// They are not.
    No,
    /// They are not, though they look like it; the text says why, to complete "it looks like X, but".
    Near(Cow<'static, str>),
}

/// What a reader reads.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The whole file, decompressed.
    pub bytes: &'a [u8],
    /// The dialect that the user forces, one of [`Format::dialects`].
    pub dialect: Option<&'a str>,
}

impl<'a> Input<'a> {
    /// An input whose dialect the reader finds out.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, dialect: None }
    }
}

/// What a writer is told beside the profile.
#[derive(Clone, Copy, Default, Debug)]
pub struct WriteOptions<'a> {
    /// The sample type to write where the format holds one only; the profile's default if `None`.
    pub sample_type: Option<usize>,
    /// The dialect, one of [`Format::written_dialects`]; the profile's own or the most common one if `None`.
    pub dialect: Option<&'a str>,
    /// Mark the frames that an estimate made up also where only a suffix to the name can do it.
    pub mark_inferred: bool,
}

impl WriteOptions<'_> {
    /// Whether the profile and the format have what is asked for. Every [`Format::write`] begins with it.
    ///
    /// # Errors
    /// Where the profile has no such sample type, or the format is not written in such a dialect.
    pub fn check(&self, profile: &Profile, format: &dyn Format) -> Result<(), WriteError> {
        if let Some(index) = self.sample_type.filter(|&index| index >= profile.sample_types().len()) {
            return Err(WriteError::Unsupported(format!("the profile has no sample type {index}").into()));
        }
        match self.dialect.filter(|dialect| !format.written_dialects().contains(dialect)) {
            Some(dialect) => Err(WriteError::Unsupported(
                format!("{} is not written as {dialect:?}", format.name()).into(),
            )),
            None => Ok(()),
        }
    }
}

/// What a writer has to say.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Written {
    /// What the format could not hold, a short phrase each, e.g. `3 names changed: they contain ';'`.
    pub losses: Vec<String>,
}

/// A file that cannot be read, and where.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{kind} at byte {offset}")]
pub struct ReadError {
    /// What is wrong.
    pub kind: ReadErrorKind,
    /// At which byte of the decompressed input.
    pub offset: usize,
}

/// What is wrong with a file.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// It ends in the middle of something.
    #[error("the file ends in the middle of {0}")]
    Truncated(Cow<'static, str>),
    /// It is nested deeper than a reader follows.
    #[error("nested more than {0} levels deep")]
    TooDeep(usize),
    /// It refers to something that it does not define.
    #[error("{table} {id} is not defined")]
    Undefined {
        /// What kind of thing.
        table: &'static str,
        /// How the file calls it.
        id: i128,
    },
    /// It is valid, but profkit does not read it; the text says what it is.
    #[error("{0}")]
    Unsupported(Cow<'static, str>),
    /// It breaks the rules of the format; the text says which.
    #[error("{0}")]
    Malformed(Cow<'static, str>),
    /// Its parts do not make a profile.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl ReadErrorKind {
    /// The error at a place in the input.
    #[must_use]
    pub const fn at(self, offset: usize) -> ReadError {
        ReadError { kind: self, offset }
    }
}

impl ReadError {
    /// A broken rule of the format.
    #[must_use]
    pub fn malformed(problem: impl Into<Cow<'static, str>>, offset: usize) -> Self {
        ReadErrorKind::Malformed(problem.into()).at(offset)
    }

    /// An end in the middle of something.
    #[must_use]
    pub fn truncated(what: impl Into<Cow<'static, str>>, offset: usize) -> Self {
        ReadErrorKind::Truncated(what.into()).at(offset)
    }

    /// Line and column of the error in a text, both from 1; the column counts characters.
    #[must_use]
    pub fn line_column(&self, text: &[u8]) -> (usize, usize) {
        let before = &text[..self.offset.min(text.len())];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        // Bytes that go on a UTF-8 character are not columns of their own.
        let column = before[start..].iter().filter(|&&byte| byte & 0xc0 != 0x80).count() + 1;
        (line, column)
    }
}

/// Gives the place to errors of the builder.
pub trait AtOffset<T> {
    /// The same result with the place of the error.
    ///
    /// # Errors
    /// The builder's.
    fn at(self, offset: usize) -> Result<T, ReadError>;
}

impl<T> AtOffset<T> for Result<T, BuildError> {
    fn at(self, offset: usize) -> Result<T, ReadError> {
        self.map_err(|error| ReadErrorKind::Build(error).at(offset))
    }
}

/// A profile that cannot be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The profile has call edges and the format holds stacks: make stacks first
    /// ([`estimate_stacks`](crate::views::estimate::estimate_stacks) or [`edge_stacks`](crate::views::estimate::edge_stacks)).
    #[error("the profile holds call edges, the format only stacks")]
    NeedsStacks,
    /// The profile has stacks and the format holds call edges: derive them first
    /// ([`call_edges`](crate::views::call_edges::call_edges)).
    #[error("the profile holds stacks, the format only call edges")]
    NeedsCallEdges,
    /// The format cannot hold this profile; the text says why.
    #[error("{0}")]
    Unsupported(Cow<'static, str>),
    /// The output failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_text_is_a_line_and_a_column_of_characters() {
        let text = "one\nzwölf x\n".as_bytes();
        let at = |offset| ReadError::malformed("", offset).line_column(text);
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(4), (2, 1));
        assert_eq!(text[11], b'x');
        assert_eq!(at(11), (2, 7));
        assert_eq!(at(99), (3, 1));
    }
}
