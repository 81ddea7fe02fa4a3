//! The tree of processes with what the operating system says of each: also of those without Python, and of threads without.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fs;
use std::path::Path;
use std::time::Instant;

use profkit_record::Live;
use profkit_recording::stat::Stat;
use profkit_sampler::proc_stat::command_line;

/// A process of the tree.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// How far below the first one.
    pub(super) depth: usize,
    pub(super) command: String,
    pub(super) threads: u64,
    /// Seconds of processor time a second, over the last moments.
    pub(super) cpu: f64,
    /// Processor time since it began, nanoseconds.
    pub(super) cpu_ns: u64,
}

/// As `/proc/PID/stat` has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Facts {
    parent: u32,
    /// Clock ticks.
    cpu: u64,
    threads: u64,
}

struct Seen {
    program: std::path::PathBuf,
    command: String,
    facts: Facts,
    start: u64,
    history: VecDeque<(Instant, u64)>,
}

/// What is known of the tree.
#[derive(Default)]
pub(super) struct Processes {
    known: BTreeMap<u32, Seen>,
}

/// As many looks make the last moments.
const LOOKS: usize = 5;

impl Processes {
    /// Looks at all processes that are there by now.
    pub(super) fn look(&mut self, live: &Live) {
        let now = Instant::now();
        let mut found = BTreeMap::new();
        for process in live.processes() {
            let Some(facts) = facts(process.pid) else { continue };
            let known = self.known.remove(&process.pid).filter(|seen| seen.start == process.start);
            let mut seen = known.unwrap_or_else(|| Seen {
                program: Path::new("").to_owned(),
                command: String::new(),
                facts,
                start: process.start,
                history: VecDeque::new(),
            });
            if seen.program != process.program || seen.command.is_empty() {
                seen.program.clone_from(&process.program);
                seen.command = short(&command_line(process.pid));
            }
            seen.facts = facts;
            seen.history.push_back((now, facts.cpu));
            if seen.history.len() > LOOKS {
                seen.history.pop_front();
            }
            found.insert(process.pid, seen);
        }
        self.known = found;
    }

    /// The tree: children follow their parent, older ones first.
    pub(super) fn tree(&self, root: u32) -> Vec<Process> {
        let mut children: HashMap<u32, BTreeSet<(u64, u32)>> = HashMap::new();
        for (&pid, seen) in self.known.iter().filter(|&(&pid, _)| pid != root) {
            // Orphans are shown below the first one.
            let parent = seen.facts.parent;
            let parent = if self.known.contains_key(&parent) { parent } else { root };
            children.entry(parent).or_default().insert((seen.start, pid));
        }
        let mut found = Vec::new();
        let mut next = vec![(root, 0)];
        while let Some((pid, depth)) = next.pop() {
            found.extend(self.known.get(&pid).map(|seen| seen.row(pid, depth)));
            let of = children.remove(&pid).unwrap_or_default();
            next.extend(of.into_iter().rev().map(|(_, child)| (child, depth + 1)));
        }
        found
    }
}

impl Seen {
    fn row(&self, pid: u32, depth: usize) -> Process {
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let cpu = match (self.history.front(), self.history.back()) {
            (Some((begin, first)), Some((end, last))) if end > begin => {
                nanoseconds(last - first) as f64 / 1e9 / (*end - *begin).as_secs_f64()
            }
            _ => 0.0,
        };
        let (command, threads) = (self.command.clone(), self.facts.threads);
        Process { pid, depth, command, threads, cpu, cpu_ns: nanoseconds(self.facts.cpu) }
    }
}

/// A command line without the folder of its program.
fn short(command: &str) -> String {
    let program = command.split(' ').next().unwrap_or_default();
    let folder = program.rfind('/').filter(|_| program.starts_with('/')).map_or(0, |slash| slash + 1);
    command.get(folder..).unwrap_or_default().replace('\n', " ")
}

fn nanoseconds(ticks: u64) -> u64 {
    ticks * (1_000_000_000 / rustix::param::clock_ticks_per_second().max(1))
}

fn facts(pid: u32) -> Option<Facts> {
    parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

fn parse(stat: &[u8]) -> Option<Facts> {
    let stat = Stat::parse(stat)?;
    Some(Facts {
        parent: u32::try_from(stat.number(4)?).ok()?,
        cpu: stat.number(14)? + stat.number(15)?,
        threads: stat.number(20)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_fields() {
        let stat = b"12 (a) R 1 b) S 34 12 12 0 -1 4194560 1 2 3 4 70 30 9 9 20 0 6 0 555 1 1";
        assert_eq!(parse(stat), Some(Facts { parent: 34, cpu: 100, threads: 6 }));
        assert_eq!(short("/usr/bin/python3 /x/y.py"), "python3 /x/y.py");
        assert!(facts(std::process::id()).unwrap().threads > 0);
    }
}
