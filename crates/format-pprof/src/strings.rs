//! The string table of a file. Strings are looked up by their index and given to the builder when first used.

use profkit_profile::{AtOffset, ProfileBuilder, ReadError, ReadErrorKind, StringId};

use crate::outline::{Outline, field};
use crate::wire::Bytes;

/// Every string, in the order of the file.
#[derive(Debug)]
pub(crate) struct Strings<'a> {
    input: &'a [u8],
    /// Where each string begins and ends.
    bounds: Vec<(usize, usize)>,
    ids: Vec<Option<StringId>>,
}

impl<'a> Strings<'a> {
    /// # Errors
    /// Where the table is missing or does not begin with the empty string: then it is not pprof at all. More empty
    /// strings may follow; Pyroscope's servers have made such tables.
    pub(crate) fn of(outline: &Outline<'a>) -> Result<Self, ReadError> {
        let mut bounds = Vec::with_capacity(outline.count(field::STRING));
        let mut strings = outline.fields(field::STRING);
        while let Some(Bytes { bytes, offset }) = strings.message()? {
            if bounds.is_empty() && !bytes.is_empty() {
                let problem = "the string table does not begin with the empty string";
                return Err(ReadError::malformed(problem, offset));
            }
            bounds.push((offset, offset + bytes.len()));
        }
        if bounds.is_empty() {
            return Err(ReadError::malformed("there is no string table", outline.input().len()));
        }
        let ids = vec![None; bounds.len()];
        Ok(Self { input: outline.input(), bounds, ids })
    }

    /// The bytes of string `index`, which the file refers to at `offset`.
    pub(crate) fn get(&self, index: i64, offset: usize) -> Result<&'a [u8], ReadError> {
        let bounds = usize::try_from(index).ok().and_then(|index| self.bounds.get(index));
        let &(start, end) = bounds.ok_or_else(|| undefined("string", index, offset))?;
        Ok(&self.input[start..end])
    }

    /// The builder's id of string `index`.
    pub(crate) fn id(
        &mut self,
        index: i64,
        offset: usize,
        builder: &mut ProfileBuilder,
    ) -> Result<StringId, ReadError> {
        let bytes = self.get(index, offset)?;
        let known = usize::try_from(index).ok().and_then(|index| self.ids.get_mut(index));
        if let Some(&mut Some(id)) = known {
            return Ok(id);
        }
        let id = builder.string(bytes).at(offset)?;
        if let Some(known) = known {
            *known = Some(id);
        }
        Ok(id)
    }

    /// The same, `None` for the empty string.
    pub(crate) fn optional(
        &mut self,
        index: i64,
        offset: usize,
        builder: &mut ProfileBuilder,
    ) -> Result<Option<StringId>, ReadError> {
        Ok(Some(self.id(index, offset, builder)?).filter(|id| !id.is_empty()))
    }
}

/// A reference to something that is not in the file.
#[cold]
pub(crate) fn undefined(table: &'static str, id: impl Into<i128>, offset: usize) -> ReadError {
    ReadErrorKind::Undefined { table, id: id.into() }.at(offset)
}
