//! Code objects of the target: what a frame's code is called, and the line of an instruction.
//!
//! Read once and kept by address. An address may get another code object later (`exec` in a loop), so the few words that tell
//! code objects apart are kept too and compared now and then ([`Codes::revalidate`]).

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::layout::{Layout, NONE};
use crate::lines::Lines;
use crate::objects;
use crate::remote::{MAX_PLACES, Place, Remote, int_at, word_at};

/// A code object as it was read.
#[derive(Debug)]
pub struct Code {
    /// Its address.
    pub address: u64,
    /// The qualified name, or the plain one before 3.11.
    pub name: String,
    /// The file as the program knows it.
    pub file: String,
    /// The first line.
    pub first_line: u32,
    /// Address of the first instruction (3.11 and later).
    pub instructions: u64,
    /// Address after the last instruction (3.11 and later).
    pub end: u64,
    /// Frames whose instruction is below are being set up: not yet running.
    pub first_running: u64,
    /// Bytes that a frame takes on the data stack (3.11 and later).
    pub frame_bytes: u64,
    lines: Lines,
    head: Head,
}

/// The words that tell a code object from another at the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    type_address: u64,
    filename: u64,
    name: u64,
    linetable: u64,
    first_line: i32,
}

impl Head {
    fn of(bytes: &[u8], layout: &Layout) -> Self {
        Self {
            type_address: word_at(bytes, crate::layout::OB_TYPE),
            filename: word_at(bytes, layout.code_filename),
            name: word_at(bytes, layout.code_name),
            linetable: word_at(bytes, layout.code_linetable),
            first_line: int_at(bytes, layout.code_firstlineno),
        }
    }
}

impl Code {
    /// Whether it is code of the interpreter's own that never counts as running, and yet calls: `_Py_InitCleanup`.
    #[must_use]
    pub fn is_shim(&self) -> bool {
        self.end <= self.first_running
    }

    /// Whether an instruction is one of its own that runs: not of another code, nor of a frame that is being set up.
    #[must_use]
    pub fn runs(&self, instr: u64) -> bool {
        (self.first_running..=self.end).contains(&instr)
    }

    /// The line of an instruction: its address (3.11 and later), or what `f_lasti` says. 0 if it has none.
    #[must_use]
    pub fn line(&self, layout: &Layout, instr: u64) -> u32 {
        let offset = if layout.has_data_stack() {
            u32::try_from(instr.saturating_sub(self.instructions)).unwrap_or(u32::MAX)
        } else {
            match i32::try_from(instr.cast_signed()) {
                // Not begun: the line of the `def`.
                Ok(lasti) if lasti < 0 => return self.first_line,
                // 3.10 counts instructions, 3.8 and 3.9 bytes.
                Ok(lasti) => {
                    u32::try_from(lasti).unwrap_or(0) * if layout.version.at_least(10) { 2 } else { 1 }
                }
                Err(_) => return 0,
            }
        };
        self.lines.line(offset)
    }
}

/// The code objects of one process.
#[derive(Debug, Default)]
pub struct Codes {
    by_address: HashMap<u64, u32, foldhash::fast::RandomState>,
    by_instructions: BTreeMap<u64, u32>,
    codes: Vec<Code>,
    /// Those that may be at their addresses.
    alive: Vec<u32>,
    type_address: u64,
    next_check: usize,
}

/// The most that are looked at to find some that are to be compared.
const MAX_LOOKED_AT: usize = 1_024;
/// Bytes of a code object that hold every field that is read.
const HEAD: usize = 224;

impl Codes {
    /// The code at an index.
    #[must_use]
    #[inline]
    pub fn get(&self, index: u32) -> Option<&Code> {
        self.codes.get(index as usize)
    }

    /// The index of the code object at an address if it was read before.
    #[must_use]
    #[inline]
    pub fn known(&self, address: u64) -> Option<u32> {
        self.by_address.get(&address).copied()
    }

    /// The index of the code object at an address; `None` if there is no code object.
    pub fn find(&mut self, remote: Remote, layout: &Layout, address: u64) -> Option<u32> {
        if let Some(known) = self.known(address) {
            return Some(known);
        }
        let code = self.load(remote, layout, address)?;
        let index = u32::try_from(self.codes.len()).ok()?;
        if code.instructions != 0 {
            self.by_instructions.insert(code.instructions, index);
        }
        self.codes.push(code);
        self.by_address.insert(address, index);
        self.alive.push(index);
        Some(index)
    }

    /// The code object that an instruction belongs to, if it was read before.
    #[must_use]
    pub fn around(&self, instr: u64) -> Option<u32> {
        let (_, &index) = self.by_instructions.range(..=instr).next_back()?;
        self.get(index).filter(|code| instr < code.end).map(|_| index)
    }

    /// There is another code at an address, or none.
    fn forget(&mut self, address: u64) {
        let Some(index) = self.by_address.remove(&address) else { return };
        let instructions = self.get(index).map_or(0, |code| code.instructions);
        if self.by_instructions.get(&instructions) == Some(&index) {
            self.by_instructions.remove(&instructions);
        }
    }

    /// How many were read, those included that are no more.
    #[must_use]
    pub fn count(&self) -> usize {
        self.codes.len()
    }

    fn load(&mut self, remote: Remote, layout: &Layout, address: u64) -> Option<Code> {
        if address == 0 || !address.is_multiple_of(8) {
            return None;
        }
        let head = remote.bytes(address, HEAD).ok()?;
        self.check_type(remote, word_at(&head, crate::layout::OB_TYPE))?;
        let first_line = u32::try_from(int_at(&head, layout.code_firstlineno)).unwrap_or(0);
        let (instructions, first_running, end) = instructions(&head, layout, address);
        let mut code = Code {
            address,
            name: String::new(),
            file: String::new(),
            first_line,
            instructions,
            first_running,
            end,
            frame_bytes: frame_bytes(&head, layout)?,
            lines: Lines::default(),
            head: Head::of(&head, layout),
        };
        // The interpreter's own code around `__init__` (3.12 and later) has no names.
        if !code.is_shim() {
            let name = if layout.code_qualname == NONE { layout.code_name } else { layout.code_qualname };
            code.name = objects::text(remote, layout, word_at(&head, name))?;
            code.file = objects::text(remote, layout, word_at(&head, layout.code_filename))?;
            let table = objects::bytes(remote, word_at(&head, layout.code_linetable)).ok()?;
            code.lines = Lines::parse(layout.version, &table, first_line);
        }
        Some(code)
    }

    /// Frames that are torn point anywhere: what is read there must be of the type that is called `code`.
    fn check_type(&mut self, remote: Remote, type_address: u64) -> Option<()> {
        if self.type_address == 0 {
            // `tp_name` is the first field after the head of the type in every version.
            let name = remote.word(type_address + 24).ok()?;
            let text = remote.bytes(name, 5).ok()?;
            if text != b"code\0" {
                return None;
            }
            self.type_address = type_address;
        }
        (self.type_address == type_address).then_some(())
    }

    /// Compares some of the code objects with what was read of them; forgets those that have changed, and tells their
    /// addresses.
    pub fn revalidate(&mut self, remote: Remote, layout: &Layout, at_most: usize) -> Vec<u64> {
        let mut checked = Vec::with_capacity(at_most);
        for _ in 0..self.alive.len().min(MAX_LOOKED_AT) {
            if checked.len() == at_most || self.alive.is_empty() {
                break;
            }
            self.next_check = (self.next_check + 1) % self.alive.len();
            let Some(&index) = self.alive.get(self.next_check) else { break };
            let address = self.get(index).map_or(0, |code| code.address);
            if self.known(address) == Some(index) {
                checked.push(index as usize);
            } else {
                self.alive.swap_remove(self.next_check);
            }
        }
        self.compare(remote, layout, &checked)
    }

    /// The same for the code objects at these addresses, as far as they were read before.
    pub fn recheck(
        &mut self,
        remote: Remote,
        layout: &Layout,
        addresses: impl Iterator<Item = u64>,
    ) -> Vec<u64> {
        let mut checked: Vec<usize> =
            addresses.filter_map(|address| Some(self.known(address)? as usize)).collect();
        checked.sort_unstable();
        checked.dedup();
        checked.truncate(MAX_PLACES);
        self.compare(remote, layout, &checked)
    }

    fn compare(&mut self, remote: Remote, layout: &Layout, checked: &[usize]) -> Vec<u64> {
        let codes = checked.iter().filter_map(|&index| self.codes.get(index));
        let places: Vec<Place> = codes.map(|code| Place::new(code.address, HEAD)).collect();
        let mut buffer = vec![0; places.len() * HEAD];
        let read = remote.gather(&mut buffer, &places).unwrap_or(0) / HEAD;
        let mut changed = Vec::new();
        for (at, (index, bytes)) in checked.iter().zip(buffer.chunks_exact(HEAD)).enumerate() {
            let Some(code) = self.codes.get(*index) else { continue };
            // What lies behind the first place that is gone was not looked at: its turn comes again.
            if at > read || (at < read && Head::of(bytes, layout) == code.head) {
                continue;
            }
            changed.push(code.address);
        }
        for address in &changed {
            self.forget(*address);
        }
        changed
    }
}

fn instructions(head: &[u8], layout: &Layout, address: u64) -> (u64, u64, u64) {
    if layout.code_adaptive == NONE {
        return (0, 0, u64::MAX);
    }
    let instructions = address + layout.code_adaptive as u64;
    let traceable = u64::try_from(int_at(head, layout.code_firsttraceable)).unwrap_or(0);
    // The variable part of a code object: its instructions.
    let count = word_at(head, crate::layout::OB_SIZE).min(u64::from(u32::MAX));
    (instructions, instructions + traceable * 2, instructions + count * 2)
}

/// The largest frame that is believed: a function of 64 K variables.
const MAX_FRAME: u64 = 1 << 20;

fn frame_bytes(head: &[u8], layout: &Layout) -> Option<u64> {
    if !layout.has_data_stack() {
        return Some(0);
    }
    let number = |offset| u64::try_from(int_at(head, offset)).ok();
    let words = if layout.code_framesize == NONE {
        number(layout.code_nlocalsplus)? + number(layout.code_stacksize)? + (layout.frame_head / 8) as u64
    } else {
        number(layout.code_framesize)?
    };
    // Whoever goes from frame to frame by their sizes would go through what is none in small steps, or for ever.
    Some(words * 8).filter(|&bytes| (layout.frame_head as u64..MAX_FRAME).contains(&bytes))
}

#[cfg(test)]
mod tests {
    use super::{HEAD, frame_bytes};
    use crate::layout::Layout;
    use crate::version::Version;

    #[test]
    fn a_frame_without_room_for_its_head_is_of_no_code() {
        let layout = Layout::known(Version { major: 3, minor: 12, micro: 0 }).unwrap();
        let mut head = [0; HEAD];
        assert_eq!(frame_bytes(&head, &layout), None);
        head[layout.code_framesize] = 1;
        assert_eq!(frame_bytes(&head, &layout), None);
        head[layout.code_framesize] = 10;
        assert_eq!(frame_bytes(&head, &layout), Some(80));
    }
}
