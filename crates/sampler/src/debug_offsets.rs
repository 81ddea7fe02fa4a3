//! `_Py_DebugOffsets`: what CPython 3.13 and later say of their own layout, at the beginning of `_PyRuntime`.
//!
//! It is a row of 64-bit numbers behind the cookie `xdebugpy`. Each minor version has added fields in the middle, so the
//! place of a field is counted from lists of names (`pycore_runtime.h` of 3.13, `pycore_debug_offsets.h` since). A version that
//! is newer than the lists is refused: guessing would read another field.

use crate::layout::{Layout, NONE, longer_head};
use crate::version::Version;

/// What the structure begins with.
pub(crate) const COOKIE: &[u8; 8] = b"xdebugpy";
/// Bytes to read: as far as the last field that is used, of any version.
pub(crate) const SIZE: usize = 1024;

/// A structure's name, and its fields in order.
type Section = (&'static str, &'static [&'static str]);

const RUNTIME: Section = ("runtime", &["size", "finalizing", "interpreters_head"]);

const INTERP_313: Section = (
    "interp",
    &[
        "size",
        "id",
        "next",
        "threads_head",
        "gc",
        "imports_modules",
        "sysdict",
        "builtins",
        "ceval_gil",
        "gil",
        "gil_enabled",
        "gil_locked",
        "gil_holder",
    ],
);
const INTERP_314: Section = (
    "interp",
    &[
        "size",
        "id",
        "next",
        "threads_head",
        "threads_main",
        "gc",
        "imports_modules",
        "sysdict",
        "builtins",
        "ceval_gil",
        "gil",
        "gil_enabled",
        "gil_locked",
        "gil_holder",
        "code_object_generation",
        "tlbc_generation",
    ],
);
const THREAD_313: Section = (
    "thread",
    &[
        "size",
        "prev",
        "next",
        "interp",
        "current_frame",
        "thread_id",
        "native_thread_id",
        "datastack_chunk",
        "status",
    ],
);
const THREAD_315: Section = (
    "thread",
    &[
        "size",
        "prev",
        "next",
        "interp",
        "current_frame",
        "base_frame",
        "last_profiled_frame",
        "last_profiled_frame_seq",
        "thread_id",
        "native_thread_id",
        "datastack_chunk",
        "status",
        "holds_gil",
        "gil_requested",
        "current_exception",
        "exc_state",
    ],
);
const EXCEPTION_315: Section = ("err_stackitem", &["exc_value"]);
const FRAME_313: Section = ("frame", &["size", "previous", "executable", "instr_ptr", "localsplus", "owner"]);
const FRAME_314: Section = (
    "frame",
    &["size", "previous", "executable", "instr_ptr", "localsplus", "owner", "stackpointer", "tlbc_index"],
);
const CODE_313: Section = (
    "code",
    &[
        "size",
        "filename",
        "name",
        "qualname",
        "linetable",
        "firstlineno",
        "argcount",
        "localsplusnames",
        "localspluskinds",
        "adaptive",
    ],
);
const CODE_314: Section = (
    "code",
    &[
        "size",
        "filename",
        "name",
        "qualname",
        "linetable",
        "firstlineno",
        "argcount",
        "localsplusnames",
        "localspluskinds",
        "adaptive",
        "tlbc",
    ],
);
const OBJECT: Section = ("object", &["size", "type"]);
const TYPE_313: Section = ("type", &["size", "name", "repr", "flags"]);
const TYPE_315: Section = ("type", &["size", "name", "repr", "flags", "basicsize", "dictoffset"]);
const HEAPTYPE_315: Section = ("heaptype", &["size", "cached_keys"]);
const TUPLE: Section = ("tuple", &["size", "item", "ob_size"]);
const LIST: Section = ("list", &["size", "item", "ob_size"]);
const SET_314: Section = ("set", &["size", "used", "table", "mask"]);
const DICT: Section = ("dict", &["size", "keys", "values"]);
const FLOAT: Section = ("float", &["size", "fval"]);
const LONG: Section = ("long", &["size", "tag", "digit"]);
const BYTES: Section = ("bytes", &["size", "ob_size", "sval"]);
const UNICODE_313: Section = ("unicode", &["size", "state", "length", "ascii_size"]);
const UNICODE_315: Section = ("unicode", &["size", "state", "length", "ascii_size", "compact_size"]);
const GC: Section = ("gc", &["size", "collecting"]);
const GC_315: Section = ("gc", &["size", "collecting", "frame", "generation_stats_size", "generation_stats"]);
const GENERATOR_314: Section = ("generator", &["size", "name", "iframe", "frame_state"]);

const PYTHON_313: &[Section] = &[
    RUNTIME,
    INTERP_313,
    THREAD_313,
    FRAME_313,
    CODE_313,
    OBJECT,
    TYPE_313,
    TUPLE,
    LIST,
    DICT,
    FLOAT,
    LONG,
    BYTES,
    UNICODE_313,
    GC,
];
const PYTHON_314: &[Section] = &[
    RUNTIME,
    INTERP_314,
    THREAD_313,
    FRAME_314,
    CODE_314,
    OBJECT,
    TYPE_313,
    TUPLE,
    LIST,
    SET_314,
    DICT,
    FLOAT,
    LONG,
    BYTES,
    UNICODE_313,
    GC,
    GENERATOR_314,
];
const PYTHON_315: &[Section] = &[
    RUNTIME,
    INTERP_314,
    THREAD_315,
    EXCEPTION_315,
    FRAME_314,
    CODE_314,
    OBJECT,
    TYPE_315,
    HEAPTYPE_315,
    TUPLE,
    LIST,
    SET_314,
    DICT,
    FLOAT,
    LONG,
    BYTES,
    UNICODE_315,
    GC_315,
    GENERATOR_314,
];

/// Why a runtime's own description cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It is not there (before 3.13), or not yet.
    Absent,
    /// A version whose description is not known here.
    Unknown(Version),
    /// A field lies where none can lie.
    Senseless(Version),
}

/// The layout that the first bytes of `_PyRuntime` describe.
///
/// # Errors
/// If they do not describe one that can be read.
pub(crate) fn parse(runtime: &[u8]) -> Result<Layout, Unusable> {
    if runtime.get(..8) != Some(COOKIE.as_slice()) {
        return Err(Unusable::Absent);
    }
    let is_free_threaded = word(runtime, 2) != Some(0);
    let version = Version { is_free_threaded, ..Version::from_hex(word(runtime, 1).unwrap_or(0)) };
    let sections = match (version.major, version.minor) {
        (3, 13) => PYTHON_313,
        (3, 14) => PYTHON_314,
        (3, 15) => PYTHON_315,
        _ => return Err(Unusable::Unknown(version)),
    };
    layout(version, &Fields { runtime, sections }).ok_or(Unusable::Senseless(version))
}

struct Fields<'a> {
    runtime: &'a [u8],
    sections: &'static [Section],
}

impl Fields<'_> {
    fn get(&self, section: &str, field: &str) -> Option<usize> {
        let mut at = 3;
        for (name, fields) in self.sections {
            if *name == section {
                let within = fields.iter().position(|&f| f == field)?;
                let offset = usize::try_from(word(self.runtime, at + within)?).ok()?;
                return (offset < MAX_OFFSET).then_some(offset);
            }
            at += fields.len();
        }
        None
    }
}

/// No structure of CPython is as large.
const MAX_OFFSET: usize = 1 << 24;

fn word(bytes: &[u8], index: usize) -> Option<u64> {
    let eight = bytes.get(index * 8..index * 8 + 8)?;
    Some(u64::from_le_bytes(eight.try_into().ok()?))
}

fn layout(version: Version, fields: &Fields<'_>) -> Option<Layout> {
    let is_free_threaded = version.is_free_threaded;
    let head = longer_head(version);
    let copies = if is_free_threaded { fields.get("code", "tlbc") } else { None };
    let firstlineno = fields.get("code", "firstlineno")?;
    let adaptive = fields.get("code", "adaptive")?;
    let gil = fields.get("interp", "gil")?;
    let locked = fields.get("interp", "gil_locked")?.checked_sub(gil)?;
    Some(Layout {
        version,
        runtime_interpreters_head: fields.get("runtime", "interpreters_head")?,
        runtime_gil: NONE,
        runtime_gc_collecting: NONE,
        interp_next: fields.get("interp", "next")?,
        interp_id: fields.get("interp", "id")?,
        interp_threads_head: fields.get("interp", "threads_head")?,
        interp_modules: fields.get("interp", "imports_modules")?,
        interp_gc_collecting: fields.get("interp", "gc")? + fields.get("gc", "collecting")?,
        interp_gil: fields.get("interp", "ceval_gil")?,
        // The first field; what the structure says of it is 0.
        gil_enabled: if is_free_threaded { 0 } else { NONE },
        gil_last_holder: fields.get("interp", "gil_holder")?.checked_sub(gil)?,
        gil_locked: locked,
        // `int locked; unsigned long switch_number;` in every version.
        gil_switch_number: locked + 8,
        thread_next: fields.get("thread", "next")?,
        thread_interp: fields.get("thread", "interp")?,
        thread_frame: fields.get("thread", "current_frame")?,
        thread_cframe: NONE,
        thread_id: fields.get("thread", "thread_id")?,
        thread_native_id: fields.get("thread", "native_thread_id")?,
        thread_chunk: fields.get("thread", "datastack_chunk")?,
        cframe_frame: NONE,
        frame_code: fields.get("frame", "executable")?,
        frame_previous: fields.get("frame", "previous")?,
        frame_instr: fields.get("frame", "instr_ptr")?,
        frame_owner: fields.get("frame", "owner")?,
        frame_running: NONE,
        frame_head: fields.get("frame", "localsplus")?,
        code_filename: fields.get("code", "filename")?,
        code_name: fields.get("code", "name")?,
        code_qualname: fields.get("code", "qualname")?,
        code_firstlineno: firstlineno,
        code_linetable: fields.get("code", "linetable")?,
        // `int co_flags, co_argcount, co_posonlyargcount, co_kwonlyargcount, co_stacksize, co_firstlineno, co_nlocalsplus,
        // co_framesize, co_nlocals, co_ncellvars, co_nfreevars; uint32_t co_version;` in 3.12 to 3.15.
        code_flags: firstlineno.checked_sub(20)?,
        code_stacksize: firstlineno.checked_sub(4)?,
        code_nlocalsplus: firstlineno + 4,
        code_framesize: firstlineno + 8,
        code_version: firstlineno + 24,
        // `int _co_firsttraceable; void *co_extra; _PyCodeArray *co_tlbc; char co_code_adaptive[1];`, the third in
        // free-threaded builds of 3.14 and later.
        code_firsttraceable: copies.unwrap_or(adaptive).checked_sub(16)?,
        code_adaptive: adaptive,
        code_copies: copies.unwrap_or(NONE),
        unicode_length: fields.get("unicode", "length")?,
        unicode_state: fields.get("unicode", "state")?,
        // `unsigned char interned;` instead of `unsigned int interned:2;`.
        unicode_kind_shift: if is_free_threaded && version.at_least(14) { 8 } else { 2 },
        unicode_ascii: fields.get("unicode", "ascii_size")?,
        // `PyCompactUnicodeObject` adds a length and a pointer; only 3.15 says so itself.
        unicode_compact: fields.get("unicode", "ascii_size")? + 16,
        type_dictoffset: fields.get("type", "dictoffset").unwrap_or(288 + head),
        type_flags: fields.get("type", "flags")?,
        type_basicsize: fields.get("type", "basicsize").unwrap_or(32 + head),
        heaptype_cached_keys: fields.get("heaptype", "cached_keys").unwrap_or(880 + head),
        // 3.13 does not say: `PyGenObject`, and `int stacktop` behind `instr_ptr`.
        generator_frame: fields.get("generator", "iframe").unwrap_or(72 + head),
        generator_state: fields.get("generator", "frame_state").unwrap_or(67 + head),
        frame_stack: match fields.get("frame", "stackpointer") {
            Some(pointer) => pointer,
            None => fields.get("frame", "instr_ptr")? + 8,
        },
        function_code: if version.at_least(14) { NONE } else { 48 + head },
        function_closure: if version.at_least(14) { NONE } else { 72 + head },
    })
}
