//! What is needed of CPython beside its stable ABI: functions found by name at run time, and where a few fields lie.
//!
//! The layouts of `PyCFunctionObject` and `PyMethodDescrObject` are the same from 3.9 to 3.15; `is_as_expected`
//! looks at known objects before anything relies on it.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;

use pyo3_ffi as ffi;
use pyo3_ffi::{PyObject, PyTypeObject};

/// A profile function of 3.9 to 3.11.
pub(crate) type Hook = unsafe extern "C" fn(*mut PyObject, *mut PyObject, c_int, *mut PyObject) -> c_int;
/// A frame evaluation function; what a frame is differs between versions.
pub(crate) type EvalFrame = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int) -> *mut PyObject;

/// Functions and objects outside of the stable ABI. `None` where a version lacks it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Symbols {
    pub(crate) request_code_extra: Option<unsafe extern "C" fn(unsafe extern "C" fn(*mut c_void)) -> isize>,
    pub(crate) get_code_extra: Option<unsafe extern "C" fn(*mut PyObject, isize, *mut *mut c_void) -> c_int>,
    pub(crate) set_code_extra: Option<unsafe extern "C" fn(*mut PyObject, isize, *mut c_void) -> c_int>,
    pub(crate) set_profile: Option<unsafe extern "C" fn(Option<Hook>, *mut PyObject)>,
    pub(crate) set_eval_frame: Option<unsafe extern "C" fn(*mut c_void, EvalFrame)>,
    pub(crate) eval_frame_default: Option<EvalFrame>,
    pub(crate) current_thread: Option<unsafe extern "C" fn() -> *mut c_void>,
    pub(crate) threads_of: Option<unsafe extern "C" fn(*mut c_void) -> *mut c_void>,
    pub(crate) next_thread: Option<unsafe extern "C" fn(*mut c_void) -> *mut c_void>,
    pub(crate) frame_code: Option<unsafe extern "C" fn(*mut PyObject) -> *mut PyObject>,
    pub(crate) type_lookup: Option<unsafe extern "C" fn(*mut PyTypeObject, *mut PyObject) -> *mut PyObject>,
    pub(crate) c_function: *mut PyTypeObject,
    pub(crate) c_method: *mut PyTypeObject,
    pub(crate) method_descriptor: *mut PyTypeObject,
}

/// A symbol of the process, whatever its type.
///
/// # Safety
/// `T` is a pointer or function pointer, and the symbol, if it is there, is one of that type.
unsafe fn symbol<T: Copy>(names: &[&CStr]) -> Option<T> {
    assert!(size_of::<T>() == size_of::<*mut c_void>());
    names.iter().find_map(|name| {
        let place = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
        (!place.is_null()).then(|| std::mem::transmute_copy(&place))
    })
}

impl Symbols {
    /// Looks them up.
    #[must_use]
    pub(crate) fn find() -> Self {
        // SAFETY: the types are those of CPython's headers.
        unsafe {
            Self {
                request_code_extra: symbol(&[
                    c"PyUnstable_Eval_RequestCodeExtraIndex",
                    c"_PyEval_RequestCodeExtraIndex",
                ]),
                get_code_extra: symbol(&[c"PyUnstable_Code_GetExtra", c"_PyCode_GetExtra"]),
                set_code_extra: symbol(&[c"PyUnstable_Code_SetExtra", c"_PyCode_SetExtra"]),
                set_profile: symbol(&[c"PyEval_SetProfile"]),
                set_eval_frame: symbol(&[c"_PyInterpreterState_SetEvalFrameFunc"]),
                eval_frame_default: symbol(&[c"_PyEval_EvalFrameDefault"]),
                current_thread: symbol(&[c"PyThreadState_GetUnchecked", c"_PyThreadState_UncheckedGet"]),
                threads_of: symbol(&[c"PyInterpreterState_ThreadHead"]),
                next_thread: symbol(&[c"PyThreadState_Next"]),
                frame_code: symbol(&[c"PyFrame_GetCode"]),
                type_lookup: symbol(&[c"_PyType_Lookup"]),
                c_function: symbol(&[c"PyCFunction_Type"]).unwrap_or(null_mut()),
                c_method: symbol(&[c"PyCMethod_Type"]).unwrap_or(null_mut()),
                method_descriptor: symbol(&[c"PyMethodDescr_Type"]).unwrap_or(null_mut()),
            }
        }
    }

    /// An empty table, before anything was looked up.
    pub(crate) const NONE: Self = Self {
        request_code_extra: None,
        get_code_extra: None,
        set_code_extra: None,
        set_profile: None,
        set_eval_frame: None,
        eval_frame_default: None,
        current_thread: None,
        threads_of: None,
        next_thread: None,
        frame_code: None,
        type_lookup: None,
        c_function: null_mut(),
        c_method: null_mut(),
        method_descriptor: null_mut(),
    };
}

/// The symbols, found once at the start.
pub(crate) static mut SYMBOLS: Symbols = Symbols::NONE;

/// `PyCFunctionObject` as far as it is used.
#[repr(C)]
pub(crate) struct CFunction {
    head: PyObject,
    pub(crate) definition: *mut ffi::PyMethodDef,
    pub(crate) owner: *mut PyObject,
    pub(crate) module: *mut PyObject,
}

/// `PyMethodDescrObject`.
#[repr(C)]
pub(crate) struct MethodDescriptor {
    head: PyObject,
    class: *mut PyTypeObject,
    name: *mut PyObject,
    qualname: *mut PyObject,
    pub(crate) definition: *mut ffi::PyMethodDef,
}

/// The type of an object.
///
/// # Safety
/// A live object.
#[inline(always)]
pub(crate) unsafe fn type_of(object: *mut PyObject) -> *mut PyTypeObject {
    // `ob_type` lies behind the count of references, 8 bytes in every build with the GIL.
    *object.cast::<*mut PyTypeObject>().add(1)
}

/// `tp_name` of a type, which follows the head of a variable-sized object.
///
/// # Safety
/// A live type.
pub(crate) unsafe fn type_name<'a>(class: *mut PyTypeObject) -> &'a CStr {
    CStr::from_ptr(*class.cast::<*const c_char>().add(3))
}

/// Whether objects lie as this file says.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn layout_is_as_expected() -> bool {
    let _errors = Errors::save();
    let builtins = ffi::PyEval_GetBuiltins();
    let len = ffi::PyDict_GetItemString(builtins, c"len".as_ptr());
    let list = ffi::PyDict_GetItemString(builtins, c"list".as_ptr());
    if len.is_null() || list.is_null() || type_of(len) != SYMBOLS.c_function {
        return false;
    }
    let named =
        |definition: *mut ffi::PyMethodDef, name: &CStr| CStr::from_ptr((*definition).ml_name) == name;
    let append = Owned(ffi::PyObject_GetAttrString(list, c"append".as_ptr()));
    !append.0.is_null()
        && type_of(append.0) == SYMBOLS.method_descriptor
        && named((*len.cast::<CFunction>()).definition, c"len")
        && named((*append.0.cast::<MethodDescriptor>()).definition, c"append")
        && type_name(list.cast()) == c"list"
}

/// A reference that is given up at the end of its scope; may be null.
#[derive(Debug)]
pub(crate) struct Owned(pub(crate) *mut PyObject);

impl Owned {
    /// An attribute, null if there is none; the error, if any, is cleared.
    ///
    /// # Safety
    /// The GIL is held; `object` is live or null.
    pub(crate) unsafe fn attribute(object: *mut PyObject, name: &CStr) -> Self {
        if object.is_null() {
            return Self(null_mut());
        }
        let value = ffi::PyObject_GetAttrString(object, name.as_ptr());
        if value.is_null() {
            ffi::PyErr_Clear();
        }
        Self(value)
    }

    /// Whether it is there and not `None`.
    #[must_use]
    pub(crate) fn is_something(&self) -> bool {
        // SAFETY: only the address of None is compared.
        !self.0.is_null() && self.0 != unsafe { ffi::Py_None() }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: a reference of ours, or null, which is allowed; whoever has one holds the GIL.
        unsafe { ffi::Py_DecRef(self.0) }
    }
}

/// Keeps an exception that is on its way aside for a scope.
#[derive(Debug)]
pub(crate) struct Errors([*mut PyObject; 3]);

impl Errors {
    /// Takes the exception.
    ///
    /// # Safety
    /// The GIL is held.
    #[must_use]
    #[allow(deprecated)] // The successor came with 3.12.
    pub(crate) unsafe fn save() -> Self {
        let mut kept = [null_mut(); 3];
        let [kind, value, traceback] = &mut kept;
        ffi::PyErr_Fetch(kind, value, traceback);
        Self(kept)
    }
}

impl Drop for Errors {
    #[allow(deprecated)]
    fn drop(&mut self) {
        let [kind, value, traceback] = self.0;
        // SAFETY: the GIL is held as it was when they were taken.
        unsafe { ffi::PyErr_Restore(kind, value, traceback) }
    }
}

/// Adds a string's UTF-8 (surrogates as `surrogatepass` has them) to a buffer; nothing if it is no string.
///
/// # Safety
/// The GIL is held; `text` is live or null.
pub(crate) unsafe fn push_text(buffer: &mut Vec<u8>, text: *mut PyObject) {
    if text.is_null() || ffi::PyUnicode_Check(text) == 0 {
        return;
    }
    let bytes = Owned(ffi::PyUnicode_AsEncodedString(text, c"utf-8".as_ptr(), c"surrogatepass".as_ptr()));
    if bytes.0.is_null() {
        ffi::PyErr_Clear();
        return;
    }
    let (mut start, mut length) = (null_mut(), 0);
    if ffi::PyBytes_AsStringAndSize(bytes.0, &raw mut start, &raw mut length) == 0 {
        buffer.extend_from_slice(std::slice::from_raw_parts(start.cast(), length.cast_unsigned()));
    }
}

/// The dictionary of modules, borrowed; null if there is none any more.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn modules() -> *mut PyObject {
    // The last generators are closed after the modules have gone, where `PyImport_GetModuleDict` ends the process (3.9 to
    // 3.11).
    let modules = ffi::PySys_GetObject(c"modules".as_ptr());
    if !modules.is_null() && ffi::PyDict_Check(modules) != 0 { modules } else { null_mut() }
}

/// A module that was imported before, borrowed; null if it was not.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn imported(name: &CStr) -> *mut PyObject {
    let modules = modules();
    if modules.is_null() { null_mut() } else { ffi::PyDict_GetItemString(modules, name.as_ptr()) }
}

/// An attribute that is an integer; 0 if there is none.
///
/// # Safety
/// The GIL is held; `object` is live.
pub(crate) unsafe fn integer(object: *mut PyObject, name: &CStr) -> i64 {
    let value = Owned::attribute(object, name);
    if value.0.is_null() {
        return 0;
    }
    let number = ffi::PyLong_AsLongLong(value.0);
    if number == -1 {
        ffi::PyErr_Clear();
    }
    number
}
