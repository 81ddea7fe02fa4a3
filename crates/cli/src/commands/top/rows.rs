//! Rows of the three tables, from the counters and what was chosen to look at.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use profkit_sampler::version::Version;

use super::counters::{Counters, Part, Parts, Values, add};
use super::processes::Process;
use crate::names::printable;

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Scope {
    #[default]
    All,
    /// A process by its pid.
    Process(u32),
    /// A thread by its number in the stream.
    Thread(u32),
}

/// What is measured; the place in [`Values`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Value {
    #[default]
    Cpu,
    Wall,
    Gil,
    GilWait,
}

impl Value {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wall => "wall",
            Self::Gil => "gil",
            Self::GilWait => "gil_wait",
        }
    }

    pub(super) fn next(self) -> Self {
        match self {
            Self::Cpu => Self::Wall,
            Self::Wall => Self::Gil,
            Self::Gil => Self::GilWait,
            Self::GilWait => Self::Cpu,
        }
    }

    pub(super) fn of(self, values: &Values) -> u64 {
        let [cpu, wall, gil, gil_wait] = *values;
        match self {
            Self::Cpu => cpu,
            Self::Wall => wall,
            Self::Gil => gil,
            Self::GilWait => gil_wait,
        }
    }
}

/// What rows are sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Sort {
    /// With callees.
    pub(super) total: bool,
    /// Since the beginning instead of now.
    pub(super) all_time: bool,
}

/// Seconds a second, and nanoseconds since the beginning.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(super) struct Amount {
    pub(super) now: f64,
    pub(super) ever: u64,
}

/// A function.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct FunctionRow {
    pub(super) name: String,
    pub(super) place: String,
    pub(super) own: Amount,
    pub(super) total: Amount,
}

/// A thread.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ThreadRow {
    /// Its number in the stream.
    pub(super) id: u32,
    pub(super) pid: u32,
    pub(super) tid: u32,
    pub(super) name: String,
    pub(super) cpu: Amount,
    pub(super) gil: f64,
    pub(super) gil_wait: f64,
    /// The function that took the most of the value now.
    pub(super) busiest: String,
}

/// A process.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ProcessRow {
    pub(super) pid: u32,
    pub(super) depth: usize,
    pub(super) command: String,
    /// Its Python's version, if it has one.
    pub(super) python: Option<String>,
    pub(super) threads: u64,
    pub(super) cpu: Amount,
    pub(super) gil: f64,
    pub(super) gil_wait: f64,
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(part: u64, length: u64) -> f64 {
    if length == 0 { 0.0 } else { part as f64 / length as f64 }
}

impl Counters {
    fn is_in(&self, scope: Scope, thread: u32) -> bool {
        match scope {
            Scope::All => true,
            Scope::Thread(only) => thread == only,
            Scope::Process(pid) => self.pid(thread) == Some(pid),
        }
    }

    /// The process of a thread that lives.
    pub(super) fn pid(&self, thread: u32) -> Option<u32> {
        let process = self.threads.get(&thread)?.process;
        Some(self.processes.get(&process)?.pid)
    }

    /// The functions of what is looked at, the first ones first.
    pub(super) fn functions(&self, scope: Scope, value: Value, sort: Sort) -> Vec<FunctionRow> {
        let mut now = Parts::new();
        for (_, _, parts) in self.recent(|thread| self.is_in(scope, thread)) {
            collect(&mut now, parts);
        }
        let mut ever = Parts::new();
        let threads = self.threads.iter().filter(|(id, _)| self.is_in(scope, **id));
        threads.for_each(|(_, thread)| collect(&mut ever, &thread.parts));
        for process in self.processes.values() {
            if scope == Scope::All || scope == Scope::Process(process.pid) {
                collect(&mut ever, &process.ended.parts);
            }
        }
        if scope == Scope::All {
            collect(&mut ever, &self.ended.parts);
        }
        let length = self.recent_length();
        let row = |(id, ever): (&u32, &Part)| {
            let now = now.get(id).copied().unwrap_or_default();
            let amount = |now: &Values, ever: &Values| Amount {
                now: share(value.of(now), length),
                ever: value.of(ever),
            };
            let function = self.function(*id)?;
            let name = printable(self.text(function.name));
            let place = match (self.text(function.file), function.first_line) {
                (file, 0) => printable(file),
                (file, line) => format!("{}:{line}", printable(file)),
            };
            let (own, total) = (amount(&now.own, &ever.own), amount(&now.total, &ever.total));
            Some(FunctionRow { name, place, own, total })
        };
        let mut rows: Vec<FunctionRow> =
            ever.iter().filter_map(row).filter(|row| row.total.ever > 0).collect();
        rows.sort_by(|a, b| b.key(sort).total_cmp(&a.key(sort)).then_with(|| a.tie().cmp(&b.tie())));
        rows
    }

    /// The threads of what is looked at, those that are busy now first.
    pub(super) fn threads(&self, scope: Scope, value: Value) -> Vec<ThreadRow> {
        let length = self.recent_length();
        let mut now: HashMap<u32, (Values, Parts)> = HashMap::new();
        for (thread, sums, parts) in self.recent(|thread| self.is_in(scope, thread)) {
            let row = now.entry(thread).or_default();
            add(&mut row.0, sums);
            collect(&mut row.1, parts);
        }
        let threads = self.living().filter(|(id, _)| self.is_in(scope, *id));
        let mut rows: Vec<(u64, ThreadRow)> = threads
            .map(|(id, thread)| {
                let (values, parts) = now.remove(&id).unwrap_or_default();
                let busiest = parts.iter().max_by_key(|(id, part)| (value.of(&part.own), Reverse(**id)));
                let busiest = busiest.filter(|(_, part)| value.of(&part.own) > 0);
                let function = busiest.and_then(|(function, _)| self.function(*function));
                let amount = |value: Value| share(value.of(&values), length);
                let row = ThreadRow {
                    id,
                    pid: self.pid(id).unwrap_or(0),
                    tid: thread.tid,
                    name: printable(self.text(thread.name)),
                    cpu: Amount { now: amount(Value::Cpu), ever: Value::Cpu.of(&thread.sums) },
                    gil: amount(Value::Gil),
                    gil_wait: amount(Value::GilWait),
                    busiest: function.map_or(String::new(), |function| printable(self.text(function.name))),
                };
                (value.of(&values), row)
            })
            .collect();
        rows.sort_by_key(|(value, row)| (Reverse(*value), row.pid, row.tid));
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// The tree of processes.
    pub(super) fn processes(&self, tree: &[Process]) -> Vec<ProcessRow> {
        let length = self.recent_length();
        let mut now: HashMap<u32, Values> = HashMap::new();
        for (thread, sums, _) in self.recent(|_| true) {
            add(now.entry(self.pid(thread).unwrap_or(0)).or_default(), sums);
        }
        let row = |process: &Process| {
            let values = now.get(&process.pid).copied().unwrap_or_default();
            let sampled = self.processes.values().rfind(|sampled| sampled.pid == process.pid);
            ProcessRow {
                pid: process.pid,
                depth: process.depth,
                command: printable(&process.command),
                python: sampled.map(|sampled| Version::from_hex(sampled.version).to_string()),
                threads: process.threads,
                cpu: Amount { now: process.cpu, ever: process.cpu_ns },
                gil: share(Value::Gil.of(&values), length),
                gil_wait: share(Value::GilWait.of(&values), length),
            }
        };
        tree.iter().map(row).collect()
    }

    /// Versions of the Pythons, each once.
    pub(super) fn versions(&self) -> BTreeSet<Version> {
        self.processes.values().map(|process| Version::from_hex(process.version)).collect()
    }
}

fn collect(sum: &mut Parts, parts: &Parts) {
    for (function, part) in parts {
        sum.entry(*function).or_default().add(part);
    }
}

impl FunctionRow {
    #[expect(clippy::cast_precision_loss, reason = "an order")]
    fn key(&self, sort: Sort) -> f64 {
        let amount = if sort.total { self.total } else { self.own };
        if sort.all_time { amount.ever as f64 } else { amount.now }
    }

    fn tie(&self) -> (Reverse<u64>, Reverse<u64>, &str, &str) {
        (Reverse(self.own.ever), Reverse(self.total.ever), &self.name, &self.place)
    }
}
