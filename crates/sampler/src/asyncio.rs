//! Which asyncio task runs in a thread, and who awaits it: `--async`.
//!
//! ```text
//! read:    <module> → run → run_until_complete → run_forever → _run_once → _run → inner → spin
//! told:    <module> → run → run_until_complete → <task> → main → <task fetcher> → fetch → <task reader> → inner → spin
//! ```
//!
//! A stack ends at the event loop, which called the task; the loop's frames say nothing of why it runs. In their place come the
//! tasks that await it, each a marker with its name and the frames in which its coroutine is suspended.
//!
//! What is believed: the stack was read before, so the running task is one whose coroutine has its frame in that stack. Tasks that
//! await it cannot move before it ends; so they are read afterwards, one after another, each as it is: it must be suspended, and
//! wait for what it was found through. Where that fails, the chain is cut with a marker ([`UNKNOWN`]) and counted; where several
//! tasks await one, it ends with a marker that counts them: a stack has one caller only.
//!
//! Surprising: up to 3.13 the task that runs is found in a dict that changes with each step of a task, and the program has often
//! gone on when it is read. So tasks that were seen are kept by the frames of their coroutines, and asked again.

mod accelerator;
mod awaiters;
mod chain;
mod kinds;
pub mod offsets;
mod walk;

use hashbrown::{HashMap, HashSet};

use self::accelerator::{Accelerator, Accelerators, Found, RunningPlace};
use self::chain::Chain;
pub use self::chain::UNKNOWN;
use self::kinds::{Kind, Kinds};
use self::walk::{Task, Walk};
use crate::dicts::Dicts;
use crate::layout::OB_TYPE;
use crate::reading::{Context, OWNER_GENERATOR, Resolved};
use crate::remote::int_at;
use crate::threads::ThreadState;
use crate::tree::Tree;

/// More running tasks are forgotten.
const MAX_RUNNING: usize = 4_096;
/// More names of tasks are not told apart: a server may name a task after each request.
const MAX_NAMES: usize = 4_096;

/// Which names of tasks are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// All of them.
    All,
    /// Those that the program chose. `Task-17` is a number in the order of creation: each would make stacks of its own.
    Chosen,
}

/// A stack with the chain of the task that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extended {
    /// The stack.
    pub stack: u32,
    /// Whether a task runs.
    pub has_task: bool,
    /// Whether its chain is not all there.
    pub cut: bool,
}

/// The await chains of one process.
#[derive(Debug)]
pub struct Chains {
    naming: Naming,
    names: HashSet<String, foldhash::fast::RandomState>,
    accelerators: Accelerators,
    kinds: Kinds,
    running: HashMap<u64, u64, foldhash::fast::RandomState>,
    loops: HashMap<u32, bool, foldhash::fast::RandomState>,
}

impl Chains {
    /// Of a process.
    #[must_use]
    pub fn new(pid: u32, naming: Naming) -> Self {
        Self {
            naming,
            names: HashSet::default(),
            accelerators: Accelerators::new(pid),
            kinds: Kinds::default(),
            running: HashMap::default(),
            loops: HashMap::default(),
        }
    }

    /// Puts the chain of the running task into a stack that was read, whose frames are `rows`.
    pub fn extend(
        &mut self,
        context: &mut Context<'_>,
        thread: &ThreadState,
        rows: &[Resolved],
        stack: u32,
    ) -> Extended {
        let plain = Extended { stack, has_task: false, cut: false };
        if stack == 0 || !rows.iter().any(may_be_coroutine) {
            return plain;
        }
        let (remote, layout) = (context.remote, context.layout);
        let found = match self.accelerators.of(remote, layout, thread.interpreter, false) {
            Found::Absent(_) if self.is_step(context, rows) => {
                self.accelerators.of(remote, layout, thread.interpreter, true)
            }
            found => found,
        };
        let accelerator = match found {
            Found::Here(accelerator) => accelerator,
            Found::Unknown | Found::Absent(_) => {
                return Extended { cut: self.is_step(context, rows), ..plain };
            }
        };
        let mut walk = Walk::new(context, &mut self.kinds, accelerator.offsets);
        let running = find_running(&mut walk, &mut self.running, accelerator, thread, rows);
        let chain = running.map(|(at, task)| (at, Chain::of(&mut walk, task)));
        let Some((at, chain)) = chain else {
            return Extended { cut: self.is_step(context, rows), ..plain };
        };
        let inner = rows.iter().skip(at).filter(|row| is_visible(row)).count();
        Extended { stack: self.build(context, &chain, stack, inner), has_task: true, cut: chain.cut }
    }

    /// The stack with the chain in it, if the task's own part of it is the innermost `inner` frames.
    fn build(&mut self, context: &mut Context<'_>, chain: &Chain, stack: u32, inner: usize) -> u32 {
        let (mut below, mut own) = (stack, Vec::with_capacity(inner));
        while own.len() < inner
            && let Some(&(parent, frame)) = context.tree.stacks.get(below)
        {
            own.push(frame);
            below = parent;
        }
        while let Some(&(parent, frame)) = context.tree.stacks.get(below)
            && self.is_loop(context.tree, frame)
        {
            below = parent;
        }
        if let Some(end) = &chain.end {
            below = put(context.tree, below, end);
        }
        for link in chain.links.iter().rev() {
            let label = self.label(context, &link.task);
            below = put(context.tree, below, &label);
            for &frame in &link.frames {
                below = context.tree.stacks.id((below, frame));
            }
        }
        own.iter().rev().fold(below, |below, &frame| context.tree.stacks.id((below, frame)))
    }

    /// What stands for a task.
    fn label(&mut self, context: &Context<'_>, task: &Task) -> String {
        let name = self.name(context, task.name);
        let Some(name) = name else { return "<task>".to_owned() };
        if self.naming == Naming::Chosen {
            let is_new = !self.names.contains(&name);
            if is_automatic(&name) || (is_new && self.names.len() >= MAX_NAMES) {
                return "<task>".to_owned();
            }
            if is_new {
                self.names.insert(name.clone());
            }
        }
        format!("<task {name}>")
    }

    fn name(&mut self, context: &Context<'_>, name: u64) -> Option<String> {
        let dicts = Dicts::new(context.remote, context.layout);
        let kind = dicts.word(name + context.layout.at(OB_TYPE) as u64)?;
        let mut budget = usize::MAX;
        match self.kinds.of_type(context.remote, context.layout, kind, &mut budget)? {
            Kind::Text => dicts.text(name),
            // From 3.12 on a name is made of a number when it is asked for.
            Kind::Integer => Some(format!("Task-{}", dicts.integer(name)?)),
            _ => None,
        }
    }

    /// Whether an event loop called a coroutine here: then a task runs.
    fn is_step(&mut self, context: &Context<'_>, rows: &[Resolved]) -> bool {
        let mut below_is_loop = false;
        for row in rows.iter().filter(|row| is_visible(row)) {
            let frame = context.tree.stacks.get(row.stack).map_or(0, |&(_, frame)| frame);
            let is_loop = self.is_loop(context.tree, frame);
            if below_is_loop && !is_loop && is_coroutine(context, row) {
                return true;
            }
            below_is_loop = is_loop;
        }
        false
    }

    /// Whether a frame is the event loop's own: what calls callbacks, again and again.
    fn is_loop(&mut self, tree: &Tree, frame: u32) -> bool {
        let Some(&(function, _)) = tree.frames.get(frame) else { return false };
        *self.loops.entry(function).or_insert_with(|| {
            let Some(function) = tree.functions.get(function) else { return false };
            let (name, file) = (tree.text_of(function.name), tree.text_of(function.file));
            match name.rsplit('.').next() {
                Some("_run") => file.ends_with("asyncio/events.py"),
                Some("_run_once" | "run_forever") => file.ends_with("asyncio/base_events.py"),
                _ => false,
            }
        })
    }
}

/// `CO_COROUTINE` and `CO_ITERABLE_COROUTINE`.
const COROUTINE_FLAGS: i32 = 0x180;

fn is_coroutine(context: &Context<'_>, row: &Resolved) -> bool {
    let flags = || context.remote.bytes(row.link.code + context.layout.code_flags as u64, 4).ok();
    let has_flags = || flags().is_some_and(|flags| int_at(&flags, 0) & COROUTINE_FLAGS != 0);
    may_be_coroutine(row) && (context.layout.has_data_stack() || has_flags())
}

/// Before 3.11 every frame may be one.
fn may_be_coroutine(row: &Resolved) -> bool {
    row.link.owner == OWNER_GENERATOR && is_visible(row)
}

fn is_visible(row: &Resolved) -> bool {
    row.visible.address == row.link.address
}

fn put(tree: &mut Tree, below: u32, label: &str) -> u32 {
    let function = tree.function(label, "", 0);
    let frame = tree.frames.id((function, 0));
    tree.stacks.id((below, frame))
}

/// What asyncio calls a task that was given no name.
fn is_automatic(name: &str) -> bool {
    name.strip_prefix("Task-")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

/// The task whose coroutine is in a stack, the innermost if there are several, and the row of that.
fn find_running(
    walk: &mut Walk<'_, '_>,
    known: &mut HashMap<u64, u64, foldhash::fast::RandomState>,
    accelerator: Accelerator,
    thread: &ThreadState,
    rows: &[Resolved],
) -> Option<(usize, Task)> {
    let candidates = match accelerator.place {
        RunningPlace::ThreadState(offset) => walk.word(thread.address + offset as u64).into_iter().collect(),
        RunningPlace::Dict(dict) => {
            let entries = walk.dicts().entries(dict).unwrap_or_default();
            entries.into_iter().map(|(_, task)| task).collect::<Vec<u64>>()
        }
    };
    let row_of = |frame: u64| rows.iter().position(|row| may_be_coroutine(row) && row.link.address == frame);
    let mut found: Option<(usize, Task)> = None;
    for candidate in candidates {
        let Some(task) = walk.task(candidate) else { continue };
        let Some(frame) = walk.frame_of(task.coroutine) else { continue };
        if known.len() >= MAX_RUNNING {
            known.clear();
        }
        known.insert(frame, candidate);
        if let Some(at) = row_of(frame)
            && found.as_ref().is_none_or(|&(best, _)| at > best)
        {
            found = Some((at, task));
        }
    }
    if found.is_some() || known.is_empty() {
        return found;
    }
    // The program has gone on to another task: was this one seen before, and is it still?
    rows.iter().enumerate().rev().filter(|(_, row)| may_be_coroutine(row)).find_map(|(at, row)| {
        let task = walk.task(*known.get(&row.link.address)?)?;
        (walk.frame_of(task.coroutine)? == row.link.address).then_some((at, task))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nobody_chose() {
        assert!(is_automatic("Task-1") && is_automatic("Task-4711"));
        assert!(!is_automatic("Task-") && !is_automatic("Task-a") && !is_automatic("fetcher"));
    }
}
