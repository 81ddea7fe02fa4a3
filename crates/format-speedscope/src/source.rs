//! The text of a file, and where in it a part stands. Errors name places of the text until
//! [`in_file`](Source::in_file) makes them places of the file as it was given.
//!
//! JSON is UTF-8, but speedscope itself opens files with stray bytes in their strings. Such a byte is taken as
//! Python's `surrogateescape` would write it, so a path that a program could not decode reads the same whether the
//! exporter escaped it or not.

use std::borrow::Cow;
use std::marker::PhantomData;

use profkit_profile::ReadError;
use serde::Deserialize;
use serde::de::DeserializeSeed;
use serde_json::error::Category;

use crate::schema::Each;

/// Windows tools like to begin a text with it; JSON does not allow it, speedscope ignores it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How long the escape is that stands for one stray byte: `\udcf3`.
const ESCAPE: usize = 6;

/// The text of a file.
pub(crate) struct Source<'a> {
    input: &'a [u8],
    /// Bytes before the text.
    before: usize,
    text: Cow<'a, str>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        let bytes = input.strip_prefix(BYTE_ORDER_MARK).unwrap_or(input);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(escape_stray_bytes(bytes)),
        };
        Self { input, before: input.len() - bytes.len(), text }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where a part begins in the text.
    pub(crate) fn offset(&self, part: &str) -> usize {
        part.as_ptr().addr() - self.text.as_ptr().addr()
    }

    /// Where a place in the text is in the file.
    pub(crate) fn in_file(&self, at: usize) -> usize {
        match &self.text {
            Cow::Borrowed(_) => self.before + at,
            Cow::Owned(_) => {
                let bytes = self.input.get(self.before..).unwrap_or_default();
                let (mut in_file, mut rest) = (self.before, at);
                for chunk in bytes.utf8_chunks() {
                    let (valid, stray) = (chunk.valid().len(), chunk.invalid().len());
                    if rest < valid + stray * ESCAPE {
                        return in_file + rest.min(valid) + rest.saturating_sub(valid) / ESCAPE;
                    }
                    in_file += valid + stray;
                    rest -= valid + stray * ESCAPE;
                }
                in_file
            }
        }
    }

    /// Reads a part of the text.
    pub(crate) fn parse<'t, T: Deserialize<'t>>(&self, part: &'t str) -> Result<T, ReadError> {
        serde_json::from_str(part).map_err(|error| self.error(part, &error))
    }

    /// Hands every element of a part that is an array to a function.
    pub(crate) fn each<'t, T: Deserialize<'t>>(
        &self,
        part: &'t str,
        each: impl FnMut(T) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut failed = None;
        let seed = Each { each, failed: &mut failed, element: PhantomData };
        let read = seed.deserialize(&mut serde_json::Deserializer::from_str(part));
        read.map_err(|error| failed.unwrap_or_else(|| self.error(part, &error)))
    }

    /// serde's error about a part, with its place in the text.
    pub(crate) fn error(&self, part: &str, error: &serde_json::Error) -> ReadError {
        let start = self.offset(part);
        if error.classify() == Category::Eof {
            return ReadError::truncated("the JSON text", start + part.len());
        }
        let lines = part.split_inclusive('\n').take(error.line().saturating_sub(1));
        let at = lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
        let message = error.to_string();
        // serde_json ends its messages with line and column, which are those of the part.
        let problem = message.rsplit_once(" at line ").map_or(message.as_str(), |(problem, _)| problem);
        ReadError::malformed(problem.to_owned(), start + at.min(part.len()))
    }
}

fn escape_stray_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for &byte in chunk.invalid() {
            text.push_str(&format!("\\udc{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_file() {
        let input = b"\xef\xbb\xbf[\"\xf3\xffx\", 1, z]";
        let source = Source::new(input);
        assert_eq!(source.text(), r#"["\udcf3\udcffx", 1, z]"#);
        let error = source.parse::<serde::de::IgnoredAny>(source.text()).unwrap_err();
        assert_eq!(error.to_string(), "expected value at byte 21");
        assert_eq!(input[source.in_file(error.offset)], b'z', "{error}");
        let of = |at: usize| input[source.in_file(at)];
        assert_eq!([of(2), of(7), of(8), of(14), of(15)], *b"\xf3\xf3\xffx\"");
    }

    #[test]
    fn an_error_in_a_part_is_placed_in_the_file() {
        let text = "{\n \"a\": [1,\n 2, tru]}";
        let source = Source::new(text.as_bytes());
        let part = &text[8..];
        let error = source.each::<i64>(part, |_| Ok(())).unwrap_err();
        assert_eq!(&text[error.offset..], "]}", "{error}");
        let error = source.each::<i64>(&text[..20], |_| Ok(())).unwrap_err();
        assert_eq!((error.offset, error.to_string().contains("an array")), (0, true), "{error}");
        let error = source.parse::<serde::de::IgnoredAny>(&text[..11]).unwrap_err();
        assert_eq!(error, ReadError::truncated("the JSON text", 11));
    }
}
