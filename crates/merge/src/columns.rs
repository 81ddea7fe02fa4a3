//! The sample types of a merge: which columns of the inputs are one, and in which unit and with how many decimals.
//!
//! What would surprise: the order of the columns. While all inputs have the same columns in the same order, it is kept
//! (tools of pprof show the last one first); else it follows from their names. Any rule in between would make the
//! order of a merge of merges depend on how the inputs were grouped.

use profkit_profile::{BuildError, Dimension, Profile, SampleType, StringId, Unit};

use crate::agreed::Agreed;

/// What makes two columns one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Key {
    name: StringId,
    dimension: Dimension,
    /// Of a count: what one counts is what it is.
    counted: StringId,
    /// pprof files may have a sample type twice.
    occurrence: usize,
}

#[derive(Clone, Debug)]
struct Column {
    key: Key,
    unit: Agreed<StringId>,
    /// How many nanoseconds or bytes the stored values are, each.
    factor: i64,
    decimals: u8,
}

/// The columns so far.
#[derive(Clone, Default, Debug)]
pub(crate) struct Columns {
    columns: Vec<Column>,
    /// The columns of every input, by index.
    order: Agreed<Vec<usize>>,
}

/// Where the values of an input's column go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// To which column.
    pub(crate) column: usize,
    /// By how much they are multiplied.
    pub(crate) multiplier: i128,
}

/// A column whose stored values must be multiplied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rescale {
    pub(crate) column: usize,
    pub(crate) multiplier: i128,
}

impl Columns {
    /// The columns of one input, whose strings are those of `string`.
    pub(crate) fn of<'s>(sample_types: &[SampleType], string: impl Fn(StringId) -> &'s [u8]) -> Self {
        let mut columns: Vec<Column> = Vec::with_capacity(sample_types.len());
        for sample_type in sample_types {
            let unit = Unit::parse(string(sample_type.unit));
            let is_count = unit.dimension == Dimension::Count;
            let counted = if is_count { sample_type.unit } else { StringId::EMPTY };
            let mut key = Key { name: sample_type.name, dimension: unit.dimension, counted, occurrence: 0 };
            let alike = |column: &&Column| Key { occurrence: 0, ..column.key } == key;
            key.occurrence = columns.iter().filter(alike).count();
            let unit_name = Agreed::Same(sample_type.unit);
            columns.push(Column {
                key,
                unit: unit_name,
                factor: unit.factor,
                decimals: sample_type.decimals,
            });
        }
        let order = match columns.len() {
            0 => Agreed::Unsaid,
            count => Agreed::Same((0..count).collect()),
        };
        Self { columns, order }
    }

    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Takes up the columns of another profile or merge, whose strings are made ours by `string`, and tells where its
    /// values go. What is to be done to the values of the columns that are there is added to `rescaled`.
    pub(crate) fn join(
        &mut self,
        other: &Self,
        mut string: impl FnMut(StringId) -> Result<StringId, BuildError>,
        rescaled: &mut Vec<Rescale>,
    ) -> Result<Vec<Place>, BuildError> {
        let mut indices = Vec::with_capacity(other.columns.len());
        for column in &other.columns {
            let (name, counted) = (string(column.key.name)?, string(column.key.counted)?);
            let unit = match column.unit {
                Agreed::Same(unit) => Agreed::Same(string(unit)?),
                Agreed::Unsaid | Agreed::Mixed => Agreed::Mixed,
            };
            let column = Column { key: Key { name, counted, ..column.key }, unit, ..column.clone() };
            indices.push(self.join_column(column, rescaled)?);
        }
        let mut places = Vec::with_capacity(indices.len());
        for (&index, from) in indices.iter().zip(&other.columns) {
            let into = &self.columns[index];
            let unit = i128::from(from.factor / into.factor);
            let multiplier = unit.checked_mul(power(into.decimals - from.decimals)?);
            places.push(Place { column: index, multiplier: multiplier.ok_or(BuildError::Overflow)? });
        }
        self.order.join(match &other.order {
            Agreed::Unsaid => Agreed::Unsaid,
            Agreed::Same(order) => Agreed::Same(order.iter().map(|&index| indices[index]).collect()),
            Agreed::Mixed => Agreed::Mixed,
        });
        Ok(places)
    }

    /// Makes the column that is the same so fine that it holds the values of another one.
    fn join_column(&mut self, other: Column, rescaled: &mut Vec<Rescale>) -> Result<usize, BuildError> {
        let Some(index) = self.columns.iter().position(|column| column.key == other.key) else {
            self.columns.push(other);
            return Ok(self.columns.len() - 1);
        };
        let column = &mut self.columns[index];
        column.unit.join(other.unit);
        if other.decimals > column.decimals {
            let multiplier = power(other.decimals - column.decimals)?;
            rescaled.push(Rescale { column: index, multiplier });
            column.decimals = other.decimals;
        }
        if column.unit == Agreed::Mixed && column.factor != 1 {
            rescaled.push(Rescale { column: index, multiplier: column.factor.into() });
            column.factor = 1;
        }
        Ok(index)
    }

    /// Name, unit and decimals of a column, with the strings of `tables`.
    pub(crate) fn describe<'t>(&self, index: usize, tables: &'t Profile) -> (&'t [u8], &'t [u8], u8) {
        let Column { key, unit, decimals, .. } = &self.columns[index];
        let unit = match (unit, key.dimension) {
            (Agreed::Same(unit), _) => tables.bytes(*unit),
            (_, Dimension::Time) => b"nanoseconds",
            (_, Dimension::Bytes) => b"bytes",
            (_, Dimension::Count) => tables.bytes(key.counted),
        };
        (tables.bytes(key.name), unit, *decimals)
    }

    /// In which order the columns come, with the strings of `tables`.
    pub(crate) fn order(&self, tables: &Profile) -> Vec<usize> {
        if let Agreed::Same(order) = &self.order {
            return order.clone();
        }
        let rank = |dimension| match dimension {
            Dimension::Count => 0,
            Dimension::Time => 1,
            Dimension::Bytes => 2,
        };
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        order.sort_by_key(|&index| {
            let Key { name, dimension, counted, occurrence } = self.columns[index].key;
            (rank(dimension), tables.bytes(name), tables.bytes(counted), occurrence)
        });
        order
    }
}

fn power(decimals: u8) -> Result<i128, BuildError> {
    10i128.checked_pow(decimals.into()).ok_or(BuildError::Overflow)
}

impl Place {
    /// A value as it is to be added.
    #[inline]
    pub(crate) fn of(self, value: i128) -> Result<i128, BuildError> {
        if self.multiplier == 1 {
            return Ok(value);
        }
        value.checked_mul(self.multiplier).ok_or(BuildError::Overflow)
    }
}
