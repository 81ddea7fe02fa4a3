//! The lines of a file: which are stacks, which comments, and which neither.

use crate::austin::Metric;
use crate::count::Count;
use crate::dialect::Dialect;
use crate::root;

/// One line. A command with line breaks in it makes one line out of several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// Where it begins in the text.
    pub(crate) offset: usize,
    /// Without white space at either end.
    pub(crate) text: &'a [u8],
    pub(crate) kind: Kind,
}

/// What a line is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A stack, which ends at `end`, and what was counted.
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

impl Record<'_> {
    pub(crate) fn is_stack(&self) -> bool {
        matches!(self.kind, Kind::Stack { .. })
    }
}

/// The lines of a text, one after another.
pub(crate) struct Records<'a> {
    text: &'a [u8],
    at: usize,
    dialect: Dialect,
}

/// py-spy 0.4 writes the command of a process as it is. How many lines of a `python -c` are looked at.
const MAX_COMMAND_LINES: usize = 64;

impl<'a> Records<'a> {
    pub(crate) fn new(text: &'a [u8], dialect: Dialect) -> Self {
        Self { text, at: 0, dialect }
    }

    fn line_end(&self, from: usize) -> usize {
        memchr::memchr(b'\n', &self.text[from..]).map_or(self.text.len(), |at| from + at)
    }

    /// The end of the line in which the command that is open in `start..end` is closed and counted.
    fn end_of_command(&self, start: usize, end: usize) -> Option<usize> {
        let mut end = end;
        for _ in 0..MAX_COMMAND_LINES {
            if end == self.text.len() {
                return None;
            }
            end = self.line_end(end + 1);
            let text = self.text[start..end].trim_ascii();
            if !root::has_open_command(text) {
                return split(self.dialect, text).map(|_| end);
            }
        }
        None
    }
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
        let mut text = self.text[offset..end].trim_ascii();
        if text.starts_with(b"process ")
            && root::has_open_command(text)
            && let Some(later) = self.end_of_command(offset, end)
        {
            end = later;
            text = self.text[offset..end].trim_ascii();
        }
        self.at = end + 1;
        let kind = match text {
            [] | [b'#', ..] => Kind::Comment,
            _ => match split(self.dialect, text) {
                Some((end, value)) => Kind::Stack { end, value },
                // speedscope's own sample has such remarks.
                None if text.starts_with(b"//") => Kind::Comment,
                None => Kind::Bad,
            },
        };
        Some(Record { offset, text, kind })
    }
}

/// Splits a line into where the stack ends and what was counted.
#[inline]
fn split(dialect: Dialect, text: &[u8]) -> Option<(usize, Value)> {
    let space = text.iter().rposition(|&byte| byte == b' ' || byte == b'\t')?;
    let token = &text[space + 1..];
    let value = match dialect {
        Dialect::Austin => Value::Metric(Metric::parse(token)?),
        _ => Value::Count(Count::parse(token)?),
    };
    let end = text[..space].trim_ascii_end().len();
    (end > 0).then_some((end, value))
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
            Kind::Stack { end, .. } => Some((record.offset, String::from_utf8_lossy(&record.text[..end]).into_owned())),
            _ => None,
        });
        stacks.collect()
    }

    #[test]
    fn white_space_around_a_stack_does_not_count() {
        assert_eq!(stacks("a;b 1\r\n  a;c  2 \n\na;d\t3"), [
            (0, "a;b".to_owned()),
            (7, "a;c".to_owned()),
            (19, "a;d".to_owned())
        ]);
    }

    #[test]
    fn remarks_and_lines_without_a_count_are_no_stacks() {
        assert_eq!(stacks("# a 5\n// remark\na;b\n 5\n5\n//x/y;b 2"), [(28, "//x/y;b".to_owned())]);
    }

    #[test]
    fn a_command_of_several_lines_is_one_line() {
        let text = "process 1:\"python -c x = 5\ny = 6\nf()\";f (x.py:3) 2\nprocess 1:\"a\nb;c 1\n";
        assert_eq!(stacks(text), [
            (0, "process 1:\"python -c x = 5\ny = 6\nf()\";f (x.py:3)".to_owned()),
            (64, "b;c".to_owned())
        ]);
    }
}
