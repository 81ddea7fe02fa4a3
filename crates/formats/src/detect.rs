//! Which format a file is in, by its content alone: extensions lie (`.prof` is used by five tools).

use std::borrow::Cow;
use std::fmt;

use profkit_profile::{Format, Sniff};

use crate::foreign;
use crate::registry::FORMATS;

/// Bytes that are in no format that profkit reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unknown {
    /// What they look like, nearest first, and why they are not that.
    pub guesses: Vec<Cow<'static, str>>,
}

impl fmt::Display for Unknown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "not a profile profkit knows")?;
        self.guesses.iter().take(1).try_for_each(|guess| write!(out, ": {guess}"))
    }
}

/// The format of a decompressed file.
///
/// # Errors
/// Where it is in none.
pub fn detect(bytes: &[u8]) -> Result<&'static dyn Format, Unknown> {
    if bytes.is_empty() {
        return Err(Unknown { guesses: vec!["the file is empty".into()] });
    }
    if let Some(name) = foreign::by_magic(bytes) {
        return Err(Unknown { guesses: vec![name.into()] });
    }
    let mut maybe = None;
    let mut guesses = Vec::new();
    for format in FORMATS {
        match format.sniff(bytes) {
            Sniff::Yes => return Ok(*format),
            Sniff::Maybe => maybe = maybe.or(Some(*format)),
            Sniff::No => {}
            Sniff::Near(reason) => guesses.push(reason),
        }
    }
    if let Some(format) = maybe {
        return Ok(format);
    }
    if let Some(name) = foreign::by_text(bytes) {
        guesses.insert(0, name.into());
    }
    if guesses.is_empty() {
        guesses.push(foreign::by_kind(bytes).into());
    }
    Err(Unknown { guesses })
}

/// Refuses a file by its begin, where more of it would change nothing; `Ok` where that cannot be known yet.
///
/// # Errors
/// Where it is in no known format, whatever follows.
pub(crate) fn refuse_early(head: &[u8]) -> Result<(), Unknown> {
    match detect(head) {
        Err(unknown) if !FORMATS.iter().any(|format| format.may_begin(head)) => Err(unknown),
        _ => Ok(()),
    }
}
