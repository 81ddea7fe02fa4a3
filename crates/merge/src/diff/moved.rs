//! Functions that begin at another line on the two sides, as all below an edit do.
//!
//! Merging keeps them apart, since the first line is part of what a function is. Between two versions of a program that would
//! make half of a file vanish and appear, so here the base's function is taken for the new side's where name and file
//! leave no doubt: each side has one function of that name in that file. Of `<lambda>` and such there are often several;
//! they stay as they are, and so does what has no file.
//!
//! The same is done where only the linker's name differs, which some recorders write and others do not, and compilers
//! change: there name, file and first line leave no doubt.

use std::collections::HashMap;
use std::hash::Hash;

use profkit_profile::{
    BuildError, Frame, Function, FunctionCalls, FunctionId, Id, LabelSetId, Profile, ProfileBuilder, Sample,
    StackId,
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
    let lines = |id: FunctionId| profile.functions()[id].first_line;
    let count = moved.iter().filter(|&(&old, &now)| lines(old) != lines(now)).count();
    Ok((builder.finish()?, count))
}

/// Which function of the base is which of the new side.
fn moved(profile: &Profile, is_base: impl Fn(LabelSetId) -> bool) -> HashMap<FunctionId, FunctionId> {
    let [mut base, mut new] = used(profile, is_base);
    let mut moved = pairs(profile, &base, &new, |of| (of.name, of.file, of.first_line));
    for (old, now) in &moved {
        (base[old.index()], new[now.index()]) = (false, false);
    }
    moved.extend(pairs(profile, &base, &new, |of| (of.name, of.system_name, of.file)));
    moved
}

/// The functions of which each side has one with a key, and which differ.
fn pairs<K: Eq + Hash>(
    profile: &Profile,
    base: &[bool],
    new: &[bool],
    key: impl Fn(&Function) -> K,
) -> HashMap<FunctionId, FunctionId> {
    let [base, new] = [base, new].map(|used| {
        let mut functions: HashMap<K, Vec<FunctionId>> = HashMap::new();
        for (id, of) in profile.functions().iter().filter(|(id, of)| used[id.index()] && !of.file.is_empty())
        {
            functions.entry(key(of)).or_default().push(id);
        }
        functions
    });
    let pairs =
        base.iter().filter_map(|(key, ids)| match (ids.as_slice(), new.get(key).map(Vec::as_slice)) {
            (&[old], Some(&[now])) if old != now => Some((old, now)),
            _ => None,
        });
    pairs.collect()
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
