//! What a profile says, whatever the order of its tables: values by function, for samples and for call tables. Functions
//! go by name and file; lines, labels and origins are left out, since many formats hold them only in part.

use std::collections::{BTreeMap, BTreeSet};

use profkit_profile::{FunctionId, Profile};

/// Statements in words that compare, such as `sampled main (a.py)` with its values.
type Statements = BTreeMap<String, Vec<i128>>;

/// What a profile says.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Content(Statements);

impl Content {
    /// The content of a profile. Rows of zeros say nothing.
    #[must_use]
    pub fn of(profile: &Profile) -> Self {
        let mut said = Statements::default();
        let scales: Vec<i128> = profile.sample_types().iter().map(|kind| scale(kind.decimals)).collect();
        for (index, kind) in profile.sample_types().iter().enumerate() {
            let (name, unit) =
                (profile.bytes(kind.name).escape_ascii(), profile.bytes(kind.unit).escape_ascii());
            said.insert(format!("sample type {index} is {name}/{unit}"), vec![1]);
        }
        samples(profile, &scales, &mut said);
        calls(profile, &scales, &mut said);
        said.retain(|_, values| values.iter().any(|&value| value != 0));
        Self(said)
    }

    /// A few of the differences, `-` what only `self` says, `+` what only the other one says.
    #[must_use]
    pub fn difference(&self, other: &Self) -> String {
        let lines = |content: &Self| -> BTreeSet<String> {
            content.0.iter().map(|(words, values)| format!("{words}: {values:?}")).collect()
        };
        let (mine, others) = (lines(self), lines(other));
        let lost = mine.difference(&others).take(5).map(|line| format!("- {line}\n"));
        lost.chain(others.difference(&mine).take(5).map(|line| format!("+ {line}\n"))).collect()
    }
}

/// Summed values of the samples by their innermost function.
fn samples(profile: &Profile, scales: &[i128], said: &mut Statements) {
    for (row, sample) in profile.samples().iter().enumerate() {
        let frame = sample.stack.map(|stack| profile.frames()[profile.stacks()[stack].frame]);
        let function = frame.and_then(|frame| frame.function);
        let words = match (frame, function) {
            (None, _) => "sampled nothing".to_owned(),
            (_, None) => "sampled no function".to_owned(),
            (_, Some(function)) => format!("sampled {}", name(profile, function)),
        };
        add(said.entry(words).or_default(), &scaled(&profile.samples().row_values(row), scales));
    }
}

/// Summed calls and self values of the call tables by function, and calls by caller and callee.
fn calls(profile: &Profile, scales: &[i128], said: &mut Statements) {
    let (functions, edges) = (profile.calls().functions(), profile.calls().edges());
    for (row, calls) in functions.rows().iter().enumerate() {
        let words = format!("called {}", name(profile, calls.function));
        let mut values = scaled(&functions.values(row).0, scales);
        values.push(calls.calls.unwrap_or(0).into());
        add(said.entry(words).or_default(), &values);
    }
    for edge in edges.rows() {
        let words = format!("{} called {}", name(profile, edge.caller), name(profile, edge.callee));
        add(said.entry(words).or_default(), &[edge.calls.unwrap_or(0).into()]);
    }
}

fn name(profile: &Profile, function: FunctionId) -> String {
    let function = profile.functions()[function];
    let (name, file) = (profile.bytes(function.name), profile.bytes(function.file));
    format!("`{}` of `{}`", name.escape_ascii(), file.escape_ascii())
}

/// What makes values with so many decimals comparable to others.
fn scale(decimals: u8) -> i128 {
    10_i128.pow(18_u32.saturating_sub(decimals.into()))
}

fn scaled(values: &[i64], scales: &[i128]) -> Vec<i128> {
    values.iter().zip(scales).map(|(&value, scale)| i128::from(value) * scale).collect()
}

fn add(sums: &mut Vec<i128>, values: &[i128]) {
    sums.resize(values.len(), 0);
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum = sum.saturating_add(*value));
}
