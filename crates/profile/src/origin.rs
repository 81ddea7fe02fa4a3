//! Where a value was measured, and the labels a recorder gave it.

use crate::id::{Id, LabelSetId, StringId};

/// Where a value was measured: process and thread as the operating system means them, the machine, and the
/// file that held the profile. Unknown parts are `None` or empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Origin {
    /// Name of the machine.
    pub host: StringId,
    /// Process id.
    pub pid: Option<i64>,
    /// Command line or name of the process.
    pub process: StringId,
    /// Thread id, in whatever numbering the recorder used.
    pub tid: Option<i64>,
    /// Name of the thread.
    pub thread: StringId,
    /// Path of the profile, where several were merged.
    pub file: StringId,
}

impl Origin {
    /// Nothing known; for `..Origin::UNKNOWN`.
    pub const UNKNOWN: Self = Self {
        host: StringId::EMPTY,
        pid: None,
        process: StringId::EMPTY,
        tid: None,
        thread: StringId::EMPTY,
        file: StringId::EMPTY,
    };

    /// Whether a thread is known.
    #[must_use]
    pub fn has_thread(&self) -> bool {
        self.tid.is_some() || !self.thread.is_empty()
    }

    /// Whether a process is known.
    #[must_use]
    pub fn has_process(&self) -> bool {
        self.pid.is_some() || !self.process.is_empty()
    }
}

/// One label of a sample, as in pprof: a string, or a number with a unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Label {
    /// Name of the label.
    pub key: StringId,
    /// Its text, empty for a number.
    pub string: StringId,
    /// Its number.
    pub number: i64,
    /// The number's unit, empty where there is none.
    pub unit: StringId,
}

impl Label {
    /// A label with a text.
    #[must_use]
    pub const fn text(key: StringId, string: StringId) -> Self {
        Self { key, string, number: 0, unit: StringId::EMPTY }
    }

    /// A label with a number; `unit` may be empty.
    #[must_use]
    pub const fn number(key: StringId, number: i64, unit: StringId) -> Self {
        Self { key, string: StringId::EMPTY, number, unit }
    }
}

/// The distinct label sets of a profile; set 0 is empty. The order of labels in a set is the recorder's.
#[derive(Clone, Debug)]
pub struct LabelTable {
    labels: Vec<Label>,
    /// Where each set ends in `labels`.
    ends: Vec<usize>,
}

impl Default for LabelTable {
    fn default() -> Self {
        Self { labels: Vec::new(), ends: vec![0] }
    }
}

impl LabelTable {
    /// The labels of a set.
    #[must_use]
    pub fn get(&self, id: LabelSetId) -> &[Label] {
        let index = id.index();
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.labels[start..self.ends[index]]
    }

    /// How many sets, the empty one included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Never: set 0 is always there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Every set with its id.
    pub fn iter(&self) -> impl Iterator<Item = (LabelSetId, &[Label])> {
        (0..self.ends.len()).filter_map(LabelSetId::from_index).map(|id| (id, self.get(id)))
    }

    pub(crate) fn push(&mut self, set: &[Label]) -> Option<LabelSetId> {
        let id = LabelSetId::from_index(self.ends.len())?;
        self.labels.extend_from_slice(set);
        self.ends.push(self.labels.len());
        Some(id)
    }
}
