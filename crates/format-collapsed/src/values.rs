//! Numbers of lines → values and sample types.

use profkit_profile::{BuildError, ProfileBuilder, SampleType};

use crate::austin::{MEMORY_NAME, Mode};
use crate::dialect::Dialect;
use crate::header::Header;
use crate::record::{Value, split_first_count};
use crate::survey::Survey;

/// How the numbers of a line become values.
pub(crate) enum Values {
    /// One or two counts with so many decimals.
    Counts { differential: bool, decimals: u32 },
    /// Austin's metric, of which the first so many sample types are used.
    Metric { mode: Mode, columns: usize },
}

impl Values {
    pub(crate) fn of(
        survey: &Survey<'_>,
        dialect: Dialect,
        header: Option<Header>,
        into: &mut ProfileBuilder,
    ) -> Result<Self, BuildError> {
        if dialect == Dialect::Austin {
            let mode = Mode::of(survey.metadata.mode, survey.full, survey.negative);
            let types = mode.sample_types();
            let freed = survey.negative || !matches!(mode, Mode::Memory | Mode::Full);
            let columns = if freed { types.len() } else { types.len() - 1 };
            for (name, unit) in &types[..columns] {
                into.sample_type(name, unit)?;
            }
            if mode == Mode::Memory {
                into.meta.default_type = Some(into.string(MEMORY_NAME)?);
            }
            return Ok(Self::Metric { mode, columns });
        }
        let decimals = survey.kept_decimals();
        if decimals < survey.decimals {
            into.meta
                .notes
                .push(format!("counts are rounded to {decimals} decimals, so that their sum fits 64 bits"));
        }
        let differential = header.map_or(survey.is_differential(), |header| {
            header.differential && (survey.is_differential() || survey.stacks == 0)
        });
        Ok(Self::Counts { differential, decimals })
    }

    pub(crate) fn columns(&self) -> usize {
        match self {
            Self::Counts { differential, .. } => 1 + usize::from(*differential),
            Self::Metric { columns, .. } => *columns,
        }
    }

    /// Where the stack of a line ends, and the values of the line.
    #[inline]
    pub(crate) fn split(&self, stack: &[u8], value: Value) -> Result<(usize, [i64; 4]), BuildError> {
        let mut values = [0; 4];
        let mut end = stack.len();
        match (self, value) {
            (Self::Counts { decimals, differential }, Value::Count(count)) => {
                let last = count.scaled(*decimals).ok_or(BuildError::ValueTooLarge)?;
                match split_first_count(stack).filter(|_| *differential) {
                    Some((before, first)) => {
                        end = before;
                        values = [first.scaled(*decimals).ok_or(BuildError::ValueTooLarge)?, last, 0, 0];
                    }
                    None => values[0] = last,
                }
            }
            (Self::Metric { mode, .. }, Value::Metric(metric)) => {
                values = mode.values(metric).ok_or(BuildError::ValueTooLarge)?;
            }
            _ => {}
        }
        Ok((end, values))
    }

    /// Declares the sample types that depend on all values of the file.
    pub(crate) fn declare(&self, values: &mut [i64], into: &mut ProfileBuilder) -> Result<(), BuildError> {
        let &Self::Counts { differential, decimals } = self else { return Ok(()) };
        let decimals = shorten(values, decimals);
        let names: &[&[u8]] = if differential { &[b"before", b"after"] } else { &[b"samples"] };
        for name in names {
            let (name, unit) = (into.string(name)?, into.string(b"count")?);
            into.push_sample_type(SampleType { name, unit, decimals });
        }
        Ok(())
    }
}

/// Drops decimals that no sum needs; those that are left.
fn shorten(values: &mut [i64], decimals: u32) -> u8 {
    let mut left = decimals;
    while left > 0 && values.iter().all(|value| value % 10 == 0) {
        values.iter_mut().for_each(|value| *value /= 10);
        left -= 1;
    }
    u8::try_from(left).unwrap_or(u8::MAX)
}
