//! Frames that lie anywhere (in generators, on the C stack, objects of their own), read along with the rest in one call.
//!
//! Where they were last time they mostly are again. Neighbours are read as one range: a place of its own costs 170 to 340 ns, as
//! much as some kilobytes more; and what was missing is fetched by the page, since what is called together lies together.

use hashbrown::HashMap;

use crate::remote::{Place, Remote};

/// Frames nearer than this are read as one range. Less than a page, so nothing unmapped lies between.
const NEAR: u64 = 2_048;
/// The most frames that are read along: deeper chains of generators are fetched.
const MAX_KNOWN: usize = 2_048;
/// The most ranges.
const MAX_RANGES: usize = 256;
const PAGE: u64 = 4_096;
/// Where the addresses of programs end on the machines that are supported.
const USER_END: u64 = 1 << 47;

/// A range of the target's memory within the buffer.
#[derive(Clone, Copy, Debug)]
struct Range {
    start: u64,
    end: u64,
    at: usize,
}

impl Range {
    fn place(&self, address: u64) -> Option<usize> {
        Some(self.at + usize::try_from(address.checked_sub(self.start)?).ok()?)
    }
}

/// The frames that are read along.
#[derive(Debug)]
pub struct Regions {
    frame: usize,
    known: HashMap<u64, u32, foldhash::fast::RandomState>,
    ranges: Vec<Range>,
    fetched: Vec<Range>,
    clock: u32,
    is_stale: bool,
}

impl Regions {
    /// For frames of which as many bytes are read.
    #[must_use]
    pub fn new(frame: usize) -> Self {
        Self {
            frame,
            known: HashMap::default(),
            ranges: Vec::new(),
            fetched: Vec::new(),
            clock: 0,
            is_stale: true,
        }
    }

    /// Whether the read must be laid out anew.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Appends what is to be read to places, from `at` in the buffer on; where it ends.
    pub fn lay_out(&mut self, places: &mut Vec<Place>, at: usize) -> usize {
        let mut end = at;
        self.is_stale = false;
        self.ranges.clear();
        self.fetched.clear();
        let mut addresses: Vec<u64> = self.known.keys().copied().collect();
        addresses.sort_unstable();
        for address in addresses {
            let after = address + self.frame as u64;
            match self.ranges.last_mut() {
                Some(last) if address < last.end + NEAR => last.end = last.end.max(after),
                _ => self.ranges.push(Range { start: address, end: after, at: 0 }),
            }
        }
        self.ranges.truncate(MAX_RANGES);
        for range in &mut self.ranges {
            let length = usize::try_from(range.end - range.start).unwrap_or(0);
            range.at = end;
            places.push(Place::new(range.start, length));
            end += length;
        }
        end
    }

    /// Where in the buffer the frame at an address is, of `filled` bytes.
    #[inline]
    #[must_use]
    pub fn find(&self, address: u64, filled: usize) -> Option<usize> {
        let after = self.ranges.partition_point(|range| range.start <= address);
        let range = after.checked_sub(1).and_then(|index| self.ranges.get(index));
        let holds = |range: &&Range| range.start <= address && address + self.frame as u64 <= range.end;
        let range = range.filter(holds).or_else(|| self.fetched.iter().find(holds))?;
        range.place(address).filter(|at| at + self.frame <= filled)
    }

    /// A frame was part of a stack.
    #[inline]
    pub fn touch(&mut self, address: u64) {
        match self.known.get_mut(&address) {
            Some(used) => *used = self.clock,
            None => self.add(address),
        }
    }

    fn add(&mut self, address: u64) {
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(address, self.clock);
        let is_read = self.ranges.iter().any(|r| r.start <= address && address + self.frame as u64 <= r.end);
        self.is_stale |= !is_read;
    }

    /// Reads the frame at an address and what lies around it to the end of a buffer; where it is there, if it could be read.
    pub fn fetch(
        &mut self,
        remote: Remote,
        address: u64,
        buffer: &mut Vec<u8>,
        filled: &mut usize,
    ) -> Option<usize> {
        if !address.is_multiple_of(8) || !(PAGE..USER_END).contains(&address) {
            return None;
        }
        let end = address + self.frame as u64;
        let page = address - address % PAGE;
        let whole = Range { start: page, end: end.max(page + PAGE), at: *filled };
        let alone = Range { start: address, end, at: *filled };
        for range in [whole, alone] {
            let length = usize::try_from(range.end - range.start).unwrap_or(0);
            if buffer.len() < *filled + length {
                buffer.resize(*filled + length, 0);
            }
            let into = buffer.get_mut(*filled..*filled + length);
            if into.is_some_and(|into| remote.read(range.start, into).is_ok()) {
                *filled += length;
                self.fetched.push(range);
                self.add(address);
                return range.place(address);
            }
        }
        None
    }

    /// A range could not be read: forgets the frames in it. Whether there were any.
    pub fn forget(&mut self, start: u64) -> bool {
        let Some(range) = self.ranges.iter().find(|range| range.start == start).copied() else {
            return false;
        };
        self.known.retain(|&address, _| address < range.start || address >= range.end);
        self.is_stale = true;
        true
    }

    /// A frame is no longer read along.
    pub fn release(&mut self, address: u64) {
        self.is_stale |= self.known.remove(&address).is_some();
    }

    /// Called now and then: frames that were not part of a stack since the call before the last are no longer read along.
    pub fn age(&mut self) {
        let clock = self.clock;
        let before = self.known.len();
        self.known.retain(|_, used| clock - *used <= 1);
        self.is_stale |= self.known.len() != before;
        self.clock += 1;
    }
}
