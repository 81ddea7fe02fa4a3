//! Code objects: what they are called, and nothing else of them.

use profkit_profile::ReadError;

use super::atom;
use super::layout::{Field, Layout};
use super::reader::{Head, Object, Reader, Step, UNFINISHED, malformed};

/// What there is to know about a code object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code<'a> {
    /// Its name, e.g. `<module>`.
    pub name: &'a [u8],
    /// The file it was compiled from.
    pub file: &'a [u8],
    /// The line of its definition.
    pub first_line: i64,
}

impl<'a> Reader<'a> {
    /// The parts of the code object that `head` began.
    ///
    /// # Errors
    /// Where a part is wrong, or no layout of code objects makes sense of the input.
    pub fn code(&mut self, head: &Head<'a>) -> Result<Code<'a>, Box<ReadError>> {
        let place = self.unfinish(head);
        let mut code = Code { name: b"", file: b"", first_line: 0 };
        for field in self.layout()?.fields() {
            match field {
                Field::Number => drop(self.bare_int()?),
                Field::FirstLine => code.first_line = self.bare_int()?.into(),
                Field::FileName => code.file = self.string()?,
                Field::Name => code.name = self.string()?,
                Field::Object => self.skip("a code object")?,
            }
        }
        self.finish(head, place);
        Ok(code)
    }

    /// The layout of the input's code objects, found out when the first one comes.
    pub(super) fn layout(&mut self) -> Step<Layout> {
        if let Some(layout) = self.layout {
            return Ok(layout);
        }
        let layout = Layout::of(self.input)?;
        self.layout = Some(layout);
        Ok(layout)
    }

    /// The next object if it is text or bytes, itself or by reference.
    ///
    /// # Errors
    /// Where it is something else.
    pub fn string(&mut self) -> Result<&'a [u8], Box<ReadError>> {
        let head = self.next("a string")?;
        match head.object {
            Object::Text(bytes) | Object::Bytes(bytes) => Ok(bytes),
            // References never lead to references, so this goes one step deep.
            Object::Reference(number) => self.follow(number, Self::string),
            _ => Err(malformed("a string is expected here", head.offset)),
        }
    }

    /// A number of a code object, which has no type code.
    pub(super) fn bare_int(&mut self) -> Step<i32> {
        self.piece(atom::int, self.offset(), "a code object")
    }

    /// From now on references to the object are errors.
    pub(super) fn unfinish(&mut self, head: &Head<'a>) -> u32 {
        let slot = head.number.and_then(|number| self.numbered.get_mut(number.index()));
        slot.map_or(0, |place| std::mem::replace(place, UNFINISHED))
    }

    /// The object is complete: `place` is what [`unfinish`](Self::unfinish) gave.
    pub(super) fn finish(&mut self, head: &Head<'a>, place: u32) {
        if let Some(slot) = head.number.and_then(|number| self.numbered.get_mut(number.index())) {
            *slot = place;
        }
    }
}
