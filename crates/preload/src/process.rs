//! What this process is, and lines about it in the recording's journal.

use core::ffi::{CStr, c_char};

use profkit_recording::journal::{self, Line};
use profkit_recording::stat::Stat;

use crate::Carried;

/// Start of this process in clock ticks since boot; 0 where `/proc` is not there.
pub(crate) fn start_ticks() -> u64 {
    let mut buffer = [0; 1024];
    let text = read(c"/proc/self/stat".as_ptr(), &mut buffer);
    Stat::parse(text).and_then(|stat| stat.start_ticks()).unwrap_or(0)
}

/// Tells the journal that this program has begun.
pub(crate) fn write_start(carried: &Carried) {
    let mut line = line(journal::START, carried);
    // SAFETY: no arguments, cannot fail.
    line.number(u64::try_from(unsafe { libc::getppid() }).unwrap_or(0));
    let mut path = [0; 1024];
    // SAFETY: the buffer is as long as said, and the link's text is not longer than what is returned.
    let length =
        unsafe { libc::readlink(c"/proc/self/exe".as_ptr(), path.as_mut_ptr().cast::<c_char>(), path.len()) };
    line.field(path.get(..usize::try_from(length).unwrap_or(0)).unwrap_or(&[]));
    let mut arguments = [0; 3072];
    line.arguments(read(c"/proc/self/cmdline".as_ptr(), &mut arguments));
    write(carried, &mut line);
}

/// Tells the journal that this process is not traced, and why.
pub(crate) fn write_missed(carried: &Carried, reason: &[u8]) {
    let mut line = line(journal::MISSED, carried);
    line.field(reason);
    write(carried, &mut line);
}

fn line(event: &str, carried: &Carried) -> Line {
    Line::new(event, std::process::id(), carried.start_ticks)
}

fn write(carried: &Carried, line: &mut Line) {
    if let Ok(path) = CStr::from_bytes_with_nul(&carried.journal) {
        // Where that fails, there is nobody who could be told.
        let _ = journal::append(path, 0, line.finish());
    }
}

/// The begin of a file, as much as fits.
fn read(path: *const c_char, buffer: &mut [u8]) -> &[u8] {
    let mut filled = 0;
    // SAFETY: the path ends with NUL; no more is read than there is room for.
    unsafe {
        let file = libc::open(path, libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return &[];
        }
        while let Ok(length @ 1..) =
            usize::try_from(libc::read(file, buffer[filled..].as_mut_ptr().cast(), buffer.len() - filled))
        {
            filled += length;
        }
        libc::close(file);
    }
    &buffer[..filled]
}
