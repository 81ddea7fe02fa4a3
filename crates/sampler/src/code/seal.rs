//! What tells a code object from another one that is at its address later.
//!
//! Pointers alone do not: the allocator gives the same places again, to the code and to all that belongs to it. From 3.12 on
//! each code object has a number of its own. Before, or once these numbers are used up, what was taken from the code is
//! compared as well: its names and lines.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::layout::{BYTES_DATA, Layout, NONE, OB_TYPE};
use crate::remote::{Place, Remote, int_at, word_at};

/// Of a longer text the end is compared: paths begin alike.
const MAX_TEXT: usize = 256;
/// Of a line table as much, from its beginning.
const MAX_TABLE: usize = 128;
/// Longer ones were cut when they were read, so it is not known what follows.
const CUT_TEXT: usize = 4_096;

/// Parts of the memory, and what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seal(Vec<(Place, u64)>);

impl Seal {
    /// Of a code object at an address, that begins like this.
    pub(super) fn new(layout: &Layout, address: u64, head: &[u8]) -> Self {
        // All fields from the type to the line table stay as they are, whichever the version.
        let end = layout.code_linetable + 8;
        let begin = layout.at(OB_TYPE);
        let bytes = head.get(begin..end).unwrap_or_default();
        let place = Place::new(address + begin as u64, bytes.len());
        Self(vec![(place, digest_head(layout, bytes))])
    }

    /// Adds its texts and its line table, if it has no number of its own.
    pub(super) fn add_content(
        &mut self,
        layout: &Layout,
        head: &[u8],
        texts: &[(usize, &str)],
        table: &[u8],
    ) {
        if layout.code_version != NONE && int_at(head, layout.code_version) != 0 {
            return;
        }
        for &(field, text) in texts {
            self.0.extend(part_of_text(layout, word_at(head, field), text));
        }
        let table_data = word_at(head, layout.code_linetable) + layout.at(BYTES_DATA) as u64;
        let beginning = table.get(..MAX_TABLE).unwrap_or(table);
        if !beginning.is_empty() {
            self.0.push((Place::new(table_data, beginning.len()), digest(beginning)));
        }
    }

    /// What is to be read.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.0.iter().map(|&(place, _)| place)
    }

    /// Whether it is so in a process.
    pub(super) fn stands(&self, remote: Remote, layout: &Layout) -> bool {
        let places: Vec<Place> = self.places().collect();
        self.holds(layout, &remote.gathered(&places))
    }

    /// Whether this was read in these places, one after another.
    pub(super) fn holds(&self, layout: &Layout, mut read: &[u8]) -> bool {
        self.0.iter().enumerate().all(|(index, &(place, expected))| {
            let Some((part, rest)) = read.split_at_checked(place.length()) else { return false };
            read = rest;
            expected == if index == 0 { digest_head(layout, part) } else { digest(part) }
        })
    }
}

fn digest(bytes: &[u8]) -> u64 {
    FixedState::default().hash_one(bytes)
}

/// Without the counters that 3.11 has behind the flags.
fn digest_head(layout: &Layout, bytes: &[u8]) -> u64 {
    let counters = layout.code_flags + 4 - OB_TYPE;
    match (layout.version.minor, bytes.get(..counters), bytes.get(counters + 4..)) {
        (11, Some(before), Some(after)) => FixedState::default().hash_one((before, after)),
        _ => digest(bytes),
    }
}

/// The characters of a `str` with the zero behind them, which tells it from a longer one.
fn part_of_text(layout: &Layout, address: u64, text: &str) -> Option<(Place, u64)> {
    let most = text.chars().max().unwrap_or('\0');
    let units = text.chars().count();
    // What cannot be said in Unicode was replaced.
    if units >= CUT_TEXT || text.contains(char::REPLACEMENT_CHARACTER) {
        return None;
    }
    let width = match u32::from(most) {
        0..0x100 => 1,
        0x100..0x1_0000 => 2,
        _ => 4,
    };
    let start = if most.is_ascii() { layout.unicode_ascii } else { layout.unicode_compact };
    let all = text.chars().chain(['\0']).flat_map(|character| {
        let bytes = u32::from(character).to_le_bytes();
        bytes.into_iter().take(width)
    });
    let skipped = (units + 1).saturating_sub(MAX_TEXT) * width;
    let compared: Vec<u8> = all.skip(skipped).collect();
    Some((Place::new(address + (start + skipped) as u64, compared.len()), digest(&compared)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Version;

    fn layout(minor: u8) -> Layout {
        Layout::known(Version::new(3, minor, 0)).unwrap()
    }

    /// As CPython has it in memory, from the head of a `str` on.
    fn holds(text: &str, memory: &[u8]) -> bool {
        let (place, expected) = part_of_text(&layout(8), 0, text).unwrap();
        let at = usize::try_from(place.address()).unwrap();
        digest(&memory[at..at + place.length()]) == expected
    }

    #[test]
    fn texts_of_any_width_are_told_from_others() {
        let ascii = [&[0; 48][..], b"mod1.py\0"].concat();
        assert!(holds("mod1.py", &ascii));
        assert!(!holds("mod2.py", &ascii) && !holds("mod1.p", &ascii) && !holds("od1.py", &ascii));
        let latin = [&[0; 72][..], b"caf\xe9\0"].concat();
        assert!(holds("café", &latin) && !holds("cafè", &latin));
        let wide: Vec<u8> = "łódź\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(holds("łódź", &[&[0; 72][..], &wide].concat()));
        let long = format!("{}x", "a".repeat(300));
        assert!(holds(&long, &[&[0; 48][..], long.as_bytes(), b"\0"].concat()));
        assert_eq!(part_of_text(&layout(8), 0, "\u{fffd}"), None);
    }

    #[test]
    fn counters_do_not_make_another_code() {
        for (minor, same) in [(11, true), (12, false)] {
            let layout = layout(minor);
            let mut head = vec![7; layout.code_linetable + 8];
            let seal = Seal::new(&layout, 64, &head);
            assert!(seal.holds(&layout, &head[OB_TYPE..]));
            head[layout.code_flags + 5] = 8;
            assert_eq!(seal.holds(&layout, &head[OB_TYPE..]), same);
            head[layout.code_linetable] = 8;
            assert!(!seal.holds(&layout, &head[OB_TYPE..]));
            assert!(!seal.holds(&layout, &[]));
        }
    }
}
