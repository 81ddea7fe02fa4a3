//! The order of stacks in canonical form: a stack comes after its parent and before its parent's next child, and
//! children come in the order of their frames. So it depends on nothing but what stacks there are.

use profkit_profile::{Id, Profile, StackId};

/// The stacks that are used, in canonical order. `rank` has the place of each frame.
pub(crate) fn order(tables: &Profile, used: &[bool], rank: &[u32]) -> Vec<StackId> {
    let stacks = tables.stacks();
    let of_frame = |id: StackId| rank[stacks[id].frame.index()] as usize;
    let all: Vec<StackId> = stacks.ids().filter(|id| used[id.index()]).collect();
    let by_frame = sorted(&all, rank.len(), of_frame);
    // Children of each stack, one behind another; the roots are those of stack 0.
    let parent = |id: StackId| stacks[id].parent.map_or(0, |parent| parent.index() + 1);
    let starts = starts(&by_frame, stacks.len() + 1, parent);
    let children = sorted(&by_frame, stacks.len() + 1, parent);
    let of = |slot: usize| &children[starts[slot] as usize..starts[slot + 1] as usize];
    let mut order = Vec::with_capacity(children.len());
    let mut pending: Vec<StackId> = of(0).iter().rev().copied().collect();
    while let Some(id) = pending.pop() {
        order.push(id);
        pending.extend(of(id.index() + 1).iter().rev());
    }
    order
}

/// Where the items of each key begin, and at the end how many items there are.
fn starts(items: &[StackId], keys: usize, key: impl Fn(StackId) -> usize) -> Vec<u32> {
    let mut starts = vec![0u32; keys + 1];
    // There are never more stacks than ids.
    items.iter().for_each(|&id| starts[key(id) + 1] += 1);
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    starts
}

/// Items by key; those of equal keys stay in order.
fn sorted(items: &[StackId], keys: usize, key: impl Fn(StackId) -> usize) -> Vec<StackId> {
    let mut next = starts(items, keys, &key);
    let mut sorted = vec![StackId::FIRST; items.len()];
    for &id in items {
        let place = &mut next[key(id)];
        sorted[*place as usize] = id;
        *place += 1;
    }
    sorted
}
