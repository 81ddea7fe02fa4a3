//! Reading Python's `str` and `bytes` from another process: sizes are believed only up to limits.

use std::borrow::Cow;
use std::io;

use crate::layout::{BYTES_DATA, Layout, OB_SIZE};
use crate::regions::PAGE;
use crate::remote::{Place, Remote, int_at, word_at};

/// The longest name or path that is read, in characters: what is longer is cut.
const MAX_TEXT: u64 = 4_096;
/// The largest line table that is read: a module of some 100,000 lines.
const MAX_TABLE: u64 = 4 << 20;
/// So much of an object is read first, and so much of it must be there.
const BEGINNING: usize = 256;
const HEAD: usize = 48;

/// The text of the `str` at `address`, `None` if there is none.
#[must_use]
pub(crate) fn text(remote: Remote, layout: &Layout, address: u64) -> Option<String> {
    let head = beginning(remote, address).ok()?;
    let length = word_at(&head, layout.unicode_length).min(MAX_TEXT);
    let shape = Shape::of(int_at(&head, layout.unicode_state) >> layout.unicode_kind_shift)?;
    let start = if shape.ascii { layout.unicode_ascii } else { layout.unicode_compact };
    let bytes = usize::try_from(length).ok()? * shape.width;
    Some(shape.decode(&part(remote, address, &head, start, bytes).ok()?))
}

/// The first bytes of an object: its head for certain, and all of most, for a read costs more than what it reads.
fn beginning(remote: Remote, address: u64) -> io::Result<Vec<u8>> {
    // A place must not reach into a page that may not be there.
    let rest = usize::try_from(PAGE - address % PAGE).unwrap_or(0);
    let mut bytes = vec![0; BEGINNING];
    let places = match rest < BEGINNING {
        true => {
            &[Place::new(address, rest), Place::new(address.wrapping_add(rest as u64), BEGINNING - rest)][..]
        }
        false => &[Place::new(address, BEGINNING)][..],
    };
    let read = remote.gather(&mut bytes, places)?;
    if read < HEAD {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes.truncate(read);
    Ok(bytes)
}

/// `length` bytes of an object from `start` on: from its beginning, or by a read of their own.
fn part<'h>(
    remote: Remote,
    address: u64,
    beginning: &'h [u8],
    start: usize,
    length: usize,
) -> io::Result<Cow<'h, [u8]>> {
    match beginning.get(start..start + length) {
        Some(part) => Ok(Cow::Borrowed(part)),
        None => remote.bytes(address + start as u64, length).map(Cow::Owned),
    }
}

/// How a compact `str` stores its characters.
struct Shape {
    width: usize,
    ascii: bool,
}

impl Shape {
    /// From the bits `kind:3, compact:1, ascii:1`, the same in 3.8 to 3.15.
    fn of(kind: i32) -> Option<Self> {
        let width = match kind & 7 {
            1 => 1,
            2 => 2,
            4 => 4,
            _ => return None,
        };
        let compact = kind & (1 << 3) != 0;
        compact.then_some(Self { width, ascii: kind & (1 << 4) != 0 })
    }

    fn decode(&self, data: &[u8]) -> String {
        let character = |unit: &[u8]| {
            let code = unit.iter().rev().fold(0u32, |code, &byte| code << 8 | u32::from(byte));
            // Lone surrogates (paths that are not UTF-8) have no character of their own.
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        data.chunks_exact(self.width).map(character).collect()
    }
}

/// The contents of the `bytes` at `address`.
///
/// # Errors
/// If it cannot be read, or is too long to be a line table.
pub(crate) fn bytes(remote: Remote, layout: &Layout, address: u64) -> io::Result<Vec<u8>> {
    let head = beginning(remote, address)?;
    let size = word_at(&head, layout.at(OB_SIZE));
    if size > MAX_TABLE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let size = usize::try_from(size).unwrap_or(0);
    part(remote, address, &head, layout.at(BYTES_DATA), size).map(Cow::into_owned)
}
