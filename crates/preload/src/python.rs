//! Loads the tracer when this program turns out to be a Python, and hides the variables from it.
//!
//! Everything of Python is found by `dlsym`: this object is loaded into programs that have none of it.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::transmute;
use core::sync::atomic::{AtomicBool, Ordering};

use profkit_recording::carrier;

use crate::{Carried, carried, embedded, entry, limits, process};

type Object = *mut c_void;

/// The first and the last minor version of Python 3 that the tracer knows.
const VERSIONS: core::ops::RangeInclusive<u32> = 9..=15;

pub(crate) fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name ends with NUL.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

static IS_WATCHED: AtomicBool = AtomicBool::new(false);

/// Waits for the interpreter to run something, if there is an interpreter in this program by now.
pub(crate) fn watch() {
    let Some(carried) = carried().filter(|_| !IS_WATCHED.load(Ordering::Relaxed)) else { return };
    let Some(add) = symbol(c"PySys_AddAuditHook") else {
        // Before 3.8, or no Python at all.
        if symbol(c"Py_GetVersion").is_some()
            && let Err(reason) = check_version()
            && !IS_WATCHED.swap(true, Ordering::Relaxed)
        {
            process::write_missed(carried, reason.as_bytes());
        }
        return;
    };
    if embedded::is_before_the_start() && !IS_WATCHED.swap(true, Ordering::Relaxed) {
        // SAFETY: nothing of the interpreter has run.
        unsafe { entry::add(add, on_event) }
    }
}

static IS_DONE: AtomicBool = AtomicBool::new(false);

/// Called for each audit event with the interpreter lock held: must be quick for all but the first one of its kind.
extern "C" fn on_event(event: *const c_char, arguments: Object, _: *mut c_void) -> c_int {
    // SAFETY: the interpreter gives a string, which has a NUL at least.
    let first = unsafe { *event }.cast_unsigned();
    if first != b'c' && (IS_DONE.load(Ordering::Relaxed) || !matches!(first, b'e' | b'i')) {
        return 0;
    }
    // SAFETY: see above.
    let event = unsafe { CStr::from_ptr(event) };
    if event.to_bytes() == entry::CLEARED {
        entry::before_it_is_freed();
    }
    // SAFETY: this is such an event.
    let begins = event.to_bytes().starts_with(b"cpython.run_") || unsafe { embedded::runs(event, arguments) };
    if begins
        && !IS_DONE.swap(true, Ordering::Relaxed)
        && let Some(carried) = carried()
    {
        hide_variables(carried);
        if let Err(reason) = check_version().and_then(|()| load(carried)) {
            process::write_missed(carried, reason.as_bytes());
        }
    }
    0
}

fn check_version() -> Result<(), String> {
    let Some(get) = symbol(c"Py_GetVersion") else { return Err("a Python without a version".to_owned()) };
    // SAFETY: its type in every Python; it returns a string that lives for ever.
    let text = unsafe {
        let get: unsafe extern "C" fn() -> *const c_char = transmute(get);
        CStr::from_ptr(get())
    };
    let text = text.to_string_lossy();
    let number = text.split([' ', '+']).next().unwrap_or("");
    let mut parts = number.split('.').map(|part| part.parse::<u32>().ok());
    let (major, minor) = (parts.next().flatten(), parts.next().flatten());
    let reason = if text.contains("PyPy") {
        "PyPy cannot be traced"
    } else if text.contains("free-threading") {
        "a free-threaded Python cannot be traced"
    } else if major == Some(3) && minor.is_some_and(|minor| VERSIONS.contains(&minor)) {
        return Ok(());
    } else {
        "this version cannot be traced"
    };
    Err(format!("Python {number}: {reason}"))
}

fn load(carried: &Carried) -> Result<(), String> {
    // SAFETY: the path ends with NUL; the tracer's start-up code only registers what it has.
    let library = unsafe { libc::dlopen(carried.tracer.as_ptr().cast(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if library.is_null() {
        // SAFETY: after a failure this is a string, or null if another thread asked first.
        let reason = unsafe { libc::dlerror() };
        let reason = if reason.is_null() {
            c"the tracer cannot be loaded"
        } else {
            // SAFETY: see above.
            unsafe { CStr::from_ptr(reason) }
        };
        return Err(reason.to_string_lossy().into_owned());
    }
    // SAFETY: the library is open, the name ends with NUL.
    let start = unsafe { libc::dlsym(library, c"profkit_tracer_start".as_ptr()) };
    if start.is_null() {
        return Err("the tracer has no entry".to_owned());
    }
    let prefix = carrier::VARIABLE.len() + 1;
    // SAFETY: the type of the tracer's entry; the text ends with NUL. The tracer tells the journal itself why it does not
    // start.
    unsafe {
        let start: unsafe extern "C" fn(*const c_char) -> c_int = transmute(start);
        start(carried.variable[prefix..].as_ptr().cast());
    }
    limits::tell(library);
    Ok(())
}

/// Takes the variables out of what the program sees as its environment, `os.environ`; of `LD_PRELOAD` the part that is
/// ours. C's environment keeps them, and hands them to programs that are started with it.
fn hide_variables(carried: &Carried) {
    let functions = || {
        Some([
            symbol(c"PyImport_GetModuleDict")?,
            symbol(c"PyDict_GetItemString")?,
            symbol(c"PyObject_GetAttrString")?,
            symbol(c"PyBytes_FromString")?,
            symbol(c"PyDict_DelItem")?,
            symbol(c"PyDict_SetItem")?,
            symbol(c"PyErr_Clear")?,
            symbol(c"Py_DecRef")?,
        ])
    };
    let Some([modules, item, attribute, bytes, delete, set, clear, release]) = functions() else { return };
    // SAFETY: the types of these functions in every Python of the stable ABI. The interpreter lock is held; what is
    // borrowed is not released, what is new is.
    unsafe {
        let modules: unsafe extern "C" fn() -> Object = transmute(modules);
        let item: unsafe extern "C" fn(Object, *const c_char) -> Object = transmute(item);
        let attribute: unsafe extern "C" fn(Object, *const c_char) -> Object = transmute(attribute);
        let bytes: unsafe extern "C" fn(*const c_char) -> Object = transmute(bytes);
        let delete: unsafe extern "C" fn(Object, Object) -> c_int = transmute(delete);
        let set: unsafe extern "C" fn(Object, Object, Object) -> c_int = transmute(set);
        let clear: unsafe extern "C" fn() = transmute(clear);
        let release: unsafe extern "C" fn(Object) = transmute(release);
        for (module, path) in [(c"os", &[c"environ", c"_data"][..]), (c"posix", &[c"environ"])] {
            let module = item(modules(), module.as_ptr());
            let mut found: Vec<Object> = Vec::new();
            for name in path {
                let from = found.last().copied().unwrap_or(module);
                if !from.is_null() {
                    found.push(attribute(from, name.as_ptr()));
                }
            }
            if let Some(&dictionary) = found.last()
                && !dictionary.is_null()
            {
                for (name, rest) in [(c"LD_PRELOAD", carried.theirs.as_slice()), (c"PROFKIT_RECORD", b"\0")] {
                    let key = bytes(name.as_ptr());
                    if rest == b"\0" {
                        delete(dictionary, key);
                    } else {
                        let value = bytes(rest.as_ptr().cast());
                        set(dictionary, key, value);
                        release(value);
                    }
                    clear();
                    release(key);
                }
            }
            clear();
            found.into_iter().for_each(|object| release(object));
        }
    }
}
