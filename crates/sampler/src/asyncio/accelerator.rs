//! `_asyncio` in a process: where it keeps the task that runs, and how its tasks are laid out.
//!
//! Up to 3.13 one dict of the module has the running task of each event loop; from 3.14 on each thread state has its own.

use std::time::{Duration, Instant};

use hashbrown::HashMap;
use object::read::elf::ElfFile64;
use object::{LittleEndian, Object, ObjectSection, ReadCache};

use super::offsets::TaskOffsets;
use crate::dicts::Dicts;
use crate::layout::Layout;
use crate::maps::{self, FileId, Mapping};
use crate::remote::Remote;

/// How to find running tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accelerator {
    /// How they are laid out.
    pub(super) offsets: TaskOffsets,
    /// Where they are.
    pub(super) place: RunningPlace,
}

/// Where running tasks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunningPlace {
    /// The values of the dict at an address.
    Dict(u64),
    /// At an offset of each thread state.
    ThreadState(usize),
}

/// What is known of an interpreter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    /// The module is there.
    Here(Accelerator),
    /// It is there, and laid out as none that is known.
    Unknown,
    /// It was not there when it was looked for.
    Absent(Instant),
}

/// A module that is not there is looked for again after as long; sooner where an event loop runs.
const AGAIN: Duration = Duration::from_millis(50);
const AGAIN_SOON: Duration = Duration::from_millis(5);

/// The accelerators of a process's interpreters.
#[derive(Debug)]
pub(super) struct Accelerators {
    pid: u32,
    found: HashMap<u64, Found, foldhash::fast::RandomState>,
    files: HashMap<FileId, Option<(TaskOffsets, usize)>, foldhash::fast::RandomState>,
}

impl Accelerators {
    /// Of a process.
    #[must_use]
    pub(super) fn new(pid: u32) -> Self {
        Self { pid, found: HashMap::default(), files: HashMap::default() }
    }

    /// That of an interpreter; `soon` if it should be there.
    pub(super) fn of(&mut self, remote: Remote, layout: &Layout, interpreter: u64, soon: bool) -> Found {
        let again = if soon { AGAIN_SOON } else { AGAIN };
        match self.found.get(&interpreter) {
            Some(&Found::Absent(looked)) if looked.elapsed() >= again => {}
            Some(&found) => return found,
            None => {}
        }
        let found = if layout.version.at_least(14) {
            self.described()
        } else {
            known(Dicts::new(remote, layout), layout, interpreter)
        };
        let found = found.unwrap_or_else(|| Found::Absent(Instant::now()));
        self.found.insert(interpreter, found);
        found
    }

    /// What a file says that the process has mapped: the module's own, or one that has it built in.
    fn described(&mut self) -> Option<Found> {
        let mut mappings = maps::of_process(self.pid).ok()?;
        mappings.retain(|mapping| mapping.executable);
        mappings.sort_by_key(|mapping| match mapping.path.rsplit('/').next().unwrap_or("") {
            name if name.starts_with("_asyncio") => 0,
            name if name.contains("python") && !name.contains(".cpython-") => 1,
            _ => 2,
        });
        let (offsets, running) = mappings.iter().find_map(|mapping| self.look(mapping))?;
        Some(Found::Here(Accelerator { offsets, place: RunningPlace::ThreadState(running) }))
    }

    fn look(&mut self, mapping: &Mapping) -> Option<(TaskOffsets, usize)> {
        if let Some(known) = self.files.get(&mapping.file) {
            return *known;
        }
        let found = inspect(self.pid, mapping);
        self.files.insert(mapping.file, found);
        found
    }
}

fn inspect(pid: u32, mapping: &Mapping) -> Option<(TaskOffsets, usize)> {
    let cache = ReadCache::new(mapping.open(pid).ok()?);
    let elf = ElfFile64::<LittleEndian, _>::parse(&cache).ok()?;
    TaskOffsets::described(elf.section_by_name(".AsyncioDebug")?.data().ok()?)
}

/// Through the module's dict.
fn known(dicts: Dicts<'_>, layout: &Layout, interpreter: u64) -> Option<Found> {
    let module = dicts.module(interpreter, "_asyncio")?;
    let tasks = dicts.lookup(module, "_current_tasks")?;
    let kind = dicts.lookup(module, "Task")?;
    let size = usize::try_from(dicts.word(kind + layout.type_basicsize as u64)?).ok()?;
    Some(match TaskOffsets::known(layout.version, size) {
        Some(offsets) => Found::Here(Accelerator { offsets, place: RunningPlace::Dict(tasks) }),
        None => Found::Unknown,
    })
}
