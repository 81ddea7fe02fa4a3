//! The lines of a file: which are stacks, which comments, and which neither.

use crate::austin::Metric;
use crate::count::Count;
use crate::dialect::{Dialect, Grammar};
use crate::{frame, root};

/// One line. A name or command with line breaks in it makes one out of several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// Where it begins in the text.
    pub(crate) offset: usize,
    /// Without white space at the end. Some at the begin matters: ` 3` is a stack without frames.
    pub(crate) text: &'a [u8],
    pub(crate) kind: Kind,
}

impl<'a> Record<'a> {
    /// The stack of a line; `differential` is whether two counts end it.
    pub(crate) fn stack(&self, differential: bool) -> Option<&'a [u8]> {
        let Kind::Stack { end, .. } = self.kind else { return None };
        let stack = &self.text[..end];
        let first = if differential { split_first_count(stack) } else { None };
        Some(first.map_or(stack, |(end, _)| &stack[..end]))
    }
}

/// What a line is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A stack, which ends at `end` and may have white space before it, and what was counted.
    Stack { end: usize, value: Value },
    /// A remark, or nothing.
    Comment,
    /// Anything else.
    Bad,
}

/// What was counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// The number at the end of a line.
    Count(Count),
    /// Austin's.
    Metric(Metric),
}

/// The lines of a text, one after another.
pub(crate) struct Records<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the last line begins that was tried as the rest of another.
    tried: usize,
    dialect: Dialect,
}

/// How many lines are put together: commands and names with line breaks are written as they are (py-spy 0.4,
/// Tachyon, Austin).
const MAX_LINES: usize = 64;

impl<'a> Records<'a> {
    pub(crate) fn new(text: &'a [u8], dialect: Dialect) -> Self {
        Self { text, at: 0, tried: 0, dialect }
    }

    fn line_end(&self, from: usize) -> usize {
        memchr::memchr(b'\n', &self.text[from..]).map_or(self.text.len(), |at| from + at)
    }

    /// The end of the line with the count of the stack that begins in `start..end`, if that is not the whole line.
    fn end_of_stack(&mut self, start: usize, end: usize) -> Option<usize> {
        let text = self.text[start..end].trim_ascii();
        let command = text.starts_with(b"process ") && root::has_open_command(text);
        if !command && (!self.is_begun(text) || split(self.dialect, text).is_some()) {
            return None;
        }
        let mut last = end;
        for _ in 1..MAX_LINES {
            if last >= self.text.len() {
                break;
            }
            let from = last + 1;
            last = self.line_end(from);
            // Lines that were looked at in vain are not looked at again, or a file of open ones would take forever.
            self.tried = from;
            if !command && !self.goes_on(&self.text[from..last]) {
                break;
            }
            let text = self.text[start..last].trim_ascii();
            if !(command && root::has_open_command(text)) && split(self.dialect, text).is_some() {
                return Some(last);
            }
        }
        None
    }

    /// Whether a line is certainly a stack, though it has no count.
    fn is_begun(&self, line: &[u8]) -> bool {
        match self.dialect {
            Dialect::Austin | Dialect::Tachyon => root::parse(Grammar::of(self.dialect), line).any(),
            // `main (app.py:3);new`
            Dialect::PySpy => {
                let mut pieces = line.rsplit(|&byte| byte == b';');
                pieces.next().is_some_and(|last| !last.contains(&b'(')) && pieces.next().is_some_and(has_line)
            }
            _ => false,
        }
    }

    /// Whether a line can be the rest of one.
    fn goes_on(&self, line: &[u8]) -> bool {
        match self.dialect {
            Dialect::Austin | Dialect::Tachyon => {
                !line.starts_with(b"#") && !root::parse(Grammar::of(self.dialect), line).any()
            }
            // `line (app.py:7);leaf (app.py:9) 2`, or another part of the name.
            _ => {
                let stack = split(self.dialect, line.trim_ascii_end()).map_or(line, |(end, _)| &line[..end]);
                let first = stack.split(|&byte| byte == b';').next();
                first.is_some_and(|piece| has_line(piece) || !piece.contains(&b'('))
            }
        }
    }
}

/// Whether a frame of py-spy ends in file and line.
fn has_line(frame: &[u8]) -> bool {
    frame::location(frame).is_some_and(|location| location.line.is_some())
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        if self.at >= self.text.len() {
            return None;
        }
        let offset = self.at;
        let mut end = self.line_end(offset);
        let mut record = self.record(offset, end);
        if offset >= self.tried
            && (matches!(record.kind, Kind::Bad) || record.text.starts_with(b"process "))
            && let Some(later) = self.end_of_stack(offset, end)
        {
            end = later;
            record = self.record(offset, end);
        }
        self.at = end + 1;
        Some(record)
    }
}

impl<'a> Records<'a> {
    #[inline]
    fn record(&self, offset: usize, end: usize) -> Record<'a> {
        let text = self.text[offset..end].trim_ascii_end();
        let kind = match text.trim_ascii_start() {
            [] | [b'#', ..] => Kind::Comment,
            _ => match split(self.dialect, text) {
                Some((end, value)) => Kind::Stack { end, value },
                // speedscope's own sample has such remarks.
                None if text.trim_ascii_start().starts_with(b"//") => Kind::Comment,
                None => Kind::Bad,
            },
        };
        Record { offset, text, kind }
    }
}

/// Splits a line into where the stack ends and what was counted. py-spy 0.4 has lines like ` 3`, of threads without
/// a frame.
#[inline]
fn split(dialect: Dialect, text: &[u8]) -> Option<(usize, Value)> {
    let space = text.iter().rposition(|&byte| byte == b' ' || byte == b'\t')?;
    let token = &text[space + 1..];
    let value = match dialect {
        Dialect::Austin => Value::Metric(Metric::parse(token)?),
        _ => Value::Count(Count::parse(token)?),
    };
    let end = text[..space].trim_ascii_end().len();
    (end > 0 || space == 0).then_some((end, value))
}

/// The count before the last one, in a file of differences: where the stack ends, and the number.
pub(crate) fn split_first_count(stack: &[u8]) -> Option<(usize, Count)> {
    match split(Dialect::Flamegraph, stack)? {
        (end, Value::Count(count)) => Some((end, count)),
        (_, Value::Metric(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stacks(text: &str) -> Vec<(usize, String)> {
        let records = Records::new(text.as_bytes(), Dialect::PySpy);
        let stacks = records.filter_map(|record| match record.kind {
            Kind::Stack { end, .. } => {
                let stack = record.text[..end].trim_ascii_start();
                Some((record.offset, String::from_utf8_lossy(stack).into_owned()))
            }
            _ => None,
        });
        stacks.collect()
    }

    #[test]
    fn white_space_around_a_stack_does_not_count() {
        assert_eq!(
            stacks("a;b 1\r\n  a;c  2 \n\na;d\t3"),
            [(0, "a;b".to_owned()), (7, "a;c".to_owned()), (18, "a;d".to_owned())]
        );
    }

    #[test]
    fn remarks_and_lines_without_a_count_are_no_stacks() {
        assert_eq!(
            stacks("# a 5\n// remark\na;b\n5\n//x/y;b 2\n 5"),
            [(22, "//x/y;b".to_owned()), (32, String::new())]
        );
    }

    #[test]
    fn a_command_of_several_lines_is_one_line() {
        let text = "process 1:\"python -c x = 5\ny = 6\nf()\";f (x.py:3) 2\nprocess 1:\"a\nb;c 1\n";
        assert_eq!(
            stacks(text),
            [(0, "process 1:\"python -c x = 5\ny = 6\nf()\";f (x.py:3)".to_owned()), (64, "b;c".to_owned())]
        );
    }

    #[test]
    fn a_name_of_several_lines_is_one_line() {
        let text = "main (a.py:3);new\nline (a.py:4) 2\nmain (a.py:3);f (a.py:5) 0.5.0\nmain (a.py:3) 1\n";
        assert_eq!(
            stacks(text),
            [(0, "main (a.py:3);new\nline (a.py:4)".to_owned()), (65, "main (a.py:3)".to_owned())]
        );
        let text = b"tid:1;a.py:new\nline:3 2\ntid:1;a.py:f:3 1\nrest\n";
        let kinds: Vec<_> = Records::new(text, Dialect::Tachyon).map(|record| record.text.len()).collect();
        assert_eq!(kinds, [23, 16, 4]);
    }
}
