//! Starting and stopping: the C entry, and the Python module for tests and for the API.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use profkit_recording::journal::MISSED;
use profkit_recording::trace::state as ending;
use pyo3_ffi as ffi;
use pyo3_ffi::{PyMethodDef, PyModuleDef, PyObject};

use crate::options::Options;
use crate::process::{self, Process};
use crate::python::{self, Errors, SYMBOLS, Symbols};
use crate::{clock, cost, fork, interpreters, monitoring, profile_hook, setprofile, thread};

/// Handlers that can be set once in a process are.
static IS_SET_UP: AtomicBool = AtomicBool::new(false);
/// `PY_VERSION_HEX`, 0 until known.
static PYTHON: AtomicU32 = AtomicU32::new(0);

/// Starts tracing in this process. `options` are lines of key, tab and value. Returns 0, or another number if the process will not
/// be traced; the reason is in the recording's journal then.
///
/// # Safety
/// Python is initialised, the GIL is held, and `options` is a string that ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn profkit_tracer_start(options: *const c_char) -> c_int {
    match Options::parse(CStr::from_ptr(options).to_bytes()) {
        Ok(options) => match start(options.clone()) {
            Ok(()) => 0,
            Err(reason) => {
                process::journal(&options, MISSED, |line| line.field(reason.as_bytes()));
                1
            }
        },
        Err(_) => 2,
    }
}

/// The program is about to limit its address space to so many bytes.
#[unsafe(no_mangle)]
pub extern "C" fn profkit_tracer_limit(bytes: u64) {
    if let Some(process) = process::lock().as_mut() {
        process.file.limit(bytes);
    }
}

unsafe fn version() -> Result<u32, String> {
    let place = libc::dlsym(libc::RTLD_DEFAULT, c"Py_Version".as_ptr()).cast::<u32>();
    if !place.is_null() {
        return Ok(*place);
    }
    // Before 3.11 there is only the text: "3.9.18 (main, ...)".
    let text = CStr::from_ptr(ffi::Py_GetVersion()).to_string_lossy().into_owned();
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let (major, minor, patch) = (next(), next(), next());
    if major == 0 { Err(format!("Python {text}")) } else { Ok(major << 24 | minor << 16 | patch << 8 | 0xf0) }
}

unsafe fn start(options: Options) -> Result<(), String> {
    let _errors = Errors::save();
    if !process::is_disarmed() {
        return Err("is traced already".to_owned());
    }
    let python = version()?;
    PYTHON.store(python, Ordering::Relaxed);
    SYMBOLS = Symbols::find();
    let mut flags = Vec::new();
    python::push_text(&mut flags, ffi::PySys_GetObject(c"abiflags".as_ptr()));
    if flags.contains(&b't') {
        return Err("this Python runs without a GIL".to_owned());
    }
    let is_known = (0x0309_0000..0x0310_0000).contains(&python);
    if !is_known || !python::layout_is_as_expected() {
        return Err(format!("Python {:x}.{} is not known", python >> 24, python >> 16 & 255));
    }
    let symbols = SYMBOLS;
    if symbols.get_code_extra.is_none() || symbols.set_code_extra.is_none() {
        return Err("this Python hides what is needed of code objects".to_owned());
    }
    let choice = clock::choose(options.cpu, options.tsc_hz);
    if !IS_SET_UP.swap(true, Ordering::Relaxed) {
        process::make_thread_key();
        stay_loaded();
        fork::watch();
        fork::register();
        ffi::Py_AtExit(Some(at_exit));
        interpreters::watch();
        setprofile::watch();
    }
    let mut traced = Process::new(options, choice, python).map_err(|error| format!("no file: {error}"))?;
    traced.interpreters.push(ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()));
    // A thread that is traced already, in another recording, has measured before.
    let measurement = if thread::current().is_null() { cost::Measurement::begin() } else { None };
    let old = process::lock().replace(traced);
    if let Some(old) = old
        && let Some(process) = process::lock().as_mut()
    {
        process.functions = old.functions;
        process.functions.forget_written();
        old.threads.iter().for_each(|&state| thread::renew(process, state));
    }
    process::set_disarmed(false);
    let armed = arm();
    if armed.is_err() {
        process::set_disarmed(true);
    } else if let Some(measurement) = measurement {
        measure(measurement);
    }
    armed
}

unsafe fn measure(measurement: cost::Measurement) {
    let builtins = process::lock().as_ref().is_some_and(|process| process.options.builtins);
    let ticks = measurement.end(builtins);
    let mut lock = process::lock();
    let Some(process) = lock.as_mut() else { return };
    let units = process::self_hz(process.choice) / clock::counter_hz();
    process.cost = ticks.map(|ticks| (f64::from(ticks) * units) as u32);
    for (place, cost) in process.file.header().cost.iter().zip(process.cost) {
        place.store(cost, Ordering::Relaxed);
    }
}

/// Arms the interpreter that runs.
///
/// # Errors
/// Says what went wrong.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn arm() -> Result<(), String> {
    let (choice, builtins) = match process::lock().as_ref() {
        Some(process) => (process.choice, process.options.builtins),
        None => return Err("nothing is traced".to_owned()),
    };
    let python = PYTHON.load(Ordering::Relaxed);
    if python >= 0x030c_0000 {
        monitoring::start(choice, builtins)
    } else {
        profile_hook::start(python >> 16 & 255, choice, builtins)
    }
}

/// Ends tracing, be it because there is no room any more.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn disarm() {
    let _errors = Errors::save();
    process::set_disarmed(true);
    if PYTHON.load(Ordering::Relaxed) >= 0x030c_0000 {
        monitoring::stop();
    } else {
        profile_hook::stop();
    }
}

/// Handlers point into this library: it must not be unloaded.
unsafe fn stay_loaded() {
    let mut info: libc::Dl_info = std::mem::zeroed();
    let own: unsafe extern "C" fn(*const c_char) -> c_int = profkit_tracer_start;
    if libc::dladdr(own as *const c_void, &raw mut info) != 0 && !info.dli_fname.is_null() {
        libc::dlopen(info.dli_fname, libc::RTLD_NOW | libc::RTLD_NODELETE | libc::RTLD_NOLOAD);
    }
}

/// The interpreter is gone.
extern "C" fn at_exit() {
    end(ending::ENDED);
}

fn end(how: u32) {
    let mut lock = process::lock();
    if let Some(process) = lock.as_mut()
        && process.forked.is_none()
    {
        if clock::refine() {
            process.write_rates();
        }
        let header = process.file.header();
        if header.state.load(Ordering::Relaxed) == ending::RUNNING {
            header.state.store(how, Ordering::Relaxed);
        }
        let state = thread::current();
        if !state.is_null() {
            // SAFETY: the record is mapped as long as the file is there.
            unsafe { (*(*state).record).last_wall.store(clock::wall(), Ordering::Relaxed) };
        }
    }
    process::set_disarmed(true);
}

unsafe extern "C" fn python_start(_: *mut PyObject, options: *mut PyObject) -> *mut PyObject {
    let mut text = Vec::new();
    python::push_text(&mut text, options);
    let started = Options::parse(&text).and_then(|options| start(options));
    match started {
        Ok(()) => none(),
        Err(reason) => {
            let text = std::ffi::CString::new(reason).unwrap_or_default();
            ffi::PyErr_SetString(ffi::PyExc_RuntimeError, text.as_ptr());
            null_mut()
        }
    }
}

unsafe extern "C" fn python_stop(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    disarm();
    end(ending::ENDED);
    none()
}

unsafe fn none() -> *mut PyObject {
    ffi::Py_IncRef(ffi::Py_None());
    ffi::Py_None()
}

static mut METHODS: [PyMethodDef; 3] = [
    PyMethodDef {
        ml_name: c"start".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: python_start },
        ml_flags: ffi::METH_O,
        ml_doc: c"start(options): trace this process; options are lines of key, tab, value".as_ptr(),
    },
    PyMethodDef {
        ml_name: c"stop".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: python_stop },
        ml_flags: ffi::METH_NOARGS,
        ml_doc: c"stop(): end tracing".as_ptr(),
    },
    PyMethodDef::zeroed(),
];

static mut MODULE: PyModuleDef = PyModuleDef {
    m_base: ffi::PyModuleDef_HEAD_INIT,
    m_name: c"profkit_tracer".as_ptr(),
    m_doc: std::ptr::null(),
    m_size: -1,
    m_methods: (&raw mut METHODS).cast(),
    m_slots: null_mut(),
    m_traverse: None,
    m_clear: None,
    m_free: None,
};

/// Python's entry: a module with `start(options)` and `stop()`.
///
/// # Safety
/// Python calls it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyInit_profkit_tracer() -> *mut PyObject {
    ffi::PyModule_Create(&raw mut MODULE)
}
