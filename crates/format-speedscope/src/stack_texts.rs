//! Stacks as they stand in `samples`: the numbers of their frames, root first.
//!
//! Consecutive samples share most of their stack, so only what differs from the one before is written anew.

use profkit_profile::{Id, Profile, StackId, push_decimal};

use crate::frame_numbers::FrameNumbers;

/// Writes one stack after another.
pub(crate) struct StackTexts<'p> {
    profile: &'p Profile,
    numbers: &'p FrameNumbers<'p>,
    /// By stack, how many frames it has.
    depths: Vec<u32>,
    /// The last stack, root first, and where each of its frames ends in `text`.
    last: Vec<(StackId, usize)>,
    text: Vec<u8>,
    new: Vec<StackId>,
}

impl<'p> StackTexts<'p> {
    pub(crate) fn new(profile: &'p Profile, numbers: &'p FrameNumbers<'p>) -> Self {
        let mut depths: Vec<u32> = Vec::with_capacity(profile.stacks().len());
        for stack in profile.stacks().rows() {
            // Parents stand before their children.
            let below = stack.parent.map_or(0, |parent| depths[parent.index()]);
            depths.push(below.saturating_add(1));
        }
        Self { profile, numbers, depths, last: Vec::new(), text: Vec::new(), new: Vec::new() }
    }

    /// The numbers of a stack's frames, with commas between; the outermost `inferred` ones are made up.
    pub(crate) fn of(&mut self, stack: Option<StackId>, inferred: usize) -> &[u8] {
        let stacks = self.profile.stacks();
        if inferred > 0 {
            // Another text of the same stack: nothing to share, before or after.
            self.last.clear();
        }
        let mut depth = stack.map_or(0, |stack| self.depths[stack.index()] as usize);
        self.new.clear();
        for id in stacks.ancestors(stack) {
            if self.last.get(depth - 1).is_some_and(|(last, _)| *last == id) {
                break;
            }
            self.new.push(id);
            depth -= 1;
        }
        self.last.truncate(depth);
        self.text.truncate(self.last.last().map_or(0, |&(_, end)| end));
        for &id in self.new.iter().rev() {
            if !self.last.is_empty() {
                self.text.push(b',');
            }
            let number = self.numbers.of(stacks[id].frame, self.last.len() < inferred);
            push_decimal(&mut self.text, number, 0);
            self.last.push((id, self.text.len()));
        }
        if inferred > 0 {
            self.last.clear();
        }
        &self.text
    }
}
