//! Costs by line, as they come and as they are summed.
//!
//! The same line comes again and again. To look each up in one large table takes longer than all the rest of reading, so
//! lines are only noted, and summed at the end function by function, in tables that fit a cache.

use foldhash::{HashMap, HashMapExt};

use crate::costs::{Overflow, Place};
use crate::names::Text;

/// Every cost line, in the order of the file.
#[derive(Default)]
pub(crate) struct Lines {
    runs: Vec<Run>,
    lines: Vec<u64>,
    /// Empty while all are 0.
    addresses: Vec<u64>,
    /// By sample type; shorter than `lines` where the last lines have none.
    columns: Vec<Vec<i64>>,
}

/// Lines of one function in one file that follow each other.
#[derive(Clone, Copy)]
struct Run {
    row: u32,
    file: Text,
    object: Text,
    start: usize,
    end: usize,
}

impl Lines {
    /// Adds a line without costs.
    #[inline]
    pub(crate) fn push(&mut self, row: u32, place: Place) {
        let Place { file, object, line, address } = place;
        let start = self.lines.len();
        match self.runs.last_mut() {
            Some(run) if run.row == row && run.file == file && run.object == object => run.end = start + 1,
            _ => self.runs.push(Run { row, file, object, start, end: start + 1 }),
        }
        if address != 0 || !self.addresses.is_empty() {
            self.addresses.resize(start, 0);
            self.addresses.push(address);
        }
        self.lines.push(line);
    }

    /// Gives a cost to the line that was added last.
    #[inline]
    pub(crate) fn cost(&mut self, sample_type: usize, value: i64) {
        if self.columns.len() <= sample_type {
            self.columns.resize_with(sample_type + 1, Vec::new);
        }
        let column = &mut self.columns[sample_type];
        column.resize(self.lines.len() - 1, 0);
        column.push(value);
    }

    /// The binaries of all lines, often the same one again.
    pub(crate) fn objects(&self) -> impl Iterator<Item = Text> {
        self.runs.iter().map(|run| run.object)
    }

    /// Every line of every row once, with the sums of `types` sample types: rows in order, in each row the files, and in
    /// each file the lines, as they first came.
    pub(crate) fn sums<E: From<Overflow>>(
        &self,
        types: usize,
        mut each: impl FnMut(u32, Place, &[i64]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut runs = self.runs.clone();
        runs.sort_by_key(|run| run.row);
        let mut sums = Sums::default();
        for of_row in runs.chunk_by_mut(|one, other| one.row == other.row) {
            if of_row.len() > 1 {
                by_file(of_row);
            }
            let same = |one: &Run, other: &Run| (one.file, one.object) == (other.file, other.object);
            for of_file in of_row.chunk_by(same) {
                let Some(&Run { row, file, object, .. }) = of_file.first() else { continue };
                self.sum(of_file, types, &mut sums)?;
                for (slot, &(line, address)) in sums.places.iter().enumerate() {
                    let place = Place { file, object, line, address };
                    each(row, place, &sums.values[slot * types..(slot + 1) * types])?;
                }
            }
        }
        Ok(())
    }

    fn sum(&self, runs: &[Run], types: usize, sums: &mut Sums) -> Result<(), Overflow> {
        let of_run = |run: &Run| self.lines.get(run.start..run.end).unwrap_or_default();
        let lines = || runs.iter().flat_map(of_run);
        let (least, most) =
            lines().fold((u64::MAX, 0), |(least, most), &line| (least.min(line), most.max(line)));
        sums.places.clear();
        sums.values.clear();
        // Lines of a function lie close together: where they do, a plain table finds them.
        let range = usize::try_from(most.saturating_sub(least)).unwrap_or(usize::MAX);
        if self.addresses.is_empty() && range <= 8 * lines().count() {
            sums.slots.clear();
            sums.slots.resize(range + 1, None);
            for run in runs {
                for (index, &line) in (run.start..).zip(of_run(run)) {
                    let Sums { slots, places, .. } = sums;
                    let offset = usize::try_from(line - least).unwrap_or(range);
                    let slot = *slots[offset].get_or_insert_with(|| new(places, (line, 0)));
                    self.add(slot as usize, index, types, sums)?;
                }
            }
            return Ok(());
        }
        let mut slots: HashMap<(u64, u64), u32> = HashMap::with_capacity(lines().count());
        for run in runs {
            for (index, &line) in (run.start..).zip(of_run(run)) {
                let key = (line, self.addresses.get(index).copied().unwrap_or(0));
                let slot = *slots.entry(key).or_insert_with(|| new(&mut sums.places, key));
                self.add(slot as usize, index, types, sums)?;
            }
        }
        Ok(())
    }

    /// Adds the costs of a line to those of a place.
    #[inline]
    fn add(&self, slot: usize, index: usize, types: usize, sums: &mut Sums) -> Result<(), Overflow> {
        let first = slot * types;
        if sums.values.len() <= first {
            sums.values.resize(first + types, 0);
        }
        for (sum, column) in sums.values[first..].iter_mut().zip(&self.columns).take(types) {
            *sum = sum.checked_add(column.get(index).copied().unwrap_or(0)).ok_or(Overflow)?;
        }
        Ok(())
    }
}

/// The sums of one function in one file.
#[derive(Default)]
struct Sums {
    /// Line and address of each sum.
    places: Vec<(u64, u64)>,
    /// By place, then sample type.
    values: Vec<i64>,
    /// By line from the least one on, its place.
    slots: Vec<Option<u32>>,
}

fn new(places: &mut Vec<(u64, u64)>, place: (u64, u64)) -> u32 {
    places.push(place);
    u32::try_from(places.len() - 1).unwrap_or(u32::MAX)
}

/// Brings the runs of a function that lie in the same file together.
fn by_file(runs: &mut [Run]) {
    let mut order: HashMap<(Text, Text), usize> = HashMap::new();
    for run in &*runs {
        let next = order.len();
        order.entry((run.file, run.object)).or_insert(next);
    }
    runs.sort_by_key(|run| order.get(&(run.file, run.object)).copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: Text, line: u64, address: u64) -> Place {
        Place { file, object: 0, line, address }
    }

    fn sums(lines: &Lines) -> Vec<(u32, Place, Vec<i64>)> {
        let mut all = Vec::new();
        let done: Result<(), Overflow> = lines.sums(2, |row, place, values| {
            all.push((row, place, values.to_vec()));
            Ok(())
        });
        done.unwrap();
        all
    }

    #[test]
    fn a_line_is_one_however_often_it_comes() {
        for far in [0, 1 << 40] {
            let mut lines = Lines::default();
            for (row, file, line, value) in [
                (1, 5, 10, 1),
                (1, 6, 3, 2),
                (0, 5, 10, 4),
                (1, 5, far + 9, 8),
                (1, 5, 10, 16),
                (1, 6, 3, 32),
            ] {
                lines.push(row, place(file, line, 0));
                lines.cost(1, value);
            }
            let expected = [
                (0, place(5, 10, 0), vec![0, 4]),
                (1, place(5, 10, 0), vec![0, 17]),
                (1, place(5, far + 9, 0), vec![0, 8]),
                (1, place(6, 3, 0), vec![0, 34]),
            ];
            assert_eq!(sums(&lines), expected);
        }
    }

    #[test]
    fn addresses_tell_lines_apart() {
        let mut lines = Lines::default();
        for (line, address) in [(7, 0), (7, 64), (7, 60), (7, 64)] {
            lines.push(0, place(1, line, address));
            lines.cost(0, 1);
        }
        let expected = [(0, 1), (64, 2), (60, 1)];
        let expected = expected.map(|(address, cost)| (0, place(1, 7, address), vec![cost, 0]));
        assert_eq!(sums(&lines), expected);
    }
}
