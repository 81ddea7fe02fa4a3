//! A program that sets or clears `LD_PRELOAD` in its own environment: ours stays in it.
//!
//! `system`, `popen`, `execl` and their kin hand on C's environment from within the C library, where nothing can stand in front
//! of them. So what changes that environment keeps the variables of the recording in it. Python's `os.environ`, in which
//! they are hidden, has what the program wrote.

use core::ffi::{CStr, c_char, c_int};
use core::mem::transmute;
use std::ffi::CString;

use profkit_recording::carrier;

use crate::exec::{Next, no_such_function};
use crate::{Carried, carried, objects};

type Setenv = unsafe extern "C" fn(*const c_char, *const c_char, c_int) -> c_int;

const PRELOAD: &CStr = c"LD_PRELOAD";

static SETENV: Next = Next::new(c"setenv");
static UNSETENV: Next = Next::new(c"unsetenv");
static PUTENV: Next = Next::new(c"putenv");
static CLEARENV: Next = Next::new(c"clearenv");

impl Carried {
    /// A list of objects to load, with ours before it.
    fn preload_with(&self, theirs: &[u8]) -> Option<CString> {
        if objects(theirs).any(|path| path == self.preload) {
            return CString::new(theirs).ok();
        }
        let separator: &[u8] = if theirs.is_empty() { b"" } else { b":" };
        CString::new([&self.preload, separator, theirs].concat()).ok()
    }

    /// Sets `LD_PRELOAD` to what the program wants and ours.
    fn set_preload(&self, theirs: &[u8]) -> Option<c_int> {
        let value = self.preload_with(theirs)?;
        // SAFETY: the text ends with NUL and is copied.
        unsafe { set(PRELOAD, &value) }
    }
}

/// The C library's `setenv`.
///
/// # Safety
/// As for the C library's: no other thread uses the environment.
unsafe fn set(name: &CStr, value: &CStr) -> Option<c_int> {
    let next = SETENV.find();
    if next.is_null() {
        return None;
    }
    // SAFETY: its type; both texts end with NUL and are copied.
    Some(unsafe { transmute::<*mut core::ffi::c_void, Setenv>(next)(name.as_ptr(), value.as_ptr(), 1) })
}

/// What is carried, if this is the name of a variable that has to stay, and whether it is `LD_PRELOAD`.
unsafe fn kept(name: *const c_char) -> Option<(&'static Carried, bool)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: as for the C library's functions, it ends with NUL.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    let is_preload = name == PRELOAD.to_bytes();
    (is_preload || name == carrier::VARIABLE.as_bytes()).then_some(())?;
    carried().map(|carried| (carried, is_preload))
}

/// As the C library's.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setenv(name: *const c_char, value: *const c_char, overwrite: c_int) -> c_int {
    // SAFETY: the arguments are the caller's.
    if let Some((carried, true)) = unsafe { kept(name) }
        && overwrite != 0
        && !value.is_null()
    {
        // SAFETY: it ends with NUL.
        let theirs = unsafe { CStr::from_ptr(value) };
        return carried.set_preload(theirs.to_bytes()).unwrap_or_else(no_such_function);
    }
    let next = SETENV.find();
    if next.is_null() {
        return no_such_function();
    }
    // SAFETY: its type, and the caller's arguments.
    unsafe { transmute::<*mut core::ffi::c_void, Setenv>(next)(name, value, overwrite) }
}

/// As the C library's.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unsetenv(name: *const c_char) -> c_int {
    // SAFETY: the arguments are the caller's.
    match unsafe { kept(name) } {
        Some((carried, true)) => return carried.set_preload(b"").unwrap_or_else(no_such_function),
        Some((_, false)) => return 0,
        None => {}
    }
    let next = UNSETENV.find();
    if next.is_null() {
        return no_such_function();
    }
    // SAFETY: its type, and the caller's arguments.
    unsafe { transmute::<*mut core::ffi::c_void, unsafe extern "C" fn(*const c_char) -> c_int>(next)(name) }
}

/// As the C library's, but that a value of `LD_PRELOAD` is copied.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn putenv(entry: *mut c_char) -> c_int {
    if let Some(carried) = carried().filter(|_| !entry.is_null()) {
        // SAFETY: it ends with NUL.
        let text = unsafe { CStr::from_ptr(entry) }.to_bytes();
        if text == PRELOAD.to_bytes() {
            return carried.set_preload(b"").unwrap_or_else(no_such_function);
        }
        if let Some(theirs) = text.strip_prefix(b"LD_PRELOAD=") {
            return carried.set_preload(theirs).unwrap_or_else(no_such_function);
        }
    }
    let next = PUTENV.find();
    if next.is_null() {
        return no_such_function();
    }
    // SAFETY: its type, and the caller's arguments.
    unsafe { transmute::<*mut core::ffi::c_void, unsafe extern "C" fn(*mut c_char) -> c_int>(next)(entry) }
}

/// As the C library's.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clearenv() -> c_int {
    let next = CLEARENV.find();
    if next.is_null() {
        return no_such_function();
    }
    // SAFETY: its type.
    let done = unsafe { transmute::<*mut core::ffi::c_void, unsafe extern "C" fn() -> c_int>(next)() };
    if let Some(carried) = carried().filter(|_| done == 0) {
        carried.set_preload(b"");
        let prefix = carrier::VARIABLE.len() + 1;
        if let (Ok(name), Ok(value)) =
            (CString::new(carrier::VARIABLE), CStr::from_bytes_with_nul(&carried.variable[prefix..]))
        {
            // SAFETY: as for this function.
            unsafe { set(&name, value) };
        }
    }
    done
}
