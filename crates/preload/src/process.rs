//! What this process is, and lines about it in the recording's journal.

use core::ffi::c_char;
use std::time::{SystemTime, UNIX_EPOCH};

use profkit_recording::journal::Line;

use crate::Carried;

/// Start of this process in clock ticks since boot; 0 where `/proc` is not there.
pub(crate) fn start_ticks() -> u64 {
    let mut buffer = [0; 1024];
    let text = read(c"/proc/self/stat".as_ptr(), &mut buffer);
    // The name in parentheses may hold anything; what follows are the fields from the third on.
    let after = text.iter().rposition(|&byte| byte == b')').map_or(&[][..], |at| &text[at + 1..]);
    let field = after.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).nth(19);
    field.and_then(|digits| core::str::from_utf8(digits).ok()?.parse().ok()).unwrap_or(0)
}

/// Tells the journal that this program has begun.
pub(crate) fn write_start(carried: &Carried) {
    let mut line = line("start", carried);
    // SAFETY: no arguments, cannot fail.
    line.number(u64::try_from(unsafe { libc::getppid() }).unwrap_or(0));
    let mut path = [0; 1024];
    // SAFETY: the buffer is as long as said, and the link's text is not longer than what is returned.
    let length =
        unsafe { libc::readlink(c"/proc/self/exe".as_ptr(), path.as_mut_ptr().cast::<c_char>(), path.len()) };
    line.field(path.get(..usize::try_from(length).unwrap_or(0)).unwrap_or(&[]));
    let mut arguments = [0; 3072];
    let arguments = read(c"/proc/self/cmdline".as_ptr(), &mut arguments);
    let whole = arguments.strip_suffix(&[0]).unwrap_or(arguments);
    for (index, argument) in whole.split(|&byte| byte == 0).enumerate() {
        line.argument(argument, index == 0);
    }
    write(carried, &mut line);
}

/// Tells the journal that this process is not traced, and why.
pub(crate) fn write_missed(carried: &Carried, reason: &[u8]) {
    let mut line = line("missed", carried);
    line.field(reason);
    write(carried, &mut line);
}

fn line(event: &str, carried: &Carried) -> Line {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    Line::new(event, u64::try_from(now).unwrap_or(0), std::process::id(), carried.start_ticks)
}

fn write(carried: &Carried, line: &mut Line) {
    let bytes = line.finish();
    // SAFETY: the path ends with NUL; the bytes are as long as said; the descriptor is ours and closed at once.
    unsafe {
        let file =
            libc::open(carried.journal.as_ptr().cast(), libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC);
        if file >= 0 {
            libc::write(file, bytes.as_ptr().cast(), bytes.len());
            libc::close(file);
        }
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
