//! The output: JSON without space, through a buffer.
//!
//! Strings of the model are bytes. What JSON can hold are Unicode characters and lone surrogates, which are escaped as
//! Python's `json` does (`\udcf3`); any other byte becomes U+FFFD, and the string is counted as changed.

use std::collections::HashSet;
use std::io::{self, Write};

use profkit_profile::push_decimal;

/// How much is collected before it is handed on.
const FULL: usize = 64 * 1024;

pub(crate) struct Json<'w> {
    to: &'w mut dyn Write,
    buffer: Vec<u8>,
    changed: HashSet<Vec<u8>>,
}

impl<'w> Json<'w> {
    pub(crate) fn new(to: &'w mut dyn Write) -> Self {
        Self { to, buffer: Vec::with_capacity(2 * FULL), changed: HashSet::new() }
    }

    /// Writes what is JSON already.
    pub(crate) fn raw(&mut self, text: &[u8]) {
        self.buffer.extend_from_slice(text);
    }

    /// Writes a number of units of ten to the power of -`decimals`.
    pub(crate) fn number(&mut self, value: i128, decimals: usize) {
        push_decimal(&mut self.buffer, value, decimals);
    }

    pub(crate) fn string(&mut self, string: &[u8]) {
        self.buffer.push(b'"');
        if push_string(&mut self.buffer, string) {
            self.changed.insert(string.to_vec());
        }
        self.buffer.push(b'"');
    }

    /// Hands on what was written, if it is much.
    pub(crate) fn flow(&mut self) -> io::Result<()> {
        if self.buffer.len() >= FULL {
            self.to.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Hands on the rest; the result is how many different strings had to be changed.
    pub(crate) fn finish(self) -> io::Result<usize> {
        self.to.write_all(&self.buffer)?;
        self.to.flush()?;
        Ok(self.changed.len())
    }
}

/// Writes a string without its quotes; whether it reads back as another one.
fn push_string(out: &mut Vec<u8>, string: &[u8]) -> bool {
    let mut changed = false;
    let mut rest = string;
    // A lone surrogate that would make a pair with the next one.
    let mut high = false;
    while let Err(error) = std::str::from_utf8(rest) {
        let (valid, broken) = rest.split_at(error.valid_up_to());
        push_escaped(out, valid);
        high &= valid.is_empty();
        if let [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, after @ ..] = broken {
            let code = 0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f);
            out.extend_from_slice(format!("\\u{code:04x}").as_bytes());
            let low = code >= 0xdc00;
            changed |= high && low;
            high = !low;
            rest = after;
        } else {
            // One for all bytes that begin the same character.
            out.extend_from_slice("\u{fffd}".as_bytes());
            changed = true;
            high = false;
            rest = &broken[error.error_len().unwrap_or(broken.len())..];
        }
    }
    push_escaped(out, rest);
    changed
}

fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut done = 0;
    for (at, &byte) in text.iter().enumerate() {
        let escape = match byte {
            b'"' | b'\\' => [b'\\', byte],
            b'\n' => *b"\\n",
            b'\r' => *b"\\r",
            b'\t' => *b"\\t",
            0..0x20 => {
                out.extend_from_slice(&text[done..at]);
                out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                done = at + 1;
                continue;
            }
            _ => continue,
        };
        out.extend_from_slice(&text[done..at]);
        out.extend_from_slice(&escape);
        done = at + 1;
    }
    out.extend_from_slice(&text[done..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Text;
    use proptest::prelude::*;

    fn written(string: &[u8]) -> (String, bool) {
        let mut out = vec![b'"'];
        let changed = push_string(&mut out, string);
        out.push(b'"');
        (String::from_utf8(out).unwrap(), changed)
    }

    #[test]
    fn lone_surrogates_are_kept() {
        assert_eq!(written(b"a\xed\xb3\xb3b"), (r#""a\udcf3b""#.to_owned(), false));
        assert_eq!(written(b"\xed\xa0\xbd"), (r#""\ud83d""#.to_owned(), false));
        // As a pair they are another string: one character.
        assert_eq!(written(b"\xed\xa0\xbd\xed\xb8\x80"), (r#""\ud83d\ude00""#.to_owned(), true));
        assert_eq!(written(b"\xed\xb8\x80\xed\xa0\xbd"), (r#""\ude00\ud83d""#.to_owned(), false));
        assert_eq!(written(b"\xed\xa0\xbdx\xed\xb8\x80"), (r#""\ud83dx\ude00""#.to_owned(), false));
    }

    #[test]
    fn other_bytes_are_replaced() {
        assert_eq!(written(b"caf\xe9"), ("\"caf\u{fffd}\"".to_owned(), true));
        assert_eq!(written(b"\xff\xfe!"), ("\"\u{fffd}\u{fffd}!\"".to_owned(), true));
        assert_eq!(written(b"\xe2\x82"), ("\"\u{fffd}\"".to_owned(), true));
        assert_eq!(written(b"\xe2\x82z"), ("\"\u{fffd}z\"".to_owned(), true));
        assert_eq!(written(b"\xed\xb3"), ("\"\u{fffd}\u{fffd}\"".to_owned(), true));
    }

    proptest! {
        #[test]
        fn text_is_read_back(text in any::<String>()) {
            let (json, changed) = written(text.as_bytes());
            prop_assert!(!changed);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn bytes_are_read_back_unless_they_changed(bytes in prop::collection::vec(
            prop_oneof![Just(0xed), 0x80u8..0xc0, any::<u8>()], 0..12,
        )) {
            let (json, changed) = written(&bytes);
            let back: Text<'_> = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(back.0.as_ref() == bytes, !changed, "{}", json);
        }
    }
}
