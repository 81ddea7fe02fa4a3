//! Turns a profile into the shape of evidence that a format holds.

use std::collections::HashSet;

use profkit_profile::views::call_edges::call_edges;
use profkit_profile::views::estimate::{edge_stacks, estimate_lines, estimate_stacks};
use profkit_profile::{
    BuildError, Evidence, Frame, FrameFlags, FrameId, FunctionCalls, FunctionId, LabelSetId, Profile, Shape,
    Stack, count,
};

/// How call edges become stacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Stacks {
    /// Whole stacks, estimated where the source does not say.
    #[default]
    Reconstruct,
    /// Stacks of two frames: exact, no more than the source says.
    Edges,
    /// As `Reconstruct`, for tables by line, file or module: what was inlined from another file is of that file, and not
    /// of its function.
    Lines,
}

/// A profile that fits a format.
#[derive(Debug)]
pub struct Fitted {
    /// The profile.
    pub profile: Profile,
    /// What a person should know about how it was made to fit, a line each.
    pub notes: Vec<String>,
    /// What the other shape cannot hold, phrases like those of [`Written`](profkit_profile::Written).
    pub losses: Vec<String>,
}

/// Turns a profile into the shape of evidence that a format [holds](profkit_profile::Format::holds); unchanged if it has
/// it already.
///
/// # Errors
/// Where a sum or a table overflows.
pub fn fit(profile: Profile, holds: Evidence, stacks: Stacks) -> Result<Fitted, BuildError> {
    let shape = profile.shape();
    let fits = match holds {
        Evidence::Stacks => shape == Shape::Stacks,
        Evidence::CallEdges => shape == Shape::CallGraph || profile.samples().is_empty(),
    };
    if fits {
        return Ok(Fitted { profile, notes: Vec::new(), losses: Vec::new() });
    }
    let (mut notes, mut losses) = (Vec::new(), Vec::new());
    let profile = match (holds, stacks) {
        (Evidence::CallEdges, _) => {
            let edges = call_edges(&profile)?;
            losses = beyond_edges(&profile);
            if edges.saturated.0 {
                notes.push("a sum does not fit 64 bits; the largest number stands for it".to_owned());
            }
            edges.profile
        }
        (Evidence::Stacks, Stacks::Edges) => {
            notes.extend(lost(&profile, stacks));
            edge_stacks(&profile)?
        }
        (Evidence::Stacks, Stacks::Reconstruct | Stacks::Lines) => {
            let estimate = estimate_stacks(&profile)?;
            let mut summary = vec![estimate.report.summary()];
            summary.extend(lost(&profile, stacks));
            notes.push(format!("stacks estimated from call edges: {}", summary.join("; ")));
            if estimate.report.clashed > 0 {
                notes.push(match estimate.report.clashed {
                    1 => "1 function has less in all than its callees, as if it shared file, line and name with \
                          another one; its self time is kept"
                        .to_owned(),
                    clashed => format!(
                        "{clashed} functions have less in all than their callees, as if they shared file, line and \
                         name with others; their self times are kept"
                    ),
                });
            }
            match stacks {
                Stacks::Lines if inlined_lines(&profile).is_some() => estimate_lines(&profile)?,
                _ => estimate.profile,
            }
        }
    };
    Ok(Fitted { profile, notes, losses })
}

/// What pairs of caller and callee cannot say of samples.
fn beyond_edges(profile: &Profile) -> Vec<String> {
    let mut losses = Vec::new();
    let mut lose = |lost: bool, what: &str| {
        if lost {
            losses.push(what.to_owned());
        }
    };
    let (stacks, frames) = (profile.stacks(), profile.frames().rows());
    let is_deep = |stack: &Stack| stack.parent.is_some_and(|parent| stacks[parent].parent.is_some());
    lose(stacks.rows().iter().any(is_deep), "whole stacks, only pairs of caller and callee");
    let labels = profile.samples().iter().any(|sample| sample.labels != LabelSetId::EMPTY);
    lose(labels, "labels of samples");
    // Frames without a function are named by their address.
    lose(frames.iter().any(|frame| frame.address != 0 && frame.function.is_some()), "addresses");
    lose(frames.iter().any(|frame| frame.column != 0), "columns");
    let is_placeless = |frame: &Frame| frame.mapping.is_some() && frame.function.is_some() && frame.line == 0;
    lose(frames.iter().any(is_placeless), "binaries of frames without a line");
    let is_marked = |frame: &Frame| frame.flags != FrameFlags::NONE;
    lose(frames.iter().any(is_marked), "kinds of frames (inlined, kernel, compiled)");
    lose(profile.tracks().has_time_order(), "the order of samples in time");
    losses
}

/// What stacks do not say of call tables.
fn lost(profile: &Profile, stacks: Stacks) -> impl Iterator<Item = String> {
    let inlined = if stacks == Stacks::Lines { None } else { inlined_lines(profile) };
    [inlined, primitive_calls(profile)].into_iter().flatten()
}

/// What stacks cannot say of code that was inlined from another file: a function's frames are of its own.
fn inlined_lines(profile: &Profile) -> Option<String> {
    let frames = profile.frames();
    let is_elsewhere = |&(function, frame): &(FunctionId, FrameId)| frames[frame].function != Some(function);
    let calls = profile.calls();
    let lines = calls.lines().rows().iter().map(|row| (row.function, row.frame));
    let sites = calls.edges().rows().iter().filter_map(|edge| Some((edge.caller, edge.site?)));
    let functions: HashSet<FunctionId> =
        lines.chain(sites).filter(is_elsewhere).map(|(function, _)| function).collect();
    let functions = Some(functions.len()).filter(|&functions| functions > 0)?;
    Some(format!("lines of other files (inlined code) in {} left out", count(functions, "function")))
}

/// What stacks cannot say of recursion.
fn primitive_calls(profile: &Profile) -> Option<String> {
    let is_recursive = |row: &&FunctionCalls| match (row.calls, row.primitive_calls) {
        (Some(calls), Some(primitive)) => calls != primitive,
        _ => false,
    };
    let recursive = profile.calls().functions().rows().iter().filter(is_recursive).count();
    (recursive > 0).then(|| format!("primitive calls of {} left out", count(recursive, "recursive function")))
}
