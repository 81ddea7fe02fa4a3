//! Names as the readers print them, the form of `tests/reference/canon.py`.

use std::fmt::Write;

/// A string as `canon.py` has it: hex where it is no Unicode.
pub(super) fn canon(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.starts_with("bytes:") && !text.starts_with("object:") => text.to_owned(),
        _ => bytes.iter().fold("bytes:".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }),
    }
}

/// The bytes of a string in that form.
pub(super) fn raw(text: &str) -> Vec<u8> {
    let Some(hex) = text.strip_prefix("bytes:") else { return text.as_bytes().to_vec() };
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// A string that has to become Python's text first, in that form: bytes that are not UTF-8 are lone surrogates there, as
/// `os.fsdecode` makes them, and lone surrogates stay.
pub(super) fn python(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let valid = match std::str::from_utf8(rest) {
            Ok(_) => rest.len(),
            Err(error) => error.valid_up_to(),
        };
        text.extend_from_slice(&rest[..valid]);
        rest = &rest[valid..];
        match rest {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, after @ ..] => {
                text.extend_from_slice(&rest[..3]);
                rest = after;
            }
            [byte, after @ ..] => {
                text.extend_from_slice(&[0xed, 0xb0 | byte >> 6, 0x80 | byte & 0x3f]);
                rest = after;
            }
            [] => {}
        }
    }
    canon(&text)
}

/// The same of a string in JSON: lone surrogates stay, any other byte sequence that is no character is U+FFFD.
pub(super) fn json(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    let mut rest = bytes;
    while let Err(error) = std::str::from_utf8(rest) {
        let (valid, broken) = rest.split_at(error.valid_up_to());
        text.extend_from_slice(valid);
        if let [0xed, 0xa0..=0xbf, 0x80..=0xbf, after @ ..] = broken {
            text.extend_from_slice(&broken[..3]);
            rest = after;
        } else {
            text.extend_from_slice("\u{fffd}".as_bytes());
            rest = &broken[error.error_len().unwrap_or(broken.len())..];
        }
    }
    text.extend_from_slice(rest);
    canon(&text)
}
