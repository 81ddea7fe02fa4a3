//! Why a file could not be loaded: which file, where in it, and why.

use std::fmt;
use std::io;

use profkit_profile::{Format, ReadError};
use thiserror::Error;

use crate::container::ContainerError;
use crate::detect::Unknown;
use crate::size::ByteSize;

/// Why a file could not be loaded. Does not name the file: whoever opened it knows what to call it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It cannot be read at all.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Its gzip or zstd is damaged or too large.
    #[error(transparent)]
    Container(ContainerError),
    /// It is larger than the limit.
    #[error("it is larger than {0}; raise the limit with --max-input-size")]
    TooLarge(ByteSize),
    /// It is in no known format.
    #[error("{0}")]
    Unknown(Unknown),
    /// It is in a known format, and broken.
    #[error("{place}: {error} (read as {format})")]
    Broken {
        /// The format.
        format: &'static str,
        /// Where.
        place: Place,
        /// What.
        error: profkit_profile::ReadErrorKind,
    },
}

impl From<ContainerError> for LoadError {
    fn from(error: ContainerError) -> Self {
        match error {
            ContainerError::Unknown(unknown) => Self::Unknown(unknown),
            error => Self::Container(error),
        }
    }
}

impl LoadError {
    pub(crate) fn broken(format: &dyn Format, error: ReadError, bytes: &[u8]) -> Self {
        let place = if format.is_text() {
            let (line, column) = error.line_column(bytes);
            Place::Text { line, column }
        } else {
            Place::Byte(error.offset)
        };
        Self::Broken { format: format.name(), place, error: error.kind }
    }
}

/// Where in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// At a byte of the decompressed file.
    Byte(usize),
    /// At a line and column, both from 1.
    Text {
        /// The line.
        line: usize,
        /// The column, in characters.
        column: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(offset) => write!(out, "byte {offset}"),
            Self::Text { line, column } => write!(out, "line {line}, column {column}"),
        }
    }
}
