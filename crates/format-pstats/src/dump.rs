//! The rows of one dump as they stand in the file: which number is which, and nothing yet about what the numbers
//! of a dialect mean.
//!
//! What would surprise: a function's tuple is (primitive calls, all calls, self, total, callers), a caller's tuple
//! is (all calls, primitive calls, self, total).

use std::ops::Range;

use profkit_profile::{FunctionId, Id, ProfileBuilder, ReadError, ReadErrorKind};

use crate::key::Keys;
use crate::marshal::{Head, Object, Reader};
use crate::number::{integer, overflow, time};

/// The fewest bytes a caller takes: a reference to its key, another to its numbers. Many functions may refer to
/// one dict of callers, so a file could hold far more callers than bytes; no real dump shares more than empty ones.
const MIN_CALLER_BYTES: usize = 10;

/// What to say of a count that is none.
const NO_COUNT: &str = "a number of calls is not an integer";

type Step<T> = Result<T, Box<ReadError>>;

/// One marshalled dict.
pub(crate) struct Dump {
    /// Each function once, in the order of the dict.
    pub(crate) rows: Vec<Row>,
    edges: Vec<Edge>,
    /// Whether it has the item that marks the sampler of Python 3.15.
    pub(crate) is_marked_sampled: bool,
}

/// One function.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) function: FunctionId,
    pub(crate) counts: Counts,
    pub(crate) times: Times,
    callers: Range<u32>,
    /// Its place in the file.
    pub(crate) offset: u32,
}

/// One caller of a function.
#[derive(Clone, Copy)]
pub(crate) struct Edge {
    pub(crate) caller: FunctionId,
    /// Its place in the file.
    pub(crate) offset: u32,
    pub(crate) value: EdgeValue,
}

/// The numbers under a caller.
#[derive(Clone, Copy)]
pub(crate) struct EdgeValue {
    pub(crate) counts: Counts,
    pub(crate) times: Times,
    /// It is no tuple but a number alone: `counts.all`; the others are 0.
    pub(crate) is_number: bool,
}

/// The two counts of a tuple, named as cProfile means them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    pub(crate) primitive: i64,
    pub(crate) all: i64,
}

/// The two times of a tuple, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Times {
    pub(crate) own: i64,
    pub(crate) total: i64,
}

impl Dump {
    /// The callers of a row.
    pub(crate) fn callers(&self, row: &Row) -> &[Edge] {
        self.edges.get(row.callers.start as usize..row.callers.end as usize).unwrap_or_default()
    }

    /// How many callers there are, those of replaced rows included.
    pub(crate) fn edge_count(&self) -> usize {
        self.edges.len()
    }

    /// Every caller of every row.
    pub(crate) fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.rows.iter().flat_map(|row| self.callers(row))
    }

    /// Reads the next value of `reader`, of `input_len` bytes; its functions go into `builder`.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        input_len: usize,
        builder: &mut ProfileBuilder,
    ) -> Step<Self> {
        // What a row and a caller of cProfile take at least, keys included.
        let (rows, edges) = (Vec::with_capacity(input_len / 140), Vec::with_capacity(input_len / 64));
        builder.reserve_functions(input_len / 140);
        let mut dump = DumpReader {
            dump: Self { rows, edges, is_marked_sampled: false },
            keys: Keys::new(builder, input_len),
            rows: Places::default(),
            callers: Places::default(),
            callers_left: input_len / MIN_CALLER_BYTES,
        };
        dump.read(reader)?;
        Ok(dump.dump)
    }
}

struct DumpReader<'b> {
    dump: Dump,
    keys: Keys<'b>,
    /// Where the rows of functions are.
    rows: Places,
    /// Where functions are among the callers read last.
    callers: Places,
    /// How many more callers may come.
    callers_left: usize,
}

impl DumpReader<'_> {
    fn read<'a>(&mut self, reader: &mut Reader<'a>) -> Step<()> {
        let head = reader.next("the dump")?;
        if !matches!(head.object, Object::Dict) {
            return Err(Box::new(ReadError::malformed("the dump is not a dict", head.offset)));
        }
        loop {
            let head = reader.next("the dump")?;
            match head.object {
                Object::End => return Ok(()),
                Object::Tuple(1) => self.marker(&head, reader)?,
                _ => self.row(&head, reader)?,
            }
        }
    }

    /// `("__sampled__",): True`; Python 3.15's pstats looks for the key and not at its value.
    fn marker<'a>(&mut self, key: &Head<'a>, reader: &mut Reader<'a>) -> Step<()> {
        if reader.string().ok() != Some(b"__sampled__") {
            let problem = "a key is not a tuple of file, line and name";
            return Err(Box::new(ReadError::malformed(problem, key.offset)));
        }
        self.dump.is_marked_sampled = true;
        reader.skip("the value of a key")
    }

    fn row<'a>(&mut self, key: &Head<'a>, reader: &mut Reader<'a>) -> Step<()> {
        let function = self.keys.function(key, reader)?;
        let row = self.row_value(function, key.offset, reader)?;
        // Of items with the same key a Python dict keeps the last value at the first place.
        match self.rows.find(function, 0) {
            Some(place) => self.dump.rows[place] = row,
            None => {
                self.rows.set(function, self.dump.rows.len());
                self.dump.rows.push(row);
            }
        }
        Ok(())
    }

    fn row_value(&mut self, function: FunctionId, offset: usize, reader: &mut Reader<'_>) -> Step<Row> {
        let is_plain = reader.plain_tuple(5);
        let head = if is_plain { None } else { Some(reader.next("the value of a key")?) };
        match head.map(|head| (head.object, head.offset)) {
            None | Some((Object::Tuple(5), _)) => {}
            Some((Object::Reference(number), _)) => {
                return reader.follow(number, |reader| self.row_value(function, offset, reader));
            }
            Some((_, offset)) => {
                let problem = "a function's entry is not a tuple of five";
                return Err(Box::new(ReadError::malformed(problem, offset)));
            }
        }
        let counts = Counts { primitive: integer(reader, NO_COUNT)?, all: integer(reader, NO_COUNT)? };
        let times = Times { own: time(reader)?, total: time(reader)? };
        let first = self.dump.edges.len();
        self.callers(reader)?;
        let callers = short(first)..short(self.dump.edges.len());
        Ok(Row { function, counts, times, callers, offset: short(offset) })
    }

    fn callers(&mut self, reader: &mut Reader<'_>) -> Step<()> {
        let head = reader.next("the callers of a function")?;
        match head.object {
            Object::Dict => {}
            Object::Reference(number) => return reader.follow(number, |reader| self.callers(reader)),
            _ => {
                let problem = "a function's callers are not a dict";
                return Err(Box::new(ReadError::malformed(problem, head.offset)));
            }
        }
        let first = self.dump.edges.len();
        loop {
            let head = reader.next("the callers of a function")?;
            if matches!(head.object, Object::End) {
                return Ok(());
            }
            let caller = self.keys.function(&head, reader)?;
            let edge = Edge { caller, offset: short(head.offset), value: caller_value(reader)? };
            self.callers_left = self.callers_left.checked_sub(1).ok_or_else(|| too_many(head.offset))?;
            match self.callers.find(caller, first) {
                Some(place) => self.dump.edges[place] = edge,
                None => {
                    self.callers.set(caller, self.dump.edges.len());
                    self.dump.edges.push(edge);
                }
            }
        }
    }
}

#[inline(always)]
fn caller_value(reader: &mut Reader<'_>) -> Step<EdgeValue> {
    if reader.plain_tuple(4) { full_caller(reader) } else { rare_caller(reader) }
}

#[inline(always)]
fn full_caller(reader: &mut Reader<'_>) -> Step<EdgeValue> {
    let (all, primitive) = (integer(reader, NO_COUNT)?, integer(reader, NO_COUNT)?);
    let times = Times { own: time(reader)?, total: time(reader)? };
    Ok(EdgeValue { counts: Counts { primitive, all }, times, is_number: false })
}

/// The same in whatever form, or a number alone.
fn rare_caller(reader: &mut Reader<'_>) -> Step<EdgeValue> {
    let head = reader.next("the value of a key")?;
    match head.object {
        Object::Tuple(4) => full_caller(reader),
        Object::Int(all) => {
            let (counts, times) = (Counts { primitive: 0, all }, Times { own: 0, total: 0 });
            Ok(EdgeValue { counts, times, is_number: true })
        }
        Object::Reference(number) => reader.follow(number, rare_caller),
        Object::BigInt(_) | Object::NegativeBigInt(_) => Err(overflow(head.offset)),
        _ => {
            let problem = "a caller's entry is neither a tuple of four nor a number";
            Err(Box::new(ReadError::malformed(problem, head.offset)))
        }
    }
}

#[cold]
fn too_many(offset: usize) -> Box<ReadError> {
    Box::new(ReadErrorKind::Unsupported("callers shared by many functions".into()).at(offset))
}

/// A place in the file or among its rows: the reader takes fewer than 2^32 bytes, and a row has several.
#[inline]
fn short(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Where a function was put last.
#[derive(Default)]
struct Places(Vec<u32>);

impl Places {
    const NOWHERE: u32 = u32::MAX;

    /// The place, if it is not before `first`.
    #[inline]
    fn find(&self, function: FunctionId, first: usize) -> Option<usize> {
        let place = self.0.get(function.index()).copied().filter(|&place| place != Self::NOWHERE)?;
        (place as usize >= first).then_some(place as usize)
    }

    #[inline]
    fn set(&mut self, function: FunctionId, place: usize) {
        let index = function.index();
        if self.0.len() <= index {
            self.0.resize(index + 1, Self::NOWHERE);
        }
        self.0[index] = short(place);
    }
}
