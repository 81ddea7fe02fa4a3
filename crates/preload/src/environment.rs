//! The environment as C has it.

use core::ffi::{CStr, c_char};

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// The environment of the process, as it is now.
pub(crate) fn list() -> *const *const c_char {
    // SAFETY: reading a pointer that C programs change without locks, as the C library itself reads it.
    unsafe { environ }
}

/// The value of a variable, valid until the program changes its environment.
pub(crate) fn variable(name: &str) -> Option<&'static [u8]> {
    // SAFETY: `environ` is null or a list of strings that ends with null; before `main` no other thread changes it.
    let entries = unsafe { entries(environ) };
    entries.into_iter().find_map(|entry| {
        // SAFETY: see above.
        let entry = unsafe { CStr::from_ptr(entry) }.to_bytes();
        entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
    })
}

/// The entries of an environment.
///
/// # Safety
/// `list` is null or points to pointers of which the last one is null, all valid for as long as the result is used.
pub(crate) unsafe fn entries(list: *const *const c_char) -> impl Iterator<Item = *const c_char> {
    let mut next = list;
    core::iter::from_fn(move || {
        if next.is_null() {
            return None;
        }
        // SAFETY: not null, and the end of the list is not passed.
        let entry = unsafe { *next };
        if entry.is_null() {
            return None;
        }
        // SAFETY: the list goes on behind what is not its end.
        next = unsafe { next.add(1) };
        Some(entry)
    })
}
