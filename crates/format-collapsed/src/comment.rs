//! Remarks: lines that begin with `#`. flamegraph.pl and inferno do not know them and look for a number at the end,
//! so a remark that ends in one gets a mark after it.

use profkit_profile::Profile;

use crate::austin::Metadata;
use crate::count::Count;
use crate::dialect::{Dialect, Grammar};
use crate::escape::{Marks, push_escaped, unescape};
use crate::header::Header;
use crate::measure::Measure;

/// Keeps the number before it from being a count.
const MARK: &[u8] = b" #";

/// The remark in a line, which `text` is without what begins it.
pub(crate) fn read(grammar: Grammar, text: &[u8]) -> Vec<u8> {
    let text = text.strip_suffix(MARK).unwrap_or(text);
    if grammar.escaped { unescape(text).into_owned() } else { text.to_vec() }
}

/// The lines of a profile's remarks; `None` where one needs stand-ins and `grammar` has none.
pub(crate) fn lines(profile: &Profile, grammar: Grammar, measure: &Measure) -> Option<Vec<Vec<u8>>> {
    let mut lines = Vec::new();
    if grammar.dialect == Dialect::Austin {
        lines.extend(metadata(profile, measure).into_iter().map(|text| [b"# ", text.as_bytes()].concat()));
    }
    for &comment in &profile.meta().comments {
        let comment = profile.bytes(comment);
        if !comment.is_empty() {
            lines.push(line(grammar, comment)?);
        }
    }
    Some(lines)
}

fn line(grammar: Grammar, comment: &[u8]) -> Option<Vec<u8>> {
    let attempts: &[Option<Marks>] = match grammar.escaped {
        false => &[None],
        true => &Marks::EVERY.map(Some),
    };
    for marks in attempts {
        let mut text = Vec::new();
        match marks {
            Some(marks) => push_escaped(&mut text, comment, *marks),
            None => text.extend_from_slice(comment),
        }
        // Austin's own tools want nothing behind a value.
        let word = text.rsplit(|&byte| byte == b' ').next().unwrap_or(&[]);
        let counted = grammar.dialect != Dialect::Austin && Count::parse(word).is_some();
        if counted || text.ends_with(MARK) {
            text.extend_from_slice(MARK);
        }
        let line = [b"# ", &text[..]].concat();
        let fits = !text.iter().any(u8::is_ascii_control) && text.trim_ascii().len() == text.len();
        let taken = grammar.dialect == Dialect::Austin && Metadata::default().add(&text);
        if fits && !taken && Header::parse(&line).is_none() && read(grammar, &text) == comment {
            return Some(line);
        }
    }
    None
}

/// What Austin says about itself, in its order.
fn metadata(profile: &Profile, measure: &Measure) -> Vec<String> {
    let meta = profile.meta();
    let mut lines = Vec::new();
    if let Some(version) =
        meta.producer.strip_prefix("austin ").filter(|text| !text.contains(char::is_control))
    {
        lines.push(format!("austin: {version}"));
    }
    if let Some(interval) = interval(profile) {
        lines.push(format!("interval: {interval}"));
    }
    if let Some(mode) = measure.mode() {
        lines.push(format!("mode: {}", mode.name()));
    }
    if let Some(duration) = microseconds(meta.duration_ns) {
        lines.push(format!("duration: {duration}"));
    }
    lines
}

/// The time between samples in microseconds, where it is one.
pub(crate) fn interval(profile: &Profile) -> Option<i64> {
    let meta = profile.meta();
    let (name, unit) = meta.period_type?;
    let time = matches!(profile.bytes(name), b"wall" | b"cpu") && profile.bytes(unit) == b"nanoseconds";
    microseconds(Some(meta.period)).filter(|&interval| time && interval > 0)
}

/// A time in microseconds, where it is a whole number of them.
pub(crate) fn microseconds(nanoseconds: Option<i64>) -> Option<i64> {
    nanoseconds.filter(|nanoseconds| nanoseconds % 1_000 == 0).map(|nanoseconds| nanoseconds / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_never_end_in_a_count() {
        let py_spy = Grammar::of(Dialect::PySpy);
        for (comment, written) in [("count: 1408", "# count: 1408 #"), ("C #", "# C # #"), ("said", "# said")]
        {
            let text = line(py_spy, comment.as_bytes()).unwrap();
            assert_eq!(text, written.as_bytes());
            assert_eq!(read(py_spy, &text[2..]), comment.as_bytes());
        }
        assert_eq!(line(Grammar::of(Dialect::Austin), b"count: 1408").unwrap(), b"# count: 1408");
    }

    #[test]
    fn remarks_that_mean_something_else_get_stand_ins() {
        let escaped = |dialect| Grammar { escaped: true, ..Grammar::of(dialect) };
        for (dialect, comment) in [
            (Dialect::Austin, "mode: cpu"),
            (Dialect::PySpy, "profkit: collapsed perf"),
            (Dialect::PySpy, "two\nlines"),
            (Dialect::PySpy, " indented"),
        ] {
            assert_eq!(line(Grammar::of(dialect), comment.as_bytes()), None, "{comment}");
            let text = line(escaped(dialect), comment.as_bytes()).unwrap();
            assert_eq!(read(escaped(dialect), &text[2..]), comment.as_bytes());
        }
    }
}
