//! The call tree of a thread: entering and leaving functions.
//!
//! The fast paths are a few loads and stores: the caches are right or they are not, and everything else is in functions
//! that are out of the way. A node's `scratch` has bits of the address of the code that was entered last and the
//! [`kind`] of function, so that leaving needs one comparison; labels and roots have [`NO_CODE`] there.

use std::sync::atomic::Ordering::Relaxed;

use profkit_recording::trace_writer::Full;
use pyo3_ffi::{PyMethodDef, PyObject};

use crate::functions::{self, Function, kind};
use crate::thread::{self, CACHE, EPOCH, Entry, State};
use crate::{clock, process};

/// The `scratch` of nodes that are no function. An address never gives it: the top bits of user space are clear.
pub(crate) const NO_CODE: u32 = 0;

/// The bits of an address that are kept in `scratch`.
#[inline(always)]
fn tag(key: usize) -> u32 {
    (key >> 2) as u32 & !3
}

#[inline(always)]
unsafe fn entry(state: *mut State, key: usize, parent: u32) -> *mut Entry {
    let mixed = (key >> 4) as u64 ^ u64::from(parent) << 20;
    let slot = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - CACHE.trailing_zeros());
    (*state).cache.add(slot as usize)
}

/// Adds time to the node that the thread is in, and goes to another one.
#[inline(always)]
pub(crate) unsafe fn go(state: *mut State, current: u32, to: u32, now: u64) {
    let record = (*state).record;
    if current != (*state).root {
        let node = (*state).node(current);
        let passed = now.wrapping_sub((*record).last.load(Relaxed));
        (*node).self_time.store((*node).self_time.load(Relaxed).wrapping_add(passed), Relaxed);
    }
    (*record).last.store(now, Relaxed);
    (*record).current.store(to, Relaxed);
}

#[inline(always)]
unsafe fn count(state: *mut State, node: u32) {
    let node = (*state).node(node);
    (*node).calls.store((*node).calls.load(Relaxed).wrapping_add(1), Relaxed);
}

/// The [`kind`] of a node's function.
#[inline(always)]
pub(crate) unsafe fn kind_of(state: *mut State, node: u32) -> u32 {
    (*(*state).node(node)).scratch.load(Relaxed) & 3
}

/// Enters a function by its code object. Says false if that needs more than this.
#[inline(always)]
unsafe fn enter_fast(state: *mut State, key: usize, now: u64) -> bool {
    let current = (*(*state).record).current.load(Relaxed);
    let entry = entry(state, key, current);
    if (*entry).key != key || (*entry).parent != current || (*state).epoch != EPOCH.load(Relaxed) {
        return false;
    }
    let child = (*entry).child;
    count(state, child);
    go(state, current, child, now);
    true
}

/// A Python function is called.
///
/// # Safety
/// The GIL is held, the state is the calling thread's, `code` is a live code object.
#[inline(always)]
pub(crate) unsafe fn call(state: *mut State, code: *mut PyObject, now: u64) {
    if !enter_fast(state, code as usize, now) {
        call_slow(state, code, now);
    }
}

/// Puts a plain function's node into the cache.
///
/// # Safety
/// As [`call`], for a node that is there.
pub(crate) unsafe fn remember(state: *mut State, key: usize, parent: u32, child: u32) {
    (*(*state).node(child)).scratch.store(tag(key), Relaxed);
    *entry(state, key, parent) = Entry { key, parent, child };
}

/// Whether [`remember`] still holds: later entries may have taken its place.
///
/// # Safety
/// As [`remember`].
pub(crate) unsafe fn remembers(state: *mut State, key: usize, parent: u32, child: u32) -> bool {
    let entry = entry(state, key, parent);
    (*entry).key == key && (*entry).parent == parent && (*entry).child == child
}

/// As [`call`], but says false and does nothing if the caches do not know.
///
/// # Safety
/// As [`call`].
#[inline(always)]
pub(crate) unsafe fn call_plain(state: *mut State, code: *mut PyObject, now: u64) -> bool {
    enter_fast(state, code as usize, now)
}

/// As [`leave`], but says false and does nothing if the function is not the expected one.
///
/// # Safety
/// As [`call`].
#[inline(always)]
pub(crate) unsafe fn leave_plain(state: *mut State, code: *mut PyObject, now: u64) -> bool {
    leave_fast(state, code as usize, now)
}

/// A function in C is called.
///
/// # Safety
/// As [`call`], for a definition and its owner and module.
#[inline(always)]
pub(crate) unsafe fn call_method(
    state: *mut State,
    definition: *mut PyMethodDef,
    owner: *mut PyObject,
    module: *mut PyObject,
    now: u64,
) {
    if !enter_fast(state, definition as usize, now) {
        call_method_slow(state, definition, owner, module, now);
    }
}

/// A function is left. `resolve` finds out which one if it is not the one that is expected.
///
/// # Safety
/// As [`call`].
#[inline(always)]
pub(crate) unsafe fn leave(state: *mut State, code: *mut PyObject, now: u64) {
    if !leave_fast(state, code as usize, now)
        && leave_special(state, code, now).is_none()
        && let Some(function) = functions::known_code(code)
    {
        leave_slow(state, function, now);
    }
}

/// A function in C is left.
///
/// # Safety
/// As [`call_method`].
#[inline(always)]
pub(crate) unsafe fn leave_method(state: *mut State, definition: *mut PyMethodDef, now: u64) {
    if !leave_fast(state, definition as usize, now) {
        leave_method_slow(state, definition, now);
    }
}

#[inline(always)]
unsafe fn leave_fast(state: *mut State, key: usize, now: u64) -> bool {
    let record = (*state).record;
    let current = (*record).current.load(Relaxed);
    let node = (*state).node(current);
    if (*node).scratch.load(Relaxed) != tag(key) {
        return false;
    }
    let passed = now.wrapping_sub((*record).last.load(Relaxed));
    (*node).self_time.store((*node).self_time.load(Relaxed).wrapping_add(passed), Relaxed);
    (*record).last.store(now, Relaxed);
    let parent = (*node).parent;
    (*record).current.store(parent, Relaxed);
    if parent == (*state).root {
        thread::outermost_left(state);
    }
    true
}

#[cold]
#[inline(never)]
unsafe fn call_slow(state: *mut State, code: *mut PyObject, now: u64) {
    let current = (*(*state).record).current.load(Relaxed);
    let child = enter_code(state, current, code);
    if child != 0 {
        count(state, child);
        go(state, current, child, now);
    }
}

/// The node of a code object below one, with the label of its task between if it is a coroutine that the event loop runs; 0 if
/// there is no room.
///
/// # Safety
/// As [`call`].
pub(crate) unsafe fn enter_code(state: *mut State, current: u32, code: *mut PyObject) -> u32 {
    refresh(state);
    let key = code as usize;
    let special = entry(state, key | 1, current);
    let is_cached = (*special).key == key | 1 && (*special).parent == current;
    let in_coroutine = kind_of(state, current) >= kind::COROUTINE;
    if is_cached && (in_coroutine || kind_of(state, (*special).child) == kind::GENERATOR) {
        return (*special).child;
    }
    let function = functions::of_code(code);
    let mut parent = current;
    if function.kind() >= kind::COROUTINE && !in_coroutine {
        parent = crate::tasks::label(state, current);
    }
    let child = child(state, parent, function.number(), tag(key) | function.kind());
    if child != 0 && parent == current {
        let key = if function.kind() == kind::PLAIN { key } else { key | 1 };
        *entry(state, key, current) = Entry { key, parent, child };
    }
    child
}

#[cold]
#[inline(never)]
unsafe fn call_method_slow(
    state: *mut State,
    definition: *mut PyMethodDef,
    owner: *mut PyObject,
    module: *mut PyObject,
    now: u64,
) {
    refresh(state);
    let current = (*(*state).record).current.load(Relaxed);
    let key = definition as usize;
    let function = functions::of_method(definition, owner, module);
    let child = child(state, current, function.number(), tag(key));
    if child != 0 {
        *entry(state, key, current) = Entry { key, parent: current, child };
        count(state, child);
        go(state, current, child, now);
    }
}

/// Empties the cache if a code object has died.
unsafe fn refresh(state: *mut State) {
    let epoch = EPOCH.load(Relaxed);
    if (*state).epoch != epoch {
        (*state).cache.write_bytes(0, CACHE);
        (*state).epoch = epoch;
    }
}

#[cold]
#[inline(never)]
unsafe fn leave_method_slow(state: *mut State, definition: *mut PyMethodDef, now: u64) {
    let known =
        process::lock().as_ref().and_then(|process| process.functions.known_method(definition as usize));
    if let Some(number) = known {
        leave_number(state, number, now);
    }
}

/// Leaves a function that is not the expected one: a generator or coroutine, one that has another code object, one whose
/// callees were left without an event, or one that was entered before tracing began, which is not in the tree.
///
/// # Safety
/// As [`call`].
#[cold]
#[inline(never)]
pub(crate) unsafe fn leave_slow(state: *mut State, function: Function, now: u64) {
    leave_number(state, function.number(), now);
}

/// Leaves a generator or coroutine that is the expected one, and says which [`kind`] it is.
///
/// # Safety
/// As [`call`].
#[inline]
pub(crate) unsafe fn leave_special(state: *mut State, code: *mut PyObject, now: u64) -> Option<u32> {
    let current = (*(*state).record).current.load(Relaxed);
    let node = (*state).node(current);
    let scratch = (*node).scratch.load(Relaxed);
    if scratch & !3 != tag(code as usize) || scratch & 3 == kind::PLAIN {
        return None;
    }
    leave_to(state, current, (*node).parent, now);
    Some(scratch & 3)
}

unsafe fn leave_number(state: *mut State, number: u32, now: u64) {
    let current = (*(*state).record).current.load(Relaxed);
    let root = (*state).root;
    let mut at = current;
    while at != root && (*(*state).node(at)).function != number {
        at = (*(*state).node(at)).parent;
    }
    if at == root {
        return;
    }
    leave_to(state, current, (*(*state).node(at)).parent, now);
}

unsafe fn leave_to(state: *mut State, current: u32, mut to: u32, now: u64) {
    let root = (*state).root;
    // A label goes with what is directly below it.
    while to != root && (*(*state).node(to)).scratch.load(Relaxed) == NO_CODE {
        to = (*(*state).node(to)).parent;
    }
    go(state, current, to, now);
    if to == root {
        thread::outermost_left(state);
    }
}

/// The child of a node for a function, made if there is none; 0 if there is no room.
///
/// # Safety
/// As [`call`].
pub(crate) unsafe fn child(state: *mut State, parent: u32, function: u32, scratch: u32) -> u32 {
    // Whatever runs while the agent measures itself: its nodes are not in the file.
    if (*state).is_scratch {
        return 0;
    }
    if let Some(child) = Table::find(state, parent, function) {
        (*(*state).node(child)).scratch.store(scratch, Relaxed);
        return child;
    }
    if function == 0 || !Table::has_room(state) {
        if let Some(process) = process::lock().as_mut() {
            process.end_for(&Full::Table);
        }
        crate::disarm();
        return 0;
    }
    let made = {
        let mut lock = process::lock();
        let Some(process) = lock.as_mut() else { return 0 };
        if process::is_disarmed() {
            process.file.header().events_lost.fetch_add(1, Relaxed);
            return 0;
        }
        if clock::refine() {
            process.write_rates();
        }
        let made = process
            .functions
            .write(function, &mut process.file)
            .and_then(|()| process.file.node(&mut (*state).room, function, parent));
        match made {
            Ok(made) => made,
            Err(full) => {
                process.end_for(&full);
                drop(lock);
                crate::disarm();
                return 0;
            }
        }
    };
    (*(*state).node(made)).scratch.store(scratch, Relaxed);
    Table::insert(state, made);
    thread::node_made(state);
    made
}

/// The nodes of a thread by parent and function: open addressing over their ids, the keys being in the nodes.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Vec<u32>,
    used: usize,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self { slots: vec![0; 64], used: 0 }
    }

    fn slot(&self, parent: u32, function: u32) -> usize {
        let key = u64::from(parent) << 32 | u64::from(function);
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) as usize & (self.slots.len() - 1)
    }

    unsafe fn find(state: *mut State, parent: u32, function: u32) -> Option<u32> {
        let table = &(*state).table;
        let mut at = table.slot(parent, function);
        loop {
            let id = table.slots[at];
            if id == 0 {
                return None;
            }
            let node = (*state).node(id);
            if (*node).parent == parent && (*node).function == function {
                return Some(id);
            }
            at = (at + 1) & (table.slots.len() - 1);
        }
    }

    /// Sees to it that one more node has room. Says no if there is no memory: the program must not end for that.
    unsafe fn has_room(state: *mut State) -> bool {
        let table = &mut (*state).table;
        if (table.used + 1) * 4 > table.slots.len() * 3 {
            let mut larger = Vec::new();
            let size = table.slots.len() * 2;
            if larger.try_reserve_exact(size).is_err() {
                return false;
            }
            larger.resize(size, 0);
            let old = std::mem::replace(&mut table.slots, larger);
            for id in old.into_iter().filter(|&id| id != 0) {
                Self::place(state, id);
            }
        }
        true
    }

    unsafe fn insert(state: *mut State, id: u32) {
        (*state).table.used += 1;
        Self::place(state, id);
    }

    unsafe fn place(state: *mut State, id: u32) {
        let node = (*state).node(id);
        let table = &mut (*state).table;
        let mut at = table.slot((*node).parent, (*node).function);
        while table.slots[at] != 0 {
            at = (at + 1) & (table.slots.len() - 1);
        }
        table.slots[at] = id;
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}
