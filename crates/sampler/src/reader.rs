//! Reads the stack of one thread, of whichever version.

use std::io;

use crate::layout::Layout;
use crate::linked::LinkedReader;
use crate::reading::{Context, Reading};
use crate::stack::StackReader;

/// Reads the stack of one thread.
#[derive(Debug)]
pub enum Reader {
    /// 3.11 and later.
    DataStack(Box<StackReader>),
    /// 3.8 to 3.10.
    Linked(Box<LinkedReader>),
}

impl Reader {
    /// For the thread state at an address.
    #[must_use]
    pub fn new(layout: &Layout, state: u64) -> Self {
        if layout.has_data_stack() {
            Self::DataStack(Box::new(StackReader::new(layout, state)))
        } else {
            Self::Linked(Box::new(LinkedReader::new(layout, state)))
        }
    }

    /// Reads the stack as it is now.
    ///
    /// # Errors
    /// If the thread state cannot be read: the thread or the process has ended.
    #[inline]
    pub fn read(&mut self, context: &mut Context<'_>) -> io::Result<Reading> {
        match self {
            Self::DataStack(reader) => reader.read(context),
            Self::Linked(reader) => reader.read(context),
        }
    }

    /// What is known of code objects has changed: frames are named anew.
    pub fn forget(&mut self) {
        match self {
            Self::DataStack(reader) => reader.forget(),
            Self::Linked(reader) => reader.forget(),
        }
    }
}
