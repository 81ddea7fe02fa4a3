//! Python's text as bytes: UTF-8 in which lone surrogates pass, as marshal's `surrogatepass` writes it.
//!
//! What would surprise: a file name that is not UTF-8 is text in Python 3 all the same, each odd byte being the
//! surrogate U+DC80 + (byte − 0x80) (PEP 383, `surrogateescape`). Python 2 keeps such a name as it is.

use std::borrow::Cow;

/// Whether Python 3 reads the bytes as text.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    first_odd_byte(bytes).is_none()
}

/// The bytes as text, each odd byte as the surrogate that stands for it in Python 3's file names.
///
/// `os.fsencode` gives the original bytes back.
pub(crate) fn escaped(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some(mut odd) = first_odd_byte(bytes) else { return Cow::Borrowed(bytes) };
    let mut text = Vec::with_capacity(bytes.len() + 2);
    let mut rest = bytes;
    while let Some((fine, [byte, after @ ..])) = rest.split_at_checked(odd) {
        text.extend_from_slice(fine);
        // U+DC80 to U+DCFF: the high bits of the byte's lower half go to the second byte.
        text.extend_from_slice(&[0xed, 0xb0 | byte >> 6, 0x80 | byte & 0x3f]);
        rest = after;
        odd = first_odd_byte(rest).unwrap_or(rest.len());
    }
    text.extend_from_slice(rest);
    Cow::Owned(text)
}

/// Where the first byte is that belongs to no character and no surrogate.
fn first_odd_byte(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        let rest = bytes.get(start..)?;
        let odd = std::str::from_utf8(rest).err()?.valid_up_to();
        start += odd;
        match rest.get(odd..)? {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => start += 3,
            _ => return Some(start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates_are_text_and_other_bytes_are_escaped_as_python_does() {
        // os.fsdecode(b"caf\xe9 \xc3\xa9\xff").encode("utf-8", "surrogatepass")
        assert_eq!(escaped(b"caf\xe9 \xc3\xa9\xff"), &b"caf\xed\xb3\xa9 \xc3\xa9\xed\xb3\xbf"[..]);
        // os.fsdecode(b"\x80\xbf\xc0\xe2\x82").encode("utf-8", "surrogatepass")
        let all = escaped(b"\x80\xbf\xc0\xe2\x82");
        assert_eq!(all, &b"\xed\xb2\x80\xed\xb2\xbf\xed\xb3\x80\xed\xb3\xa2\xed\xb2\x82"[..]);
        assert!(is_text(&all));
        assert!(is_text(b"\xed\xa0\x80 \xed\xbf\xbf") && is_text(b""));
        assert!(!is_text(b"\xed\xa0") && !is_text(b"\xf8"));
        assert!(matches!(escaped(b"\xed\xb3\xbf"), Cow::Borrowed(_)));
    }
}
