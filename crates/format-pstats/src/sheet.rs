//! What is written: the call tables of a profile by pstats keys, each key once and each pair of keys once.
//!
//! What would surprise: sums are 128 bits wide, so nothing overflows here; what is too large to be read back is found
//! before it is written (see `fit`).

use std::borrow::Cow;
use std::hash::Hash;

use foldhash::{HashMap, HashMapExt};
use profkit_profile::{Function, FunctionId, Id, Profile, nearest};

use crate::text::escaped;

/// The call tables by key.
pub(crate) struct Sheet<'p> {
    /// In the order of the profile's rows; callers and callees without a row of their own at the end.
    pub(crate) rows: Vec<SheetRow<'p>>,
    /// What could not be told apart or said.
    pub(crate) merged: Merged,
}

/// One function of the dump.
pub(crate) struct SheetRow<'p> {
    pub(crate) key: Key<'p>,
    pub(crate) calls: Calls,
    pub(crate) own: i128,
    pub(crate) total: i128,
    /// In the order of the profile's rows.
    pub(crate) callers: Vec<Caller>,
    /// How many rows of the profile it sums.
    pub(crate) sources: usize,
}

/// A key of the dump: text and a number.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key<'p> {
    pub(crate) file: Cow<'p, [u8]>,
    pub(crate) line: i64,
    pub(crate) name: Cow<'p, [u8]>,
}

/// One caller of a function.
#[derive(Default)]
pub(crate) struct Caller {
    /// Its row.
    pub(crate) row: usize,
    pub(crate) calls: Calls,
    /// The sums of what is known.
    pub(crate) own: i128,
    pub(crate) total: i128,
    /// The edges whose self value is not known.
    pub(crate) without_own: Unknown,
    /// The edges whose total is not known.
    pub(crate) without_total: Unknown,
}

/// Edges of which a value is not known, and what is.
#[derive(Clone, Copy, Default)]
pub(crate) struct Unknown {
    pub(crate) edges: usize,
    pub(crate) calls: i128,
    pub(crate) total: i128,
}

/// Calls, as far as they are known.
#[derive(Clone, Copy, Default)]
pub(crate) struct Calls {
    pub(crate) all: Option<i128>,
    pub(crate) primitive: Option<i128>,
}

/// What sums hide.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Merged {
    /// Functions that differ in nothing that a key holds.
    pub(crate) functions: usize,
    /// Names that are not text and had to be changed.
    pub(crate) names: usize,
    /// Rows whose calls are known, summed with rows whose calls are not.
    pub(crate) partial_calls: usize,
    /// Rows whose primitive calls are not known though their calls are.
    pub(crate) unknown_primitive: usize,
}

impl Calls {
    fn add(&mut self, all: Option<i64>, primitive: Option<i64>) {
        let sum = |sum: &mut Option<i128>, value: Option<i64>| {
            if let Some(value) = value {
                *sum = Some(sum.unwrap_or(0) + i128::from(value));
            }
        };
        sum(&mut self.all, all);
        sum(&mut self.primitive, primitive);
    }

    /// The two numbers of a tuple: primitive and all. Unknown calls are 0, and unknown primitive calls are all.
    pub(crate) fn numbers(self) -> (i128, i128) {
        let all = self.all.unwrap_or(0);
        (if self.all.is_some() { self.primitive.unwrap_or(all) } else { 0 }, all)
    }
}

impl<'p> Sheet<'p> {
    /// Sums the call tables. The values are those of the sample type `column`, zeros if there is none.
    pub(crate) fn new(profile: &'p Profile, column: Option<usize>) -> Self {
        let mut builder = SheetBuilder {
            profile,
            column,
            rows: Vec::new(),
            by_function: vec![None; profile.functions().len()],
            by_key: HashMap::new(),
            pairs: HashMap::new(),
            merged: Merged::default(),
        };
        builder.add_functions();
        builder.add_edges();
        Sheet { rows: builder.rows, merged: builder.merged }
    }

    /// Every value of every function and caller.
    pub(crate) fn values(&self) -> impl Iterator<Item = i128> {
        self.rows.iter().flat_map(|row| {
            let callers = row.callers.iter().flat_map(|caller| [caller.own, caller.total]);
            callers.chain([row.own, row.total])
        })
    }

    /// Makes whole numbers of the values that the sampled form has, each of them so many parts of one; how many of them
    /// were none.
    pub(crate) fn round(&mut self, divisor: i128) -> usize {
        let mut fractions = 0;
        for row in &mut self.rows {
            let callers = row.callers.iter_mut().map(|caller| &mut caller.total);
            for value in callers.chain([&mut row.own, &mut row.total]) {
                fractions += usize::from(*value % divisor != 0);
                *value = nearest(*value, divisor);
            }
        }
        fractions
    }
}

struct SheetBuilder<'p> {
    profile: &'p Profile,
    column: Option<usize>,
    rows: Vec<SheetRow<'p>>,
    by_function: Vec<Option<usize>>,
    by_key: HashMap<Key<'p>, usize>,
    /// By callee's row and caller's row, which of the callee's callers it is.
    pairs: HashMap<(usize, usize), usize>,
    merged: Merged,
}

impl<'p> SheetBuilder<'p> {
    fn add_functions(&mut self) {
        let functions = self.profile.calls().functions();
        let values = |index: usize| {
            let column = |column: usize| (functions.own(column)[index], functions.total(column)[index]);
            self.column.map_or((0, 0), column)
        };
        let rows: Vec<_> =
            functions.rows().iter().enumerate().map(|(index, row)| (row, values(index))).collect();
        for (row, (own, total)) in rows {
            let index = self.row(row.function);
            let Some(sum) = self.rows.get_mut(index) else { continue };
            let known = (row.calls.is_some(), row.primitive_calls.is_some());
            self.merged.partial_calls += usize::from(sum.sources > 0 && sum.calls.all.is_some() != known.0);
            self.merged.unknown_primitive += usize::from(known == (true, false));
            sum.calls.add(row.calls, row.primitive_calls);
            sum.own += i128::from(own);
            sum.total += i128::from(total);
            sum.sources += 1;
        }
    }

    fn add_edges(&mut self) {
        let edges = self.profile.calls().edges();
        for (index, edge) in edges.rows().iter().enumerate() {
            let column = |column: usize| (edges.own(column)[index], edges.total(column)[index]);
            let (own, total) = self.column.map_or((0, 0), column);
            let (own, total) = (i128::from(own), i128::from(total));
            let (callee, caller) = (self.row(edge.callee), self.row(edge.caller));
            let Some(row) = self.rows.get_mut(callee) else { continue };
            let place = *self.pairs.entry((callee, caller)).or_insert_with(|| {
                row.callers.push(Caller { row: caller, ..Caller::default() });
                row.callers.len() - 1
            });
            let Some(sum) = row.callers.get_mut(place) else { continue };
            sum.calls.add(edge.calls, edge.primitive_calls);
            let calls = i128::from(edge.calls.unwrap_or(0));
            let known_total = if edge.has_total { total } else { 0 };
            if edge.has_self {
                sum.own += own;
            } else {
                sum.without_own.add(calls, known_total);
            }
            if edge.has_total {
                sum.total += total;
            } else {
                sum.without_total.add(calls, 0);
            }
        }
    }

    /// The row of a function, a new one if need be.
    fn row(&mut self, function: FunctionId) -> usize {
        if let Some(row) = self.by_function[function.index()] {
            return row;
        }
        let key = Key::of(self.profile, self.profile.functions()[function]);
        let odd = [&key.file, &key.name].into_iter().filter(|text| matches!(text, Cow::Owned(_)));
        self.merged.names += odd.count();
        let next = self.rows.len();
        let row = *self.by_key.entry(key.clone()).or_insert(next);
        if row == next {
            let calls = Calls::default();
            self.rows.push(SheetRow { key, calls, own: 0, total: 0, callers: Vec::new(), sources: 0 });
        } else {
            self.merged.functions += 1;
        }
        self.by_function[function.index()] = Some(row);
        row
    }
}

impl<'p> Key<'p> {
    fn of(profile: &'p Profile, function: Function) -> Self {
        Self {
            file: escaped(profile.bytes(function.file)),
            line: function.first_line,
            name: escaped(profile.bytes(function.shown_name())),
        }
    }
}

impl Unknown {
    fn add(&mut self, calls: i128, total: i128) {
        self.edges += 1;
        self.calls += calls;
        self.total += total;
    }
}
