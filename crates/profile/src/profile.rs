//! The finished profile.

use std::borrow::Cow;

use crate::calls::CallTables;
use crate::frame::{Frame, Stack};
use crate::function::{Function, Mapping};
use crate::id::{FrameId, FunctionId, LabelSetId, MappingId, OriginId, StackId, StringId};
use crate::meta::Meta;
use crate::origin::{LabelTable, Origin};
use crate::sample_type::{Dimension, SampleType, Unit};
use crate::samples::SampleTable;
use crate::strings::StringTable;
use crate::table::Table;
use crate::track::TrackTable;

/// Which kind of evidence a profile holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Samples of stacks, or nothing at all.
    Stacks,
    /// Call tables only.
    CallGraph,
    /// Both, as after a merge of the two.
    Both,
}

/// A profile: tables that refer to each other by id. Made by a [`ProfileBuilder`](crate::ProfileBuilder) and
/// not changed after that.
#[derive(Clone, Debug)]
pub struct Profile {
    pub(crate) meta: Meta,
    pub(crate) sample_types: Vec<SampleType>,
    pub(crate) strings: StringTable,
    pub(crate) functions: Table<FunctionId, Function>,
    pub(crate) mappings: Table<MappingId, Mapping>,
    pub(crate) frames: Table<FrameId, Frame>,
    pub(crate) stacks: Table<StackId, Stack>,
    pub(crate) origins: Table<OriginId, Origin>,
    pub(crate) labels: LabelTable,
    pub(crate) samples: SampleTable,
    pub(crate) calls: CallTables,
    pub(crate) tracks: TrackTable,
}

impl Profile {
    pub(crate) fn empty() -> Self {
        let mut origins = Table::default();
        // Row 0 of a new table always fits.
        let _ = origins.push(Origin::UNKNOWN, "origin");
        Self {
            meta: Meta::default(),
            sample_types: Vec::new(),
            strings: StringTable::default(),
            functions: Table::default(),
            mappings: Table::default(),
            frames: Table::default(),
            stacks: Table::default(),
            origins,
            labels: LabelTable::default(),
            samples: SampleTable::default(),
            calls: CallTables::default(),
            tracks: TrackTable::default(),
        }
    }

    /// The same sample types, strings, functions, frames, stacks, origins and labels, without anything measured: the
    /// start of a profile that keeps only some of its samples.
    #[must_use]
    pub fn without_values(&self) -> Self {
        Self {
            meta: Meta { active_track: None, ..self.meta.clone() },
            sample_types: self.sample_types.clone(),
            strings: self.strings.clone(),
            functions: self.functions.clone(),
            mappings: self.mappings.clone(),
            frames: self.frames.clone(),
            stacks: self.stacks.clone(),
            origins: self.origins.clone(),
            labels: self.labels.clone(),
            samples: SampleTable::with_columns(self.sample_types.len()),
            calls: CallTables::with_columns(self.sample_types.len()),
            tracks: TrackTable::default(),
        }
    }

    /// As [`without_values`](Self::without_values), and without any sample type.
    #[must_use]
    pub fn without_sample_types(&self) -> Self {
        let bare = Self { sample_types: Vec::new(), ..self.without_values() };
        Self { samples: SampleTable::with_columns(0), calls: CallTables::with_columns(0), ..bare }
    }

    /// Takes over the samples and the functions' calls of a profile that has the same tables and sample types, those whose
    /// labels are wanted, instead of what was measured here.
    pub fn take_values_of(&mut self, other: &Self, is_wanted: impl Fn(LabelSetId) -> bool) {
        let columns = self.sample_types.len();
        self.tracks = TrackTable::default();
        self.samples = SampleTable::with_columns(columns);
        self.calls = CallTables::with_columns(columns);
        let mut values = vec![0; columns];
        for (row, sample) in other.samples.iter().enumerate().filter(|(_, sample)| is_wanted(sample.labels)) {
            for (column, value) in values.iter_mut().enumerate() {
                *value = other.samples.values(column)[row];
            }
            self.samples.push(sample, &values);
        }
        for (row, &calls) in other.calls.functions.rows().iter().enumerate() {
            if is_wanted(calls.labels) {
                let (own, total) = other.calls.functions.values(row);
                self.calls.functions.push(calls, &own, &total);
            }
        }
    }

    /// What the profile says about itself.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// What its values count, in the order of the columns.
    #[must_use]
    pub fn sample_types(&self) -> &[SampleType] {
        &self.sample_types
    }

    /// Every string.
    #[must_use]
    pub fn strings(&self) -> &StringTable {
        &self.strings
    }

    /// Every function, used or not.
    #[must_use]
    pub fn functions(&self) -> &Table<FunctionId, Function> {
        &self.functions
    }

    /// Every mapping; the first is the main binary.
    #[must_use]
    pub fn mappings(&self) -> &Table<MappingId, Mapping> {
        &self.mappings
    }

    /// Every frame.
    #[must_use]
    pub fn frames(&self) -> &Table<FrameId, Frame> {
        &self.frames
    }

    /// Every stack; parents before children.
    #[must_use]
    pub fn stacks(&self) -> &Table<StackId, Stack> {
        &self.stacks
    }

    /// Every origin; row 0 is the unknown one.
    #[must_use]
    pub fn origins(&self) -> &Table<OriginId, Origin> {
        &self.origins
    }

    /// Every label set; row 0 is empty.
    #[must_use]
    pub fn labels(&self) -> &LabelTable {
        &self.labels
    }

    /// The samples.
    #[must_use]
    pub fn samples(&self) -> &SampleTable {
        &self.samples
    }

    /// The call tables.
    #[must_use]
    pub fn calls(&self) -> &CallTables {
        &self.calls
    }

    /// The tracks, where time order is known.
    #[must_use]
    pub fn tracks(&self) -> &TrackTable {
        &self.tracks
    }

    /// Which kind of evidence there is.
    #[must_use]
    pub fn shape(&self) -> Shape {
        match (self.samples.is_empty(), self.calls.is_empty()) {
            (_, true) => Shape::Stacks,
            (true, false) => Shape::CallGraph,
            (false, false) => Shape::Both,
        }
    }

    /// A string for people.
    #[must_use]
    pub fn text(&self, id: StringId) -> Cow<'_, str> {
        self.strings.text(id)
    }

    /// The bytes of a string.
    #[must_use]
    pub fn bytes(&self, id: StringId) -> &[u8] {
        self.strings.get(id)
    }

    /// The unit of a sample type.
    ///
    /// # Panics
    /// Where there is no such sample type.
    #[must_use]
    pub fn unit(&self, sample_type: usize) -> Unit {
        Unit::parse(self.bytes(self.sample_types[sample_type].unit))
    }

    /// The sample type with this name.
    #[must_use]
    pub fn sample_type_named(&self, name: &[u8]) -> Option<usize> {
        self.sample_types.iter().position(|sample_type| self.bytes(sample_type.name) == name)
    }

    /// The sample type to show where only one fits: the file's own default, else the first that counts time,
    /// else the last, as `go tool pprof` does. `None` where there is no sample type.
    #[must_use]
    pub fn default_type(&self) -> Option<usize> {
        let named = self.meta.default_type.and_then(|name| self.sample_type_named(self.bytes(name)));
        let time =
            || (0..self.sample_types.len()).find(|&index| self.unit(index).dimension == Dimension::Time);
        named.or_else(time).or_else(|| self.sample_types.len().checked_sub(1))
    }

    /// The sample type that counts calls: values of `calls`/`count`, each at the stack that was called.
    #[must_use]
    pub fn calls_type(&self) -> Option<usize> {
        self.sample_types.iter().position(|sample_type| {
            self.bytes(sample_type.name) == b"calls" && self.bytes(sample_type.unit) == b"count"
        })
    }
}
