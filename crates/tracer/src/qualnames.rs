//! Qualified names on 3.9 and 3.10, where code objects do not have any.
//!
//! Code that is executed below our eyes is named from its module's code: the constants of a code object hold those of the
//! functions and classes in it. Modules that were imported before are looked up, and their functions asked.

use std::ptr::null_mut;

use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use crate::functions::{known_code, remember};
use crate::python::{self, Owned, type_of};

/// `tp_dict` of a type in 3.9 and 3.10: asking for `__dict__` could run a metaclass's code.
const TYPE_DICT: usize = 264;
/// Classes in classes are looked at so deep.
const DEPTH: usize = 3;

/// Names a code object that nobody has named, and all others of its module.
///
/// # Safety
/// The GIL is held, `code` is live, and Python's version is 3.9 or 3.10.
pub(crate) unsafe fn name(code: *mut PyObject) {
    let mut name = Vec::new();
    python::push_text(&mut name, Owned::attribute(code, c"co_name").0);
    if name != b"<module>" {
        let mut file = Vec::new();
        python::push_text(&mut file, Owned::attribute(code, c"co_filename").0);
        let module = module_of(&file);
        if !module.is_null() {
            name_functions(module, DEPTH);
        }
    }
    if known_code(code).is_none() {
        remember(code, &name);
        name_nested(code, &name);
    }
}

/// Names the code objects among the constants of one, as Python 3.11 does, and those among theirs.
unsafe fn name_nested(code: *mut PyObject, qualname: &[u8]) {
    let is_function = python::integer(code, c"co_flags") & 0x2 != 0;
    let constants = Owned::attribute(code, c"co_consts");
    if constants.0.is_null() || ffi::PyTuple_Check(constants.0) == 0 {
        return;
    }
    let mut prefix = qualname.to_vec();
    if qualname == b"<module>" {
        prefix.clear();
    } else {
        prefix.extend_from_slice(if is_function { b".<locals>." } else { b"." });
    }
    for at in 0..ffi::PyTuple_Size(constants.0) {
        let nested = ffi::PyTuple_GetItem(constants.0, at);
        if type_of(nested) == type_of(code) && known_code(nested).is_none() {
            let mut name = prefix.clone();
            python::push_text(&mut name, Owned::attribute(nested, c"co_name").0);
            remember(nested, &name);
            name_nested(nested, &name);
        }
    }
}

/// The names in the module that comes from a file, borrowed; null if there is none.
unsafe fn module_of(file: &[u8]) -> *mut PyObject {
    let frozen = match file {
        b"<frozen importlib._bootstrap>" => Some(c"_frozen_importlib"),
        b"<frozen importlib._bootstrap_external>" => Some(c"_frozen_importlib_external"),
        b"<frozen zipimport>" => Some(c"zipimport"),
        _ => None,
    };
    if let Some(name) = frozen {
        let module = python::imported(name);
        return if module.is_null() { null_mut() } else { ffi::PyModule_GetDict(module) };
    }
    let modules = python::modules();
    let (mut at, mut key, mut module) = (0, null_mut(), null_mut());
    let mut text = Vec::new();
    while !modules.is_null() && ffi::PyDict_Next(modules, &raw mut at, &raw mut key, &raw mut module) != 0 {
        if ffi::PyModule_Check(module) != 0 {
            let names = ffi::PyModule_GetDict(module);
            text.clear();
            python::push_text(&mut text, ffi::PyDict_GetItemString(names, c"__file__".as_ptr()));
            if text == file {
                return names;
            }
        }
    }
    null_mut()
}

/// Names the functions among the values of a dictionary, and those in its classes.
unsafe fn name_functions(names: *mut PyObject, depth: usize) {
    let (mut at, mut key, mut value) = (0, null_mut(), null_mut());
    while ffi::PyDict_Next(names, &raw mut at, &raw mut key, &raw mut value) != 0 {
        if ffi::PyType_Check(value) != 0 {
            let inner = *value.cast::<u8>().add(TYPE_DICT).cast::<*mut PyObject>();
            if depth > 0 && !inner.is_null() {
                name_functions(inner, depth - 1);
            }
            continue;
        }
        match python::type_name(type_of(value)).to_bytes() {
            b"function" => name_function(value),
            b"staticmethod" | b"classmethod" => name_function(Owned::attribute(value, c"__func__").0),
            b"property" => {
                for accessor in [c"fget", c"fset", c"fdel"] {
                    name_function(Owned::attribute(value, accessor).0);
                }
            }
            _ => {}
        }
    }
}

unsafe fn name_function(function: *mut PyObject) {
    if function.is_null() || python::type_name(type_of(function)) != c"function" {
        return;
    }
    let code = Owned::attribute(function, c"__code__");
    if code.0.is_null() || known_code(code.0).is_some() {
        return;
    }
    let (mut qualname, mut name) = (Vec::new(), Vec::new());
    python::push_text(&mut qualname, Owned::attribute(function, c"__qualname__").0);
    python::push_text(&mut name, Owned::attribute(code.0, c"co_name").0);
    // `functools.wraps` gives a function the name of another one.
    if qualname.rsplit(|&byte| byte == b'.').next() == Some(&name) {
        remember(code.0, &qualname);
        name_nested(code.0, &qualname);
    }
}
