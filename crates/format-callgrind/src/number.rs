//! Numbers and positions as they stand in cost lines.

use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{digit1, hex_digit1};
use nom::combinator::opt;
use nom::error::{Error, ErrorKind};
use nom::sequence::preceded;
use nom::{Err, IResult, Parser};

type Parsed<'a, O> = IResult<&'a [u8], O, Error<&'a [u8]>>;

/// `Number` of the format's grammar: digits, or `0x` and hexadecimal digits.
pub(crate) fn number(input: &[u8]) -> Parsed<'_, u64> {
    // Nearly all numbers are a few digits: this is the hottest loop of the reader.
    let mut value = 0_u64;
    let mut count = 0;
    for &byte in input.iter().take(19) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value * 10 + u64::from(digit);
        count += 1;
    }
    let rest = input.get(count..).unwrap_or_default();
    match rest.first() {
        Some(b'0'..=b'9') => long_decimal(input),
        Some(b'x') if count == 1 && value == 0 => hexadecimal(input),
        _ if count == 0 => Err(Err::Error(Error::new(input, ErrorKind::Digit))),
        _ => Ok((rest, value)),
    }
}

fn long_decimal(input: &[u8]) -> Parsed<'_, u64> {
    let (rest, digits) = digit1(input)?;
    radix(input, rest, digits, 10)
}

fn hexadecimal(input: &[u8]) -> Parsed<'_, u64> {
    let (rest, digits) = preceded(tag("0x"), hex_digit1).parse(input)?;
    radix(input, rest, digits, 16)
}

fn radix<'a>(input: &'a [u8], rest: &'a [u8], digits: &[u8], radix: u32) -> Parsed<'a, u64> {
    let value = std::str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, radix).ok());
    // A failure, unlike an error, is a number that does not fit.
    value.map(|value| (rest, value)).ok_or_else(|| Err::Failure(Error::new(input, ErrorKind::TooLarge)))
}

/// A position: absolute, or relative to the one before (`+3`, `-3`, `*`).
pub(crate) fn position(input: &[u8], before: u64) -> Parsed<'_, u64> {
    let too_large = || Err::Failure(Error::new(input, ErrorKind::TooLarge));
    let (rest, value) = match input.first() {
        Some(b'*') => (&input[1..], before),
        Some(b'+') => {
            let (rest, step) = number(&input[1..])?;
            (rest, before.checked_add(step).ok_or_else(too_large)?)
        }
        Some(b'-') => {
            let (rest, step) = number(&input[1..])?;
            (rest, before.checked_sub(step).ok_or_else(too_large)?)
        }
        _ => number(input)?,
    };
    // KCachegrind also knows ranges: `10+3`, `10-13`, `0x10:0x20`. Their begin is the position.
    match rest.first() {
        Some(b'+' | b'-' | b':') => {
            let (rest, _) = preceded(alt((tag("+"), tag("-"), tag(":"))), number).parse(rest)?;
            Ok((rest, value))
        }
        _ => Ok((rest, value)),
    }
}

/// A cost. Cachegrind 1 writes `.` for none; a difference of profiles can be negative.
pub(crate) fn cost(input: &[u8]) -> Parsed<'_, i64> {
    if let Some(rest) = input.strip_prefix(b".") {
        return Ok((rest, 0));
    }
    let (rest, sign) = opt(tag("-")).parse(input)?;
    let (rest, magnitude) = number(rest)?;
    let magnitude =
        i64::try_from(magnitude).map_err(|_| Err::Failure(Error::new(input, ErrorKind::TooLarge)))?;
    Ok((rest, if sign.is_some() { -magnitude } else { magnitude }))
}

/// The rest without leading blanks.
pub(crate) fn skip_blanks(input: &[u8]) -> &[u8] {
    let count = input.iter().take_while(|&&byte| matches!(byte, b' ' | b'\t')).count();
    &input[count..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_or_hexadecimal_and_fit_64_bits() {
        let value =
            |text: &'static str| number(text.as_bytes()).ok().map(|(rest, value)| (value, rest.len()));
        assert_eq!(value("120 3"), Some((120, 2)));
        assert_eq!(value("0x1F "), Some((31, 1)));
        assert_eq!(value("18446744073709551615"), Some((u64::MAX, 0)));
        assert_eq!(value("18446744073709551616"), None);
        assert_eq!(value("0x10000000000000000"), None);
        assert_eq!(value("x"), None);
        assert_eq!(value(""), None);
    }

    #[test]
    fn positions_may_be_relative_but_not_below_zero() {
        let value = |text: &'static str| position(text.as_bytes(), 40).ok().map(|(_, value)| value);
        assert_eq!(value("*"), Some(40));
        assert_eq!(value("+2"), Some(42));
        assert_eq!(value("-40"), Some(0));
        assert_eq!(value("-41"), None);
        assert_eq!(value("0x80001234"), Some(0x8000_1234));
        assert_eq!(value("7-9 1"), Some(7));
    }

    #[test]
    fn costs_may_be_missing_or_negative() {
        assert_eq!(cost(b".").unwrap().1, 0);
        assert_eq!(cost(b"-12").unwrap().1, -12);
        assert!(cost(b"9223372036854775808").is_err());
    }
}
