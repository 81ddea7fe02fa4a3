//! Code objects of the target: what a frame's code is called, and the line of an instruction.
//!
//! Read once and kept by address. An address may get another code object later (`exec` in a loop, modules that are imported), so
//! what tells code objects apart (`code/seal.rs`) is compared before a stack is named, unless it was a short while ago
//! ([`Codes::recheck`]).
//!
//! One that was there before comes back as what it was, with all that was learned of it: `exec` of the same source gives as many
//! code objects, and they are the same to whoever looks at the profile.

mod fields;
mod seal;

use std::collections::BTreeMap;

use hashbrown::HashMap;

use self::fields::{HEAD, copies, frame_bytes, instructions};
use self::seal::Seal;
use crate::layout::{Layout, NONE, OB_TYPE, TYPE_NAME};
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
    /// Where copies of the instructions begin that threads run (free-threaded builds).
    copies: Vec<u64>,
    lines: Lines,
    seal: Seal,
    /// When it was read or compared.
    checked: u64,
    /// What was at its address before.
    former: Option<u32>,
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

    /// Whether an instruction is one of its own, or the one before: of a frame that is about to begin.
    #[must_use]
    pub fn has(&self, instr: u64) -> bool {
        (self.instructions..=self.end.saturating_add(2)).contains(&instr.wrapping_add(2))
    }

    /// Where an instruction of a copy stands among its own.
    fn original(&self, instr: u64) -> Option<u64> {
        let begins = std::iter::once(&self.instructions).chain(&self.copies);
        let mut originals = begins.map(|begin| instr.wrapping_sub(*begin).wrapping_add(self.instructions));
        originals.find(|&instr| self.has(instr))
    }

    /// Whether nothing that is shown or reckoned with tells one from another.
    fn is_like(&self, other: &Self) -> bool {
        self.name == other.name
            && self.file == other.file
            && self.first_line == other.first_line
            && self.lines == other.lines
            && (self.end, self.first_running, self.frame_bytes)
                == (other.end, other.first_running, other.frame_bytes)
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
    /// What was last at an address where there is another one now, or none.
    formers: HashMap<u64, u32, foldhash::fast::RandomState>,
    type_address: u64,
    /// When the sample is taken that is being read.
    now: u64,
    /// One that was compared is believed for as long.
    believed: u64,
    /// How often there was another one at an address.
    changes: u64,
}

/// Where samples are taken more often than as many nanoseconds apart, what was compared is believed for as long: to compare costs
/// as much as a part of a sample. Where there was another one before, there may be another one soon: `REUSED`.
const BELIEVED: u64 = 2_000_000;
const REUSED: u64 = 100_000;
/// As many that were at an address before are remembered.
const MAX_FORMERS: usize = 16;
/// As many are compared at once: none has more than four places.
const MAX_COMPARED: usize = MAX_PLACES / 4;

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
        if let Some(known) = self.known(address)
            && (self.is_believed(known) || !self.recheck(remote, layout, vec![known]))
        {
            return Some(known);
        }
        let mut code = self.load(remote, layout, address)?;
        // It took several reads, and may have been given up meanwhile.
        if !code.seal.stands(remote, layout) {
            let again = self.load(remote, layout, address)?;
            if !again.is_like(&code) {
                return None;
            }
            code = again;
        }
        let instructions = code.instructions;
        let index = match self.former(&code) {
            Some(index) => {
                let former = self.codes.get_mut(index as usize)?;
                (former.seal, former.checked) = (code.seal, code.checked);
                former.copies = Vec::new();
                index
            }
            None => {
                code.former = self.formers.get(&address).copied();
                let index = u32::try_from(self.codes.len()).ok()?;
                self.codes.push(code);
                index
            }
        };
        if instructions != 0 {
            self.by_instructions.insert(instructions, index);
        }
        self.by_address.insert(address, index);
        Some(index)
    }

    /// One like this that was at its address before.
    fn former(&self, code: &Code) -> Option<u32> {
        let newest = self.formers.get(&code.address).copied();
        let formers = std::iter::successors(newest, |&index| self.get(index)?.former);
        // A chain that has grown long is of ever new ones.
        formers.take(MAX_FORMERS).find(|&index| self.get(index).is_some_and(|was| was.is_like(code)))
    }

    /// The code object that an instruction belongs to, if it was read before, and where it stands in its own instructions.
    #[must_use]
    pub fn around(&self, instr: u64) -> Option<(u32, u64)> {
        let (_, &index) = self.by_instructions.range(..=instr).next_back()?;
        let code = self.get(index)?;
        code.original(instr).filter(|&instr| instr < code.end).map(|instr| (index, instr))
    }

    /// Where an instruction that a thread runs stands in the instructions of a code; the instruction itself if it is none of it.
    #[inline]
    pub fn original(&mut self, remote: Remote, layout: &Layout, index: u32, instr: u64) -> u64 {
        if layout.code_copies == NONE {
            return instr;
        }
        self.of_a_copy(remote, layout, index, instr).unwrap_or(instr)
    }

    /// The same where there are copies; which there are is read if it is in none that is known.
    fn of_a_copy(&mut self, remote: Remote, layout: &Layout, index: u32, instr: u64) -> Option<u64> {
        let code = self.codes.get_mut(index as usize)?;
        if let Some(own) = code.original(instr) {
            return Some(own);
        }
        let former =
            std::mem::replace(&mut code.copies, copies(remote, layout, code.address).unwrap_or_default());
        forget_begins(&mut self.by_instructions, index, &former);
        self.by_instructions.extend(code.copies.iter().map(|&begin| (begin, index)));
        code.original(instr)
    }

    /// There is another code at an address, or none.
    fn forget(&mut self, address: u64) {
        let Some(index) = self.by_address.remove(&address) else { return };
        let Self { codes, by_instructions, .. } = self;
        if let Some(code) = codes.get(index as usize) {
            forget_begins(by_instructions, index, &[code.instructions]);
            forget_begins(by_instructions, index, &code.copies);
        }
        self.changes += 1;
        // The chain goes from the newest on; one that came back is in it already.
        let is_newer = |newest: &u32| *newest < index;
        if self.formers.get(&address).is_none_or(is_newer) {
            self.formers.insert(address, index);
        }
    }

    /// A sample is taken.
    pub fn begin(&mut self, now: u64) {
        self.believed = if now.saturating_sub(self.now) < BELIEVED { BELIEVED } else { 1 };
        self.now = now;
    }

    /// Whether so much time has passed since a stack was compared that something in it may not be believed any more.
    #[must_use]
    #[inline]
    pub fn is_due(&self, compared: u64) -> bool {
        let since = self.now.saturating_sub(compared);
        since >= self.believed || since >= REUSED && !self.formers.is_empty()
    }

    /// When the sample is taken that is being read.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now
    }

    /// How often there was another one at an address: what was resolved before is not to be believed if there was.
    #[must_use]
    #[inline]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Forgets them all: whoever makes new ones all the time.
    pub fn clear(&mut self) {
        *self = Self { now: self.now, changes: self.changes + 1, ..Self::default() };
    }

    /// Whether one was read or compared so short a while ago that it is believed.
    #[must_use]
    pub fn is_believed(&self, index: u32) -> bool {
        self.get(index).is_none_or(|code| {
            let since = self.now.saturating_sub(code.checked);
            since == 0
                || since < REUSED.min(self.believed)
                || since < self.believed && !self.formers.contains_key(&code.address)
        })
    }

    /// Whether one was read or compared in this sample.
    #[must_use]
    pub fn is_certain(&self, index: u32) -> bool {
        self.get(index).is_none_or(|code| code.checked == self.now)
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
        self.check_type(remote, word_at(&head, layout.at(OB_TYPE)), layout)?;
        let first_line = u32::try_from(int_at(&head, layout.code_firstlineno)).unwrap_or(0);
        let (instructions, first_running, end) = instructions(&head, layout, address);
        let mut code = Code {
            checked: self.now,
            former: None,
            address,
            name: String::new(),
            file: String::new(),
            first_line,
            instructions,
            first_running,
            end,
            copies: Vec::new(),
            frame_bytes: frame_bytes(&head, layout)?,
            lines: Lines::default(),
            seal: Seal::new(layout, address, &head),
        };
        // The interpreter's own code around `__init__` (3.12 and later) has no names.
        if !code.is_shim() {
            let name = if layout.code_qualname == NONE { layout.code_name } else { layout.code_qualname };
            code.name = objects::text(remote, layout, word_at(&head, name))?;
            code.file = objects::text(remote, layout, word_at(&head, layout.code_filename))?;
            let table = objects::bytes(remote, layout, word_at(&head, layout.code_linetable)).ok()?;
            code.lines = Lines::parse(layout.version, &table, first_line);
            let texts = [(name, code.name.as_str()), (layout.code_filename, code.file.as_str())];
            code.seal.add_content(layout, &head, &texts, &table);
        }
        Some(code)
    }

    /// Frames that are torn point anywhere: what is read there must be of the type that is called `code`.
    fn check_type(&mut self, remote: Remote, type_address: u64, layout: &Layout) -> Option<()> {
        if self.type_address == 0 {
            let name = remote.word(type_address + layout.at(TYPE_NAME) as u64).ok()?;
            let text = remote.bytes(name, 5).ok()?;
            if text != b"code\0" {
                return None;
            }
            self.type_address = type_address;
        }
        (self.type_address == type_address).then_some(())
    }

    /// Compares those with what was read of them; forgets those that have changed. Whether there were some.
    pub fn recheck(&mut self, remote: Remote, layout: &Layout, mut checked: Vec<u32>) -> bool {
        checked.sort_unstable();
        checked.dedup();
        let before = self.changes;
        let mut left = checked.as_slice();
        while !left.is_empty() {
            let compared = self.compare(remote, layout, left.get(..MAX_COMPARED).unwrap_or(left));
            left = left.get(compared..).unwrap_or_default();
        }
        self.changes != before
    }

    /// The same for the first of them, as far as one call reads them: how many.
    fn compare(&mut self, remote: Remote, layout: &Layout, checked: &[u32]) -> usize {
        let seals = checked.iter().filter_map(|&index| Some(&self.get(index)?.seal));
        let places: Vec<Place> = seals.flat_map(Seal::places).collect();
        let read = remote.gathered(&places);
        let mut read = read.as_slice();
        for (at, &index) in checked.iter().enumerate() {
            let Some(code) = self.codes.get_mut(index as usize) else { continue };
            let length = code.seal.places().map(|place| place.length()).sum();
            let part = read.split_off(..length);
            if part.is_some_and(|part| code.seal.holds(layout, part)) {
                code.checked = self.now;
                continue;
            }
            let address = code.address;
            if self.known(address) == Some(index) {
                self.forget(address);
            }
            // What lies behind a place that is gone was not read.
            if part.is_none() {
                return at + 1;
            }
        }
        checked.len()
    }
}

/// A code does not begin there any more.
fn forget_begins(by_instructions: &mut BTreeMap<u64, u32>, index: u32, begins: &[u64]) {
    for begin in begins {
        if by_instructions.get(begin) == Some(&index) {
            by_instructions.remove(begin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Codes;
    use crate::layout::{BYTES_DATA, Layout, NONE, OB_SIZE, OB_TYPE};
    use crate::remote::Remote;
    use crate::version::Version;

    /// Words of memory in which each object has this many.
    const OBJECT: usize = 32;

    /// Code with the same pointers as another one that was at its address: the text behind them, or its number, is another.
    fn told_apart(minor: u8) {
        let layout = Layout::known(Version::new(3, minor, 0)).unwrap();
        let mut memory = vec![0_u64; OBJECT * 5];
        let base = memory.as_ptr() as u64;
        let [code, code_type, type_name, text, table] =
            [0, 1, 2, 3, 4].map(|index| base + (index * OBJECT * 8) as u64);
        let name = if layout.code_qualname == NONE { layout.code_name } else { layout.code_qualname };
        let mut set = |address: u64, value: u64| {
            let (word, shift) = (usize::try_from((address - base) / 8).unwrap(), address % 8 * 8);
            memory[word] = memory[word] & !(u64::MAX << shift) | value << shift;
        };
        set(code + OB_TYPE as u64, code_type);
        set(code + OB_SIZE as u64, 8);
        set(code + name as u64, text);
        set(code + layout.code_filename as u64, text);
        set(code + layout.code_linetable as u64, table);
        set(table + OB_SIZE as u64, 2);
        set(table + BYTES_DATA as u64, 0x0102);
        if layout.code_framesize != NONE {
            set(code + layout.code_framesize as u64, 20);
        }
        set(code_type + 24, type_name);
        set(type_name, u64::from_le_bytes(*b"code\0\0\0\0"));
        // Characters of ASCII.
        set(text + layout.unicode_length as u64, 1);
        set(text + layout.unicode_state as u64, 1 << 2 | 1 << 5 | 1 << 6);
        let remote = Remote::new(std::process::id());
        let mut codes = Codes::default();
        let mut found = Vec::new();
        for (sample, letter) in (1_u32..).zip(*b"aabab") {
            set(text + layout.unicode_ascii as u64, u64::from(letter));
            if layout.code_version != NONE {
                // The number stands behind that of the variables in cells, which is 0.
                set(code + layout.code_version as u64 - 4, u64::from(sample) << 32);
            }
            codes.begin(u64::from(sample) * 10_000_000);
            let index = codes.find(remote, &layout, code).unwrap();
            assert_eq!(codes.get(index).unwrap().name.as_bytes(), [letter], "sample {sample}");
            found.push(index);
        }
        assert_eq!(found, [0, 0, 1, 0, 1]);
    }

    #[test]
    fn another_code_at_the_same_address_with_the_same_pointers() {
        for minor in [8, 9, 10, 11, 12] {
            told_apart(minor);
        }
    }
}
