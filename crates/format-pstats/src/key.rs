//! Keys, `(file, line, name)`, to functions of the model. A dump names each function once in full and by
//! reference after that, so what a numbered object became is remembered.
//!
//! What would surprise: the name may be a code object. Python's `profile` module counts the program itself under
//! `("profile", 0, <code object>)` when it was given compiled code, as `python -m profile` does.

use profkit_profile::{
    BuildError, Function, FunctionId, Id, ProfileBuilder, ReadError, ReadErrorKind, StringId,
};

use crate::marshal::{Code, Head, Number, Object, Reader};
use crate::number::integer;

type Step<T> = Result<T, Box<ReadError>>;

pub(crate) struct Keys<'b> {
    builder: &'b mut ProfileBuilder,
    /// What numbered objects became.
    objects: Vec<Known>,
    /// What interned strings of Python 2 became.
    interned: Vec<Known>,
    /// How many more bytes names made of code objects may have. They can be longer than what they are made of,
    /// since many code objects can share a file name, but no real dump has more than one.
    names_left: usize,
}

/// What an object became, in one word: twice its id and a bit for which kind it is, plus one; 0 for nothing yet.
#[derive(Clone, Copy, Default)]
struct Known(u32);

impl Known {
    const FUNCTION: u32 = 1;

    fn new(index: usize, kind: u32) -> Self {
        let word = u32::try_from(index).ok().and_then(|index| index.checked_mul(2)?.checked_add(kind + 1));
        // What does not fit is looked up again each time.
        Self(word.unwrap_or(0))
    }

    #[inline]
    fn id<I: Id>(self, kind: u32) -> Option<I> {
        let word = self.0.checked_sub(1)?;
        if word % 2 == kind { I::from_index((word / 2) as usize) } else { None }
    }

    #[inline]
    fn function(self) -> Option<FunctionId> {
        self.id(Self::FUNCTION)
    }

    #[inline]
    fn string(self) -> Option<StringId> {
        self.id(0)
    }
}

impl<'b> Keys<'b> {
    /// The keys of a dump, which is part of `input_len` bytes.
    pub(crate) fn new(builder: &'b mut ProfileBuilder, input_len: usize) -> Self {
        Self { builder, objects: Vec::new(), interned: Vec::new(), names_left: input_len }
    }

    /// The function named by the key that `head` begins.
    #[inline]
    pub(crate) fn function<'a>(&mut self, head: &Head<'a>, reader: &mut Reader<'a>) -> Step<FunctionId> {
        let Object::Reference(number) = head.object else {
            return self.new_function(head, reader);
        };
        if let Some(function) = self.known(number).function() {
            return Ok(function);
        }
        let function = reader.follow(number, |reader| {
            let head = reader.next("a key")?;
            self.new_function(&head, reader)
        })?;
        self.remember(Some(number), Known::new(function.index(), Known::FUNCTION));
        Ok(function)
    }

    fn new_function<'a>(&mut self, head: &Head<'a>, reader: &mut Reader<'a>) -> Step<FunctionId> {
        if !matches!(head.object, Object::Tuple(3)) {
            let problem = "a key is not a tuple of file, line and name";
            return Err(Box::new(ReadError::malformed(problem, head.offset)));
        }
        let file = self.string(Part::File, reader)?;
        let first_line = integer(reader, "the line of a function is not an integer")?;
        let name = self.string(Part::Name, reader)?;
        let function = Function { name, file, first_line, ..Function::EMPTY };
        let function = self.builder.function(function).map_err(|error| build(error, head.offset))?;
        self.remember(head.number, Known::new(function.index(), Known::FUNCTION));
        Ok(function)
    }

    fn string<'a>(&mut self, part: Part, reader: &mut Reader<'a>) -> Step<StringId> {
        let head = reader.next("a key")?;
        let string = match head.object {
            Object::Text(bytes) | Object::Bytes(bytes) => {
                self.builder.string(bytes).map_err(|error| build(error, head.offset))?
            }
            Object::Reference(number) => {
                if let Some(string) = self.known(number).string() {
                    return Ok(string);
                }
                let string = reader.follow(number, |reader| self.string(part, reader))?;
                self.remember(Some(number), Known::new(string.index(), 0));
                return Ok(string);
            }
            Object::Code if part == Part::Name => {
                let code = reader.code(&head)?;
                self.code_name(&code, head.offset)?
            }
            _ => return Err(part.is_wrong(head.offset)),
        };
        self.remember(head.number, Known::new(string.index(), 0));
        Ok(string)
    }

    /// A code object as Python shows it, but for the address: `<code object main, file "app.py", line 3>`.
    fn code_name(&mut self, code: &Code<'_>, offset: usize) -> Step<StringId> {
        let line = code.first_line.to_string();
        let parts: [&[u8]; 7] =
            [b"<code object ", code.name, b", file \"", code.file, b"\", line ", line.as_bytes(), b">"];
        let length = code.name.len() + code.file.len();
        let left = self.names_left.checked_sub(length).ok_or_else(|| {
            let problem = "names of code objects that are longer than the whole file";
            Box::new(ReadErrorKind::Unsupported(problem.into()).at(offset))
        })?;
        self.names_left = left;
        self.builder.string(&parts.concat()).map_err(|error| build(error, offset))
    }

    #[inline]
    fn known(&self, number: Number) -> Known {
        let slots = if number.is_interned() { &self.interned } else { &self.objects };
        slots.get(number.index()).copied().unwrap_or_default()
    }

    #[inline]
    fn remember(&mut self, number: Option<Number>, known: Known) {
        let Some(number) = number else { return };
        let slots = if number.is_interned() { &mut self.interned } else { &mut self.objects };
        let index = number.index();
        if slots.len() <= index {
            slots.resize(index + 1, Known::default());
        }
        slots[index] = known;
    }
}

/// A part of a key that is text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    File,
    Name,
}

impl Part {
    #[cold]
    fn is_wrong(self, offset: usize) -> Box<ReadError> {
        let problem = match self {
            Self::File => "the file of a function is not text",
            Self::Name => "the name of a function is neither text nor a code object",
        };
        Box::new(ReadError::malformed(problem, offset))
    }
}

#[cold]
fn build(error: BuildError, offset: usize) -> Box<ReadError> {
    Box::new(ReadErrorKind::Build(error).at(offset))
}
