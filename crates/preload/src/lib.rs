//! The object that `LD_PRELOAD` brings into every dynamic program below `profkit record --trace`.
//!
//! In a Python it adds an audit hook, and at the first `cpython.run_*` event (the interpreter is ready, and nothing of the
//! program has run), or at the first sign of a program that embeds Python, it loads the tracer. Start-up files cannot do
//! that: `-S`, `-I`, `-E`, `env={}` and a `PYTHONPATH` of the program's own would keep them out. In every program it sees to
//! it that what is started next gets the variables as well.
//!
//! What would surprise: most of this may run between `vfork` and `execve`, or before `main`. So it allocates nothing there,
//! takes no locks, never prints, and where anything fails the program simply is not traced.

pub mod embedded;
mod entry;
mod environment;
pub mod exec;
pub mod limits;
mod process;
mod python;
pub mod variables;

use core::sync::atomic::{AtomicPtr, Ordering};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use profkit_recording::{carrier, header};

/// What the process was told, kept for its whole life.
#[derive(Debug)]
struct Carried {
    /// `PROFKIT_RECORD=…` with a NUL at its end.
    variable: Vec<u8>,
    /// Path of this object.
    preload: Vec<u8>,
    /// What else `LD_PRELOAD` names, with a NUL at its end: the program's own business.
    theirs: Vec<u8>,
    /// Path of the tracer, with a NUL at its end.
    tracer: Vec<u8>,
    /// Path of the journal, with a NUL at its end.
    journal: Vec<u8>,
    start_ticks: u64,
}

static CARRIED: AtomicPtr<Carried> = AtomicPtr::new(core::ptr::null_mut());

/// What the process was told; `None` where it was told nothing.
fn carried() -> Option<&'static Carried> {
    // SAFETY: the pointer is null, or comes from a box that is never freed.
    unsafe { CARRIED.load(Ordering::Acquire).as_ref() }
}

impl Carried {
    fn read() -> Option<Self> {
        let text = environment::variable(carrier::VARIABLE)?;
        let path = |key: &str, suffix: &str| {
            let mut path = carrier::value(text, key).filter(|path| path.starts_with(b"/"))?;
            path.extend_from_slice(suffix.as_bytes());
            (!path[..path.len() - suffix.len()].contains(&0)).then_some(path)
        };
        let journal = path("folder", &format!("/{}\0", profkit_recording::journal::FILE))?;
        let number = |text: Vec<u8>| std::str::from_utf8(&text).ok()?.parse().ok();
        let start_ns = carrier::value(text, "start_ns").and_then(number);
        let folder = OsString::from_vec(path("folder", "")?);
        if start_ns.is_some_and(|start_ns| !header::is_of(Path::new(&folder), start_ns)) {
            return None;
        }
        let preload = path("preload", "")?;
        let variable = [carrier::VARIABLE.as_bytes(), b"=", text, b"\0"].concat();
        Some(Self {
            variable,
            theirs: without(environment::variable("LD_PRELOAD").unwrap_or_default(), &preload),
            preload,
            tracer: path("tracer", "\0")?,
            journal,
            start_ticks: process::start_ticks(),
        })
    }
}

/// The paths in a list of objects as the linker takes it.
fn objects(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b':' || byte.is_ascii_whitespace()).filter(|path| !path.is_empty())
}

/// A list of objects, without one of them.
fn without(list: &[u8], path: &[u8]) -> Vec<u8> {
    let rest: Vec<&[u8]> = objects(list).filter(|part| *part != path).collect();
    [&rest.join(&b':'), &b"\0"[..]].concat()
}

extern "C" fn begin() {
    let Some(read) = Carried::read() else { return };
    CARRIED.store(Box::into_raw(Box::new(read)), Ordering::Release);
    let Some(carried) = carried() else { return };
    process::write_start(carried);
    exec::find_next();
    python::watch();
}

/// The dynamic linker calls this before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;
