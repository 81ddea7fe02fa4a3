//! Subinterpreters: each has its own `sys.monitoring`, or its own frame evaluation hook.
//!
//! A new interpreter raises audit events while it starts (it imports modules), and hooks in C hear those of all
//! interpreters. So the first events of one that is not known arm it; one that cannot be armed is counted.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use crate::python::SYMBOLS;
use crate::{functions, process, start};

/// The interpreter that was looked at last, nearly always the one that there is. By its number: of interpreters that come
/// and go, the next one often has the address of the last one.
static LAST: AtomicI64 = AtomicI64::new(-1);

type AuditHook = unsafe extern "C" fn(*const c_char, *mut PyObject, *mut c_void) -> c_int;

/// Listens to audit events. Cannot be undone, so it is done once in a process.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn watch() {
    LAST.store(running(), Relaxed);
    let add = libc::dlsym(libc::RTLD_DEFAULT, c"PySys_AddAuditHook".as_ptr());
    if !add.is_null() {
        let add: unsafe extern "C" fn(AuditHook, *mut c_void) -> c_int = std::mem::transmute(add);
        add(on_audit, null_mut());
    }
}

unsafe fn running() -> i64 {
    ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get())
}

unsafe extern "C" fn on_audit(event: *const c_char, _: *mut PyObject, _: *mut c_void) -> c_int {
    // At the end of a process there are events without an interpreter: those of its clearing come last.
    if process::is_disarmed() || *event.cast::<u8>() == b'c' {
        return 0;
    }
    let current_thread = SYMBOLS.current_thread;
    if current_thread.is_none_or(|get| get().is_null()) {
        return 0;
    }
    let interpreter = running();
    if interpreter != LAST.load(Relaxed) {
        LAST.store(interpreter, Relaxed);
        meet(interpreter);
    }
    0
}

#[cold]
unsafe fn meet(id: i64) {
    let known = match process::lock().as_ref() {
        Some(process) => process.interpreters.contains(&id),
        None => true,
    };
    if known {
        return;
    }
    functions::expect_interpreter();
    let armed = start::arm().is_ok();
    let mut lock = process::lock();
    let Some(process) = lock.as_mut() else { return };
    let missed = &process.file.header().interpreters_missed;
    if armed {
        process.interpreters.push(id);
        if process.interpreters_failed.contains(&id) {
            process.interpreters_failed.retain(|&failed| failed != id);
            missed.fetch_sub(1, Relaxed);
        }
    } else {
        // Too early, perhaps: look again at its next event.
        LAST.store(-1, Relaxed);
        if !process.interpreters_failed.contains(&id) {
            process.interpreters_failed.push(id);
            missed.fetch_add(1, Relaxed);
        }
    }
}
