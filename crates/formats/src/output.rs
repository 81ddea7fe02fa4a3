//! Writes a profile: compressed where its users expect it, and never half. A file is written beside its place and
//! renamed when it is whole; pipes and devices are written in place.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use profkit_profile::{Format, Profile, WriteError, WriteOptions, Written};

use crate::gzip::gzipped;
use crate::registry::is_gzipped;

/// Files that are being written, for whoever must end the process in between.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Writes a profile in a format, gzipped if its files usually are.
///
/// # Errors
/// Where the profile does not fit the format, or the output fails.
pub fn write(
    profile: &Profile,
    format: &dyn Format,
    to: &mut (dyn Write + Send),
    options: &WriteOptions<'_>,
) -> Result<Written, WriteError> {
    write_as(profile, format, format.is_gzipped(), to, options)
}

fn write_as(
    profile: &Profile,
    format: &dyn Format,
    gzip: bool,
    to: &mut (dyn Write + Send),
    options: &WriteOptions<'_>,
) -> Result<Written, WriteError> {
    if gzip {
        return gzipped(to, |to| Ok(format.write(profile, to, options)))?;
    }
    let mut to = BufWriter::with_capacity(1 << 18, to);
    let written = format.write(profile, &mut to, options)?;
    to.flush()?;
    Ok(written)
}

/// Writes a profile to a file, whole or not at all. A path that ends in `.gz` is gzipped whatever the format.
///
/// # Errors
/// Where the profile does not fit the format, or the file cannot be written; then nothing is changed.
pub fn write_path(
    profile: &Profile,
    format: &dyn Format,
    path: &Path,
    options: &WriteOptions<'_>,
) -> Result<Written, WriteError> {
    let gzip = format.is_gzipped() || is_gzipped(path);
    replace(path, |to| write_as(profile, format, gzip, to, options))
}

/// Writes bytes to a file, whole or not at all.
///
/// # Errors
/// Where the file cannot be written; then nothing is changed.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, |to| Ok(to.write_all(bytes)?)).map_err(|error| match error {
        WriteError::Io(error) => error,
        error => io::Error::other(error),
    })
}

/// Fills a file with what `fill` writes, or leaves it as it was.
pub(crate) fn replace<T>(
    path: &Path,
    fill: impl FnOnce(&mut (dyn Write + Send)) -> Result<T, WriteError>,
) -> Result<T, WriteError> {
    // The file that a link names is replaced, not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = fs::metadata(&path).ok();
    if existing.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder").into());
    }
    if existing.as_ref().is_some_and(|metadata| !metadata.is_file()) {
        return fill(&mut File::options().write(true).open(&path)?);
    }
    if existing.is_some() {
        // Renaming over a file needs no right to write to it; replacing it should.
        drop(File::options().write(true).open(&path)?);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary =
        tempfile::Builder::new().prefix(".profkit-").suffix(".tmp").make_in(folder, |path| {
            let file = File::create_new(path)?;
            unfinished(|paths| paths.push(path.to_owned()));
            Ok(file)
        })?;
    let name = temporary.path().to_owned();
    let filled = fill(temporary.as_file_mut()).and_then(|value| {
        if let Some(existing) = existing {
            temporary.as_file().set_permissions(existing.permissions())?;
        }
        temporary.persist(&path).map_err(|error| error.error)?;
        Ok(value)
    });
    unfinished(|paths| paths.retain(|path| *path != name));
    filled
}

/// Removes the files that are being written; for a process that is about to end.
pub fn remove_unfinished() {
    unfinished(|paths| {
        for path in paths.drain(..) {
            let _ = fs::remove_file(path);
        }
    });
}

fn unfinished(change: impl FnOnce(&mut Vec<PathBuf>)) {
    change(&mut UNFINISHED.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
}
