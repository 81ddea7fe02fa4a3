//! Austin's own: a metric in place of the count, and lines of metadata, `# mode: wall`, at the begin or the end.
//!
//! The metric is microseconds in the modes `wall` and `cpu`, bytes in `memory`, and `time,idle,memory` in `full`.
//! Memory is signed: allocated and freed bytes become two sample types, since a sum of both says nothing
//! (austin-python's `stats.py` keeps them apart for the same reason). austin-python 2.4's `mojo2austin` writes only
//! the time in mode `full`.

use crate::count::parse_integer;

/// What one line measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Metric {
    /// Microseconds, or bytes in mode `memory`.
    pub(crate) first: i64,
    /// Whether the thread was idle, and bytes of memory: mode `full`.
    pub(crate) rest: Option<(bool, i64)>,
}

impl Metric {
    pub(crate) fn parse(token: &[u8]) -> Option<Self> {
        let mut fields = token.split(|&byte| byte == b',');
        let first = parse_integer(fields.next()?)?;
        let Some(idle) = fields.next() else { return Some(Self { first, rest: None }) };
        let idle = match idle {
            b"0" => false,
            b"1" => true,
            _ => return None,
        };
        let memory = parse_integer(fields.next()?)?;
        fields.next().is_none().then_some(Self { first, rest: Some((idle, memory)) })
    }
}

/// What the metadata of a file says that profkit knows a place for.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Metadata<'a> {
    pub(crate) version: Option<&'a [u8]>,
    pub(crate) mode: Option<&'a [u8]>,
    /// Microseconds.
    pub(crate) interval: Option<i64>,
    /// Microseconds.
    pub(crate) duration: Option<i64>,
}

impl<'a> Metadata<'a> {
    /// Takes a comment in; whether it was metadata with a place.
    pub(crate) fn add(&mut self, comment: &'a [u8]) -> bool {
        let Some(colon) = memchr::memmem::find(comment, b": ") else { return false };
        let (key, value) = (&comment[..colon], &comment[colon + 2..]);
        match key {
            b"austin" => self.version = Some(value),
            b"mode" => self.mode = Some(value),
            b"interval" => self.interval = parse_integer(value),
            b"duration" => self.duration = parse_integer(value),
            _ => return false,
        }
        true
    }
}

/// Which sample types the lines of a file make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Wall,
    Cpu,
    Memory,
    Full,
}

impl Mode {
    /// The mode that a file names, or what its metrics tell: three numbers are `full`, negative ones `memory`, and
    /// all others `wall`, as Austin has it where nothing is asked for.
    pub(crate) fn of(named: Option<&[u8]>, any_full: bool, any_negative: bool) -> Self {
        match named {
            _ if any_full => Self::Full,
            Some(b"cpu") => Self::Cpu,
            Some(b"memory") => Self::Memory,
            Some(_) => Self::Wall,
            None if any_negative => Self::Memory,
            None => Self::Wall,
        }
    }

    /// How the metadata calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Full => "full",
        }
    }

    /// Name and unit of the sample types; the last one only in a file where memory was freed.
    pub(crate) fn sample_types(self) -> &'static [(&'static [u8], &'static [u8])] {
        const WALL: (&[u8], &[u8]) = (b"wall", b"nanoseconds");
        const CPU: (&[u8], &[u8]) = (b"cpu", b"nanoseconds");
        const MEMORY: (&[u8], &[u8]) = (MEMORY_NAME, b"bytes");
        const FREED: (&[u8], &[u8]) = (FREED_NAME, b"bytes");
        match self {
            Self::Wall => &[WALL],
            Self::Cpu => &[CPU],
            Self::Memory => &[MEMORY, FREED],
            Self::Full => &[WALL, CPU, MEMORY, FREED],
        }
    }

    /// The values of a line in the order of the sample types; `None` where they do not fit. Lines of a `full` file
    /// that have a time only count as running.
    pub(crate) fn values(self, metric: Metric) -> Option<[i64; 4]> {
        let time = metric.first;
        let split = |memory: i64| Some((memory.max(0), memory.min(0).checked_neg()?));
        match self {
            Self::Wall | Self::Cpu => Some([time.checked_mul(1_000)?, 0, 0, 0]),
            Self::Memory => split(time).map(|(memory, freed)| [memory, freed, 0, 0]),
            Self::Full => {
                let (idle, memory) = metric.rest.unwrap_or((false, 0));
                let (wall, (memory, freed)) = (time.checked_mul(1_000)?, split(memory)?);
                Some([wall, if idle { 0 } else { wall }, memory, freed])
            }
        }
    }
}

/// The sample type of bytes that were allocated.
pub(crate) const MEMORY_NAME: &[u8] = b"memory";
/// The sample type of bytes that were freed.
pub(crate) const FREED_NAME: &[u8] = b"memory_freed";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_one_number_or_three() {
        assert_eq!(Metric::parse(b"5111"), Some(Metric { first: 5111, rest: None }));
        assert_eq!(
            Metric::parse(b"5111,1,-950272"),
            Some(Metric { first: 5111, rest: Some((true, -950_272)) })
        );
        for token in [&b""[..], b"1,2", b"1,2,3", b"1,0,", b"1,0,3,4", b"1.5", b"x"] {
            assert_eq!(Metric::parse(token), None);
        }
    }

    #[test]
    fn values_are_nanoseconds_and_bytes_that_came_and_went() {
        let full = Metric { first: 5, rest: Some((true, -64)) };
        assert_eq!(Mode::Full.values(full), Some([5_000, 0, 0, 64]));
        let full = Metric { first: 5, rest: Some((false, 64)) };
        assert_eq!(Mode::Full.values(full), Some([5_000, 5_000, 64, 0]));
        assert_eq!(Mode::Cpu.values(Metric { first: i64::MAX, rest: None }), None);
    }

    #[test]
    fn a_file_without_a_mode_is_told_by_its_metrics() {
        assert_eq!(Mode::of(None, false, false), Mode::Wall);
        assert_eq!(Mode::of(None, false, true), Mode::Memory);
        assert_eq!(Mode::of(None, true, true), Mode::Full);
        assert_eq!(Mode::of(Some(b"full"), false, false), Mode::Wall);
        assert_eq!(Mode::of(Some(b"cpu"), false, false), Mode::Cpu);
    }
}
