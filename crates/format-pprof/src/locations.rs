//! The locations of a file that is being written. A location is a frame with the frames that are inlined into it; the
//! model keeps them as stacks of their own, so a stack is cut into runs, each from a frame that is not inlined to the
//! last one that is inlined into it.

use std::collections::HashMap;
use std::hint::black_box;

use foldhash::fast::RandomState;

use profkit_profile::{Frame, FrameFlags, Function, Id, MappingId, Profile, Stack, StackId};

use crate::encode::{put_bytes, put_number, put_varint};

/// What pprof cannot say about a frame.
const LOST_FLAGS: [FrameFlags; 4] =
    [FrameFlags::KERNEL, FrameFlags::JIT, FrameFlags::INTERPRETED, FrameFlags::JIT_FAST];

/// A line of a location.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Line {
    /// As in the file, from 1.
    function: u64,
    line: i64,
    column: i64,
}

/// All that a location holds: what two locations must differ in to be two.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Location {
    mapping: Option<MappingId>,
    address: u64,
    folded: bool,
    /// Innermost first.
    lines: Vec<Line>,
}

/// A location's id, from 1, as a varint: its bytes are the low ones of the number, and the highest says how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EncodedId(u64);

impl EncodedId {
    const NONE: Self = Self(0);
    /// Of a frame that is inlined into its caller: its location depends on the caller.
    const INLINED: Self = Self(u64::MAX);

    fn new(id: u32) -> Self {
        let mut encoded = Vec::with_capacity(8);
        put_varint(&mut encoded, id.into());
        let mut bytes = [0; 8];
        bytes[7] = u8::try_from(encoded.len()).unwrap_or(0);
        bytes[..encoded.len()].copy_from_slice(&encoded);
        Self(u64::from_le_bytes(bytes))
    }

    /// The bytes of the varint first, and how many they are.
    #[inline]
    pub(crate) fn bytes(self) -> ([u8; 8], usize) {
        let bytes = self.0.to_le_bytes();
        (bytes, usize::from(bytes[7]))
    }
}

/// How many callers of a stack are fetched ahead; those nearer to the root are in the cache anyway.
const CALLERS: usize = 10;

/// A location and the stack below it.
#[derive(Clone, Copy, Debug)]
struct Run {
    location: EncodedId,
    caller: Option<StackId>,
}

/// Gives locations and functions their ids, from 1, in the order in which they are first used.
#[derive(Debug)]
pub(crate) struct LocationTable<'p> {
    profile: &'p Profile,
    /// The location of each frame that is one without others.
    single: Vec<EncodedId>,
    /// For each stack that ends in an inlined frame, its run. Empty if there are no such stacks.
    runs: Vec<Run>,
    ids: HashMap<Location, EncodedId, RandomState>,
    order: Vec<Location>,
    function_ids: HashMap<Function, u64, RandomState>,
    functions: Vec<Function>,
    /// Frames that say they are inlined into one that they cannot be inlined into.
    orphans: usize,
}

impl<'p> LocationTable<'p> {
    pub(crate) fn new(profile: &'p Profile) -> Self {
        Self {
            profile,
            single: vec![EncodedId::NONE; profile.frames().len()],
            runs: Vec::new(),
            ids: HashMap::with_capacity_and_hasher(profile.frames().len(), RandomState::default()),
            order: Vec::new(),
            function_ids: HashMap::with_capacity_and_hasher(
                profile.functions().len(),
                RandomState::default(),
            ),
            functions: Vec::new(),
            orphans: 0,
        }
    }

    /// The location at the top of a stack, and the stack that is left without it.
    #[inline]
    pub(crate) fn leaf(&mut self, stack: StackId) -> (EncodedId, Option<StackId>) {
        let row = self.profile.stacks()[stack];
        match self.single[row.frame.index()] {
            EncodedId::NONE | EncodedId::INLINED => self.leaf_slowly(stack, row),
            location => (location, row.parent),
        }
    }

    /// Brings into the cache what walking from these stacks to their roots will need. A walk has to wait for memory at
    /// each step; here the memory works on those of all stacks at once. It changes nothing.
    pub(crate) fn fetch(&self, stacks: &[Option<StackId>], near: &mut Vec<StackId>) {
        near.clear();
        near.extend(stacks.iter().flatten());
        for _ in 0..CALLERS {
            for stack in near.iter_mut() {
                *stack = self.profile.stacks()[*stack].parent.unwrap_or(*stack);
            }
        }
        black_box(near);
    }

    fn leaf_slowly(&mut self, stack: StackId, row: Stack) -> (EncodedId, Option<StackId>) {
        let frame = &self.profile.frames()[row.frame];
        if frame.flags.contains(FrameFlags::INLINED) {
            self.single[row.frame.index()] = EncodedId::INLINED;
            return self.run(stack);
        }
        let location = self.alone(frame);
        self.single[row.frame.index()] = location;
        (location, row.parent)
    }

    /// The run that a stack with an inlined leaf ends in.
    fn run(&mut self, stack: StackId) -> (EncodedId, Option<StackId>) {
        if self.runs.is_empty() {
            self.runs = vec![Run { location: EncodedId::NONE, caller: None }; self.profile.stacks().len()];
        }
        let known = self.runs[stack.index()];
        if known.location != EncodedId::NONE {
            return (known.location, known.caller);
        }
        let mut outermost = stack;
        while let Some(caller) = self.inlined_into(outermost) {
            outermost = caller;
        }
        let location = self.inlined(stack, outermost);
        let caller = self.profile.stacks()[outermost].parent;
        self.runs[stack.index()] = Run { location, caller };
        (location, caller)
    }

    /// The caller that the leaf of a stack is inlined into: both are one instruction.
    fn inlined_into(&self, stack: StackId) -> Option<StackId> {
        let row = self.profile.stacks()[stack];
        let frame = &self.profile.frames()[row.frame];
        let caller = row.parent.filter(|_| frame.flags.contains(FrameFlags::INLINED))?;
        let into = &self.profile.frames()[self.profile.stacks()[caller].frame];
        (into.address == frame.address && into.mapping == frame.mapping).then_some(caller)
    }

    /// The location of a frame without inlined ones. If nothing but an address is known, it has no line.
    fn alone(&mut self, frame: &Frame) -> EncodedId {
        let has_line = frame.function.is_some() || frame.line != 0 || frame.column != 0;
        let lines = if has_line { vec![self.line(frame)] } else { Vec::new() };
        self.add(frame, frame.flags.contains(FrameFlags::FOLDED), lines)
    }

    /// The location of the frames from the leaf of `stack` to that of `outermost`.
    fn inlined(&mut self, stack: StackId, outermost: StackId) -> EncodedId {
        let (stacks, frames) = (self.profile.stacks(), self.profile.frames());
        let mut lines = Vec::new();
        let mut folded = false;
        for ancestor in stacks.ancestors(Some(stack)) {
            let frame = &frames[stacks[ancestor].frame];
            lines.push(self.line(frame));
            folded |= frame.flags.contains(FrameFlags::FOLDED);
            if ancestor == outermost {
                self.orphans += usize::from(frame.flags.contains(FrameFlags::INLINED));
                break;
            }
        }
        self.add(&frames[stacks[outermost].frame], folded, lines)
    }

    fn add(&mut self, frame: &Frame, folded: bool, lines: Vec<Line>) -> EncodedId {
        let location = Location { mapping: frame.mapping, address: frame.address, folded, lines };
        if let Some(&id) = self.ids.get(&location) {
            return id;
        }
        self.order.push(location.clone());
        // There are at most as many as stacks.
        let id = EncodedId::new(u32::try_from(self.order.len()).unwrap_or(u32::MAX));
        self.ids.insert(location, id);
        id
    }

    fn line(&mut self, frame: &Frame) -> Line {
        // Go's pprof refuses a line without function, so that one gets a function without name.
        let function = frame.function.map_or(Function::EMPTY, |id| self.profile.functions()[id]);
        let functions = &mut self.functions;
        let id = self.function_ids.entry(function).or_insert_with(|| {
            functions.push(function);
            functions.len() as u64
        });
        Line { function: *id, line: frame.line, column: frame.column }
    }

    /// How many locations have an id.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Appends the message of a location, which is in row `index`.
    pub(crate) fn encode(&self, index: usize, to: &mut Vec<u8>) {
        let location = &self.order[index];
        put_number(to, 1, index as u64 + 1);
        put_number(to, 2, location.mapping.map_or(0, |mapping| mapping.index() as u64 + 1));
        put_number(to, 3, location.address);
        let mut message = Vec::with_capacity(32);
        for line in &location.lines {
            message.clear();
            put_number(&mut message, 1, line.function);
            put_number(&mut message, 2, line.line.cast_unsigned());
            put_number(&mut message, 3, line.column.cast_unsigned());
            put_bytes(to, 4, &message);
        }
        put_number(to, 5, location.folded.into());
    }

    /// The functions in order of their ids.
    pub(crate) fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// What locations could not hold.
    pub(crate) fn losses(&self) -> impl Iterator<Item = String> {
        let kinds = self.profile.frames().rows().iter();
        let kinds = kinds.filter(|frame| LOST_FLAGS.iter().any(|&flag| frame.flags.contains(flag))).count();
        let kinds = (kinds > 0).then(|| format!("the kind of {kinds} frames (kernel, JIT, interpreted)"));
        let orphans = self.orphans;
        let orphans = (orphans > 0)
            .then(|| format!("that {orphans} frames are inlined: their callers have other addresses"));
        kinds.into_iter().chain(orphans)
    }
}
