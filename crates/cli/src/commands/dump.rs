//! `profkit dump`: every thread's stack once, of a process and those below it.
//!
//! A child that is no Python, or may not be read, has its line and its reason; only if there is nothing else does the command
//! fail.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::{Duration, Instant};

use anstyle::Style;
use profkit_profile::count;
use profkit_record::Watcher;
use profkit_sampler::dump::{self, FrameLine, ThreadStack};
use profkit_sampler::proc_stat;
use profkit_sampler::refusal::Refusal;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::args::Dump;
use crate::commands::repeats::{Part, parts};
use crate::failure::Failure;
use crate::names::{printable, shorten};
use crate::table;

#[derive(Serialize)]
struct Facts {
    processes: Vec<Process>,
}

#[derive(Serialize)]
struct Process {
    pid: u32,
    parent: Option<u32>,
    command: String,
    python: Option<String>,
    /// Why there are no stacks.
    error: Option<String>,
    threads: Vec<Thread>,
    /// Threads without Python.
    other_threads: Vec<u32>,
}

#[derive(Serialize)]
struct Thread {
    tid: u32,
    name: Option<String>,
    interpreter: u64,
    #[serde(skip)]
    has_lock: bool,
    state: State,
    collects_garbage: bool,
    frames: Vec<Frame>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    HoldsGil,
    WaitsForGil,
    Runs,
    Idle,
}

#[derive(PartialEq, Eq, Serialize)]
struct Frame {
    function: String,
    file: String,
    line: Option<u32>,
    first_line: Option<u32>,
}

/// A Python that is just starting is waited for so long.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) fn run(arguments: &Dump) -> Result<(), Failure> {
    let root = arguments.pid;
    let look = |pid| look(pid, arguments.awaits);
    let first = look(root);
    let refused = |refusal: &Refusal| Failure::Reason(format!("process {root}: {refusal}"));
    // Without a Python of its own it may still be the shell or the server above some.
    if let Err(refusal) = &first
        && (arguments.no_subprocesses || !matches!(refusal, Refusal::NotPython { .. }))
    {
        return Err(refused(refusal));
    }
    let refusal = first.as_ref().err().cloned();
    let mut processes = vec![Process::of(root, None, first)];
    if !arguments.no_subprocesses {
        let below = below(root);
        processes.extend(below.into_iter().map(|(pid, parent)| Process::of(pid, Some(parent), look(pid))));
    }
    // A child that ended meanwhile is none.
    let facts = Facts { processes: processes.into_iter().flatten().collect() };
    if let Some(refusal) = refusal
        && facts.processes.iter().all(|process| process.python.is_none())
    {
        return Err(refused(&refusal));
    }
    let mut stdout = anstream::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut stdout, &facts).map_err(io::Error::from)?;
        writeln!(stdout)?;
        return Ok(());
    }
    for (index, process) in facts.processes.iter().enumerate() {
        if index > 0 {
            writeln!(stdout)?;
        }
        process.print(&mut stdout)?;
    }
    Ok(())
}

fn look(pid: u32, awaits: bool) -> Result<dump::Dump, Refusal> {
    let begin = Instant::now();
    loop {
        match if awaits { dump::dump_with_awaits(pid) } else { dump::dump(pid) } {
            Err(Refusal::NotYet) if begin.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

/// Processes below one with their parents; children follow their parent, older ones first.
fn below(root: u32) -> Vec<(u32, u32)> {
    let mut watcher = Watcher::new(root, false, Vec::new());
    watcher.look(true);
    let mut children: BTreeMap<u32, BTreeSet<(u64, u32)>> = BTreeMap::new();
    for process in watcher.known().filter(|process| process.pid != root) {
        if let Ok((_, parent)) = proc_stat::start_and_parent(process.pid) {
            children.entry(parent).or_default().insert((process.start, process.pid));
        }
    }
    let mut found = Vec::new();
    let mut next = vec![(root, None)];
    while let Some((pid, parent)) = next.pop() {
        found.extend(parent.map(|parent| (pid, parent)));
        let of = children.remove(&pid).unwrap_or_default();
        next.extend(of.into_iter().rev().map(|(_, child)| (child, Some(pid))));
    }
    found
}

impl Process {
    fn of(pid: u32, parent: Option<u32>, looked: Result<dump::Dump, Refusal>) -> Option<Self> {
        let command = proc_stat::command_line(pid);
        let process = Self {
            pid,
            parent,
            command,
            python: None,
            error: None,
            threads: Vec::new(),
            other_threads: Vec::new(),
        };
        match looked {
            Ok(dump) => Some(Self {
                python: Some(dump.version.to_string()),
                threads: dump.threads.into_iter().map(Thread::from).collect(),
                other_threads: dump.other_threads,
                ..process
            }),
            Err(Refusal::Gone) => None,
            Err(refusal) => Some(Self { error: Some(refusal.to_string()), ..process }),
        }
    }

    fn print(&self, to: &mut dyn Write) -> io::Result<()> {
        let bold = Style::new().bold();
        let parent = self.parent.map(|parent| format!(", child of {parent}")).unwrap_or_default();
        // `python -c` has lines.
        let command = printable(&self.command.replace('\n', " "));
        let title = format!("process {}{parent}: {command}", self.pid);
        for line in table::wrapped(&title, 0) {
            writeln!(to, "{bold}{line}{bold:#}")?;
        }
        let Some(version) = &self.python else {
            let error = self.error.as_deref().unwrap_or_default();
            return table::wrapped(error, 0).iter().try_for_each(|line| writeln!(to, "{line}"));
        };
        let other = match self.other_threads.len() {
            0 => String::new(),
            others => format!(", {} without Python", count(others, "thread")),
        };
        writeln!(to, "Python {version}, {}{other}", count(self.threads.len(), "thread"))?;
        for thread in &self.threads {
            writeln!(to)?;
            thread.print(to)?;
        }
        Ok(())
    }
}

impl From<ThreadStack> for Thread {
    fn from(thread: ThreadStack) -> Self {
        let state = match thread {
            ThreadStack { holds_gil: true, .. } => State::HoldsGil,
            ThreadStack { waits_for_gil: true, .. } => State::WaitsForGil,
            ThreadStack { runs: true, .. } => State::Runs,
            _ => State::Idle,
        };
        Self {
            tid: thread.tid,
            name: thread.name,
            interpreter: thread.interpreter,
            has_lock: thread.has_lock,
            state,
            collects_garbage: thread.collects_garbage,
            frames: thread.frames.into_iter().map(Frame::from).collect(),
        }
    }
}

impl From<FrameLine> for Frame {
    fn from(frame: FrameLine) -> Self {
        let known = |line: u32| (line != 0).then_some(line);
        Self {
            function: frame.function,
            file: frame.file,
            line: known(frame.line),
            first_line: known(frame.first_line),
        }
    }
}

impl Thread {
    fn title(&self) -> String {
        let mut title = format!("thread {}", self.tid);
        if let Some(name) = &self.name {
            title.push_str(&format!(" {}", printable(name)));
        }
        if self.interpreter != 0 {
            title.push_str(&format!(", interpreter {}", self.interpreter));
        }
        title.push_str(match self.state {
            State::HoldsGil => ": holds the GIL",
            State::WaitsForGil => ": waits for the GIL",
            State::Runs if self.has_lock => ": runs without the GIL",
            State::Runs => ": runs",
            State::Idle => ": idle",
        });
        if self.collects_garbage {
            title.push_str(", <GC>");
        }
        title
    }

    /// Innermost frames first.
    fn print(&self, to: &mut dyn Write) -> io::Result<()> {
        let bold = Style::new().bold();
        writeln!(to, "{bold}{}{bold:#}", self.title())?;
        let names = self.frames.iter().map(|frame| printable(&frame.function)).collect::<Vec<_>>();
        let (width, room) = widths(&names);
        for part in parts(&self.frames) {
            match part {
                Part::Once(at) => {
                    let name = shorten(&names[at], room.map_or(usize::MAX, |_| width));
                    let gap = " ".repeat((width + 2).saturating_sub(name.width()));
                    let place = printable(&self.frames[at].place());
                    writeln!(to, "{INDENT}{name}{gap}{}", shorten(&place, room.unwrap_or(usize::MAX)))?;
                }
                Part::Again { frames: 1, times } => {
                    writeln!(to, "{INDENT}… the same frame {}", count_times(times))?;
                }
                Part::Again { frames, times } => {
                    writeln!(to, "{INDENT}… the same {frames} frames {}", count_times(times))?;
                }
            }
        }
        if self.frames.is_empty() {
            writeln!(to, "{INDENT}(no Python)")?;
        }
        Ok(())
    }
}

const INDENT: &str = "    ";

/// Columns for names and, on a terminal, for places.
fn widths(names: &[String]) -> (usize, Option<usize>) {
    let natural = names.iter().map(|name| name.width()).max().unwrap_or(0);
    match table::width() {
        None => (natural.min(60), None),
        Some(width) => {
            let room = width.saturating_sub(INDENT.len() + 2).max(20);
            let names = natural.min(room / 2);
            (names, Some(room - names))
        }
    }
}

fn count_times(times: usize) -> String {
    if times == 1 { "once more".to_owned() } else { format!("{times} times more") }
}

impl Frame {
    fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }
}
