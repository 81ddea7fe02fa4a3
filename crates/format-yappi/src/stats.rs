//! The rows of a profile as yappi has them: one function a `full_name`, each with its callees.

use foldhash::{HashMap, HashMapExt};
use profkit_profile::{Dimension, FunctionId, Id, LabelSetId, OriginId, Profile};

use crate::builtin;
use crate::context;
use crate::encode::python_text;
use crate::last_place::Nudges;

/// What yappi stores of a function.
#[derive(Debug)]
pub(crate) struct FuncStat {
    pub(crate) name: Vec<u8>,
    pub(crate) module: Vec<u8>,
    pub(crate) full_name: Vec<u8>,
    pub(crate) line: i64,
    pub(crate) builtin: bool,
    pub(crate) context: Context,
    pub(crate) values: Values,
    pub(crate) children: Vec<Child>,
    /// How many rows the profile has for it.
    pub(crate) rows: usize,
    /// The last bits of its times, if it is one row.
    pub(crate) nudges: Nudges,
}

/// A callee of a function.
#[derive(Debug)]
pub(crate) struct Child {
    /// Its row.
    pub(crate) callee: usize,
    pub(crate) values: Values,
}

/// Sums of calls and times, the latter in nanoseconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Values {
    pub(crate) calls: i128,
    pub(crate) primitive_calls: i128,
    pub(crate) own: i128,
    pub(crate) total: i128,
}

impl Values {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.primitive_calls += other.primitive_calls;
        self.own += other.own;
        self.total += other.total;
    }
}

/// The thread or greenlet of a function, and its tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Context {
    pub(crate) id: i64,
    pub(crate) name: Option<Vec<u8>>,
    pub(crate) tag: i64,
}

/// Everything that yappi stores, and what it could not.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) functions: Vec<FuncStat>,
    pub(crate) changed_names: usize,
    pub(crate) same_names: usize,
    pub(crate) unknown_calls: usize,
    pub(crate) unknown_own: usize,
    pub(crate) unknown_total: usize,
    /// Functions that only their callers know, with values.
    pub(crate) rowless: usize,
    /// Callers that only their callees give a time.
    pub(crate) roots: usize,
}

/// The values of one sample type as nanoseconds.
pub(crate) struct Clock {
    pub(crate) sample_type: usize,
    /// Whether it counts time at all.
    pub(crate) is_time: bool,
    factor: i128,
    divisor: i128,
}

impl Clock {
    /// What is not a time has to look like one: one of it is written as one second, so that the numbers are the same.
    pub(crate) fn new(profile: &Profile, sample_type: usize) -> Self {
        let row = profile.sample_types()[sample_type];
        let unit = profile.unit(sample_type);
        let is_time = unit.dimension == Dimension::Time;
        let factor = if is_time { i128::from(unit.factor) } else { 1_000_000_000 };
        let divisor = 10_i128.checked_pow(u32::from(row.decimals)).unwrap_or(i128::MAX);
        Self { sample_type, is_time, factor, divisor }
    }

    /// What yappi calls the clock. It cannot print statistics without one, and what times calls usually reads the wall
    /// clock.
    ///
    /// CPU time has many names, such as `CPU time` (austin-python 2.4) and `cpu-time` (ddtrace): the word tells. Off-CPU
    /// time is what a wall clock counts beside it.
    pub(crate) fn python_name(&self, profile: &Profile) -> &'static str {
        let name = self.name(profile).to_ascii_lowercase();
        let words = || name.split(|byte| !byte.is_ascii_alphanumeric());
        let is_cpu = words().any(|word| matches!(word, b"cpu" | b"cputime"));
        if is_cpu && self.is_time && !words().any(|word| word == b"off") { "cpu" } else { "wall" }
    }

    pub(crate) fn name<'a>(&self, profile: &'a Profile) -> &'a [u8] {
        profile.bytes(profile.sample_types()[self.sample_type].name)
    }

    pub(crate) fn nanoseconds(&self, value: i64) -> i128 {
        i128::from(value) * self.factor / self.divisor
    }
}

impl Stats {
    pub(crate) fn of(profile: &Profile, clock: Option<&Clock>) -> Self {
        let mut builder = Builder {
            profile,
            stats: Self::default(),
            by_function: vec![None; profile.functions().len()],
            by_name: HashMap::new(),
        };
        let calls = profile.calls();
        let nanoseconds = |column: Option<&[i64]>, row: usize| {
            let value = column.and_then(|column| column.get(row)).copied().unwrap_or(0);
            clock.map_or(0, |clock| clock.nanoseconds(value))
        };
        let (own, total) = columns(calls.functions(), clock);
        for (row, function) in calls.functions().rows().iter().enumerate() {
            let index = builder.function(function.function, function.labels, function.origin);
            builder.stats.unknown_calls += usize::from(function.calls.is_none());
            let (own, total) = (nanoseconds(own, row), nanoseconds(total, row));
            let values = values(function.calls, function.primitive_calls, own, total);
            let stat = &mut builder.stats.functions[index];
            stat.values.add(values);
            stat.rows += 1;
            stat.nudges =
                if stat.rows == 1 { Nudges::of(profile, function.labels) } else { Nudges::default() };
        }
        let (own, total) = columns(calls.edges(), clock);
        let mut children: HashMap<(usize, usize), usize> = HashMap::new();
        for (row, edge) in calls.edges().rows().iter().enumerate() {
            let caller = builder.function(edge.caller, LabelSetId::EMPTY, edge.origin);
            let callee = builder.function(edge.callee, LabelSetId::EMPTY, edge.origin);
            let stats = &mut builder.stats;
            stats.unknown_calls += usize::from(edge.calls.is_none());
            stats.unknown_own += usize::from(!edge.has_self);
            stats.unknown_total += usize::from(!edge.has_total);
            let values =
                values(edge.calls, edge.primitive_calls, nanoseconds(own, row), nanoseconds(total, row));
            let of_caller = &mut stats.functions[caller].children;
            let child = *children.entry((caller, callee)).or_insert_with(|| {
                of_caller.push(Child { callee, values: Values::default() });
                of_caller.len() - 1
            });
            of_caller[child].values.add(values);
        }
        builder.stats.complete();
        builder.stats
    }

    /// yappi needs a row for every callee; one that has none is what its callers say of it. A caller without values that
    /// nobody calls has the time of its callees.
    fn complete(&mut self) {
        let mut sums = vec![Values::default(); self.functions.len()];
        for child in self.functions.iter().flat_map(|stat| &stat.children) {
            sums[child.callee].add(child.values);
        }
        for (stat, sum) in self.functions.iter_mut().zip(sums) {
            if stat.rows == 0 {
                stat.values = sum;
                self.rowless += usize::from(sum != Values::default());
            }
            if stat.values == Values::default() {
                stat.values.total = stat.children.iter().map(|child| child.values.total).sum();
                self.roots += usize::from(stat.values.total != 0);
            }
        }
    }
}

fn values(calls: Option<i64>, primitive_calls: Option<i64>, own: i128, total: i128) -> Values {
    let calls = calls.unwrap_or(0);
    let primitive_calls = primitive_calls.unwrap_or(calls);
    Values { calls: i128::from(calls), primitive_calls: i128::from(primitive_calls), own, total }
}

fn columns<'a, R>(
    table: &'a profkit_profile::Measured<R>,
    clock: Option<&Clock>,
) -> (Option<&'a [i64]>, Option<&'a [i64]>) {
    (clock.map(|clock| table.own(clock.sample_type)), clock.map(|clock| table.total(clock.sample_type)))
}

struct Builder<'a> {
    profile: &'a Profile,
    stats: Stats,
    by_function: Vec<Option<usize>>,
    by_name: HashMap<Vec<u8>, usize>,
}

impl Builder<'_> {
    /// The row of a function; a new one has the context of where it was first seen, as in yappi.
    fn function(&mut self, id: FunctionId, labels: LabelSetId, origin: OriginId) -> usize {
        if let Some(index) = self.by_function[id.index()] {
            return index;
        }
        let function = self.profile.functions()[id];
        let (name, file) = (self.profile.bytes(function.shown_name()), self.profile.bytes(function.file));
        let (encoded_name, module) = (python_text(name), python_text(file));
        self.stats.changed_names += usize::from(*encoded_name != *name) + usize::from(*module != *file);
        let builtin = self
            .number(labels, builtin::LABEL)
            .map_or_else(|| builtin::looks_builtin(file, function.first_line), |label| label != 0);
        let full_name = builtin::full_name(builtin, &module, function.first_line, &encoded_name);
        let stats = &mut self.stats;
        let next = stats.functions.len();
        let index = *self.by_name.entry(full_name.clone()).or_insert(next);
        self.by_function[id.index()] = Some(index);
        if index < next {
            stats.same_names += 1;
            return index;
        }
        let (name, module) = (encoded_name.into_owned(), module.into_owned());
        let context = self.context(labels, origin);
        self.stats.functions.push(FuncStat {
            name,
            module,
            full_name,
            line: function.first_line,
            builtin,
            context,
            values: Values::default(),
            children: Vec::new(),
            rows: 0,
            nudges: Nudges::default(),
        });
        index
    }

    fn context(&self, labels: LabelSetId, origin: OriginId) -> Context {
        let origin = self.profile.origins()[origin];
        let tag = self.number(labels, context::TAG).unwrap_or(0);
        let text = |id| python_text(self.profile.bytes(id)).into_owned();
        if let Some(id) = self.number(labels, context::ID) {
            let mut set = self.profile.labels().get(labels).iter();
            let name = set.find(|label| self.profile.bytes(label.key) == context::NAME);
            return Context { id, name: name.map(|label| text(label.string)), tag };
        }
        if origin.has_thread() {
            let name = Some(text(origin.thread)).filter(|name| !name.is_empty());
            return Context { id: origin.tid.unwrap_or(0), name, tag };
        }
        Context { id: 0, name: Some(context::MAIN.to_vec()), tag }
    }

    fn number(&self, labels: LabelSetId, key: &[u8]) -> Option<i64> {
        let mut labels = self.profile.labels().get(labels).iter();
        let label = labels.find(|label| self.profile.bytes(label.key) == key && label.string.is_empty());
        label.map(|label| label.number)
    }
}
