//! Loads and merges many profiles on all threads.
//!
//! Every thread takes the next input and reads it into a merger of its own; so there are never more inputs in memory than
//! threads. Mergers are joined at the end. A merger that has grown large is joined with the one
//! that all threads share, so memory does not grow with the number of threads times the size of the result.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use profkit_profile::{BuildError, Profile, ProfileBuilder};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::merger::{MergeOptions, Merger};

/// How many rows a thread's own merger may hold: about 200 MB.
const OWN_ROWS: usize = 1 << 21;

/// What came of a merge.
#[derive(Debug)]
pub struct Outcome<E> {
    /// The merger with all inputs that could be loaded.
    pub merger: Merger,
    /// The inputs that could not, by index, in order.
    pub failed: Vec<(usize, E)>,
}

impl<E> Outcome<E> {
    /// The merged profile.
    ///
    /// # Errors
    /// As [`Merger::finish`].
    pub fn finish(self) -> Result<Profile, BuildError> {
        self.merger.finish()
    }
}

/// Merges all that `load` reads from `sources`, on the threads of the current `rayon` pool. As for [`Merger::read`], `load`
/// is given a builder that may have read other sources before, and tells what to call this one.
///
/// ```
/// use profkit_merge::{MergeOptions, merge_all};
/// use profkit_profile::{ProfileBuilder, Sample};
///
/// let load = |&value: &i64, builder: &mut ProfileBuilder| {
///     builder.sample_type(b"samples", b"count").unwrap();
///     builder.sample(Sample::of(None), &[value]).unwrap();
///     if value < 0 { return Err("negative") }
///     Ok(None)
/// };
/// let outcome = merge_all(&[1, -1, 2, 3], &MergeOptions::default(), load)?;
/// assert_eq!(outcome.failed, [(1, "negative")]);
/// assert_eq!(outcome.finish()?.samples().values(0), [6]);
/// # Ok::<(), profkit_profile::BuildError>(())
/// ```
///
/// # Errors
/// Where a table is full, or a sum does not fit 128 bits. An input that `load` refuses is no error: see
/// [`Outcome::failed`].
pub fn merge_all<S: Sync, E: Send>(
    sources: &[S],
    options: &MergeOptions,
    load: impl Fn(&S, &mut ProfileBuilder) -> Result<Option<Vec<u8>>, E> + Sync,
) -> Result<Outcome<E>, BuildError> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let shared = Mutex::new(Merger::new(options.clone()));
    let work = |_| {
        let mut own = Merger::new(options.clone());
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(source) = sources.get(index) else { return Ok(own) };
            if let Err(error) = own.read(|builder| load(source, builder))? {
                lock(&failed).push((index, error));
            }
            if own.rows() > OWN_ROWS {
                lock(&shared).join(std::mem::replace(&mut own, Merger::new(options.clone())))?;
            }
        }
    };
    let join = |mut one: Merger, other: Merger| {
        one.join(other)?;
        Ok(one)
    };
    let threads = rayon::current_num_threads().min(sources.len());
    let own: Result<Option<Merger>, BuildError> =
        (0..threads).into_par_iter().map(work).map(|done| done.map(Some)).try_reduce(
            || None,
            |one, other| match (one, other) {
                (Some(one), Some(other)) => join(one, other).map(Some),
                (one, other) => Ok(one.or(other)),
            },
        );
    let mut merger = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(own) = own? {
        merger = if merger.rows() == 0 { join(own, merger)? } else { join(merger, own)? };
    }
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort_by_key(|&(index, _)| index);
    Ok(Outcome { merger, failed })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
