//! The `exporter` of a file: who wrote it, and what profkit says about its own files there, since the format has no
//! other place for it.
//!
//! `profkit 0.1.0 (no time order; stacks estimated from call edges; lines of definitions; every call; made by x)`, each
//! part in brackets only where it holds. The format has samples in order of time only; what profkit writes of formats
//! that add up is no such thing, and would be taken for one.

/// Exporters whose frames have the first line of their function, not the line that ran: pyinstrument 5.1.3 and the
/// PyPI package `speedscope` 1.0. (py-spy 0.4.3 does so with `--function`, and does not tell.)
const WITH_FIRST_LINES: [&str; 2] = ["pyinstrument", "pyspeedscope"];

/// Exporters that write an event for every call, since they trace. Whoever else writes events may have joined samples to
/// them: pyinstrument, .NET's trace tools and speedscope itself do, the last two under one name.
const WITH_EVERY_CALL: [&str; 1] = ["pyspeedscope"];

const PROFKIT: &str = "profkit ";
const ESTIMATED: &str = "stacks estimated from call edges";
const FIRST_LINES: &str = "lines of definitions";
const EVERY_CALL: &str = "every call";
const UNORDERED: &str = "no time order";
const ORDERED: (&str, &str) = ("time order in the first ", " profiles only");
const MADE_BY: &str = "made by ";

/// What an `exporter` tells.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Exporter {
    /// The tool that made the profile, before profkit rewrote it.
    pub(crate) producer: String,
    /// Profkit wrote the file.
    pub(crate) is_profkit: bool,
    /// The stacks are an estimate.
    pub(crate) estimated: bool,
    /// The lines of frames are those of the functions' definitions.
    pub(crate) first_lines: bool,
    /// Evented profiles have every call.
    pub(crate) every_call: bool,
    /// How many profiles at the beginning have their samples in order of time; all if `None`.
    pub(crate) ordered: Option<usize>,
}

impl Exporter {
    pub(crate) fn parse(text: &str) -> Self {
        let Some(version) = text.strip_prefix(PROFKIT) else {
            let first_lines = WITH_FIRST_LINES.contains(&text);
            let every_call = WITH_EVERY_CALL.contains(&text);
            return Self { producer: text.to_owned(), first_lines, every_call, ..Self::default() };
        };
        let mut exporter = Self { is_profkit: true, ..Self::default() };
        let remarks = version.strip_suffix(')').and_then(|version| version.split_once(" ("));
        let (version, mut remarks) = remarks.unwrap_or((version, ""));
        exporter.producer = format!("{PROFKIT}{version}");
        while !remarks.is_empty() {
            if let Some(producer) = remarks.strip_prefix(MADE_BY) {
                // The last one, whatever is in it.
                producer.clone_into(&mut exporter.producer);
                break;
            }
            let (remark, rest) = remarks.split_once("; ").unwrap_or((remarks, ""));
            exporter.estimated |= remark == ESTIMATED;
            exporter.first_lines |= remark == FIRST_LINES;
            exporter.every_call |= remark == EVERY_CALL;
            exporter.ordered = ordered(remark).or(exporter.ordered);
            remarks = rest;
        }
        exporter
    }

    /// The text for a file that this version of profkit writes.
    pub(crate) fn text(&self) -> String {
        let made_by = format!("{MADE_BY}{}", self.producer);
        let by_another = !self.producer.is_empty() && !self.producer.starts_with(PROFKIT);
        let ordered = match self.ordered {
            Some(0) => UNORDERED.to_owned(),
            count => format!("{}{}{}", ORDERED.0, count.unwrap_or_default(), ORDERED.1),
        };
        let remarks = [
            (self.ordered.is_some(), ordered.as_str()),
            (self.estimated, ESTIMATED),
            (self.first_lines, FIRST_LINES),
            (self.every_call, EVERY_CALL),
            (by_another, made_by.as_str()),
        ];
        let remarks: Vec<&str> = remarks.iter().filter(|(holds, _)| *holds).map(|(_, text)| *text).collect();
        let mut text = format!("{PROFKIT}{}", env!("CARGO_PKG_VERSION"));
        if !remarks.is_empty() {
            text.push_str(&format!(" ({})", remarks.join("; ")));
        }
        text
    }
}

/// What a remark says of the order of time.
fn ordered(remark: &str) -> Option<usize> {
    if remark == UNORDERED {
        return Some(0);
    }
    remark.strip_prefix(ORDERED.0)?.strip_suffix(ORDERED.1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_profkit_says_is_read_back() {
        for producer in ["py-spy@0.4.3", "a (b; c)", "made by x; lines of definitions", ""] {
            for (estimated, first_lines, every_call, ordered) in [
                (false, false, false, None),
                (true, false, false, Some(0)),
                (false, true, true, Some(12)),
                (true, true, false, None),
                (false, false, true, Some(1)),
            ] {
                let exporter = Exporter {
                    producer: producer.to_owned(),
                    is_profkit: true,
                    estimated,
                    first_lines,
                    every_call,
                    ordered,
                };
                let back = Exporter::parse(&exporter.text());
                let own = concat!("profkit ", env!("CARGO_PKG_VERSION"));
                let producer = if producer.is_empty() { own } else { producer };
                assert_eq!(back, Exporter { producer: producer.to_owned(), ..exporter }, "{}", back.text());
                assert_eq!(Exporter::parse(&back.text()), back);
            }
        }
    }

    #[test]
    fn other_exporters_are_taken_as_they_are() {
        assert_eq!(Exporter::parse("pyinstrument").producer, "pyinstrument");
        assert!(Exporter::parse("pyinstrument").first_lines);
        assert!(!Exporter::parse("py-spy@0.4.3").first_lines);
        for (text, every_call) in
            [("pyspeedscope", true), ("pyinstrument", false), ("speedscope@1.25.0", false), ("", false)]
        {
            assert_eq!(Exporter::parse(text).every_call, every_call, "{text}");
        }
        assert_eq!(Exporter::parse("profkit 9.9").producer, "profkit 9.9");
    }
}
