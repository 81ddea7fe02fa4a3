//! What changed between two profiles, or between several runs of each: per function and per stack, self and total.
//!
//! A [`Comparison`] merges all runs of both sides into one set of tables, so that functions, stacks and columns are the
//! same by the rules of [merging](crate) (qualified name, file, first line), while each value remembers its run. One thing
//! is added: a function that has moved in its file is followed, if each side has one of its name there. The
//! total of a function is summed from stacks, each of which counts once however often the function is on it, so a
//! caller grows by what its callee grew; call tables have totals of their own, and those are taken.
//!
//! ```
//! use profkit_merge::diff::{Comparison, DiffOptions};
//! use profkit_profile::{Frame, Function, Profile, ProfileBuilder, Sample};
//!
//! /// `main` calls `work`, which takes so many nanoseconds.
//! fn profile(work: i64) -> Profile {
//!     let mut builder = ProfileBuilder::new();
//!     builder.sample_type(b"cpu", b"nanoseconds").unwrap();
//!     let mut stack = None;
//!     for name in [&b"main"[..], b"work"] {
//!         let name = builder.string(name).unwrap();
//!         let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
//!         let frame = builder.frame(Frame::of(function)).unwrap();
//!         stack = Some(builder.stack(stack, frame).unwrap());
//!     }
//!     builder.sample(Sample::of(stack), &[work]).unwrap();
//!     builder.finish().unwrap()
//! }
//!
//! let comparison = Comparison::new(&[profile(100)], &[profile(150)], &DiffOptions::default())?;
//! let rows = comparison.functions()?.rows;
//! let main = rows.iter().find(|row| comparison.name(row.key) == "main").unwrap();
//! assert_eq!((main.own.absolute(), main.total.absolute()), (0.0, 50.0));
//! assert_eq!(main.total.relative(), Some(0.5));
//! # Ok::<(), profkit_merge::diff::DiffError>(())
//! ```
//!
//! # What is compared with what
//!
//! Values of runs are made comparable by a factor each ([`Normalize`]), then averaged over the runs of a side. Sampling
//! rates do not show unless [`Normalize::None`] is asked for: times do not depend on them, and counts of samples are scaled
//! by their periods.
//!
//! # What is a change and what is noise
//!
//! With several runs on a side, each self and total is tested by Student's t on the values of the runs (Welch's, where the
//! sides have unequal numbers of runs), and p is corrected over all that were tested (Holm): where nothing has changed, a
//! comparison finds something in at most 5 of 100 cases ([`ERROR_RATE`]). The variance of a side is never taken to be less than that of counting its samples. What
//! is below a thousandth of the whole ([`LEAST_SHARE`]) is not tested and always noise. With one run a side only
//! the counting error of sampled profiles is known, and p tells how likely counting alone makes such a difference.

mod align;
mod moved;
mod normalize;
mod output;
mod rows;
mod verdict;

use std::borrow::Cow;

use profkit_profile::views::call_tree::CallTree;
use profkit_profile::views::groups::{Group, Grouping, Groups};
use profkit_profile::{BuildError, Profile};

use crate::paths::PathRules;
pub use normalize::Normalize;
pub use rows::Row;
pub use verdict::{Change, ERROR_RATE, LEAST_SHARE, Test};

use align::Runs;
use normalize::{Factors, Value, Words};

/// How to compare.
#[derive(Clone, Debug, Default)]
pub struct DiffOptions {
    /// Name of the sample type to compare; if `None` the default of the base where it counts no samples, else the first
    /// that counts time on both sides.
    pub value: Option<String>,
    /// What makes runs comparable; if `None`, [`Normalize::None`], but for counts of samples [`Normalize::Rate`] where rates
    /// differ and [`Normalize::Total`] where they are not known.
    pub normalize: Option<Normalize>,
    /// How paths are changed, so that those of different machines meet.
    pub paths: PathRules,
}

/// Why two profiles cannot be compared.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// A side has no run.
    #[error("nothing to compare: a side has no profile")]
    NoRuns,
    /// The wanted sample type is not in all runs.
    #[error("there is no value `{wanted}` on both sides: base has {base}, new has {new}")]
    NoSuchValue {
        /// The one that was asked for.
        wanted: String,
        /// The sample types that all runs of the base have.
        base: String,
        /// Those that all runs of the new side have.
        new: String,
    },
    /// No sample type is in all runs.
    #[error("no value to compare is on both sides: base has {base}, new has {new}")]
    NoCommonValue {
        /// The sample types that all runs of the base have.
        base: String,
        /// Those that all runs of the new side have.
        new: String,
    },
    /// Stacks are asked of a profile with call tables: make them first, by
    /// [`estimate_stacks`](profkit_profile::views::estimate::estimate_stacks).
    #[error("stacks are not known, only callers and callees")]
    NeedsStacks,
    /// See [`BuildError`].
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// What was compared.
#[derive(Clone, Debug)]
pub struct Rows<K> {
    /// One for each function, or stack.
    pub rows: Vec<Row<K>>,
    /// The grand totals, tested together with the rows.
    pub total: Change,
}

/// What was compared of stacks. A row has the node of its last function in a tree: whole paths would take memory by the square of
/// their length.
#[derive(Clone, Debug)]
pub struct Stacks {
    /// One for each node of the tree.
    pub rows: Rows<usize>,
    groups: Groups,
    tree: CallTree,
}

impl Stacks {
    /// The functions of a stack, root first.
    ///
    /// # Panics
    /// If there is no such node.
    #[must_use]
    pub fn path(&self, node: usize) -> Vec<Group> {
        let nodes = std::iter::successors(Some(node), |&node| self.tree.nodes[node].parent);
        let mut path: Vec<Group> =
            nodes.map(|node| self.groups.groups()[self.tree.nodes[node].group]).collect();
        path.reverse();
        path
    }

    /// For each node its place among all, where they are sorted by the keys of the functions on their paths.
    #[must_use]
    pub fn ranks<K: Ord>(&self, key: impl Fn(Group) -> K) -> Vec<usize> {
        let mut ranks = vec![0; self.tree.nodes.len()];
        let order = self.tree.depth_first(|group| key(self.groups.groups()[group]));
        for (rank, node) in order.into_iter().enumerate() {
            ranks[node] = rank;
        }
        ranks
    }
}

/// Two sides, aligned.
#[derive(Debug)]
pub struct Comparison {
    runs: Runs,
    value: Value,
    normalize: Normalize,
    factors: Factors,
    notes: Vec<String>,
}

impl Comparison {
    /// Aligns the runs of both sides.
    ///
    /// # Errors
    /// See [`DiffError`].
    pub fn new(base: &[Profile], new: &[Profile], options: &DiffOptions) -> Result<Self, DiffError> {
        if base.is_empty() || new.is_empty() {
            return Err(DiffError::NoRuns);
        }
        let words = Words::of_runs(base.iter().chain(new));
        let chosen = normalize::choose(base, new, &words, options.value.as_deref())?;
        let runs = Runs::align(base, new, &words, &options.paths)?;
        let value = Value::find(&runs.tables, &chosen)
            .ok_or(DiffError::Build(BuildError::Invalid("a column is lost".to_owned())))?;
        let mut notes = Vec::new();
        match runs.moved {
            0 => {}
            1 => notes
                .push("1 function begins at another line in the base; it is taken for the same".to_owned()),
            moved => notes.push(format!(
                "{moved} functions begin at other lines in the base; they are taken for the same"
            )),
        }
        let (normalize, factors) = normalize::factors(&runs, value, options.normalize, &mut notes);
        Ok(Self { runs, value, normalize, factors, notes })
    }

    /// The tables that the keys of rows refer to: those of all runs, merged. It has no values.
    #[must_use]
    pub fn tables(&self) -> &Profile {
        &self.runs.tables
    }

    /// The sample type that is compared, in [`tables`](Self::tables). All values are in its unit.
    #[must_use]
    pub fn sample_type(&self) -> usize {
        self.value.column
    }

    /// What made runs comparable.
    #[must_use]
    pub fn normalize(&self) -> Normalize {
        self.normalize
    }

    /// How many runs the base has, and the new side.
    #[must_use]
    pub fn run_counts(&self) -> (usize, usize) {
        self.runs.counts()
    }

    /// What tells changes from noise.
    #[must_use]
    pub fn test(&self) -> Test {
        match self.run_counts() {
            (1, 1) if self.factors.quantum.iter().any(|&quantum| quantum > 0.0) => Test::Counting,
            (1, 1) => Test::Nothing,
            _ => Test::Runs,
        }
    }

    /// What a person should know about how runs were made comparable, a line each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The mean of the grand totals of each side, as measured.
    #[must_use]
    pub fn measured(&self) -> (f64, f64) {
        let means = self.runs.means(&self.factors.measured);
        (means[0], means[1])
    }

    /// Every function that has a value in any run, in no particular order.
    ///
    /// # Errors
    /// Where a table is full.
    pub fn functions(&self) -> Result<Rows<Group>, DiffError> {
        let measured = rows::functions(&self.runs, self.value.column, &self.factors.of_value);
        let (rows, total) = verdict::judge(measured, &self.runs, &self.factors);
        Ok(Rows { rows, total })
    }

    /// Every stack that has a value in any run, in no particular order. Stacks that differ in lines only are one. They are
    /// tested apart from the functions, with the same error rate.
    ///
    /// # Errors
    /// [`DiffError::NeedsStacks`] where there are call tables.
    pub fn stacks(&self) -> Result<Stacks, DiffError> {
        self.check_stacks()?;
        let measured = rows::stacks(&self.runs, self.value.column, &self.factors.of_value);
        let (rows, total) = verdict::judge(measured, &self.runs, &self.factors);
        let tables = &self.runs.tables;
        let groups = Groups::new(tables, Grouping::Function);
        let tree = CallTree::new(tables, &groups, self.value.column);
        Ok(Stacks { rows: Rows { rows, total }, groups, tree })
    }

    /// The difference as a profile: what is new as it is, what is in the base negative and with the label
    /// `pprof::base`, which is what `go tool pprof -diff_base` makes of two files (google/pprof,
    /// `internal/driver/fetch.go`), so that `go tool pprof` shows differences and percentages of the base. Values are
    /// those of the rows: scaled, means of several runs, rounded to whole units. Each is rounded for itself where a side has
    /// one run; else what rounding takes from one goes to the next, so that sums stay, and stacks of a part of a sample do not vanish.
    ///
    /// # Errors
    /// [`DiffError::NeedsStacks`] where there are call tables.
    pub fn difference(&self) -> Result<Profile, DiffError> {
        self.check_stacks()?;
        Ok(output::difference(&self.runs, &self.factors)?)
    }

    /// Both sides as one profile with the sample types `before` and `after`: what collapsed stacks with two counts and
    /// differential flame graphs are made of. Values are those of [`difference`](Self::difference).
    ///
    /// # Errors
    /// [`DiffError::NeedsStacks`] where there are call tables.
    pub fn before_after(&self) -> Result<Profile, DiffError> {
        self.check_stacks()?;
        Ok(output::before_after(&self.runs, self.value.column, &self.factors)?)
    }

    /// The name of a function, for people.
    #[must_use]
    pub fn name(&self, key: Group) -> Cow<'_, str> {
        match key {
            Group::Function(id) | Group::Line(id, _) => {
                self.tables().text(self.tables().functions()[id].name)
            }
            Group::Address(_, address) => format!("{address:#x}").into(),
            Group::File(file) | Group::Module(file) => self.tables().text(file),
            Group::Binary(id) => self.tables().text(self.tables().mappings()[id].file),
        }
    }

    fn check_stacks(&self) -> Result<(), DiffError> {
        let has_calls = self.runs.profile.calls().functions().rows();
        if has_calls.is_empty() { Ok(()) } else { Err(DiffError::NeedsStacks) }
    }
}
