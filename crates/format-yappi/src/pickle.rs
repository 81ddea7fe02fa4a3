//! A decoder of pickles that never executes anything: the opcodes that yappi's pickles consist of and their kin, and
//! no others. Whatever would call something is refused by the name of what it would call.

use profkit_profile::{ReadError, ReadErrorKind};

use crate::machine::{Machine, text};
use crate::value::{Heap, Kind, Object, Value};

/// Offsets are kept in 32 bits. The largest ystat that yappi itself loads within a day is far below.
const LARGEST_INPUT: usize = u32::MAX as usize;

/// A decoded pickle.
#[derive(Debug)]
pub struct Pickle<'a> {
    /// What `pickle.load` would return.
    pub root: Value,
    /// The containers that it refers to.
    pub heap: Heap<'a>,
    bytes: &'a [u8],
}

impl<'a> Pickle<'a> {
    /// Decodes a whole file.
    ///
    /// # Errors
    /// Where it is cut short, holds an opcode that yappi's pickles do not, or would call something.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, ReadError> {
        if bytes.len() > LARGEST_INPUT {
            return Err(ReadErrorKind::Unsupported("a pickle of more than 4 GiB is not read".into()).at(0));
        }
        let mut machine = Machine::new(bytes);
        while !machine.step()? {}
        let root = machine.pop()?;
        let rest = bytes.len() - machine.at;
        if rest > 0 {
            return Err(ReadError::malformed(
                format!("{rest} bytes follow the end of the pickle"),
                machine.at,
            ));
        }
        Ok(Self { root, heap: machine.heap, bytes })
    }

    /// The bytes of a string.
    #[must_use]
    pub fn text(&self, value: Value) -> Option<&'a [u8]> {
        text(self.bytes, value.kind())
    }

    /// The items of a list or tuple.
    #[must_use]
    pub fn sequence(&self, value: Value) -> Option<&[Value]> {
        let (Kind::List(row) | Kind::Tuple(row)) = value.kind() else { return None };
        self.heap.sequences.get(row as usize).map(Vec::as_slice)
    }

    /// An object.
    #[must_use]
    pub fn object(&self, value: Value) -> Option<Object> {
        let Kind::Object(row) = value.kind() else { return None };
        self.heap.objects.get(row as usize).copied()
    }

    /// The attributes with these names, each `None` where the object lacks it.
    #[must_use]
    pub fn attributes<const N: usize>(&self, object: Object, names: [&str; N]) -> [Option<Value>; N] {
        let mut found = [None; N];
        let items = object.attributes.and_then(|row| self.heap.dicts.get(row as usize));
        for &(key, value) in items.into_iter().flatten() {
            let Some(key) = self.text(key) else { continue };
            if let Some(slot) = names.iter().position(|name| name.as_bytes() == key) {
                found[slot] = Some(value);
            }
        }
        found
    }
}

/// The first thing that a pickle names: module and name, as far as that can be told without decoding it all.
/// `None` for what does not begin like a pickle.
#[must_use]
pub fn first_global(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut machine = Machine::new(bytes);
    let starts_with_protocol = bytes.first() == Some(&0x80);
    // Protocols 0 and 1 have no mark of their own: only one that names something at once is told from a text.
    if !(starts_with_protocol || bytes.first() == Some(&b'c')) {
        return None;
    }
    // Before the first name there can only be the opening of containers.
    const LONGEST_START: usize = 64;
    for _ in 0..LONGEST_START {
        let opcode = *bytes.get(machine.at)?;
        let before = machine.at;
        let ended = machine.step().ok()?;
        match opcode {
            b'c' => {
                let line = bytes.get(before + 1..machine.at)?;
                let mut lines = line.split(|&byte| byte == b'\n');
                let (module, name) = (lines.next()?, lines.next()?);
                let plain = |part: &[u8]| {
                    !part.is_empty()
                        && part
                            .iter()
                            .all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
                };
                // What picklers go on with: arguments, or a memo number. Two lines of a text rarely do.
                let goes_on = matches!(bytes.get(machine.at), Some(b'(' | b')' | b'q' | b'p'));
                return (goes_on && plain(module) && plain(name)).then_some((module, name));
            }
            0x93 => return machine.last_global,
            _ if ended => return None,
            _ => {}
        }
    }
    None
}
