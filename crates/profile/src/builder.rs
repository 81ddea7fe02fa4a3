//! The only way to make a [`Profile`]: readers, recorders and merge all fill a [`ProfileBuilder`].

mod open_track;
mod refill;

use hashbrown::HashTable;

use open_track::OpenTrack;
pub use refill::{Stacks, Values};

use crate::calls::{CallEdge, CallTables, FunctionCalls, LineCost};
use crate::error::{BuildError, TableFull};
use crate::frame::{Frame, Stack};
use crate::function::{Function, Mapping};
use crate::hash::Seed;
use crate::id::{FrameId, FunctionId, LabelSetId, MappingId, OriginId, StackId, StringId};
use crate::meta::Meta;
use crate::origin::{Label, LabelTable, Origin};
use crate::paths::Paths;
use crate::profile::Profile;
use crate::sample_type::SampleType;
use crate::samples::{Sample, SampleTable};
use crate::stack_batch::StackBatch;
use crate::stack_interner::StackInterner;
use crate::strings::StringInterner;
use crate::table::Interner;
use crate::track::TrackTable;

/// For how many samples room is made at most, since a file may say anything.
const MAX_RESERVED: usize = 1 << 24;

/// Collects the parts of a profile, stores each distinct one once, and checks the result.
///
/// ```
/// use profkit_profile::{Frame, Function, ProfileBuilder, Sample};
///
/// let mut builder = ProfileBuilder::new();
/// builder.sample_type(b"cpu", b"nanoseconds")?;
/// let name = builder.string(b"main")?;
/// let main = builder.function(Function { name, ..Function::EMPTY })?;
/// let frame = builder.frame(Frame { line: 12, ..Frame::of(main) })?;
/// let stack = builder.stack(None, frame)?;
/// builder.sample(Sample::of(Some(stack)), &[10_000_000])?;
/// let profile = builder.finish()?;
/// assert_eq!(profile.samples().values(0), [10_000_000]);
/// # Ok::<(), profkit_profile::BuildError>(())
/// ```
#[derive(Debug)]
pub struct ProfileBuilder {
    /// What the profile says about itself.
    pub meta: Meta,
    sample_types: Vec<SampleType>,
    strings: StringInterner,
    functions: Interner<FunctionId, Function>,
    mappings: Interner<MappingId, Mapping>,
    /// The mapping that was added first of all of this profile.
    first_mapping: Option<MappingId>,
    frames: Interner<FrameId, Frame>,
    stacks: StackInterner,
    /// Where batches of stacks go instead, if they are to be kept as they come.
    paths: Option<Paths>,
    origins: Interner<OriginId, Origin>,
    labels: LabelTable,
    label_index: HashTable<LabelSetId>,
    samples: SampleTable,
    sample_index: HashTable<usize>,
    calls: CallTables,
    tracks: TrackTable,
    open: Option<OpenTrack>,
    /// The `own` of the last open track, emptied: as long as the stack table, it would cost too much to make
    /// anew for each of many short tracks.
    spare: Vec<Option<i64>>,
    seed: Seed,
}

impl Default for ProfileBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ProfileBuilder {
    /// An empty profile.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Profile::empty())
    }

    /// Goes on from a finished profile: every id of `profile` is also valid here.
    #[must_use]
    pub fn of(profile: Profile) -> Self {
        let Profile { meta, sample_types, strings, functions, mappings, frames, stacks, origins, .. } =
            profile;
        let Profile { labels, samples, calls, tracks, .. } = profile;
        let seed = Seed::default();
        let first_mapping = mappings.ids().next();
        let mut label_index = HashTable::with_capacity(labels.len());
        for (id, set) in labels.iter() {
            label_index.insert_unique(seed.row(&set), id, |&other| seed.row(&labels.get(other)));
        }
        Self {
            meta,
            sample_types,
            strings: StringInterner::new(strings),
            functions: Interner::new("function", functions),
            mappings: Interner::new("mapping", mappings),
            first_mapping,
            frames: Interner::new("frame", frames),
            stacks: StackInterner::new(stacks),
            paths: None,
            origins: Interner::new("origin", origins),
            labels,
            label_index,
            samples,
            sample_index: HashTable::new(),
            calls,
            tracks,
            open: None,
            spare: Vec::new(),
            seed,
        }
    }

    /// The id of a string.
    ///
    /// # Errors
    /// This and the other methods that add a row fail where a table is full.
    pub fn string(&mut self, string: &[u8]) -> Result<StringId, BuildError> {
        Ok(self.strings.intern(string)?)
    }

    /// A string that was added before.
    #[must_use]
    pub fn bytes(&self, id: StringId) -> &[u8] {
        self.strings.table().get(id)
    }

    /// The index of the sample type with this name and unit, added at the end if it is new.
    pub fn sample_type(&mut self, name: &[u8], unit: &[u8]) -> Result<usize, BuildError> {
        let (name, unit) = (self.string(name)?, self.string(unit)?);
        Ok(self.add_sample_type(SampleType { name, unit, decimals: 0 }))
    }

    /// The same, for a sample type whose name or unit is known already or has decimals.
    pub fn add_sample_type(&mut self, sample_type: SampleType) -> usize {
        let found = self.sample_types.iter().position(|other| *other == sample_type);
        found.unwrap_or_else(|| self.push_sample_type(sample_type))
    }

    /// Adds a sample type even if there is one just like it, as pprof files may have.
    pub fn push_sample_type(&mut self, sample_type: SampleType) -> usize {
        self.sample_types.push(sample_type);
        self.samples.add_column();
        self.calls.functions.add_column();
        self.calls.edges.add_column();
        self.calls.lines.add_column();
        self.sample_types.len() - 1
    }

    /// The sample types added so far.
    #[must_use]
    pub fn sample_types(&self) -> &[SampleType] {
        &self.sample_types
    }

    /// The id of a function.
    pub fn function(&mut self, function: Function) -> Result<FunctionId, BuildError> {
        Ok(self.functions.intern(function)?)
    }

    /// A function that was added before.
    #[must_use]
    pub fn function_row(&self, id: FunctionId) -> Function {
        self.functions.table()[id]
    }

    /// The id of a mapping. The first one added is the main binary.
    pub fn mapping(&mut self, mapping: Mapping) -> Result<MappingId, BuildError> {
        let id = self.mappings.intern(mapping)?;
        self.first_mapping.get_or_insert(id);
        Ok(id)
    }

    /// The id of a frame.
    pub fn frame(&mut self, frame: Frame) -> Result<FrameId, BuildError> {
        Ok(self.frames.intern(frame)?)
    }

    /// A frame that was added before.
    #[must_use]
    pub fn frame_row(&self, id: FrameId) -> Frame {
        self.frames.table()[id]
    }

    /// The id of `frame` called from the stack `parent`.
    #[inline]
    pub fn stack(&mut self, parent: Option<StackId>, frame: FrameId) -> Result<StackId, BuildError> {
        Ok(self.stacks.intern(Stack { parent, frame })?)
    }

    /// The id of a whole stack, outermost frame first; `None` for one without frames.
    pub fn stack_from_root(
        &mut self,
        frames: impl IntoIterator<Item = FrameId>,
    ) -> Result<Option<StackId>, BuildError> {
        frames.into_iter().try_fold(None, |parent, frame| self.stack(parent, frame).map(Some))
    }

    /// An empty batch of stacks for this builder.
    #[must_use]
    pub fn stack_batch(&self) -> StackBatch {
        if self.paths.is_some() { StackBatch::new(None) } else { self.stacks.batch() }
    }

    /// The ids of all stacks of a batch, added to `into`. This is the quickest way to add stacks that a file gives as
    /// lists of frames.
    pub fn stacks(&mut self, batch: &StackBatch, into: &mut Vec<Option<StackId>>) -> Result<(), BuildError> {
        let added = match &mut self.paths {
            Some(paths) => paths.push(batch, into),
            None => self.stacks.intern_batch(batch, into),
        };
        Ok(added?)
    }

    /// Adds a stack that is not there: for who knows that, it is quicker than [`stack`](Self::stack).
    #[inline]
    pub fn new_stack(&mut self, parent: Option<StackId>, frame: FrameId) -> Result<StackId, BuildError> {
        Ok(self.stacks.push(Stack { parent, frame })?)
    }

    /// How many stacks there are.
    #[must_use]
    pub fn stack_count(&self) -> usize {
        self.stacks.table().len()
    }

    /// A stack that was added before.
    #[must_use]
    pub fn stack_row(&self, id: StackId) -> Stack {
        self.stacks.table()[id]
    }

    /// The id of an origin.
    pub fn origin(&mut self, origin: Origin) -> Result<OriginId, BuildError> {
        Ok(self.origins.intern(origin)?)
    }

    /// An origin that was added before.
    #[must_use]
    pub fn origin_row(&self, id: OriginId) -> Origin {
        self.origins.table()[id]
    }

    /// The id of a set of labels. The order is kept: two sets with the same labels in another order differ.
    pub fn labels(&mut self, set: &[Label]) -> Result<LabelSetId, BuildError> {
        let Self { labels, label_index, seed, .. } = self;
        let hash = seed.row(&set);
        if let Some(&id) = label_index.find(hash, |&id| labels.get(id) == set) {
            return Ok(id);
        }
        let id = labels.push(set).ok_or(TableFull("label"))?;
        label_index.insert_unique(hash, id, |&other| seed.row(&labels.get(other)));
        Ok(id)
    }

    /// A label set that was added before.
    #[must_use]
    pub fn label_set(&self, id: LabelSetId) -> &[Label] {
        self.labels.get(id)
    }

    /// Adds a sample as a row of its own, with one value a sample type.
    #[inline]
    pub fn sample(&mut self, sample: Sample, values: &[i64]) -> Result<(), BuildError> {
        self.check_count(values.len())?;
        self.samples.push(sample, values);
        Ok(())
    }

    /// Adds a sample's values to the row of an equal sample that was added by this method before, or as a new
    /// row.
    pub fn accumulate(&mut self, sample: Sample, values: &[i64]) -> Result<(), BuildError> {
        self.check_count(values.len())?;
        let Self { samples, sample_index, seed, .. } = self;
        let hash = seed.row(&sample);
        if let Some(&row) = sample_index.find(hash, |&row| samples.get(row) == sample) {
            for (index, &value) in values.iter().enumerate() {
                let sum = &mut samples.column_mut(index)[row];
                *sum = sum.checked_add(value).ok_or(BuildError::Overflow)?;
            }
        } else {
            let row = samples.len();
            samples.push(sample, values);
            sample_index.insert_unique(hash, row, |&other| seed.row(&samples.get(other)));
        }
        Ok(())
    }

    /// Makes room for so many more samples, each of a stack of its own, for a reader that knows how many come. To be called
    /// after the sample types are added. What is not used is only an address range.
    pub fn reserve_samples(&mut self, samples: usize) {
        let samples = samples.min(MAX_RESERVED);
        self.samples.reserve(samples);
        if self.paths.is_none() {
            self.stacks.reserve(samples);
        }
    }

    /// Makes room for so many more functions of as many names, for a reader that can tell.
    pub fn reserve_functions(&mut self, functions: usize) {
        self.functions.reserve(functions);
        self.strings.reserve(functions);
    }

    /// Makes room for so many more rows of functions and of edges, for a reader that knows how many come. To be
    /// called after the sample types are added.
    pub fn reserve_calls(&mut self, functions: usize, edges: usize) {
        self.calls.functions.reserve(functions);
        self.calls.edges.reserve(edges);
    }

    /// Adds the calls of a function, with one self value and one total a sample type.
    pub fn function_calls(
        &mut self,
        row: FunctionCalls,
        own: &[i64],
        total: &[i64],
    ) -> Result<(), BuildError> {
        self.check_count(own.len())?;
        self.check_count(total.len())?;
        self.calls.functions.push(row, own, total);
        Ok(())
    }

    /// Adds a call edge, with one self value and one total a sample type; zero where unknown.
    pub fn call_edge(&mut self, row: CallEdge, own: &[i64], total: &[i64]) -> Result<(), BuildError> {
        self.check_count(own.len())?;
        self.check_count(total.len())?;
        self.calls.edges.push(row, own, total);
        Ok(())
    }

    /// Adds a part of a function's self value at one line.
    pub fn line_cost(&mut self, row: LineCost, own: &[i64]) -> Result<(), BuildError> {
        self.check_count(own.len())?;
        self.calls.lines.push(row, own, own);
        Ok(())
    }

    /// The finished profile.
    ///
    /// # Errors
    /// Where a track is still open or the parts do not hold together; see [`Profile::validate`].
    pub fn finish(self) -> Result<Profile, BuildError> {
        self.check_ended()?;
        let profile = Profile {
            meta: self.meta,
            sample_types: self.sample_types,
            strings: self.strings.finish(),
            functions: self.functions.finish(),
            mappings: self.mappings.finish(),
            frames: self.frames.finish(),
            stacks: self.stacks.finish(),
            origins: self.origins.finish(),
            labels: self.labels,
            samples: self.samples,
            calls: self.calls,
            tracks: self.tracks,
        };
        profile.validate().map_err(BuildError::Invalid)?;
        Ok(profile)
    }

    fn check_count(&self, given: usize) -> Result<(), BuildError> {
        let types = self.sample_types.len();
        if given == types { Ok(()) } else { Err(BuildError::ValueCount { given, types }) }
    }
}
