//! The opcodes of a pickle of protocol 2, as CPython's picklers write them for yappi's objects.
//!
//! ASCII strings are written as Python 2's (`SHORT_BINSTRING`), which is what both Pythons load as their own `str`.
//! yappi under Python 2 looks functions up by `isinstance(key, str)` and fails for `unicode`.

use std::borrow::Cow;

use crate::value::Class;

/// A number in the memo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memo(u32);

/// Writes opcodes into a buffer.
#[derive(Default, Debug)]
pub(crate) struct Encoder {
    pub(crate) bytes: Vec<u8>,
    memos: u32,
    attributes: Vec<(&'static str, Memo)>,
    classes: Vec<(Class, Memo)>,
}

impl Encoder {
    pub(crate) fn start(&mut self) {
        self.bytes.extend_from_slice(b"\x80\x02");
    }

    pub(crate) fn stop(&mut self) {
        self.bytes.push(b'.');
    }

    pub(crate) fn pair(&mut self) {
        self.bytes.push(0x86);
    }

    pub(crate) fn none(&mut self) {
        self.bytes.push(b'N');
    }

    pub(crate) fn boolean(&mut self, value: bool) {
        self.bytes.push(if value { 0x88 } else { 0x89 });
    }

    pub(crate) fn integer(&mut self, value: i64) {
        if let Ok(small) = u8::try_from(value) {
            self.bytes.extend_from_slice(&[b'K', small]);
        } else if let Ok(small) = u16::try_from(value) {
            self.bytes.push(b'M');
            self.bytes.extend_from_slice(&small.to_le_bytes());
        } else if let Ok(small) = i32::try_from(value) {
            self.bytes.push(b'J');
            self.bytes.extend_from_slice(&small.to_le_bytes());
        } else {
            self.bytes.extend_from_slice(&[0x8a, 8]);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    }

    pub(crate) fn float(&mut self, value: f64) {
        self.bytes.push(b'G');
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// A string that [`python_text`] has made fit for Python.
    pub(crate) fn text(&mut self, text: &[u8]) {
        let short = u8::try_from(text.len());
        match (text.is_ascii(), short) {
            (true, Ok(len)) => self.bytes.extend_from_slice(&[b'U', len]),
            (ascii, _) => {
                self.bytes.push(if ascii { b'T' } else { b'X' });
                // Strings of a profile are at most 4 GiB together; Python's own limit for `T` is 2 GiB.
                let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
                self.bytes.extend_from_slice(&len.to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(text);
    }

    /// A string, or what the memo has of it.
    pub(crate) fn text_once(&mut self, text: &[u8], memo: &mut Option<Memo>) {
        match *memo {
            Some(memo) => self.again(memo),
            None => {
                self.text(text);
                *memo = Some(self.remember());
            }
        }
    }

    /// A clock type.
    pub(crate) fn clock(&mut self, clock: Option<&str>) {
        match clock {
            Some(clock) => self.text(clock.as_bytes()),
            None => self.none(),
        }
    }

    /// Puts what was written last into the memo.
    pub(crate) fn remember(&mut self) -> Memo {
        let number = self.memos;
        self.memos += 1;
        if let Ok(small) = u8::try_from(number) {
            self.bytes.extend_from_slice(&[b'q', small]);
        } else {
            self.bytes.push(b'r');
            self.bytes.extend_from_slice(&number.to_le_bytes());
        }
        Memo(number)
    }

    /// Writes what is in the memo again.
    pub(crate) fn again(&mut self, memo: Memo) {
        if let Ok(small) = u8::try_from(memo.0) {
            self.bytes.extend_from_slice(&[b'h', small]);
        } else {
            self.bytes.push(b'j');
            self.bytes.extend_from_slice(&memo.0.to_le_bytes());
        }
    }

    /// A new object of a class, put into the memo.
    pub(crate) fn object(&mut self, class: Class) -> Memo {
        match self.classes.iter().find(|(known, _)| *known == class) {
            Some(&(_, memo)) => self.again(memo),
            None => {
                self.bytes.extend_from_slice(format!("cyappi\n{}\n", class.name()).as_bytes());
                let memo = self.remember();
                self.classes.push((class, memo));
            }
        }
        self.bytes.extend_from_slice(b")\x81");
        self.remember()
    }

    /// The name of an attribute.
    pub(crate) fn attribute(&mut self, name: &'static str) {
        match self.attributes.iter().find(|(known, _)| *known == name) {
            Some(&(_, memo)) => self.again(memo),
            None => {
                self.text(name.as_bytes());
                let memo = self.remember();
                self.attributes.push((name, memo));
            }
        }
    }

    /// The empty dict that the items up to [`end_dict`](Self::end_dict) go into, keys and values in turn.
    pub(crate) fn dict(&mut self) {
        self.bytes.extend_from_slice(b"}(");
    }

    /// Begins items of the object below, which is a dict itself.
    pub(crate) fn items(&mut self) {
        self.bytes.push(b'(');
    }

    pub(crate) fn end_dict(&mut self) {
        self.bytes.push(b'u');
    }

    pub(crate) fn list(&mut self) {
        self.bytes.extend_from_slice(b"](");
    }

    pub(crate) fn end_list(&mut self) {
        self.bytes.push(b'e');
    }

    /// Gives the object below the dict on top as its attributes.
    pub(crate) fn build(&mut self) {
        self.bytes.push(b'b');
    }
}

/// The same string as Python can load it: UTF-8 in which surrogates stand on their own ("surrogatepass"). A byte that
/// is part of neither becomes the surrogate that Python's file system encoding gives it ("surrogateescape").
pub(crate) fn python_text(bytes: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(bytes).is_ok() {
        return Cow::Borrowed(bytes);
    }
    let mut text = Vec::with_capacity(bytes.len() + 8);
    let mut rest = bytes;
    while let Some(chunk) = rest.utf8_chunks().next() {
        text.extend_from_slice(chunk.valid().as_bytes());
        rest = rest.get(chunk.valid().len()..).unwrap_or_default();
        match *rest {
            [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, ..] => {
                text.extend_from_slice(&[0xed, second, third]);
                rest = &rest[3..];
            }
            [byte, ..] => {
                // U+DC00 + byte.
                text.extend_from_slice(&[0xed, 0xb0 | byte >> 6, 0x80 | byte & 0x3f]);
                rest = &rest[1..];
            }
            [] => {}
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_cannot_decode_becomes_the_surrogates_it_uses_itself() {
        assert_eq!(*python_text("zwölf".as_bytes()), *"zwölf".as_bytes());
        // Python: 'a\udcffb'.encode('utf-8', 'surrogatepass')
        assert_eq!(*python_text(b"a\xed\xb3\xbfb"), *b"a\xed\xb3\xbfb");
        // Python: os.fsdecode(b'caf\xe9').encode('utf-8', 'surrogatepass')
        assert_eq!(*python_text(b"caf\xe9"), *b"caf\xed\xb3\xa9");
        assert_eq!(*python_text(b"\x80\xff!"), *b"\xed\xb2\x80\xed\xb3\xbf!");
    }
}
