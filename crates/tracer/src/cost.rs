//! What the agent's own work costs, measured when it starts: a small program runs with and without it.
//!
//! The thread has a tree of its own for that, in memory that is thrown away; everything the program does is in the caches
//! before, so no slow path is taken and nothing of it gets into the recording.

use std::ptr::null_mut;
use std::sync::atomic::Ordering::Relaxed;

use profkit_recording::trace::{self, Node};
use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use crate::clock;
use crate::process;
use crate::python::{CFunction, Errors, Owned, SYMBOLS, type_of};
use crate::thread::{self, State};
use crate::tree;

/// `python` calls a function, `c` calls one in C, `none` does neither; each as often as it is told.
const PROGRAM: &std::ffi::CStr = c"
def f():
    pass
def python(n):
    for i in n:
        f()
def c(n):
    for i in n:
        g(f)
def none(n):
    for i in n:
        pass
";
/// Calls in a round, and rounds: of a round's three loops together the agent takes some 30 us.
const CALLS: i64 = 100;
const ROUNDS: usize = 5;

/// What a loop took in all, and in what it calls, in ticks.
#[derive(Clone, Copy)]
struct Took {
    all: u64,
    callee: u64,
}

/// The program's functions, and the node for each.
struct Program {
    globals: Owned,
    count: Owned,
    loops: [Owned; 3],
    codes: [Owned; 4],
    method: usize,
}

impl Program {
    unsafe fn new() -> Option<Self> {
        let code = Owned(ffi::Py_CompileString(PROGRAM.as_ptr(), c"<profkit>".as_ptr(), ffi::Py_file_input));
        let globals = Owned(ffi::PyDict_New());
        if code.0.is_null() || globals.0.is_null() {
            return None;
        }
        let builtins = ffi::PyEval_GetBuiltins();
        ffi::PyDict_SetItemString(globals.0, c"__builtins__".as_ptr(), builtins);
        let method = ffi::PyDict_GetItemString(builtins, c"callable".as_ptr());
        let range = ffi::PyDict_GetItemString(builtins, c"range".as_ptr());
        if method.is_null() || type_of(method) != SYMBOLS.c_function || range.is_null() {
            return None;
        }
        ffi::PyDict_SetItemString(globals.0, c"g".as_ptr(), method);
        if Owned(ffi::PyEval_EvalCode(code.0, globals.0, globals.0)).0.is_null() {
            return None;
        }
        let number = Owned(ffi::PyLong_FromLongLong(CALLS));
        let count = Owned(ffi::PyObject_CallFunctionObjArgs(range, number.0, null_mut::<PyObject>()));
        let function = |name: &std::ffi::CStr| {
            let function = ffi::PyDict_GetItemString(globals.0, name.as_ptr());
            ffi::Py_IncRef(function);
            Owned(function)
        };
        let loops = [function(c"python"), function(c"c"), function(c"none")];
        let code = |function: &Owned| Owned::attribute(function.0, c"__code__");
        let callee = function(c"f");
        let codes = [code(&loops[0]), code(&loops[1]), code(&loops[2]), code(&callee)];
        if count.0.is_null() || codes.iter().any(|code| code.0.is_null()) {
            return None;
        }
        let method = (*method.cast::<CFunction>()).definition as usize;
        Some(Self { globals, count, loops, codes, method })
    }

    /// The least that a call of one of the loops takes.
    unsafe fn time(&self, at: usize, state: *mut State) -> Took {
        let mut best = Took { all: u64::MAX, callee: 0 };
        for _ in 0..ROUNDS {
            let before = Self::self_time(at, state);
            let start = clock::counter();
            let value = Owned(ffi::PyObject_CallFunctionObjArgs(
                self.loops[at].0,
                self.count.0,
                null_mut::<PyObject>(),
            ));
            let all = clock::counter().wrapping_sub(start);
            if value.0.is_null() {
                ffi::PyErr_Clear();
            }
            let after = Self::self_time(at, state);
            if all < best.all {
                best = Took { all, callee: after - before };
            }
        }
        best
    }

    /// Time so far in what a loop calls.
    unsafe fn self_time(at: usize, state: *mut State) -> u64 {
        if state.is_null() {
            return 0;
        }
        (*(*state).node((*state).root - ROOT + NODES[3 + at])).self_time.load(Relaxed)
    }
}

/// The ids of the nodes in the memory that is thrown away: the loops, then what each calls; the last is nobody's.
const NODES: [u32; 6] = [20, 30, 40, 50, 60, 70];
const ROOT: u32 = 10;
const SHIFTS: u32 = 5;
const RECORD: u32 = 1;

/// The program, to be timed once without the agent and once with it.
pub(crate) struct Measurement {
    program: Program,
    bare: [Took; 3],
}

impl Measurement {
    /// Times the program without the agent.
    ///
    /// # Safety
    /// The GIL is held, the agent is not armed.
    pub(crate) unsafe fn begin() -> Option<Self> {
        let _errors = Errors::save();
        let program = Program::new()?;
        let bare = [0, 1, 2].map(|at| program.time(at, null_mut()));
        Some(Self { program, bare })
    }

    /// Times it with the agent, and says what it costs in ticks of the counter, as
    /// [`Header::cost`](trace::Header::cost).
    ///
    /// # Safety
    /// The GIL is held, the agent is armed, and this thread has no state yet.
    pub(crate) unsafe fn end(self, builtins: bool) -> [u32; 4] {
        let _errors = Errors::save();
        let mut memory = [0u64; 128];
        // Two entries of the cache may have one place, which other ids change.
        let Some(state) = (0..SHIFTS).find_map(|shift| self.state(&mut memory, shift)) else { return [0; 4] };
        (*(*state).record).last.store(self.now(state), Relaxed);
        thread::set_current(state);
        let traced = [0, 1, 2].map(|at| self.program.time(at, state));
        thread::set_current(null_mut());
        thread::free(state);
        drop(self.program.globals);
        let cost = |at: usize| {
            let calls = CALLS.cast_unsigned();
            // What the call itself takes is the caller's, but for what little the empty function does.
            let bare = self.bare[at].all.saturating_sub(self.bare[2].all);
            let inside = traced[at].callee.saturating_sub(bare / 4);
            let outside = (traced[at].all.saturating_sub(self.bare[at].all)).saturating_sub(inside);
            [(inside / calls) as u32, (outside / calls) as u32]
        };
        let ([python_in, python_out], [c_in, c_out]) = (cost(0), if builtins { cost(1) } else { [0; 2] });
        [python_in, python_out, c_in, c_out]
    }

    unsafe fn now(&self, state: *mut State) -> u64 {
        process::lock().as_ref().map_or(0, |process| process.now(state))
    }

    /// A state that knows all that the program calls; none if its cache cannot have it at once.
    unsafe fn state(&self, memory: &mut [u64; 128], shift: u32) -> Option<*mut State> {
        memory.fill(0);
        let root = ROOT + shift;
        let state = thread::scratch(memory.as_mut_ptr().cast(), RECORD, root);
        (*(*state).record).current.store(root, Relaxed);
        let node = |at: usize| NODES[at] + shift;
        let key = |at: usize| self.program.codes[at].0 as usize;
        let known = [
            (key(0), root, node(0)),
            (key(1), root, node(1)),
            (key(2), root, node(2)),
            (key(3), node(0), node(3)),
            (self.program.method, node(1), node(4)),
        ];
        for (key, parent, child) in known {
            (*(*state).node(child)).parent = parent;
            tree::remember(state, key, parent, child);
        }
        if known.iter().all(|&(key, parent, child)| tree::remembers(state, key, parent, child)) {
            return Some(state);
        }
        thread::free(state);
        None
    }
}

// The record and the nodes lie apart and inside of the memory.
const _: () = assert!(RECORD as usize * 8 + size_of::<trace::Thread>() <= ROOT as usize * 8);
const _: () = assert!(size_of::<Node>() <= 40 && (70 + SHIFTS as usize) * 8 + 40 <= 128 * 8);
