//! One frame: how each grammar packs file, line and kind into the text between two semicolons.
//!
//! Everything is found from the right: a name may hold anything, what follows it may not.

use std::ops::Range;

use profkit_profile::{FrameFlags, push_decimal};

use crate::count::parse_integer;
use crate::dialect::{Dialect, Grammar};
use crate::escape::{Marks, push_escaped};

/// Where the parts of a frame are in its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Parts {
    pub(crate) name: Range<usize>,
    /// Empty where the frame has no file.
    pub(crate) file: Range<usize>,
    /// 0 where the frame has no line.
    pub(crate) line: i64,
    pub(crate) flags: FrameFlags,
    /// Made up by an estimate.
    pub(crate) inferred: bool,
}

/// The place of a function in a text: `(file:line)` or `(file)` after it.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Location {
    /// Where the name ends.
    pub(crate) name: usize,
    pub(crate) file: Range<usize>,
    pub(crate) line: Option<i64>,
}

/// The suffixes of async-profiler (`FlameGraph.java`), which flamegraph.pl knows in part, in the order in which
/// they are written.
const SUFFIXES: [(&[u8], FrameFlags); 5] = [
    (b"_[i]", FrameFlags::INLINED),
    (b"_[k]", FrameFlags::KERNEL),
    (b"_[j]", FrameFlags::JIT),
    (b"_[0]", FrameFlags::INTERPRETED),
    (b"_[1]", FrameFlags::JIT_FAST),
];

/// Marks a frame that an estimate made up.
pub(crate) const INFERRED: &[u8] = b" [inferred]";

/// The file that Austin 3 gives to frames of the kernel, always with line 0.
const AUSTIN_KERNEL: &[u8] = b"kernel";

/// Takes a frame apart. A text that does not follow the grammar is a name.
pub(crate) fn parse(grammar: Grammar, text: &[u8]) -> Parts {
    let mut end = text.len();
    let inferred = grammar.inferred && text.len() > INFERRED.len() && text.ends_with(INFERRED);
    if inferred {
        end -= INFERRED.len();
    }
    let mut parts = Parts { name: 0..end, file: 0..0, line: 0, flags: FrameFlags::NONE, inferred };
    match grammar.dialect {
        Dialect::Flamegraph | Dialect::AsyncProfiler | Dialect::Perf => {
            (parts.name.end, parts.flags) = strip_suffixes(&text[..end]);
        }
        Dialect::PySpy => {
            (end, parts.flags) = strip_suffixes(&text[..end]);
            parts.name.end = end;
            if let Some(found) = location(&text[..end]) {
                (parts.name.end, parts.file, parts.line) = (found.name, found.file, found.line.unwrap_or(0));
            }
        }
        Dialect::Tachyon | Dialect::Austin => {
            if let Some((file, name, line)) = colons(&text[..end]) {
                let kernel =
                    grammar.dialect == Dialect::Austin && line == 0 && &text[file.clone()] == AUSTIN_KERNEL;
                (parts.name, parts.file, parts.line) = (name, file, line);
                if kernel {
                    parts.flags = FrameFlags::KERNEL;
                }
            }
        }
    }
    parts
}

/// Whether the text can be a whole frame. Recorders write `;` inside of a name or path as it is, so where all
/// frames of a file end in their place, a piece without one goes on after the semicolon. Tachyon's `<native>` and
/// `<GC>` have no place.
pub(crate) fn is_complete(grammar: Grammar, text: &[u8]) -> bool {
    let marked = text.strip_suffix(INFERRED).filter(|_| grammar.inferred);
    let text = marked.unwrap_or(text);
    match grammar.dialect {
        Dialect::Tachyon => colons(text).is_some() || (text.starts_with(b"<") && text.ends_with(b">")),
        Dialect::Austin => colons(text).is_some(),
        Dialect::PySpy => !grammar.placed || location(text).is_some(),
        _ => true,
    }
}

fn strip_suffixes(text: &[u8]) -> (usize, FrameFlags) {
    let (mut end, mut flags) = (text.len(), FrameFlags::NONE);
    while end > 4 && text[end - 1] == b']' {
        let found = SUFFIXES.iter().find(|(suffix, _)| &text[end - 4..end] == *suffix);
        let Some(&(_, flag)) = found.filter(|(_, flag)| !flags.contains(*flag)) else { break };
        flags |= flag;
        end -= 4;
    }
    (end, flags)
}

/// The place in parentheses at the end of a frame of py-spy. The parentheses are matched from the right, since a
/// path may hold some: `run (copy (2)/app.py:3)`.
pub(crate) fn location(text: &[u8]) -> Option<Location> {
    let close = text.len().checked_sub(1).filter(|&last| text[last] == b')')?;
    let opens = |&at: &usize| text[at] == b'(' && at >= 2 && text[at - 1] == b' ';
    let open = match_parenthesis(text).filter(opens).or_else(|| {
        let last = memchr::memmem::rfind(text, b" (")?;
        Some(last + 1).filter(opens)
    })?;
    let inner = &text[open + 1..close];
    if inner.is_empty() {
        return None;
    }
    let colon = memchr::memrchr(b':', inner);
    let line = colon.and_then(|colon| parse_integer(&inner[colon + 1..]));
    let length = if line.is_some() { colon.unwrap_or(0) } else { inner.len() };
    Some(Location { name: open - 1, file: open + 1..open + 1 + length, line })
}

/// Where the parenthesis was opened that the last byte closes.
fn match_parenthesis(text: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    for at in memchr::memrchr2_iter(b'(', b')', text) {
        if text[at] == b')' {
            depth += 1;
        } else {
            depth -= 1;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

/// File, name and line of `file:name:line`. Double colons belong to the names of C++ and Rust. Austin ends its own
/// frames, `:GC:` and `:INVALID:`, without a line.
fn colons(text: &[u8]) -> Option<(Range<usize>, Range<usize>, i64)> {
    let last = memchr::memrchr(b':', text)?;
    let line = match &text[last + 1..] {
        [] => 0,
        digits => parse_integer(digits)?,
    };
    let mut end = last;
    loop {
        let colon = memchr::memrchr(b':', &text[..end])?;
        if colon > 0 && text[colon - 1] == b':' {
            end = colon - 1;
            continue;
        }
        return (colon + 1 < last).then_some((0..colon, colon + 1..last, line));
    }
}

/// A frame that is to be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) file: &'a [u8],
    pub(crate) line: i64,
    pub(crate) flags: FrameFlags,
}

impl<'a> Shown<'a> {
    /// What of it the dialect holds.
    pub(crate) fn held_by(self, dialect: Dialect) -> Self {
        match dialect {
            Dialect::PySpy => Self { flags: with_suffix(self.flags), ..self },
            Dialect::Tachyon | Dialect::Austin => {
                let kernel = self.file == AUSTIN_KERNEL && self.line == 0;
                Self { flags: if kernel { FrameFlags::KERNEL } else { FrameFlags::NONE }, ..self }
            }
            _ => Self { file: b"", line: 0, flags: with_suffix(self.flags), ..self },
        }
    }

    /// Writes the frame as the dialect does. With `stand_ins`, what a line cannot hold is replaced.
    pub(crate) fn push(self, dialect: Dialect, out: &mut Vec<u8>, stand_ins: Option<Marks>) {
        let push_text = |out: &mut Vec<u8>, text: &[u8]| match stand_ins {
            Some(marks) => push_escaped(out, text, marks),
            None => out.extend_from_slice(text),
        };
        match dialect {
            Dialect::Tachyon | Dialect::Austin => {
                if !self.file.is_empty() {
                    push_text(out, self.file);
                }
                out.push(b':');
                push_text(out, self.name);
                out.push(b':');
                push_decimal(out, self.line, 0);
            }
            _ => {
                push_text(out, self.name);
                if !self.file.is_empty() || self.line != 0 {
                    out.extend_from_slice(b" (");
                    if !self.file.is_empty() {
                        push_text(out, self.file);
                    }
                    if self.line != 0 {
                        out.push(b':');
                        push_decimal(out, self.line, 0);
                    }
                    out.push(b')');
                }
                for (suffix, flag) in SUFFIXES {
                    if self.flags.contains(flag) {
                        out.extend_from_slice(suffix);
                    }
                }
            }
        }
    }
}

/// Those of the flags that have a suffix.
fn with_suffix(flags: FrameFlags) -> FrameFlags {
    let held = SUFFIXES.iter().filter(|&&(_, flag)| flags.contains(flag));
    held.fold(FrameFlags::NONE, |all, &(_, flag)| all | flag)
}
