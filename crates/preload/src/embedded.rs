//! An interpreter that another program has in it, or loads when it wants to.
//!
//! Nothing says `cpython.run_*` there: the program has Python do what it likes. That shows in other audit events: `exec`, and
//! `import` of what is not yet imported. In an interpreter of its own, all of these between the moment when it says that it is
//! initialised and `cpython.run_*` come from the import of `site`.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::transmute;
use core::ptr::null_mut;

use crate::exec::Next;
use crate::python::{self, symbol};

type Object = *mut c_void;

/// Whether no interpreter has begun in this process.
pub(crate) fn is_before_the_start() -> bool {
    symbol(c"Py_IsInitialized").is_none_or(|is_initialized| {
        // SAFETY: its type; it may be called at any time.
        let is_initialized: unsafe extern "C" fn() -> c_int = unsafe { transmute(is_initialized) };
        // SAFETY: as above.
        unsafe { is_initialized() == 0 }
    })
}

/// Whether this event is of a program that runs Python in itself.
///
/// # Safety
/// It is an audit event with its arguments, and the interpreter lock is held.
pub(crate) unsafe fn runs(event: &CStr, arguments: Object) -> bool {
    if event != c"exec" && event != c"import" || is_before_the_start() {
        return false;
    }
    let functions = || {
        Some([
            symbol(c"PyEval_GetFrame")?,
            symbol(c"PyTuple_GetItem")?,
            symbol(c"PyUnicode_CompareWithASCIIString")?,
            symbol(c"PyImport_GetModuleDict")?,
            symbol(c"PyDict_GetItemString")?,
        ])
    };
    let Some([frame, item, compare, modules, value]) = functions() else { return false };
    // SAFETY: their types in every Python that has audit events; what they return is borrowed. The first argument of `import`
    // is the name of the module.
    unsafe {
        let frame: unsafe extern "C" fn() -> Object = transmute(frame);
        let item: unsafe extern "C" fn(Object, isize) -> Object = transmute(item);
        let compare: unsafe extern "C" fn(Object, *const c_char) -> c_int = transmute(compare);
        let modules: unsafe extern "C" fn() -> Object = transmute(modules);
        let value: unsafe extern "C" fn(Object, *const c_char) -> Object = transmute(value);
        if frame().is_null() {
            event == c"exec" || compare(item(arguments, 0), c"site".as_ptr()) != 0
        } else {
            value(modules(), c"site".as_ptr()).is_null()
        }
    }
}

static SETLOCALE: Next = Next::new(c"setlocale");

/// Every interpreter asks for the locale before it begins: one that was not there when the program was started is seen here.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setlocale(category: c_int, locale: *const c_char) -> *mut c_char {
    python::watch();
    let next = SETLOCALE.find();
    if next.is_null() {
        return null_mut();
    }
    // SAFETY: its type, and the caller's arguments.
    unsafe {
        let next: unsafe extern "C" fn(c_int, *const c_char) -> *mut c_char = transmute(next);
        next(category, locale)
    }
}
