//! Where a reader and the truth differ, and the judgement: each difference must be one of the known ones
//! (`exceptions.rs`), and each known one must still be there.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::exceptions::EXCEPTIONS;
use super::facts::{Facts, Field, Numbers};

/// What a reader is trusted for. Others of its numbers are not looked at.
#[derive(Clone, Copy)]
pub(super) struct Trust {
    /// Whether it shows every function, or only some.
    pub(super) all_functions: bool,
    pub(super) functions: &'static [Field],
    /// Whether it shows every edge.
    pub(super) all_edges: bool,
    pub(super) edges: &'static [Field],
    /// By how much a time or cost may differ, in the model's units: what the reader rounds away.
    pub(super) slack: f64,
}

impl Trust {
    /// Everything, exactly.
    pub(super) const FULL: Self =
        Self { all_functions: true, functions: &Field::ALL, all_edges: true, edges: &Field::ALL, slack: 0.0 };
}

/// The differences that one reader shows.
pub(super) struct Findings {
    reader: String,
    /// By kind and source, the differences in words.
    found: BTreeMap<(String, String), Vec<String>>,
    /// How many files it read.
    files: usize,
}

impl Findings {
    pub(super) fn new(reader: impl Into<String>) -> Self {
        Self { reader: reader.into(), found: BTreeMap::new(), files: 0 }
    }

    /// Notes one difference.
    pub(super) fn add(&mut self, source: &str, kind: &str, detail: impl Into<String>) {
        self.found.entry((kind.to_owned(), source.to_owned())).or_default().push(detail.into());
    }

    /// Notes that a file was read.
    pub(super) fn read(&mut self) {
        self.files += 1;
    }

    /// Notes the difference of two values that should be one.
    pub(super) fn same<T: PartialEq + Debug>(
        &mut self,
        source: &str,
        kind: &str,
        what: &str,
        expected: &T,
        found: &T,
    ) {
        if expected != found {
            self.add(source, kind, format!("{what} is {found:?}, not {expected:?}"));
        }
    }

    /// Compares what a reader shows of a source with what it should show.
    pub(super) fn compare(&mut self, source: &str, trust: Trust, expected: &Facts, found: &Facts) {
        for (name, numbers) in &expected.functions {
            match found.functions.get(name) {
                Some(shown) => {
                    self.numbers(source, "", name, trust.functions, trust.slack, numbers, shown);
                }
                None if trust.all_functions => self.add(source, "functions", format!("{name:?} is missing")),
                None => {}
            }
        }
        for name in found.functions.keys().filter(|name| !expected.functions.contains_key(*name)) {
            self.add(source, "functions", format!("{name:?} is not in the source"));
        }
        if trust.edges.is_empty() {
            return;
        }
        for (pair, numbers) in &expected.edges {
            match found.edges.get(pair) {
                Some(shown) => {
                    self.numbers(source, "edge ", pair, trust.edges, trust.slack, numbers, shown);
                }
                None if trust.all_edges => self.add(source, "edges", format!("{pair:?} is missing")),
                None => {}
            }
        }
        for pair in found.edges.keys().filter(|pair| !expected.edges.contains_key(*pair)) {
            self.add(source, "edges", format!("{pair:?} is not in the source"));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what is compared with what, and how")]
    fn numbers(
        &mut self,
        source: &str,
        prefix: &str,
        name: &impl Debug,
        fields: &[Field],
        slack: f64,
        expected: &Numbers,
        found: &Numbers,
    ) {
        for field in fields {
            let (truth, shown) = (field.of(expected), field.of(found));
            // What one side does not say must be nothing on the other.
            let (truth, shown) = (truth.unwrap_or(0), shown.unwrap_or(0));
            let exact = matches!(field, Field::Calls | Field::Primitive);
            // A double holds 53 bits; sums of doubles lose one or two more.
            let most = if exact { 0.0 } else { slack + truth.unsigned_abs() as f64 / 2f64.powi(50) };
            if (truth - shown).unsigned_abs() as f64 > most {
                let kind = format!("{prefix}{}", field.name());
                self.add(source, &kind, format!("{name:?}: {shown}, not {truth}"));
            }
        }
    }

    /// Fails unless what was found is what is known.
    pub(super) fn judge(self) {
        let of_reader = EXCEPTIONS.iter().filter(|row| matches(row.reader, &self.reader));
        let known: Vec<_> =
            of_reader.flat_map(|row| row.sources.iter().map(move |source| (row, *source))).collect();
        let mut used = vec![false; known.len()];
        let mut report = String::new();
        for ((kind, source), details) in &self.found {
            let mut excused = false;
            for (&(row, pattern), used) in known.iter().zip(&mut used) {
                if row.kinds.contains(&kind.as_str()) && matches(pattern, source) {
                    *used = true;
                    excused = true;
                }
            }
            if !excused {
                let shown: Vec<&str> = details.iter().take(4).map(String::as_str).collect();
                report += &format!("{source}: {kind} ({}): {}\n", details.len(), shown.join("; "));
            }
        }
        for ((row, pattern), _) in known.iter().zip(&used).filter(|(_, used)| !**used) {
            report += &format!("no longer happens with {pattern}: {:?}: {}\n", row.kinds, row.why);
        }
        assert!(self.files > 0, "{} read no file", self.reader);
        eprintln!("{}: {} files, {} known differences", self.reader, self.files, self.found.len());
        assert!(report.is_empty(), "{} of {} files:\n{report}", self.reader, self.files);
    }
}

/// Whether a text fits a pattern, in which `*` stands for anything, `?` for a character and `[123]` for one of these.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => {
            let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            starts.any(|at| matches(rest.as_str(), &text[at..]))
        }
        Some(first) => {
            let mut text = text.chars();
            let Some(character) = text.next() else { return false };
            let (fits, rest) = match first {
                '?' => (true, rest.as_str()),
                '[' => {
                    let (set, rest) = rest.as_str().split_once(']').expect("a set ends");
                    (set.contains(character), rest)
                }
                _ => (first == character, rest.as_str()),
            };
            fits && matches(rest, text.as_str())
        }
    }
}

#[test]
fn patterns() {
    assert!(matches("pstats *", "pstats 3.11"));
    assert!(matches("*/odd*.x", "pstats/odd-names.x"));
    assert!(!matches("pstats", "pstats 3.11"));
    assert!(!matches("a*b", "abc"));
    assert!(matches("3.1[01]?", "3.11x"));
    assert!(!matches("3.?", "3.10"));
}
