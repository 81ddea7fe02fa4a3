//! The text of a frame, such that it reads back as that frame. Each text is checked with the reader's own functions;
//! one that fails gets stand-ins, which the header of the file then announces.

use std::borrow::Cow;

use profkit_profile::{Frame, Profile};

use crate::dialect::{Dialect, Grammar};
use crate::escape::{Marks, breaks_line, mask, unescape};
use crate::frame::{self, Shown};
use crate::root::{self, NO_STACK};

/// The name of a frame without function: its address, as perf and py-spy have it.
pub(crate) fn name_of(profile: &Profile, frame: Frame) -> Cow<'_, [u8]> {
    match frame.function {
        Some(function) => Cow::Borrowed(profile.bytes(profile.functions()[function].shown_name())),
        None if frame.address == 0 => Cow::Borrowed(b"[unknown]"),
        None => Cow::Owned(format!("{:#x}", frame.address).into_bytes()),
    }
}

/// What the file shows of a frame called `name`. A frame without line gets that of its function: two functions
/// called `__init__` in one file would be the same otherwise.
pub(crate) fn shown<'a>(profile: &'a Profile, frame: Frame, name: &'a [u8], dialect: Dialect) -> Shown<'a> {
    let function = frame.function.map(|function| profile.functions()[function]);
    let first_line = function.map_or(0, |function| function.first_line);
    let file = match (function, frame.mapping) {
        (Some(function), _) => profile.bytes(function.file),
        (None, Some(mapping)) => profile.bytes(profile.mappings()[mapping].file),
        (None, None) => b"",
    };
    let line = if frame.line == 0 { first_line } else { frame.line };
    Shown { name, file, line, flags: frame.flags }.held_by(dialect)
}

/// The text of a frame; `None` where it needs stand-ins and `grammar` has none.
pub(crate) fn text(grammar: Grammar, shown: Shown<'_>) -> Option<Vec<u8>> {
    let attempts: &[Option<Marks>] = match grammar.escaped {
        false => &[None],
        true => &Marks::EVERY.map(Some),
    };
    let mut text = Vec::new();
    for &marks in attempts {
        text.clear();
        shown.push(grammar.dialect, &mut text, marks);
        if reads_back(grammar, &text, shown) {
            return Some(text);
        }
    }
    // With every character marked, nothing is left that could be taken for something else.
    grammar.escaped.then_some(text)
}

/// Whether the reader takes `text` for `shown`, wherever in a stack it stands.
fn reads_back(grammar: Grammar, text: &[u8], shown: Shown<'_>) -> bool {
    let masked = if grammar.escaped { mask(text) } else { Cow::Borrowed(text) };
    let plain = |range: std::ops::Range<usize>| match grammar.escaped {
        true => unescape(&text[range]),
        false => Cow::Borrowed(&text[range]),
    };
    let parts = frame::parse(grammar, &masked);
    let same = plain(parts.name) == shown.name
        && plain(parts.file) == shown.file
        && (parts.line, parts.flags, parts.inferred) == (shown.line, shown.flags, false);
    let fits = !text.is_empty() && !breaks_line(text) && text.trim_ascii().len() == text.len();
    let is_frame = frame::is_complete(grammar, &masked) && !root::looks_like_root(grammar.dialect, &masked);
    same && fits && is_frame && !masked.starts_with(b"#") && *masked != *NO_STACK
}

#[cfg(test)]
mod tests {
    use profkit_profile::FrameFlags;

    use super::*;

    fn text_of(dialect: Dialect, name: &str, file: &str, line: i64, flags: FrameFlags) -> (String, bool) {
        let shown = Shown { name: name.as_bytes(), file: file.as_bytes(), line, flags }.held_by(dialect);
        let plain = text(Grammar::of(dialect), shown);
        let escaped = Grammar { escaped: true, ..Grammar::of(dialect) };
        let found = plain.clone().or_else(|| text(escaped, shown)).unwrap();
        let grammar = if plain.is_some() { Grammar::of(dialect) } else { escaped };
        assert!(reads_back(grammar, &found, shown), "{name} {file}");
        (String::from_utf8(found).unwrap(), plain.is_none())
    }

    fn py_spy(name: &str, file: &str, line: i64) -> (String, bool) {
        text_of(Dialect::PySpy, name, file, line, FrameFlags::NONE)
    }

    #[test]
    fn ordinary_frames_are_written_as_py_spy_does() {
        assert_eq!(py_spy("fib", "app.py", 5), ("fib (app.py:5)".to_owned(), false));
        assert_eq!(py_spy("<module>", "<frozen site>", 0), ("<module> (<frozen site>)".to_owned(), false));
        assert_eq!(py_spy("run", "copy (2)/app.py", 3), ("run (copy (2)/app.py:3)".to_owned(), false));
        assert_eq!(py_spy("run", "a).py", 3), ("run (a).py:3)".to_owned(), false));
        assert_eq!(py_spy("main", "", 0), ("main".to_owned(), false));
        assert_eq!(py_spy("main", "", 7), ("main (:7)".to_owned(), false));
        let flags = FrameFlags::INLINED | FrameFlags::KERNEL;
        assert_eq!(text_of(Dialect::PySpy, "f", "f.c", 1, flags), ("f (f.c:1)_[i]_[k]".to_owned(), false));
    }

    #[test]
    fn frames_that_look_like_something_else_get_stand_ins() {
        assert_eq!(py_spy("semi;colon", "", 0), ("semi\u{37e}colon".to_owned(), true));
        assert_eq!(py_spy("f (x.py:3)", "", 0), ("f (x.py:3␦)".to_owned(), true));
        assert_eq!(py_spy("f_[k]", "", 0), ("f_[k␦]".to_owned(), true));
        assert_eq!(py_spy("f", "C:12", 0), ("␦f (C:1␦2)".to_owned(), true));
        assert_eq!(py_spy("#f", "", 0), ("␦#f".to_owned(), true));
        assert_eq!(py_spy("", "", 0), ("␥".to_owned(), true));
        assert_eq!(py_spy("", "x.py", 3), ("␥ (x.py:3)".to_owned(), true));
        assert_eq!(py_spy(" f\t", "", 0), ("␠f␉".to_owned(), true));
        for name in ["thread (1)", "process 1:\"x", "host:\"x\"", "[no stack]"] {
            assert!(py_spy(name, "", 0).1, "{name}");
        }
    }

    #[test]
    fn austin_frames_always_have_three_parts() {
        let austin = |name, file, line| text_of(Dialect::Austin, name, file, line, FrameFlags::NONE);
        assert_eq!(austin("fib", "/app.py", 5), ("/app.py:fib:5".to_owned(), false));
        assert_eq!(austin("GC", "", 0), (":GC:0".to_owned(), false));
        assert_eq!(austin("std::f", "x.so", 0), ("x.so:std::f:0".to_owned(), false));
        assert_eq!(austin("a:b", "x.py", 1), ("x␦.py:a␦:b:1".to_owned(), true));
        assert_eq!(austin("f", "", 3), (":f:3".to_owned(), false));
        assert_eq!(
            text_of(Dialect::Austin, "f", "kernel", 0, FrameFlags::KERNEL),
            ("kernel:f:0".to_owned(), false)
        );
    }
}
