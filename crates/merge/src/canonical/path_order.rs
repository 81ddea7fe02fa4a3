//! Paths in the order of a walk through the tree that they make: by their frames from the root on, then by origin and
//! labels.
//!
//! They are spelled as bytes that sort as their frames do, and put into buckets between some of them, which were sorted
//! before. So a bucket fits the processor's cache when it is sorted, and several are sorted at the same time.

use std::ops::Range;

use profkit_profile::{BuildError, FrameId, Id, LabelSetId, OriginId};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::{Ids, new, value};
use crate::path_record::{PathRow, id};
use crate::path_rows::PathRows;

/// How many rows a bucket has, more or less, and how many buckets there are at most.
const BUCKET: usize = 1 << 12;
const BUCKETS: usize = 1 << 10;

/// How many paths a bucket are sorted to find where it begins.
const TRIES: usize = 16;

/// How many buckets are sorted at a time.
const WAVE: usize = 16;

/// The rows of a bucket that one thread found.
#[derive(Clone, Default)]
struct Shelf {
    paths: Vec<u8>,
    rows: Vec<(usize, OriginId, LabelSetId)>,
    /// One after another, as many as columns.
    values: Vec<i64>,
}

/// A row in its bucket.
#[derive(Clone, Copy)]
struct Entry<'b> {
    /// The first bytes of the path behind those that all paths of the bucket have.
    head: u64,
    path: &'b [u8],
    origin: OriginId,
    labels: LabelSetId,
    values: &'b [i64],
}

impl<'b> Entry<'b> {
    #[inline]
    fn key(&self) -> (&'b [u8], OriginId, LabelSetId) {
        (self.path, self.origin, self.labels)
    }
}

/// A sample in its place.
pub(super) struct Ordered<'o> {
    /// How many frames from the root its path has in common with the one before.
    pub(super) common: usize,
    /// The rest of the path.
    rest: &'o [u8],
    width: usize,
    pub(super) origin: OriginId,
    pub(super) labels: LabelSetId,
    pub(super) values: &'o [i64],
}

impl Ordered<'_> {
    /// The frames behind the common ones.
    pub(super) fn frames(&self) -> impl Iterator<Item = FrameId> {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, &byte| number << 8 | u32::from(byte));
        self.rest.chunks_exact(self.width).map(move |bytes| id(number(bytes)))
    }
}

/// The rows of a merge on their way into a profile.
pub(super) struct PathOrder<'r> {
    ids: &'r Ids<'r>,
    /// The columns in their order.
    columns: &'r [usize],
    /// How many bytes a frame has.
    width: usize,
    /// What they are for each frame of the rows, the last ones of four.
    spelled: Vec<[u8; 4]>,
}

impl<'r> PathOrder<'r> {
    /// `frames` is how many frames there are.
    pub(super) fn new(ids: &'r Ids<'r>, columns: &'r [usize], frames: usize) -> Self {
        Self { ids, columns, width: if frames <= 1 << 16 { 2 } else { 4 }, spelled: Vec::new() }
    }

    /// Gives every row that is not zero to `take`. While it takes some buckets, those behind them are sorted.
    pub(super) fn each(
        mut self,
        rows: PathRows,
        mut take: impl FnMut(&Ordered<'_>) -> Result<(), BuildError> + Send,
    ) -> Result<(), BuildError> {
        let number = |frame| u32::try_from(new(&self.ids.frames, frame).index()).unwrap_or(u32::MAX);
        let frames = (0..rows.used().frames.len()).filter_map(FrameId::from_index);
        self.spelled = frames.map(|frame| number(frame).to_be_bytes()).collect();
        let starts = self.starts(&rows);
        let shelves: Vec<Vec<Shelf>> = parts(rows.len())
            .into_par_iter()
            .map(|part| self.shelve(&rows, part, &starts))
            .collect::<Result<_, _>>()?;
        drop(rows);
        let sorted = |from: usize| -> Vec<Vec<Entry<'_>>> {
            let buckets = from..(from + WAVE).min(starts.len() + 1);
            buckets.into_par_iter().map(|bucket| self.sorted(&shelves, bucket)).collect()
        };
        let mut wave = sorted(0);
        let mut last: &[u8] = &[];
        for next in (WAVE..=starts.len() + WAVE).step_by(WAVE) {
            let (taken, following) = rayon::join(|| self.take(&wave, &mut last, &mut take), || sorted(next));
            taken?;
            wave = following;
        }
        Ok(())
    }

    fn take<'b>(
        &self,
        buckets: &[Vec<Entry<'b>>],
        last: &mut &'b [u8],
        take: &mut impl FnMut(&Ordered<'_>) -> Result<(), BuildError>,
    ) -> Result<(), BuildError> {
        let width = self.width;
        for &Entry { path, origin, labels, values, .. } in buckets.iter().flatten() {
            let common = shared_bytes(last, path) / width;
            take(&Ordered { common, rest: &path[common * width..], width, origin, labels, values })?;
            *last = path;
        }
        Ok(())
    }

    /// The least path of each bucket but the first.
    fn starts(&self, rows: &PathRows) -> Vec<Vec<u8>> {
        let buckets = (rows.len() / BUCKET).clamp(1, BUCKETS);
        let step = (rows.len() / (buckets * TRIES)).max(1);
        let spell = |row| {
            let mut path = Vec::new();
            self.spell(rows.row(row), &mut path);
            path
        };
        let mut paths: Vec<Vec<u8>> = (0..rows.len()).step_by(step).map(spell).collect();
        paths.par_sort_unstable();
        (1..buckets).filter_map(|bucket| paths.get(bucket * paths.len() / buckets).cloned()).collect()
    }

    #[inline]
    fn spell(&self, row: PathRow<'_>, to: &mut Vec<u8>) {
        to.resize(row.depth() * self.width, 0);
        let frames = row.frames().map(|frame| self.spelled[frame as usize]);
        if self.width == 2 {
            to.as_chunks_mut::<2>().0.iter_mut().rev().zip(frames).for_each(|(to, [.., a, b])| *to = [a, b]);
        } else {
            to.as_chunks_mut().0.iter_mut().rev().zip(frames).for_each(|(to, frame)| *to = frame);
        }
    }

    fn shelve(
        &self,
        rows: &PathRows,
        range: Range<usize>,
        starts: &[Vec<u8>],
    ) -> Result<Vec<Shelf>, BuildError> {
        let mut shelves = vec![Shelf::default(); starts.len() + 1];
        let starts: Vec<(u64, &[u8])> = starts.iter().map(|start| (head(start), &start[..])).collect();
        let mut path = Vec::new();
        for row in range.map(|row| rows.row(row)).filter(|row| !row.is_zero()) {
            self.spell(row, &mut path);
            let key = (head(&path), &path[..]);
            let shelf = &mut shelves[starts.partition_point(|start| *start <= key)];
            shelf.paths.extend_from_slice(&path);
            let (origin, labels) = (new(&self.ids.origins, row.origin), new(&self.ids.labels, row.labels));
            shelf.rows.push((path.len(), origin, labels));
            for &column in self.columns {
                shelf.values.push(value(row.value(column))?);
            }
        }
        Ok(shelves)
    }

    fn sorted<'b>(&self, shelves: &'b [Vec<Shelf>], bucket: usize) -> Vec<Entry<'b>> {
        let columns = self.columns.len();
        let mut entries = Vec::with_capacity(shelves.iter().map(|shelves| shelves[bucket].rows.len()).sum());
        for Shelf { paths, rows, values } in shelves.iter().map(|shelves| &shelves[bucket]) {
            let mut start = 0;
            for (row, &(length, origin, labels)) in rows.iter().enumerate() {
                let path = &paths[start..start + length];
                let values = &values[row * columns..(row + 1) * columns];
                entries.push(Entry { head: 0, path, origin, labels, values });
                start += length;
            }
        }
        let first = entries.first().map_or(&[][..], |entry| entry.path);
        let shared =
            entries.iter().fold(first.len(), |shared, entry| shared.min(shared_bytes(first, entry.path)));
        for entry in &mut entries {
            entry.head = head(&entry.path[shared..]);
        }
        entries.sort_unstable_by(|one, other| {
            one.head.cmp(&other.head).then_with(|| one.key().cmp(&other.key()))
        });
        entries
    }
}

/// The first bytes as a number, which sorts as they do.
#[inline]
fn head(path: &[u8]) -> u64 {
    let mut head = [0; 8];
    let length = path.len().min(head.len());
    head[..length].copy_from_slice(&path[..length]);
    u64::from_be_bytes(head)
}

/// All rows in parts of equal length, one for each thread.
fn parts(rows: usize) -> Vec<Range<usize>> {
    let step = rows.div_ceil(rayon::current_num_threads()).max(1);
    (0..rows).step_by(step).map(|start| start..rows.min(start + step)).collect()
}

/// How many bytes are the same at the begin of both.
#[inline]
fn shared_bytes(one: &[u8], other: &[u8]) -> usize {
    let mut shared = 0;
    for (one, other) in one.as_chunks::<8>().0.iter().zip(other.as_chunks::<8>().0) {
        let differing = u64::from_le_bytes(*one) ^ u64::from_le_bytes(*other);
        if differing != 0 {
            return shared + (differing.trailing_zeros() / 8) as usize;
        }
        shared += 8;
    }
    shared + one[shared..].iter().zip(&other[shared..]).take_while(|(one, other)| one == other).count()
}
