//! One value a distinct stack: what a collapsed file holds.

use hashbrown::HashTable;

use crate::error::BuildError;
use crate::hash::Seed;
use crate::id::{OriginId, StackId};
use crate::profile::Profile;

/// The values of one stack in one origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Folded {
    /// Where it was seen.
    pub origin: OriginId,
    /// The stack; `None` where nothing ran.
    pub stack: Option<StackId>,
    /// The sum of its values.
    pub value: i64,
}

/// The samples summed by origin and stack for one sample type, in order of first appearance.
///
/// # Errors
/// Where a sum does not fit 64 bits.
pub fn folded(profile: &Profile, sample_type: usize) -> Result<Vec<Folded>, BuildError> {
    let seed = Seed::default();
    let mut rows: Vec<Folded> = Vec::new();
    let mut index: HashTable<usize> = HashTable::new();
    let samples = profile.samples();
    for (sample, &value) in samples.iter().zip(samples.values(sample_type)) {
        let hash = seed.row(&(sample.origin, sample.stack));
        let found =
            index.find(hash, |&row| (rows[row].origin, rows[row].stack) == (sample.origin, sample.stack));
        if let Some(&row) = found {
            rows[row].value = rows[row].value.checked_add(value).ok_or(BuildError::Overflow)?;
        } else {
            rows.push(Folded { origin: sample.origin, stack: sample.stack, value });
            index.insert_unique(hash, rows.len() - 1, |&row| seed.row(&(rows[row].origin, rows[row].stack)));
        }
    }
    Ok(rows)
}
