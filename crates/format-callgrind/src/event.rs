//! Event types: words of the `events:` line on one side, sample types on the other.
//!
//! The format has no units. Go's pprof and xdebug put them into the word, `cpu(ms)` and `Time_(10ns)`, which is read as
//! ten times so many `ns`; valgrind and pyprof2calltree into the long name of an `event:` line; yappi's `Ticks` are microseconds (its `_save_as_CALLGRIND`
//! writes `int(seconds * 1e6)`). profkit writes `wall(nanoseconds)`.

use nom::bytes::complete::tag;
use nom::character::complete::digit1;
use nom::sequence::preceded;
use nom::{IResult, Parser};
use profkit_profile::{Dimension, Unit};

/// What an event word stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Event {
    pub(crate) name: Vec<u8>,
    pub(crate) unit: Vec<u8>,
    /// See [`profkit_profile::SampleType::decimals`].
    pub(crate) decimals: u8,
    /// How many of the unit a cost of 1 is.
    pub(crate) factor: i64,
}

/// The unit of events of which nothing is said.
const COUNT: &[u8] = b"count";

/// Who wrote the file, as far as event words depend on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Writer {
    Yappi,
    Profkit,
    Other,
}

impl Event {
    /// Reads a word of the `events:` line; `long_name` is what an `event:` line says of it.
    pub(crate) fn parse(word: &[u8], long_name: Option<&[u8]>, writer: Writer) -> Self {
        let plain = |name: &[u8], unit: &[u8]| Self {
            name: name.to_vec(),
            unit: unit.to_vec(),
            decimals: 0,
            factor: 1,
        };
        if let Some((name, unit)) = split_unit(word) {
            // xdebug joins the two, `Time_(10ns)`, since a word cannot hold a space.
            let name = match name.strip_suffix(b"_") {
                Some(stripped) if writer != Writer::Profkit && !stripped.is_empty() => stripped,
                _ => name,
            };
            if writer == Writer::Profkit {
                let (unit, decimals) = scaled(unit);
                return Self { decimals, ..plain(name, unit) };
            }
            let (factor, unit) = multiple(unit);
            return Self { factor, ..plain(name, unit) };
        }
        if writer == Writer::Yappi && word == b"Ticks" {
            return plain(word, b"microseconds");
        }
        let unit = long_name.and_then(unit_of_long_name);
        plain(word, unit.or_else(|| known_unit(word)).unwrap_or(COUNT))
    }

    /// The word that reads back as this event, but for what no word can hold.
    pub(crate) fn word(&self) -> Vec<u8> {
        let mut word = sanitized(&self.name, b"_");
        let says_unit = self.unit != COUNT || self.decimals > 0;
        let read_back = Self::parse(&word, None, Writer::Profkit);
        if !says_unit && read_back.name == word && read_back.unit == COUNT {
            return word;
        }
        word.push(b'(');
        if self.decimals > 0 {
            word.extend_from_slice(format!("1e-{}", self.decimals).as_bytes());
        }
        let mut unit = sanitized(&self.unit, b"");
        // It would be taken for decimals, or lengthen those in front of it.
        if scaled(&unit).1 > 0 || (self.decimals > 0 && unit.first().is_some_and(u8::is_ascii_digit)) {
            unit.insert(0, b'_');
        }
        word.extend_from_slice(&unit);
        word.push(b')');
        word
    }
}

/// `cpu(ms)` as `cpu` and `ms`.
fn split_unit(word: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = word.strip_suffix(b")")?;
    let open = inner.iter().rposition(|&byte| byte == b'(').filter(|&open| open > 0)?;
    Some((&inner[..open], &inner[open + 1..]))
}

/// The decimals in front of a unit, as profkit writes them: `1e-3ms`.
fn scaled(unit: &[u8]) -> (&[u8], u8) {
    fn power(input: &[u8]) -> IResult<&[u8], &[u8]> {
        preceded(tag("1e-"), digit1).parse(input)
    }
    let parse = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse().ok();
    match power(unit) {
        Ok((rest, digits)) => parse(digits).map_or((unit, 0), |decimals| (rest, decimals)),
        Err(_) => (unit, 0),
    }
}

/// The number in front of a unit: xdebug 3 counts in steps of `10ns`.
fn multiple(unit: &[u8]) -> (i64, &[u8]) {
    let digits = unit.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = unit.split_at(digits);
    let number = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
    match (number.filter(|&number| number > 0), known_unit(rest)) {
        (Some(number), Some(rest)) => (number, rest),
        _ => (1, unit),
    }
}

/// `Nanoseconds`, or the last word in brackets: `sysTime (elapsed ms)` by valgrind.
fn unit_of_long_name(long_name: &[u8]) -> Option<&[u8]> {
    let in_brackets = split_unit(long_name).map(|(_, inner)| inner);
    let last = in_brackets.and_then(|inner| inner.rsplit(|&byte| byte == b' ').next());
    known_unit(long_name).or_else(|| last.and_then(known_unit))
}

/// A word that is a unit of time or memory; single letters are not taken for one.
fn known_unit(word: &[u8]) -> Option<&[u8]> {
    let known = word.len() > 1 && Unit::parse(word).dimension != Dimension::Count;
    known.then_some(word)
}

/// A part of an event word: what ends a word or confuses its brackets becomes `_`.
fn sanitized(text: &[u8], if_empty: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let is_separator = |character: char| {
        character.is_whitespace()
            || character.is_control()
            || matches!(character, '(' | ')' | char::REPLACEMENT_CHARACTER | '\u{feff}')
    };
    let word: String =
        text.chars().map(|character| if is_separator(character) { '_' } else { character }).collect();
    if word.is_empty() { if_empty.to_vec() } else { word.into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, unit: &str, decimals: u8) -> Event {
        Event { name: name.into(), unit: unit.into(), decimals, factor: 1 }
    }

    #[test]
    fn units_are_found_wherever_writers_put_them() {
        let parse = |word: &str, long: Option<&'static str>| {
            Event::parse(word.as_bytes(), long.map(str::as_bytes), Writer::Other)
        };
        assert_eq!(parse("Ir", None), event("Ir", "count", 0));
        assert_eq!(parse("cpu(ms)", None), event("cpu", "ms", 0));
        assert_eq!(parse("Time_(10ns)", None), Event { factor: 10, ..event("Time", "ns", 0) });
        assert_eq!(parse("Time_(0ns)", None), event("Time", "0ns", 0));
        assert_eq!(parse("Blocks_(10x)", None), event("Blocks", "10x", 0));
        assert_eq!(parse("Memory_(bytes)", None), event("Memory", "bytes", 0));
        assert_eq!(parse("ns", Some("Nanoseconds")), event("ns", "Nanoseconds", 0));
        assert_eq!(parse("sysTime", Some("sysTime (elapsed ms)")), event("sysTime", "ms", 0));
        assert_eq!(parse("Ir", Some("Instruction Fetches")), event("Ir", "count", 0));
        assert_eq!(Event::parse(b"Ticks", None, Writer::Yappi), event("Ticks", "microseconds", 0));
        assert_eq!(parse("Ticks", None), event("Ticks", "count", 0));
    }

    #[test]
    fn a_word_reads_back() {
        for (name, unit, decimals) in [
            ("wall", "nanoseconds", 0),
            ("Ir", "count", 0),
            ("ns", "count", 0),
            ("cpu_", "ns", 0),
            ("a", "", 0),
            ("weight", "none", 3),
            ("weight", "count", 2),
            ("Time", "10ns", 0),
        ] {
            let event = event(name, unit, decimals);
            let word = event.word();
            assert_eq!(Event::parse(&word, None, Writer::Profkit), event, "{}", word.escape_ascii());
        }
    }

    #[test]
    fn what_a_word_cannot_hold_is_replaced() {
        assert_eq!(event("a b(c)", "x y", 0).word(), b"a_b_c_(x_y)");
        assert_eq!(event("", "1e-3s", 0).word(), b"_(_1e-3s)");
        assert_eq!(event("a", "10ns", 1).word(), b"a(1e-1_10ns)");
    }
}
