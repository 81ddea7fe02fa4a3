//! 3.9 to 3.11: the C profile hook, armed in each thread at its first frame by the frame evaluation hook.
//!
//! The hook belongs to a thread, so threads of `_thread` and of native code have to be caught when they begin; whoever runs
//! Python runs frames. The evaluation hook is a jump to CPython's own function when there is nothing to do. On 3.11 it
//! costs something else: calls from Python to Python, which otherwise take no C stack there, take some while it is set.
//! So it is taken out while the C stack is more than half full, and programs recurse as deep as they could.
//!
//! A program that sets a profile function of its own replaces ours in that thread; it is armed again at the first frame
//! after the program has taken its own out.

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicUsize, Ordering::Relaxed};

use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use crate::clock::{self, Choice, Clock};
use crate::functions::kind;
use crate::python::{CFunction, EvalFrame, Hook, Owned, SYMBOLS, type_of};
use crate::{process, suspension, thread, tree};

const CALL: c_int = 0;
const RETURN: c_int = 3;
const C_CALL: c_int = 4;
const C_EXCEPTION: c_int = 5;
const C_RETURN: c_int = 6;

const RETURN_VALUE: u8 = 83;
/// 3.11, as compiled and as it becomes after a few runs.
const RESUME: [u8; 2] = [151, 150];

/// Where 3.9 and 3.10 keep the code in a frame, 3.11 the inner frame; and where that keeps its code and instruction.
mod offsets {
    pub(super) const FRAME_CODE: usize = 32;
    pub(super) const FRAME_INNER: usize = 24;
    pub(super) const INNER_CODE: usize = 32;
    pub(super) const INNER_INSTRUCTION: usize = 56;
    pub(super) const LAST_INSTRUCTION_39: usize = 104;
    pub(super) const LAST_INSTRUCTION_310: usize = 96;
    pub(super) const CODE_BYTES: usize = 48;
    pub(super) const BYTES_DATA: usize = 32;
}

/// The hook that is set, as an address; 0 while not armed.
static HOOK: AtomicUsize = AtomicUsize::new(0);
/// Where a thread state keeps its profile function, in words.
static FUNCTION_AT: AtomicUsize = AtomicUsize::new(0);
/// The thread state has a pointer to where it says that the thread is traced, and what it says then.
static HAS_CFRAME: AtomicBool = AtomicBool::new(false);
static TRACING: AtomicU8 = AtomicU8::new(0);
/// CPython's own evaluation function.
static DEFAULT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
/// Somebody else's profile function was seen.
static REPLACED: AtomicBool = AtomicBool::new(false);
/// How many evaluations are going on deep in the stack with the evaluation hook taken out.
static DEEP: AtomicI32 = AtomicI32::new(0);

/// The minor version of a hook, known when it is compiled.
trait Version {
    const MINOR: u32;
}
struct V39;
struct V310;
struct V311;
impl Version for V39 {
    const MINOR: u32 = 9;
}
impl Version for V310 {
    const MINOR: u32 = 10;
}
impl Version for V311 {
    const MINOR: u32 = 11;
}

#[inline(always)]
unsafe fn field<T: Copy>(object: *mut PyObject, offset: usize) -> T {
    *object.cast::<u8>().add(offset).cast::<T>()
}

#[inline(always)]
unsafe fn code_of<V: Version>(frame: *mut PyObject) -> *mut PyObject {
    if V::MINOR == 11 {
        field(field(frame, offsets::FRAME_INNER), offsets::INNER_CODE)
    } else {
        field(frame, offsets::FRAME_CODE)
    }
}

/// The last instruction of a frame and its argument; none if it has not begun.
unsafe fn instruction<V: Version>(frame: *mut PyObject) -> Option<[u8; 2]> {
    if V::MINOR == 11 {
        let inner: *mut PyObject = field(frame, offsets::FRAME_INNER);
        return Some(*field::<*const [u8; 2]>(inner, offsets::INNER_INSTRUCTION));
    }
    let (at, size) = if V::MINOR == 9 {
        (field::<c_int>(frame, offsets::LAST_INSTRUCTION_39), 1)
    } else {
        (field::<c_int>(frame, offsets::LAST_INSTRUCTION_310), 2)
    };
    let at = usize::try_from(at).ok()?;
    let bytes: *mut PyObject = field(code_of::<V>(frame), offsets::CODE_BYTES);
    Some(*bytes.cast::<u8>().add(offsets::BYTES_DATA + at * size).cast())
}

unsafe extern "C" fn hook<C: Clock, V: Version, const BUILTINS: bool>(
    _: *mut PyObject,
    frame: *mut PyObject,
    what: c_int,
    argument: *mut PyObject,
) -> c_int {
    let state = thread::get();
    if state.is_null() {
        return 0;
    }
    match what {
        CALL => {
            let code = code_of::<V>(frame);
            let now = C::now(state);
            if !tree::call_plain(state, code, now) {
                call::<V>(state, frame, code, now);
            }
        }
        RETURN => {
            let code = code_of::<V>(frame);
            let now = C::now(state);
            if !tree::leave_plain(state, code, now) {
                leave::<V>(state, frame, code, argument, now);
            }
        }
        C_CALL if BUILTINS => {
            let class = type_of(argument);
            if class == SYMBOLS.c_function || class == SYMBOLS.c_method {
                let function = argument.cast::<CFunction>();
                let (definition, owner) = ((*function).definition, (*function).owner);
                tree::call_method(state, definition, owner, (*function).module, C::now(state));
            }
        }
        C_RETURN | C_EXCEPTION if BUILTINS => {
            let class = type_of(argument);
            if class == SYMBOLS.c_function || class == SYMBOLS.c_method {
                tree::leave_method(state, (*argument.cast::<CFunction>()).definition, C::now(state));
            }
        }
        _ => {}
    }
    0
}

#[cold]
#[inline(never)]
unsafe fn call<V: Version>(state: *mut thread::State, frame: *mut PyObject, code: *mut PyObject, now: u64) {
    let function = crate::functions::of_code(code);
    let begins = function.kind() == kind::PLAIN
        || match instruction::<V>(frame) {
            None => true,
            Some([operation, argument]) => V::MINOR == 11 && RESUME.contains(&operation) && argument == 0,
        };
    if begins {
        tree::call(state, code, now);
    } else {
        // The hook does not say how; eager tasks came with 3.12.
        suspension::resume(state, code, now, true);
    }
}

#[cold]
#[inline(never)]
unsafe fn leave<V: Version>(
    state: *mut thread::State,
    frame: *mut PyObject,
    code: *mut PyObject,
    value: *mut PyObject,
    now: u64,
) {
    let Some(function) = crate::functions::known_code(code) else { return };
    let is_suspended = function.kind() != kind::PLAIN
        && !value.is_null()
        && instruction::<V>(frame).is_some_and(|[operation, _]| operation != RETURN_VALUE);
    if is_suspended {
        suspension::suspend(state, code, value, now);
    } else {
        tree::leave_slow(state, function, now);
    }
}

fn hook_for<V: Version>(choice: Choice, builtins: bool) -> Hook {
    match (choice, builtins) {
        (Choice::Counter, true) => hook::<clock::Counter, V, true>,
        (Choice::Counter, false) => hook::<clock::Counter, V, false>,
        (Choice::Monotonic, true) => hook::<clock::Monotonic, V, true>,
        (Choice::Monotonic, false) => hook::<clock::Monotonic, V, false>,
        (Choice::CpuHybrid, true) => hook::<clock::CpuHybrid, V, true>,
        (Choice::CpuHybrid, false) => hook::<clock::CpuHybrid, V, false>,
        (Choice::CpuCall, true) => hook::<clock::CpuCall, V, true>,
        (Choice::CpuCall, false) => hook::<clock::CpuCall, V, false>,
    }
}

unsafe fn function_of(thread: *mut c_void) -> usize {
    *thread.cast::<usize>().add(FUNCTION_AT.load(Relaxed))
}

unsafe extern "C" fn evaluate<const IS_311: bool>(
    thread: *mut c_void,
    frame: *mut c_void,
    throws: c_int,
) -> *mut PyObject {
    if function_of(thread) != HOOK.load(Relaxed) {
        arm(thread);
    }
    let next: EvalFrame = std::mem::transmute(DEFAULT.load(Relaxed));
    if IS_311 {
        let state = thread::current();
        let here = (&raw const next).addr();
        if !state.is_null() && here < (*state).stack_floor {
            return evaluate_deep(thread, frame, throws);
        }
    }
    next(thread, frame, throws)
}

/// Deep in the stack: below here calls from Python to Python are to take no C stack.
#[cold]
#[inline(never)]
unsafe fn evaluate_deep(thread: *mut c_void, frame: *mut c_void, throws: c_int) -> *mut PyObject {
    let next: EvalFrame = std::mem::transmute(DEFAULT.load(Relaxed));
    let interpreter = ffi::PyInterpreterState_Get().cast::<c_void>();
    let set = SYMBOLS.set_eval_frame;
    if DEEP.fetch_add(1, Relaxed) == 0
        && let Some(set) = set
    {
        set(interpreter, next);
    }
    let value = next(thread, frame, throws);
    if DEEP.fetch_sub(1, Relaxed) == 1
        && let Some(set) = set
        && HOOK.load(Relaxed) != 0
    {
        set(interpreter, evaluate::<true>);
    }
    value
}

/// Sets the hook in a thread that has none; another one is the program's own.
#[cold]
#[inline(never)]
unsafe fn arm(thread: *mut c_void) {
    let hook = HOOK.load(Relaxed);
    if process::is_disarmed() || hook == 0 || function_of(thread) == hook {
        return;
    }
    if function_of(thread) != 0 {
        if !REPLACED.swap(true, Relaxed)
            && let Some(process) = process::lock().as_mut()
        {
            process.note("the program set a profile function of its own, which sees calls in our place");
        }
        return;
    }
    set_in(thread, hook);
}

/// Sets the hook in a thread as `_PyEval_SetProfile` does, but for its audit event: a program that listens to those runs
/// Python at each, whose first frame would set the hook.
unsafe fn set_in(thread: *mut c_void, hook: usize) {
    let place = thread.cast::<usize>().add(FUNCTION_AT.load(Relaxed));
    let tracing = tracing_of(thread);
    *place = hook;
    *tracing = if hook != 0 || *place.add(1) != 0 { TRACING.load(Relaxed) } else { 0 };
}

/// Where it says that a thread is traced: 3.9 has it in the word before the profile function, 3.10 and 3.11 have a pointer
/// to it there. 3.11 has a byte, the others an `int` that is small.
unsafe fn tracing_of(thread: *mut c_void) -> *mut u8 {
    let before = thread.cast::<usize>().add(FUNCTION_AT.load(Relaxed) - 1);
    if HAS_CFRAME.load(Relaxed) { *before.cast::<*mut u8>() } else { before.cast() }
}

/// Whether frames lie as this file says: a code object is a code object.
unsafe fn frames_are_as_expected<V: Version>() -> bool {
    let frame = ffi::PyEval_GetFrame().cast::<PyObject>();
    if frame.is_null() {
        return true;
    }
    SYMBOLS.frame_code.is_some_and(|get| code_of::<V>(frame) == Owned(get(frame)).0)
}

/// Arms all threads of the interpreter that runs.
///
/// # Errors
/// Says what went wrong.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn start(minor: u32, choice: Choice, builtins: bool) -> Result<(), String> {
    let (hook, expected) = match minor {
        9 => (hook_for::<V39>(choice, builtins), frames_are_as_expected::<V39>()),
        10 => (hook_for::<V310>(choice, builtins), frames_are_as_expected::<V310>()),
        _ => (hook_for::<V311>(choice, builtins), frames_are_as_expected::<V311>()),
    };
    if !expected {
        return Err("frames of this Python lie otherwise".to_owned());
    }
    let symbols = SYMBOLS;
    let (Some(set), Some(set_evaluate), Some(default)) =
        (symbols.set_profile, symbols.set_eval_frame, symbols.eval_frame_default)
    else {
        return Err("this Python hides the profile hook".to_owned());
    };
    DEFAULT.store(default as *mut c_void, Relaxed);
    set(Some(hook), null_mut());
    let thread = ffi::PyThreadState_Get().cast::<c_void>();
    // The function lies among the first words of a thread state.
    let Some(at) = (1..32).find(|&word| *thread.cast::<usize>().add(word) == hook as usize) else {
        set(None, null_mut());
        return Err("thread states of this Python lie otherwise".to_owned());
    };
    FUNCTION_AT.store(at, Relaxed);
    HAS_CFRAME.store(minor > 9, Relaxed);
    let tracing = *tracing_of(thread);
    if tracing == 0 {
        set(None, null_mut());
        return Err("thread states of this Python lie otherwise".to_owned());
    }
    TRACING.store(tracing, Relaxed);
    HOOK.store(hook as usize, Relaxed);
    let interpreter = ffi::PyInterpreterState_Get().cast::<c_void>();
    set_evaluate(interpreter, if minor == 11 { evaluate::<true> } else { evaluate::<false> });
    for_each_thread(interpreter, |thread| arm(thread));
    Ok(())
}

unsafe fn for_each_thread(interpreter: *mut c_void, mut act: impl FnMut(*mut c_void)) {
    let symbols = SYMBOLS;
    let (Some(first), Some(next)) = (symbols.threads_of, symbols.next_thread) else { return };
    let mut thread = first(interpreter);
    while !thread.is_null() {
        act(thread);
        thread = next(thread);
    }
}

/// Takes the hooks out.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn stop() {
    let hook = HOOK.swap(0, Relaxed);
    let symbols = SYMBOLS;
    let interpreter = ffi::PyInterpreterState_Get().cast::<c_void>();
    if let (Some(set), Some(default)) = (symbols.set_eval_frame, symbols.eval_frame_default) {
        set(interpreter, default);
    }
    for_each_thread(interpreter, |thread| {
        if hook != 0 && function_of(thread) == hook {
            set_in(thread, 0);
        }
    });
}
