//! Functions and the binaries they were loaded from.

use crate::id::StringId;

/// A function: what two profiles must agree on for their values to be added.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Function {
    /// The qualified name where the source has it, else the plain one.
    pub name: StringId,
    /// The linker's name (pprof's `system_name`); empty where the source has none, or does not repeat the name.
    pub system_name: StringId,
    /// The source file as the recorder wrote it; empty where unknown.
    pub file: StringId,
    /// The line of the definition; 0 where unknown. Recorders do write 0 and -1 as lines of their own.
    pub first_line: i64,
}

impl Function {
    /// A function of which nothing is known; for `..Function::EMPTY`.
    pub const EMPTY: Self =
        Self { name: StringId::EMPTY, system_name: StringId::EMPTY, file: StringId::EMPTY, first_line: 0 };

    /// What to call it: its name, or the linker's where there is no other, as `go tool pprof` does.
    #[must_use]
    pub fn shown_name(&self) -> StringId {
        if self.name.is_empty() { self.system_name } else { self.name }
    }

    /// Whether the linker has another name for it than the one shown; Go's profiles repeat the same one.
    #[must_use]
    pub fn has_linker_name(&self) -> bool {
        !self.system_name.is_empty() && self.system_name != self.shown_name()
    }
}

/// A loaded binary or library, as pprof describes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mapping {
    /// Address of its first byte.
    pub start: u64,
    /// Address after its last byte.
    pub limit: u64,
    /// Offset of the first byte in the file.
    pub offset: u64,
    /// Path of the file.
    pub file: StringId,
    /// Identifies the build, usually a hash in hexadecimal.
    pub build_id: StringId,
    /// Its frames have functions.
    pub has_functions: bool,
    /// Its functions have files.
    pub has_filenames: bool,
    /// Its frames have lines.
    pub has_line_numbers: bool,
    /// Its frames include the inlined ones.
    pub has_inline_frames: bool,
}

impl Mapping {
    /// A mapping of which nothing is known; for `..Mapping::EMPTY`.
    pub const EMPTY: Self = Self {
        start: 0,
        limit: 0,
        offset: 0,
        file: StringId::EMPTY,
        build_id: StringId::EMPTY,
        has_functions: false,
        has_filenames: false,
        has_line_numbers: false,
        has_inline_frames: false,
    };
}
