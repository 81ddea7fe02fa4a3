//! What the agent keeps of each thread, found by one load relative to the thread pointer.
//!
//! Rust's `thread_local!` in a loaded library asks a function of the C library for the address, which costs more than the
//! rest of finding it; so the variable is made by the assembler, in the space that the C library keeps free for such ones.

use std::collections::HashMap;
use std::ffi::c_void;
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use profkit_recording::trace::{self, Node};
use profkit_recording::trace_writer::NodeRoom;
use pyo3_ffi as ffi;
use pyo3_ffi::PyObject;

use crate::clock;
use crate::process::{self, Process};
use crate::python::{self, Errors, Owned};
use crate::tree::Table;

/// Entries of the direct cache of a thread.
pub(crate) const CACHE: usize = 4096;

/// What was found for a function below a node. Entries of functions that need more than counting have an odd key, so that
/// the fast path never takes them.
#[repr(C)]
pub(crate) struct Entry {
    /// The code object or method definition.
    pub(crate) key: usize,
    /// The node of the caller; 0 never is one.
    pub(crate) parent: u32,
    /// The node of the function.
    pub(crate) child: u32,
}

/// A thread that runs Python.
#[repr(C)]
pub(crate) struct State {
    /// The begin of the mapped file.
    pub(crate) base: *mut u8,
    /// The thread's record in it.
    pub(crate) record: *mut trace::Thread,
    /// [`CACHE`] entries.
    pub(crate) cache: *mut Entry,
    /// The thread's root.
    pub(crate) root: u32,
    /// The epoch of the cache.
    pub(crate) epoch: u32,
    /// What it points to is not zero while the thread has not been switched out.
    pub(crate) rseq_cs: *mut u64,
    /// CPU time minus counter.
    pub(crate) cpu_base: u64,
    /// The counter up to which that holds.
    pub(crate) cpu_until: u64,
    /// When a coroutine that awaits was left at last, and to which node.
    pub(crate) yielded: (u64, u32),
    /// The thread's record in the file.
    pub(crate) id: u32,
    pub(crate) room: NodeRoom,
    pub(crate) table: Table,
    /// Frames that are suspended in an `await`: since when, and where they were in the tree.
    pub(crate) awaiting: HashMap<usize, (u64, u32), BuildHasherDefault<Addresses>>,
    /// The Python object of the thread, once it is known.
    object: *mut PyObject,
    name: Vec<u8>,
    /// New nodes so far, as far as names are concerned.
    looked: u32,
    /// Where each greenlet is that does not run.
    pub(crate) greenlets: HashMap<usize, u32, BuildHasherDefault<Addresses>>,
    /// The greenlet module tells of switches in this thread, and what it told before.
    pub(crate) greenlets_watched: bool,
    pub(crate) greenlet_function: *mut PyObject,
    /// Its nodes are in memory that is thrown away.
    pub(crate) is_scratch: bool,
    /// Below this address the stack is getting short.
    pub(crate) stack_floor: usize,
}

impl State {
    /// A node by its id.
    ///
    /// # Safety
    /// The id was given out for this thread's file.
    #[inline(always)]
    pub(crate) unsafe fn node(&self, id: u32) -> *mut Node {
        self.base.add(id as usize * 8).cast()
    }
}

/// Hashes addresses, which nobody chooses in order to make them collide.
#[derive(Default)]
pub(crate) struct Addresses(u64);

impl Hasher for Addresses {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_usize(byte.into()));
    }

    fn write_usize(&mut self, address: usize) {
        let mixed = (self.0 ^ address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}

/// Grows when a code object dies: what caches know of its address is void.
pub(crate) static EPOCH: AtomicU32 = AtomicU32::new(1);

core::arch::global_asm!(
    ".pushsection .tbss.profkit_tracer_state,\"awT\",@nobits",
    ".hidden profkit_tracer_state",
    ".globl profkit_tracer_state",
    ".type profkit_tracer_state,@object",
    ".size profkit_tracer_state,8",
    ".p2align 3",
    "profkit_tracer_state:",
    ".zero 8",
    ".popsection",
);

/// The calling thread's state; null if it has none yet.
#[inline(always)]
#[must_use]
pub(crate) fn current() -> *mut State {
    let state: *mut State;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: reads the variable made above, which every thread has.
    unsafe {
        core::arch::asm!(
            "mov {0}, qword ptr [rip + profkit_tracer_state@GOTTPOFF]",
            "mov {0}, qword ptr fs:[{0}]",
            out(reg) state,
            options(nostack, readonly, preserves_flags),
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        core::arch::asm!(
            "mrs {0}, tpidr_el0",
            "adrp {1}, :gottprel:profkit_tracer_state",
            "ldr {1}, [{1}, :gottprel_lo12:profkit_tracer_state]",
            "ldr {0}, [{0}, {1}]",
            out(reg) state,
            out(reg) _,
            options(nostack, readonly, preserves_flags),
        );
    }
    state
}

/// Makes a state that of the calling thread.
pub(crate) fn set_current(state: *mut State) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: writes the variable made above.
    unsafe {
        core::arch::asm!(
            "mov {0}, qword ptr [rip + profkit_tracer_state@GOTTPOFF]",
            "mov qword ptr fs:[{0}], {1}",
            out(reg) _,
            in(reg) state,
            options(nostack, preserves_flags),
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        core::arch::asm!(
            "mrs {0}, tpidr_el0",
            "adrp {1}, :gottprel:profkit_tracer_state",
            "ldr {1}, [{1}, :gottprel_lo12:profkit_tracer_state]",
            "str {2}, [{0}, {1}]",
            out(reg) _,
            out(reg) _,
            in(reg) state,
            options(nostack, preserves_flags),
        );
    }
}

/// The calling thread's state, made if need be; null if nothing is traced any more.
///
/// # Safety
/// The GIL is held.
#[inline(always)]
pub(crate) unsafe fn get() -> *mut State {
    let state = current();
    if state.is_null() { attach() } else { state }
}

#[cold]
#[inline(never)]
unsafe fn attach() -> *mut State {
    if process::is_disarmed() {
        return null_mut();
    }
    let (state, forked) = {
        let mut lock = process::lock();
        let Some(process) = lock.as_mut() else { return null_mut() };
        let forked = process.forked.take();
        if forked.is_some() && !process.restart() {
            return null_mut();
        }
        let Some(state) = new_state(process) else { return null_mut() };
        set_current(state);
        process.threads.push(state);
        libc::pthread_setspecific(process::thread_key(), state.cast::<c_void>());
        (state, forked)
    };
    if let Some(forked) = forked {
        crate::fork::take_over(state, &forked);
    }
    look_for_name(state);
    state
}

unsafe fn new_state(process: &mut Process) -> Option<*mut State> {
    let tid = u32::try_from(libc::syscall(libc::SYS_gettid)).unwrap_or(0);
    let state = state_in(process, tid, libc::pthread_self())?;
    if state.cache.is_null() {
        return None;
    }
    let state = Box::into_raw(Box::new(state));
    if process.python >> 16 == 0x030b {
        (*state).stack_floor = stack_floor();
    }
    (*(*state).record).last.store(process.now(state), Relaxed);
    Some(state)
}

unsafe fn state_in(process: &mut Process, tid: u32, ident: u64) -> Option<State> {
    let mut room = NodeRoom::NONE;
    let id = match process.file.thread(&mut room, (tid, ident), clock::wall(), 0) {
        Ok(id) => id,
        Err(full) => {
            process.end_for(&full);
            return None;
        }
    };
    let base = process.file.base();
    let record = base.add(id as usize * 8).cast::<trace::Thread>();
    let mut name = Vec::new();
    if tid == std::process::id() {
        name = b"MainThread".to_vec();
        if let Err(full) = process.file.text(trace::text::THREAD_NAME, id, 0, &[&name]) {
            process.end_for(&full);
        }
    }
    Some(state_at(base, id, (*record).root.load(Relaxed), room, name))
}

/// A state whose file is a piece of memory.
///
/// # Safety
/// The memory is large enough for the record and the nodes that the state will have, and outlives it.
pub(crate) unsafe fn scratch(base: *mut u8, record: u32, root: u32) -> *mut State {
    let state = state_at(base, record, root, NodeRoom::NONE, Vec::new());
    Box::into_raw(Box::new(State { is_scratch: true, ..state }))
}

unsafe fn state_at(base: *mut u8, id: u32, root: u32, room: NodeRoom, name: Vec<u8>) -> State {
    State {
        base,
        record: base.add(id as usize * 8).cast(),
        cache: libc::calloc(CACHE, size_of::<Entry>()).cast(),
        root,
        epoch: EPOCH.load(Relaxed),
        rseq_cs: clock::nothing_known(),
        cpu_base: 0,
        cpu_until: 0,
        yielded: (0, 0),
        id,
        room,
        table: Table::new(),
        awaiting: HashMap::default(),
        object: null_mut(),
        name,
        looked: 0,
        greenlets: HashMap::default(),
        greenlets_watched: false,
        greenlet_function: null_mut(),
        is_scratch: false,
        stack_floor: 0,
    }
}

/// The middle of the calling thread's stack.
fn stack_floor() -> usize {
    // SAFETY: the attributes are of memory of ours, made by one call and freed by the other.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        let (mut low, mut size) = (null_mut(), 0);
        if libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes) != 0 {
            return 0;
        }
        libc::pthread_attr_getstack(&raw const attributes, &raw mut low, &raw mut size);
        libc::pthread_attr_destroy(&raw mut attributes);
        low.addr() + size / 2
    }
}

/// Moves a thread that was traced before to the file of a new recording, whichever thread this is called in.
///
/// # Safety
/// The GIL is held, and the thread does not run Python without it.
pub(crate) unsafe fn renew(process: &mut Process, state: *mut State) {
    let (tid, ident) = ((*(*state).record).tid, (*(*state).record).ident);
    if let Some(mut renewed) = state_in(process, tid, ident) {
        if state == current() {
            (*renewed.record).last.store(process.now(&raw mut renewed), Relaxed);
        }
        renewed.object = (*state).object;
        renewed.stack_floor = (*state).stack_floor;
        libc::free((*state).cache.cast());
        *state = renewed;
        process.threads.push(state);
    }
}

/// The end of a thread, called by the C library in it.
///
/// # Safety
/// `state` is the calling thread's, or that of a thread before a fork.
pub(crate) unsafe extern "C" fn detach(state: *mut c_void) {
    let state = state.cast::<State>();
    if state != current() {
        return;
    }
    set_current(null_mut());
    let mut lock = process::lock();
    if let Some(process) = lock.as_mut() {
        let record = (*state).record;
        (*record).last_wall.store(clock::wall(), Relaxed);
        (*record).ended.store(1, Relaxed);
        process.file.give_back((*state).room);
        process.threads.retain(|&other| other != state);
        free(state);
    }
}

/// Frees a state that no thread has any more.
///
/// # Safety
/// As it says.
pub(crate) unsafe fn free(state: *mut State) {
    libc::free((*state).cache.cast());
    drop(Box::from_raw(state));
}

/// A node was made: the first ones of a thread, and then ever fewer, are occasions to look for its name.
///
/// # Safety
/// The GIL is held, the state is the calling thread's.
pub(crate) unsafe fn node_made(state: *mut State) {
    crate::greenlets::watch(state);
    (*state).looked += 1;
    let looked = (*state).looked;
    if looked <= 32 || looked.is_power_of_two() || (*state).object.is_null() && looked.is_multiple_of(64) {
        look_for_name(state);
    }
}

/// The outermost function of a thread is left: the last moment at which its name can be read.
///
/// # Safety
/// As [`node_made`].
#[cold]
#[inline(never)]
pub(crate) unsafe fn outermost_left(state: *mut State) {
    if !(*state).object.is_null() {
        look_for_name(state);
        let object = std::mem::replace(&mut (*state).object, null_mut());
        ffi::Py_DecRef(object);
    }
}

/// Reads `threading._active[ident]._name`: no function of Python's is run.
unsafe fn look_for_name(state: *mut State) {
    let _errors = Errors::save();
    if (*state).object.is_null() {
        let active = Owned::attribute(python::imported(c"threading"), c"_active");
        if active.0.is_null() || ffi::PyDict_Check(active.0) == 0 {
            return;
        }
        let ident = Owned(ffi::PyLong_FromUnsignedLongLong((*(*state).record).ident));
        let object = ffi::PyDict_GetItemWithError(active.0, ident.0);
        if object.is_null() {
            ffi::PyErr_Clear();
            return;
        }
        ffi::Py_IncRef(object);
        (*state).object = object;
    }
    let name = Owned::attribute((*state).object, c"_name");
    let mut text = Vec::new();
    python::push_text(&mut text, name.0);
    if !text.is_empty() && text != (*state).name {
        let mut lock = process::lock();
        if let Some(process) = lock.as_mut() {
            if let Err(full) = process.file.text(trace::text::THREAD_NAME, (*state).id, 0, &[&text]) {
                process.end_for(&full);
            }
            (*state).name = text;
        }
    }
}
