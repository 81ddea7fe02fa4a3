//! Samples that have no stack: py-spy's threads without a frame, gaps in a time line, what was measured of a whole
//! thread. Whoever shows or writes functions needs one for them, or their values are missing from the sum.

use crate::builder::ProfileBuilder;
use crate::error::BuildError;
use crate::frame::Frame;
use crate::function::Function;
use crate::profile::Profile;

/// The name of the function that stands for samples without a stack.
pub const NO_STACK: &str = "[no stack]";

/// The same profile, its samples without a stack in a function named [`NO_STACK`].
///
/// # Errors
/// Where a table is full.
pub fn name_missing_stacks(profile: Profile) -> Result<Profile, BuildError> {
    if profile.samples().stacks().iter().all(Option::is_some) {
        return Ok(profile);
    }
    let mut builder = ProfileBuilder::of(profile);
    let name = builder.string(NO_STACK.as_bytes())?;
    let function = builder.function(Function { name, ..Function::EMPTY })?;
    let frame = builder.frame(Frame::of(function))?;
    let stack = builder.stack(None, frame)?;
    let mut profile = builder.finish()?;
    profile.samples.fill_stacks(stack);
    Ok(profile)
}
