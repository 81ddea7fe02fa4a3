//! The stack machine that a pickle is a program for.
//!
//! Opcodes and their arguments are those of CPython's `Lib/pickletools.py`. The machine has no recursion, and every opcode
//! makes at most one value, so neither depth nor size can grow beyond the input.

mod objects;

use std::borrow::Cow;

use foldhash::{HashMap, HashMapExt};
use nom::bytes::complete::take;
use nom::error::Error;
use nom::number::complete::{be_f64, le_i32, le_u8, le_u16, le_u32, le_u64};
use nom::{IResult, Parser};
use profkit_profile::{ReadError, ReadErrorKind};

use crate::arguments::{TextArgument, little_endian, pairs};
use crate::value::{Heap, Kind, Value};
use objects::would_call;

/// The memo is a plain table while its numbers come in order, as every pickler gives them. It has at most this many
/// places for each number, and some to begin with; numbers further ahead go into a map, so that a few bytes cannot make
/// a large table.
const PLACES_EACH: usize = 2;
const PLACES_AT_LEAST: usize = 256;

/// Picklers empty the stack every thousand items of a container, so a deep stack is no real file's. Without a limit one
/// byte of input could cost the 16 of a value, twice over while the stack grows.
const LARGEST_STACK: usize = 1 << 20;

/// The state between two opcodes.
pub(crate) struct Machine<'a> {
    bytes: &'a [u8],
    pub(crate) at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Option<Value>>,
    memorised: usize,
    scattered_memo: HashMap<usize, Value>,
    pub(crate) heap: Heap<'a>,
    /// Module and name of the global that was named last.
    pub(crate) last_global: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
            memorised: 0,
            scattered_memo: HashMap::new(),
            heap: Heap { sequences: vec![Vec::new()], ..Heap::default() },
            last_global: None,
        }
    }

    /// Carries out one opcode; whether it was the last.
    pub(crate) fn step(&mut self) -> Result<bool, ReadError> {
        let start = self.at;
        if self.stack.len() > LARGEST_STACK || self.marks.len() > LARGEST_STACK {
            return Err(ReadErrorKind::TooDeep(LARGEST_STACK).at(start));
        }
        let opcode = self.argument(le_u8, "a pickle")?;
        match opcode {
            // Two of three opcodes are one of these.
            b'h' => {
                let number = self.argument(le_u8, "a memo number")?;
                self.recall(usize::from(number), start)?;
            }
            b'q' => {
                let number = self.argument(le_u8, "a memo number")?;
                self.memorise(usize::from(number))?;
            }
            b'K' => {
                let number = self.argument(le_u8, "an integer")?;
                self.push(Kind::Int(i64::from(number)), start);
            }
            b'.' => return Ok(true),
            // PROTO and FRAME say nothing that we need.
            0x80 => drop(self.argument(le_u8, "the protocol number")?),
            0x95 => drop(self.argument(le_u64, "a frame's length")?),
            b'N' => self.push(Kind::None, start),
            0x88 => self.push(Kind::Bool(true), start),
            0x89 => self.push(Kind::Bool(false), start),
            b'I' | b'L' | b'J' | b'M' | 0x8a | 0x8b => self.integer(opcode, start)?,
            b'G' => {
                let float = self.argument(be_f64, "a float")?;
                self.push(Kind::Float(float), start);
            }
            b'F' => {
                let float = self.line("a float")?.parse_float();
                let float = float.ok_or_else(|| ReadError::malformed("a float is expected", start + 1))?;
                self.push(Kind::Float(float), start);
            }
            b'U' | b'T' | b'X' | b'C' | b'B' | 0x8c | 0x8d | 0x8e | b'S' | b'V' => {
                self.string(opcode, start)?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b')' | 0x85 | 0x86 | 0x87 | b't' | b']' | b'l' | b'}' | b'd' => self.container(opcode, start)?,
            b'a' | b'e' | b's' | b'u' => self.fill(opcode, start)?,
            b'r' | b'p' | 0x94 | b'j' | b'g' => self.remember(opcode, start)?,
            b'0' => {
                // POP of a mark is how old picklers dropped an unfinished tuple.
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => drop(self.pop_to_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'c' | 0x93 => self.global(opcode, start)?,
            0x81 | 0x92 => self.new_object(opcode, start)?,
            b'b' => self.build(start)?,
            b'R' => {
                self.pop()?;
                let called = self.pop()?;
                return Err(self.refusal(called, start));
            }
            b'o' => {
                let arguments = self.pop_to_mark()?;
                let called = arguments.first().copied().ok_or_else(|| underflow(start))?;
                return Err(self.refusal(called, start));
            }
            b'i' => {
                let (module, name) = (self.line("a module's name")?, self.line("a class's name")?);
                return Err(would_call(module, name, start));
            }
            b'P' | b'Q' => return Err(unsupported("the pickle refers to an object outside of it", start)),
            0x82..=0x84 => {
                return Err(unsupported("the pickle refers to a class by an extension code", start));
            }
            _ => {
                let problem = format!("yappi's pickles have no opcode {opcode:#04x}");
                return Err(ReadError::malformed(problem, start));
            }
        }
        Ok(false)
    }

    /// Reads the argument of an opcode.
    fn argument<O, P>(&mut self, mut parser: P, what: &'static str) -> Result<O, ReadError>
    where
        P: Parser<&'a [u8], Output = O, Error = Error<&'a [u8]>>,
    {
        let rest: IResult<&[u8], O> = parser.parse(self.bytes.get(self.at..).unwrap_or_default());
        let (rest, value) = rest.map_err(|_| ReadError::truncated(what, self.bytes.len()))?;
        self.at = self.bytes.len() - rest.len();
        Ok(value)
    }

    /// Reads a length and so many bytes; checked against what is left before anything else happens.
    fn counted(&mut self, len: u64, what: &'static str) -> Result<&'a [u8], ReadError> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.argument(take(len), what)
    }

    /// Reads up to the end of the line.
    fn line(&mut self, what: &'static str) -> Result<&'a [u8], ReadError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|&byte| byte == b'\n');
        let end = end.ok_or_else(|| ReadError::truncated(what, self.bytes.len()))?;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    fn integer(&mut self, opcode: u8, start: usize) -> Result<(), ReadError> {
        let what = "an integer";
        let kind = match opcode {
            b'J' => Kind::Int(i64::from(self.argument(le_i32, what)?)),
            b'M' => Kind::Int(i64::from(self.argument(le_u16, what)?)),
            0x8a => {
                let len = self.argument(le_u8, what)?;
                little_endian(self.counted(u64::from(len), what)?)
            }
            0x8b => {
                let len = self.argument(le_i32, what)?;
                let len = u64::try_from(len)
                    .map_err(|_| ReadError::malformed("an integer of negative length", start))?;
                little_endian(self.counted(len, what)?)
            }
            _ => {
                let line = self.line(what)?;
                match (opcode, line) {
                    (b'I', b"00") => Kind::Bool(false),
                    (b'I', b"01") => Kind::Bool(true),
                    _ => line
                        .parse_integer()
                        .ok_or_else(|| ReadError::malformed("an integer is expected", start + 1))?,
                }
            }
        };
        self.push(kind, start);
        Ok(())
    }

    fn string(&mut self, opcode: u8, start: usize) -> Result<(), ReadError> {
        let what = "a string";
        let string = match opcode {
            b'U' | b'C' | 0x8c => {
                let len = self.argument(le_u8, what)?;
                self.counted(u64::from(len), what)?
            }
            b'T' => {
                let len = self.argument(le_i32, what)?;
                let len = u64::try_from(len)
                    .map_err(|_| ReadError::malformed("a string of negative length", start))?;
                self.counted(len, what)?
            }
            b'X' | b'B' => {
                let len = self.argument(le_u32, what)?;
                self.counted(u64::from(len), what)?
            }
            0x8d | 0x8e => {
                let len = self.argument(le_u64, what)?;
                self.counted(len, what)?
            }
            // Protocol 0 writes a literal. It is kept as it stands: objects of protocol 0 are refused anyway.
            _ => self.line(what)?,
        };
        let len = small(string.len(), start)?;
        let text_start = small(self.at - usize::from(matches!(opcode, b'S' | b'V')) - string.len(), start)?;
        self.push(Kind::Text { start: text_start, len }, start);
        Ok(())
    }

    fn container(&mut self, opcode: u8, start: usize) -> Result<(), ReadError> {
        let items = match opcode {
            b')' | b']' | b'}' => Vec::new(),
            b't' | b'l' | b'd' => self.pop_to_mark()?,
            _ => {
                let count = usize::from(opcode - 0x84);
                let first = self.stack.len().checked_sub(count).filter(|&first| first >= self.floor());
                self.stack.split_off(first.ok_or_else(|| underflow(start))?)
            }
        };
        let kind = match opcode {
            // No tuple changes, so all empty ones are the first row.
            b')' => Kind::Tuple(0),
            b'}' | b'd' => {
                self.heap.dicts.push(pairs(&items, start)?.collect());
                Kind::Dict(row(self.heap.dicts.len(), start)?)
            }
            _ => {
                self.heap.sequences.push(items);
                let row = row(self.heap.sequences.len(), start)?;
                if matches!(opcode, b']' | b'l') { Kind::List(row) } else { Kind::Tuple(row) }
            }
        };
        self.push(kind, start);
        Ok(())
    }

    /// Adds to the list or dict below the top (APPEND, SETITEM) or below the mark (APPENDS, SETITEMS).
    fn fill(&mut self, opcode: u8, start: usize) -> Result<(), ReadError> {
        let first = match opcode {
            b'a' => self.stack.len().checked_sub(1),
            b's' => self.stack.len().checked_sub(2),
            _ => self.marks.pop(),
        };
        let first = first.filter(|&first| first > self.floor() && first <= self.stack.len());
        let first = first.ok_or_else(|| underflow(start))?;
        let items = &self.stack[first..];
        let is_list = matches!(opcode, b'a' | b'e');
        match self.stack[first - 1].kind() {
            Kind::List(row) if is_list => {
                if let Some(list) = self.heap.sequences.get_mut(row as usize) {
                    list.extend_from_slice(items);
                }
            }
            Kind::Dict(row) if !is_list => {
                if let Some(dict) = self.heap.dicts.get_mut(row as usize) {
                    dict.extend(pairs(items, start)?);
                }
            }
            // The numbered items of yappi's dicts: see `Heap::objects`.
            Kind::Object(_) if !is_list => drop(pairs(items, start)?),
            _ => return Err(ReadError::malformed("items are added to what holds none", start)),
        }
        self.stack.truncate(first);
        Ok(())
    }

    fn remember(&mut self, opcode: u8, start: usize) -> Result<(), ReadError> {
        let what = "a memo number";
        let number = match opcode {
            b'r' | b'j' => self.argument(le_u32, what)? as usize,
            0x94 => self.memorised,
            _ => {
                let number = match self.line(what)?.parse_integer() {
                    Some(Kind::Int(number)) => usize::try_from(number).ok(),
                    _ => None,
                };
                number.ok_or_else(|| ReadError::malformed("a memo number is expected", start + 1))?
            }
        };
        match opcode {
            b'j' | b'g' => self.recall(number, start),
            _ => self.memorise(number),
        }
    }

    #[inline]
    fn recall(&mut self, number: usize, start: usize) -> Result<(), ReadError> {
        let found = self.memo.get(number).copied().flatten();
        let found = found.or_else(|| self.scattered_memo.get(&number).copied());
        let Some(found) = found else {
            let id = i128::try_from(number).unwrap_or(i128::MAX);
            return Err(ReadErrorKind::Undefined { table: "memo", id }.at(start));
        };
        self.stack.push(found);
        Ok(())
    }

    #[inline]
    fn memorise(&mut self, number: usize) -> Result<(), ReadError> {
        let top = self.top()?;
        self.memorised += 1;
        if number == self.memo.len() {
            self.memo.push(Some(top));
        } else if number > PLACES_AT_LEAST + PLACES_EACH * self.memorised {
            self.scattered_memo.insert(number, top);
        } else {
            if number > self.memo.len() {
                self.memo.resize(number + 1, None);
            }
            self.memo[number] = Some(top);
        }
        Ok(())
    }

    fn push(&mut self, kind: Kind, start: usize) {
        // `decode` has checked that offsets fit.
        let at = u32::try_from(start).unwrap_or(u32::MAX);
        self.stack.push(Value::new(kind, at));
    }

    /// How many values lie below the last mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(crate) fn pop(&mut self) -> Result<Value, ReadError> {
        if self.stack.len() <= self.floor() {
            return Err(underflow(self.at.saturating_sub(1)));
        }
        self.stack.pop().ok_or_else(|| underflow(self.at))
    }

    fn top(&self) -> Result<Value, ReadError> {
        let top = self.stack.last().filter(|_| self.stack.len() > self.floor());
        top.copied().ok_or_else(|| underflow(self.at.saturating_sub(1)))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>, ReadError> {
        let mark = self.marks.pop().ok_or_else(|| underflow(self.at.saturating_sub(1)))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }
}

/// The bytes of a string.
pub(crate) fn text(bytes: &[u8], kind: Kind) -> Option<&[u8]> {
    let Kind::Text { start, len } = kind else { return None };
    bytes.get(start as usize..)?.get(..len as usize)
}

/// The number of the last row of a table.
fn row(len: usize, at: usize) -> Result<u32, ReadError> {
    small(len.saturating_sub(1), at)
}

fn small(number: usize, at: usize) -> Result<u32, ReadError> {
    u32::try_from(number).map_err(|_| unsupported("a pickle of more than 4 GiB is not read", at))
}

fn underflow(at: usize) -> ReadError {
    ReadError::malformed("an opcode finds nothing on the stack to work on", at)
}

fn unsupported(problem: &'static str, at: usize) -> ReadError {
    ReadErrorKind::Unsupported(Cow::Borrowed(problem)).at(at)
}
