//! From the ids of an input to those of a merge, each looked up when it is first needed and remembered from then on.

use profkit_profile::views::origins::By;
use profkit_profile::{
    BuildError, Frame, FrameId, Function, FunctionId, Id, Label, LabelSetId, Mapping, MappingId, Origin,
    OriginId, Profile, ProfileBuilder, StackId, StringId,
};

use crate::mappings::Mappings;
use crate::paths::PathRules;

/// How many frames of stacks are looked up together.
const BATCH: usize = 1 << 14;

/// The tables of a merge, and what is done to rows on their way into them.
#[derive(Debug)]
pub(crate) struct Into<'m> {
    pub(crate) tables: &'m mut ProfileBuilder,
    pub(crate) mappings: &'m mut Mappings,
    pub(crate) by: Option<By>,
    pub(crate) paths: Option<&'m PathRules>,
    /// The name of the input, where it is to be kept.
    pub(crate) file: Option<&'m [u8]>,
}

/// The ids of one input.
pub(crate) struct Remap<'p> {
    profile: &'p Profile,
    strings: Vec<Option<StringId>>,
    /// Strings that are paths, after the rules.
    paths: Vec<Option<StringId>>,
    functions: Vec<Option<FunctionId>>,
    /// The keys of mappings, and by how much their addresses are to be lowered.
    mappings: Vec<Option<(MappingId, u64)>>,
    frames: Vec<Option<FrameId>>,
    stacks: Vec<Option<StackId>>,
    origins: Vec<Option<OriginId>>,
    labels: Vec<Option<LabelSetId>>,
    set: Vec<Label>,
}

impl<'p> Remap<'p> {
    pub(crate) fn new(profile: &'p Profile) -> Self {
        Self {
            profile,
            strings: vec![None; profile.strings().len()],
            paths: Vec::new(),
            functions: vec![None; profile.functions().len()],
            mappings: vec![None; profile.mappings().len()],
            frames: vec![None; profile.frames().len()],
            stacks: vec![None; profile.stacks().len()],
            origins: vec![None; profile.origins().len()],
            labels: vec![None; profile.labels().len()],
            set: Vec::new(),
        }
    }

    pub(crate) fn string(&mut self, id: StringId, into: &mut Into<'_>) -> Result<StringId, BuildError> {
        if let Some(known) = self.strings[id.index()] {
            return Ok(known);
        }
        let string = into.tables.string(self.profile.bytes(id))?;
        self.strings[id.index()] = Some(string);
        Ok(string)
    }

    fn path(&mut self, id: StringId, into: &mut Into<'_>) -> Result<StringId, BuildError> {
        let Some(rules) = into.paths else { return self.string(id, into) };
        if self.paths.is_empty() {
            self.paths = vec![None; self.strings.len()];
        }
        if let Some(known) = self.paths[id.index()] {
            return Ok(known);
        }
        let path = into.tables.string(&rules.apply(self.profile.bytes(id)))?;
        self.paths[id.index()] = Some(path);
        Ok(path)
    }

    pub(crate) fn function(&mut self, id: FunctionId, into: &mut Into<'_>) -> Result<FunctionId, BuildError> {
        if let Some(known) = self.functions[id.index()] {
            return Ok(known);
        }
        let Function { name, system_name, file, first_line } = self.profile.functions()[id];
        let name = self.string(name, into)?;
        let system_name = self.string(system_name, into)?;
        let file = self.path(file, into)?;
        let function = into.tables.function(Function { name, system_name, file, first_line })?;
        self.functions[id.index()] = Some(function);
        Ok(function)
    }

    /// The key of a mapping, and by how much the addresses in it are to be lowered.
    pub(crate) fn mapping(
        &mut self,
        id: MappingId,
        into: &mut Into<'_>,
    ) -> Result<(MappingId, u64), BuildError> {
        if let Some(known) = self.mappings[id.index()] {
            return Ok(known);
        }
        let row = self.profile.mappings()[id];
        let (file, build_id) = (self.path(row.file, into)?, self.string(row.build_id, into)?);
        let mapping = Mapping { file, build_id, ..row };
        let key = into.mappings.key(mapping, into.tables)?;
        into.mappings.offer(key, mapping, into.tables);
        self.mappings[id.index()] = Some((key, row.start));
        Ok((key, row.start))
    }

    /// The key of a mapping that is a key itself.
    pub(crate) fn key(&mut self, id: MappingId, into: &mut Into<'_>) -> Result<MappingId, BuildError> {
        let row = self.profile.mappings()[id];
        let key = Mapping { file: self.string(row.file, into)?, ..row };
        let key = into.mappings.key(key, into.tables)?;
        self.mappings[id.index()] = Some((key, 0));
        Ok(key)
    }

    #[inline]
    pub(crate) fn frame(&mut self, id: FrameId, into: &mut Into<'_>) -> Result<FrameId, BuildError> {
        match self.frames[id.index()] {
            Some(known) => Ok(known),
            None => self.new_frame(id, into),
        }
    }

    fn new_frame(&mut self, id: FrameId, into: &mut Into<'_>) -> Result<FrameId, BuildError> {
        let mut frame: Frame = self.profile.frames()[id];
        if let Some(function) = frame.function {
            frame.function = Some(self.function(function, into)?);
        }
        if let Some(mapping) = frame.mapping {
            let (key, start) = self.mapping(mapping, into)?;
            frame.mapping = Some(key);
            frame.address = frame.address.wrapping_sub(start);
        }
        let frame = into.tables.frame(frame)?;
        self.frames[id.index()] = Some(frame);
        Ok(frame)
    }

    /// Looks up stacks ahead of [`stack`](Self::stack), many at a time: a table that is too large for the cache answers
    /// many questions at once much faster than one after another.
    pub(crate) fn stacks(
        &mut self,
        wanted: impl Iterator<Item = StackId>,
        into: &mut Into<'_>,
    ) -> Result<(), BuildError> {
        let stacks = self.profile.stacks();
        let mut batch = into.tables.stack_batch();
        let (mut asked, mut found) = (Vec::new(), Vec::new());
        let mut wanted = wanted.peekable();
        while let Some(id) = wanted.next() {
            if self.stacks[id.index()].is_none() {
                for frame in stacks.leaf_first(Some(id)) {
                    batch.caller(self.frame(frame, into)?);
                }
                batch.end();
                asked.push(id);
            }
            if batch.frame_count() >= BATCH || wanted.peek().is_none() {
                into.tables.stacks(&batch, &mut found)?;
                for (asked, found) in asked.drain(..).zip(found.drain(..)) {
                    self.stacks[asked.index()] = found;
                }
                batch.clear();
            }
        }
        Ok(())
    }

    /// A stack that [`stacks`](Self::stacks) was asked for.
    #[inline]
    pub(crate) fn stack(&self, id: StackId) -> Option<StackId> {
        self.stacks[id.index()]
    }

    pub(crate) fn origin(&mut self, id: OriginId, into: &mut Into<'_>) -> Result<OriginId, BuildError> {
        if let Some(known) = self.origins[id.index()] {
            return Ok(known);
        }
        let row = self.profile.origins()[id];
        let mut origin = Origin {
            host: self.string(row.host, into)?,
            process: self.string(row.process, into)?,
            thread: self.string(row.thread, into)?,
            file: self.string(row.file, into)?,
            ..row
        };
        if let Some(file) = into.file
            && origin.file.is_empty()
        {
            origin.file = into.tables.string(file)?;
        }
        let origin = into.tables.origin(into.by.map_or(origin, |by| by.fold(origin)))?;
        self.origins[id.index()] = Some(origin);
        Ok(origin)
    }

    /// Labels are sorted by key; the order of several texts or several numbers of one key is the recorder's.
    pub(crate) fn labels(&mut self, id: LabelSetId, into: &mut Into<'_>) -> Result<LabelSetId, BuildError> {
        if let Some(known) = self.labels[id.index()] {
            return Ok(known);
        }
        let mut set = std::mem::take(&mut self.set);
        set.clear();
        for label in self.profile.labels().get(id) {
            let (key, string) = (self.string(label.key, into)?, self.string(label.string, into)?);
            set.push(Label { key, string, unit: self.string(label.unit, into)?, number: label.number });
        }
        set.sort_by(|one, other| {
            let order = |label: &Label| (into.tables.bytes(label.key), label.string.is_empty());
            order(one).cmp(&order(other))
        });
        let labels = into.tables.labels(&set)?;
        self.set = set;
        self.labels[id.index()] = Some(labels);
        Ok(labels)
    }
}
