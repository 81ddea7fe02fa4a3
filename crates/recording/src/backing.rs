//! The file and the address space behind a trace: blocks before they are written, a mapping that never moves.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use crate::header::file_name;
use crate::trace::{CHUNK, EXTENSION};

/// Ids are 32 bits and count 8 bytes.
const MOST: u64 = 8 << 32;
/// Of the numbers of descriptors, programs take the lowest ones, and some count on getting them.
const DESCRIPTOR: RawFd = 200;
pub(crate) const CHUNK_BYTES: u64 = CHUNK as u64;

/// Fails where a file of this process may not be so long: to write beyond would not only fail, but send SIGXFSZ.
pub(crate) fn may_be_so_long(length: u64) -> io::Result<()> {
    // SAFETY: `getrlimit` into memory of ours.
    let limit = unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit);
        limit.rlim_cur
    };
    if limit != libc::RLIM_INFINITY && length > limit {
        return Err(io::Error::from_raw_os_error(libc::EFBIG));
    }
    Ok(())
}

/// Backs a part of the file with blocks of the disk; file systems that cannot do it without get zeros written.
pub(crate) fn allocate(file: &File, from: u64, to: u64) -> io::Result<()> {
    may_be_so_long(to)?;
    let (offset, length) = (from.cast_signed(), (to - from).cast_signed());
    loop {
        // SAFETY: a plain system call.
        if unsafe { libc::fallocate(file.as_raw_fd(), 0, offset, length) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EOPNOTSUPP | libc::ENOSYS) => break,
            _ => return Err(error),
        }
    }
    let zeros = [0u8; CHUNK];
    for at in (from..to).step_by(CHUNK) {
        file.write_all_at(&zeros, at)?;
    }
    Ok(())
}

/// The first file of a process, by its number and its start, that is not there yet.
pub(crate) fn new_file(folder: &Path, (pid, start): (u32, u64)) -> io::Result<(File, PathBuf)> {
    let mut number = 0u32;
    loop {
        let path = folder.join(file_name(pid, start, number, EXTENSION));
        match File::options().read(true).write(true).create_new(true).mode(0o666).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            other => return other.map(|file| (file, path)),
        }
    }
}

/// How much to reserve of an address space that is limited so: the program needs it itself.
pub(crate) fn below(limit: u64) -> u64 {
    let size = if limit == libc::RLIM_INFINITY { MOST } else { (limit / 16).clamp(1 << 22, MOST) };
    size.next_multiple_of(CHUNK_BYTES)
}

pub(crate) fn map(file: &File) -> io::Result<(NonNull<u8>, u64)> {
    // SAFETY: `getrlimit` into memory of ours.
    let limit = unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_AS, &raw mut limit);
        limit.rlim_cur
    };
    let mut size = below(limit);
    loop {
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        // SAFETY: a new mapping at a place that the kernel chooses.
        let place = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_NORESERVE,
                file.as_raw_fd(),
                0,
            )
        };
        if place != libc::MAP_FAILED
            && let Some(base) = NonNull::new(place.cast())
        {
            return Ok((base, size));
        }
        size = (size / 4).next_multiple_of(CHUNK_BYTES);
        if size < 1 << 20 {
            return Err(io::Error::last_os_error());
        }
    }
}

/// A descriptor of a file that the program may close, or put another file in the place of.
#[derive(Debug)]
pub(crate) struct Descriptor {
    /// High enough that programs do not get in the way of it; -1 if there was none.
    pub(crate) number: RawFd,
    identity: (u64, u64),
}

impl Descriptor {
    pub(crate) fn of(file: &File, metadata: &Metadata) -> Self {
        Self { number: out_of_the_way(file.as_raw_fd()), identity: (metadata.dev(), metadata.ino()) }
    }

    /// The file again, by its path if the program has closed the descriptor.
    pub(crate) fn file(&self, path: &Path) -> io::Result<File> {
        if self.is_open() {
            let copy = out_of_the_way(self.number);
            if copy >= 0 {
                // SAFETY: a new descriptor that nobody else has.
                return Ok(unsafe { FromRawFd::from_raw_fd(copy) });
            }
            return File::options().write(true).open(format!("/proc/self/fd/{}", self.number));
        }
        let file = File::options().write(true).open(path)?;
        let metadata = file.metadata()?;
        if (metadata.dev(), metadata.ino()) != self.identity {
            // With a number, since that is what the header keeps.
            return Err(io::Error::from_raw_os_error(libc::ESTALE));
        }
        Ok(file)
    }

    fn is_open(&self) -> bool {
        // SAFETY: `fstat` into memory of ours.
        unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            libc::fstat(self.number, &raw mut stat) == 0 && (stat.st_dev, stat.st_ino) == self.identity
        }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if self.is_open() {
            // SAFETY: it is ours, as just seen.
            unsafe { libc::close(self.number) };
        }
    }
}

/// A copy of a descriptor with a high number; -1 if there is none.
fn out_of_the_way(descriptor: RawFd) -> RawFd {
    // SAFETY: a plain system call.
    unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, DESCRIPTOR) }
}
