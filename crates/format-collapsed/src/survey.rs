//! The first pass over a file: what all lines have in common. One line decides nothing: `foo 3 5` is a stack seen
//! 5 times in most files, and one seen 3 and 5 times in a file where every line ends in two counts.

use profkit_profile::ReadError;

use crate::austin::Metadata;
use crate::count::{Count, MAX_DECIMALS};
use crate::dialect::Dialect;
use crate::record::{Kind, Record, Records, Value, split_first_count};

/// What the lines have in common.
#[derive(Default, Debug)]
pub(crate) struct Survey<'a> {
    pub(crate) stacks: usize,
    bad: usize,
    first_bad: Option<usize>,
    /// Lines that end in two counts.
    differential: usize,
    /// The most digits after the point.
    pub(crate) decimals: u32,
    /// The sum of all counts without their signs.
    magnitude: u128,
    /// Austin: lines of three numbers, and whether memory was ever freed.
    pub(crate) full: bool,
    pub(crate) negative: bool,
    pub(crate) metadata: Metadata<'a>,
    /// Remarks, without what marks them.
    pub(crate) comments: Vec<&'a [u8]>,
}

impl<'a> Survey<'a> {
    pub(crate) fn of(text: &'a [u8], dialect: Dialect) -> Self {
        let mut survey = Self::default();
        for record in Records::new(text, dialect) {
            survey.add(&record, dialect);
        }
        survey
    }

    #[inline]
    fn add(&mut self, record: &Record<'a>, dialect: Dialect) {
        match record.kind {
            Kind::Stack { end, value: Value::Count(count) } => {
                self.stacks += 1;
                self.add_count(count);
                // Once a line has one count only, no other needs to be looked at.
                if self.differential + 1 == self.stacks
                    && let Some((_, first)) = split_first_count(&record.text[..end])
                {
                    self.differential += 1;
                    self.add_count(first);
                }
            }
            Kind::Stack { value: Value::Metric(metric), .. } => {
                self.stacks += 1;
                self.full |= metric.rest.is_some();
                self.negative |= metric.first < 0 || metric.rest.is_some_and(|(_, memory)| memory < 0);
            }
            Kind::Comment => self.add_comment(record.text, dialect),
            Kind::Bad => {
                self.bad += 1;
                self.first_bad.get_or_insert(record.offset);
            }
        }
    }

    fn add_count(&mut self, count: Count) {
        self.decimals = self.decimals.max(count.decimals());
        self.magnitude = self.magnitude.saturating_add(count.magnitude());
    }

    fn add_comment(&mut self, text: &'a [u8], dialect: Dialect) {
        let text = text.strip_prefix(b"#").or_else(|| text.strip_prefix(b"//")).unwrap_or(text);
        let text = text.strip_prefix(b" ").unwrap_or(text);
        let known = dialect == Dialect::Austin && self.metadata.add(text);
        if !text.is_empty() && !known {
            self.comments.push(text);
        }
    }

    /// Whether every line ends in two counts.
    pub(crate) fn is_differential(&self) -> bool {
        self.stacks > 0 && self.differential == self.stacks
    }

    /// The decimals to keep: all, or as many as let the sum of the file fit 64 bits.
    pub(crate) fn kept_decimals(&self) -> u32 {
        let fits = |decimals: u32| {
            let sum = 10u128.checked_pow(decimals).and_then(|power| self.magnitude.checked_mul(power));
            sum.is_some_and(|sum| i64::try_from(sum).is_ok())
        };
        (0..=self.decimals.min(MAX_DECIMALS)).rev().find(|&decimals| fits(decimals)).unwrap_or(0)
    }

    /// Refuses a file of which too much is no stacks; says what will be skipped of the others. The lines begin at
    /// `body` of the text.
    pub(crate) fn check(&self, text: &[u8], body: usize) -> Result<Option<String>, ReadError> {
        let Some(first) = self.first_bad.map(|first| first + body) else { return Ok(None) };
        if !is_tolerable(self.bad, self.stacks) {
            return Err(ReadError::malformed("a line without a count at its end", first));
        }
        let (line, _) = ReadError::malformed("", first).line_column(text);
        let total = self.bad + self.stacks;
        Ok(Some(format!(
            "skipped {} of {total} lines, which end in no count; the first is line {line}",
            self.bad
        )))
    }
}

/// Whether so many lines that are no stacks may be skipped: one in ten, or a single one in a short file. Recorders
/// write names with line breaks as they are (py-spy 0.4, Tachyon), and one that is killed leaves half a line.
pub(crate) fn is_tolerable(bad: usize, stacks: usize) -> bool {
    bad * 9 <= stacks || (bad == 1 && stacks >= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(text: &str) -> Survey<'_> {
        Survey::of(text.as_bytes(), Dialect::Flamegraph)
    }

    #[test]
    fn a_file_is_differential_as_a_whole() {
        assert!(survey("a;b 1 2\na 0 3\n").is_differential());
        assert!(!survey("a;b 1 2\na 3\n").is_differential());
        assert!(!survey("a 3\na;b 1 2\n").is_differential());
        assert!(!survey("1 2\n3 4\n").is_differential());
        assert!(!survey("").is_differential());
    }

    #[test]
    fn decimals_are_kept_as_far_as_the_sum_fits() {
        assert_eq!(survey("a;b 31.23\na;c 2.567\n").kept_decimals(), 3);
        assert_eq!(survey("a;b 0.1\na;c 0.30000000000000004\n").kept_decimals(), 17);
        assert_eq!(survey("a;b 12345678.1\na;c 0.30000000000000004\n").kept_decimals(), 11);
        assert_eq!(survey("a;b 9e18\na;c 9e18\na;d 0.5\n").kept_decimals(), 0);
    }

    #[test]
    fn one_line_in_ten_may_be_something_else() {
        let text = "a;b 1\n".repeat(9) + "new\n";
        let note = survey(&text).check(text.as_bytes(), 0).unwrap().unwrap();
        assert_eq!(note, "skipped 1 of 10 lines, which end in no count; the first is line 10");
        let text = "a;b 1\n".repeat(17) + "new\nline\n";
        let error = survey(&text).check(text.as_bytes(), 0).unwrap_err();
        assert_eq!(error.to_string(), "a line without a count at its end at byte 102");
        assert_eq!(survey("a;b 1\n").check(b"a;b 1\n", 0), Ok(None));
    }
}
