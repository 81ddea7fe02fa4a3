//! What Python calls its threads: `threading._active`, a dict from `ident` to thread objects, read without running anything.
//!
//! The way: the interpreter's dict of modules, the module `threading`, its dict, `_active`, each value's `_name`. Surprising:
//! instances keep their attributes in a dict of their own (3.8 to 3.10), or inline values whose names are the type's (3.11 and
//! later), at a place that differs in 3.11, 3.12 and 3.13. What cannot be read has no name; nothing fails.

use hashbrown::HashMap;

use crate::interpreter::Interpreter;
use crate::layout::{DICT_KEYS, DICT_VALUES, OB_SIZE, OB_TYPE};
use crate::objects;
use crate::remote::{MAX_PLACES, Place, int_at, word_at};

/// Names by `ident`.
pub type Names = HashMap<u64, String, foldhash::fast::RandomState>;

/// More entries than any dict that is read here has.
const MAX_ENTRIES: u64 = 1 << 20;
/// `Py_TPFLAGS_INLINE_VALUES` (3.13 and later).
const INLINE_VALUES: u64 = 1 << 2;
/// `Py_TPFLAGS_MANAGED_DICT` (3.11 and later).
const MANAGED_DICT: u64 = 1 << 4;

/// The names of an interpreter's threads.
#[must_use]
pub fn of_interpreter(interpreter: &Interpreter, address: u64) -> Names {
    Walk { interpreter }.names(address).unwrap_or_default()
}

/// The name of a thread that Python has none for: the main one of a program that does not import `threading`, or one that C
/// made.
#[must_use]
pub fn fallback(pid: u32, tid: u32) -> Option<String> {
    if pid == tid {
        return Some("MainThread".to_owned());
    }
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/comm")).ok()?;
    Some(text.trim_end().to_owned())
}

struct Walk<'a> {
    interpreter: &'a Interpreter,
}

impl Walk<'_> {
    fn names(&self, address: u64) -> Option<Names> {
        let modules = self.word(address + self.interpreter.layout.interp_modules as u64)?;
        let threading = self.lookup(modules, "threading")?;
        // `md_dict` is the first field of a module.
        let globals = self.word(threading + 16)?;
        let active = self.lookup(globals, "_active")?;
        let mut names = Names::default();
        for (key, thread) in self.entries(active)? {
            if let (Some(ident), Some(name)) = (self.integer(key), self.attribute(thread, "_name")) {
                names.extend(self.text(name).map(|name| (ident, name)));
            }
        }
        Some(names)
    }

    fn word(&self, address: u64) -> Option<u64> {
        self.interpreter.remote.word(address).ok().filter(|&word| word != 0)
    }

    fn text(&self, address: u64) -> Option<String> {
        objects::text(self.interpreter.remote, &self.interpreter.layout, address)
    }

    /// The value of an ASCII key, which is compared in many entries by one call: `sys.modules` may have thousands.
    fn lookup(&self, dict: u64, name: &str) -> Option<u64> {
        let layout = &self.interpreter.layout;
        let size = layout.unicode_ascii + name.len();
        let entries = self.entries(dict)?;
        for part in entries.chunks(MAX_PLACES) {
            let places: Vec<Place> = part.iter().map(|&(key, _)| Place::new(key, size)).collect();
            let mut bytes = vec![0; places.len() * size];
            // A short key at the very end of mapped memory ends the reading early: then the threads have no names.
            let read = self.interpreter.remote.gather(&mut bytes, &places).ok()?;
            let is_name = |bytes: &[u8]| {
                word_at(bytes, layout.unicode_length) == name.len() as u64
                    && bytes.get(layout.unicode_ascii..) == Some(name.as_bytes())
            };
            let found = bytes.get(..read)?.chunks_exact(size).position(is_name);
            if let Some(&(_, value)) = found.and_then(|at| part.get(at)) {
                return Some(value);
            }
        }
        None
    }

    /// Keys and values of a dict.
    fn entries(&self, dict: u64) -> Option<Vec<(u64, u64)>> {
        let keys = self.word(dict + DICT_KEYS as u64)?;
        let values = self.interpreter.remote.word(dict + DICT_VALUES as u64).ok()?;
        let mut entries = self.keys(keys)?;
        if values != 0 {
            // From 3.13 on the values are an array behind a small head, as they were before without one.
            for (index, (_, value)) in entries.iter_mut().enumerate() {
                *value = self.interpreter.remote.word(values + self.values_head() + index as u64 * 8).ok()?;
            }
        }
        entries.retain(|&(key, value)| key != 0 && value != 0);
        Some(entries)
    }

    /// Bytes before the first of shared or inline values.
    fn values_head(&self) -> u64 {
        if self.interpreter.layout.version.at_least(13) { 8 } else { 0 }
    }

    /// The entries of a `PyDictKeysObject`: holes included, so that indexes are those of shared values.
    fn keys(&self, keys: u64) -> Option<Vec<(u64, u64)>> {
        let remote = self.interpreter.remote;
        let head = remote.bytes(keys, 40).ok()?;
        let table = if self.interpreter.layout.version.at_least(11) {
            // dk_refcnt; uint8_t dk_log2_size, dk_log2_index_bytes, dk_kind; uint32_t dk_version; dk_usable, dk_nentries; indices
            let index_bytes = 1u64.checked_shl(u32::from(*head.get(9)?))?;
            let is_unicode = *head.get(10)? != 0;
            Table {
                entries: keys + 32 + index_bytes,
                count: word_at(&head, 24),
                key_at: if is_unicode { 0 } else { 8 },
            }
        } else {
            // dk_refcnt, dk_size, dk_lookup, dk_usable, dk_nentries; indices
            let size = word_at(&head, 8);
            let width = match size {
                0..=0xff => 1,
                0x100..=0xffff => 2,
                0x1_0000..=0xffff_ffff => 4,
                _ => 8,
            };
            Table { entries: keys + 40 + size.checked_mul(width)?, count: word_at(&head, 32), key_at: 8 }
        };
        if table.count > MAX_ENTRIES {
            return None;
        }
        let entry = table.key_at + 16;
        let bytes = remote.bytes(table.entries, usize::try_from(table.count).ok()? * entry).ok()?;
        let pair = |bytes: &[u8]| (word_at(bytes, table.key_at), word_at(bytes, table.key_at + 8));
        Some(bytes.chunks_exact(entry).map(pair).collect())
    }

    /// A non-negative `int` that fits 64 bits: digits of 30 bits.
    fn integer(&self, address: u64) -> Option<u64> {
        let bytes = self.interpreter.remote.bytes(address, 36).ok()?;
        let tag = word_at(&bytes, OB_SIZE);
        let digits = if self.interpreter.layout.version.at_least(12) { tag >> 3 } else { tag };
        let digit = |index: usize| u64::try_from(int_at(&bytes, 24 + index * 4)).ok();
        match digits {
            1 => digit(0),
            2 => Some(digit(0)? | digit(1)? << 30),
            3 => Some(digit(0)? | digit(1)? << 30 | digit(2)? << 60),
            _ => None,
        }
    }

    /// An attribute of an instance.
    fn attribute(&self, object: u64, name: &str) -> Option<u64> {
        let layout = &self.interpreter.layout;
        let kind = self.word(object + OB_TYPE as u64)?;
        let flags = self.word(kind + layout.type_flags as u64)?;
        if !layout.version.at_least(11) || flags & MANAGED_DICT == 0 {
            let offset = self.word(kind + layout.type_dictoffset as u64)?;
            return self.lookup(self.word(object.checked_add(offset)?)?, name);
        }
        let version = layout.version.minor;
        let keys = || self.word(kind + layout.heaptype_cached_keys as u64);
        match version {
            // Before the object: values at -4 words, dict at -3 words.
            11 => match self.word(object - 32) {
                Some(values) => self.inline(keys()?, values, name),
                None => self.lookup(self.word(object - 24)?, name),
            },
            // Before the object at -3 words: values if the lowest bit is set (they lie one byte further), else the dict.
            12 => match self.word(object - 24)? {
                values if values & 1 == 1 => self.inline(keys()?, values + 1, name),
                dict => self.lookup(dict, name),
            },
            // The dict at -3 words, if there is one; else the values behind the object.
            _ => match self.word(object - 24) {
                Some(dict) => self.lookup(dict, name),
                None if flags & INLINE_VALUES != 0 => {
                    let size = self.word(kind + layout.type_basicsize as u64)?;
                    self.inline(keys()?, object + size + self.values_head(), name)
                }
                None => None,
            },
        }
    }

    /// A value whose name is among the type's shared keys.
    fn inline(&self, keys: u64, values: u64, name: &str) -> Option<u64> {
        let index = self
            .keys(keys)?
            .iter()
            .position(|&(key, _)| key != 0 && self.text(key).as_deref() == Some(name))?;
        self.word(values + index as u64 * 8)
    }
}

/// Where a dict's entries are.
struct Table {
    entries: u64,
    count: u64,
    key_at: usize,
}
