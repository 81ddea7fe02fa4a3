//! From the ids of an input to those of a merge, each looked up when it is first needed and remembered from then on.

use profkit_profile::views::origins::By;
use profkit_profile::{
    BuildError, Frame, FrameId, Function, FunctionId, Id, Label, LabelSetId, Mapping, MappingId, Origin,
    OriginId, Profile, ProfileBuilder, Stack, StackId, Stacks, StringId, Table,
};

use crate::mappings::Mappings;
use crate::paths::PathRules;
use crate::rows::Ids;

/// The tables of a merge, and what is done to rows on their way into them.
#[derive(Debug)]
pub(crate) struct Into<'m> {
    pub(crate) tables: &'m mut ProfileBuilder,
    pub(crate) mappings: &'m mut Mappings,
    pub(crate) repeated: &'m mut Repeated,
    pub(crate) by: Option<By>,
    pub(crate) paths: Option<&'m PathRules>,
    /// The name of the input, where it is to be kept.
    pub(crate) file: Option<&'m [u8]>,
}

/// Which functions of a merge some input gives their name as system name too, as many recorders do. That says nothing and
/// keeps no functions apart; but it is written again.
#[derive(Debug, Default)]
pub(crate) struct Repeated(Vec<bool>);

impl Repeated {
    fn set(&mut self, function: FunctionId) {
        if self.0.len() <= function.index() {
            self.0.resize(function.index() + 1, false);
        }
        self.0[function.index()] = true;
    }

    pub(crate) fn get(&self, function: FunctionId) -> bool {
        self.0.get(function.index()).copied().unwrap_or(false)
    }
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
    /// Whether the stacks have been taken over with their ids.
    same_stacks: bool,
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
            stacks: Vec::new(),
            same_stacks: false,
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
        let Function { name: name_there, system_name, file, first_line } = self.profile.functions()[id];
        let name = self.string(name_there, into)?;
        let is_repeated = system_name == name_there;
        let system_name = if is_repeated { StringId::EMPTY } else { self.string(system_name, into)? };
        let file = self.path(file, into)?;
        let function = into.tables.function(Function { name, system_name, file, first_line })?;
        if is_repeated {
            into.repeated.set(function);
        }
        self.functions[id.index()] = Some(function);
        Ok(function)
    }

    /// Notes which of the functions that were taken over are in `repeated`.
    pub(crate) fn repeated(&self, repeated: &Repeated, into: &mut Into<'_>) {
        for id in self.profile.functions().ids().filter(|&id| repeated.get(id)) {
            if let Some(function) = self.functions[id.index()] {
                into.repeated.set(function);
            }
        }
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

    /// Some input's main binary.
    pub(crate) fn main(&mut self, id: MappingId, into: &mut Into<'_>) -> Result<(), BuildError> {
        let (main, _) = self.mapping(id, into)?;
        into.mappings.offer_main(main, into.tables);
        Ok(())
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

    /// Takes over stacks ahead of [`Ids::stack`], and those that they stand on.
    pub(crate) fn stacks(
        &mut self,
        wanted: impl Iterator<Item = StackId>,
        frames: &[bool],
        into: &mut Into<'_>,
    ) -> Result<(), BuildError> {
        let stacks = self.profile.stacks();
        let used = self.frames_of(stacks, wanted, frames, false, into)?;
        self.found(stacks, &used, into)
    }

    /// The same for stacks that were taken out of the profile. They are moved as they are, their index included, if they
    /// come first and every frame stays a frame of its own.
    pub(crate) fn adopt(
        &mut self,
        stacks: Stacks,
        wanted: impl Iterator<Item = StackId>,
        frames: &[bool],
        is_first: bool,
        into: &mut Into<'_>,
    ) -> Result<(), BuildError> {
        let is_first = is_first && into.tables.stack_count() == 0;
        let used = self.frames_of(stacks.table(), wanted, frames, is_first, into)?;
        let is_same = |(index, frame): (usize, &Option<FrameId>)| frame.is_none_or(|id| id.index() == index);
        if is_first && self.frames.iter().enumerate().all(is_same) {
            into.tables.set_stacks(stacks);
            self.same_stacks = true;
            return Ok(());
        }
        self.found(stacks.table(), &used, into)
    }

    fn found(
        &mut self,
        stacks: &Table<StackId, Stack>,
        used: &[bool],
        into: &mut Into<'_>,
    ) -> Result<(), BuildError> {
        let frame = |id: StackId| self.frames[stacks[id].frame.index()].filter(|_| used[id.index()]);
        self.stacks = into.tables.stack_tree(stacks, frame)?;
        Ok(())
    }

    /// Takes over the frames of stacks, and the `others`, in their order. Also which stacks are used. Where places are to be kept, a frame
    /// that no stack has leaves an empty one behind, which goes in the end with all that is not used.
    fn frames_of(
        &mut self,
        stacks: &Table<StackId, Stack>,
        wanted: impl Iterator<Item = StackId>,
        others: &[bool],
        keep_places: bool,
        into: &mut Into<'_>,
    ) -> Result<Vec<bool>, BuildError> {
        let mut used = vec![false; stacks.len()];
        wanted.for_each(|id| used[id.index()] = true);
        let mut frames = others.to_vec();
        frames.resize(self.frames.len(), false);
        for (id, stack) in stacks.iter().rev() {
            if used[id.index()] {
                frames[stack.frame.index()] = true;
                if let Some(parent) = stack.parent {
                    used[parent.index()] = true;
                }
            }
        }
        for (id, column) in self.profile.frames().ids().zip(1..) {
            if frames[id.index()] {
                self.frame(id, into)?;
            } else if keep_places {
                into.tables.frame(Frame { line: i64::MIN, column, ..Frame::EMPTY })?;
            }
        }
        Ok(used)
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

/// The ids of an input as those of the merge that they go into.
pub(crate) struct Through<'r, 'p, 'm> {
    pub(crate) remap: &'r mut Remap<'p>,
    pub(crate) into: &'r mut Into<'m>,
}

impl Ids for Through<'_, '_, '_> {
    #[inline]
    fn stack(&self, id: StackId) -> Option<StackId> {
        if self.remap.same_stacks {
            return Some(id);
        }
        self.remap.stacks.get(id.index()).copied().flatten()
    }

    #[inline]
    fn function(&mut self, id: FunctionId) -> Result<FunctionId, BuildError> {
        self.remap.function(id, self.into)
    }

    #[inline]
    fn frame(&mut self, id: FrameId) -> Result<FrameId, BuildError> {
        self.remap.frame(id, self.into)
    }

    #[inline]
    fn origin(&mut self, id: OriginId) -> Result<OriginId, BuildError> {
        self.remap.origin(id, self.into)
    }

    #[inline]
    fn labels(&mut self, id: LabelSetId) -> Result<LabelSetId, BuildError> {
        self.remap.labels(id, self.into)
    }
}
