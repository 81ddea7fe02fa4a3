//! Every text that the lines of a file are put together from, and which stacks they make the same.

use std::ops::Range;

use hashbrown::HashMap;
use profkit_profile::{FrameId, Id, LabelSetId, OriginId, Profile, Sample, StackId};

use crate::dialect::Grammar;
use crate::frame_text::{name_of, shown, text};
use crate::measure::Measure;
use crate::root_text::{RootLoss, ShownRoots};
use crate::rows::Key;
use crate::texts::Texts;
use crate::thread_names::ThreadNames;
use crate::{INFERRED_LABEL, comment, frame, root};

/// The texts of a profile.
pub(crate) struct LineTexts {
    pub(crate) grammar: Grammar,
    pub(crate) comments: Vec<Vec<u8>>,
    /// The text of each frame that is used; any number for the others.
    frames: Texts,
    of_frame: Vec<u32>,
    roots: Texts,
    of_origin: HashMap<(OriginId, LabelSetId), (u32, u32), foldhash::fast::RandomState>,
    /// Roots, and how many of the outermost frames were made up: what beside its stack makes a line.
    groups: Vec<(u32, u32)>,
    group_numbers: HashMap<(u32, u32), u32, foldhash::fast::RandomState>,
    /// The first stack with the same text as each stack, if any two have the same.
    same: Option<Vec<StackId>>,
    pub(crate) loss: RootLoss,
    /// Texts with stand-ins.
    pub(crate) stand_ins: usize,
}

impl LineTexts {
    /// The texts of all that samples refer to; `None` where one needs stand-ins and `grammar` has none.
    pub(crate) fn of(profile: &Profile, grammar: Grammar, measure: &Measure, used: &Used) -> Option<Self> {
        let mut texts = Self {
            grammar,
            comments: comment::lines(profile, grammar, measure)?,
            frames: Texts::default(),
            of_frame: vec![0; profile.frames().len()],
            roots: Texts::default(),
            of_origin: HashMap::default(),
            groups: Vec::new(),
            group_numbers: HashMap::default(),
            same: None,
            loss: RootLoss::default(),
            stand_ins: 0,
        };
        for frame in used.frames() {
            texts.add_frame(profile, frame)?;
        }
        for (_, sample) in measure.samples(profile) {
            texts.add_origin(profile, sample)?;
        }
        if texts.frames.len() < used.frames().count() {
            texts.same = Some(texts.find_same(profile, used));
        }
        Some(texts)
    }

    fn add_frame(&mut self, profile: &Profile, id: FrameId) -> Option<()> {
        let frame = profile.frames()[id];
        let name = name_of(profile, frame);
        let shown = shown(profile, frame, &name, self.grammar.dialect);
        let found = text(self.grammar, shown)?;
        let plain = Grammar { escaped: false, ..self.grammar };
        self.stand_ins += usize::from(self.grammar.escaped && text(plain, shown).is_none());
        self.of_frame[id.index()] = self.frames.add(found);
        Some(())
    }

    fn add_origin(&mut self, profile: &Profile, sample: Sample) -> Option<()> {
        let key = (sample.origin, sample.labels);
        if self.of_origin.contains_key(&key) {
            return Some(());
        }
        let (shown, loss) =
            ShownRoots::of(profile, sample.origin, sample.labels, self.grammar.dialect, INFERRED_LABEL);
        self.loss.origin |= loss.origin;
        self.loss.labels |= loss.labels;
        let found = shown.text(self.grammar)?;
        let plain = Grammar { escaped: false, ..self.grammar };
        self.stand_ins += usize::from(self.grammar.escaped && shown.text(plain).is_none());
        let inferred = if self.grammar.inferred { inferred(profile, sample.labels) } else { 0 };
        let roots = self.roots.add(found);
        self.of_origin.insert(key, (roots, inferred));
        Some(())
    }

    fn find_same(&self, profile: &Profile, used: &Used) -> Vec<StackId> {
        let mut same = Vec::with_capacity(profile.stacks().len());
        let mut first: HashMap<(Option<StackId>, u32), StackId, foldhash::fast::RandomState> =
            HashMap::default();
        for (id, stack) in profile.stacks().iter() {
            let parent = stack.parent.map(|parent| same[parent.index()]);
            let text = self.of_frame[stack.frame.index()];
            let is_used = used.stacks[id.index()];
            same.push(if is_used { *first.entry((parent, text)).or_insert(id) } else { id });
        }
        same
    }

    /// Whether every text is read the same way by another grammar: names alone have no dialect.
    pub(crate) fn mean_the_same_in(&self, other: Grammar) -> bool {
        // How ids of perf are read does not matter: texts are such that it does not.
        let other = Grammar { pids: false, ..other };
        if other == self.grammar {
            return true;
        }
        let same_roots = |roots: &[u8]| {
            let text = [roots, if roots.is_empty() { b"x" } else { b";x" }].concat();
            root::parse(self.grammar, &text) == root::parse(other, &text)
        };
        let same_frame = |text: &[u8]| {
            frame::is_complete(other, text)
                && !root::parse(other, text).any()
                && frame::parse(self.grammar, text) == frame::parse(other, text)
        };
        self.roots.iter().all(same_roots) && self.frames.iter().all(same_frame)
    }

    /// Whether a reader would take threads for the same one because only one of them has a name.
    pub(crate) fn has_half_named_threads(&self) -> bool {
        let texts: Vec<Vec<u8>> = self.roots.iter().map(|roots| [roots, b";x"].concat()).collect();
        let parsed = || texts.iter().map(|text| (text, root::parse(self.grammar, text)));
        let threads = || {
            parsed().filter_map(|(text, roots)| {
                let part = |range: Range<usize>| &text[range];
                let key = (part(roots.host), part(roots.file), roots.pid, part(roots.process), roots.tid?);
                Some((key, part(roots.thread)))
            })
        };
        let names = ThreadNames::of(threads().filter(|(_, name)| !name.is_empty()));
        threads().any(|(thread, name)| name.is_empty() && names.get(&thread).is_some())
    }

    /// What a row of the file is summed by: the stack and the group. `None` where there are too many groups.
    #[inline]
    pub(crate) fn key(&mut self, profile: &Profile, sample: Sample) -> Option<Key> {
        let (roots, mut inferred) = *self.of_origin.get(&(sample.origin, sample.labels))?;
        if inferred > 0 {
            let depth = profile.stacks().leaf_first(sample.stack).count();
            inferred = inferred.min(u32::try_from(depth).unwrap_or(u32::MAX));
        }
        let next = u32::try_from(self.groups.len()).ok()?;
        let number = *self.group_numbers.entry((roots, inferred)).or_insert(next);
        if number == next {
            self.groups.push((roots, inferred));
        }
        Some((sample.stack.map(|stack| self.first(stack).index()), number))
    }

    /// The first stack with the same text.
    #[inline]
    pub(crate) fn first(&self, stack: StackId) -> StackId {
        self.same.as_ref().map_or(stack, |same| same[stack.index()])
    }

    /// The roots of a group, and how many frames above them were made up.
    pub(crate) fn group(&self, number: u32) -> (&[u8], u32) {
        self.groups
            .get(number as usize)
            .map_or((b"", 0), |&(roots, inferred)| (self.roots.get(roots), inferred))
    }

    /// The text of a frame.
    #[inline]
    pub(crate) fn frame(&self, frame: FrameId) -> &[u8] {
        self.frames.get(self.of_frame[frame.index()])
    }
}

/// The frames that an estimate made up, from the root on.
fn inferred(profile: &Profile, labels: LabelSetId) -> u32 {
    let label = profile.labels().get(labels).iter().find(|label| profile.bytes(label.key) == INFERRED_LABEL);
    label.and_then(|label| u32::try_from(label.number).ok()).unwrap_or(0)
}

/// What of a profile is written.
pub(crate) struct Used {
    stacks: Vec<bool>,
    frames: Vec<bool>,
    /// Whether any of the frames was made up by an estimate.
    pub(crate) inferred: bool,
}

impl Used {
    pub(crate) fn by(profile: &Profile, measure: &Measure) -> Self {
        let sets: Vec<bool> = profile.labels().iter().map(|(id, _)| inferred(profile, id) > 0).collect();
        let mut used = Self {
            stacks: vec![false; profile.stacks().len()],
            frames: vec![false; profile.frames().len()],
            inferred: false,
        };
        for (_, sample) in measure.samples(profile) {
            if let Some(stack) = sample.stack {
                used.stacks[stack.index()] = true;
                used.inferred |= sets[sample.labels.index()];
            }
        }
        for (id, stack) in profile.stacks().iter().rev() {
            if used.stacks[id.index()] {
                used.frames[stack.frame.index()] = true;
                if let Some(parent) = stack.parent {
                    used.stacks[parent.index()] = true;
                }
            }
        }
        used
    }

    pub(crate) fn frames(&self) -> impl Iterator<Item = FrameId> {
        let used = self.frames.iter().enumerate().filter(|(_, used)| **used);
        used.filter_map(|(index, _)| FrameId::from_index(index))
    }
}
