//! Where CPython keeps what a sampler reads, as byte offsets: one `Layout` for 3.8 to 3.15.
//!
//! From 3.13 on a process describes itself (`_Py_DebugOffsets` at the beginning of `_PyRuntime`); what is missing there is
//! next to a field that is there. For 3.8 to 3.12 the offsets are compiled in, compared with the headers of 3.8.18, 3.9.18,
//! 3.10.13, 3.11.2, 3.11.7 and 3.12.1 by `tests/reference/sampler/offsets.c`. No patch release is known to have moved a field that
//! is read here, so the tables are by minor version; a process whose lists do not lead where they should is refused.

use crate::version::Version;

/// Byte offsets of fields within CPython's structures. A field that a version does not have is [`NONE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The version that this is for.
    pub version: Version,
    /// In the runtime: the first interpreter.
    pub runtime_interpreters_head: usize,
    /// In the runtime: the GIL itself (3.8 to 3.11).
    pub runtime_gil: usize,
    /// In the runtime: whether the garbage collector runs (3.8).
    pub runtime_gc_collecting: usize,
    /// In an interpreter: the next one.
    pub interp_next: usize,
    /// In an interpreter: its number.
    pub interp_id: usize,
    /// In an interpreter: its newest thread.
    pub interp_threads_head: usize,
    /// In an interpreter: the dict of its modules.
    pub interp_modules: usize,
    /// In an interpreter: whether the garbage collector runs (3.9 and later).
    pub interp_gc_collecting: usize,
    /// In an interpreter: pointer to its GIL (3.12 and later).
    pub interp_gil: usize,
    /// In a GIL: an `int`, whether there is one at all (free-threaded builds).
    pub gil_enabled: usize,
    /// In a GIL: the thread that took it last.
    pub gil_last_holder: usize,
    /// In a GIL: an `int`, 1 while it is taken.
    pub gil_locked: usize,
    /// In a GIL: how often it went to another thread.
    pub gil_switch_number: usize,
    /// In a thread state: the next one of the interpreter.
    pub thread_next: usize,
    /// In a thread state: its interpreter.
    pub thread_interp: usize,
    /// In a thread state: the running frame (3.8 to 3.10, 3.13 and later).
    pub thread_frame: usize,
    /// In a thread state: the frame holder of the innermost evaluation loop in C (3.11, 3.12).
    pub thread_cframe: usize,
    /// In a thread state: `pthread_self()`.
    pub thread_id: usize,
    /// In a thread state: what Linux calls the thread (3.11 and later).
    pub thread_native_id: usize,
    /// In a thread state: the newest chunk of the data stack, the first unused word of it next (3.11 and later).
    pub thread_chunk: usize,
    /// In a frame holder of 3.11 and 3.12: the running frame.
    pub cframe_frame: usize,
    /// In a frame: its code.
    pub frame_code: usize,
    /// In a frame: its caller.
    pub frame_previous: usize,
    /// In a frame: the instruction: a pointer (3.11 and later), or an `int` (before).
    pub frame_instr: usize,
    /// In a frame: a byte, who owns it (3.11 and later).
    pub frame_owner: usize,
    /// In a frame: a byte that says whether it runs (3.8 to 3.10).
    pub frame_running: usize,
    /// How much of a frame comes before its local variables: all that is read.
    pub frame_head: usize,
    /// In a code object: its file.
    pub code_filename: usize,
    /// In a code object: its name.
    pub code_name: usize,
    /// In a code object: its qualified name (3.11 and later).
    pub code_qualname: usize,
    /// In a code object: its first line.
    pub code_firstlineno: usize,
    /// In a code object: the table of its lines.
    pub code_linetable: usize,
    /// In a code object: its flags.
    pub code_flags: usize,
    /// In a code object: the first instruction that counts as running (3.11 and later).
    pub code_firsttraceable: usize,
    /// In a code object: its instructions (3.11 and later).
    pub code_adaptive: usize,
    /// In a code object: pointer to the copies of its instructions that threads run, the first of which is its own (free-threaded
    /// builds, 3.14 and later).
    pub code_copies: usize,
    /// In a code object: number of its variables (3.11).
    pub code_nlocalsplus: usize,
    /// In a code object: depth of its value stack (3.11).
    pub code_stacksize: usize,
    /// In a code object: words that a frame of it takes on the data stack (3.12 and later).
    pub code_framesize: usize,
    /// In a code object: a number of its own, 0 if it has none (3.12 and later).
    pub code_version: usize,
    /// In a `str`: its length.
    pub unicode_length: usize,
    /// In a `str`: bits that say its kind.
    pub unicode_state: usize,
    /// How many of these bits come before the kind.
    pub unicode_kind_shift: u32,
    /// Size of the head of an ASCII `str`.
    pub unicode_ascii: usize,
    /// Size of the head of another compact `str`.
    pub unicode_compact: usize,
    /// In a type: offset of the instances' dict.
    pub type_dictoffset: usize,
    /// In a type: its flags.
    pub type_flags: usize,
    /// In a type: size of its instances.
    pub type_basicsize: usize,
    /// In a heap type: the keys that its instances' inline values share.
    pub heaptype_cached_keys: usize,
    /// In a coroutine or generator: its frame, within it (3.11 and later), or a pointer to it (before).
    pub generator_frame: usize,
    /// In a coroutine or generator: a byte, what its frame does (3.11 and later).
    pub generator_state: usize,
    /// In a frame that is suspended: the end of its value stack, as a pointer (3.8, 3.9, 3.14 and later), or as an `int` that
    /// counts values: all of them (3.10), or local variables too (3.11 to 3.13).
    pub frame_stack: usize,
    /// In a function: its code (up to 3.13).
    pub function_code: usize,
    /// In a function: the tuple of its cells (up to 3.13).
    pub function_closure: usize,
}

/// What a version does not have.
pub const NONE: usize = usize::MAX;

/// By how much the heads of objects are longer than in builds with the GIL: a free-threaded one has a thread, a lock, flags, and a
/// second count of references there.
#[must_use]
pub fn longer_head(version: Version) -> usize {
    if version.is_free_threaded { 16 } else { 0 }
}

/// In every version: `ob_size` of a variable object, and of `bytes`.
pub const OB_SIZE: usize = 16;
/// In every version: the type of an object.
pub const OB_TYPE: usize = 8;
/// In every version: the data of a `bytes`.
pub const BYTES_DATA: usize = 32;
/// In every version: the keys and the values of a dict.
pub const DICT_KEYS: usize = 32;
/// In every version: the values of a dict, if it shares its keys.
pub const DICT_VALUES: usize = 40;
/// In 3.8 to 3.10, in a frame: where its value stack begins.
pub const FRAME_VALUES: usize = 64;
/// In 3.8 to 3.10, in a code object: the `bytes` of its instructions.
pub const CODE_BYTES: usize = 48;
/// In every version: what an object begins with behind its head, for those of which no more is known.
pub const FIRST_FIELD: usize = 16;
/// What comes after that, if it is a pointer.
pub const SECOND_FIELD: usize = 24;
/// In every version: the dict of a module.
pub const MODULE_DICT: usize = 16;
/// In every version: the name of a type, as C has it.
pub const TYPE_NAME: usize = 24;
/// In every version: what a type was derived from.
pub const TYPE_BASE: usize = 256;
/// Up to 3.13: the items of a tuple.
pub const TUPLE_ITEMS: usize = 24;
/// In every version: a pointer to the items of a list.
pub const LIST_ITEMS: usize = 24;
/// In every version: how many items a set has.
pub const SET_USED: usize = 24;
/// In every version: one less than a set has places.
pub const SET_MASK: usize = 32;
/// In every version: a pointer to the places of a set, each an object and its hash.
pub const SET_TABLE: usize = 40;
/// In every version: what a cell holds.
pub const CELL_VALUE: usize = 16;
/// In every version: the function of a bound method.
pub const METHOD_FUNCTION: usize = 16;
/// In every version: what a method is bound to.
pub const METHOD_SELF: usize = 24;
/// In every version: the definition of a function in C, which begins with a pointer to its name.
pub const BUILTIN_DEFINITION: usize = 16;
/// In every version: what a function in C is bound to.
pub const BUILTIN_SELF: usize = 24;
/// In every version from 3.11: what a chunk of the data stack begins with: previous chunk, size in bytes, words in use.
pub const CHUNK_HEAD: usize = 24;

const PYTHON_38: Layout = Layout {
    version: Version::new(3, 8, 0),
    runtime_interpreters_head: 32,
    runtime_gil: 1152,
    runtime_gc_collecting: 544,
    interp_next: 0,
    interp_id: 16,
    interp_threads_head: 8,
    interp_modules: 56,
    interp_gc_collecting: NONE,
    interp_gil: NONE,
    gil_enabled: NONE,
    gil_last_holder: 8,
    gil_locked: 16,
    gil_switch_number: 24,
    thread_next: 8,
    thread_interp: 16,
    thread_frame: 24,
    thread_cframe: NONE,
    thread_id: 176,
    thread_native_id: NONE,
    thread_chunk: NONE,
    cframe_frame: NONE,
    frame_code: 32,
    frame_previous: 24,
    frame_instr: 104,
    frame_owner: NONE,
    frame_running: 116,
    frame_head: 120,
    code_filename: 104,
    code_name: 112,
    code_qualname: NONE,
    code_firstlineno: 40,
    code_linetable: 120,
    code_flags: 36,
    code_firsttraceable: NONE,
    code_adaptive: NONE,
    code_copies: NONE,
    code_nlocalsplus: NONE,
    code_stacksize: NONE,
    code_framesize: NONE,
    code_version: NONE,
    unicode_length: 16,
    unicode_state: 32,
    unicode_kind_shift: 2,
    unicode_ascii: 48,
    unicode_compact: 72,
    type_dictoffset: 288,
    type_flags: 168,
    type_basicsize: 32,
    heaptype_cached_keys: 872,
    generator_frame: 16,
    generator_state: NONE,
    frame_stack: 72,
    function_code: 16,
    function_closure: 48,
};

const PYTHON_39: Layout = Layout {
    version: Version::new(3, 9, 0),
    runtime_gil: 352,
    runtime_gc_collecting: NONE,
    interp_id: 24,
    interp_modules: 856,
    interp_gc_collecting: 816,
    heaptype_cached_keys: 864,
    ..PYTHON_38
};

const PYTHON_310: Layout = Layout {
    version: Version::new(3, 10, 0),
    frame_instr: 96,
    frame_running: 108,
    frame_head: 112,
    heaptype_cached_keys: 872,
    frame_stack: 80,
    function_code: 48,
    function_closure: 72,
    ..PYTHON_39
};

const PYTHON_311: Layout = Layout {
    version: Version::new(3, 11, 0),
    runtime_interpreters_head: 40,
    runtime_gil: 360,
    interp_id: 48,
    interp_threads_head: 16,
    interp_modules: 888,
    interp_gc_collecting: 848,
    thread_frame: NONE,
    thread_cframe: 56,
    thread_id: 152,
    thread_native_id: 160,
    thread_chunk: 296,
    cframe_frame: 8,
    frame_code: 32,
    frame_previous: 48,
    frame_instr: 56,
    frame_owner: 69,
    frame_running: NONE,
    frame_head: 72,
    code_filename: 112,
    code_name: 120,
    code_qualname: 128,
    code_firstlineno: 72,
    code_linetable: 136,
    code_flags: 48,
    code_firsttraceable: 168,
    code_adaptive: 184,
    code_nlocalsplus: 76,
    code_stacksize: 68,
    generator_frame: 80,
    generator_state: 75,
    frame_stack: 64,
    ..PYTHON_310
};

const PYTHON_312: Layout = Layout {
    version: Version::new(3, 12, 0),
    runtime_gil: NONE,
    interp_next: 0,
    interp_id: 8,
    interp_threads_head: 72,
    interp_modules: 944,
    interp_gc_collecting: 312,
    interp_gil: 384,
    thread_id: 136,
    thread_native_id: 144,
    thread_chunk: 232,
    cframe_frame: 0,
    frame_code: 0,
    frame_previous: 8,
    frame_owner: 70,
    code_firstlineno: 68,
    code_firsttraceable: 176,
    code_adaptive: 192,
    code_nlocalsplus: 72,
    code_stacksize: 64,
    code_framesize: 76,
    code_version: 92,
    unicode_ascii: 40,
    unicode_compact: 56,
    heaptype_cached_keys: 880,
    generator_frame: 72,
    generator_state: 67,
    ..PYTHON_311
};

impl Layout {
    /// The compiled-in layout of a version from 3.8 to 3.12.
    #[must_use]
    pub fn known(version: Version) -> Option<Self> {
        let table = match (version.major, version.minor) {
            (3, 8) => PYTHON_38,
            (3, 9) => PYTHON_39,
            (3, 10) => PYTHON_310,
            (3, 11) => PYTHON_311,
            (3, 12) => PYTHON_312,
            _ => return None,
        };
        Some(Self { version, ..table })
    }

    /// The fields by the names that `tests/reference/sampler/offsets.c` prints.
    #[must_use]
    pub fn named(&self) -> Vec<(&'static str, usize)> {
        let all = [
            ("runtime.interpreters_head", self.runtime_interpreters_head),
            ("runtime.gil", self.runtime_gil),
            ("runtime.gc_collecting", self.runtime_gc_collecting),
            ("interp.next", self.interp_next),
            ("interp.id", self.interp_id),
            ("interp.threads_head", self.interp_threads_head),
            ("interp.modules", self.interp_modules),
            ("interp.gc_collecting", self.interp_gc_collecting),
            ("interp.gil", self.interp_gil),
            ("gil.enabled", self.gil_enabled),
            ("gil.last_holder", self.gil_last_holder),
            ("gil.locked", self.gil_locked),
            ("gil.switch_number", self.gil_switch_number),
            ("thread.next", self.thread_next),
            ("thread.interp", self.thread_interp),
            ("thread.frame", self.thread_frame),
            ("thread.cframe", self.thread_cframe),
            ("thread.thread_id", self.thread_id),
            ("thread.native_thread_id", self.thread_native_id),
            ("thread.datastack_chunk", self.thread_chunk),
            ("thread.datastack_top", self.thread_chunk.checked_add(8).unwrap_or(NONE)),
            ("cframe.current_frame", self.cframe_frame),
            ("frame.code", self.frame_code),
            ("frame.previous", self.frame_previous),
            ("frame.instr", self.frame_instr),
            ("frame.owner", self.frame_owner),
            ("frame.running", self.frame_running),
            ("frame.size", self.frame_head),
            ("code.filename", self.code_filename),
            ("code.name", self.code_name),
            ("code.qualname", self.code_qualname),
            ("code.firstlineno", self.code_firstlineno),
            ("code.linetable", self.code_linetable),
            ("code.flags", self.code_flags),
            ("code.firsttraceable", self.code_firsttraceable),
            ("code.adaptive", self.code_adaptive),
            ("code.copies", self.code_copies),
            ("code.nlocalsplus", self.code_nlocalsplus),
            ("code.stacksize", self.code_stacksize),
            ("code.framesize", self.code_framesize),
            ("code.version", self.code_version),
            ("unicode.length", self.unicode_length),
            ("unicode.state", self.unicode_state),
            ("unicode.ascii_data", self.unicode_ascii),
            ("unicode.compact_data", self.unicode_compact),
            ("type.dictoffset", self.type_dictoffset),
            ("type.flags", self.type_flags),
            ("type.basicsize", self.type_basicsize),
            ("heaptype.cached_keys", self.heaptype_cached_keys),
            ("generator.frame", self.generator_frame),
            ("generator.state", self.generator_state),
            ("frame.stack", self.frame_stack),
            ("function.code", self.function_code),
            ("function.closure", self.function_closure),
            ("frame.values", if self.has_data_stack() { NONE } else { FRAME_VALUES }),
            ("code.bytes", if self.has_data_stack() { NONE } else { CODE_BYTES }),
            ("type.name", self.at(TYPE_NAME)),
            ("type.base", self.at(TYPE_BASE)),
            ("tuple.items", if self.version.at_least(14) { NONE } else { self.at(TUPLE_ITEMS) }),
            ("list.items", self.at(LIST_ITEMS)),
            ("set.used", self.at(SET_USED)),
            ("set.mask", self.at(SET_MASK)),
            ("set.table", self.at(SET_TABLE)),
            ("cell.value", self.at(CELL_VALUE)),
            ("method.function", self.at(METHOD_FUNCTION)),
            ("method.self", self.at(METHOD_SELF)),
            ("builtin.definition", self.at(BUILTIN_DEFINITION)),
            ("builtin.self", self.at(BUILTIN_SELF)),
            ("object.type", self.at(OB_TYPE)),
            ("bytes.size", self.at(OB_SIZE)),
            ("bytes.data", self.at(BYTES_DATA)),
            ("dict.keys", self.at(DICT_KEYS)),
            ("dict.values", self.at(DICT_VALUES)),
        ];
        all.into_iter().filter(|&(_, offset)| offset != NONE).collect()
    }

    /// Where a field of an object is that is the same in every version: later in a free-threaded build, where the heads of objects are
    /// longer.
    #[must_use]
    pub fn at(&self, field: usize) -> usize {
        field + longer_head(self.version)
    }

    /// Whether frames are records on a data stack (3.11 and later), not objects of their own.
    #[must_use]
    pub fn has_data_stack(&self) -> bool {
        self.thread_chunk != NONE
    }

    /// In a thread state: the first unused word of the newest chunk.
    #[must_use]
    pub fn thread_top(&self) -> usize {
        self.thread_chunk + 8
    }
}
