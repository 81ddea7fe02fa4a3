//! The asyncio task that a coroutine runs in, as a label in the tree.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use crate::python::{self, Errors, Owned};
use crate::thread::State;
use crate::tree::{self, NO_CODE};
use crate::{functions, process};

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

/// What is used of asyncio's part in C. Null where a version lacks it.
struct Asyncio {
    current_task: Owned,
    running_loop: Owned,
    tasks_of_loops: Owned,
    class: Owned,
    name_of: Owned,
}

/// Kept while there is one interpreter.
static KEPT: AtomicPtr<Asyncio> = AtomicPtr::new(null_mut());

impl Asyncio {
    unsafe fn find() -> Option<Self> {
        let module = python::imported(c"_asyncio");
        if module.is_null() {
            return None;
        }
        let class = Owned::attribute(module, c"Task");
        Some(Self {
            current_task: Owned::attribute(module, c"current_task"),
            running_loop: Owned::attribute(module, c"_get_running_loop"),
            tasks_of_loops: Owned::attribute(module, c"_current_tasks"),
            name_of: Owned::attribute(class.0, c"get_name"),
            class,
        })
    }

    /// The task that runs in this thread; null or None if there is none.
    unsafe fn task(&self) -> Owned {
        if !self.current_task.0.is_null() {
            // It raises if no event loop runs.
            return Owned(ffi::PyObject_CallObject(self.current_task.0, null_mut()));
        }
        // Before 3.12 that function is one in Python.
        let tasks = self.tasks_of_loops.0;
        if self.running_loop.0.is_null() || tasks.is_null() || ffi::PyDict_Check(tasks) == 0 {
            return Owned(null_mut());
        }
        let running = Owned(ffi::PyObject_CallObject(self.running_loop.0, null_mut()));
        let has_none = running.0.is_null() || running.0 == ffi::Py_None();
        let task = if has_none { null_mut() } else { ffi::PyDict_GetItemWithError(tasks, running.0) };
        ffi::Py_IncRef(task);
        Owned(task)
    }

    unsafe fn name(&self) -> Option<Vec<u8>> {
        let task = self.task();
        if !task.is_something() {
            return None;
        }
        let is_in_c = !self.class.0.is_null()
            && ffi::PyType_IsSubtype(python::type_of(task.0), self.class.0.cast()) != 0;
        let name = if is_in_c && !self.name_of.0.is_null() {
            Owned(ffi::PyObject_CallFunctionObjArgs(self.name_of.0, task.0, null_mut::<PyObject>()))
        } else {
            Owned::attribute(task.0, c"_name")
        };
        let mut text = Vec::new();
        python::push_text(&mut text, name.0);
        (!text.is_empty()).then_some(text)
    }
}

/// The name of the task that the running event loop is in. Only functions in C are called.
unsafe fn task_name() -> Option<Vec<u8>> {
    let _errors = Errors::save();
    let kept = KEPT.load(Relaxed);
    let name = if !kept.is_null() && functions::is_alone() {
        (*kept).name()
    } else {
        let found = Asyncio::find()?;
        let name = found.name();
        if name.is_some() && kept.is_null() && functions::is_alone() {
            KEPT.store(Box::into_raw(Box::new(found)), Relaxed);
        }
        name
    };
    ffi::PyErr_Clear();
    name
}
