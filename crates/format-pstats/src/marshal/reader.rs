//! The objects of a marshalled value, one after another.
//!
//! What would surprise: a reference is not followed by itself. [`Reader::follow`] goes to what it means, reads
//! that again and comes back; since that costs as much as the object is long, readers remember what they made of
//! numbered objects ([`Number`]).

use std::borrow::Cow;
use std::num::NonZeroU32;

use profkit_profile::{ReadError, ReadErrorKind};

use super::atom::{self, Fault, Piece};
use super::layout::Layout;
use crate::text::is_text;

/// The high bit of a type code: the object has a number.
pub(super) const FLAG_REF: u8 = 0x80;

/// The longest input: places in it are kept in 32 bits, numbers of objects in 31. Python's largest real dumps are
/// some megabytes.
const MAX_INPUT: usize = i32::MAX as usize;

/// The place of an object to which CPython refuses references, since it is made of its parts at the end.
pub(super) const UNFINISHED: u32 = u32::MAX;

/// Errors are boxed to keep the results of small steps small.
pub(super) type Step<T> = Result<T, Box<ReadError>>;

/// Reads marshalled values from bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    pub(super) input: &'a [u8],
    pub(super) rest: &'a [u8],
    pub(super) layout: Option<Layout>,
    /// Where the objects with `FLAG_REF` begin.
    pub(super) numbered: Vec<u32>,
    /// Where Python 2's interned strings begin.
    interned: Vec<u32>,
    /// Whether objects are being read again, which have their numbers already.
    pub(super) is_following: bool,
}

/// An object, or the beginning of one that has parts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Head<'a> {
    /// Where its type code is.
    pub offset: usize,
    /// What references call it.
    pub number: Option<Number>,
    /// What it is.
    pub object: Object<'a>,
}

/// What references call an object. A single word: it is made and looked at for every object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Number(NonZeroU32);

impl Number {
    /// Only odd and even tell the two kinds apart, and neither has more numbers than the input has bytes.
    #[inline]
    fn of_object(index: u32) -> Option<Self> {
        NonZeroU32::new(index.checked_mul(2)?.checked_add(1)?).map(Self)
    }

    fn of_interned(index: u32) -> Option<Self> {
        NonZeroU32::new(index.checked_mul(2)?.checked_add(2)?).map(Self)
    }

    /// Whether it is a number of Python 2's interned strings, which are counted apart.
    #[inline]
    #[must_use]
    pub fn is_interned(self) -> bool {
        self.0.get().is_multiple_of(2)
    }

    /// How many of its kind came before.
    #[inline]
    #[must_use]
    pub fn index(self) -> usize {
        ((self.0.get() - 1) / 2) as usize
    }
}

/// What an object is. The parts of those that have any come next.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Object<'a> {
    /// `None`.
    None,
    /// `True`.
    True,
    /// `False`.
    False,
    /// The exception class.
    StopIteration,
    /// `...`.
    Ellipsis,
    /// An integer of 64 bits.
    Int(i64),
    /// An integer of more: its digits, 15 bits in two bytes, the least significant first.
    BigInt(&'a [u8]),
    /// The same below zero.
    NegativeBigInt(&'a [u8]),
    /// A float.
    Float(f64),
    /// A complex number.
    Complex(f64, f64),
    /// `bytes` of Python 3, `str` of Python 2 (not interned).
    Bytes(&'a [u8]),
    /// UTF-8 in which lone surrogates are let through; an interned `str` of Python 2 can be any bytes.
    Text(&'a [u8]),
    /// A tuple of so many objects.
    Tuple(u32),
    /// A list of so many objects.
    List(u32),
    /// A set of so many objects.
    Set(u32),
    /// A frozen set of so many objects.
    FrozenSet(u32),
    /// A slice: three objects.
    Slice,
    /// A dict: keys and values up to [`Object::End`].
    Dict,
    /// A frozen dict: the same.
    FrozenDict,
    /// No object but the end of a dict.
    End,
    /// A code object; [`Reader::code`] reads its parts.
    Code,
    /// An object that was there before.
    Reference(Number),
}

impl<'a> Reader<'a> {
    /// Reads from the first byte of `input`.
    ///
    /// # Errors
    /// Where the input has 2 GiB or more.
    pub fn new(input: &'a [u8]) -> Result<Self, Box<ReadError>> {
        if input.len() >= MAX_INPUT {
            return Err(Box::new(ReadErrorKind::Unsupported("a dump of 2 GiB or more".into()).at(0)));
        }
        let (numbered, interned) = (Vec::new(), Vec::new());
        Ok(Self { input, rest: input, layout: None, numbered, interned, is_following: false })
    }

    pub(super) fn with_layout(input: &'a [u8], layout: Layout) -> Step<Self> {
        Ok(Self { layout: Some(layout), ..Self::new(input)? })
    }

    /// Where the next byte is.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.input.len() - self.rest.len()
    }

    /// The next object. `what` completes "the file ends in the middle of".
    ///
    /// # Errors
    /// Where there is none.
    #[inline]
    pub fn next(&mut self, what: &'static str) -> Result<Head<'a>, Box<ReadError>> {
        // Dumps of version 3 and later are mostly references, the keys of callers.
        if let Some((&[b'r', a, b, c, d], rest)) = self.rest.split_first_chunk()
            && let index = u32::from_le_bytes([a, b, c, d])
            && self.place_of(index).is_some()
            && let Some(number) = Number::of_object(index)
        {
            let offset = self.offset();
            self.rest = rest;
            return Ok(Head { offset, number: None, object: Object::Reference(number) });
        }
        self.any(what)
    }

    /// Where a numbered object is that references may mean.
    #[inline]
    pub(super) fn place_of(&self, index: u32) -> Option<u32> {
        self.numbered.get(index as usize).copied().filter(|&place| place != UNFINISHED)
    }

    /// The next object, of whatever kind.
    fn any(&mut self, what: &'static str) -> Step<Head<'a>> {
        let offset = self.offset();
        let Some((&byte, rest)) = self.rest.split_first() else {
            return Err(truncated(what, offset));
        };
        self.rest = rest;
        let code = byte & !FLAG_REF;
        let mut number = None;
        if byte & FLAG_REF != 0 && has_number(code) {
            number = self.give_number(offset);
        }
        let object = match code {
            b')' => self.tuple(atom::short_count, offset)?,
            b'(' => self.tuple(atom::count, offset)?,
            b'u' | b'a' | b'A' | b'z' | b'Z' => self.text(code, offset)?,
            b't' => {
                number = number.or(self.intern(offset));
                Object::Text(self.piece(atom::bytes, offset, "a string")?)
            }
            b'{' => Object::Dict,
            b'0' => Object::End,
            b'c' => Object::Code,
            _ => self.rare_object(code, offset)?,
        };
        Ok(Head { offset, number, object })
    }

    /// An object of a kind that dumps have few of.
    fn rare_object(&mut self, code: u8, offset: usize) -> Step<Object<'a>> {
        Ok(match code {
            b'N' => Object::None,
            b'T' => Object::True,
            b'F' => Object::False,
            b'S' => Object::StopIteration,
            b'.' => Object::Ellipsis,
            b'i' => Object::Int(self.piece(atom::int, offset, "a number")?.into()),
            b'g' => Object::Float(self.piece(atom::float, offset, "a float")?),
            b'r' => self.reference(offset)?,
            b's' => Object::Bytes(self.piece(atom::bytes, offset, "a string")?),
            b'I' => Object::Int(self.piece(atom::long, offset, "a number")?),
            b'l' => {
                let (negative, digits) = self.piece(atom::digits, offset, "a long number")?;
                match atom::number(negative, digits) {
                    Some(value) => Object::Int(value),
                    None if negative => Object::NegativeBigInt(digits),
                    None => Object::BigInt(digits),
                }
            }
            b'f' => Object::Float(self.piece(atom::decimal, offset, "a float")?),
            b'x' => {
                let real = self.piece(atom::decimal, offset, "a complex number")?;
                Object::Complex(real, self.piece(atom::decimal, offset, "a complex number")?)
            }
            b'y' => {
                let real = self.piece(atom::float, offset, "a complex number")?;
                Object::Complex(real, self.piece(atom::float, offset, "a complex number")?)
            }
            b'R' => self.interned_reference(offset)?,
            b'[' => Object::List(self.counted(atom::count, offset, "a list")?),
            b'<' => Object::Set(self.counted(atom::count, offset, "a set")?),
            b'>' => Object::FrozenSet(self.counted(atom::count, offset, "a frozen set")?),
            b':' => Object::Slice,
            b'}' => Object::FrozenDict,
            _ => return Err(malformed(format!("unknown type code 0x{code:02x}"), offset)),
        })
    }

    /// Reads what a reference means with `read`, and comes back.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn follow<T, E>(
        &mut self,
        number: Number,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let places = if number.is_interned() { &self.interned } else { &self.numbered };
        let place = places.get(number.index()).copied().unwrap_or(UNFINISHED);
        let target = self.input.get(place as usize..).unwrap_or_default();
        let rest = std::mem::replace(&mut self.rest, target);
        let was_following = std::mem::replace(&mut self.is_following, true);
        let result = read(self);
        (self.rest, self.is_following) = (rest, was_following);
        result
    }

    /// Whether another dict follows the value that ends here. Numbers begin again in it.
    ///
    /// # Errors
    /// Where something else than a dict or padding follows.
    pub fn another(&mut self) -> Result<bool, Box<ReadError>> {
        self.numbered.clear();
        self.interned.clear();
        match self.rest.first() {
            Some(b'{' | 0xfb) => Ok(true),
            // Padding says nothing, so nothing is lost with it.
            _ if self.rest.iter().all(|byte| matches!(byte, 0 | b'\n' | b'\r' | b' ')) => Ok(false),
            _ => {
                let problem = format!("{} bytes that are no profile follow the profile", self.rest.len());
                Err(malformed(problem, self.offset()))
            }
        }
    }

    #[inline]
    fn tuple(&mut self, read: impl FnOnce(&'a [u8]) -> Piece<'a, u32>, offset: usize) -> Step<Object<'a>> {
        self.counted(read, offset, "a tuple").map(Object::Tuple)
    }

    /// The count of an object's parts, each of which takes a byte at least.
    #[inline]
    fn counted(
        &mut self,
        read: impl FnOnce(&'a [u8]) -> Piece<'a, u32>,
        offset: usize,
        what: &'static str,
    ) -> Step<u32> {
        let count = self.piece(read, offset, what)?;
        if count as usize > self.rest.len() {
            return Err(truncated(format!("{what} of {count} parts"), offset));
        }
        Ok(count)
    }

    #[inline]
    fn text(&mut self, code: u8, offset: usize) -> Step<Object<'a>> {
        let bytes = match code {
            b'z' | b'Z' => self.piece(atom::short_bytes, offset, "a string")?,
            _ => self.piece(atom::bytes, offset, "a string")?,
        };
        let is_fine = match code {
            _ if self.is_following => true,
            b'u' => is_text(bytes),
            // CPython takes other bytes as Latin-1, but nothing writes them: they are damage.
            _ => bytes.is_ascii(),
        };
        if !is_fine {
            let problem = if code == b'u' { "a string is not UTF-8" } else { "a string is not ASCII" };
            return Err(malformed(problem, offset));
        }
        Ok(Object::Text(bytes))
    }

    #[inline]
    fn reference(&mut self, offset: usize) -> Step<Object<'a>> {
        let number = self.piece(atom::int, offset, "a reference")?;
        let index = u32::try_from(number).ok().filter(|&index| self.place_of(index).is_some());
        match index.and_then(Number::of_object) {
            Some(found) => Ok(Object::Reference(found)),
            None => Err(undefined("object", number, offset)),
        }
    }

    fn interned_reference(&mut self, offset: usize) -> Step<Object<'a>> {
        let number = self.piece(atom::int, offset, "a reference")?;
        let index = u32::try_from(number).ok().filter(|&index| (index as usize) < self.interned.len());
        match index.and_then(Number::of_interned) {
            Some(found) => Ok(Object::Reference(found)),
            None => Err(undefined("interned string", number, offset)),
        }
    }

    #[inline]
    pub(super) fn give_number(&mut self, offset: usize) -> Option<Number> {
        if self.is_following {
            return None;
        }
        let index = u32::try_from(self.numbered.len()).ok()?;
        self.numbered.push(u32::try_from(offset).ok()?);
        Number::of_object(index)
    }

    fn intern(&mut self, offset: usize) -> Option<Number> {
        if self.is_following {
            return None;
        }
        let index = u32::try_from(self.interned.len()).ok()?;
        self.interned.push(u32::try_from(offset).ok()?);
        Number::of_interned(index)
    }

    #[inline]
    pub(super) fn piece<T>(
        &mut self,
        read: impl FnOnce(&'a [u8]) -> Piece<'a, T>,
        offset: usize,
        what: &'static str,
    ) -> Step<T> {
        match read(self.rest) {
            Ok((rest, piece)) => {
                self.rest = rest;
                Ok(piece)
            }
            Err(nom::Err::Error(Fault::Rule) | nom::Err::Failure(Fault::Rule)) => {
                Err(malformed(format!("{what} of impossible length or digits"), offset))
            }
            Err(_) => Err(truncated(what, offset)),
        }
    }
}

/// Singletons, references and the end of a dict never have a number, flagged or not.
#[inline]
fn has_number(code: u8) -> bool {
    !matches!(code, b'N' | b'T' | b'F' | b'S' | b'.' | b'0' | b'r' | b'R')
}

#[cold]
pub(super) fn malformed(problem: impl Into<Cow<'static, str>>, offset: usize) -> Box<ReadError> {
    Box::new(ReadError::malformed(problem, offset))
}

#[cold]
fn truncated(what: impl Into<Cow<'static, str>>, offset: usize) -> Box<ReadError> {
    Box::new(ReadError::truncated(what, offset))
}

#[cold]
fn undefined(table: &'static str, number: i32, offset: usize) -> Box<ReadError> {
    Box::new(ReadErrorKind::Undefined { table, id: number.into() }.at(offset))
}
