//! The messages of `profile.proto` (github.com/google/pprof, package `perftools.profiles`), for prost. Strings are
//! `bytes` here, where the schema has `string`: real files hold paths and names that are not UTF-8.
//!
//! The reader and the writer use the small messages; samples go by them, since a [`Profile`] of this kind takes
//! many times the memory of its file. It is for tests and for tools that want the file as it is.

use prost::Message;

/// A whole file, uncompressed.
#[derive(Clone, PartialEq, Message)]
pub struct Profile {
    /// What each sample's values count.
    #[prost(message, repeated, tag = "1")]
    pub sample_type: Vec<ValueType>,
    /// The samples.
    #[prost(message, repeated, tag = "2")]
    pub sample: Vec<Sample>,
    /// Binaries by address; the first is the main one.
    #[prost(message, repeated, tag = "3")]
    pub mapping: Vec<Mapping>,
    /// Places in the code.
    #[prost(message, repeated, tag = "4")]
    pub location: Vec<Location>,
    /// Functions.
    #[prost(message, repeated, tag = "5")]
    pub function: Vec<Function>,
    /// Every string; the first is empty. All other strings are indices into this table.
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub string_table: Vec<Vec<u8>>,
    /// Regular expression of frames to drop with all that they call.
    #[prost(int64, tag = "7")]
    pub drop_frames: i64,
    /// Regular expression of frames to keep though `drop_frames` matches.
    #[prost(int64, tag = "8")]
    pub keep_frames: i64,
    /// When recording started, nanoseconds since 1970.
    #[prost(int64, tag = "9")]
    pub time_nanos: i64,
    /// How long it took.
    #[prost(int64, tag = "10")]
    pub duration_nanos: i64,
    /// What `period` counts.
    #[prost(message, optional, tag = "11")]
    pub period_type: Option<ValueType>,
    /// How much passed between samples.
    #[prost(int64, tag = "12")]
    pub period: i64,
    /// Remarks for people.
    #[prost(int64, repeated, tag = "13")]
    pub comment: Vec<i64>,
    /// Type of the sample type to show first: a string, not a position in `sample_type`.
    #[prost(int64, tag = "14")]
    pub default_sample_type: i64,
    /// Where the profile is explained. Go 1.19 does not know it.
    #[prost(int64, tag = "15")]
    pub doc_url: i64,
}

/// What a number counts.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ValueType {
    /// Its name, a string.
    #[prost(int64, tag = "1")]
    pub r#type: i64,
    /// Its unit, a string.
    #[prost(int64, tag = "2")]
    pub unit: i64,
}

/// Values measured at a stack.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Sample {
    /// Ids of locations, the leaf first.
    #[prost(uint64, repeated, tag = "1")]
    pub location_id: Vec<u64>,
    /// One value a sample type.
    #[prost(int64, repeated, tag = "2")]
    pub value: Vec<i64>,
    /// What else is known.
    #[prost(message, repeated, tag = "3")]
    pub label: Vec<Label>,
}

/// A string or a number with a unit.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Label {
    /// Its name, a string.
    #[prost(int64, tag = "1")]
    pub key: i64,
    /// Its text, a string; 0 for a number.
    #[prost(int64, tag = "2")]
    pub str: i64,
    /// Its number.
    #[prost(int64, tag = "3")]
    pub num: i64,
    /// The number's unit, a string.
    #[prost(int64, tag = "4")]
    pub num_unit: i64,
}

/// A binary in memory.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Mapping {
    /// Not 0, and of this mapping only.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Address of its first byte.
    #[prost(uint64, tag = "2")]
    pub memory_start: u64,
    /// Address after its last byte.
    #[prost(uint64, tag = "3")]
    pub memory_limit: u64,
    /// Where in the file its first byte is.
    #[prost(uint64, tag = "4")]
    pub file_offset: u64,
    /// Path of the file, a string.
    #[prost(int64, tag = "5")]
    pub filename: i64,
    /// What identifies the build, a string.
    #[prost(int64, tag = "6")]
    pub build_id: i64,
    /// Its locations have functions.
    #[prost(bool, tag = "7")]
    pub has_functions: bool,
    /// Its functions have files.
    #[prost(bool, tag = "8")]
    pub has_filenames: bool,
    /// Its locations have lines.
    #[prost(bool, tag = "9")]
    pub has_line_numbers: bool,
    /// Its locations have the functions inlined there.
    #[prost(bool, tag = "10")]
    pub has_inline_frames: bool,
}

/// A place in the code.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Location {
    /// Not 0, and of this location only.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// The mapping that holds the address; 0 for none.
    #[prost(uint64, tag = "2")]
    pub mapping_id: u64,
    /// The instruction's address; 0 for none.
    #[prost(uint64, tag = "3")]
    pub address: u64,
    /// The source lines; the last is the caller into which those before it are inlined.
    #[prost(message, repeated, tag = "4")]
    pub line: Vec<Line>,
    /// The linker folded several functions into one, of which this is any.
    #[prost(bool, tag = "5")]
    pub is_folded: bool,
}

/// A function at a line.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Line {
    /// The function; 0 is not allowed.
    #[prost(uint64, tag = "1")]
    pub function_id: u64,
    /// The line; 0 where unknown.
    #[prost(int64, tag = "2")]
    pub line: i64,
    /// The column; 0 where unknown. Go 1.19 does not know it.
    #[prost(int64, tag = "3")]
    pub column: i64,
}

/// A function.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Function {
    /// Not 0, and of this function only.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Its name for people, a string.
    #[prost(int64, tag = "2")]
    pub name: i64,
    /// Its name for the linker, a string.
    #[prost(int64, tag = "3")]
    pub system_name: i64,
    /// Its source file, a string.
    #[prost(int64, tag = "4")]
    pub filename: i64,
    /// Line of its definition; 0 where unknown.
    #[prost(int64, tag = "5")]
    pub start_line: i64,
}
