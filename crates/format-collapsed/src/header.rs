//! The one comment that profkit writes at the begin of a file whose lines alone would be read as something else:
//! `# profkit: collapsed py-spy escaped`. Most files have none. Other tools skip it: it ends in no number.

use crate::dialect::{Dialect, Grammar};

/// What the comment says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) dialect: Dialect,
    /// Names have stand-ins; see `escape.rs`.
    pub(crate) escaped: bool,
    /// Lines end in two counts, before and after.
    pub(crate) differential: bool,
    /// The stacks are an estimate that profkit made from call edges.
    pub(crate) estimated: bool,
    /// Frames that the estimate made up end in ` [inferred]`.
    pub(crate) inferred: bool,
}

const START: &[u8] = b"# profkit: collapsed ";

impl Header {
    pub(crate) const fn of(dialect: Dialect) -> Self {
        Self { dialect, escaped: false, differential: false, estimated: false, inferred: false }
    }

    /// Reads the first line of a file. Words that it does not know are skipped: a later version may add some.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let line = text.split(|&byte| byte == b'\n').next()?.trim_ascii_end();
        let mut words = line.strip_prefix(START)?.split(|&byte| byte == b' ');
        let dialect = Dialect::named(std::str::from_utf8(words.next()?).ok()?)?;
        let mut header = Self::of(dialect);
        for word in words {
            match word {
                b"escaped" => header.escaped = true,
                b"differential" => header.differential = true,
                b"estimated" => header.estimated = true,
                b"inferred" => header.inferred = true,
                _ => {}
            }
        }
        Some(header)
    }

    pub(crate) fn push(self, out: &mut Vec<u8>) {
        out.extend_from_slice(START);
        out.extend_from_slice(self.dialect.name().as_bytes());
        let words = [
            (self.escaped, "escaped"),
            (self.differential, "differential"),
            (self.estimated, "estimated"),
            (self.inferred, "inferred"),
        ];
        for (_, word) in words.into_iter().filter(|&(said, _)| said) {
            out.push(b' ');
            out.extend_from_slice(word.as_bytes());
        }
        out.push(b'\n');
    }

    pub(crate) fn grammar(self) -> Grammar {
        Grammar { escaped: self.escaped, inferred: self.inferred, ..Grammar::of(self.dialect) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back() {
        for dialect in Dialect::ALL {
            let header = Header { escaped: true, inferred: true, ..Header::of(dialect) };
            let mut out = Vec::new();
            header.push(&mut out);
            assert_eq!(Header::parse(&out), Some(header));
        }
        assert_eq!(
            Header::parse(b"# profkit: collapsed perf later\r\na;b 1"),
            Some(Header::of(Dialect::Perf))
        );
        assert_eq!(Header::parse(b"# profkit: collapsed nobody\n"), None);
        assert_eq!(Header::parse(b"# profkit: pprof\n"), None);
    }
}
