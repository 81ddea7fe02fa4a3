//! What numbers count, and in which unit.

use crate::id::StringId;

/// What a column of values counts: a name, a unit and the decimals that the integers carry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SampleType {
    /// What is counted: `cpu`, `samples`, `inuse_space`.
    pub name: StringId,
    /// In which unit, as the source spells it: `nanoseconds`, `bytes`, `count`.
    pub unit: StringId,
    /// A value is the stored integer divided by 10 to this power. 0 unless the source has fractions that no smaller
    /// unit holds: of counts, of bytes and nanoseconds (speedscope), of any unit that a file has decimals with (pprof's
    /// `nanoseconds/1000`, callgrind's `1e-3ms`).
    pub decimals: u8,
}

/// What a unit measures.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dimension {
    /// Time; the smallest unit is the nanosecond.
    Time,
    /// Memory; the smallest unit is the byte.
    Bytes,
    /// A number of things, or a unit nobody has heard of.
    Count,
}

/// A unit that can be converted: so many nanoseconds or bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unit {
    /// What it measures.
    pub dimension: Dimension,
    /// How many nanoseconds, bytes or things one of it is.
    pub factor: i64,
}

impl Unit {
    /// Reads a unit's name, singular, plural or short, in any case; what is unknown is a count.
    ///
    /// The names are those that `go tool pprof` scales (google/pprof `internal/measurement`), and the two
    /// ways to spell microseconds with a Greek letter: austin2pprof 0.1 writes `μs`.
    #[must_use]
    pub fn parse(name: &[u8]) -> Self {
        const TIME: &[(i64, &[&str])] = &[
            (1, &["ns", "nanosecond", "nanoseconds"]),
            (1_000, &["us", "µs", "μs", "microsecond", "microseconds"]),
            (1_000_000, &["ms", "millisecond", "milliseconds"]),
            (1_000_000_000, &["s", "sec", "secs", "second", "seconds"]),
            (60_000_000_000, &["min", "mins", "minute", "minutes"]),
            (3_600_000_000_000, &["h", "hr", "hrs", "hour", "hours"]),
        ];
        const BYTES: &[(i64, &[&str])] = &[
            (1, &["b", "byte", "bytes"]),
            (1_024, &["kb", "kib", "kilobyte", "kilobytes", "kibibyte", "kibibytes"]),
            (1_048_576, &["mb", "mib", "megabyte", "megabytes", "mebibyte", "mebibytes"]),
            (1_073_741_824, &["gb", "gib", "gigabyte", "gigabytes", "gibibyte", "gibibytes"]),
        ];
        let name = String::from_utf8_lossy(name).trim().to_lowercase();
        for (dimension, units) in [(Dimension::Time, TIME), (Dimension::Bytes, BYTES)] {
            for &(factor, names) in units {
                if names.contains(&name.as_str()) {
                    return Self { dimension, factor };
                }
            }
        }
        Self { dimension: Dimension::Count, factor: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_however_they_are_spelled() {
        let time = |factor| Unit { dimension: Dimension::Time, factor };
        assert_eq!(Unit::parse(b"nanoseconds"), time(1));
        assert_eq!(Unit::parse("μs".as_bytes()), time(1_000));
        assert_eq!(Unit::parse("µs".as_bytes()), time(1_000));
        assert_eq!(Unit::parse(b"Seconds"), time(1_000_000_000));
        assert_eq!(Unit::parse(b"kB"), Unit { dimension: Dimension::Bytes, factor: 1_024 });
        assert_eq!(Unit::parse(b"frobs").dimension, Dimension::Count);
    }
}
