//! Arguments of opcodes as values: integers and floats as text or as bytes, and items of dicts in pairs.

use profkit_profile::ReadError;

use crate::value::{Kind, Value};

/// Text arguments of protocols 0 and 1, and of Python 2's integers beyond 32 bits in protocol 2.
pub(crate) trait TextArgument {
    fn parse_integer(&self) -> Option<Kind>;
    fn parse_float(&self) -> Option<f64>;
}

impl TextArgument for [u8] {
    fn parse_integer(&self) -> Option<Kind> {
        let digits = self.strip_suffix(b"L").unwrap_or(self);
        let text = std::str::from_utf8(digits).ok()?;
        let plain = text.strip_prefix('-').unwrap_or(text);
        if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(text.parse().map_or(Kind::LargeInt, Kind::Int))
    }

    fn parse_float(&self) -> Option<f64> {
        std::str::from_utf8(self).ok()?.parse().ok()
    }
}

/// A two's complement integer of any length.
pub(crate) fn little_endian(bytes: &[u8]) -> Kind {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let fill = if negative { 0xff } else { 0 };
    let (low, high) = bytes.split_at(bytes.len().min(8));
    let mut word = [fill; 8];
    word[..low.len()].copy_from_slice(low);
    let value = i64::from_le_bytes(word);
    let fits = high.iter().all(|&byte| byte == fill) && (value < 0) == negative;
    if fits { Kind::Int(value) } else { Kind::LargeInt }
}

pub(crate) fn pairs(items: &[Value], at: usize) -> Result<impl Iterator<Item = (Value, Value)>, ReadError> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(ReadError::malformed("a dict is given a key without a value", at));
    }
    Ok(pairs.iter().map(|&[key, value]| (key, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_two_s_complement_of_any_length() {
        // As `pickle.encode_long` gives them.
        for (bytes, kind) in [
            (&b""[..], Kind::Int(0)),
            (b"\xff\x00", Kind::Int(255)),
            (b"\x80", Kind::Int(-128)),
            (b"\0\0\0\0\0\0\0\x80", Kind::Int(i64::MIN)),
            (b"\0\0\0\0\0\0\0\x80\0", Kind::LargeInt),
            (b"\xff\xff\xff\xff\xff\xff\xff\x7f\0\0", Kind::Int(i64::MAX)),
            (b"\xff\xff\xff\xff\xff\xff\xff\x7f\xff", Kind::LargeInt),
        ] {
            assert_eq!(little_endian(bytes), kind, "{bytes:?}");
        }
    }

    #[test]
    fn integers_as_text_are_digits_alone() {
        assert_eq!(b"140372363858496".parse_integer(), Some(Kind::Int(140_372_363_858_496)));
        assert_eq!(b"-5L".parse_integer(), Some(Kind::Int(-5)));
        assert_eq!(b"99999999999999999999".parse_integer(), Some(Kind::LargeInt));
        for text in [&b""[..], b"-", b"+5", b"0x5", b" 5"] {
            assert_eq!(text.parse_integer(), None, "{text:?}");
        }
    }
}
