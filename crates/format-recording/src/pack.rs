//! A recording is a folder, and readers read bytes: the folder's files one after the other, each with its name.
//!
//! ```text
//! "pk-pack1", then for each file: u32 length of its name, u64 length of its content, name, content (little endian)
//! ```

use profkit_profile::ReadError;
use profkit_recording::trace;

/// The first bytes of a packed folder.
pub(crate) const MAGIC: &[u8; 8] = b"pk-pack1";

/// Puts the files of a recording into one input for [`Recording`](crate::Recording).
#[derive(Clone, Debug)]
pub struct Pack {
    bytes: Vec<u8>,
}

impl Default for Pack {
    fn default() -> Self {
        Self::new()
    }
}

impl Pack {
    /// No files yet.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: MAGIC.to_vec() }
    }

    /// Adds a file. Names longer than 4 GiB are cut.
    pub fn add(&mut self, name: &[u8], content: &[u8]) {
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        let name = &name[..usize::try_from(length).unwrap_or(name.len())];
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&u64::try_from(content.len()).unwrap_or(u64::MAX).to_le_bytes());
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(content);
    }

    /// The input.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// How many bytes of a file of a recording say something, by its first 4 KiB: the rest of a trace file is room for what
/// comes. `None`: all of it.
#[must_use]
pub fn length_in_use(head: &[u8]) -> Option<u64> {
    let used = head.get(core::mem::offset_of!(trace::Header, used)..)?.first_chunk()?;
    head.starts_with(&trace::MAGIC).then(|| u64::from_ne_bytes(*used))
}

/// One file in a packed folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) content: &'a [u8],
    /// Where its content begins.
    pub(crate) offset: usize,
}

/// The files of a packed folder.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Vec<Packed<'_>>, ReadError> {
    let mut files = Vec::new();
    let mut at = MAGIC.len();
    while at < bytes.len() {
        let file = one(bytes, at).ok_or_else(|| ReadError::truncated("a packed file", at))?;
        at = file.offset + file.content.len();
        files.push(file);
    }
    Ok(files)
}

fn one(bytes: &[u8], at: usize) -> Option<Packed<'_>> {
    let name_length = usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()?;
    let length = usize::try_from(u64::from_le_bytes(*bytes.get(at + 4..)?.first_chunk()?)).ok()?;
    let name = at.checked_add(12)?;
    let offset = name.checked_add(name_length)?;
    let end = offset.checked_add(length)?;
    Some(Packed { name: bytes.get(name..offset)?, content: bytes.get(offset..end)?, offset })
}
