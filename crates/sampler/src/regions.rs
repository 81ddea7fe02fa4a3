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
/// The most ranges, and bytes in them.
#[derive(Clone, Copy, Debug)]
struct Limit {
    ranges: usize,
    bytes: u64,
}

/// Where all frames lie anywhere.
const ALL: Limit = Limit { ranges: 256, bytes: 1 << 20 };
/// Where few do: more take so long that the stack has moved on. What is not among them is fetched.
const FEW: Limit = Limit { ranges: 32, bytes: 16 * 1_024 };
pub(crate) const PAGE: u64 = 4_096;
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

/// How a frame was part of stacks.
#[derive(Clone, Copy, Debug)]
struct Use {
    /// When it was for the last time.
    last: u32,
    /// How often.
    times: u32,
}

/// The frames that are read along.
#[derive(Debug)]
pub(crate) struct Regions {
    frame: usize,
    limit: Limit,
    /// What had to be fetched is read along from then on, whether or not it was part of a stack.
    keeps_fetched: bool,
    known: HashMap<u64, Use, foldhash::fast::RandomState>,
    ranges: Vec<Range>,
    fetched: Vec<Range>,
    clock: u32,
    is_stale: bool,
    /// Not all are.
    is_full: bool,
}

impl Regions {
    /// For frames of which as many bytes are read, where most others lie on a data stack.
    #[must_use]
    pub(crate) fn new(frame: usize) -> Self {
        Self {
            frame,
            limit: FEW,
            keeps_fetched: false,
            known: HashMap::default(),
            ranges: Vec::new(),
            fetched: Vec::new(),
            clock: 0,
            is_stale: true,
            is_full: false,
        }
    }

    /// For frames that are objects of their own, all of them.
    #[must_use]
    pub(crate) fn of_objects(frame: usize) -> Self {
        Self { limit: ALL, keeps_fetched: true, ..Self::new(frame) }
    }

    /// Whether the read must be laid out anew.
    #[must_use]
    pub(crate) fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Appends what is to be read to places, from `at` in the buffer on; where it ends.
    pub(crate) fn lay_out(&mut self, places: &mut Vec<Place>, at: usize) -> usize {
        let mut end = at;
        self.is_stale = false;
        self.ranges.clear();
        self.fetched.clear();
        let mut addresses: Vec<u64> = self.known.keys().copied().collect();
        addresses.sort_unstable();
        self.join(&addresses);
        let bytes: u64 = self.ranges.iter().map(|range| range.end - range.start).sum();
        self.is_full = self.ranges.len() > self.limit.ranges || bytes > self.limit.bytes;
        if self.is_full {
            addresses.sort_by_key(|address| {
                std::cmp::Reverse(self.known.get(address).map_or(0, |used| used.times))
            });
            addresses.truncate(self.limit.ranges);
            addresses.sort_unstable();
            self.join(&addresses);
        }
        for range in &mut self.ranges {
            let length = usize::try_from(range.end - range.start).unwrap_or(0);
            range.at = end;
            places.push(Place::new(range.start, length));
            end += length;
        }
        end
    }

    /// Ranges for frames in the order of their addresses.
    fn join(&mut self, addresses: &[u64]) {
        self.ranges.clear();
        for &address in addresses {
            let after = address + self.frame as u64;
            match self.ranges.last_mut() {
                Some(last) if address < last.end + NEAR => last.end = last.end.max(after),
                _ => self.ranges.push(Range { start: address, end: after, at: 0 }),
            }
        }
    }

    /// Where in the buffer the frame at an address is, of `filled` bytes.
    #[inline]
    #[must_use]
    pub(crate) fn find(&self, address: u64, filled: usize) -> Option<usize> {
        let after = self.ranges.partition_point(|range| range.start <= address);
        let range = after.checked_sub(1).and_then(|index| self.ranges.get(index));
        let holds = |range: &&Range| range.start <= address && address + self.frame as u64 <= range.end;
        let range = range.filter(holds).or_else(|| self.fetched.iter().rev().find(holds))?;
        range.place(address).filter(|at| at + self.frame <= filled)
    }

    /// A frame was part of a stack.
    #[inline]
    pub(crate) fn touch(&mut self, address: u64) {
        match self.known.get_mut(&address) {
            Some(used) => *used = Use { last: self.clock, times: used.times.saturating_add(1) },
            None => self.add(address),
        }
    }

    fn add(&mut self, address: u64) {
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(address, Use { last: self.clock, times: 1 });
        let is_read = self.ranges.iter().any(|r| r.start <= address && address + self.frame as u64 <= r.end);
        self.is_stale |= !is_read;
    }

    /// What was fetched was of another reading.
    pub(crate) fn begin(&mut self) {
        self.fetched.clear();
    }

    /// Reads the frame at an address and what lies around it to the end of a buffer; where it is there, if it could be read.
    pub(crate) fn fetch(
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
                if self.keeps_fetched {
                    self.add(address);
                }
                return range.place(address);
            }
        }
        None
    }

    /// A range could not be read: forgets the frames in it, and in those that come after it, for they may be gone together, and were
    /// not read either. Whether there were any.
    pub(crate) fn forget(&mut self, start: u64) -> bool {
        let Some(range) = self.ranges.iter().find(|range| range.start == start).copied() else {
            return false;
        };
        self.known.retain(|&address, _| address < range.start);
        self.is_stale = true;
        true
    }

    /// A frame is no longer read along.
    pub(crate) fn release(&mut self, address: u64) {
        self.is_stale |= self.known.remove(&address).is_some();
    }

    /// Called now and then: frames that were not part of a stack since the call before the last are no longer read along.
    pub(crate) fn age(&mut self) {
        let clock = self.clock;
        let before = self.known.len();
        self.known.retain(|_, used| clock - used.last <= 1);
        self.is_stale |= self.known.len() != before || self.is_full;
        self.clock += 1;
    }
}
