//! Marshal version 2 without references: what Python 2.7 and every 3.x read alike.
//!
//! What would surprise: version 3 and later save a third of the bytes, and no Python 2 reads them.

/// A marshalled value that is being written.
#[derive(Clone, Default, Debug)]
pub struct Output(Vec<u8>);

impl Output {
    /// The bytes so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Opens a dict: keys and values follow, then [`end_dict`](Self::end_dict).
    pub fn dict(&mut self) {
        self.0.push(b'{');
    }

    /// Closes the innermost dict.
    pub fn end_dict(&mut self) {
        self.0.push(b'0');
    }

    /// Opens a tuple, whose items follow.
    pub fn tuple(&mut self, items: u8) {
        self.0.push(b'(');
        self.0.extend_from_slice(&u32::from(items).to_le_bytes());
    }

    /// `True`.
    pub fn truth(&mut self) {
        self.0.push(b'T');
    }

    /// An integer: 32 bits where it fits, 15-bit digits where it does not (`I`, the form of 64 bits, is Python 2's).
    pub fn int(&mut self, value: i128) {
        if let Ok(value) = i32::try_from(value) {
            self.0.push(b'i');
            self.0.extend_from_slice(&value.to_le_bytes());
            return;
        }
        let digits: Vec<[u8; 2]> = digits(value.unsigned_abs()).collect();
        // 128 bits are nine digits.
        let count = i32::try_from(digits.len()).unwrap_or(0);
        self.0.push(b'l');
        self.0.extend_from_slice(&if value < 0 { -count } else { count }.to_le_bytes());
        self.0.extend_from_slice(digits.as_flattened());
    }

    /// A float.
    pub fn float(&mut self, value: f64) {
        self.0.push(b'g');
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Text: UTF-8 with lone surrogates let through.
    ///
    /// # Errors
    /// Where it has 2 GiB or more, which no Python reads.
    pub fn text(&mut self, text: &[u8]) -> Result<(), TextTooLong> {
        let length = i32::try_from(text.len()).map_err(|_| TextTooLong)?;
        self.0.push(b'u');
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(text);
        Ok(())
    }
}

/// A text of 2 GiB or more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextTooLong;

fn digits(value: u128) -> impl Iterator<Item = [u8; 2]> {
    let shifted = std::iter::successors(Some(value), |value| Some(value >> 15));
    shifted.take_while(|&value| value != 0).map(|value| {
        let [low, high, ..] = value.to_le_bytes();
        [low, high & 0x7f]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(value: i128) -> Vec<u8> {
        let mut output = Output::default();
        output.int(value);
        output.0
    }

    /// From `marshal.dumps(n, 2)` of Python 3.11.
    #[test]
    fn integers_are_written_as_python_does() {
        assert_eq!(int(0), b"i\0\0\0\0");
        assert_eq!(int(-1), b"i\xff\xff\xff\xff");
        assert_eq!(int(i128::from(i32::MIN)), b"i\0\0\0\x80");
        assert_eq!(int(1 << 31), b"l\x03\0\0\0\0\0\0\0\x02\0");
        assert_eq!(int(-(1 << 31) - 1), b"l\xfd\xff\xff\xff\x01\0\0\0\x02\0");
        assert_eq!(int((1 << 63) - 1), b"l\x05\0\0\0\xff\x7f\xff\x7f\xff\x7f\xff\x7f\x07\0");
    }
}
