//! A recording is a folder that is one input.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use profkit_format_recording::{HEADER_FILE, Pack, length_in_use};

use crate::error::LoadError;
use crate::size::ByteSize;

/// Whether a folder is a recording, and so one input.
#[must_use]
pub fn is_recording(path: &Path) -> bool {
    path.join(HEADER_FILE).is_file()
}

/// The bytes that say something in the files of a recording.
pub(crate) fn read(path: &Path, max_size: u64) -> Result<Vec<u8>, LoadError> {
    if !is_recording(path) {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, and no recording").into());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            names.push(entry.file_name());
        }
    }
    names.sort();
    let mut pack = Pack::new();
    let mut left = max_size;
    for name in names {
        let content = read_used(&path.join(&name), left)?;
        let Some(content) = content else { return Err(LoadError::TooLarge(ByteSize(max_size))) };
        left = left.saturating_sub(u64::try_from(content.len()).unwrap_or(u64::MAX));
        pack.add(name.as_encoded_bytes(), &content);
    }
    Ok(pack.into_bytes())
}

/// The part of a file that is in use; `None` if it is longer than `limit`.
fn read_used(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    const HEAD: u64 = 4096;
    let mut file = File::open(path)?;
    let mut content = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut content)?;
    let used = length_in_use(&content).unwrap_or(u64::MAX);
    file.take(used.saturating_sub(HEAD).min(limit.saturating_add(1))).read_to_end(&mut content)?;
    Ok(u64::try_from(content.len()).is_ok_and(|length| length <= limit).then_some(content))
}
