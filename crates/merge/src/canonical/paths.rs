//! Samples whose stacks are whole paths, in canonical form: the tree that they make is built as they come in its order.

use profkit_profile::{BuildError, Id, ProfileBuilder, Sample, StackId};

use super::path_order::PathOrder;
use super::{Ids, Used};
use crate::path_rows::PathRows;

impl Used {
    pub(super) fn mark_paths(&mut self, paths: &PathRows) {
        if paths.iter().any(|row| row.is_zero()) {
            for row in paths.iter().filter(|row| !row.is_zero()) {
                row.frames().for_each(|frame| self.frames[frame as usize] = true);
                self.origins[row.origin.index()] = true;
                self.labels[row.labels.index()] = true;
            }
            return;
        }
        // What they have all together is known.
        let used = paths.used();
        let pairs = [
            (&mut self.frames, &used.frames),
            (&mut self.origins, &used.origins),
            (&mut self.labels, &used.labels),
        ];
        for (to, used) in pairs {
            to.iter_mut().zip(used).for_each(|(to, &used)| *to |= used);
        }
    }
}

/// By stack, origin, labels. There must be no other samples.
pub(super) fn samples(
    rows: PathRows,
    columns: &[usize],
    ids: &Ids<'_>,
    builder: &mut ProfileBuilder,
) -> Result<(), BuildError> {
    builder.reserve_samples(rows.len());
    let frames = ids.frames.iter().flatten().count();
    let mut stacks: Vec<StackId> = Vec::new();
    PathOrder::new(ids, columns, frames).each(rows, |row| {
        stacks.truncate(row.common);
        for frame in row.frames() {
            stacks.push(builder.new_stack(stacks.last().copied(), frame)?);
        }
        let (origin, labels) = (row.origin, row.labels);
        builder.sample(Sample { stack: stacks.last().copied(), origin, labels }, row.values)
    })
}
