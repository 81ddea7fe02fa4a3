//! 3.12 and later: `sys.monitoring`, with a tool id of our own.
//!
//! A callback is an object whose vectorcall function is the callback itself: calling it costs a jump, where a
//! `METH_FASTCALL` builtin goes through another function first.

use std::ffi::{CStr, c_int, c_uint};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use pyo3_ffi as ffi;
use pyo3_ffi::{PyMethodDef, PyObject, PyTypeObject};

use crate::clock::{self, Choice, Clock};
use crate::python::{CFunction, MethodDescriptor, Owned, SYMBOLS, type_of};
use crate::{suspension, thread, tree};

type Vectorcall =
    unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, usize, *mut PyObject) -> *mut PyObject;

#[repr(C)]
struct Callback {
    head: PyObject,
    vectorcall: Vectorcall,
}

/// The names of the events and what is called at them.
struct Events {
    start: Vectorcall,
    resume: Vectorcall,
    throw: Vectorcall,
    leave: Vectorcall,
    suspend: Vectorcall,
    call: Vectorcall,
    left_c: Vectorcall,
}

/// `sys.monitoring.MISSING`.
static MISSING: AtomicPtr<PyObject> = AtomicPtr::new(null_mut());
/// Our tool id as an object; null while not armed.
static TOOL: AtomicPtr<PyObject> = AtomicPtr::new(null_mut());

#[inline(always)]
unsafe fn none() -> *mut PyObject {
    // Immortal since 3.12.
    ffi::Py_None()
}

unsafe extern "C" fn on_start<C: Clock>(
    _: *mut PyObject,
    arguments: *const *mut PyObject,
    _: usize,
    _: *mut PyObject,
) -> *mut PyObject {
    let state = thread::get();
    if !state.is_null() {
        tree::call(state, *arguments, C::now(state));
    }
    none()
}

unsafe extern "C" fn on_leave<C: Clock>(
    _: *mut PyObject,
    arguments: *const *mut PyObject,
    _: usize,
    _: *mut PyObject,
) -> *mut PyObject {
    let state = thread::get();
    if !state.is_null() {
        tree::leave(state, *arguments, C::now(state));
    }
    none()
}

unsafe extern "C" fn on_resume<C: Clock, const IS_THROWN: bool>(
    _: *mut PyObject,
    arguments: *const *mut PyObject,
    _: usize,
    _: *mut PyObject,
) -> *mut PyObject {
    let state = thread::get();
    if !state.is_null() {
        suspension::resume(state, *arguments, C::now(state), IS_THROWN);
    }
    none()
}

unsafe extern "C" fn on_suspend<C: Clock>(
    _: *mut PyObject,
    arguments: *const *mut PyObject,
    _: usize,
    _: *mut PyObject,
) -> *mut PyObject {
    let state = thread::get();
    if !state.is_null() {
        suspension::suspend(state, *arguments, *arguments.add(2), C::now(state));
    }
    none()
}

/// What cProfile counts as a function in C: definition, owner and module.
#[inline(always)]
unsafe fn method(
    callable: *mut PyObject,
    first: *mut PyObject,
) -> Option<(*mut PyMethodDef, *mut PyObject, *mut PyObject)> {
    let class = type_of(callable);
    if class == SYMBOLS.c_function || class == SYMBOLS.c_method {
        let function = callable.cast::<CFunction>();
        return Some(((*function).definition, (*function).owner, (*function).module));
    }
    if class == SYMBOLS.method_descriptor && first != MISSING.load(Relaxed) {
        let descriptor = callable.cast::<MethodDescriptor>();
        return Some(((*descriptor).definition, first, null_mut()));
    }
    None
}

unsafe extern "C" fn on_call<C: Clock>(
    _: *mut PyObject,
    arguments: *const *mut PyObject,
    _: usize,
    _: *mut PyObject,
) -> *mut PyObject {
    if let Some((definition, owner, module)) = method(*arguments.add(2), *arguments.add(3)) {
        let state = thread::get();
        if !state.is_null() {
            tree::call_method(state, definition, owner, module, C::now(state));
        }
    }
    none()
}

unsafe extern "C" fn on_left_c<C: Clock>(
    _: *mut PyObject,
    arguments: *const *mut PyObject,
    _: usize,
    _: *mut PyObject,
) -> *mut PyObject {
    if let Some((definition, _, _)) = method(*arguments.add(2), *arguments.add(3)) {
        let state = thread::get();
        if !state.is_null() {
            tree::leave_method(state, definition, C::now(state));
        }
    }
    none()
}

impl Events {
    fn of<C: Clock>() -> Self {
        Self {
            start: on_start::<C>,
            resume: on_resume::<C, false>,
            throw: on_resume::<C, true>,
            leave: on_leave::<C>,
            suspend: on_suspend::<C>,
            call: on_call::<C>,
            left_c: on_left_c::<C>,
        }
    }
}

/// The type of callbacks. Made anew for each interpreter.
unsafe fn callback_type() -> Owned {
    let mut members = [
        ffi::PyMemberDef {
            name: c"__vectorcalloffset__".as_ptr(),
            type_code: ffi::Py_T_PYSSIZET,
            offset: std::mem::offset_of!(Callback, vectorcall).cast_signed(),
            flags: ffi::Py_READONLY,
            doc: std::ptr::null(),
        },
        std::mem::zeroed(),
    ];
    let mut slots = [
        ffi::PyType_Slot { slot: ffi::Py_tp_members, pfunc: (&raw mut members).cast() },
        ffi::PyType_Slot {
            slot: ffi::Py_tp_call,
            pfunc: libc::dlsym(libc::RTLD_DEFAULT, c"PyVectorcall_Call".as_ptr()),
        },
        ffi::PyType_Slot { slot: 0, pfunc: null_mut() },
    ];
    const HAVE_VECTORCALL: c_uint = 1 << 11;
    const DISALLOW_INSTANTIATION: c_uint = 1 << 7;
    let mut spec = ffi::PyType_Spec {
        name: c"profkit.callback".as_ptr(),
        basicsize: size_of::<Callback>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT as c_uint) | HAVE_VECTORCALL | DISALLOW_INSTANTIATION,
        slots: slots.as_mut_ptr(),
    };
    Owned(ffi::PyType_FromSpec(&raw mut spec))
}

unsafe fn callback(class: *mut PyTypeObject, function: Vectorcall) -> Owned {
    let object = ffi::PyType_GenericAlloc(class, 0).cast::<Callback>();
    if !object.is_null() {
        (*object).vectorcall = function;
    }
    Owned(object.cast())
}

/// The free tool id that collides with the fewest others: 3 and 4 are nobody's, 0, 1, 2 and 5 have uses in the
/// documentation.
const TOOL_IDS: [i64; 6] = [3, 4, 5, 2, 1, 0];

/// Starts monitoring in the interpreter that runs.
///
/// # Errors
/// Says what went wrong.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn start(choice: Choice, builtins: bool) -> Result<(), String> {
    let monitoring = ffi::PySys_GetObject(c"monitoring".as_ptr());
    if monitoring.is_null() {
        return Err("no sys.monitoring".to_owned());
    }
    let tool = choose_tool(monitoring).ok_or("all tool ids of sys.monitoring are in use")?;
    let events = match choice {
        Choice::Counter => Events::of::<clock::Counter>(),
        Choice::Monotonic => Events::of::<clock::Monotonic>(),
        Choice::CpuHybrid => Events::of::<clock::CpuHybrid>(),
        Choice::CpuCall => Events::of::<clock::CpuCall>(),
    };
    let missing = Owned::attribute(monitoring, c"MISSING");
    MISSING.store(missing.0, Relaxed);
    let mut wanted: Vec<(&CStr, Vectorcall)> = vec![
        (c"PY_START", events.start),
        (c"PY_RESUME", events.resume),
        (c"PY_THROW", events.throw),
        (c"PY_RETURN", events.leave),
        (c"PY_UNWIND", events.leave),
        (c"PY_YIELD", events.suspend),
    ];
    if builtins {
        wanted.extend([(c"CALL", events.call), (c"C_RETURN", events.left_c), (c"C_RAISE", events.left_c)]);
    }
    let class = callback_type();
    if class.0.is_null() {
        return Err("no type for callbacks".to_owned());
    }
    let names = Owned::attribute(monitoring, c"events");
    let mut set = 0;
    for (name, function) in wanted {
        let event = Owned::attribute(names.0, name);
        let callback = callback(class.0.cast(), function);
        let old = call(monitoring, c"register_callback", &[tool.0, event.0, callback.0]);
        if old.0.is_null() {
            return Err(format!("sys.monitoring.register_callback({})", name.to_string_lossy()));
        }
        // These two come with CALL.
        if !matches!(name.to_bytes(), b"C_RETURN" | b"C_RAISE") {
            set |= ffi::PyLong_AsLongLong(event.0);
        }
    }
    let set = Owned(ffi::PyLong_FromLongLong(set));
    if call(monitoring, c"set_events", &[tool.0, set.0]).0.is_null() {
        return Err("sys.monitoring.set_events".to_owned());
    }
    // Places that another tool with this id has disabled would stay so.
    call(monitoring, c"restart_events", &[]);
    // The first one is the main interpreter's: that of others ends with them.
    if TOOL.compare_exchange(null_mut(), tool.0, Relaxed, Relaxed).is_ok() {
        std::mem::forget(tool);
    }
    Ok(())
}

unsafe fn choose_tool(monitoring: *mut PyObject) -> Option<Owned> {
    let name = Owned(ffi::PyUnicode_FromString(c"profkit".as_ptr()));
    TOOL_IDS.iter().find_map(|&id| {
        let id = Owned(ffi::PyLong_FromLongLong(id));
        (!call(monitoring, c"use_tool_id", &[id.0, name.0]).0.is_null()).then_some(id)
    })
}

/// Calls a method, null if that failed; the error is cleared.
unsafe fn call(object: *mut PyObject, method: &CStr, arguments: &[*mut PyObject]) -> Owned {
    let function = Owned::attribute(object, method);
    let tuple = Owned(ffi::PyTuple_New(arguments.len().cast_signed()));
    if function.0.is_null() || tuple.0.is_null() {
        return Owned(null_mut());
    }
    for (at, &argument) in arguments.iter().enumerate() {
        if argument.is_null() {
            return Owned(null_mut());
        }
        ffi::Py_IncRef(argument);
        ffi::PyTuple_SetItem(tuple.0, at.cast_signed(), argument);
    }
    let value = Owned(ffi::PyObject_CallObject(function.0, tuple.0));
    if value.0.is_null() {
        ffi::PyErr_Clear();
    }
    value
}

/// Ends monitoring and gives the tool id back.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn stop() {
    let monitoring = ffi::PySys_GetObject(c"monitoring".as_ptr());
    let tool = Owned(TOOL.swap(null_mut(), Relaxed));
    if monitoring.is_null() || tool.0.is_null() {
        return;
    }
    let none = Owned(ffi::PyLong_FromLongLong(0));
    call(monitoring, c"set_events", &[tool.0, none.0]);
    call(monitoring, c"free_tool_id", &[tool.0]);
}
