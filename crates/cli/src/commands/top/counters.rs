//! Sums over a sample stream, since its beginning and over the last moments.
//!
//! What is kept grows with the functions and stacks of the program and with the threads that live, not with time: threads and
//! processes that have ended are added up, and samples wait for the next tick only.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use profkit_recording::stream::{Record, Sample, counter};

/// Nanoseconds: processor, wall, with the lock of the interpreter, waiting for it.
pub(super) type Values = [u64; 4];

/// A function's part: itself, and with its callees.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Part {
    pub(super) own: Values,
    pub(super) total: Values,
}

impl Part {
    pub(super) fn add(&mut self, other: &Self) {
        add(&mut self.own, &other.own);
        add(&mut self.total, &other.total);
    }
}

pub(super) fn add(sum: &mut Values, values: &Values) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum = sum.saturating_add(*value);
    }
}

pub(super) type Parts = HashMap<u32, Part>;

/// A function of the program; texts by number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    pub(super) name: u32,
    pub(super) file: u32,
    pub(super) first_line: u32,
}

/// What has ended.
#[derive(Clone, Default, Debug)]
pub(super) struct Ended {
    pub(super) count: usize,
    pub(super) sums: Values,
    pub(super) parts: Parts,
}

impl Ended {
    fn fold(&mut self, sums: &Values, parts: &Parts) {
        self.count += 1;
        add(&mut self.sums, sums);
        for (function, part) in parts {
            self.parts.entry(*function).or_default().add(part);
        }
    }
}

/// A process that was sampled.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) version: u64,
    pub(super) ended: Ended,
}

/// A thread.
#[derive(Clone, Debug)]
pub(super) struct Thread {
    pub(super) process: u32,
    pub(super) tid: u32,
    pub(super) name: u32,
    pub(super) sums: Values,
    pub(super) parts: Parts,
    /// How far it is accounted for, nanoseconds since the beginning.
    until: u64,
    /// Ticks without a word of it.
    silent: usize,
}

/// A Python process that could not be sampled; texts by number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused {
    pub(super) pid: u32,
    pub(super) command: u32,
    pub(super) reason: u32,
}

/// What was between two ticks.
#[derive(Clone, Default, Debug)]
struct Bucket {
    length: u64,
    threads: HashMap<u32, (Values, Parts)>,
}

/// The sums. Numbers of functions, processes and threads are the stream's.
#[derive(Clone, Default, Debug)]
pub(super) struct Counters {
    texts: Vec<Box<str>>,
    functions: Vec<Function>,
    /// The function of each frame.
    frames: Vec<u32>,
    /// The stack below each, and the function on top.
    stacks: Vec<(u32, u32)>,
    /// Numbers that were given so far: those of the ended ones are not used again.
    seen: (u32, u32),
    pub(super) processes: BTreeMap<u32, Process>,
    pub(super) threads: BTreeMap<u32, Thread>,
    /// Processes that have ended.
    pub(super) ended: Ended,
    pub(super) refused: Vec<Refused>,
    counted: HashMap<u64, u64>,
    waiting: HashMap<(u32, u32), Values>,
    recent: VecDeque<Bucket>,
    /// When the last tick was, in the stream's time.
    ticked: u64,
    /// For each function, the number of the stack at which it was met last.
    met: Vec<u64>,
    walks: u64,
}

/// The last moments are as many ticks.
const TICKS: usize = 4;
/// A living thread is heard of every tenth of a second, so one without a word for longer than the last moments has ended.
const SILENT: usize = TICKS + 1;

fn index(number: u32) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

impl Counters {
    /// Whether any process was sampled.
    pub(super) fn has_python(&self) -> bool {
        self.seen.0 > 0
    }

    /// Takes a record of the stream.
    pub(super) fn record(&mut self, record: Record<'_>) {
        match record {
            Record::Text(text) => self.texts.push(String::from_utf8_lossy(text).into()),
            Record::Function { name, file, first_line } => {
                let [name, file, first_line] = [name, file, first_line].map(small);
                self.functions.push(Function { name, file, first_line });
            }
            Record::Frame { function, .. } => self.frames.push(small(function)),
            Record::Stack { below, frame } => {
                let function = index(small(frame)).and_then(|frame| self.frames.get(frame)).copied();
                self.stacks.push((small(below), function.unwrap_or(0)));
            }
            Record::Process { pid, version, .. } => {
                self.seen.0 += 1;
                let process = Process { pid: small(pid), version, ended: Ended::default() };
                self.processes.insert(self.seen.0, process);
            }
            Record::Thread { process, tid, began } => {
                self.seen.1 += 1;
                let thread = Thread {
                    process: small(process),
                    tid: small(tid),
                    name: 0,
                    sums: Values::default(),
                    parts: Parts::new(),
                    until: began,
                    silent: 0,
                };
                self.threads.insert(self.seen.1, thread);
            }
            Record::Name { thread, name } => {
                if let Some(thread) = self.threads.get_mut(&small(thread)) {
                    thread.name = small(name);
                }
            }
            Record::Counter(which, value) => {
                self.counted.insert(which, value);
            }
            Record::Sample(sample) => self.sample(&sample),
            Record::Refused { pid, command, reason } => {
                let [pid, command, reason] = [pid, command, reason].map(small);
                self.refused.push(Refused { pid, command, reason });
            }
            Record::Begin { .. } | Record::End(_) => {}
        }
    }

    fn sample(&mut self, sample: &Sample) {
        let Some(thread) = self.threads.get_mut(&sample.thread) else { return };
        thread.until += sample.wall;
        let values = [sample.cpu, sample.wall, sample.gil, sample.gil_wait];
        add(self.waiting.entry((sample.thread, sample.stack)).or_default(), &values);
    }

    /// Ends a moment: what was sampled since the last one is shared out. `passed` is the time by the clock.
    pub(super) fn tick(&mut self, passed: Duration) {
        let passed = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        let until = self.threads.values().map(|thread| thread.until).max().unwrap_or(0).max(self.ticked);
        // Samples come in lumps: their own time is the right one, as long as there are any.
        let sampled = until - self.ticked;
        self.ticked = until;
        let length = if sampled >= passed / 2 { sampled } else { passed };
        let mut bucket = Bucket { length, threads: HashMap::new() };
        self.threads.values_mut().for_each(|thread| thread.silent += 1);
        for ((thread, stack), values) in std::mem::take(&mut self.waiting) {
            let (sums, parts) = bucket.threads.entry(thread).or_default();
            add(sums, &values);
            self.share_out(stack, &values, parts);
        }
        for (thread, (sums, parts)) in &bucket.threads {
            let Some(thread) = self.threads.get_mut(thread) else { continue };
            thread.silent = 0;
            add(&mut thread.sums, sums);
            for (function, part) in parts {
                thread.parts.entry(*function).or_default().add(part);
            }
        }
        self.recent.push_back(bucket);
        if self.recent.len() > TICKS {
            self.recent.pop_front();
        }
        self.fold();
    }

    /// A stack's values to its functions, to each once.
    fn share_out(&mut self, stack: u32, values: &Values, parts: &mut Parts) {
        self.walks += 1;
        self.met.resize(self.functions.len() + 1, 0);
        let mut at = stack;
        let mut is_top = true;
        while let Some(&(below, function)) = index(at).and_then(|at| self.stacks.get(at)) {
            let met = usize::try_from(function).ok().and_then(|function| self.met.get_mut(function));
            let is_first = met.is_none_or(|met| std::mem::replace(met, self.walks) != self.walks);
            if is_first {
                let part = parts.entry(function).or_default();
                add(&mut part.total, values);
                if is_top {
                    add(&mut part.own, values);
                }
            }
            is_top = false;
            at = below;
        }
    }

    /// Adds up what has ended.
    fn fold(&mut self) {
        let silent: Vec<u32> =
            self.threads.iter().filter(|(_, thread)| thread.silent >= SILENT).map(|(id, _)| *id).collect();
        for id in silent {
            let Some(thread) = self.threads.remove(&id) else { continue };
            let process = self.processes.get_mut(&thread.process);
            process.map_or(&mut self.ended, |process| &mut process.ended).fold(&thread.sums, &thread.parts);
        }
        let lives = |id: &u32| self.threads.values().any(|thread| thread.process == *id);
        let is_over =
            |(id, process): (&u32, &Process)| (process.ended.count > 0 && !lives(id)).then_some(*id);
        let over: Vec<u32> = self.processes.iter().filter_map(is_over).collect();
        for id in over {
            if let Some(process) = self.processes.remove(&id) {
                self.ended.fold(&process.ended.sums, &process.ended.parts);
            }
        }
    }

    /// Threads that live, by their numbers.
    pub(super) fn living(&self) -> impl Iterator<Item = (u32, &Thread)> {
        self.threads.iter().filter(|(_, thread)| thread.silent == 0).map(|(id, thread)| (*id, thread))
    }

    /// A text by its number.
    pub(super) fn text(&self, number: u32) -> &str {
        index(number).and_then(|at| self.texts.get(at)).map_or("", |text| text)
    }

    /// A function by its number.
    pub(super) fn function(&self, number: u32) -> Option<Function> {
        index(number).and_then(|at| self.functions.get(at)).copied()
    }

    /// How long the last moments are, in nanoseconds.
    pub(super) fn recent_length(&self) -> u64 {
        self.recent.iter().map(|bucket| bucket.length).sum()
    }

    /// What the threads that are asked for did in the last moments.
    pub(super) fn recent(
        &self,
        mut is_asked: impl FnMut(u32) -> bool,
    ) -> impl Iterator<Item = (u32, &Values, &Parts)> {
        let rows = self.recent.iter().flat_map(|bucket| &bucket.threads);
        rows.filter(move |(thread, _)| is_asked(**thread))
            .map(|(thread, (sums, parts))| (*thread, sums, parts))
    }

    /// The part of the moments at which the sampler came too late.
    pub(super) fn late(&self) -> f64 {
        let count = |which| self.counted.get(&which).copied().unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let share = count(counter::MISSED) as f64 / count(counter::ASKED).max(1) as f64;
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(counters: &mut Counters, stacks: &[(u64, u64)]) {
        for name in [&b"a"[..], b"b", b"f.py"] {
            counters.record(Record::Text(name));
        }
        for name in [1, 2] {
            counters.record(Record::Function { name, file: 3, first_line: name });
            counters.record(Record::Frame { function: name, line: 5 });
        }
        for &(below, frame) in stacks {
            counters.record(Record::Stack { below, frame });
        }
        counters.record(Record::Process { pid: 7, start: 0, version: 0x030b_02f0, command: 3 });
    }

    fn thread(counters: &mut Counters, tid: u64) {
        counters.record(Record::Thread { process: 1, tid, began: 0 });
    }

    fn sample(counters: &mut Counters, thread: u32, stack: u32, wall: u64) {
        let (cpu, gil) = (wall / 2, wall);
        let sample = Sample { thread, stack, count: 1, wall, cpu, gil, gil_wait: 0 };
        counters.record(Record::Sample(sample));
    }

    const TICK: Duration = Duration::from_nanos(500);

    #[test]
    fn recursion_counts_once_and_self_is_the_top() {
        let mut counters = Counters::default();
        // a, a→b, a→b→a
        named(&mut counters, &[(0, 1), (1, 2), (2, 1)]);
        thread(&mut counters, 1);
        sample(&mut counters, 1, 2, 100);
        sample(&mut counters, 1, 3, 300);
        sample(&mut counters, 1, 0, 100);
        counters.tick(TICK);
        let row = &counters.threads[&1];
        assert_eq!(row.sums, [250, 500, 500, 0]);
        assert_eq!(row.parts[&1], Part { own: [150, 300, 300, 0], total: [200, 400, 400, 0] });
        assert_eq!(row.parts[&2], Part { own: [50, 100, 100, 0], total: [200, 400, 400, 0] });
        assert_eq!(counters.recent_length(), 500);
    }

    #[test]
    fn the_last_moments_pass_and_the_sums_stay() {
        let mut counters = Counters::default();
        named(&mut counters, &[(0, 1)]);
        thread(&mut counters, 1);
        sample(&mut counters, 1, 1, 500);
        counters.tick(TICK);
        for _ in 0..TICKS {
            sample(&mut counters, 1, 0, 500);
            counters.tick(TICK);
        }
        assert_eq!(counters.recent(|_| true).map(|(_, _, parts)| parts.len()).sum::<usize>(), 0);
        assert_eq!(counters.threads[&1].parts[&1].own[1], 500);
        assert_eq!(counters.threads[&1].sums[1], 2_500);
    }

    #[test]
    fn what_ended_is_added_up() {
        let mut counters = Counters::default();
        named(&mut counters, &[(0, 1)]);
        for id in 1..=100 {
            thread(&mut counters, id.into());
            sample(&mut counters, id, 1, 10);
        }
        counters.tick(TICK);
        assert_eq!(counters.threads.len(), 100);
        for _ in 0..SILENT {
            sample(&mut counters, 1, 1, 10);
            counters.tick(TICK);
        }
        assert_eq!(counters.threads.keys().copied().collect::<Vec<_>>(), [1]);
        assert_eq!(counters.living().count(), 1);
        assert_eq!(counters.processes[&1].ended.count, 99);
        assert_eq!(counters.processes[&1].ended.parts[&1].own[1], 990);
        for _ in 0..SILENT {
            counters.tick(TICK);
        }
        assert!(counters.threads.is_empty() && counters.processes.is_empty());
        assert_eq!((counters.ended.count, counters.ended.sums[1]), (1, 1_000 + 10 * SILENT as u64));
        // A word of the dead changes nothing.
        sample(&mut counters, 1, 1, 10);
        counters.tick(TICK);
        assert_eq!(counters.threads.len(), 0);
    }
}
