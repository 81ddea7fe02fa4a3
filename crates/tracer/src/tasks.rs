//! The asyncio task that a coroutine runs in, as a label in the tree.

use std::sync::atomic::Ordering::Relaxed;

use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use crate::process;
use crate::python::{self, Errors, Owned};
use crate::thread::State;
use crate::tree::{self, NO_CODE};

/// The node below which a coroutine goes that is run by what is no coroutine: a label with the name of the current task if
/// there is one, else the node itself.
///
/// # Safety
/// The GIL is held, the state is the calling thread's.
pub(crate) unsafe fn label(state: *mut State, current: u32) -> u32 {
    let Some(name) = task_name() else { return current };
    let number = {
        let mut lock = process::lock();
        let Some(process) = lock.as_mut() else { return current };
        process.functions.label(b"task", &name)
    };
    // Below a label of the same task there is no need for another one.
    let mut at = current;
    while at != (*state).root {
        let node = (*state).node(at);
        if (*node).scratch.load(Relaxed) == NO_CODE {
            if (*node).function == number {
                return current;
            }
            break;
        }
        at = (*node).parent;
    }
    match tree::child(state, current, number, NO_CODE) {
        0 => current,
        label => label,
    }
}

/// The name of the task that the running event loop is in. Only functions in C are called.
unsafe fn task_name() -> Option<Vec<u8>> {
    let asyncio = python::imported(c"_asyncio");
    if asyncio.is_null() {
        return None;
    }
    let _errors = Errors::save();
    let task = current_task(asyncio);
    if !task.is_something() {
        return None;
    }
    let class = Owned::attribute(asyncio, c"Task");
    let is_in_c = !class.0.is_null() && ffi::PyType_IsSubtype(python::type_of(task.0), class.0.cast()) != 0;
    let name = if is_in_c {
        let get_name = Owned::attribute(class.0, c"get_name");
        let name =
            Owned(ffi::PyObject_CallFunctionObjArgs(get_name.0, task.0, std::ptr::null_mut::<PyObject>()));
        ffi::PyErr_Clear();
        name
    } else {
        Owned::attribute(task.0, c"_name")
    };
    let mut text = Vec::new();
    python::push_text(&mut text, name.0);
    (!text.is_empty()).then_some(text)
}

/// The task that runs in this thread; null or None if there is none.
unsafe fn current_task(asyncio: *mut PyObject) -> Owned {
    let nothing = std::ptr::null_mut();
    let ask = Owned::attribute(asyncio, c"current_task");
    if !ask.0.is_null() {
        let task = Owned(ffi::PyObject_CallObject(ask.0, nothing));
        // It raises if no event loop runs.
        ffi::PyErr_Clear();
        return task;
    }
    // Before 3.12 that function is one in Python.
    let ask = Owned::attribute(asyncio, c"_get_running_loop");
    let tasks = Owned::attribute(asyncio, c"_current_tasks");
    if ask.0.is_null() || tasks.0.is_null() || ffi::PyDict_Check(tasks.0) == 0 {
        return Owned(nothing);
    }
    let event_loop = Owned(ffi::PyObject_CallObject(ask.0, nothing));
    let task =
        if event_loop.0.is_null() { nothing } else { ffi::PyDict_GetItemWithError(tasks.0, event_loop.0) };
    ffi::PyErr_Clear();
    ffi::Py_IncRef(task);
    Owned(task)
}
