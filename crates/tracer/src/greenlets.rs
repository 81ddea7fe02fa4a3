//! Greenlets (and so gevent): each has a place of its own in the tree of its thread.
//!
//! The greenlet module tells of switches through a function that is set for each thread. It is set once the module is
//! there, and calls the one that was there before.

use std::ffi::{CStr, c_char};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::Relaxed};

use pyo3_ffi as ffi;
use pyo3_ffi::{PyMethodDef, PyObject};

use crate::process;
use crate::python::{self, Errors, Owned};
use crate::thread::{self, State};
use crate::tree;

/// Code of the greenlet module has run.
static SEEN: AtomicBool = AtomicBool::new(false);
/// Our function, as an object.
static FUNCTION: AtomicPtr<PyObject> = AtomicPtr::new(null_mut());

static mut DEFINITION: PyMethodDef = PyMethodDef {
    ml_name: c"profkit_switched".as_ptr(),
    ml_meth: ffi::PyMethodDefPointer { PyCFunction: switched },
    ml_flags: ffi::METH_VARARGS,
    ml_doc: std::ptr::null(),
};

/// Looks whether a file that code comes from is the greenlet module's.
pub(crate) fn notice(file: &[u8]) {
    if file.ends_with(b"greenlet/__init__.py") {
        SEEN.store(true, Relaxed);
    }
}

/// Sets the function in the calling thread, if there is anything to tell.
///
/// # Safety
/// The GIL is held, the state is the calling thread's.
#[inline]
pub(crate) unsafe fn watch(state: *mut State) {
    if SEEN.load(Relaxed) && !(*state).greenlets_watched {
        set(state);
    }
}

#[cold]
unsafe fn set(state: *mut State) {
    let _errors = Errors::save();
    // Looking it up in `greenlet` itself would see a module that is still being imported.
    let module = python::imported(c"greenlet._greenlet");
    let settrace = Owned::attribute(module, c"settrace");
    if settrace.0.is_null() {
        return;
    }
    (*state).greenlets_watched = true;
    if FUNCTION.load(Relaxed).is_null() {
        FUNCTION.store(ffi::PyCFunction_NewEx(&raw mut DEFINITION, null_mut(), null_mut()), Relaxed);
    }
    let own = FUNCTION.load(Relaxed);
    let before = Owned(ffi::PyObject_CallFunctionObjArgs(settrace.0, own, null_mut::<PyObject>()));
    ffi::PyErr_Clear();
    if before.is_something() && before.0 != own {
        ffi::Py_IncRef(before.0);
        (*state).greenlet_function = before.0;
    }
}

/// `event, (origin, target)`: the thread goes from one greenlet to another.
unsafe extern "C" fn switched(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let state = thread::get();
    let (mut event, mut origin, mut target) = (null_mut::<c_char>(), null_mut(), null_mut());
    let format: &CStr = c"s(OO)";
    if ffi::PyArg_ParseTuple(arguments, format.as_ptr(), &raw mut event, &raw mut origin, &raw mut target)
        == 0
    {
        ffi::PyErr_Clear();
    } else if !state.is_null() {
        go(state, origin, target);
    }
    if !state.is_null() && !(*state).greenlet_function.is_null() {
        return ffi::PyObject_CallObject((*state).greenlet_function, arguments);
    }
    ffi::Py_IncRef(ffi::Py_None());
    ffi::Py_None()
}

unsafe fn go(state: *mut State, origin: *mut PyObject, target: *mut PyObject) {
    let now = {
        let lock = process::lock();
        let Some(process) = lock.as_ref() else { return };
        process.now(state)
    };
    let current = (*(*state).record).current.load(Relaxed);
    let places = &mut (*state).greenlets;
    // One that is at the root has ended, and its address may be another one's soon.
    if current == (*state).root {
        places.remove(&(origin as usize));
    } else {
        places.insert(origin as usize, current);
    }
    let to = places.remove(&(target as usize)).unwrap_or((*state).root);
    tree::go(state, current, to, now);
}
