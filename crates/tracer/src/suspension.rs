//! Generators, coroutines and asynchronous generators: suspended and resumed, and how long they awaited.
//!
//! Of a chain of coroutines that are suspended together, the innermost one awaits; the others wait for it, as callers do,
//! and have its time in their totals. It is told from the others by being the one at which no yield has come just before.
//!
//! An exception from outside (a cancellation) enters the innermost coroutine straight away: those that wait for it are told
//! when it leaves that one, and are not around it. So what it has awaited until then goes where it was suspended.

use std::sync::atomic::Ordering::Relaxed;

use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use crate::functions::kind;
use crate::python;
use crate::thread::State;
use crate::{clock, functions, tree};

/// A generator or coroutine goes on; perhaps by an exception that is thrown into it.
///
/// # Safety
/// The GIL is held, the state is the calling thread's, `code` is that of the running frame.
pub(crate) unsafe fn resume(state: *mut State, code: *mut PyObject, now: u64, may_be_thrown: bool) {
    let current = (*(*state).record).current.load(Relaxed);
    let child = tree::enter_code(state, current, code);
    if child == 0 {
        return;
    }
    tree::go(state, current, child, now);
    if !(*state).awaiting.is_empty() && tree::kind_of(state, child) >= kind::COROUTINE {
        let frame = ffi::PyEval_GetFrame();
        if let Some((since, place)) = (*state).awaiting.remove(&(frame as usize)) {
            // Whoever begins a coroutine by hand and leaves it to the event loop (an eager task) has not waited for it.
            let is_cut_off = may_be_thrown && is_awaited(state, place) && !is_awaited(state, child);
            let node = (*state).node(if is_cut_off { place } else { child });
            let awaited = clock::wall().wrapping_sub(since);
            (*node).await_time.store((*node).await_time.load(Relaxed).wrapping_add(awaited), Relaxed);
        }
    }
}

/// Whether a coroutine is right above a node.
unsafe fn is_awaited(state: *mut State, node: u32) -> bool {
    tree::kind_of(state, (*(*state).node(node)).parent) >= kind::COROUTINE
}

/// A generator or coroutine is suspended and gives `value` to whoever resumed it.
///
/// # Safety
/// As [`resume`].
pub(crate) unsafe fn suspend(state: *mut State, code: *mut PyObject, value: *mut PyObject, now: u64) {
    let record = (*state).record;
    let current = (*record).current.load(Relaxed);
    let goes_on = (*state).yielded == ((*record).last.load(Relaxed), current);
    let kind_of_it = match tree::leave_special(state, code, now) {
        Some(kind) => kind,
        None => {
            let Some(function) = functions::known_code(code) else { return };
            tree::leave_slow(state, function, now);
            function.kind()
        }
    };
    let mut awaits = goes_on;
    if kind_of_it >= kind::COROUTINE {
        let gives_a_value = kind_of_it == kind::ASYNC_GENERATOR && is_value_of_generator(value);
        awaits = !gives_a_value;
        let frame = ffi::PyEval_GetFrame() as usize;
        let awaiting = &mut (*state).awaiting;
        if awaits && !goes_on {
            awaiting.insert(frame, (clock::wall(), current));
        } else if !awaiting.is_empty() {
            // What a frame that had this address has left.
            awaiting.remove(&frame);
        }
    }
    if awaits {
        (*state).yielded = (now, (*record).current.load(Relaxed));
    }
}

/// Asynchronous generators wrap what they yield to their consumer, and do not wrap what they await.
unsafe fn is_value_of_generator(value: *mut PyObject) -> bool {
    !value.is_null() && python::type_name(python::type_of(value)) == c"async_generator_wrapped_value"
}
