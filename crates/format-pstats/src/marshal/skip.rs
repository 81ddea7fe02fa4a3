//! Going past an object nobody needs, whatever it is made of. Its parts may have numbers that matter later.
//!
//! What would surprise: there is no recursion, so depth costs nothing but the stack of open objects here.

use profkit_profile::{ReadError, ReadErrorKind};

use super::layout::Field;
use super::reader::{FLAG_REF, Head, Object, Reader, Step, malformed};

/// How deep objects may be nested: CPython's own limit (`MAX_MARSHAL_STACK_DEPTH`), so whatever loads there is
/// read here.
pub const MAX_DEPTH: usize = 2_000;

/// An object whose parts are being skipped.
struct Open<'a> {
    waits_for: Parts,
    /// If references to it are errors until it is complete: its head, and its place.
    unfinished: Option<(Head<'a>, u32)>,
}

enum Parts {
    /// So many objects.
    Objects(u32),
    /// A key, or the end of a dict.
    Key,
    /// The value of the last key.
    Value,
    /// These fields of a code object.
    Fields(&'static [Field]),
}

impl<'a> Reader<'a> {
    /// Goes past the next object. `what` completes "the file ends in the middle of".
    ///
    /// # Errors
    /// Where it is none.
    pub fn skip(&mut self, what: &'static str) -> Result<(), Box<ReadError>> {
        let mut open = Vec::new();
        self.skip_head(what, &mut open)?;
        while let Some(innermost) = open.last_mut() {
            let what = match innermost.waits_for {
                Parts::Objects(0) | Parts::Fields([]) => {
                    self.close(&mut open);
                    continue;
                }
                Parts::Objects(left) => {
                    innermost.waits_for = Parts::Objects(left - 1);
                    "an item"
                }
                Parts::Key if self.rest.first().is_some_and(|code| code & !FLAG_REF == b'0') => {
                    self.rest = self.rest.get(1..).unwrap_or_default();
                    self.close(&mut open);
                    continue;
                }
                Parts::Key => {
                    innermost.waits_for = Parts::Value;
                    "a dict"
                }
                Parts::Value => {
                    innermost.waits_for = Parts::Key;
                    "the value of a key"
                }
                Parts::Fields([field, fields @ ..]) => {
                    innermost.waits_for = Parts::Fields(fields);
                    if matches!(field, Field::Number | Field::FirstLine) {
                        self.bare_int()?;
                        continue;
                    }
                    "a code object"
                }
            };
            if open.len() >= MAX_DEPTH {
                return Err(Box::new(ReadErrorKind::TooDeep(MAX_DEPTH).at(self.offset())));
            }
            self.skip_head(what, &mut open)?;
        }
        Ok(())
    }

    /// One object, or the beginning of one with parts.
    fn skip_head(&mut self, what: &'static str, open: &mut Vec<Open<'a>>) -> Step<()> {
        let head = self.next(what)?;
        let (waits_for, is_made_at_the_end) = match head.object {
            Object::Tuple(count) | Object::List(count) | Object::Set(count) => (Parts::Objects(count), false),
            Object::FrozenSet(count) => (Parts::Objects(count), true),
            Object::Slice => (Parts::Objects(3), true),
            Object::Dict => (Parts::Key, false),
            Object::FrozenDict => (Parts::Key, true),
            Object::Code => (Parts::Fields(self.layout()?.fields()), true),
            Object::End => return Err(malformed(format!("{what} is missing"), head.offset)),
            _ => return Ok(()),
        };
        let unfinished = is_made_at_the_end.then(|| (head, self.unfinish(&head)));
        open.push(Open { waits_for, unfinished });
        Ok(())
    }

    fn close(&mut self, open: &mut Vec<Open<'a>>) {
        if let Some(Open { unfinished: Some((head, place)), .. }) = open.pop() {
            self.finish(&head, place);
        }
    }
}
