//! Who a function is: a number for each file, qualified name and first line, however many code objects have it; for
//! functions in C a number for each name as cProfile gives it.
//!
//! The number of a code object is kept in the object itself (its "extra"), which also tells when it dies.

use std::collections::HashMap;
use std::ffi::{CStr, c_void};
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};

use profkit_recording::trace::text;
use profkit_recording::trace_writer::{Full, TraceFile};
use pyo3_ffi as ffi;
use pyo3_ffi::{PyMethodDef, PyObject};

use crate::process;
use crate::python::{self, Errors, Owned, SYMBOLS};
use crate::thread::EPOCH;

/// What is to be known of a function beside its number, the low two bits of a [`Function`].
pub(crate) mod kind {
    /// Neither of the others.
    pub(crate) const PLAIN: u32 = 0;
    /// A generator.
    pub(crate) const GENERATOR: u32 = 1;
    /// A coroutine.
    pub(crate) const COROUTINE: u32 = 2;
    /// An asynchronous generator.
    pub(crate) const ASYNC_GENERATOR: u32 = 3;
}

/// A function's number and [`kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Function(u64);

impl Function {
    fn new(number: u32, kind: u32) -> Self {
        Self(u64::from(number) << 2 | u64::from(kind))
    }

    /// Its number.
    #[must_use]
    pub(crate) fn number(self) -> u32 {
        (self.0 >> 2) as u32
    }

    /// Its [`kind`].
    #[must_use]
    pub(crate) fn kind(self) -> u32 {
        self.0 as u32 & 3
    }
}

/// All functions of the process.
#[derive(Default)]
pub(crate) struct Functions {
    list: Vec<Known>,
    by_text: HashMap<Arc<[u8]>, u32>,
    methods: HashMap<usize, u32>,
    /// The index of "extras" in each interpreter.
    extras: Vec<(i64, isize)>,
    tasks: u32,
}

struct Known {
    /// Kind of the text, first line, then the text as it is written.
    text: Arc<[u8]>,
    is_written: bool,
}

impl Functions {
    /// The number of a text; 0 if there is no memory for a new one, which is nobody's.
    fn intern(&mut self, text: &[u8]) -> u32 {
        if let Some(&number) = self.by_text.get(text) {
            return number;
        }
        // The program must not end because the agent's tables grow.
        let has_room = self.list.try_reserve(1).is_ok()
            && self.by_text.try_reserve(1).is_ok()
            && self.methods.try_reserve(1).is_ok();
        if !has_room {
            return 0;
        }
        let text: Arc<[u8]> = text.into();
        self.list.push(Known { text: Arc::clone(&text), is_written: false });
        let number = self.list.len() as u32;
        self.by_text.insert(text, number);
        number
    }

    /// Sees to it that the file has the text of a function.
    ///
    /// # Errors
    /// When there is no more room.
    pub(crate) fn write(&mut self, number: u32, file: &mut TraceFile) -> Result<(), Full> {
        let Some(known) = self.list.get_mut(number.wrapping_sub(1) as usize) else { return Ok(()) };
        if !known.is_written {
            let [k0, k1, k2, k3, e0, e1, e2, e3, bytes @ ..] = &known.text[..] else { return Ok(()) };
            let kind = u32::from_ne_bytes([*k0, *k1, *k2, *k3]);
            file.text(kind, number, u32::from_ne_bytes([*e0, *e1, *e2, *e3]), &[bytes])?;
            known.is_written = true;
        }
        Ok(())
    }

    /// The file is another one.
    pub(crate) fn forget_written(&mut self) {
        self.list.iter_mut().for_each(|known| known.is_written = false);
    }

    /// The number of a label. Of names that asyncio makes up, the first thousand are kept apart.
    pub(crate) fn label(&mut self, key: &[u8], value: &[u8]) -> u32 {
        let is_made_up = value
            .strip_prefix(b"Task-")
            .is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit));
        let text = label_text(key, value);
        if is_made_up && !self.by_text.contains_key(&text[..]) {
            if self.tasks >= 1000 {
                return self.intern(&label_text(key, b"Task-*"));
            }
            self.tasks += 1;
        }
        self.intern(&text)
    }

    /// The number of a function in C that was seen before.
    #[must_use]
    pub(crate) fn known_method(&self, definition: usize) -> Option<u32> {
        self.methods.get(&definition).copied()
    }
}

fn begin_text(kind: u32, extra: u32) -> Vec<u8> {
    let mut text = Vec::with_capacity(160);
    text.extend_from_slice(&kind.to_ne_bytes());
    text.extend_from_slice(&extra.to_ne_bytes());
    text
}

fn label_text(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut text = begin_text(text::LABEL, 0);
    text.extend_from_slice(&(key.len() as u32).to_ne_bytes());
    text.extend_from_slice(key);
    text.extend_from_slice(value);
    text
}

/// Called when a code object with an "extra" dies.
unsafe extern "C" fn code_died(_: *mut c_void) {
    EPOCH.fetch_add(1, Relaxed);
}

/// The index of "extras" while there is one interpreter; -1 if not known.
static EXTRA: AtomicIsize = AtomicIsize::new(-1);
/// There are other interpreters than the main one.
static IS_ONE_OF_MANY: AtomicBool = AtomicBool::new(false);

/// Another interpreter begins.
pub(crate) fn expect_interpreter() {
    IS_ONE_OF_MANY.store(true, Relaxed);
}

/// Whether there is but one interpreter, so that its objects can be kept.
pub(crate) fn is_alone() -> bool {
    !IS_ONE_OF_MANY.load(Relaxed)
}

/// The index of "extras" in the interpreter that runs; -1 if there is none.
#[inline]
unsafe fn extra_index() -> isize {
    let known = EXTRA.load(Relaxed);
    if known >= 0 && is_alone() { known } else { find_extra_index() }
}

#[cold]
unsafe fn find_extra_index() -> isize {
    let interpreter = ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get());
    if let Some(process) = process::lock().as_ref()
        && let Some(&(_, index)) = process.functions.extras.iter().find(|extra| extra.0 == interpreter)
    {
        return index;
    }
    let index = SYMBOLS.request_code_extra.map_or(-1, |request| request(code_died));
    if is_alone() {
        EXTRA.store(index, Relaxed);
    }
    if let Some(process) = process::lock().as_mut() {
        process.functions.extras.push((interpreter, index));
    }
    index
}

/// The function of a code object, if it was seen before.
///
/// # Safety
/// The GIL is held; `code` is a live code object.
pub(crate) unsafe fn known_code(code: *mut PyObject) -> Option<Function> {
    let mut extra = null_mut();
    let index = extra_index();
    match SYMBOLS.get_code_extra {
        Some(get) if index >= 0 && get(code, index, &raw mut extra) == 0 && !extra.is_null() => {
            Some(Function(extra as u64))
        }
        _ => None,
    }
}

/// The function of a code object.
///
/// # Safety
/// As [`known_code`].
pub(crate) unsafe fn of_code(code: *mut PyObject) -> Function {
    if let Some(function) = known_code(code) {
        return function;
    }
    let _errors = Errors::save();
    let mut name = Vec::new();
    let qualname = Owned::attribute(code, c"co_qualname");
    if qualname.0.is_null() {
        crate::qualnames::name(code);
        if let Some(function) = known_code(code) {
            return function;
        }
    }
    python::push_text(&mut name, qualname.0);
    remember(code, &name)
}

/// Gives a code object its number.
///
/// # Safety
/// As [`known_code`].
pub(crate) unsafe fn remember(code: *mut PyObject, qualname: &[u8]) -> Function {
    let line = python::integer(code, c"co_firstlineno");
    let flags = python::integer(code, c"co_flags");
    let mut file = Vec::new();
    python::push_text(&mut file, Owned::attribute(code, c"co_filename").0);
    crate::greenlets::notice(&file);
    let mut text = begin_text(text::FUNCTION, u32::try_from(line).unwrap_or(0));
    text.extend_from_slice(&(file.len() as u32).to_ne_bytes());
    text.extend_from_slice(&file);
    text.extend_from_slice(qualname);
    let kind = match flags {
        _ if flags & 0x80 != 0 => kind::COROUTINE,
        _ if flags & 0x200 != 0 => kind::ASYNC_GENERATOR,
        _ if flags & 0x20 != 0 => kind::GENERATOR,
        _ => kind::PLAIN,
    };
    let number = process::lock().as_mut().map_or(0, |process| process.functions.intern(&text));
    let function = Function::new(number, kind);
    let index = extra_index();
    if let Some(set) = SYMBOLS.set_code_extra
        && index >= 0
        && number != 0
        && set(code, index, function.0 as *mut c_void) != 0
    {
        ffi::PyErr_Clear();
    }
    function
}

/// The function in C of a definition, which belongs to an object and a module if they are not null.
///
/// # Safety
/// The GIL is held, and what is given is live.
pub(crate) unsafe fn of_method(
    definition: *mut PyMethodDef,
    owner: *mut PyObject,
    module: *mut PyObject,
) -> Function {
    let known =
        process::lock().as_ref().and_then(|process| process.functions.known_method(definition as usize));
    if let Some(number) = known {
        return Function::new(number, kind::PLAIN);
    }
    let _errors = Errors::save();
    let mut text = begin_text(text::C_FUNCTION, 0);
    push_method_name(&mut text, definition, owner, module);
    let mut lock = process::lock();
    let number = lock.as_mut().map_or(0, |process| {
        let number = process.functions.intern(&text);
        if number != 0 {
            process.functions.methods.insert(definition as usize, number);
        }
        number
    });
    Function::new(number, kind::PLAIN)
}

/// The name that cProfile gives (`normalizeUserObj` in `_lsprof.c`), but without addresses, which differ in each process.
unsafe fn push_method_name(
    buffer: &mut Vec<u8>,
    definition: *mut PyMethodDef,
    owner: *mut PyObject,
    module: *mut PyObject,
) {
    let name = CStr::from_ptr((*definition).ml_name);
    if owner.is_null() {
        buffer.push(b'<');
        let start = buffer.len();
        if !module.is_null() && ffi::PyUnicode_Check(module) != 0 {
            python::push_text(buffer, module);
        } else if !module.is_null() && ffi::PyModule_Check(module) != 0 {
            python::push_text(buffer, Owned(ffi::PyModule_GetNameObject(module)).0);
            ffi::PyErr_Clear();
        }
        if &buffer[start..] == b"builtins" {
            buffer.truncate(start);
        } else if buffer.len() > start {
            buffer.push(b'.');
        }
        buffer.extend_from_slice(name.to_bytes());
        buffer.push(b'>');
        return;
    }
    if let Some(lookup) = SYMBOLS.type_lookup {
        let name = Owned(ffi::PyUnicode_FromString(name.as_ptr()));
        let found = if name.0.is_null() { null_mut() } else { lookup(python::type_of(owner), name.0) };
        ffi::PyErr_Clear();
        // What Python code has made would be asked for its name by running Python code.
        let is_heap = |class| ffi::PyType_GetFlags(class) & ffi::Py_TPFLAGS_HEAPTYPE != 0;
        if !found.is_null() && !is_heap(python::type_of(found)) {
            ffi::Py_IncRef(found);
            let found = Owned(found);
            let shown = Owned(ffi::PyObject_Repr(found.0));
            let start = buffer.len();
            python::push_text(buffer, shown.0);
            ffi::PyErr_Clear();
            if buffer.len() > start {
                drop_addresses(buffer, start);
                return;
            }
        }
    }
    buffer.extend_from_slice(b"<built-in method ");
    if !module.is_null() && ffi::PyUnicode_Check(module) != 0 {
        python::push_text(buffer, module);
        buffer.push(b'.');
    }
    buffer.extend_from_slice(name.to_bytes());
    buffer.push(b'>');
}

fn drop_addresses(buffer: &mut Vec<u8>, start: usize) {
    const BEFORE: &[u8] = b" at 0x";
    let mut at = start;
    while let Some(found) = buffer[at..].windows(BEFORE.len()).position(|window| window == BEFORE) {
        let from = at + found;
        let digits = buffer[from + BEFORE.len()..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        buffer.drain(from..from + BEFORE.len() + digits);
        at = from;
    }
}
