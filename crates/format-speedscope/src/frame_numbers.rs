//! The `shared` frames of a file: those that are used, in order of first use, each distinct one once.
//!
//! Frames of the model that differ in nothing the format can hold (two addresses in one line) become one: speedscope
//! takes each entry for a function of its own.

use std::collections::HashMap;

use profkit_profile::{FrameId, Id, Profile, StackId, StringId};

use crate::json::Json;

/// What is added to the names of frames that an estimate made up.
const INFERRED: &[u8] = b" [inferred]";

/// A frame as it is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Row {
    name: Name,
    file: StringId,
    line: i64,
    column: i64,
    inferred: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Name {
    Function(StringId),
    /// Of a frame without function.
    Address(u64),
}

/// The numbers that frames have in the file.
pub(crate) struct FrameNumbers<'p> {
    profile: &'p Profile,
    rows: Vec<Row>,
    index: HashMap<Row, u32>,
    /// By frame, for those that are not inferred.
    plain: Vec<Option<u32>>,
    inferred: HashMap<FrameId, u32>,
    /// By stack, whether all of its frames have numbers.
    seen: Vec<bool>,
    /// How many rows have the line that ran, and how many the line of the definition.
    pub(crate) running_lines: usize,
    pub(crate) first_lines: usize,
    /// How many rows are named by an address.
    pub(crate) addresses: usize,
}

impl<'p> FrameNumbers<'p> {
    pub(crate) fn new(profile: &'p Profile) -> Self {
        Self {
            profile,
            rows: Vec::new(),
            index: HashMap::new(),
            plain: vec![None; profile.frames().len()],
            inferred: HashMap::new(),
            seen: vec![false; profile.stacks().len()],
            running_lines: 0,
            first_lines: 0,
            addresses: 0,
        }
    }

    /// Numbers the frames of a stack, root first; the outermost `inferred` ones are made up.
    pub(crate) fn see(&mut self, stack: Option<StackId>, inferred: usize) {
        let stacks = self.profile.stacks();
        let new: Vec<StackId> = if inferred == 0 {
            stacks.ancestors(stack).take_while(|id| !self.seen[id.index()]).collect()
        } else {
            stacks.ancestors(stack).collect()
        };
        for (depth, &id) in new.iter().rev().enumerate() {
            let frame = stacks[id].frame;
            if inferred == 0 {
                self.seen[id.index()] = true;
            }
            if depth < inferred {
                let number = self.row(frame, true);
                self.inferred.insert(frame, number);
            } else if self.plain[frame.index()].is_none() {
                self.plain[frame.index()] = Some(self.row(frame, false));
            }
        }
    }

    /// The number of a frame that was seen.
    pub(crate) fn of(&self, frame: FrameId, inferred: bool) -> u32 {
        let number = if inferred { self.inferred.get(&frame).copied() } else { self.plain[frame.index()] };
        number.unwrap_or(0)
    }

    fn row(&mut self, id: FrameId, inferred: bool) -> u32 {
        let frame = self.profile.frames()[id];
        let function = frame.function.map(|function| self.profile.functions()[function]);
        let first_line = function.map_or(0, |function| function.first_line);
        let row = Row {
            name: function
                .map_or(Name::Address(frame.address), |function| Name::Function(function.shown_name())),
            file: function.map_or(StringId::EMPTY, |function| function.file),
            line: if frame.line == 0 { first_line } else { frame.line },
            column: frame.column,
            inferred,
        };
        if let Some(&number) = self.index.get(&row) {
            return number;
        }
        // As many as frames, twice at most; a table of frames has no more than 32 bits of them.
        let number = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.rows.push(row);
        self.index.insert(row, number);
        self.running_lines += usize::from(frame.line != 0);
        self.first_lines += usize::from(frame.line == 0 && first_line != 0);
        self.addresses += usize::from(function.is_none());
        number
    }

    /// Writes the array of frames.
    pub(crate) fn write(&self, json: &mut Json<'_>) -> std::io::Result<()> {
        let bytes = |id| self.profile.bytes(id);
        for (number, row) in self.rows.iter().enumerate() {
            json.raw(if number == 0 { b"[\n{\"name\":" } else { b",\n{\"name\":" });
            let mut name = match row.name {
                Name::Function(name) => bytes(name).to_vec(),
                Name::Address(address) => format!("{address:#x}").into_bytes(),
            };
            if row.inferred {
                name.extend_from_slice(INFERRED);
            }
            json.string(&name);
            if !row.file.is_empty() {
                json.raw(b",\"file\":");
                json.string(bytes(row.file));
            }
            for (key, number) in [(&b",\"line\":"[..], row.line), (b",\"col\":", row.column)] {
                if number != 0 {
                    json.raw(key);
                    json.number(number.into(), 0);
                }
            }
            json.raw(b"}");
            json.flow()?;
        }
        json.raw(if self.rows.is_empty() { b"[]" } else { b"\n]" });
        Ok(())
    }
}
