//! Whether an input is pprof. Protobuf has no magic number, and many a file is protobuf by its wire format alone; what
//! tells is the string table, which begins with an empty string in field 6 (OTLP's profiles have fields 1 and 2 only),
//! together with sample types that are pairs of numbers.

use std::borrow::Cow;

use profkit_profile::{ReadErrorKind, Sniff};

use crate::legacy;
use crate::outline::field::{self, Kind};
use crate::wire::{Bytes, Fields, PROFILE, Value};

/// Fields that some later version of the schema may add; a larger number is a sign of another format.
const MAX_FIELD: u64 = 100;

pub(crate) fn sniff(input: &[u8]) -> Sniff {
    match legacy::describe(input) {
        Some(description) => Sniff::Near(Cow::Owned(description)),
        None => outer_structure(input, true),
    }
}

/// Whether an input that begins like this may be pprof: what tells may stand behind any number of samples.
pub(crate) fn may_begin(head: &[u8]) -> bool {
    legacy::describe(head).is_none() && outer_structure(head, false) != Sniff::No
}

/// Walks over the outer fields until both signs are found. A string table that comes last costs a few nanoseconds for
/// each sample before it.
fn outer_structure(input: &[u8], is_whole: bool) -> Sniff {
    let mut fields = Fields::new(Bytes { bytes: input, offset: 0 }, PROFILE);
    let (mut sample_type, mut strings) = (false, false);
    while !(sample_type && strings) {
        let field = match fields.next() {
            Ok(Some(field)) => field,
            Ok(None) if strings || !is_whole => return Sniff::Maybe,
            // The string table of a file that was cut off may be missing.
            Err(error) if (sample_type || !is_whole) && matches!(error.kind, ReadErrorKind::Truncated(_)) => {
                return Sniff::Maybe;
            }
            Ok(None) | Err(_) => return Sniff::No,
        };
        match (field.number, field::kind(field.number), field.value) {
            (field::SAMPLE_TYPE, _, Value::Bytes(message)) => match numbers_of_value_type(message) {
                Some(numbers) => sample_type |= numbers > 0,
                None => return Sniff::No,
            },
            (field::STRING, _, Value::Bytes(string)) if strings || string.bytes.is_empty() => strings = true,
            (field::STRING, ..) => return Sniff::No,
            (_, Some(Kind::Message | Kind::Numbers), Value::Bytes(_)) => {}
            (_, Some(Kind::Number | Kind::Numbers), Value::Varint(_)) => {}
            (number, None, _) if number <= MAX_FIELD => {}
            _ => return Sniff::No,
        }
    }
    Sniff::Yes
}

/// How many numbers a message has, if it has nothing but the two numbers of a sample type.
fn numbers_of_value_type(message: Bytes<'_>) -> Option<usize> {
    let mut fields = Fields::new(message, "a sample type");
    let mut numbers = 0;
    while let Some(field) = fields.next().ok()? {
        if !matches!((field.number, field.value), (1 | 2, Value::Varint(_))) {
            return None;
        }
        numbers += 1;
    }
    Some(numbers)
}
