//! The forms that nearly all numbers and tuples of a dump have, read in a few instructions each. Where one of these
//! finds another form it reads nothing, and the general way ([`Reader::next`]) takes its place.

use super::reader::{FLAG_REF, Reader};

/// The type code of a 32-bit integer that has a number.
const PLAIN_INT_WITH_NUMBER: u8 = b'i' | FLAG_REF;

impl Reader<'_> {
    /// Whether the next object is a tuple of `count` without a number; otherwise nothing is read.
    #[inline]
    pub fn plain_tuple(&mut self, count: u8) -> bool {
        let rest = match self.rest {
            [b')', items, rest @ ..] if *items == count => rest,
            [b'(', items, 0, 0, 0, rest @ ..] if *items == count => rest,
            _ => return false,
        };
        self.rest = rest;
        true
    }

    /// The next object if it is an integer of 32 bits or a reference to one; otherwise nothing is read.
    #[inline]
    pub fn plain_int(&mut self) -> Option<i64> {
        let (&[code, a, b, c, d], rest) = self.rest.split_first_chunk()?;
        let bits = [a, b, c, d];
        let value = match code {
            b'i' => i32::from_le_bytes(bits),
            b'r' => self.plain_int_at(self.place_of(u32::from_le_bytes(bits))?)?,
            PLAIN_INT_WITH_NUMBER => {
                self.give_number(self.offset());
                i32::from_le_bytes(bits)
            }
            _ => return None,
        };
        self.rest = rest;
        Some(value.into())
    }

    fn plain_int_at(&self, place: u32) -> Option<i32> {
        let (&[code, a, b, c, d], _) = self.input.get(place as usize..)?.split_first_chunk()?;
        (code == PLAIN_INT_WITH_NUMBER).then(|| i32::from_le_bytes([a, b, c, d]))
    }

    /// The next object if it is a binary float without a number; otherwise nothing is read.
    #[inline]
    pub fn plain_float(&mut self) -> Option<f64> {
        let (&[code, a, b, c, d, e, f, g, h], rest) = self.rest.split_first_chunk()?;
        if code != b'g' {
            return None;
        }
        self.rest = rest;
        Some(f64::from_le_bytes([a, b, c, d, e, f, g, h]))
    }
}
