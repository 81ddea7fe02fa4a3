//! The order of stacks in canonical form: a stack comes after its parent and before its parent's next child, and
//! children come in the order of their frames. So it depends on nothing but what stacks there are.

use std::cmp::Reverse;

use profkit_profile::{FrameId, Id, Profile, Stack, StackId};

/// A stack on its way into its place.
#[derive(Clone, Copy)]
struct Row {
    id: StackId,
    parent: Option<StackId>,
    /// The frame's place in canonical order.
    frame: FrameId,
}

/// Hands out the stacks that are used, in canonical order, each with its new parent and frame; `add` tells its new id.
/// `frames` has the new id of each frame, which are in canonical order.
///
/// Memory is what this waits for, since there may be millions of stacks in any order. So what is known of one goes with
/// it instead of being looked up again.
pub(crate) fn walk<E>(
    tables: &Profile,
    used: &[bool],
    frames: &[Option<FrameId>],
    mut add: impl FnMut(StackId, Option<StackId>, FrameId) -> Result<StackId, E>,
) -> Result<(), E> {
    let row = |(id, stack): (StackId, &Stack)| {
        let frame = frames[stack.frame.index()].unwrap_or(FrameId::FIRST);
        Row { id, parent: stack.parent, frame }
    };
    let all = || tables.stacks().iter().filter(|(id, _)| used[id.index()]).map(row);
    // Children of each stack, one behind another; the roots are those of stack 0.
    let slots = tables.stacks().len() + 1;
    let parent = |row: &Row| row.parent.map_or(0, |parent| parent.index() + 1);
    let (mut children, starts) = sorted(all, slots, parent);
    let mut pending = Vec::new();
    let mut push_children = |slot: usize, new: Option<StackId>, pending: &mut Vec<Row>| {
        let children = &mut children[starts[slot] as usize..starts[slot + 1] as usize];
        children.sort_unstable_by_key(|row| Reverse(row.frame));
        pending.extend(children.iter().map(|&row| Row { parent: new, ..row }));
    };
    push_children(0, None, &mut pending);
    while let Some(Row { id, parent, frame }) = pending.pop() {
        let new = add(id, parent, frame)?;
        push_children(id.index() + 1, Some(new), &mut pending);
    }
    Ok(())
}

/// Rows by key, and where those of each key begin; at the end, how many rows there are.
fn sorted<R: Iterator<Item = Row>>(
    rows: impl Fn() -> R,
    keys: usize,
    key: impl Fn(&Row) -> usize,
) -> (Vec<Row>, Vec<u32>) {
    // First, how many rows each key has. There are never more stacks than ids.
    let mut starts = vec![0u32; keys + 1];
    rows().for_each(|row| starts[key(&row)] += 1);
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let mut sorted = vec![Row { id: StackId::FIRST, parent: None, frame: FrameId::FIRST }; sum as usize];
    // Now, where those of each key end, which is moved down to where they begin.
    for row in rows() {
        let place = &mut starts[key(&row)];
        *place -= 1;
        sorted[*place as usize] = row;
    }
    (sorted, starts)
}
