//! From a path or bytes to a profile.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use profkit_profile::{AtOffset, Format, Input, Profile, ProfileBuilder};

use crate::container::{Container, HEAD, peel_looking};
use crate::detect::{detect, refuse_early};
use crate::error::LoadError;
use crate::folder;
use crate::registry::Spec;
use crate::size::ByteSize;

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
    loaded(read_path(path, options)?, options)
}

/// Loads what a reader gives until its end.
///
/// # Errors
/// As [`load_path`].
pub fn load_reader(reader: impl Read, options: &LoadOptions) -> Result<Loaded, LoadError> {
    loaded(read_sized(reader, 0, options)?, options)
}

/// Loads what is in memory already.
///
/// # Errors
/// Where it is in no known format, or broken.
pub fn load_bytes(bytes: Vec<u8>, options: &LoadOptions) -> Result<Loaded, LoadError> {
    loaded(bytes, options)
}

/// Reads a file into a builder that may have read others before, for who merges many: see
/// [`ProfileBuilder::take_values`]. Also which format it has.
///
/// # Errors
/// As [`load_path`]. What was read until then is in the builder: take it out and drop it.
pub fn load_path_into(
    path: &Path,
    options: &LoadOptions,
    builder: &mut ProfileBuilder,
) -> Result<&'static dyn Format, LoadError> {
    Ok(fill(read_path(path, options)?, options, builder)?.format)
}

/// The same for what a reader gives until its end.
///
/// # Errors
/// As [`load_path_into`].
pub fn load_reader_into(
    reader: impl Read,
    options: &LoadOptions,
    builder: &mut ProfileBuilder,
) -> Result<&'static dyn Format, LoadError> {
    Ok(fill(read_sized(reader, 0, options)?, options, builder)?.format)
}

fn read_path(path: &Path, options: &LoadOptions) -> Result<Vec<u8>, LoadError> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return folder::read(path, options.max_size);
    }
    if metadata.len() > options.max_size {
        return Err(too_large(options));
    }
    let size = if metadata.is_file() { metadata.len() } else { 0 };
    read_sized(file, size, options)
}

fn too_large(options: &LoadOptions) -> LoadError {
    LoadError::TooLarge(ByteSize(options.max_size))
}

fn read_sized(mut reader: impl Read, size: u64, options: &LoadOptions) -> Result<Vec<u8>, LoadError> {
    let mut bytes = Vec::new();
    let room = usize::try_from(size).unwrap_or(usize::MAX).saturating_add(1);
    bytes.try_reserve(room).map_err(|_| too_large(options))?;
    reader.by_ref().take(HEAD.try_into().unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    if options.from.is_none() && bytes.len() == HEAD && Container::of(&bytes).is_none() {
        refuse_early(&bytes).map_err(LoadError::Unknown)?;
    }
    let read = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let left = options.max_size.saturating_add(1).saturating_sub(read);
    reader.take(left).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > options.max_size) {
        return Err(too_large(options));
    }
    Ok(bytes)
}

/// What was read, and what it was.
struct Filled {
    format: &'static dyn Format,
    containers: Vec<Container>,
    bytes: Vec<u8>,
}

fn fill(bytes: Vec<u8>, options: &LoadOptions, builder: &mut ProfileBuilder) -> Result<Filled, LoadError> {
    let any = |_: &[u8]| Ok(());
    let look: &dyn Fn(&[u8]) -> _ = if options.from.is_some() { &any } else { &refuse_early };
    let (bytes, containers) = peel_looking(bytes, options.max_size, look)?;
    let (format, dialect) = match options.from {
        Some(spec) => (spec.format, spec.dialect),
        None => (detect(&bytes).map_err(LoadError::Unknown)?, None),
    };
    let broken = |error| LoadError::broken(format, error, &bytes);
    format.read(&Input { bytes: &bytes, dialect }, builder).map_err(broken)?;
    builder.check_ended().at(bytes.len()).map_err(broken)?;
    builder.meta.format = format.name();
    Ok(Filled { format, containers, bytes })
}

fn loaded(bytes: Vec<u8>, options: &LoadOptions) -> Result<Loaded, LoadError> {
    let mut builder = ProfileBuilder::new();
    let Filled { format, containers, bytes } = fill(bytes, options, &mut builder)?;
    // What does not fit together is found at the end: the place is the whole file.
    let profile =
        builder.finish().at(bytes.len()).map_err(|error| LoadError::broken(format, error, &bytes))?;
    Ok(Loaded { profile, format, containers })
}
