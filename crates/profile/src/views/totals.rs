//! Self and total of every function (or line, file, module): the table that people read first.
//!
//! Both shapes of evidence are summed: what the samples say and what the call tables say.

use crate::id::{FunctionId, Id, StackId};
use crate::profile::Profile;
use crate::views::groups::{Grouping, Groups};
use crate::views::walk::{Saturated, outermost, own_by_stack, sum_subtrees};

/// Self, total and calls of every group.
#[derive(Clone, Debug)]
pub struct Totals {
    /// Which rows there are.
    pub groups: Groups,
    /// By sample type, then group.
    own: Vec<Vec<i64>>,
    total: Vec<Vec<i64>>,
    calls: Vec<Option<i64>>,
    primitive_calls: Vec<Option<i64>>,
    /// Sum of self by sample type, samples without a stack included.
    sums: Vec<i64>,
    /// Whether any of these sums did not fit 64 bits.
    pub saturated: Saturated,
}

/// The totals of every function.
#[must_use]
pub fn totals(profile: &Profile) -> Totals {
    totals_by(profile, Grouping::Function)
}

/// The totals of every group. The total of a group counts a stack once, however often the group is on it.
///
/// The call tables know totals of functions only: with another grouping they count as self, so make stacks
/// of them first ([`estimate_stacks`](crate::views::estimate::estimate_stacks)).
#[must_use]
pub fn totals_by(profile: &Profile, grouping: Grouping) -> Totals {
    let groups = Groups::new(profile, grouping);
    let (types, rows) = (profile.sample_types().len(), groups.groups().len());
    let mut totals = Totals {
        groups,
        own: vec![vec![0; rows]; types],
        total: vec![vec![0; rows]; types],
        calls: vec![None; rows],
        primitive_calls: vec![None; rows],
        sums: vec![0; types],
        saturated: Saturated::default(),
    };
    totals.add_samples(profile);
    totals.add_call_tables(profile, grouping);
    totals
}

impl Totals {
    /// The self value of a function; 0 where it has none.
    #[must_use]
    pub fn own(&self, function: FunctionId, sample_type: usize) -> i64 {
        self.row(function).map_or(0, |row| self.own[sample_type][row])
    }

    /// The total of a function; 0 where it has none.
    #[must_use]
    pub fn total(&self, function: FunctionId, sample_type: usize) -> i64 {
        self.row(function).map_or(0, |row| self.total[sample_type][row])
    }

    /// The self values of all groups for a sample type.
    #[must_use]
    pub fn own_column(&self, sample_type: usize) -> &[i64] {
        &self.own[sample_type]
    }

    /// The totals of all groups for a sample type.
    #[must_use]
    pub fn total_column(&self, sample_type: usize) -> &[i64] {
        &self.total[sample_type]
    }

    /// All calls of each group; `None` where nothing counts them.
    #[must_use]
    pub fn calls(&self) -> &[Option<i64>] {
        &self.calls
    }

    /// The calls of each group while it was not running already.
    #[must_use]
    pub fn primitive_calls(&self) -> &[Option<i64>] {
        &self.primitive_calls
    }

    /// The sum of self for a sample type: the whole profile.
    #[must_use]
    pub fn sum(&self, sample_type: usize) -> i64 {
        self.sums[sample_type]
    }

    fn row(&self, function: FunctionId) -> Option<usize> {
        self.groups.of_function(function)
    }

    fn add_samples(&mut self, profile: &Profile) {
        if profile.samples().is_empty() {
            return;
        }
        let stacks = profile.stacks();
        let key = |id: StackId| self.groups.of_frame(stacks[id].frame);
        let outer = outermost(stacks, key, self.groups.groups().len());
        for sample_type in 0..profile.sample_types().len() {
            for &value in profile.samples().values(sample_type) {
                self.saturated.add(&mut self.sums[sample_type], value);
            }
            let mut values = own_by_stack(profile, sample_type, &mut self.saturated);
            for (id, stack) in stacks.iter() {
                let group = self.groups.of_frame(stack.frame);
                self.saturated.add(&mut self.own[sample_type][group], values[id.index()]);
            }
            sum_subtrees(stacks, &mut values, &mut self.saturated);
            for (id, stack) in stacks.iter().filter(|(id, _)| outer[id.index()]) {
                let group = self.groups.of_frame(stack.frame);
                self.saturated.add(&mut self.total[sample_type][group], values[id.index()]);
            }
        }
        self.add_sampled_calls(profile, &outer);
    }

    /// Calls come from the values of `calls`/`count`, else from the number of intervals of tracks that have every call.
    fn add_sampled_calls(&mut self, profile: &Profile, outer: &[bool]) {
        let mut calls = vec![0; profile.stacks().len()];
        if let Some(sample_type) = profile.calls_type() {
            calls = own_by_stack(profile, sample_type, &mut self.saturated);
        } else {
            let tracks = profile.tracks();
            let mut intervals = tracks.tracks().iter().flat_map(|track| tracks.calls(track)).peekable();
            if intervals.peek().is_none() {
                return;
            }
            for interval in intervals {
                calls[interval.stack.index()] += 1;
            }
        }
        for (id, stack) in profile.stacks().iter() {
            let group = self.groups.of_frame(stack.frame);
            let value = calls[id.index()];
            self.saturated.add(self.calls[group].get_or_insert(0), value);
            if outer[id.index()] {
                self.saturated.add(self.primitive_calls[group].get_or_insert(0), value);
            }
        }
    }

    fn add_call_tables(&mut self, profile: &Profile, grouping: Grouping) {
        let functions = profile.calls().functions();
        for (row, calls) in functions.rows().iter().enumerate() {
            let Some(group) = self.groups.of_function(calls.function) else { continue };
            let saturated = &mut self.saturated;
            for sample_type in 0..profile.sample_types().len() {
                let own = functions.own(sample_type)[row];
                let total =
                    if grouping == Grouping::Function { functions.total(sample_type)[row] } else { own };
                saturated.add(&mut self.own[sample_type][group], own);
                saturated.add(&mut self.total[sample_type][group], total);
                saturated.add(&mut self.sums[sample_type], own);
            }
            let known = [
                (calls.calls, &mut self.calls[group]),
                (calls.primitive_calls, &mut self.primitive_calls[group]),
            ];
            for (value, sum) in known {
                if let Some(value) = value {
                    saturated.add(sum.get_or_insert(0), value);
                }
            }
        }
    }
}
