//! Names as they can stand on a line of their own: in any reader, what is written is one name and the same.
//!
//! gprof2dot opens files as strict UTF-8 and ends lines at `\r` too; speedscope's regular expressions end names also at
//! U+2028 and U+2029; all strip blanks around a name. Such characters, other control characters and bytes that are not
//! UTF-8 are written as escapes (`\n`, `\x1b`, `\u2028`), which no reader undoes.

use std::borrow::Cow;
use std::fmt::Write;

/// What stands for an unknown name, as valgrind writes it.
pub(crate) const UNKNOWN: &[u8] = b"???";

/// A name that is safe on a line.
pub(crate) fn safe(name: &[u8]) -> Cow<'_, [u8]> {
    if name.is_empty() {
        return Cow::Borrowed(UNKNOWN);
    }
    let text = std::str::from_utf8(name);
    if text.is_ok_and(|text| !text.chars().any(breaks) && !at_ends(text)) {
        return Cow::Borrowed(name);
    }
    let mut safe = String::with_capacity(name.len() + 8);
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            if breaks(character) { escape(&mut safe, character) } else { safe.push(character) }
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(safe, "\\x{byte:02x}");
        }
    }
    let mut ends = String::new();
    let trimmed = safe.trim_matches(is_blank);
    let start = safe.len() - safe.trim_start_matches(is_blank).len();
    safe[..start].chars().for_each(|blank| escape(&mut ends, blank));
    ends.push_str(trimmed);
    safe[start + trimmed.len()..].chars().for_each(|blank| escape(&mut ends, blank));
    Cow::Owned(ends.into_bytes())
}

/// A text that is safe at the end of a header line, where blanks around it do not matter.
pub(crate) fn safe_text(text: &[u8]) -> Cow<'_, [u8]> {
    if text.is_empty() { Cow::Borrowed(text) } else { safe(text) }
}

fn breaks(character: char) -> bool {
    (character.is_control() && character != '\t') || matches!(character, '\u{2028}' | '\u{2029}')
}

fn is_blank(character: char) -> bool {
    // JavaScript's `\s` includes the byte order mark.
    character.is_whitespace() || character == '\u{feff}'
}

fn at_ends(text: &str) -> bool {
    text.starts_with(is_blank) || text.ends_with(is_blank)
}

fn escape(to: &mut String, character: char) {
    let code = u32::from(character);
    // Writing to a string cannot fail.
    let _ = match character {
        '\n' => write!(to, "\\n"),
        '\r' => write!(to, "\\r"),
        '\t' => write!(to, "\\t"),
        _ if code < 0x80 => write!(to, "\\x{code:02x}"),
        _ => write!(to, "\\u{code:04x}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_or_begins_a_line() {
        let shown = |name: &[u8]| String::from_utf8(safe(name).into_owned()).unwrap();
        assert_eq!(shown(b"<lambda>"), "<lambda>");
        assert_eq!(shown(b"a b\tc;d"), "a b\tc;d");
        assert_eq!(shown(b"new\nline\r\0"), "new\\nline\\r\\x00");
        assert_eq!(shown("\u{2028}\u{85}zwölf".as_bytes()), "\\u2028\\u0085zwölf");
        assert_eq!(shown(b" fn=x\t"), "\\x20fn=x\\t");
        assert_eq!(shown("\u{feff}\u{a0}".as_bytes()), "\\ufeff\\u00a0");
        assert_eq!(shown(b"caf\xe9 \xed\xb3\xbf"), "caf\\xe9 \\xed\\xb3\\xbf");
        assert_eq!(shown(b""), "???");
    }
}
