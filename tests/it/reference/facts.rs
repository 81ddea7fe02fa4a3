//! What a profile says, by names: functions and pairs of caller and callee with their numbers. The truth is made of the
//! model by the plainest code there is, none of which profkit's views or writers use; readers fill the same table.

use std::collections::{BTreeMap, BTreeSet};

use profkit_profile::{Frame, Profile};

/// The numbers of a function or of a pair; `None` where nobody says.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Numbers {
    pub(super) own: Option<i128>,
    pub(super) total: Option<i128>,
    pub(super) calls: Option<i128>,
    pub(super) primitive: Option<i128>,
}

/// A number of [`Numbers`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Field {
    Own,
    Total,
    Calls,
    Primitive,
}

impl Field {
    pub(super) const ALL: [Self; 4] = [Self::Own, Self::Total, Self::Calls, Self::Primitive];

    pub(super) fn of(self, numbers: &Numbers) -> Option<i128> {
        match self {
            Self::Own => numbers.own,
            Self::Total => numbers.total,
            Self::Calls => numbers.calls,
            Self::Primitive => numbers.primitive,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Own => "self",
            Self::Total => "total",
            Self::Calls => "calls",
            Self::Primitive => "primitive calls",
        }
    }
}

/// Functions and pairs of caller and callee.
#[derive(Clone, Default, Debug)]
pub(super) struct Facts {
    pub(super) functions: BTreeMap<String, Numbers>,
    pub(super) edges: BTreeMap<(String, String), Numbers>,
}

/// How a reader calls a frame.
pub(super) type Spelling<'a> = &'a dyn Fn(&Profile, Frame) -> String;

pub(super) fn add(sum: &mut Option<i128>, value: i128) {
    *sum = Some(sum.unwrap_or(0) + value);
}

impl Facts {
    /// What the model says of a sample type.
    pub(super) fn of(profile: &Profile, sample_type: Option<usize>, spelling: Spelling<'_>) -> Self {
        let mut facts = Self::default();
        facts.add_samples(profile, sample_type, spelling);
        facts.add_call_tables(profile, sample_type, spelling);
        facts
    }

    /// The same for a format of call edges, in which samples without a stack are a function of their own.
    pub(super) fn of_calls(
        profile: &Profile,
        sample_type: Option<usize>,
        spelling: Spelling<'_>,
        no_stack: &str,
    ) -> Self {
        let mut facts = Self::of(profile, sample_type, spelling);
        let samples = profile.samples();
        for (row, _) in samples.stacks().iter().enumerate().filter(|(_, stack)| stack.is_none()) {
            let of = |column: usize| i128::from(samples.values(column)[row]);
            facts.add_stack(&[no_stack.to_owned()], sample_type.map_or(0, of), profile.calls_type().map(of));
        }
        facts
    }

    /// A stack, root first, and what is measured at its leaf. Recursion is counted as cProfile counts it.
    pub(super) fn add_stack(&mut self, stack: &[String], value: i128, calls: Option<i128>) {
        let mut seen = BTreeSet::new();
        for name in stack {
            let numbers = self.functions.entry(name.clone()).or_default();
            add(&mut numbers.own, 0);
            add(&mut numbers.total, if seen.insert(name) { value } else { 0 });
        }
        let pairs: Vec<(String, String)> =
            stack.windows(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        let mut seen = BTreeSet::new();
        for pair in &pairs {
            let numbers = self.edges.entry(pair.clone()).or_default();
            add(&mut numbers.own, 0);
            add(&mut numbers.total, if seen.insert(pair) { value } else { 0 });
        }
        let Some((leaf, above)) = stack.split_last() else { return };
        let outermost = !above.contains(leaf);
        at_leaf(self.functions.get_mut(leaf).unwrap(), value, calls, outermost);
        if let Some((pair, above)) = pairs.split_last() {
            at_leaf(self.edges.get_mut(pair).unwrap(), value, calls, !above.contains(pair));
        }
    }

    fn add_samples(&mut self, profile: &Profile, sample_type: Option<usize>, spelling: Spelling<'_>) {
        let stack_of = |id| {
            let mut names: Vec<String> = profile
                .stacks()
                .leaf_first(id)
                .map(|frame| spelling(profile, profile.frames()[frame]))
                .collect();
            names.reverse();
            names
        };
        let samples = profile.samples();
        let calls_type = profile.calls_type();
        for (row, sample) in samples.iter().enumerate() {
            let value = sample_type.map_or(0, |column| i128::from(samples.values(column)[row]));
            let calls = calls_type.map(|column| i128::from(samples.values(column)[row]));
            self.add_stack(&stack_of(sample.stack), value, calls);
        }
        if calls_type.is_none() {
            let tracks = profile.tracks();
            for interval in tracks.tracks().iter().flat_map(|track| tracks.calls(track)) {
                self.add_stack(&stack_of(Some(interval.stack)), 0, Some(1));
            }
        }
    }

    fn add_call_tables(&mut self, profile: &Profile, sample_type: Option<usize>, spelling: Spelling<'_>) {
        let name = |function| spelling(profile, Frame::of(function));
        let functions = profile.calls().functions();
        for (row, function) in functions.rows().iter().enumerate() {
            let numbers = self.functions.entry(name(function.function)).or_default();
            if let Some(column) = sample_type {
                add(&mut numbers.own, functions.own(column)[row].into());
                add(&mut numbers.total, functions.total(column)[row].into());
            }
            add_known(numbers, function.calls, function.primitive_calls);
        }
        let edges = profile.calls().edges();
        for (row, edge) in edges.rows().iter().enumerate() {
            let numbers = self.edges.entry((name(edge.caller), name(edge.callee))).or_default();
            if let Some(column) = sample_type {
                if edge.has_self {
                    add(&mut numbers.own, edges.own(column)[row].into());
                }
                if edge.has_total {
                    add(&mut numbers.total, edges.total(column)[row].into());
                }
            }
            add_known(numbers, edge.calls, edge.primitive_calls);
        }
    }
}

fn at_leaf(numbers: &mut Numbers, value: i128, calls: Option<i128>, outermost: bool) {
    add(&mut numbers.own, value);
    if let Some(calls) = calls {
        add(&mut numbers.calls, calls);
        add(&mut numbers.primitive, if outermost { calls } else { 0 });
    }
}

fn add_known(numbers: &mut Numbers, calls: Option<i64>, primitive: Option<i64>) {
    if let Some(calls) = calls {
        add(&mut numbers.calls, calls.into());
    }
    if let Some(primitive) = primitive {
        add(&mut numbers.primitive, primitive.into());
    }
}
