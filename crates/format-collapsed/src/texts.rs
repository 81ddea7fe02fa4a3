//! Texts that a file repeats, each written once: a line is put together by copying them.

use hashbrown::HashMap;

/// Distinct texts, numbered in order of first appearance.
#[derive(Default)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    numbers: HashMap<Vec<u8>, u32, foldhash::fast::RandomState>,
}

impl Texts {
    /// The number of a text.
    pub(crate) fn add(&mut self, text: Vec<u8>) -> u32 {
        let Self { bytes, ends, numbers } = self;
        let next = u32::try_from(ends.len()).unwrap_or(u32::MAX);
        *numbers.entry(text).or_insert_with_key(|text| {
            bytes.extend_from_slice(text);
            ends.push(bytes.len());
            next
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text with this number.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }

    /// Every text in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0u32..).take(self.len()).map(|number| self.get(number))
    }
}
