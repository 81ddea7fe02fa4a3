//! Functions that begin at another line on the two sides, as all below an edit do.
//!
//! Merging keeps them apart, since the first line is part of what a function is. Between two versions of a program that would
//! make half of a file vanish and appear, so here the base's function is taken for the new side's where name and file
//! leave no doubt: each side has one function of that name in that file. Of `<lambda>` and such there are often several;
//! they stay as they are, and so does what has no file.

use std::collections::HashMap;

use profkit_profile::{
    BuildError, Frame, Function, FunctionCalls, FunctionId, Id, LabelSetId, Profile, ProfileBuilder, Sample,
    StackId, StringId,
};

/// The profile with the base's moved functions replaced by those of the new side, and how many there are.
pub(super) fn follow(
    profile: Profile,
    is_base: impl Fn(LabelSetId) -> bool,
) -> Result<(Profile, usize), BuildError> {
    let moved = moved(&profile, is_base);
    if moved.is_empty() {
        return Ok((profile, 0));
    }
    let mut builder = ProfileBuilder::of(profile.without_values());
    let mut frames = Vec::with_capacity(profile.frames().len());
    for (id, &frame) in profile.frames().iter() {
        let function = frame.function.and_then(|function| moved.get(&function).copied());
        frames.push(match function {
            Some(function) => builder.frame(Frame { function: Some(function), ..frame })?,
            None => id,
        });
    }
    let mut stacks: Vec<StackId> = Vec::with_capacity(profile.stacks().len());
    for stack in profile.stacks().rows() {
        let parent = stack.parent.map(|parent| stacks[parent.index()]);
        stacks.push(builder.stack(parent, frames[stack.frame.index()])?);
    }
    let samples = profile.samples();
    for (row, sample) in samples.iter().enumerate() {
        let stack = sample.stack.map(|stack| stacks[stack.index()]);
        builder.sample(Sample { stack, ..sample }, &samples.row_values(row))?;
    }
    let functions = profile.calls().functions();
    for (row, &calls) in functions.rows().iter().enumerate() {
        let function = moved.get(&calls.function).copied().unwrap_or(calls.function);
        let (own, total) = functions.values(row);
        builder.function_calls(FunctionCalls { function, ..calls }, &own, &total)?;
    }
    Ok((builder.finish()?, moved.len()))
}

/// Which function of the base is which of the new side.
fn moved(profile: &Profile, is_base: impl Fn(LabelSetId) -> bool) -> HashMap<FunctionId, FunctionId> {
    let [base, new] = used(profile, is_base).map(|used| by_name(profile, &used));
    let pairs =
        base.iter().filter_map(|(name, ids)| match (ids.as_slice(), new.get(name).map(Vec::as_slice)) {
            (&[old], Some(&[now])) if old != now => Some((old, now)),
            _ => None,
        });
    pairs.collect()
}

/// Name, system name and file.
type Name = (StringId, StringId, StringId);

fn by_name(profile: &Profile, used: &[bool]) -> HashMap<Name, Vec<FunctionId>> {
    let mut names: HashMap<Name, Vec<FunctionId>> = HashMap::new();
    for (id, &Function { name, system_name, file, .. }) in profile.functions().iter() {
        if used[id.index()] && !file.is_empty() {
            names.entry((name, system_name, file)).or_default().push(id);
        }
    }
    names
}

/// Which functions are in the base, and which in the new side.
fn used(profile: &Profile, is_base: impl Fn(LabelSetId) -> bool) -> [Vec<bool>; 2] {
    let mut functions = [0, 1].map(|_| vec![false; profile.functions().len()]);
    let mut stacks = [0, 1].map(|_| vec![false; profile.stacks().len()]);
    let side = |labels| usize::from(!is_base(labels));
    for sample in profile.samples().iter() {
        if let Some(stack) = sample.stack {
            stacks[side(sample.labels)][stack.index()] = true;
        }
    }
    for (stacks, functions) in stacks.iter_mut().zip(&mut functions) {
        for (id, stack) in profile.stacks().iter().rev() {
            if !stacks[id.index()] {
                continue;
            }
            if let Some(parent) = stack.parent {
                stacks[parent.index()] = true;
            }
            if let Some(function) = profile.frames()[stack.frame].function {
                functions[function.index()] = true;
            }
        }
    }
    for calls in profile.calls().functions().rows() {
        functions[side(calls.labels)][calls.function.index()] = true;
    }
    functions
}
