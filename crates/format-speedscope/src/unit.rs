//! The six units of the format.

use profkit_profile::{Dimension, Unit as AnyUnit};

/// A unit that speedscope knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    Nothing,
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
    Bytes,
}

impl Unit {
    const ALL: [Self; 6] = [
        Self::Nothing,
        Self::Nanoseconds,
        Self::Microseconds,
        Self::Milliseconds,
        Self::Seconds,
        Self::Bytes,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Nanoseconds => "nanoseconds",
            Self::Microseconds => "microseconds",
            Self::Milliseconds => "milliseconds",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
        }
    }

    /// The unit with this name, spelled as the schema spells it.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.name().as_bytes() == name)
    }

    pub(crate) const fn dimension(self) -> Dimension {
        match self {
            Self::Nothing => Dimension::Count,
            Self::Bytes => Dimension::Bytes,
            _ => Dimension::Time,
        }
    }

    /// How many decimals a number in this unit can have before it is finer than the model: nanoseconds and whole
    /// bytes.
    pub(crate) const fn decimals(self) -> u8 {
        match self {
            Self::Seconds => 9,
            Self::Milliseconds => 6,
            Self::Microseconds => 3,
            _ => 0,
        }
    }

    /// The unit to write values of another one in: the same where there is one, else the smallest of its kind.
    pub(crate) fn for_writing(unit: AnyUnit) -> Self {
        match unit {
            AnyUnit { dimension: Dimension::Time, factor: 1_000 } => Self::Microseconds,
            AnyUnit { dimension: Dimension::Time, factor: 1_000_000 } => Self::Milliseconds,
            AnyUnit { dimension: Dimension::Time, factor: 1_000_000_000 } => Self::Seconds,
            AnyUnit { dimension: Dimension::Time, .. } => Self::Nanoseconds,
            AnyUnit { dimension: Dimension::Bytes, .. } => Self::Bytes,
            AnyUnit { dimension: Dimension::Count, .. } => Self::Nothing,
        }
    }
}
