//! Finds the Python in a process: which file it is mapped from, where its runtime lies, how it is laid out.
//!
//! The order of looking matters for speed only: the program itself, then files with `python` in their name, then every other
//! mapped library (a plug-in host may have Python in a library of any name).

use std::fs;

use foldhash::HashSet;

use crate::binary::{Binaries, Binary};
use crate::debug_offsets::{self, Unusable};
use crate::layout::Layout;
use crate::maps::{self, Mapping};
use crate::refusal::{self, Refusal};
use crate::remote::Remote;
use crate::version::Version;

/// A Python that runs in a process, ready to be read.
#[derive(Clone, Copy, Debug)]
pub struct Interpreter {
    /// The process's memory.
    pub remote: Remote,
    /// Where things are.
    pub layout: Layout,
    /// Address of `_PyRuntime`.
    pub runtime: u64,
}

/// Finds the interpreter of a process.
///
/// # Errors
/// If there is none, it has not started, or may not or cannot be read.
pub fn find(pid: u32, binaries: &mut Binaries) -> Result<Interpreter, Refusal> {
    let remote = Remote::new(pid);
    let mappings = maps::of_process(pid).map_err(|error| Refusal::from_error(pid, &error))?;
    if mappings.is_empty() {
        // A zombie, a kernel thread, or a process between two programs.
        return Err(Refusal::NotYet);
    }
    let Some((mapping, binary)) = candidates(pid, &mappings).find_map(|m| Some((m, binaries.look(pid, m)?)))
    else {
        return Err(not_python(pid, remote, &mappings));
    };
    let runtime =
        mapping.start.wrapping_sub(mapping.offset).wrapping_sub(binary.base).wrapping_add(binary.runtime);
    let layout = layout_of(pid, remote, runtime, binary, mapping)?;
    let interpreter = Interpreter { remote, layout, runtime };
    interpreter.check_ready(pid)?;
    Ok(interpreter)
}

/// One mapping of each file, likely ones first.
fn candidates(pid: u32, mappings: &[Mapping]) -> impl Iterator<Item = &Mapping> {
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let program = program.map(|path| path.to_string_lossy().trim_end_matches(" (deleted)").to_owned());
    let rank = move |mapping: &Mapping| {
        let name = mapping.path.rsplit('/').next().unwrap_or("");
        if program.as_deref() == Some(mapping.path.as_str()) || name.starts_with("libpython") {
            0
        } else if name.contains("python") && !name.contains(".cpython-") {
            1
        } else {
            2
        }
    };
    let is_code = |mapping: &&Mapping| mapping.executable || mapping.offset == 0;
    let mut firsts: Vec<&Mapping> = Vec::new();
    for mapping in mappings.iter().filter(is_code) {
        if !firsts.iter().any(|known| known.file == mapping.file) {
            firsts.push(mapping);
        }
    }
    let loaded = |file| mappings.iter().any(|m| m.file == file && m.executable);
    firsts.retain(|mapping| loaded(mapping.file));
    firsts.sort_by_key(|mapping| rank(mapping));
    firsts.into_iter()
}

fn not_python(pid: u32, remote: Remote, mappings: &[Mapping]) -> Refusal {
    // Without the permission to read memory, files behind /proc/PID/root cannot be opened either: say that instead.
    if let Some(first) = mappings.first()
        && let Err(error) = remote.word(first.start)
        && matches!(error.raw_os_error(), Some(libc::EPERM | libc::ESRCH))
    {
        return Refusal::from_error(pid, &error);
    }
    let program = fs::read_link(format!("/proc/{pid}/exe")).map(|path| path.display().to_string());
    Refusal::NotPython { what: program.unwrap_or_else(|_| "a process without a program".to_owned()) }
}

fn layout_of(
    pid: u32,
    remote: Remote,
    runtime: u64,
    binary: Binary,
    mapping: &Mapping,
) -> Result<Layout, Refusal> {
    let mut head = [0; debug_offsets::SIZE];
    let read = remote.gather(&mut head, &[crate::remote::Place::new(runtime, debug_offsets::SIZE)]);
    let read = read.map_err(|error| Refusal::from_error(pid, &error))?;
    let unsupported = |version, why| Err(Refusal::unsupported(version, why));
    match debug_offsets::parse(head.get(..read).unwrap_or_default()) {
        Ok(layout) => return Ok(layout),
        Err(Unusable::Unknown(version)) => return unsupported(version, refusal::UNKNOWN),
        Err(Unusable::Senseless(version)) => return unsupported(version, refusal::SENSELESS),
        Err(Unusable::Absent) => {}
    }
    let version = binary.version.or_else(|| version_in_name(&mapping.path));
    let Some(version) = version else {
        return Err(Refusal::unsupported("of an unknown version", refusal::UNKNOWN));
    };
    match Layout::known(version) {
        Some(layout) => Ok(layout),
        // Its description is a static value: it is absent only while the file is not wholly mapped.
        None if version.at_least(13) => Err(Refusal::NotYet),
        None if binary.version.is_some() => unsupported(version, refusal::UNKNOWN),
        None => {
            let version = format_args!("{}.{}", version.major, version.minor);
            Err(Refusal::unsupported(version, refusal::UNKNOWN))
        }
    }
}

/// The version in `libpython3.9.so.1.0` or `python3.9`; the patch release is not known.
fn version_in_name(path: &str) -> Option<Version> {
    let name = path.rsplit('/').next()?;
    let rest = name.strip_prefix("libpython3.").or_else(|| name.strip_prefix("python3."))?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(Version::new(3, digits.parse().ok()?, 0))
}

/// More interpreters are not followed.
pub(crate) const MAX_INTERPRETERS: usize = 1_000;

impl Interpreter {
    /// Addresses of the interpreters (the main one and subinterpreters), newest first: each once, also where the list leads back into
    /// itself since it changed meanwhile.
    ///
    /// # Errors
    /// If memory cannot be read.
    pub fn interpreters(&self) -> std::io::Result<Vec<u64>> {
        let (mut found, mut seen) = (Vec::new(), HashSet::default());
        let mut at = self.remote.word(self.runtime + self.layout.runtime_interpreters_head as u64)?;
        while at != 0 && found.len() < MAX_INTERPRETERS && seen.insert(at) {
            found.push(at);
            at = self.remote.word(at.wrapping_add(self.layout.interp_next as u64))?;
        }
        Ok(found)
    }

    /// Whether there is a thread that belongs to an interpreter: both list heads lead where they should.
    fn check_ready(&self, pid: u32) -> Result<(), Refusal> {
        let wrong = |error: std::io::Error| match error.raw_os_error() {
            Some(libc::EFAULT) | None => Refusal::unsupported(self.layout.version, refusal::SENSELESS),
            _ => Refusal::from_error(pid, &error),
        };
        let head = self.remote.word(self.runtime + self.layout.runtime_interpreters_head as u64);
        let head = head.map_err(|error| Refusal::from_error(pid, &error))?;
        if head == 0 {
            return Err(Refusal::NotYet);
        }
        let thread = self.remote.word(head + self.layout.interp_threads_head as u64).map_err(wrong)?;
        if thread == 0 {
            return Err(Refusal::NotYet);
        }
        let owner = self.remote.word(thread + self.layout.thread_interp as u64).map_err(wrong)?;
        if owner == head {
            return Ok(());
        }
        // A thread state is linked before it is filled; else this is another layout.
        match owner {
            0 => Err(Refusal::NotYet),
            _ => Err(Refusal::unsupported(self.layout.version, refusal::SENSELESS)),
        }
    }
}
