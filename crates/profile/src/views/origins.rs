//! Folding origins together: `--by none|process|thread|file`.

use crate::builder::ProfileBuilder;
use crate::calls::{CallEdge, FunctionCalls, LineCost};
use crate::error::BuildError;
use crate::id::{Id, OriginId};
use crate::origin::Origin;
use crate::profile::Profile;
use crate::samples::Sample;

/// Which origins stay apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// None: everything is one.
    Nothing,
    /// Processes, on their hosts.
    Process,
    /// Threads, in their processes.
    Thread,
    /// The files that were merged.
    File,
}

impl By {
    /// What is left of an origin.
    #[must_use]
    pub fn fold(self, origin: Origin) -> Origin {
        match self {
            Self::Nothing => Origin::UNKNOWN,
            Self::Process => {
                Origin { host: origin.host, pid: origin.pid, process: origin.process, ..Origin::UNKNOWN }
            }
            Self::Thread => Origin { file: Origin::UNKNOWN.file, ..origin },
            Self::File => Origin { file: origin.file, ..Origin::UNKNOWN },
        }
    }
}

/// The same profile with only the wanted origins apart. Samples that become equal are added up, and time order
/// is given up, unless nothing folds at all.
///
/// # Errors
/// Where a sum does not fit 64 bits.
pub fn fold_origins(profile: Profile, by: By) -> Result<Profile, BuildError> {
    if profile.origins().rows().iter().all(|&origin| by.fold(origin) == origin) {
        return Ok(profile);
    }
    let mut bare = profile.without_values();
    bare.origins = Profile::empty().origins;
    let mut builder = ProfileBuilder::of(bare);
    let rows = profile.origins().rows().iter();
    let origins: Vec<OriginId> =
        rows.map(|&origin| builder.origin(by.fold(origin))).collect::<Result<_, _>>()?;
    let fold = |origin: OriginId| origins[origin.index()];
    for (row, sample) in profile.samples().iter().enumerate() {
        let sample = Sample { origin: fold(sample.origin), ..sample };
        builder.accumulate(sample, &profile.samples().row_values(row))?;
    }
    let calls = profile.calls();
    for (row, &function) in calls.functions().rows().iter().enumerate() {
        let (own, total) = calls.functions().values(row);
        let function = FunctionCalls { origin: fold(function.origin), ..function };
        builder.function_calls(function, &own, &total)?;
    }
    for (row, &edge) in calls.edges().rows().iter().enumerate() {
        let (own, total) = calls.edges().values(row);
        builder.call_edge(CallEdge { origin: fold(edge.origin), ..edge }, &own, &total)?;
    }
    for (row, &line) in calls.lines().rows().iter().enumerate() {
        let (own, _) = calls.lines().values(row);
        builder.line_cost(LineCost { origin: fold(line.origin), ..line }, &own)?;
    }
    builder.finish()
}
