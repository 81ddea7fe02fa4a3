//! One builder for many profiles: what was measured is taken out after each, while strings, functions, frames and stacks
//! stay. A profile that names the same ones finds them there instead of building them anew.

use crate::calls::CallTables;
use crate::error::BuildError;
use crate::frame::Stack;
use crate::id::{FrameId, MappingId, StackId};
use crate::meta::Meta;
use crate::paths::Paths;
use crate::sample_type::SampleType;
use crate::samples::SampleTable;
use crate::table::Table;
use crate::track::TrackTable;

use crate::stack_interner::StackInterner;

use super::ProfileBuilder;

/// The stacks of a builder, with the index by which they are found.
#[derive(Debug)]
pub struct Stacks(StackInterner);

impl Stacks {
    /// The stacks; parents before children.
    #[must_use]
    pub fn table(&self) -> &Table<StackId, Stack> {
        self.0.table()
    }
}

/// What was measured in one profile, with the ids of the builder that it was read into.
#[derive(Clone, Debug)]
pub struct Values {
    /// What the profile says about itself.
    pub meta: Meta,
    /// What its values count, in the order of the columns.
    pub sample_types: Vec<SampleType>,
    /// The samples.
    pub samples: SampleTable,
    /// The call tables.
    pub calls: CallTables,
    /// Its first mapping: the main binary.
    pub main_mapping: Option<MappingId>,
    /// The stacks that are not in the table, if the builder [keeps them](ProfileBuilder::keep_paths).
    pub paths: Paths,
}

impl ProfileBuilder {
    /// Fails where [`finish`](Self::finish) would since something is not ended, which is the fault of what was read.
    ///
    /// # Errors
    /// Where a track is still open.
    pub fn check_ended(&self) -> Result<(), BuildError> {
        self.open.as_ref().map_or(Ok(()), |open| Err(BuildError::StillOpen(open.open.len())))
    }

    /// Takes out what was measured; the next profile can be read then. Tracks are given up.
    pub fn take_values(&mut self) -> Values {
        self.open = None;
        self.sample_index.clear();
        self.tracks = TrackTable::default();
        Values {
            meta: std::mem::take(&mut self.meta),
            sample_types: std::mem::take(&mut self.sample_types),
            samples: std::mem::take(&mut self.samples),
            calls: std::mem::take(&mut self.calls),
            main_mapping: self.first_mapping.take(),
            paths: self.paths.take().unwrap_or_default(),
        }
    }

    /// From now on, until values are taken out, batches of stacks are kept as they come and not looked for in the table: for
    /// who has a place for whole paths. `spare` are paths that are not needed any more: their memory is used again. A
    /// builder that has such stacks cannot be finished.
    pub fn keep_paths(&mut self, mut spare: Paths) {
        spare.clear();
        self.paths = Some(spare);
    }

    /// Whether batches of stacks are kept as they come.
    #[must_use]
    pub fn keeps_paths(&self) -> bool {
        self.paths.is_some()
    }

    /// How many rows all tables have that stay when values are taken out, strings and labels included.
    #[must_use]
    pub fn table_rows(&self) -> usize {
        let names = self.strings.table().len() + self.functions.table().len() + self.mappings.table().len();
        names
            + self.frames.table().len()
            + self.stacks.table().len()
            + self.origins.table().len()
            + self.labels.len()
    }

    /// Takes out all stacks, for a builder that has the same frames. What was measured must have been taken out before.
    pub fn take_stacks(&mut self) -> Stacks {
        Stacks(std::mem::replace(&mut self.stacks, StackInterner::new(Table::default())))
    }

    /// Has the stacks of another builder instead of its own, which nothing may use yet. The ids of their frames must be
    /// those of the same frames here.
    pub fn set_stacks(&mut self, stacks: Stacks) {
        self.stacks = stacks.0;
    }

    /// Adds the stacks of another profile whose frames are known here: `frame` tells which, and `None` for a stack that
    /// is left out with all that stand on it. Tells what became of each stack.
    ///
    /// # Errors
    /// Where the table is full.
    pub fn stack_tree(
        &mut self,
        stacks: &Table<StackId, Stack>,
        frame: impl Fn(StackId) -> Option<FrameId>,
    ) -> Result<Vec<Option<StackId>>, BuildError> {
        Ok(self.stacks.intern_tree(stacks, frame)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frame, Function, Profile, Sample};

    fn read(builder: &mut ProfileBuilder, names: &[&str], value: i64) {
        let cpu = builder.sample_type(b"cpu", b"nanoseconds").unwrap();
        assert_eq!(cpu, 0, "the types of the profile before are gone");
        let mut stack = None;
        for name in names {
            let name = builder.string(name.as_bytes()).unwrap();
            let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
            let frame = builder.frame(Frame::of(function)).unwrap();
            stack = Some(builder.stack(stack, frame).unwrap());
        }
        builder.sample(Sample::of(stack), &[value]).unwrap();
    }

    #[test]
    fn values_go_and_tables_stay() {
        let mut builder = ProfileBuilder::new();
        read(&mut builder, &["main", "work"], 1);
        let first = builder.take_values();
        let rows = builder.table_rows();
        read(&mut builder, &["main", "work"], 2);
        let second = builder.take_values();
        assert_eq!(builder.table_rows(), rows);
        assert_eq!(first.samples.stacks(), second.samples.stacks());
        assert_eq!((first.samples.values(0), second.samples.values(0)), (&[1][..], &[2][..]));
        assert!(builder.finish().unwrap().samples().is_empty());
    }

    #[test]
    fn a_tree_of_stacks_is_found_in_another_builder() {
        let profile = |stacks: &[&[&str]]| -> Profile {
            let mut builder = ProfileBuilder::new();
            stacks.iter().for_each(|names| read(&mut builder, names, 1));
            builder.finish().unwrap()
        };
        let from = profile(&[&["a", "b", "c"], &["a", "b"], &["a", "b", "a"], &["b"]]);
        let into = profile(&[&["b", "a"], &["a", "b"]]);
        // In both, frames are numbered by their first use.
        let swapped = |frame: FrameId| {
            let name = from.functions()[from.frames()[frame].function.unwrap()].name;
            let same = |other: &&Frame| {
                into.bytes(into.functions()[other.function.unwrap()].name) == from.bytes(name)
            };
            let index = into.frames().rows().iter().position(|other| same(&other));
            index.and_then(<FrameId as crate::Id>::from_index)
        };
        let mut builder = ProfileBuilder::of(into.clone());
        let found = builder.stack_tree(from.stacks(), |id| swapped(from.stacks()[id].frame)).unwrap();
        let depth =
            |id: Option<StackId>| std::iter::successors(id, |&id| builder.stack_row(id).parent).count();
        // Nothing is known of the frame `c`.
        assert_eq!(found.iter().map(|&id| depth(id)).collect::<Vec<_>>(), [1, 2, 0, 3, 1]);
        assert_eq!(found[1], into.samples().stacks()[1]);
    }
}
