//! Turns a profile into the shape of evidence that a format holds.

use std::collections::HashSet;

use profkit_profile::views::call_edges::call_edges;
use profkit_profile::views::estimate::{edge_stacks, estimate_lines, estimate_stacks};
use profkit_profile::{BuildError, Evidence, FrameId, FunctionCalls, FunctionId, Profile, Shape, count};

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
        return Ok(Fitted { profile, notes: Vec::new() });
    }
    let mut notes = Vec::new();
    let profile = match (holds, stacks) {
        (Evidence::CallEdges, _) => {
            let edges = call_edges(&profile)?;
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
                    1 => "1 function shares file, line and name with another one; its self time is kept"
                        .to_owned(),
                    clashed => format!(
                        "{clashed} functions share file, line and name with others; their self times are kept"
                    ),
                });
            }
            match stacks {
                Stacks::Lines if inlined_lines(&profile).is_some() => estimate_lines(&profile)?,
                _ => estimate.profile,
            }
        }
    };
    Ok(Fitted { profile, notes })
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
    match profile.calls().functions().rows().iter().filter(is_recursive).count() {
        0 => None,
        1 => Some("primitive calls of 1 recursive function left out".to_owned()),
        count => Some(format!("primitive calls of {count} recursive functions left out")),
    }
}
