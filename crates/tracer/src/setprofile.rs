//! A program's own `sys.setprofile(function)` must not see that call of `sys.setprofile` return.
//!
//! Where nobody traces, the function hears of calls from the next one on; where somebody does, CPython tells it of this
//! return, too, and the standard library's `profile` ends in an AssertionError (3.9 to 3.15). So the method behind
//! `sys.setprofile` is replaced by one that calls it and then has one such event dropped.

use std::ffi::c_int;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

use pyo3_ffi as ffi;
use pyo3_ffi::{PyMethodDef, PyObject};

use crate::python::{CFunction, Hook, SYMBOLS, type_of};

/// The definition of `sys.setprofile`, and what it had.
static DEFINITION: AtomicPtr<PyMethodDef> = AtomicPtr::new(std::ptr::null_mut());
static ORIGINAL: AtomicUsize = AtomicUsize::new(0);
/// The C function through which the interpreter calls a profile function of Python's.
static THROUGH: AtomicUsize = AtomicUsize::new(0);
/// The word of a thread state that has it.
static AT: AtomicUsize = AtomicUsize::new(0);

const C_EXCEPTION: c_int = 5;
const C_RETURN: c_int = 6;

/// Replaces the method. Once in a process.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn watch() {
    let function = ffi::PySys_GetObject(c"setprofile".as_ptr());
    if function.is_null() || type_of(function) != SYMBOLS.c_function {
        return;
    }
    let definition = (*function.cast::<CFunction>()).definition;
    if (*definition).ml_flags == ffi::METH_O {
        DEFINITION.store(definition, Relaxed);
        ORIGINAL.store(std::mem::transmute::<ffi::PyMethodDefPointer, usize>((*definition).ml_meth), Relaxed);
        (*definition).ml_meth = ffi::PyMethodDefPointer { PyCFunction: set_profile };
    }
}

unsafe extern "C" fn set_profile(module: *mut PyObject, function: *mut PyObject) -> *mut PyObject {
    let original: ffi::PyCFunction = std::mem::transmute(ORIGINAL.load(Relaxed));
    let value = original(module, function);
    if !value.is_null() && function != ffi::Py_None() {
        let thread = ffi::PyThreadState_Get().cast::<usize>();
        // The object lies two words behind the function: those of trace functions are between and behind.
        let object = (2..64).find(|&word| *thread.add(word) == function as usize);
        if let Some(at) = object.map(|word| word - 2)
            && *thread.add(at) != 0
        {
            let hook: Hook = drop_own_return;
            if *thread.add(at) != hook as usize {
                THROUGH.store(*thread.add(at), Relaxed);
                AT.store(at, Relaxed);
                *thread.add(at) = hook as usize;
            }
        }
    }
    value
}

/// The first event after that call.
unsafe extern "C" fn drop_own_return(
    object: *mut PyObject,
    frame: *mut PyObject,
    what: c_int,
    argument: *mut PyObject,
) -> c_int {
    let through = THROUGH.load(Relaxed);
    *ffi::PyThreadState_Get().cast::<usize>().add(AT.load(Relaxed)) = through;
    let is_own = matches!(what, C_RETURN | C_EXCEPTION)
        && !argument.is_null()
        && type_of(argument) == SYMBOLS.c_function
        && (*argument.cast::<CFunction>()).definition == DEFINITION.load(Relaxed);
    if is_own {
        return 0;
    }
    let through: Hook = std::mem::transmute(through);
    through(object, frame, what, argument)
}
