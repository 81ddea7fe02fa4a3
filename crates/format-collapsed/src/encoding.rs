//! Byte order marks, and UTF-16: PowerShell's `>` writes a redirected profile so.

use std::borrow::Cow;

/// A file as UTF-8. Half surrogate pairs become the three bytes that they would be, as Python has them.
pub(crate) struct Decoded<'a> {
    pub(crate) text: Cow<'a, [u8]>,
    encoding: Encoding,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Bytes,
    Utf8Marked,
    Utf16,
}

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a text would be read as something else for how it begins.
pub(crate) fn has_mark(text: &[u8]) -> bool {
    text.starts_with(UTF8_MARK) || text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff")
}

/// Removes the mark, and makes UTF-8 of UTF-16.
pub(crate) fn decode(bytes: &[u8]) -> Decoded<'_> {
    let utf16 = |read: fn([u8; 2]) -> u16| {
        let pairs = bytes[2..].chunks_exact(2);
        Decoded {
            text: Cow::Owned(to_utf8(pairs.map(|pair| read([pair[0], pair[1]])), bytes.len())),
            encoding: Encoding::Utf16,
        }
    };
    match bytes {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => {
            Decoded { text: Cow::Borrowed(rest), encoding: Encoding::Utf8Marked }
        }
        _ => Decoded { text: Cow::Borrowed(bytes), encoding: Encoding::Bytes },
    }
}

fn to_utf8(units: impl Iterator<Item = u16>, capacity: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity);
    for unit in char::decode_utf16(units) {
        match unit {
            Ok(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(half) => {
                let [high, low] = half.unpaired_surrogate().to_be_bytes();
                out.extend_from_slice(&[
                    0xe0 | high >> 4,
                    0x80 | (high & 0xf) << 2 | low >> 6,
                    0x80 | low & 0x3f,
                ]);
            }
        }
    }
    out
}

impl Decoded<'_> {
    /// The place in the file of a place in the text.
    pub(crate) fn offset(&self, at: usize) -> usize {
        match self.encoding {
            Encoding::Bytes => at,
            Encoding::Utf8Marked => at + UTF8_MARK.len(),
            Encoding::Utf16 => {
                let units: usize = self.text[..at].iter().map(|&byte| units_begun_by(byte)).sum();
                2 + 2 * units
            }
        }
    }
}

/// How many units of UTF-16 a character takes that begins with this byte of UTF-8.
fn units_begun_by(byte: u8) -> usize {
    match byte {
        0x80..=0xbf => 0,
        0xf0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_becomes_utf8_and_places_are_found_again() {
        let text = "aé€𝄞;b 5";
        let little: Vec<u8> =
            [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> =
            [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        for bytes in [little, big] {
            let decoded = decode(&bytes);
            assert_eq!(decoded.text, text.as_bytes());
            let b = text.find('b').unwrap();
            assert_eq!(decoded.offset(b), 2 + 2 * 6);
            assert!(bytes[decoded.offset(b)..decoded.offset(b) + 2].contains(&b'b'));
        }
    }

    #[test]
    fn half_pairs_are_kept_and_half_units_dropped() {
        assert_eq!(decode(b"\xff\xfe\xff\xdca\0x").text, &b"\xed\xb3\xbfa"[..]);
        assert_eq!(decode(b"\xff\xfe").text, &b""[..]);
        assert_eq!(decode(b"\xef\xbb\xbfa;b 1").offset(1), 4);
    }
}
