//! The strings of a file, each once, and the numbers that stand for them ("name compression").

use std::borrow::Cow;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use foldhash::{HashMap, HashMapExt};
use hashbrown::HashTable;
use profkit_profile::{ReadError, ReadErrorKind};

/// A row of [`Texts`].
pub(crate) type Text = u32;

/// The empty string, which stands for whatever is unknown.
pub(crate) const UNKNOWN: Text = 0;

/// Whether a function has no name but its address: valgrind's `0x00000000000010c0`, which it counts from the begin of each
/// binary.
pub(crate) fn is_address(name: &[u8]) -> bool {
    name.strip_prefix(b"0x").and_then(<[u8]>::first).is_some_and(u8::is_ascii_hexdigit)
}

/// Every string of a file once.
pub(crate) struct Texts<'a> {
    texts: Vec<Cow<'a, [u8]>>,
    index: HashTable<Text>,
    hasher: RandomState,
}

impl<'a> Texts<'a> {
    pub(crate) fn new() -> Self {
        let mut texts = Self { texts: Vec::new(), index: HashTable::new(), hasher: RandomState::default() };
        texts.intern(Cow::Borrowed(b""));
        texts
    }

    pub(crate) fn intern(&mut self, text: Cow<'a, [u8]>) -> Text {
        let Self { texts, index, hasher } = self;
        let hash = hasher.hash_one(&*text);
        if let Some(&found) = index.find(hash, |&other| texts[other as usize] == text) {
            return found;
        }
        // A file of 2^32 different strings is more than the profile's own table holds.
        let next = Text::try_from(texts.len()).unwrap_or(Text::MAX);
        texts.push(text);
        index.insert_unique(hash, next, |&other| hasher.hash_one(&*texts[other as usize]));
        next
    }

    pub(crate) fn get(&self, text: Text) -> &[u8] {
        &self.texts[text as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }
}

/// The plain table has at most this many places for each number defined, and some to begin with, so that numbers with
/// gaps cost little and a few bytes cannot make a large table.
const PLACES_EACH: usize = 4;
const PLACES_AT_LEAST: usize = 1024;

/// The numbers of one kind of names: files, functions or objects.
pub(crate) struct Numbers {
    dense: Vec<Option<Text>>,
    defined: usize,
    scattered: HashMap<u64, Text>,
}

impl Numbers {
    pub(crate) fn new() -> Self {
        Self { dense: Vec::new(), defined: 0, scattered: HashMap::new() }
    }

    /// Gives a number to a string. A later definition replaces an earlier one, as in `callgrind_annotate`: yappi 1.4 to
    /// 1.6 define twice, and each part of a file by valgrind defines anew.
    pub(crate) fn define(&mut self, number: u64, text: Text) {
        self.defined += 1;
        match usize::try_from(number) {
            Ok(index) if index < PLACES_AT_LEAST + PLACES_EACH * self.defined => {
                if index >= self.dense.len() {
                    self.dense.resize(index + 1, None);
                }
                self.dense[index] = Some(text);
            }
            _ => {
                self.scattered.insert(number, text);
            }
        }
    }

    pub(crate) fn get(&self, number: u64) -> Option<Text> {
        let dense = usize::try_from(number).ok().and_then(|index| self.dense.get(index).copied().flatten());
        // A number that was too far ahead at first may have come into reach since; its last definition counts.
        dense.or_else(|| self.scattered.get(&number).copied())
    }
}

/// What stands behind `fn=` and its like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Name<'a> {
    /// A name.
    Plain(&'a [u8]),
    /// `(7) name`: the name, and from here on its number.
    Definition(u64, &'a [u8]),
    /// `(7)`.
    Reference(u64),
}

impl<'a> Name<'a> {
    /// # Errors
    /// Where the number does not fit 64 bits; `at` is the place of `text`.
    pub(crate) fn parse(text: &'a [u8], at: usize) -> Result<Self, ReadError> {
        let Some(inner) = text.strip_prefix(b"(") else { return Ok(Self::Plain(text)) };
        let count = inner.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = inner.split_at(count);
        let Some(rest) = rest.strip_prefix(b")").filter(|_| count > 0) else { return Ok(Self::Plain(text)) };
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        let number = number.ok_or_else(|| {
            ReadErrorKind::Malformed("the number of a name does not fit 64 bits".into()).at(at)
        })?;
        let name = crate::number::skip_blanks(rest);
        Ok(if name.is_empty() { Self::Reference(number) } else { Self::Definition(number, name) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_defined_or_referred_to() {
        let parse = |text: &'static str| Name::parse(text.as_bytes(), 0).unwrap();
        assert_eq!(parse("(12) operator()"), Name::Definition(12, b"operator()"));
        assert_eq!(parse("(12)"), Name::Reference(12));
        assert_eq!(parse("(12)(1)'2"), Name::Definition(12, b"(1)'2"));
        assert_eq!(parse("(below main)"), Name::Plain(b"(below main)"));
        assert_eq!(parse("(1st)"), Name::Plain(b"(1st)"));
        assert!(Name::parse(b"(99999999999999999999)", 0).is_err());
    }

    #[test]
    fn a_huge_number_makes_no_huge_table() {
        let mut numbers = Numbers::new();
        numbers.define(u64::MAX, 3);
        numbers.define(1 << 40, 4);
        numbers.define(2, 5);
        assert_eq!(
            [numbers.get(u64::MAX), numbers.get(1 << 40), numbers.get(2)],
            [Some(3), Some(4), Some(5)]
        );
        assert_eq!(numbers.get(1), None);
        for number in 1..10_000 {
            numbers.define(number * 1_000, 7);
        }
        assert_eq!((numbers.get(5_000), numbers.get(9_999_000)), (Some(7), Some(7)));
        assert!(numbers.dense.len() < 100_000);
    }
}
