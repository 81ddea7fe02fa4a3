//! Programs that are started with an environment of their own get the variables of the recording as well.
//!
//! The calls with a list of arguments in the call itself (`execl` and its kin) are left alone: they hand on the environment
//! of the process, where the variables still are. All of this may run in a child of `vfork`, whose memory is the parent's: nothing is allocated.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::transmute;
use core::ptr::null;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::{Carried, carried, environment, objects};

type Strings = *const *const c_char;
type Execve = unsafe extern "C" fn(*const c_char, Strings, Strings) -> c_int;
type Fexecve = unsafe extern "C" fn(c_int, Strings, Strings) -> c_int;
type Execveat = unsafe extern "C" fn(c_int, *const c_char, Strings, Strings, c_int) -> c_int;
type Spawn =
    unsafe extern "C" fn(*mut c_int, *const c_char, *const c_void, *const c_void, Strings, Strings) -> c_int;

/// A function of the C library that one of ours stands in front of.
pub(crate) struct Next(&'static CStr, AtomicPtr<c_void>);

impl Next {
    pub(crate) const fn new(name: &'static CStr) -> Self {
        Self(name, AtomicPtr::new(core::ptr::null_mut()))
    }

    pub(crate) fn find(&self) -> *mut c_void {
        let known = self.1.load(Ordering::Relaxed);
        if !known.is_null() {
            return known;
        }
        // SAFETY: the name ends with NUL.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.0.as_ptr()) };
        self.1.store(found, Ordering::Relaxed);
        found
    }
}

static EXECVE: Next = Next::new(c"execve");
static EXECVPE: Next = Next::new(c"execvpe");
static FEXECVE: Next = Next::new(c"fexecve");
static EXECVEAT: Next = Next::new(c"execveat");
static POSIX_SPAWN: Next = Next::new(c"posix_spawn");
static POSIX_SPAWNP: Next = Next::new(c"posix_spawnp");

/// Looks the real functions up, before any of them is needed where looking up is not allowed.
pub(crate) fn find_next() {
    for next in [&EXECVE, &EXECVPE, &FEXECVE, &EXECVEAT, &POSIX_SPAWN, &POSIX_SPAWNP] {
        next.find();
    }
}

/// So many variables fit; a program with more of them starts its child with the environment as it is.
const VARIABLES: usize = 4096;
const PRELOAD: &[u8] = b"LD_PRELOAD=";
const LONGEST_PRELOAD: usize = 8192;

/// Room for an environment, on the stack.
struct Environment {
    list: [*const c_char; VARIABLES],
    preload: [u8; LONGEST_PRELOAD],
}

impl Environment {
    const EMPTY: Self = Self { list: [null(); VARIABLES], preload: [0; LONGEST_PRELOAD] };

    /// The environment `from` with the variables of the recording; `from` itself where they are there, or do not fit.
    ///
    /// # Safety
    /// `from` is null or a list of strings that ends with null.
    unsafe fn with(&mut self, from: Strings, carried: &Carried) -> Strings {
        let mut count = 0;
        let mut theirs: &[u8] = b"";
        // SAFETY: as for this function.
        for entry in unsafe { environment::entries(from) } {
            // SAFETY: entries are strings.
            let text = unsafe { CStr::from_ptr(entry) }.to_bytes();
            if let Some(value) = text.strip_prefix(PRELOAD) {
                theirs = value;
                continue;
            }
            let name = profkit_recording::carrier::VARIABLE.as_bytes();
            if text.strip_prefix(name).is_some_and(|rest| rest.starts_with(b"=")) {
                continue;
            }
            if count + 3 > VARIABLES {
                return from;
            }
            self.list[count] = entry;
            count += 1;
        }
        let has_ours = objects(theirs).any(|path| path == carried.preload);
        let (ours, separator): (&[u8], &[u8]) = if has_ours { (b"", b"") } else { (&carried.preload, b":") };
        let separator = if theirs.is_empty() { b"" } else { separator };
        let mut at = 0;
        for part in [PRELOAD, ours, separator, theirs, b"\0"] {
            let Some(room) = self.preload.get_mut(at..at + part.len()) else { return from };
            room.copy_from_slice(part);
            at += part.len();
        }
        self.list[count] = self.preload.as_ptr().cast();
        self.list[count + 1] = carried.variable.as_ptr().cast();
        self.list[count + 2] = null();
        self.list.as_ptr()
    }
}

/// Calls `call` with the environment that the child is to get.
unsafe fn enriched(from: Strings, call: impl FnOnce(Strings) -> c_int) -> c_int {
    let Some(carried) = carried() else { return call(from) };
    let mut room = Environment::EMPTY;
    // SAFETY: the caller of the C function gives an environment, or null, which Linux takes for an empty one.
    call(unsafe { room.with(from, carried) })
}

const MISSING: c_int = libc::ENOSYS;

pub(crate) fn no_such_function() -> c_int {
    // SAFETY: the place of the thread's error number is always valid.
    unsafe { *libc::__errno_location() = MISSING };
    -1
}

/// As the C library's.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execve(path: *const c_char, arguments: Strings, variables: Strings) -> c_int {
    let next = EXECVE.find();
    if next.is_null() {
        return no_such_function();
    }
    // SAFETY: the symbol has this type in every libc.
    let next: Execve = unsafe { transmute(next) };
    // SAFETY: the arguments are the caller's.
    unsafe { enriched(variables, |variables| next(path, arguments, variables)) }
}

/// As the C library's.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execvpe(file: *const c_char, arguments: Strings, variables: Strings) -> c_int {
    let next = EXECVPE.find();
    if next.is_null() {
        return no_such_function();
    }
    // SAFETY: the symbol has this type in every libc that has it.
    let next: Execve = unsafe { transmute(next) };
    // SAFETY: the arguments are the caller's.
    unsafe { enriched(variables, |variables| next(file, arguments, variables)) }
}

/// As the C library's. The program may have emptied its environment, as `env -i` does.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execv(path: *const c_char, arguments: Strings) -> c_int {
    // SAFETY: the arguments are the caller's.
    unsafe { execve(path, arguments, environment::list()) }
}

/// As the C library's.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execvp(file: *const c_char, arguments: Strings) -> c_int {
    // SAFETY: the arguments are the caller's.
    unsafe { execvpe(file, arguments, environment::list()) }
}

/// As the C library's.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fexecve(file: c_int, arguments: Strings, variables: Strings) -> c_int {
    let next = FEXECVE.find();
    if next.is_null() {
        return no_such_function();
    }
    // SAFETY: the symbol has this type in every libc that has it.
    let next: Fexecve = unsafe { transmute(next) };
    // SAFETY: the arguments are the caller's.
    unsafe { enriched(variables, |variables| next(file, arguments, variables)) }
}

/// As the C library's.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execveat(
    folder: c_int,
    path: *const c_char,
    arguments: Strings,
    variables: Strings,
    flags: c_int,
) -> c_int {
    let next = EXECVEAT.find();
    if next.is_null() {
        return no_such_function();
    }
    // SAFETY: the symbol has this type in every libc that has it.
    let next: Execveat = unsafe { transmute(next) };
    // SAFETY: the arguments are the caller's.
    unsafe { enriched(variables, |variables| next(folder, path, arguments, variables, flags)) }
}

unsafe fn spawn(
    next: &Next,
    pid: *mut c_int,
    path: *const c_char,
    actions: *const c_void,
    attributes: *const c_void,
    [arguments, variables]: [Strings; 2],
) -> c_int {
    let next = next.find();
    if next.is_null() {
        return MISSING;
    }
    // SAFETY: both symbols have this type in every libc that has them.
    let next: Spawn = unsafe { transmute(next) };
    // SAFETY: the arguments are the caller's.
    unsafe { enriched(variables, |variables| next(pid, path, actions, attributes, arguments, variables)) }
}

/// As the C library's.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn(
    pid: *mut c_int,
    path: *const c_char,
    actions: *const c_void,
    attributes: *const c_void,
    arguments: Strings,
    variables: Strings,
) -> c_int {
    // SAFETY: the arguments are the caller's.
    unsafe { spawn(&POSIX_SPAWN, pid, path, actions, attributes, [arguments, variables]) }
}

/// As the C library's.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnp(
    pid: *mut c_int,
    file: *const c_char,
    actions: *const c_void,
    attributes: *const c_void,
    arguments: Strings,
    variables: Strings,
) -> c_int {
    // SAFETY: the arguments are the caller's.
    unsafe { spawn(&POSIX_SPAWNP, pid, file, actions, attributes, [arguments, variables]) }
}
