//! `/proc/PID/maps`: which files a process has in its memory.
//!
//! Surprising: a path there is as the target sees it (chroot, mount namespace), and ends in ` (deleted)` once the file
//! is gone or replaced. So a mapped file is known by device and inode; its path is only a hint where to open it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A part of a process's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The first address.
    pub start: u64,
    /// The address after the last.
    pub end: u64,
    /// Whether it can be executed.
    pub executable: bool,
    /// Where in the file it begins.
    pub offset: u64,
    /// Device and inode of the file.
    pub file: FileId,
    /// The path as the target sees it, without ` (deleted)`.
    pub path: String,
}

/// What tells files apart: device numbers as `maps` has them, and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    /// Major number of the device.
    pub major: u32,
    /// Minor number of the device.
    pub minor: u32,
    /// The inode.
    pub inode: u64,
}

/// The mappings of files of a process, in the order of addresses.
///
/// # Errors
/// If `/proc/PID/maps` cannot be read.
pub fn of_process(pid: u32) -> io::Result<Vec<Mapping>> {
    let text = fs::read(format!("/proc/{pid}/maps"))?;
    Ok(parse(&String::from_utf8_lossy(&text)))
}

/// The lines with a file.
fn parse(text: &str) -> Vec<Mapping> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<Mapping> {
    // start-end perms offset major:minor inode          path
    let mut parts = line.splitn(6, ' ');
    let (start, end) = parts.next()?.split_once('-')?;
    let permissions = parts.next()?;
    let offset = parts.next()?;
    let (major, minor) = parts.next()?.split_once(':')?;
    let inode: u64 = parts.next()?.parse().ok()?;
    let path = parts.next().unwrap_or("").trim_start_matches(' ');
    if inode == 0 {
        return None;
    }
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        executable: permissions.contains('x'),
        offset: u64::from_str_radix(offset, 16).ok()?,
        file: FileId {
            major: u32::from_str_radix(major, 16).ok()?,
            minor: u32::from_str_radix(minor, 16).ok()?,
            inode,
        },
        path: path.strip_suffix(" (deleted)").unwrap_or(path).to_owned(),
    })
}

impl Mapping {
    /// Opens the mapped file: by its path in the target's own root if that is still the same file, else through
    /// the kernel's link to what is mapped, which works for replaced and deleted files (needs privileges but for the main program).
    ///
    /// # Errors
    /// If no way leads to the file.
    pub fn open(&self, pid: u32) -> io::Result<File> {
        let ways = [
            PathBuf::from(format!("/proc/{pid}/root{}", self.path)),
            PathBuf::from(format!("/proc/{pid}/exe")),
            PathBuf::from(format!("/proc/{pid}/map_files/{:x}-{:x}", self.start, self.end)),
        ];
        let mut problem = io::Error::from(io::ErrorKind::NotFound);
        for way in ways {
            match self.open_at(&way) {
                Ok(Some(file)) => return Ok(file),
                Ok(None) => {}
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    /// Opens what is there now if it is the mapped file. A pipe is not opened: whoever does that waits for its other end.
    fn open_at(&self, way: &Path) -> io::Result<Option<File>> {
        let is_it = |data: fs::Metadata| data.is_file() && data.ino() == self.file.inode;
        if !is_it(fs::metadata(way)?) {
            return Ok(None);
        }
        let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(way)?;
        Ok(is_it(file.metadata()?).then_some(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_in_the_place_of_the_file_is_not_waited_for() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("library");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let inode = fs::metadata(&path).unwrap().ino();
        let (done, is_done) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let path = path.display().to_string();
            let file = FileId { major: 0, minor: 0, inode };
            let mapping = Mapping { start: 0, end: 0, executable: true, offset: 0, file, path };
            done.send(mapping.open(std::process::id()).is_err())
        });
        assert!(is_done.recv_timeout(std::time::Duration::from_secs(10)).unwrap());
    }

    #[test]
    fn lines_with_files_only() {
        let text = "55d0c0000000-55d0c0001000 r--p 00000000 fe:00 1234                       /usr/bin/a b (deleted)\n\
                    7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n\
                    7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]\n\
                    7f1000000000-7f1000002000 r-xp 00003000 fe:01 77                         /lib/libpython3.8.so.1.0\n";
        let found = parse(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].path, "/usr/bin/a b");
        assert_eq!(found[0].file, FileId { major: 0xfe, minor: 0, inode: 1234 });
        assert!(found[1].executable && !found[0].executable);
        assert_eq!(
            (found[1].start, found[1].end, found[1].offset),
            (0x7f10_0000_0000, 0x7f10_0000_2000, 0x3000)
        );
    }
}
