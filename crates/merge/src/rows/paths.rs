//! The rows of a merge whose stacks are whole paths: how they are added, and how they become stacks of a tree.

use profkit_profile::{BuildError, Paths, ProfileBuilder, Sample, SampleTable};

use super::{Ids, Rows};
use crate::columns::Place;
use crate::path_record::id;
use crate::path_rows::PathRows;

impl Rows {
    /// Adds the samples of a reader that gave paths, whose frames stay what they are. It may also have samples of stacks that are in the table.
    pub(super) fn add_path_samples(
        &mut self,
        samples: &SampleTable,
        paths: &Paths,
        places: &[Place],
        ids: &mut impl Ids,
    ) -> Result<(), BuildError> {
        let columns: Vec<&[i64]> = (0..samples.columns()).map(|column| samples.values(column)).collect();
        for (row, sample) in samples.iter().enumerate() {
            if columns.iter().all(|column| column[row] == 0) {
                continue;
            }
            let mut values = columns
                .iter()
                .zip(places)
                .map(|(column, place)| Ok((place.column, place.of(column[row].into())?)));
            if let Some(path) = sample.stack.map_or(Some(&[][..]), |stack| paths.get(stack)) {
                let (origin, labels) = (ids.origin(sample.origin)?, ids.labels(sample.labels)?);
                self.paths.add(origin, labels, path, values)?;
            } else {
                let to = self.sample_row(sample, ids)?;
                values.try_for_each(|value: Result<_, BuildError>| {
                    let (column, value) = value?;
                    self.samples.add(column, to, value)
                })?;
            }
        }
        self.paths.complete()
    }

    /// Adds those of another merge.
    pub(super) fn add_paths(
        &mut self,
        other: &PathRows,
        places: &[Place],
        ids: &mut impl Ids,
    ) -> Result<(), BuildError> {
        let mut frames = Vec::new();
        for row in other.iter().filter(|row| !row.is_zero()) {
            let (origin, labels) = (ids.origin(row.origin)?, ids.labels(row.labels)?);
            frames.clear();
            row.frames().try_for_each(|frame| ids.frame(id(frame)).map(|frame| frames.push(frame)))?;
            let values = row.values().zip(places).map(|(value, place)| Ok((place.column, place.of(value)?)));
            self.paths.add(origin, labels, &frames, values)?;
        }
        self.paths.complete()
    }

    /// Whether all ids of the paths stay as they are.
    pub(super) fn are_same_paths(&self, ids: &mut impl Ids) -> Result<bool, BuildError> {
        let used = self.paths.used();
        for frame in indices(&used.frames).map(id) {
            if ids.frame(frame)? != frame {
                return Ok(false);
            }
        }
        for origin in indices(&used.origins).map(id) {
            if ids.origin(origin)? != origin {
                return Ok(false);
            }
        }
        for labels in indices(&used.labels).map(id) {
            if ids.labels(labels)? != labels {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes paths that have grown long stacks of a tree: that of the builder that has their frames.
    pub(crate) fn plant_long_paths(&mut self, builder: &mut ProfileBuilder) -> Result<(), BuildError> {
        if self.paths.is_long() { self.plant_paths(builder) } else { Ok(()) }
    }

    /// The same however long they are.
    pub(crate) fn plant_paths(&mut self, builder: &mut ProfileBuilder) -> Result<(), BuildError> {
        let paths = std::mem::take(&mut self.paths);
        self.paths.set_columns(paths.columns())?;
        for row in paths.iter() {
            let stack = builder.stack_from_root(row.frames().rev().map(id))?;
            let to = self.samples.row(Sample { stack, origin: row.origin, labels: row.labels })?;
            for (column, value) in row.values().enumerate() {
                self.samples.add(column, to, value)?;
            }
        }
        Ok(())
    }
}

/// Where it says yes.
fn indices(used: &[bool]) -> impl Iterator<Item = u32> {
    (0..).zip(used).filter(|&(_, used)| *used).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use profkit_profile::{Frame, LabelSetId, OriginId, ProfileBuilder};

    use super::*;

    #[test]
    fn planted_paths_are_the_stacks_of_a_tree() {
        let mut builder = ProfileBuilder::new();
        let mut rows = Rows::default();
        rows.set_columns(1, &[]).unwrap();
        let frames: Vec<_> =
            (0..3).map(|line| builder.frame(Frame { line, ..Frame::EMPTY }).unwrap()).collect();
        for (depth, value) in [(3, 5), (2, 7), (0, 1), (3, 4)] {
            // The same root and the leaf at the begin.
            let value = std::iter::once(Ok((0, value)));
            rows.paths.add(OriginId::UNKNOWN, LabelSetId::EMPTY, &frames[3 - depth..], value).unwrap();
        }
        rows.paths.complete().unwrap();
        rows.plant_long_paths(&mut builder).unwrap();
        assert_eq!((rows.paths.len(), builder.stack_count()), (3, 0), "they are not long");
        rows.plant_paths(&mut builder).unwrap();
        assert_eq!((rows.paths.len(), builder.stack_count()), (0, 3));
        let depth = |sample: &Sample| {
            std::iter::successors(sample.stack, |&stack| builder.stack_row(stack).parent).count()
        };
        let samples: Vec<_> = rows.samples.samples().iter().map(depth).collect();
        assert_eq!(samples, [3, 2, 0]);
        let sums: Vec<_> = (0..3).map(|row| rows.samples.values(row)[0]).collect();
        assert_eq!(sums, [9, 7, 1]);
    }
}
