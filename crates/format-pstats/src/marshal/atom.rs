//! The pieces of the wire: integers, floats, lengths, bytes. Each takes the bytes that are left and gives back
//! what remains after it; where it fails is known to the caller alone, since only it knows what was being read.

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::{map, map_opt, verify};
use nom::error::{ErrorKind, ParseError};
use nom::multi::length_data;

/// What is left, and the piece.
pub(super) type Piece<'a, T> = IResult<&'a [u8], T, Fault>;

/// Why there is no piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// The file ends in it.
    End,
    /// A length is negative, or text or digits are none.
    Rule,
}

impl<I> ParseError<I> for Fault {
    fn from_error_kind(_: I, kind: ErrorKind) -> Self {
        if kind == ErrorKind::Eof { Self::End } else { Self::Rule }
    }

    fn append(_: I, _: ErrorKind, inner: Self) -> Self {
        inner
    }
}

/// So many bytes. Numbers are made of these: nom 8 reads its own byte by byte, at three times the cost.
#[inline]
fn array<const N: usize>(rest: &[u8]) -> Piece<'_, [u8; N]> {
    let (array, rest) = rest.split_first_chunk().ok_or(nom::Err::Error(Fault::End))?;
    Ok((rest, *array))
}

#[inline]
pub(super) fn int(rest: &[u8]) -> Piece<'_, i32> {
    map(array, i32::from_le_bytes).parse(rest)
}

pub(super) fn long(rest: &[u8]) -> Piece<'_, i64> {
    map(array, i64::from_le_bytes).parse(rest)
}

#[inline]
pub(super) fn float(rest: &[u8]) -> Piece<'_, f64> {
    map(array, f64::from_le_bytes).parse(rest)
}

/// A count of things; never negative.
#[inline]
pub(super) fn count(rest: &[u8]) -> Piece<'_, u32> {
    map_opt(int, |count| u32::try_from(count).ok()).parse(rest)
}

#[inline]
pub(super) fn short_count(rest: &[u8]) -> Piece<'_, u32> {
    map(array, |[count]| u32::from(count)).parse(rest)
}

#[inline]
pub(super) fn bytes(rest: &[u8]) -> Piece<'_, &[u8]> {
    length_data(count).parse(rest)
}

#[inline]
pub(super) fn short_bytes(rest: &[u8]) -> Piece<'_, &[u8]> {
    length_data(short_count).parse(rest)
}

/// A float as Python's `repr` writes it.
pub(super) fn decimal(rest: &[u8]) -> Piece<'_, f64> {
    map_opt(length_data(short_count), |text: &[u8]| std::str::from_utf8(text).ok()?.parse().ok()).parse(rest)
}

/// The digits of a long integer, two bytes each, and whether it is negative.
///
/// Every digit must be below 2^15 and the highest must not be 0, as CPython demands.
pub(super) fn digits(rest: &[u8]) -> Piece<'_, (bool, &[u8])> {
    let (rest, count) = int(rest)?;
    let length = usize::try_from(count.unsigned_abs()).ok().and_then(|count| count.checked_mul(2));
    let length = length.ok_or(nom::Err::Error(Fault::Rule))?;
    let (rest, digits) = verify(take(length), |digits: &[u8]| are_digits(digits)).parse(rest)?;
    Ok((rest, (count < 0, digits)))
}

fn are_digits(digits: &[u8]) -> bool {
    let (pairs, _) = digits.as_chunks::<2>();
    pairs.iter().all(|pair| pair[1] < 0x80) && pairs.last().is_none_or(|&pair| pair != [0, 0])
}

/// The value of digits that fit 64 bits.
pub(super) fn number(negative: bool, digits: &[u8]) -> Option<i64> {
    let (pairs, _) = digits.as_chunks();
    // Five digits hold 75 bits, more than the 64 that fit.
    if pairs.len() > 5 {
        return None;
    }
    let value = pairs.iter().rev().fold(0, |value, &pair| value << 15 | i128::from(u16::from_le_bytes(pair)));
    i64::try_from(if negative { -value } else { value }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_integers_are_sums_of_15_bit_digits() {
        let read = |bytes: &[u8]| digits(bytes).ok().map(|(_, (negative, digits))| number(negative, digits));
        // marshal.dumps(2**31), marshal.dumps(-2**63), marshal.dumps(2**63) without their first byte.
        assert_eq!(read(b"\x03\0\0\0\0\0\0\0\x02\0"), Some(Some(1 << 31)));
        assert_eq!(read(b"\xfb\xff\xff\xff\0\0\0\0\0\0\0\0\x08\0"), Some(Some(i64::MIN)));
        assert_eq!(read(b"\x05\0\0\0\0\0\0\0\0\0\0\0\x08\0"), Some(None));
        assert_eq!(read(b"\0\0\0\0"), Some(Some(0)));
        assert_eq!(read(b"\x01\0\0\0\0\x80"), None, "a digit of 16 bits");
        assert_eq!(read(b"\x01\0\0\0\0\0"), None, "a highest digit of 0");
        assert_eq!(read(b"\xff\xff\xff\x7f\0\0"), None, "more digits than bytes");
        assert_eq!(read(b"\0\0\0\x80\0\0"), None, "the least count");
    }

    #[test]
    fn decimals_are_what_repr_writes() {
        let read = |bytes: &[u8]| decimal(bytes).ok().map(|(_, value)| value);
        assert_eq!(read(b"\x160.00022171800000000003"), Some(0.00022171800000000003));
        assert_eq!(read(b"\x04-inf"), Some(f64::NEG_INFINITY));
        assert_eq!(read(b"\x02 1"), None);
        assert_eq!(read(b"\x03\xff12"), None);
        assert_eq!(read(b"\x041.0"), None);
    }
}
