//! A program that limits its own address space: the tracer has reserved much of it, and gives back what it does not need.

use core::ffi::{CStr, c_int, c_void};
use core::mem::transmute;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::exec::{Next, no_such_function};

type Limit = libc::rlimit;

static SETRLIMIT: Next = Next::new(c"setrlimit");
static PRLIMIT: Next = Next::new(c"prlimit");
/// What the tracer does about it, once it is there.
static GIVE_BACK: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// The tracer is there.
pub(crate) fn tell(library: *mut c_void) {
    const NAME: &CStr = c"profkit_tracer_limit";
    // SAFETY: the library is open and stays so, the name ends with NUL.
    GIVE_BACK.store(unsafe { libc::dlsym(library, NAME.as_ptr()) }, Ordering::Release);
}

/// Has the tracer give back what it does not need below a limit.
unsafe fn prepare(resource: c_int, limit: *const Limit) {
    let function = GIVE_BACK.load(Ordering::Acquire);
    if u32::try_from(resource) != Ok(libc::RLIMIT_AS) || limit.is_null() || function.is_null() {
        return;
    }
    // SAFETY: not null, and the caller's; the type of the tracer's function.
    unsafe { transmute::<*mut c_void, unsafe extern "C" fn(u64)>(function)((*limit).rlim_cur) }
}

/// As the C library's.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setrlimit(resource: c_int, limit: *const Limit) -> c_int {
    let next = SETRLIMIT.find();
    if next.is_null() {
        return no_such_function();
    }
    // SAFETY: its type, and the caller's arguments.
    unsafe {
        prepare(resource, limit);
        transmute::<*mut c_void, unsafe extern "C" fn(c_int, *const Limit) -> c_int>(next)(resource, limit)
    }
}

/// As the C library's: the same where an address has 64 bits.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setrlimit64(resource: c_int, limit: *const Limit) -> c_int {
    // SAFETY: as for this function.
    unsafe { setrlimit(resource, limit) }
}

/// As the C library's.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn prlimit(
    pid: libc::pid_t,
    resource: c_int,
    new: *const Limit,
    old: *mut Limit,
) -> c_int {
    let next = PRLIMIT.find();
    if next.is_null() {
        return no_such_function();
    }
    // SAFETY: its type, and the caller's arguments.
    unsafe {
        if pid == 0 || pid == libc::getpid() {
            prepare(resource, new);
        }
        transmute::<*mut c_void, unsafe extern "C" fn(libc::pid_t, c_int, *const Limit, *mut Limit) -> c_int>(
            next,
        )(pid, resource, new, old)
    }
}

/// As the C library's: the same where an address has 64 bits.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn prlimit64(
    pid: libc::pid_t,
    resource: c_int,
    new: *const Limit,
    old: *mut Limit,
) -> c_int {
    // SAFETY: as for this function.
    unsafe { prlimit(pid, resource, new, old) }
}
