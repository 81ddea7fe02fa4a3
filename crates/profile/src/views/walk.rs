//! Passes over the prefix tree of stacks that several views share.

use crate::frame::Stack;
use crate::id::{Id, StackId};
use crate::profile::Profile;
use crate::table::Table;

/// Whether a sum went over what 64 bits hold; the sum then is the nearest value that they do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Saturated(pub bool);

impl Saturated {
    /// Adds to a sum and remembers if it did not fit.
    pub fn add(&mut self, sum: &mut i64, value: i64) {
        *sum = sum.checked_add(value).unwrap_or_else(|| {
            self.0 = true;
            sum.saturating_add(value)
        });
    }
}

/// The samples' values for one sample type, summed by stack. Samples without a stack are left out.
pub(super) fn own_by_stack(profile: &Profile, sample_type: usize, saturated: &mut Saturated) -> Vec<i64> {
    let mut own = vec![0; profile.stacks().len()];
    let samples = profile.samples();
    for (stack, &value) in samples.stacks().iter().zip(samples.values(sample_type)) {
        if let Some(stack) = stack {
            saturated.add(&mut own[stack.index()], value);
        }
    }
    own
}

/// Turns the own value of every stack into that of the stack and everything above it.
pub(super) fn sum_subtrees(stacks: &Table<StackId, Stack>, values: &mut [i64], saturated: &mut Saturated) {
    for (id, stack) in stacks.iter().rev() {
        if let Some(parent) = stack.parent {
            let value = values[id.index()];
            saturated.add(&mut values[parent.index()], value);
        }
    }
}

/// For every stack, whether no stack below it has the same key; a value that is summed over these counts
/// recursion once. `keys` are dense: all below `key_count`.
pub(super) fn outermost(
    stacks: &Table<StackId, Stack>,
    keys: impl Fn(StackId) -> usize,
    key_count: usize,
) -> Vec<bool> {
    let mut outermost = vec![true; stacks.len()];
    let mut depth_of_key = vec![0u32; key_count];
    let mut path: Vec<StackId> = Vec::new();
    for id in depth_first(stacks) {
        while path.last().copied() != stacks[id].parent {
            let Some(left) = path.pop() else { break };
            depth_of_key[keys(left)] -= 1;
        }
        let depth = &mut depth_of_key[keys(id)];
        outermost[id.index()] = *depth == 0;
        *depth += 1;
        path.push(id);
    }
    outermost
}

/// Every stack, each directly after its parent or after a finished sibling.
fn depth_first(stacks: &Table<StackId, Stack>) -> impl Iterator<Item = StackId> {
    // Children as linked lists, in two columns.
    let mut first_child = vec![None; stacks.len()];
    let mut next_sibling = vec![None; stacks.len()];
    let mut first_root = None;
    for (id, stack) in stacks.iter().rev() {
        let head = match stack.parent {
            Some(parent) => &mut first_child[parent.index()],
            None => &mut first_root,
        };
        next_sibling[id.index()] = head.replace(id);
    }
    let mut pending: Vec<StackId> = Vec::from_iter(first_root);
    std::iter::from_fn(move || {
        let id = pending.pop()?;
        pending.extend(next_sibling[id.index()]);
        pending.extend(first_child[id.index()]);
        Some(id)
    })
}
