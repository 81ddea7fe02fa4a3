//! Which sample types a file holds, and how their values are written.

use profkit_profile::{Dimension, Profile, Sample, WriteError, WriteOptions, push_decimal};

use crate::austin::{FREED_NAME, MEMORY_NAME, Mode};
use crate::dialect::Dialect;

/// The numbers of a line.
#[derive(Clone, Debug)]
pub(crate) struct Measure {
    /// The sample types, in the order in which their values are given.
    pub(crate) columns: Vec<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// A count, or one before and one after.
    Counts { decimals: u8 },
    /// Austin's microseconds, of values that are so many nanoseconds each.
    Time { mode: Mode, factor: i64 },
    /// Austin's bytes: allocated, and freed if there is a second value.
    Memory { factor: i64 },
    /// Austin's `time,idle,memory`: wall and CPU nanoseconds, bytes allocated and freed.
    Full,
}

/// What rounding left over so far, so that sums stay right to the last digit.
#[derive(Default)]
pub(crate) struct Remainders([i64; 2]);

impl Measure {
    /// What `dialect` holds of the profile: nothing if it has no sample type.
    pub(crate) fn of(
        profile: &Profile,
        options: &WriteOptions<'_>,
        dialect: Dialect,
    ) -> Result<Self, WriteError> {
        let Some(chosen) = options.sample_type.or_else(|| profile.default_type()) else {
            return Ok(Self { columns: Vec::new(), kind: Kind::Counts { decimals: 0 } });
        };
        let whole = options.sample_type.is_none();
        if dialect == Dialect::Austin {
            return Self::austin(profile, chosen, whole);
        }
        let types = profile.sample_types();
        let decimals = types[chosen].decimals;
        if let [before, after] = types
            && whole
            && (profile.bytes(before.name), profile.bytes(after.name)) == (b"before", b"after")
            && (before.unit, before.decimals) == (after.unit, after.decimals)
        {
            return Ok(Self { columns: vec![0, 1], kind: Kind::Counts { decimals } });
        }
        Ok(Self { columns: vec![chosen], kind: Kind::Counts { decimals } })
    }

    fn austin(profile: &Profile, chosen: usize, whole: bool) -> Result<Self, WriteError> {
        let named = |name: &[u8]| profile.sample_type_named(name);
        let freed = named(FREED_NAME).filter(|&index| profile.unit(index).dimension == Dimension::Bytes);
        let in_unit = |index: usize, unit: &[u8]| profile.bytes(profile.sample_types()[index].unit) == unit;
        if whole
            && let (Some(wall), Some(cpu), Some(memory)) = (named(b"wall"), named(b"cpu"), named(MEMORY_NAME))
            && in_unit(wall, b"nanoseconds")
            && in_unit(cpu, b"nanoseconds")
            && in_unit(memory, b"bytes")
            && freed.is_none_or(|freed| in_unit(freed, b"bytes"))
        {
            let columns = [wall, cpu, memory].into_iter().chain(freed).collect();
            return Ok(Self { columns, kind: Kind::Full });
        }
        let chosen = named(MEMORY_NAME).filter(|_| whole && freed == Some(chosen)).unwrap_or(chosen);
        let unit = profile.unit(chosen);
        let chosen_type = profile.sample_types()[chosen];
        let name = profile.bytes(chosen_type.name);
        match unit.dimension {
            Dimension::Time if chosen_type.decimals == 0 => {
                let mode = if name == b"cpu" { Mode::Cpu } else { Mode::Wall };
                Ok(Self { columns: vec![chosen], kind: Kind::Time { mode, factor: unit.factor } })
            }
            Dimension::Bytes if chosen_type.decimals == 0 => {
                let pair =
                    freed.filter(|&freed| name == MEMORY_NAME && profile.unit(freed).factor == unit.factor);
                let columns = [chosen].into_iter().chain(pair).collect();
                Ok(Self { columns, kind: Kind::Memory { factor: unit.factor } })
            }
            _ => {
                let name = profile.text(chosen_type.name);
                let problem = format!("Austin's text holds times and bytes; {name:?} is neither");
                Err(WriteError::Unsupported(problem.into()))
            }
        }
    }

    /// The samples that have something of what the file holds, or nothing at all: a profile with several sample
    /// types may have many that count for the others only.
    pub(crate) fn samples<'a>(&'a self, profile: &'a Profile) -> impl Iterator<Item = (usize, Sample)> + 'a {
        let samples = profile.samples();
        let held = |row: usize| self.columns.iter().any(|&column| samples.values(column)[row] != 0);
        let any = !self.columns.is_empty();
        samples.iter().enumerate().filter(move |&(row, _)| any && (held(row) || samples.is_zero(row)))
    }

    /// Whether lines end in two counts.
    pub(crate) fn is_differential(&self) -> bool {
        matches!(self.kind, Kind::Counts { .. }) && self.columns.len() == 2
    }

    /// Austin's mode.
    pub(crate) fn mode(&self) -> Option<Mode> {
        match self.kind {
            Kind::Counts { .. } => None,
            Kind::Time { mode, .. } => Some(mode),
            Kind::Memory { .. } => Some(Mode::Memory),
            Kind::Full => Some(Mode::Full),
        }
    }

    /// Whether values must be rounded: Austin's times are microseconds.
    pub(crate) fn rounds(&self, values: &[i64]) -> bool {
        let inexact = |value: &i64, factor: i64| i128::from(*value) * i128::from(factor) % 1_000 != 0;
        match self.kind {
            Kind::Time { factor, .. } => values.iter().any(|value| inexact(value, factor)),
            Kind::Full => values.iter().take(2).any(|value| inexact(value, 1)),
            Kind::Counts { .. } | Kind::Memory { .. } => false,
        }
    }

    /// Calls `line` with the text of the numbers of each line that a row needs: mostly one. `None` where a number
    /// does not fit.
    #[inline]
    pub(crate) fn lines(
        &self,
        values: &[i64],
        remainders: &mut Remainders,
        mut line: impl FnMut(&[u8]),
    ) -> Option<()> {
        let mut text = Vec::new();
        let (first, second) = (*values.first()?, values.get(1).copied());
        match self.kind {
            Kind::Counts { decimals } => {
                push_decimal(&mut text, first, decimals.into());
                if let Some(second) = second {
                    text.push(b' ');
                    push_decimal(&mut text, second, decimals.into());
                }
                line(&text);
            }
            Kind::Time { factor, .. } => {
                push_decimal(&mut text, remainders.microseconds(0, first, factor)?, 0);
                line(&text);
            }
            Kind::Memory { factor } => {
                let (first, second) = (first.checked_mul(factor)?, second.unwrap_or(0).checked_mul(factor)?);
                if first != 0 || second == 0 {
                    push_decimal(&mut text, first, 0);
                    line(&text);
                }
                if second != 0 {
                    text.clear();
                    push_decimal(&mut text, second.checked_neg()?, 0);
                    line(&text);
                }
            }
            Kind::Full => full_lines(values, remainders, line)?,
        }
        Some(())
    }
}

/// Time on the CPU and idle time take a line each, and so do allocated and freed bytes.
fn full_lines(values: &[i64], remainders: &mut Remainders, mut line: impl FnMut(&[u8])) -> Option<()> {
    let &[wall, cpu, memory, ref rest @ ..] = values else { return None };
    let freed = rest.first().copied().unwrap_or(0).checked_neg()?;
    let busy = remainders.microseconds(0, cpu, 1)?;
    let idle = remainders.microseconds(1, wall.checked_sub(cpu)?, 1)?;
    let rows = [(busy, 0, memory), (idle, 1, 0), (0, 0, freed)];
    let mut any = false;
    let mut text = Vec::new();
    for (index, (time, idle, memory)) in rows.into_iter().enumerate() {
        let last = index + 1 == rows.len();
        if time != 0 || memory != 0 || (last && !any) {
            text.clear();
            push_decimal(&mut text, time, 0);
            text.extend_from_slice(if idle == 0 { b",0," } else { b",1," });
            push_decimal(&mut text, memory, 0);
            line(&text);
            any = true;
        }
    }
    Some(())
}

impl Remainders {
    /// A time in microseconds, rounded so that the sum of all so far is right. What is left over is carried.
    fn microseconds(&mut self, slot: usize, value: i64, factor: i64) -> Option<i64> {
        let carried = self.0.get_mut(slot)?;
        let exact = i128::from(value) * i128::from(factor) + i128::from(*carried);
        let mut rounded = exact.div_euclid(1_000);
        let rest = exact.rem_euclid(1_000);
        rounded += i128::from(rest > 500 || (rest == 500 && rounded % 2 != 0));
        *carried = i64::try_from(exact - rounded * 1_000).ok()?;
        i64::try_from(rounded).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(kind: Kind, values: &[i64], remainders: &mut Remainders) -> Vec<String> {
        let mut found = Vec::new();
        let measure = Measure { columns: Vec::new(), kind };
        measure
            .lines(values, remainders, |line| found.push(String::from_utf8(line.to_vec()).unwrap()))
            .unwrap();
        found
    }

    #[test]
    fn rounding_keeps_the_sum() {
        let kind = Kind::Time { mode: Mode::Wall, factor: 1 };
        let mut remainders = Remainders::default();
        let found: Vec<_> = (0..6).flat_map(|_| lines(kind, &[1_300], &mut remainders)).collect();
        // 7,800 ns are 8 µs.
        assert_eq!(found, ["1", "2", "1", "1", "2", "1"].map(str::to_owned));
    }

    #[test]
    fn full_rows_are_busy_idle_and_freed() {
        let full = |values: &[i64]| lines(Kind::Full, values, &mut Remainders::default());
        assert_eq!(full(&[5_000, 5_000, 64, 0]), ["5,0,64"]);
        assert_eq!(full(&[5_000, 2_000, 64, 32]), ["2,0,64", "3,1,0", "0,0,-32"]);
        assert_eq!(full(&[5_000, 0, 0]), ["5,1,0"]);
        assert_eq!(full(&[0, 0, 0, 0]), ["0,0,0"]);
    }

    #[test]
    fn memory_is_signed() {
        let memory =
            |values: &[i64]| lines(Kind::Memory { factor: 1_024 }, values, &mut Remainders::default());
        assert_eq!(memory(&[2, 1]), ["2048", "-1024"]);
        assert_eq!(memory(&[0, 1]), ["-1024"]);
        assert_eq!(memory(&[0]), ["0"]);
    }
}
