//! What the fuzz targets share: what must hold of any bytes that a format reads, a canonical form to compare profiles
//! by, and a count of the memory in use.
//!
//! The targets derive from the registry. `cargo xtask fuzz` asks `examples/corpus.rs` for them.

pub mod content;
pub mod cpython;
pub mod memory;
pub mod round_trip;

use profkit_formats::Format;
use profkit_profile::{Input, Profile, ProfileBuilder, ReadError, ReadErrorKind};

/// Names the format that the target `format` reads.
pub const FORMAT: &str = "PROFKIT_FUZZ_FORMAT";

/// Reads bytes to a profile.
///
/// # Errors
/// The reader's, or the builder's at the end of the input.
pub fn read(format: &dyn Format, dialect: Option<&str>, bytes: &[u8]) -> Result<Profile, ReadError> {
    let mut builder = ProfileBuilder::new();
    format.read(&Input { bytes, dialect }, &mut builder)?;
    builder.finish().map_err(|error| ReadErrorKind::Build(error).at(bytes.len()))
}
