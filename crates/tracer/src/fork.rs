//! Forks: a child never touches its parent's file.
//!
//! Most children that C code forks run no Python at all before `execve`, so a child only notes where its thread was; it
//! gets its file at its first event, or from `os.register_at_fork` if Python knows of the fork.

use std::ptr::null_mut;
use std::sync::atomic::Ordering::Relaxed;

use profkit_recording::trace::Node;

use pyo3_ffi as ffi;
use pyo3_ffi::{PyMethodDef, PyObject};

use crate::process;
use crate::python::{self, Owned};
use crate::thread::{self, State};
use crate::tree;

/// Where the thread was that forked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Forked {
    /// The begin of the parent's file, which stays mapped until the child has read its path.
    base: *mut u8,
    current: u32,
    root: u32,
}

/// Written before each fork, under the lock.
static mut PLACE: Option<Forked> = None;

/// Has the C library tell of forks.
pub(crate) fn watch() {
    // SAFETY: the functions live as long as the process.
    unsafe {
        libc::pthread_atfork(Some(before), Some(after_in_parent), Some(after_in_child));
    }
}

/// Has Python call back in children that it forks itself, so that those have a file that do nothing but end.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn register() {
    let register = Owned::attribute(python::imported(c"posix"), c"register_at_fork");
    let function = Owned(ffi::PyCFunction_NewEx(&raw mut IN_CHILD, null_mut(), null_mut()));
    let (nothing, named) = (Owned(ffi::PyTuple_New(0)), Owned(ffi::PyDict_New()));
    if !register.0.is_null() && !function.0.is_null() && !nothing.0.is_null() && !named.0.is_null() {
        ffi::PyDict_SetItemString(named.0, c"after_in_child".as_ptr(), function.0);
        drop(Owned(ffi::PyObject_Call(register.0, nothing.0, named.0)));
    }
    ffi::PyErr_Clear();
}

static mut IN_CHILD: PyMethodDef = PyMethodDef {
    ml_name: c"profkit_in_child".as_ptr(),
    ml_meth: ffi::PyMethodDefPointer { PyCFunction: in_child },
    ml_flags: ffi::METH_NOARGS,
    ml_doc: std::ptr::null(),
};

unsafe extern "C" fn in_child(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    thread::get();
    ffi::Py_IncRef(ffi::Py_None());
    ffi::Py_None()
}

unsafe extern "C" fn before() {
    process::raw_lock();
    let state = thread::current();
    // The parent goes on at once, so the place has to be read before.
    PLACE = (!state.is_null()).then(|| Forked {
        base: (*state).base,
        current: (*(*state).record).current.load(Relaxed),
        root: (*state).root,
    });
}

unsafe extern "C" fn after_in_parent() {
    process::raw_unlock();
}

unsafe extern "C" fn after_in_child() {
    process::raw_unlock();
    thread::set_current(null_mut());
    if process::is_disarmed() {
        return;
    }
    let mut lock = process::lock();
    if let Some(process) = lock.as_mut() {
        // A child of a child that has not begun has the place of its grandparent's thread.
        let unknown = Forked { base: null_mut(), current: 0, root: 0 };
        process.forked = Some(process.forked.take().or(PLACE).unwrap_or(unknown));
    }
}

/// Makes the path on which the thread forked again in the child's file, with no calls.
///
/// # Safety
/// The state is the calling thread's and new.
pub(crate) unsafe fn take_over(state: *mut State, forked: &Forked) {
    if !forked.base.is_null() {
        let old = |id: u32| forked.base.add(id as usize * 8).cast::<Node>();
        let mut path = Vec::new();
        let mut at = forked.current;
        while at != forked.root {
            path.push(at);
            at = (*old(at)).parent;
        }
        let mut current = (*state).root;
        for &id in path.iter().rev() {
            let node = old(id);
            current = tree::child(state, current, (*node).function, (*node).scratch.load(Relaxed));
            if current == 0 {
                return;
            }
        }
        (*(*state).record).current.store(current, Relaxed);
    }
    if let Some(process) = process::lock().as_mut() {
        process.before_fork = None;
    }
}
