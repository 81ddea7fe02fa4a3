//! The fields of code objects. They changed with the Python version, and no byte of a file names that version:
//! a reader tries the layouts on the whole file and keeps the one that ends where the file ends. The layouts
//! differ by whole fields, so a wrong one runs into bytes that are no type code; of 11 dumps of the `profile`
//! module (Python 2.7–3.13) each ended exactly under its own layout only.

use profkit_profile::ReadError;

use super::reader::{Reader, malformed};

/// Which Python's code objects a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// 3.11 and later: one table of variables, qualified name, exception table.
    Python3_11,
    /// 3.8 to 3.10: a count of positional-only arguments.
    Python3_8,
    /// 3.0 to 3.7: a count of keyword-only arguments.
    Python3_0,
    /// 2.x.
    Python2,
}

/// One field of a code object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Field {
    /// A bare i32 without a type code: a count, the flags.
    Number,
    /// The line of the definition, likewise.
    FirstLine,
    /// An object nobody here needs.
    Object,
    /// The file, an object.
    FileName,
    /// The name, an object.
    Name,
}

use Field::{FileName, FirstLine, Name, Number, Object};

impl Layout {
    /// Every layout, the newest first.
    pub const ALL: [Self; 4] = [Self::Python3_11, Self::Python3_8, Self::Python3_0, Self::Python2];

    /// The layout under which every value of the input, up to its end, makes sense.
    ///
    /// # Errors
    /// Where there is none: what is wrong under the layout that gets furthest, the likeliest one.
    pub(super) fn of(input: &[u8]) -> Result<Self, Box<ReadError>> {
        let mut furthest: Option<Box<ReadError>> = None;
        for layout in Self::ALL {
            match layout.try_on(input) {
                Ok(()) => return Ok(layout),
                Err(error) if furthest.as_ref().is_none_or(|other| error.offset > other.offset) => {
                    furthest = Some(error);
                }
                Err(_) => {}
            }
        }
        Err(furthest.unwrap_or_else(|| malformed("a code object of an unknown layout", 0)))
    }

    fn try_on(self, input: &[u8]) -> Result<(), Box<ReadError>> {
        let mut reader = Reader::with_layout(input, self)?;
        reader.skip("the dump")?;
        while reader.another()? {
            reader.skip("the dump")?;
        }
        Ok(())
    }

    /// The fields in order: counts, stack size and flags; code, constants, names, variables; the file, the name
    /// (and the qualified name); the first line; the line table (and the exception table).
    pub(super) const fn fields(self) -> &'static [Field] {
        match self {
            Self::Python3_11 => &[
                Number, Number, Number, Number, Number, Object, Object, Object, Object, Object, FileName,
                Name, Object, FirstLine, Object, Object,
            ],
            Self::Python3_8 => &[
                Number, Number, Number, Number, Number, Number, Object, Object, Object, Object, Object,
                Object, FileName, Name, FirstLine, Object,
            ],
            Self::Python3_0 => &[
                Number, Number, Number, Number, Number, Object, Object, Object, Object, Object, Object,
                FileName, Name, FirstLine, Object,
            ],
            Self::Python2 => &[
                Number, Number, Number, Number, Object, Object, Object, Object, Object, Object, FileName,
                Name, FirstLine, Object,
            ],
        }
    }
}
