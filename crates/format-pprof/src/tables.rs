//! Mappings, functions and locations: from the messages of a file to frames of the model.

use prost::Message;

use profkit_profile::{
    AtOffset, Frame, FrameFlags, FrameId, Function, FunctionId, Mapping, MappingId, ProfileBuilder, ReadError,
};

use crate::ids::IdMap;
use crate::outline::{Outline, field};
use crate::proto;
use crate::strings::{Strings, undefined};
use crate::wire::{Bytes, Fields, Value};

/// What the location ids of samples stand for.
#[derive(Debug)]
pub(crate) struct Locations {
    /// The usual case: locations with no line or one.
    single: IdMap<FrameId>,
    /// Those with several lines: rows of `ends`.
    inlined: IdMap<u32>,
    /// The frames of the locations with several lines, innermost first, one location after another.
    frames: Vec<FrameId>,
    /// Where in `frames` each of these locations ends.
    ends: Vec<usize>,
}

impl Locations {
    fn new(count: usize) -> Self {
        Self { single: IdMap::new(count), inlined: IdMap::new(0), frames: Vec::new(), ends: Vec::new() }
    }

    /// The frame of a location that has no others.
    #[inline]
    pub(crate) fn single(&self, id: u64) -> Option<FrameId> {
        self.single.get(id)
    }

    /// The frames of a location with several lines, innermost first.
    pub(crate) fn inlined(&self, id: u64) -> Option<&[FrameId]> {
        let row = self.inlined.get(id)? as usize;
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        Some(&self.frames[start..self.ends[row]])
    }

    /// Whether the id was free.
    #[must_use]
    fn insert(&mut self, id: u64, frames: &[FrameId]) -> bool {
        match (frames, u32::try_from(self.ends.len())) {
            (&[frame], _) => self.single.insert(id, frame) && self.inlined.get(id).is_none(),
            (_, Ok(row)) => {
                self.frames.extend_from_slice(frames);
                self.ends.push(self.frames.len());
                self.inlined.insert(id, row) && self.single.get(id).is_none()
            }
            // So many locations do not fit any file that could be read.
            (_, Err(_)) => false,
        }
    }
}

/// Reads the mappings, the functions and with them the locations.
pub(crate) fn read(
    outline: &Outline<'_>,
    strings: &mut Strings<'_>,
    builder: &mut ProfileBuilder,
) -> Result<Locations, ReadError> {
    let mappings = mappings(outline, strings, builder)?;
    let functions = functions(outline, strings, builder)?;
    let mut locations = Locations::new(outline.count(field::LOCATION));
    let mut messages = outline.fields(field::LOCATION);
    let mut frames = Vec::new();
    while let Some(message) = messages.message()? {
        let location: proto::Location = decode(message, "a location")?;
        frames.clear();
        place(&location, message.offset, &mappings, &functions, builder, &mut frames)?;
        if !locations.insert(location.id, &frames) {
            return Err(defined_twice("location", location.id, message.offset));
        }
    }
    Ok(locations)
}

fn mappings(
    outline: &Outline<'_>,
    strings: &mut Strings<'_>,
    builder: &mut ProfileBuilder,
) -> Result<IdMap<MappingId>, ReadError> {
    let mut mappings = IdMap::new(outline.count(field::MAPPING));
    let mut messages = outline.fields(field::MAPPING);
    while let Some(message) = messages.message()? {
        let mapping: proto::Mapping = decode(message, "a mapping")?;
        let row = Mapping {
            start: mapping.memory_start,
            limit: mapping.memory_limit,
            offset: mapping.file_offset,
            file: strings.id(mapping.filename, message.offset, builder)?,
            build_id: strings.id(mapping.build_id, message.offset, builder)?,
            has_functions: mapping.has_functions,
            has_filenames: mapping.has_filenames,
            has_line_numbers: mapping.has_line_numbers,
            has_inline_frames: mapping.has_inline_frames,
        };
        // 0 means "no mapping" to a location, so that nothing can refer to a mapping with this id.
        let id = builder.mapping(row).at(message.offset)?;
        if mapping.id != 0 && !mappings.insert(mapping.id, id) {
            return Err(defined_twice("mapping", mapping.id, message.offset));
        }
    }
    Ok(mappings)
}

fn functions(
    outline: &Outline<'_>,
    strings: &mut Strings<'_>,
    builder: &mut ProfileBuilder,
) -> Result<IdMap<FunctionId>, ReadError> {
    let mut functions = IdMap::new(outline.count(field::FUNCTION));
    let no_ids = no_function_has_an_id(outline)?;
    let mut messages = outline.fields(field::FUNCTION);
    let mut position = 0;
    while let Some(message) = messages.message()? {
        position += 1;
        let function: proto::Function = decode(message, "a function")?;
        let row = Function {
            name: strings.id(function.name, message.offset, builder)?,
            system_name: strings.id(function.system_name, message.offset, builder)?,
            file: strings.id(function.filename, message.offset, builder)?,
            first_line: function.start_line,
        };
        let id = if no_ids { position } else { function.id };
        if !functions.insert(id, builder.function(row).at(message.offset)?) {
            return Err(defined_twice("function", id, message.offset));
        }
    }
    Ok(functions)
}

/// Pyroscope's .NET profiler forgot to write the ids of functions until September 2023, while its lines refer to them:
/// they count from 1. A single function without id is one that lines refer to by 0, if by anything.
fn no_function_has_an_id(outline: &Outline<'_>) -> Result<bool, ReadError> {
    let mut messages = outline.fields(field::FUNCTION);
    let mut any = false;
    while let Some(message) = messages.message()? {
        let function: proto::Function = decode(message, "a function")?;
        if function.id != 0 {
            return Ok(false);
        }
        any = true;
    }
    if any && outline.count(field::FUNCTION) == 1 { lines_refer_to_functions(outline) } else { Ok(any) }
}

fn lines_refer_to_functions(outline: &Outline<'_>) -> Result<bool, ReadError> {
    let mut messages = outline.fields(field::LOCATION);
    while let Some(message) = messages.message()? {
        let location: proto::Location = decode(message, "a location")?;
        if location.line.iter().any(|line| line.function_id != 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Adds the frames of a location, innermost first: one for each line, of which all but the last are inlined into the
/// next; or a single one without function where there is no line.
fn place(
    location: &proto::Location,
    offset: usize,
    mappings: &IdMap<MappingId>,
    functions: &IdMap<FunctionId>,
    builder: &mut ProfileBuilder,
    frames: &mut Vec<FrameId>,
) -> Result<(), ReadError> {
    let flags = if location.is_folded { FrameFlags::FOLDED } else { FrameFlags::NONE };
    // pprof itself takes a mapping that is not there for none.
    let mapping = mappings.get(location.mapping_id);
    let outermost = Frame { address: location.address, mapping, flags, ..Frame::EMPTY };
    let Some((last, inlined)) = location.line.split_last() else {
        frames.push(builder.frame(outermost).at(offset)?);
        return Ok(());
    };
    let mut frame = |line: &proto::Line, flags| {
        let function = Some(function(line.function_id, functions, offset, builder)?);
        let frame = Frame { function, line: line.line, column: line.column, flags, ..outermost };
        builder.frame(frame).at(offset)
    };
    for line in inlined {
        frames.push(frame(line, flags | FrameFlags::INLINED)?);
    }
    frames.push(frame(last, flags)?);
    Ok(())
}

/// The function of a line. Without one, the line is of a function without name, since a frame without function has no
/// line.
fn function(
    id: u64,
    functions: &IdMap<FunctionId>,
    offset: usize,
    builder: &mut ProfileBuilder,
) -> Result<FunctionId, ReadError> {
    match functions.get(id) {
        Some(function) => Ok(function),
        None if id == 0 => builder.function(Function::EMPTY).at(offset),
        None => Err(undefined("function", id, offset)),
    }
}

fn defined_twice(table: &str, id: u64, offset: usize) -> ReadError {
    ReadError::malformed(format!("{table} {id} is defined twice"), offset)
}

/// Decodes a small message.
pub(crate) fn decode<M: Message + Default>(message: Bytes<'_>, what: &'static str) -> Result<M, ReadError> {
    M::decode(message.bytes).map_err(|error| {
        // prost does not say where; if the wire format is broken, our own walk finds the place.
        broken_wire(message, what).unwrap_or_else(|| {
            let error = error.to_string();
            let reason = error.strip_prefix("failed to decode Protobuf message: ").unwrap_or(&error);
            ReadError::malformed(format!("{what} is broken: {reason}"), message.offset)
        })
    })
}

/// Where the fields of a message, or those of the lines of a location, are broken.
fn broken_wire(message: Bytes<'_>, what: &'static str) -> Option<ReadError> {
    let mut fields = Fields::new(message, what);
    loop {
        match fields.next() {
            Err(error) => return Some(error),
            Ok(None) => return None,
            Ok(Some(field)) => {
                if what == "a location"
                    && field.number == 4
                    && let Value::Bytes(line) = field.value
                    && let Some(error) = broken_wire(line, "a line")
                {
                    return Some(error);
                }
            }
        }
    }
}
