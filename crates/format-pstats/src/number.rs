//! The numbers of a dump: counts and lines, which are integers, and times, which are floats or, from hand-made
//! dumps and `pstats`' own zeros, integers too. Any of them may be a reference.

use profkit_profile::{BuildError, ReadError, ReadErrorKind};

use crate::marshal::{Object, Reader};
use crate::seconds::{NotNanoseconds, nanoseconds, whole_nanoseconds};

/// How many bytes a plain float takes.
const PLAIN_FLOAT: usize = 9;

/// The next object as an integer of 64 bits; `problem` is what to say if it is none.
#[inline]
pub(crate) fn integer(reader: &mut Reader<'_>, problem: &'static str) -> Result<i64, Box<ReadError>> {
    match reader.plain_int() {
        Some(value) => Ok(value),
        None => rare_integer(reader, problem),
    }
}

/// The same in whatever form.
fn rare_integer(reader: &mut Reader<'_>, problem: &'static str) -> Result<i64, Box<ReadError>> {
    let head = reader.next("a number")?;
    match head.object {
        Object::Int(value) => Ok(value),
        Object::Reference(number) => reader.follow(number, |reader| rare_integer(reader, problem)),
        Object::BigInt(_) | Object::NegativeBigInt(_) => Err(overflow(head.offset)),
        _ => Err(Box::new(ReadError::malformed(problem, head.offset))),
    }
}

/// The next object as a time in nanoseconds.
#[inline]
pub(crate) fn time(reader: &mut Reader<'_>) -> Result<i64, Box<ReadError>> {
    match reader.plain_float().map(nanoseconds) {
        Some(Ok(time)) => Ok(time),
        Some(Err(reason)) => Err(no_time(reason, reader.offset() - PLAIN_FLOAT)),
        None => rare_time(reader),
    }
}

/// The same in whatever form.
fn rare_time(reader: &mut Reader<'_>) -> Result<i64, Box<ReadError>> {
    let head = reader.next("a time")?;
    let time = match head.object {
        Object::Float(seconds) => nanoseconds(seconds),
        Object::Reference(number) => return reader.follow(number, rare_time),
        Object::Int(seconds) => whole_nanoseconds(seconds),
        Object::BigInt(_) | Object::NegativeBigInt(_) => Err(NotNanoseconds::TooLong),
        _ => return Err(Box::new(ReadError::malformed("a time is not a number", head.offset))),
    };
    time.map_err(|reason| no_time(reason, head.offset))
}

#[cold]
fn no_time(reason: NotNanoseconds, offset: usize) -> Box<ReadError> {
    match reason {
        NotNanoseconds::NotFinite => {
            Box::new(ReadError::malformed("a time is infinite or not a number", offset))
        }
        NotNanoseconds::TooLong => overflow(offset),
    }
}

#[cold]
pub(crate) fn overflow(offset: usize) -> Box<ReadError> {
    Box::new(ReadErrorKind::Build(BuildError::ValueTooLarge).at(offset))
}
