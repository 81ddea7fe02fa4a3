//! An audit hook that is there before the interpreter is, and goes with it whatever allocator that has by then.
//!
//! `PySys_AddAuditHook` takes its entry from the allocator of the moment. What the interpreter is told later (`-X dev`,
//! `PYTHONMALLOC`, an allocator of the program's own) puts another one in its place, to which the entry is handed at the end:
//! the debug allocator ends the process over it. So it is noted which entry that is and where it came from; where the
//! allocator is another one when hooks are cleared, ours stands before it until it has caught the entry.

use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int, c_void};
use core::mem::transmute;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::python::symbol;

pub(crate) type Hook = extern "C" fn(*const c_char, *mut c_void, *mut c_void) -> c_int;
type Exchange = unsafe extern "C" fn(c_int, *mut Allocator);

/// The event right before the entries are freed. It comes to the first hook of all, which is ours, in any case.
pub(crate) const CLEARED: &[u8] = b"cpython._PySys_ClearAuditHooks";

/// `PYMEM_DOMAIN_RAW`.
const RAW: c_int = 0;

/// `PyMemAllocatorEx`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Allocator {
    context: *mut c_void,
    malloc: Option<unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void>,
    calloc: Option<unsafe extern "C" fn(*mut c_void, usize, usize) -> *mut c_void>,
    realloc: Option<unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> *mut c_void>,
    free: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
}

impl Allocator {
    const NONE: Self = Self { context: null_mut(), malloc: None, calloc: None, realloc: None, free: None };

    fn is(&self, other: &Self) -> bool {
        let address =
            |free: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>| free.map(|free| free as usize);
        self.context == other.context && address(self.free) == address(other.free)
    }
}

struct Kept(UnsafeCell<Allocator>);
// SAFETY: each is written before a function is put in place that reads it, and never while one is.
unsafe impl Sync for Kept {}

impl Kept {
    fn get(&self) -> Allocator {
        // SAFETY: see above.
        unsafe { *self.0.get() }
    }

    fn set(&self, allocator: Allocator) {
        // SAFETY: see above.
        unsafe { *self.0.get() = allocator };
    }
}

/// Where the entry came from.
static FIRST: Kept = Kept(UnsafeCell::new(Allocator::NONE));
/// What the interpreter has when it ends.
static LAST: Kept = Kept(UnsafeCell::new(Allocator::NONE));
/// The entry, until it is freed.
static ENTRY: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

fn exchanges() -> Option<(Exchange, Exchange)> {
    let (get, set) = (symbol(c"PyMem_GetAllocator")?, symbol(c"PyMem_SetAllocator")?);
    // SAFETY: their types since Python 3.4; of the second, what it points to is not changed.
    Some(unsafe { (transmute::<*mut c_void, Exchange>(get), transmute::<*mut c_void, Exchange>(set)) })
}

/// Adds the hook.
///
/// # Safety
/// `add` is `PySys_AddAuditHook`; there is one thread, and no interpreter yet.
pub(crate) unsafe fn add(add: *mut c_void, hook: Hook) {
    // SAFETY: its type since Python 3.8, where it came; it may be called before the interpreter begins.
    let add: unsafe extern "C" fn(Hook, *mut c_void) -> c_int = unsafe { transmute(add) };
    let Some((get, set)) = exchanges() else { return };
    let mut first = Allocator::NONE;
    // SAFETY: both may be called at any time for this domain; ours hands on to what was there, which is there again after.
    unsafe {
        get(RAW, &raw mut first);
        FIRST.set(first);
        let mut noting = Allocator { malloc: Some(noting_malloc), ..first };
        set(RAW, &raw mut noting);
        add(hook, null_mut());
        set(RAW, &raw mut first);
    }
}

/// At the event [`CLEARED`].
pub(crate) fn before_it_is_freed() {
    let Some((get, set)) = exchanges() else { return };
    let mut last = Allocator::NONE;
    // SAFETY: as above. The context stays what it was: another thread may take some from the one and some from the other.
    unsafe {
        get(RAW, &raw mut last);
        if last.is(&FIRST.get()) || ENTRY.load(Ordering::Relaxed).is_null() {
            return;
        }
        LAST.set(last);
        let mut catching = Allocator { free: Some(catching_free), ..last };
        set(RAW, &raw mut catching);
    }
}

unsafe extern "C" fn noting_malloc(context: *mut c_void, size: usize) -> *mut c_void {
    let Some(malloc) = FIRST.get().malloc else { return null_mut() };
    // SAFETY: the arguments are the caller's.
    let place = unsafe { malloc(context, size) };
    ENTRY.store(place, Ordering::Relaxed);
    place
}

unsafe extern "C" fn catching_free(context: *mut c_void, place: *mut c_void) {
    let mut last = LAST.get();
    let is_entry = !place.is_null()
        && ENTRY.compare_exchange(place, null_mut(), Ordering::Relaxed, Ordering::Relaxed).is_ok();
    if !is_entry {
        if let Some(free) = last.free {
            // SAFETY: the arguments are the caller's.
            unsafe { free(context, place) };
        }
        return;
    }
    let first = FIRST.get();
    if let Some(free) = first.free {
        // SAFETY: this is where the entry came from.
        unsafe { free(first.context, place) };
    }
    if let Some((_, set)) = exchanges() {
        // SAFETY: as above; whoever frees holds no lock of the allocators.
        unsafe { set(RAW, &raw mut last) };
    }
}
