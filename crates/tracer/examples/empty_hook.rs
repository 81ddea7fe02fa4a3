//! The least that any tracer costs: a Python module whose `start(builtins)` sets hooks that do nothing, and `stop()`. Benchmarks
//! measure it beside the agent. `METH_FASTCALL` builtins as callbacks, as other tools have them.

#![allow(unsafe_op_in_unsafe_fn, missing_docs, clippy::missing_safety_doc)]

use std::ffi::{CStr, c_int};
use std::ptr::null_mut;

use pyo3_ffi as ffi;
use pyo3_ffi::{PyMethodDef, PyMethodDefPointer, PyModuleDef, PyObject};

type Hook = unsafe extern "C" fn(*mut PyObject, *mut PyObject, c_int, *mut PyObject) -> c_int;

unsafe extern "C" fn hook(_: *mut PyObject, _: *mut PyObject, _: c_int, _: *mut PyObject) -> c_int {
    0
}

unsafe extern "C" fn callback(_: *mut PyObject, _: *mut *mut PyObject, _: isize) -> *mut PyObject {
    ffi::Py_None()
}

/// In the stable ABI since 3.10, but older than that.
const METH_FASTCALL: c_int = 0x80;

unsafe fn callback_object() -> *mut PyObject {
    let function: ffi::PyCFunction =
        std::mem::transmute(callback as unsafe extern "C" fn(*mut PyObject, *mut *mut PyObject, isize) -> _);
    let definition = PyMethodDef {
        ml_name: c"callback".as_ptr(),
        ml_meth: PyMethodDefPointer { PyCFunction: function },
        ml_flags: METH_FASTCALL,
        ml_doc: std::ptr::null(),
    };
    ffi::PyCFunction_NewEx(Box::into_raw(Box::new(definition)), null_mut(), null_mut())
}

const TOOL: i64 = 4;

unsafe fn set_profile(to: Option<Hook>) {
    let set = libc::dlsym(libc::RTLD_DEFAULT, c"PyEval_SetProfile".as_ptr());
    let set: unsafe extern "C" fn(Option<Hook>, *mut PyObject) = std::mem::transmute(set);
    set(to, null_mut());
}

unsafe fn call(object: *mut PyObject, name: &CStr, arguments: &[*mut PyObject]) {
    let function = ffi::PyObject_GetAttrString(object, name.as_ptr());
    let tuple = ffi::PyTuple_New(arguments.len().cast_signed());
    for (at, &argument) in arguments.iter().enumerate() {
        ffi::PyTuple_SetItem(tuple, at.cast_signed(), argument);
    }
    ffi::PyObject_CallObject(function, tuple);
}

unsafe fn number(value: i64) -> *mut PyObject {
    ffi::PyLong_FromLongLong(value)
}

/// Immortal only since 3.12.
unsafe fn none() -> *mut PyObject {
    ffi::Py_IncRef(ffi::Py_None());
    ffi::Py_None()
}

unsafe extern "C" fn start(_: *mut PyObject, builtins: *mut PyObject) -> *mut PyObject {
    let monitoring = ffi::PySys_GetObject(c"monitoring".as_ptr());
    if monitoring.is_null() {
        set_profile(Some(hook));
        return none();
    }
    call(monitoring, c"use_tool_id", &[number(TOOL), ffi::PyUnicode_FromString(c"empty".as_ptr())]);
    let events = ffi::PyObject_GetAttrString(monitoring, c"events".as_ptr());
    let mut names = vec![c"PY_START", c"PY_RESUME", c"PY_THROW", c"PY_RETURN", c"PY_UNWIND", c"PY_YIELD"];
    if ffi::PyObject_IsTrue(builtins) == 1 {
        names.extend([c"CALL", c"C_RETURN", c"C_RAISE"]);
    }
    let mut all = 0;
    for name in names {
        let event = ffi::PyLong_AsLongLong(ffi::PyObject_GetAttrString(events, name.as_ptr()));
        let callback = callback_object();
        call(monitoring, c"register_callback", &[number(TOOL), number(event), callback]);
        if !name.to_bytes().starts_with(b"C_") {
            all |= event;
        }
    }
    call(monitoring, c"set_events", &[number(TOOL), number(all)]);
    none()
}

unsafe extern "C" fn stop(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let monitoring = ffi::PySys_GetObject(c"monitoring".as_ptr());
    if monitoring.is_null() {
        set_profile(None);
    } else {
        call(monitoring, c"set_events", &[number(TOOL), number(0)]);
        call(monitoring, c"free_tool_id", &[number(TOOL)]);
    }
    none()
}

static mut METHODS: [PyMethodDef; 3] = [
    PyMethodDef {
        ml_name: c"start".as_ptr(),
        ml_meth: PyMethodDefPointer { PyCFunction: start },
        ml_flags: ffi::METH_O,
        ml_doc: std::ptr::null(),
    },
    PyMethodDef {
        ml_name: c"stop".as_ptr(),
        ml_meth: PyMethodDefPointer { PyCFunction: stop },
        ml_flags: ffi::METH_NOARGS,
        ml_doc: std::ptr::null(),
    },
    PyMethodDef::zeroed(),
];

static mut MODULE: PyModuleDef = PyModuleDef {
    m_base: ffi::PyModuleDef_HEAD_INIT,
    m_name: c"empty_hook".as_ptr(),
    m_doc: std::ptr::null(),
    m_size: -1,
    m_methods: (&raw mut METHODS).cast(),
    m_slots: null_mut(),
    m_traverse: None,
    m_clear: None,
    m_free: None,
};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyInit_empty_hook() -> *mut PyObject {
    ffi::PyModule_Create(&raw mut MODULE)
}
