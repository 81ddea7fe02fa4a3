//! Classes, objects and calls: what is made, and what is refused.

use profkit_profile::{ReadError, ReadErrorKind};

use super::{Machine, row, text, unsupported};
use crate::value::{Class, Kind, Object, Value};

impl Machine<'_> {
    pub(super) fn global(&mut self, opcode: u8, start: usize) -> Result<(), ReadError> {
        let (module, name) = if opcode == b'c' {
            (self.line("a module's name")?, self.line("a class's name")?)
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            let both = text(self.bytes, module.kind()).zip(text(self.bytes, name.kind()));
            both.ok_or_else(|| {
                ReadError::malformed("a class is named by something else than strings", start)
            })?
        };
        self.last_global = Some((module, name));
        let kind = match Class::named(module, name) {
            Some(class) => Kind::Class(class),
            None => {
                self.heap.globals.push((module, name));
                Kind::Global(row(self.heap.globals.len(), start)?)
            }
        };
        self.push(kind, start);
        Ok(())
    }

    pub(super) fn new_object(&mut self, opcode: u8, start: usize) -> Result<(), ReadError> {
        if opcode == 0x92 {
            self.pop()?;
        }
        let arguments = self.pop()?;
        let class = self.pop()?;
        let Kind::Class(class) = class.kind() else { return Err(self.refusal(class, start)) };
        let none = match arguments.kind() {
            Kind::Tuple(row) => self.heap.sequences.get(row as usize).is_some_and(Vec::is_empty),
            _ => false,
        };
        if !none {
            return Err(ReadError::malformed("one of yappi's classes is made with arguments", start));
        }
        self.heap.objects.push(Object { class, attributes: None });
        let row = row(self.heap.objects.len(), start)?;
        self.push(Kind::Object(row), start);
        Ok(())
    }

    pub(super) fn build(&mut self, start: usize) -> Result<(), ReadError> {
        let state = self.pop()?;
        let target = self.top()?;
        let (Kind::Object(row), Kind::Dict(dict)) = (target.kind(), state.kind()) else {
            return Err(ReadError::malformed("attributes are given to what has none", start));
        };
        let object = self.heap.objects.get_mut(row as usize);
        match object {
            Some(object) if object.attributes.is_none() => object.attributes = Some(dict),
            _ => return Err(ReadError::malformed("an object is given its attributes twice", start)),
        }
        Ok(())
    }

    /// The error for a call of `called`.
    pub(super) fn refusal(&self, called: Value, at: usize) -> ReadError {
        match called.kind() {
            Kind::Global(row) => {
                let (module, name) = self.heap.globals.get(row as usize).copied().unwrap_or_default();
                would_call(module, name, at)
            }
            Kind::Class(class) => would_call(b"yappi", class.name().as_bytes(), at),
            _ => unsupported("the pickle would call something when it is opened; profkit calls nothing", at),
        }
    }
}

pub(super) fn would_call(module: &[u8], name: &[u8], at: usize) -> ReadError {
    let (module, name) = (String::from_utf8_lossy(module), String::from_utf8_lossy(name));
    let problem = format!("the pickle would call `{module}.{name}` when it is opened; profkit calls nothing");
    ReadErrorKind::Unsupported(problem.into()).at(at)
}
