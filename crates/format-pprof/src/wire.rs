//! The protobuf wire format, read in place: a message is a run of fields, a field a varint key (number and wire type)
//! and a value. Every place is an offset from the start of the file.

use std::borrow::Cow;

use profkit_profile::ReadError;

/// The largest field number that protobuf allows.
const MAX_FIELD: u64 = (1 << 29) - 1;

/// What the outer message is called in errors.
pub(crate) const PROFILE: &str = "the profile";

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 2: bytes, a string, a message or packed numbers.
    Bytes(Bytes<'a>),
    /// Wire types 1 and 5, which pprof does not use.
    Fixed,
}

/// Bytes and where in the file they begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) offset: usize,
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) number: u64,
    pub(crate) value: Value<'a>,
    /// Where its key begins.
    pub(crate) offset: usize,
}

/// The fields of a message that are not read yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    offset: usize,
    /// What the message is, for errors.
    what: &'static str,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(message: Bytes<'a>, what: &'static str) -> Self {
        Self { bytes: message.bytes, at: 0, offset: message.offset, what }
    }

    /// Where the next field begins.
    pub(crate) fn offset(&self) -> usize {
        self.offset + self.at
    }

    /// Whether there is no field left.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The next field; `None` after the last.
    ///
    /// # Errors
    /// Where the message ends in the middle of the field, or it is of no wire type of protobuf 3.
    pub(crate) fn next(&mut self) -> Result<Option<Field<'a>>, ReadError> {
        if self.is_done() {
            return Ok(None);
        }
        let offset = self.offset();
        let key = self.varint()?;
        Ok(Some(Field { number: key >> 3, value: self.value(key, offset)?, offset }))
    }

    /// The value behind a key that was read at `offset`.
    pub(crate) fn value(&mut self, key: u64, offset: usize) -> Result<Value<'a>, ReadError> {
        if key >> 3 == 0 || key >> 3 > MAX_FIELD {
            return Err(self.malformed("a field has an impossible number", offset));
        }
        match key & 7 {
            0 => Ok(Value::Varint(self.varint()?)),
            1 => self.fixed(8),
            2 => Ok(Value::Bytes(self.bytes()?)),
            5 => self.fixed(4),
            3 | 4 => Err(self.malformed("a field is a group, which pprof does not have", offset)),
            _ => Err(self.malformed("a field has an impossible wire type", offset)),
        }
    }

    /// A key, or the value of a field of wire type 0.
    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Result<u64, ReadError> {
        varint(self.bytes, &mut self.at).map_err(|problem| problem.at(self.offset(), self.what))
    }

    /// The value of a field of wire type 2.
    #[inline(always)]
    pub(crate) fn bytes(&mut self) -> Result<Bytes<'a>, ReadError> {
        let length = self.varint()?;
        self.take(length)
    }

    fn fixed(&mut self, length: u64) -> Result<Value<'a>, ReadError> {
        self.take(length).map(|_| Value::Fixed)
    }

    #[inline(always)]
    fn take(&mut self, length: u64) -> Result<Bytes<'a>, ReadError> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let Some(bytes) = taken else {
            return Err(VarintProblem::Truncated.at(self.offset(), self.what));
        };
        let offset = self.offset();
        self.at += bytes.len();
        Ok(Bytes { bytes, offset })
    }

    fn malformed(&self, problem: &str, offset: usize) -> ReadError {
        ReadError::malformed(format!("in {}, {problem}", self.what), offset)
    }
}

/// Why bytes are no varint. The position has been moved to where the problem is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum VarintProblem {
    /// The bytes end.
    Truncated,
    /// It has more than 64 bits.
    TooLong,
}

impl VarintProblem {
    #[cold]
    pub(crate) fn at(self, offset: usize, what: &'static str) -> ReadError {
        match self {
            // Only the outer message ends where the file does.
            Self::Truncated if what == PROFILE => ReadError::truncated(Cow::Borrowed(what), offset),
            Self::Truncated => ReadError::malformed(format!("{what} ends in the middle of a field"), offset),
            Self::TooLong => {
                ReadError::malformed(format!("in {what}, a number has more than 64 bits"), offset)
            }
        }
    }
}

/// The key of a field of bytes.
pub(crate) const fn bytes_key(field: u64) -> u64 {
    field << 3 | 2
}

/// The key of a field of one number.
pub(crate) const fn number_key(field: u64) -> u64 {
    field << 3
}

/// Reads a varint at `at` and moves `at` behind it.
#[inline(always)]
pub(crate) fn varint(bytes: &[u8], at: &mut usize) -> Result<u64, VarintProblem> {
    // Nearly all numbers in a profile have one to three bytes.
    if let Some(&[first, second, third]) = bytes.get(*at..).and_then(<[u8]>::first_chunk) {
        if first < 0x80 {
            *at += 1;
            return Ok(u64::from(first));
        }
        let low = u64::from(first & 0x7f);
        if second < 0x80 {
            *at += 2;
            return Ok(low | u64::from(second) << 7);
        }
        if third < 0x80 {
            *at += 3;
            return Ok(low | u64::from(second & 0x7f) << 7 | u64::from(third) << 14);
        }
    }
    long_varint(bytes, at)
}

/// Reads packed varints of `input` and gives each to `take` with the place where it begins.
///
/// Their lengths follow no pattern that a processor could learn, so this takes four bytes at a time, even behind the
/// end of the list, and finds the end of the number without branches.
#[inline(always)]
pub(crate) fn packed(
    input: &[u8],
    list: Bytes<'_>,
    what: &'static str,
    mut take: impl FnMut(u64, usize) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let end = list.offset + list.bytes.len();
    let mut at = list.offset;
    while at < end {
        let start = at;
        let chunk =
            input.get(at..).and_then(<[u8]>::first_chunk).map_or(u32::MAX, |&four| u32::from_le_bytes(four));
        let last_bytes = !chunk & 0x8080_8080;
        let value = if last_bytes == 0 {
            varint(&input[..end], &mut at).map_err(|problem| problem.at(at, what))?
        } else {
            at += (last_bytes.trailing_zeros() / 8 + 1) as usize;
            // The bits up to the one that ended the number, without the highest of each byte: first two times two
            // bytes are joined, then these.
            let chunk = chunk & (last_bytes ^ last_bytes.wrapping_sub(1));
            let pairs = chunk & 0x007f_007f | (chunk & 0x7f00_7f00) >> 1;
            (pairs & 0x3fff | (pairs & 0x3fff_0000) >> 2).into()
        };
        if at > end {
            return Err(VarintProblem::Truncated.at(end, what));
        }
        take(value, start)?;
    }
    Ok(())
}

fn long_varint(bytes: &[u8], at: &mut usize) -> Result<u64, VarintProblem> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at).ok_or(VarintProblem::Truncated)?;
        if shift == 63 && byte > 1 {
            break;
        }
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(VarintProblem::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{put_bytes, put_packed, put_varint, varint_length};

    fn read(bytes: &[u8]) -> (Result<u64, VarintProblem>, usize) {
        let mut at = 0;
        (varint(bytes, &mut at), at)
    }

    #[test]
    fn varints_of_every_length_are_read_back() {
        for bits in 0..64 {
            for value in [1_u64 << bits, (1 << bits) - 1, u64::MAX >> bits] {
                let mut bytes = Vec::new();
                put_varint(&mut bytes, value);
                assert_eq!(varint_length(value), bytes.len());
                assert_eq!(read(&bytes), (Ok(value), bytes.len()));
                // With something behind it, as in a file.
                bytes.extend([0xff; 3]);
                assert_eq!(read(&bytes), (Ok(value), bytes.len() - 3));
            }
        }
    }

    fn read_packed(input: &[u8], length: usize) -> Result<Vec<(u64, usize)>, ReadError> {
        let mut numbers = Vec::new();
        let list = Bytes { bytes: &input[2..2 + length], offset: 2 };
        packed(input, list, "a list", |number, at| {
            numbers.push((number, at));
            Ok(())
        })?;
        Ok(numbers)
    }

    #[test]
    fn packed_numbers_are_read_back_whatever_stands_behind_them() {
        let numbers: Vec<u64> = (0..64).flat_map(|bits| [1 << bits, (1 << bits) - 1]).collect();
        let mut places = Vec::new();
        let mut bytes = vec![0xff, 0xff];
        for &number in &numbers {
            places.push((number, bytes.len()));
            put_varint(&mut bytes, number);
        }
        let length = bytes.len() - 2;
        for behind in [&[][..], &[0], &[0xff; 8], &[0; 8]] {
            let input = [&bytes, behind].concat();
            assert_eq!(read_packed(&input, length).unwrap(), places);
        }
        let mut field = Vec::new();
        put_packed(&mut field, 1, numbers.iter().copied());
        let mut whole = Vec::new();
        put_bytes(&mut whole, 1, &bytes[2..]);
        assert_eq!(field, whole);
    }

    #[test]
    fn a_packed_number_that_goes_on_behind_the_list_is_an_error_at_its_end() {
        for behind in [&[][..], &[0], &[1, 1, 1, 1]] {
            let input = [&[0, 0, 5, 0x85][..], behind].concat();
            let error = read_packed(&input, 2).unwrap_err();
            assert_eq!(error, ReadError::malformed("a list ends in the middle of a field", 4));
        }
    }

    #[test]
    fn a_varint_need_not_be_the_shortest() {
        assert_eq!(read(&[0x81, 0x80, 0x80, 0x80, 0x00]), (Ok(1), 5));
    }

    #[test]
    fn a_broken_varint_is_an_error_where_it_breaks() {
        assert_eq!(read(&[]), (Err(VarintProblem::Truncated), 0));
        assert_eq!(read(&[0x80, 0x80]), (Err(VarintProblem::Truncated), 2));
        assert_eq!(read(&[0xff; 11]), (Err(VarintProblem::TooLong), 9));
        let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(read(&largest), (Ok(u64::MAX), 10));
    }
}
