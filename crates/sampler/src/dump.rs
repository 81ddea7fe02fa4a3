//! Every thread's stack once: `profkit dump`.

use std::io;

use foldhash::HashSet;

use crate::asyncio::{Chains, Naming};
use crate::binary::Binaries;
use crate::gil::{self, Gil};
use crate::interpreter::{self, Interpreter};
use crate::names::Names;
use crate::proc_stat::{self, Doing, SystemCall};
use crate::reader::Reader;
use crate::reading::Context;
use crate::refusal::Refusal;
use crate::remote::int_at;
use crate::seat::Seat;
use crate::thread_names;
use crate::threads::{self, Tasks, ThreadState};
use crate::tree::Tree;
use crate::version::Version;

/// A frame of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameLine {
    /// The qualified name (before 3.11: the name) of the function.
    pub function: String,
    /// Its file, as the program knows it.
    pub file: String,
    /// The line that runs, 0 if it has none.
    pub line: u32,
    /// The first line of the function.
    pub first_line: u32,
}

/// The stack of one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadStack {
    /// The thread's number, 0 if it is not known.
    pub tid: u32,
    /// Its name as Python knows it, else as the operating system does.
    pub name: Option<String>,
    /// The number of its interpreter, 0 for the main one.
    pub interpreter: u64,
    /// Whether its interpreter has a lock: not where a free-threaded build runs without.
    pub has_lock: bool,
    /// Whether it holds that lock.
    pub holds_gil: bool,
    /// Whether it sleeps until it gets that lock.
    pub waits_for_gil: bool,
    /// Whether it runs, or could at once.
    pub runs: bool,
    /// Whether it collects garbage.
    pub collects_garbage: bool,
    /// Its frames, innermost first; none if no Python runs in it.
    pub frames: Vec<FrameLine>,
}

/// What a process does at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// The version of its Python.
    pub version: Version,
    /// Its threads with a Python thread state, oldest first.
    pub threads: Vec<ThreadStack>,
    /// Threads of the operating system without one.
    pub other_threads: Vec<u32>,
}

/// Reads the stacks of all threads of a process, each at a moment of its own.
///
/// # Errors
/// If the process has no Python, or may not or cannot be read.
pub fn dump(pid: u32) -> Result<Dump, Refusal> {
    take(pid, None)
}

/// The same, with the tasks that await a running asyncio task in its stack.
///
/// # Errors
/// As [`dump`].
pub fn dump_with_awaits(pid: u32) -> Result<Dump, Refusal> {
    take(pid, Some(Chains::new(pid, Naming::All)))
}

fn take(pid: u32, chains: Option<Chains>) -> Result<Dump, Refusal> {
    let interpreter = interpreter::find(pid, &mut Binaries::default())?;
    let failed = |error: io::Error| Refusal::from_error(pid, &error);
    let mut tasks = Tasks::default();
    tasks.update(pid).map_err(failed)?;
    let mut look = Look {
        pid,
        interpreter,
        tasks,
        chains,
        names: Names::default(),
        tree: Tree::default(),
        seen: HashSet::default(),
        found: Vec::new(),
    };
    // One may end while the list is followed.
    let addresses = interpreter.interpreters().or_else(|_| interpreter.interpreters()).map_err(failed)?;
    let main = addresses.last().copied();
    for address in addresses {
        match look.at(address) {
            // One may end meanwhile, but not the main one.
            Err(error) if error.raw_os_error() == Some(libc::EFAULT) && main != Some(address) => {}
            looked => looked.map_err(failed)?,
        }
    }
    let Look { mut found, tasks, .. } = look;
    found.reverse();
    let other = |tid: &u32| !found.iter().any(|thread| thread.tid == *tid);
    let other_threads = tasks.ids.iter().copied().filter(other).collect();
    Ok(Dump { version: interpreter.layout.version, threads: found, other_threads })
}

/// What is found of one interpreter after another.
struct Look {
    pid: u32,
    interpreter: Interpreter,
    tasks: Tasks,
    chains: Option<Chains>,
    names: Names,
    tree: Tree,
    /// Thread states.
    seen: HashSet<u64>,
    /// Newest first.
    found: Vec<ThreadStack>,
}

impl Look {
    fn at(&mut self, address: u64) -> io::Result<()> {
        let Self { pid, interpreter, tasks, chains, names, tree, seen, found } = self;
        let (remote, layout) = (interpreter.remote, interpreter.layout);
        let number = remote.word(address + layout.interp_id as u64)?;
        let python_names = thread_names::of_interpreter(interpreter, address);
        let mut head = [0; gil::HEAD];
        let lock = gil::address(interpreter, address)?;
        let collecting = gil::collecting_address(interpreter, address);
        for state in threads::of_interpreter(interpreter, address, seen)?.states {
            let (is_stopped, seat) = (false, &mut Seat::none());
            let mut context = Context { remote, layout: &layout, names, tree, is_stopped, seat };
            let Some(stack) = read(&state, chains.as_mut(), &mut context) else { continue };
            let gil =
                remote.read(lock, &mut head).map_or_else(|_| Gil::default(), |()| Gil::parse(&layout, &head));
            let holds_gil = gil.is_held_by(state.address);
            let is_collecting = remote.bytes(collecting, 4).is_ok_and(|flag| int_at(&flag, 0) != 0);
            let tid = tasks.native(interpreter, &state).unwrap_or(0);
            let name = python_names.get(&state.ident).cloned().or_else(|| thread_names::fallback(*pid, tid));
            found.push(ThreadStack {
                tid,
                name,
                interpreter: number,
                has_lock: !gil.is_disabled,
                holds_gil,
                waits_for_gil: SystemCall::open(*pid, tid)
                    .is_ok_and(|call| matches!(call.within(lock, gil::SIZE), Ok(Doing::Waits))),
                runs: proc_stat::runs(*pid, tid),
                collects_garbage: holds_gil && is_collecting,
                frames: lines(tree, stack),
            });
        }
        Ok(())
    }
}

/// A thread's stack, of a moment at which it stood still if there is one soon: unlike a sample, it stands for no time.
fn read(state: &ThreadState, mut chains: Option<&mut Chains>, context: &mut Context<'_>) -> Option<u32> {
    let mut reader = Reader::new(context.layout, state.address);
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let Ok(reading) = reader.read(context) else { break };
        let (mut stack, mut is_whole) = (reading.stack, reading.certain && !reading.cut);
        if let Some(chains) = &mut chains {
            let extended = chains.extend(context, state, reader.rows(), stack);
            stack = extended.stack;
            is_whole &= !extended.cut;
        }
        last = Some(stack);
        if is_whole {
            break;
        }
    }
    last
}

/// Less than a millisecond; after that the last reading has to do, cut where it is not certain.
const ATTEMPTS: usize = 200;

fn lines(tree: &Tree, stack: u32) -> Vec<FrameLine> {
    let line = |(function, line): (crate::tree::Function, u32)| FrameLine {
        function: tree.text_of(function.name).to_owned(),
        file: tree.text_of(function.file).to_owned(),
        line,
        first_line: function.first_line,
    };
    tree.frames_of(stack).into_iter().rev().map(line).collect()
}
