//! The file `processes`: what happened to the processes of a recording, a line an event, appended by all of them.
//!
//! A line is written by one `write` to a file opened with `O_APPEND`, so lines of different processes do not mix. It is made
//! of fields with a tab after each but the last: the event, nanoseconds since 1970, the pid, the start time of the process in
//! clock ticks since boot, and what the event adds. In fields, `%`, control characters and bytes from 127 on are
//! written as `%` and two hexadecimal digits; arguments of a command have a NUL (`%00`) after each.
//!
//! | event | by | adds |
//! |---|---|---|
//! | `start` | the object that is loaded into every dynamic program; the front, of a Python that it is not loaded into (parent's pid: 0) | parent's pid, executable, arguments |
//! | `traced` | the tracer, when it works | Python's version (hexadecimal, `PY_VERSION_HEX`) |
//! | `missed` | whoever notices | why the process is not in the recording |

use core::ffi::{CStr, c_int};
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::backing::may_be_so_long;

/// The name of the file.
pub const FILE: &str = "processes";
/// A process began a program.
pub const START: &str = "start";
/// The tracer works in it.
pub const TRACED: &str = "traced";
/// It is not in the recording.
pub const MISSED: &str = "missed";
/// What is said of a process that is not in the recording, before a colon and the reason.
pub const NOT_COVERED: &str = "not covered";

/// The longest line, newline included: what is longer is cut, since a line is written whole or not at all.
pub const MAX_LINE: usize = 4096;

/// Makes one line in a buffer of its own: no allocation, so it may be used between `vfork` and `execve`.
#[derive(Debug)]
pub struct Line {
    bytes: [u8; MAX_LINE],
    len: usize,
}

impl Line {
    /// A line of this moment that begins with these fields.
    #[must_use]
    pub fn new(event: &str, pid: u32, start_ticks: u64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        Self::at(u64::try_from(now).unwrap_or(0), event, pid, start_ticks)
    }

    fn at(unix_ns: u64, event: &str, pid: u32, start_ticks: u64) -> Self {
        let mut line = Self { bytes: [0; MAX_LINE], len: 0 };
        line.put(event.as_bytes());
        for number in [unix_ns, u64::from(pid), start_ticks] {
            line.number(number);
        }
        line
    }

    /// Adds a field.
    pub fn field(&mut self, text: &[u8]) {
        self.put(b"\t");
        self.put(text);
    }

    /// Adds the arguments of a command as one field, as the kernel has them: with a NUL after each, or after all but the last.
    pub fn arguments(&mut self, arguments: &[u8]) {
        let arguments = arguments.strip_suffix(&[0]).unwrap_or(arguments);
        self.put(b"\t");
        for argument in arguments.split(|&byte| byte == 0) {
            self.put(argument);
            self.put(&[0]);
        }
    }

    /// Adds a number as a field.
    pub fn number(&mut self, number: u64) {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.put(b"\t");
        self.put(&digits[at..]);
    }

    fn put(&mut self, text: &[u8]) {
        for &byte in text {
            let plain = byte == b'\t' && text.len() == 1 || is_plain(byte);
            let [high, low] = hex(byte);
            let escaped = [b'%', high, low];
            let piece: &[u8] = if plain { core::slice::from_ref(&byte) } else { &escaped };
            // One byte is left for the newline.
            if self.len + piece.len() < MAX_LINE {
                self.bytes[self.len..self.len + piece.len()].copy_from_slice(piece);
                self.len += piece.len();
            }
        }
    }

    /// The line with its newline, to be written by one call.
    #[must_use]
    pub fn finish(&mut self) -> &[u8] {
        self.bytes[self.len] = b'\n';
        &self.bytes[..=self.len]
    }
}

/// A line, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry<'l> {
    /// The event.
    pub event: &'l str,
    /// Nanoseconds since 1970.
    pub unix_ns: u64,
    /// The process, as it sees itself.
    pub pid: u32,
    /// Its start in clock ticks since boot.
    pub start: u64,
    /// What the event adds, without escapes.
    pub rest: Vec<Vec<u8>>,
}

impl<'l> Entry<'l> {
    /// From a line without its newline; `None` if it is torn or of a later version.
    #[must_use]
    pub fn parse(line: &'l [u8]) -> Option<Self> {
        let mut fields = line.split(|&byte| byte == b'\t');
        let mut text = || std::str::from_utf8(fields.next()?).ok();
        let (event, unix_ns, pid, start) = (text()?, text()?, text()?, text()?);
        let (unix_ns, pid, start) = (unix_ns.parse().ok()?, pid.parse().ok()?, start.parse().ok()?);
        Some(Self { event, unix_ns, pid, start, rest: fields.map(unescape).collect() })
    }
}

/// So much others may append between the look at how long the journal is and the line.
const OTHERS: u64 = 16 * MAX_LINE as u64;

/// Appends a finished line to the journal at this path, which is opened with these flags as well. Allocates nothing.
///
/// # Errors
/// As opening and writing do; and where the line might make the file longer than one of this process may be, which would
/// end the process.
pub fn append(path: &CStr, flags: c_int, line: &[u8]) -> io::Result<()> {
    // SAFETY: plain system calls on a string that ends in NUL, on memory of ours and on a descriptor of our own.
    unsafe {
        let flags = flags | libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC;
        let file = libc::open(path.as_ptr(), flags, 0o666 as libc::mode_t);
        if file < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut stat: libc::stat = core::mem::zeroed();
        libc::fstat(file, &raw mut stat);
        let end = stat.st_size.cast_unsigned() + OTHERS;
        let written = may_be_so_long(end).and_then(|()| {
            let written = libc::write(file, line.as_ptr().cast(), line.len());
            if written < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
        });
        libc::close(file);
        written
    }
}

/// Appends a finished line to the journal in the folder of a recording, which is made if it is not there.
///
/// # Errors
/// As [`append`].
pub fn append_in(folder: &Path, line: &[u8]) -> io::Result<()> {
    let path = CString::new(folder.join(FILE).as_os_str().as_bytes())?;
    append(&path, libc::O_CREAT, line)
}

/// A text with the escapes of a field, for the other files of a recording that use them.
#[must_use]
pub fn escape(text: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for &byte in text {
        if is_plain(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.extend(hex(byte).map(char::from));
        }
    }
    escaped
}

fn is_plain(byte: u8) -> bool {
    (b' '..127).contains(&byte) && byte != b'%'
}

fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

/// Undoes the escapes of a field; what is no escape stays.
#[must_use]
pub fn unescape(field: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut text = Vec::with_capacity(field.len());
    let mut at = 0;
    while let Some(&byte) = field.get(at) {
        let escape = (field.get(at + 1).and_then(digit), field.get(at + 2).and_then(digit));
        if let (b'%', (Some(high), Some(low))) = (byte, escape) {
            text.push(high << 4 | low);
            at += 3;
        } else {
            text.push(byte);
            at += 1;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back() {
        let mut line = Line::at(12, "start", 7, 99);
        line.field(b"/tmp/a b%\n\xff");
        line.arguments(b"python\0\0");
        let text = line.finish().to_vec();
        let fields: Vec<Vec<u8>> = text.trim_ascii_end().split(|&byte| byte == b'\t').map(unescape).collect();
        assert_eq!(fields[..4], [b"start".to_vec(), b"12".to_vec(), b"7".to_vec(), b"99".to_vec()]);
        assert_eq!(fields[4..], [b"/tmp/a b%\n\xff".to_vec(), b"python\0\0".to_vec()]);
    }

    #[test]
    fn a_long_line_is_cut_and_whole() {
        let mut line = Line::at(0, "start", 1, 1);
        line.field(&[b'\n'; 3 * MAX_LINE]);
        let text = line.finish();
        assert!(text.len() <= MAX_LINE && text.ends_with(b"\n"));
        assert_eq!(text.iter().filter(|&&byte| byte == b'\n').count(), 1);
    }
}
