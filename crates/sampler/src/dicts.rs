//! Python's dicts, the attributes of instances and modules, read from another process without running anything.
//!
//! Surprising: instances keep their attributes in a dict of their own (3.8 to 3.10), or as inline values whose names are the
//! type's (3.11 and later), at a place that differs in 3.11, 3.12 and 3.13. What cannot be read is not there; nothing fails.

use crate::layout::{DICT_KEYS, DICT_VALUES, Layout, MODULE_DICT, OB_SIZE, OB_TYPE};
use crate::objects;
use crate::remote::{MAX_PLACES, Place, Remote, int_at, word_at};

/// More entries than any dict that is read here has.
const MAX_ENTRIES: u64 = 1 << 16;
/// More keys that cannot be read are no keys: each is a call of its own.
const MAX_UNREADABLE: usize = 16;
/// `Py_TPFLAGS_INLINE_VALUES` (3.13 and later).
const INLINE_VALUES: u64 = 1 << 2;
/// `Py_TPFLAGS_MANAGED_DICT` (3.11 and later).
const MANAGED_DICT: u64 = 1 << 4;

/// Looks things up in one process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dicts<'a> {
    remote: Remote,
    layout: &'a Layout,
}

impl<'a> Dicts<'a> {
    /// In the process with this memory.
    #[must_use]
    pub(crate) fn new(remote: Remote, layout: &'a Layout) -> Self {
        Self { remote, layout }
    }

    /// The dict of an imported module of an interpreter.
    #[must_use]
    pub(crate) fn module(&self, interpreter: u64, name: &str) -> Option<u64> {
        let modules = self.word(interpreter + self.layout.interp_modules as u64)?;
        self.word(self.lookup(modules, name)? + self.layout.at(MODULE_DICT) as u64)
    }

    /// A pointer that is not null.
    #[must_use]
    pub(crate) fn word(&self, address: u64) -> Option<u64> {
        self.remote.word(address).ok().filter(|&word| word != 0)
    }

    /// A `str`.
    #[must_use]
    pub(crate) fn text(&self, address: u64) -> Option<String> {
        objects::text(self.remote, self.layout, address)
    }

    /// The value of an ASCII key.
    #[must_use]
    pub(crate) fn lookup(&self, dict: u64, name: &str) -> Option<u64> {
        let entries = self.entries(dict)?;
        let at = self.position(&entries, name)?;
        entries.get(at).map(|&(_, value)| value)
    }

    /// The entry with an ASCII key; many are compared by one call: `sys.modules` may have thousands.
    fn position(&self, entries: &[(u64, u64)], name: &str) -> Option<usize> {
        let layout = self.layout;
        let size = layout.unicode_ascii + name.len();
        let is_name = |bytes: &[u8]| {
            word_at(bytes, layout.unicode_length) == name.len() as u64
                && bytes.get(layout.unicode_ascii..) == Some(name.as_bytes())
        };
        let keys: Vec<(usize, u64)> =
            entries.iter().map(|&(key, _)| key).enumerate().filter(|&(_, key)| key != 0).collect();
        let (mut left, mut unreadable) = (keys.as_slice(), 0);
        while !left.is_empty() && unreadable < MAX_UNREADABLE {
            let part = left.get(..left.len().min(MAX_PLACES))?;
            let places: Vec<Place> = part.iter().map(|&(_, key)| Place::new(key, size)).collect();
            let mut bytes = vec![0; places.len() * size];
            let read = self.remote.gather(&mut bytes, &places).unwrap_or(0) / size;
            let found = bytes.chunks_exact(size).take(read).position(is_name);
            if let Some(&(at, _)) = found.and_then(|found| part.get(found)) {
                return Some(at);
            }
            // A short key at the very end of mapped memory ends the reading early: it is another one.
            unreadable += usize::from(read < part.len());
            left = left.get(part.len().min(read + 1)..)?;
        }
        None
    }

    /// Keys and values of a dict.
    #[must_use]
    pub(crate) fn entries(&self, dict: u64) -> Option<Vec<(u64, u64)>> {
        let head = self.remote.bytes(dict, self.layout.at(DICT_VALUES) + 8).ok()?;
        let values = word_at(&head, self.layout.at(DICT_VALUES));
        let mut entries = self.keys(word_at(&head, self.layout.at(DICT_KEYS)))?;
        if values != 0 {
            // From 3.13 on the values are an array behind a small head, as they were before without one.
            let words = self.remote.bytes(values.wrapping_add(self.values_head()), entries.len() * 8).ok()?;
            for (index, (_, value)) in entries.iter_mut().enumerate() {
                *value = word_at(&words, index * 8);
            }
        }
        entries.retain(|&(key, value)| key != 0 && value != 0);
        Some(entries)
    }

    /// Bytes before the first of shared or inline values.
    fn values_head(&self) -> u64 {
        if self.layout.version.at_least(13) { 8 } else { 0 }
    }

    /// The entries of a `PyDictKeysObject`: holes included, so that indexes are those of shared values.
    fn keys(&self, keys: u64) -> Option<Vec<(u64, u64)>> {
        let head = self.remote.bytes(keys, 40).ok()?;
        let table = if self.layout.version.at_least(11) {
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
        let bytes = self.remote.bytes(table.entries, usize::try_from(table.count).ok()? * entry).ok()?;
        let pair = |bytes: &[u8]| (word_at(bytes, table.key_at), word_at(bytes, table.key_at + 8));
        Some(bytes.chunks_exact(entry).map(pair).collect())
    }

    /// A non-negative `int` that fits 64 bits: digits of 30 bits.
    #[must_use]
    pub(crate) fn integer(&self, address: u64) -> Option<u64> {
        let digits_at = self.layout.at(OB_SIZE) + 8;
        let bytes = self.remote.bytes(address, digits_at + 12).ok()?;
        let tag = word_at(&bytes, self.layout.at(OB_SIZE));
        let digits = if self.layout.version.at_least(12) { tag >> 3 } else { tag };
        let digit = |index: usize| u64::try_from(int_at(&bytes, digits_at + index * 4)).ok();
        match digits {
            1 => digit(0),
            2 => Some(digit(0)? | digit(1)? << 30),
            3 => Some(digit(0)? | digit(1)? << 30 | digit(2)? << 60),
            _ => None,
        }
    }

    /// An attribute of an instance.
    #[must_use]
    pub(crate) fn attribute(&self, object: u64, name: &str) -> Option<u64> {
        let layout = self.layout;
        let kind = self.word(object + layout.at(OB_TYPE) as u64)?;
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
            // The dict at -3 words (-1 in a free-threaded build), if there is one; else the values behind the object.
            _ => match self.word(object - if layout.version.is_free_threaded { 8 } else { 24 }) {
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
        let index = self.position(&self.keys(keys)?, name)?;
        self.word(values + index as u64 * 8)
    }
}

/// Where a dict's entries are.
struct Table {
    entries: u64,
    count: u64,
    key_at: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Version;

    #[test]
    fn keys_that_cannot_be_read_are_not_tried_for_ever() {
        let layout = Layout::known(Version::new(3, 12, 1)).unwrap();
        let mut key = vec![0_u8; layout.unicode_ascii];
        key.extend(b"name");
        key[layout.unicode_length] = 4;
        let dicts = Dicts::new(Remote::new(std::process::id()), &layout);
        let behind = |unreadable: usize| {
            let mut entries = vec![(8, 1); unreadable];
            entries.push((key.as_ptr() as u64, 1));
            dicts.position(&entries, "name")
        };
        assert_eq!([0, 1, 15, 16, 5_000].map(behind), [Some(0), Some(1), Some(15), None, None]);
    }
}
