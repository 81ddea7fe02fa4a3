//! From a path or bytes to a profile.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use profkit_profile::{Format, Input, Profile, ProfileBuilder};

use crate::container::{Container, peel};
use crate::detect::detect;
use crate::error::LoadError;
use crate::registry::Spec;

/// The largest input by default, after decompression: 8 GiB.
pub const DEFAULT_MAX_SIZE: u64 = 8 << 30;

/// How to load a file.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// The format and dialect to read it as, instead of what its content says.
    pub from: Option<Spec>,
    /// The largest size, before and after decompression, in bytes.
    pub max_size: u64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { from: None, max_size: DEFAULT_MAX_SIZE }
    }
}

/// A loaded file.
pub struct Loaded {
    /// What was in it.
    pub profile: Profile,
    /// Its format.
    pub format: &'static dyn Format,
    /// What was around it, outermost first.
    pub containers: Vec<Container>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Loaded({}, {:?})", self.format.name(), self.containers)
    }
}

/// Loads a file. It is read, not mapped: a file that shrinks while it is mapped kills its reader.
///
/// # Errors
/// Where it cannot be read, is in no known format, or is broken.
pub fn load_path(path: &Path, options: &LoadOptions) -> Result<Loaded, LoadError> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder").into());
    }
    if metadata.len() > options.max_size {
        return Err(LoadError::TooLarge(options.max_size));
    }
    let size = if metadata.is_file() { metadata.len() } else { 0 };
    load_sized(file, size, options)
}

/// Loads what a reader gives until its end.
///
/// # Errors
/// As [`load_path`].
pub fn load_reader(reader: impl Read, options: &LoadOptions) -> Result<Loaded, LoadError> {
    load_sized(reader, 0, options)
}

fn load_sized(reader: impl Read, size: u64, options: &LoadOptions) -> Result<Loaded, LoadError> {
    let mut bytes = Vec::new();
    let room = usize::try_from(size).unwrap_or(usize::MAX).saturating_add(1);
    bytes.try_reserve(room).map_err(|_| LoadError::TooLarge(options.max_size))?;
    reader.take(options.max_size.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > options.max_size) {
        return Err(LoadError::TooLarge(options.max_size));
    }
    load_bytes(bytes, options)
}

/// Loads what is in memory already.
///
/// # Errors
/// Where it is in no known format, or broken.
pub fn load_bytes(bytes: Vec<u8>, options: &LoadOptions) -> Result<Loaded, LoadError> {
    let (bytes, containers) = peel(bytes, options.max_size)?;
    let (format, dialect) = match options.from {
        Some(spec) => (spec.format, spec.dialect),
        None => (detect(&bytes).map_err(LoadError::Unknown)?, None),
    };
    let mut builder = ProfileBuilder::new();
    let broken = |error| LoadError::broken(format, error, &bytes);
    format.read(&Input { bytes: &bytes, dialect }, &mut builder).map_err(broken)?;
    builder.meta.format = format.name();
    // What does not fit together is found at the end: the place is the whole file.
    let end = bytes.len();
    let profile =
        builder.finish().map_err(|error| broken(profkit_profile::ReadErrorKind::Build(error).at(end)))?;
    Ok(Loaded { profile, format, containers })
}
