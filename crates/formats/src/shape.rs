//! Turns a profile into the shape of evidence that a format holds.

use profkit_profile::views::call_edges::call_edges;
use profkit_profile::views::estimate::{edge_stacks, estimate_stacks};
use profkit_profile::{BuildError, Evidence, FunctionCalls, Profile, Shape};

/// How call edges become stacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Stacks {
    /// Whole stacks, estimated where the source does not say.
    #[default]
    Reconstruct,
    /// Stacks of two frames: exact, no more than the source says.
    Edges,
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
    let lost = if holds == Evidence::Stacks { primitive_calls(&profile) } else { None };
    let profile = match (holds, stacks) {
        (Evidence::CallEdges, _) => {
            let edges = call_edges(&profile)?;
            if edges.saturated.0 {
                notes.push("a sum does not fit 64 bits; the largest number stands for it".to_owned());
            }
            edges.profile
        }
        (Evidence::Stacks, Stacks::Edges) => {
            notes.extend(lost);
            edge_stacks(&profile)?
        }
        (Evidence::Stacks, Stacks::Reconstruct) => {
            let estimate = estimate_stacks(&profile)?;
            let summary = [Some(estimate.report.summary()), lost].into_iter().flatten().collect::<Vec<_>>();
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
            estimate.profile
        }
    };
    Ok(Fitted { profile, notes })
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
