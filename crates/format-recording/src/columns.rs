//! Which columns of the profile a file's values belong to: a folder may hold files of both recorders.

use profkit_profile::{AtOffset, ProfileBuilder, ReadError};

/// The columns of so many sample types.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns<const N: usize>([usize; N]);

impl<const N: usize> Columns<N> {
    /// Adds the sample types of these names and units that are not there.
    pub(crate) fn add(types: [(&str, &str); N], builder: &mut ProfileBuilder) -> Result<Self, ReadError> {
        let mut columns = [0; N];
        for (column, (name, unit)) in columns.iter_mut().zip(types) {
            *column = builder.sample_type(name.as_bytes(), unit.as_bytes()).at(0)?;
        }
        Ok(Self(columns))
    }

    /// A row of all columns with these values in it, in `row`.
    pub(crate) fn fill(&self, values: &[i64; N], all: usize, row: &mut Vec<i64>) {
        row.clear();
        row.resize(all, 0);
        for (&column, &value) in self.0.iter().zip(values) {
            if let Some(place) = row.get_mut(column) {
                *place = value;
            }
        }
    }
}
