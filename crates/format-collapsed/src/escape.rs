//! Names that a line cannot hold as they are. Stand-ins take the place of single characters, so that a line stays
//! one line in every tool; they mean this only in a file whose first line says `escaped` (see `header.rs`).
//!
//! | stand-in | for |
//! |---|---|
//! | U+037E, the Greek question mark | `;` (Unicode says the two are the same character) |
//! | U+2400 + c, control pictures, U+2421 for 7f | the control character c |
//! | U+2420 | a space at the begin or end of a name |
//! | U+2425 | nothing: an empty name |
//! | U+2426 | the character after it stands for itself, without any role in the grammar |

use std::borrow::Cow;

const SEMICOLON: &[u8] = "\u{37e}".as_bytes();
const SPACE: &[u8] = "\u{2420}".as_bytes();
const NOTHING: &[u8] = "\u{2425}".as_bytes();
const LITERAL: &[u8] = "\u{2426}".as_bytes();

/// The first two bytes of U+2400 to U+243F.
const PICTURE: [u8; 2] = [0xe2, 0x90];
const DELETE_PICTURE: u8 = 0xa1;

/// Which characters get [`LITERAL`] before them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Marks {
    /// None; this is enough for most names.
    None,
    /// The last one.
    Last,
    /// The first one.
    First,
    /// All but letters, so that nothing is left that a grammar could take for its own.
    All,
}

impl Marks {
    /// From the least to the most visible.
    pub(crate) const EVERY: [Self; 4] = [Self::None, Self::Last, Self::First, Self::All];

    fn apply(self, byte: u8, at: usize, length: usize) -> bool {
        byte.is_ascii()
            && match self {
                Self::None => false,
                Self::Last => at + 1 == length,
                Self::First => at == 0,
                Self::All => !byte.is_ascii_alphabetic(),
            }
    }
}

/// Whether a text has characters that would break a line or a stack.
pub(crate) fn breaks_line(text: &[u8]) -> bool {
    text.iter().any(|&byte| byte == b';' || byte.is_ascii_control())
}

/// Writes `text` with stand-ins.
pub(crate) fn push_escaped(out: &mut Vec<u8>, text: &[u8], marks: Marks) {
    if text.is_empty() {
        out.extend_from_slice(NOTHING);
    }
    for (at, &byte) in text.iter().enumerate() {
        let edge = at == 0 || at + 1 == text.len();
        if byte == b';' {
            out.extend_from_slice(SEMICOLON);
        } else if byte == 0x7f {
            out.extend_from_slice(&PICTURE);
            out.push(DELETE_PICTURE);
        } else if byte.is_ascii_control() {
            out.extend_from_slice(&PICTURE);
            out.push(0x80 + byte);
        } else if byte == b' ' && edge {
            out.extend_from_slice(SPACE);
        } else {
            if stand_in(&text[at..]).is_some() || marks.apply(byte, at, text.len()) {
                out.extend_from_slice(LITERAL);
            }
            out.push(byte);
        }
    }
}

/// The stand-in at the begin of a text.
fn stand_in(text: &[u8]) -> Option<&[u8]> {
    match text {
        [0xcd, 0xbe, ..] => Some(&text[..2]),
        [0xe2, 0x90, 0x80..=0xa1 | 0xa5..=0xa6, ..] => Some(&text[..3]),
        _ => None,
    }
}

/// Undoes [`push_escaped`].
pub(crate) fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(0xcd, 0xe2, text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        let Some(found) = stand_in(rest) else {
            out.push(byte);
            rest = &rest[1..];
            continue;
        };
        rest = &rest[found.len()..];
        match found {
            SEMICOLON => out.push(b';'),
            SPACE => out.push(b' '),
            NOTHING => {}
            LITERAL => {
                let length = stand_in(rest).map_or(rest.len().min(1), <[u8]>::len);
                out.extend_from_slice(&rest[..length]);
                rest = &rest[length..];
            }
            [_, _, DELETE_PICTURE] => out.push(0x7f),
            [_, _, picture] => out.push(picture - 0x80),
            _ => {}
        }
    }
    Cow::Owned(out)
}

/// The same text, equally long, with every character that stands for itself made one without meaning: what a
/// grammar may look at.
pub(crate) fn mask(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memmem::find(text, LITERAL).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = text.to_vec();
    let mut at = 0;
    while at < text.len() {
        let length = stand_in(&text[at..]).map_or(1, <[u8]>::len);
        if &text[at..at + length] == LITERAL {
            let rest = &text[at + length..];
            let end = at + length + stand_in(rest).map_or(rest.len().min(1), <[u8]>::len);
            out[at..end].fill(0);
            at = end;
        } else {
            at += length;
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str, marks: Marks) -> String {
        let mut out = Vec::new();
        push_escaped(&mut out, text.as_bytes(), marks);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_stays_a_line() {
        assert_eq!(escaped("a;b\n c\u{7f}", Marks::None), "a\u{37e}b␊ c␡");
        assert_eq!(escaped(" x ", Marks::None), "␠x␠");
        assert_eq!(escaped("", Marks::None), "␥");
        assert_eq!(escaped("x_[k]", Marks::Last), "x_[k␦]");
        assert_eq!(escaped("#x", Marks::First), "␦#x");
        assert_eq!(escaped("f (1)", Marks::All), "f␦ ␦(␦1␦)");
    }

    #[test]
    fn every_text_comes_back() {
        let texts =
            ["", ";", "a;b", " ", "  ", "\0\x1b\x7f", "\u{37e}", "␦", "␦;␦", "␥", "␊ ", "é␠;", "f (x.py:3)"];
        for text in
            texts.map(str::as_bytes).into_iter().chain([&b"\xe2\x90"[..], b"\xe2\x90;", b"\xcd", b"\xff;"])
        {
            for marks in Marks::EVERY {
                let mut out = Vec::new();
                push_escaped(&mut out, text, marks);
                assert!(!breaks_line(&out));
                assert_eq!(unescape(&out), text, "{marks:?}");
                assert_eq!(mask(&out).len(), out.len());
            }
        }
    }

    #[test]
    fn a_mask_hides_what_stands_for_itself() {
        assert_eq!(mask("a␦)b".as_bytes()), &b"a\0\0\0\0b"[..]);
        assert_eq!(mask("a␦".as_bytes()), &b"a\0\0\0"[..]);
    }
}
