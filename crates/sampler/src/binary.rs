//! What a program file or library says about Python: where `_PyRuntime` lies, and which version it is.
//!
//! Answers are kept by device and inode, so that a child that runs a program seen before costs no look into files; for as long as
//! size and time of change are the same too, since a new file may have the inode of one that is gone.
//! `_PyRuntime` is exported by every build that can load extension modules, stripped ones too; a program that embeds Python
//! without exporting it has it in its full symbol table, or (3.10 and later) as the section `.PyRuntime`.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use hashbrown::HashMap;
use object::read::elf::{ElfFile64, FileHeader};
use object::{LittleEndian, Object, ObjectSection, ReadCache, ReadRef};

use crate::maps::{FileId, Mapping};
use crate::remote::{int_at, word_at};
use crate::version::Version;

/// A file with a Python interpreter in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Address of `_PyRuntime` before relocation.
    pub runtime: u64,
    /// The address that file offset 0 is given before relocation.
    pub base: u64,
    /// What it says itself (`Py_Version`, or the text in its data); 3.13 and later say it in memory.
    pub version: Option<Version>,
}

/// What is known of files by their identity.
#[derive(Debug, Default)]
pub struct Binaries {
    seen: HashMap<FileId, (Stamp, Option<Binary>), foldhash::fast::RandomState>,
}

/// Size of a file, and when it was changed: seconds, nanoseconds.
type Stamp = (u64, i64, i64);

impl Binaries {
    /// The interpreter in the mapped file, `None` if it has none or cannot be opened.
    pub fn look(&mut self, pid: u32, mapping: &Mapping) -> Option<Binary> {
        let known = self.seen.get(&mapping.file);
        let Ok(file) = mapping.open(pid) else {
            // It may be opened later (a process about to change its root), or was before it was deleted.
            return known?.1;
        };
        let data = file.metadata().ok()?;
        let stamp = (data.size(), data.ctime(), data.ctime_nsec());
        if let Some((_, found)) = known.filter(|known| known.0 == stamp) {
            return *found;
        }
        let found = inspect(&file);
        self.seen.insert(mapping.file, (stamp, found));
        found
    }
}

fn inspect(file: &File) -> Option<Binary> {
    let cache = ReadCache::new(file.try_clone().ok()?);
    let elf = ElfFile64::<LittleEndian, _>::parse(&cache).ok()?;
    let runtime = runtime_address(&elf)?;
    Some(Binary { runtime, base: base_address(&elf), version: version(&elf) })
}

type Elf<'a, R> = ElfFile64<'a, LittleEndian, R>;

fn runtime_address<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>) -> Option<u64> {
    symbol(elf, b"_PyRuntime")
        .or_else(|| elf.section_by_name(".PyRuntime").map(|section| section.address()))
        .filter(|&address| address != 0)
}

/// Looks through the raw tables: asking for each symbol's name by itself would be a read of the file each.
fn symbol<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>, name: &[u8]) -> Option<u64> {
    let tables = [(".dynsym", ".dynstr"), (".symtab", ".strtab")];
    tables.into_iter().find_map(|(symbols, names)| {
        let data = |section| elf.section_by_name(section)?.data().ok();
        symbol_in(data(symbols)?, data(names)?, name)
    })
}

/// The address of a defined symbol: `u32 name, u8 info, u8 other, u16 section, u64 address, u64 size` each.
fn symbol_in(symbols: &[u8], names: &[u8], name: &[u8]) -> Option<u64> {
    // Names are found first, by their NULs: a compiler's tables have tens of thousands of symbols, of which one is wanted.
    let starts: Vec<u32> = memchr::memmem::find_iter(names, name)
        .filter(|&at| names.get(at + name.len()) == Some(&0))
        .filter_map(|at| u32::try_from(at).ok())
        .collect();
    let is_named = |symbol: &&[u8]| starts.contains(&int_at(symbol, 0).cast_unsigned());
    let is_defined = |symbol: &&[u8]| symbol.get(6..8) != Some(&[0, 0]);
    let found = symbols.chunks_exact(24).find(|symbol| is_named(symbol) && is_defined(symbol))?;
    Some(word_at(found, 8))
}

fn base_address<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>) -> u64 {
    use object::read::elf::ProgramHeader;
    let endian = LittleEndian;
    let loads =
        elf.elf_program_headers().iter().filter(|header| header.p_type(endian) == object::elf::PT_LOAD);
    let bases = loads.map(|header| header.p_vaddr(endian).wrapping_sub(header.p_offset(endian)));
    debug_assert!(elf.elf_header().is_class_64());
    bases.min().unwrap_or(0)
}

fn version<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>) -> Option<Version> {
    if let Some(address) = symbol(elf, b"Py_Version") {
        for section in elf.sections() {
            if let Ok(Some(bytes)) = section.data_range(address, 8) {
                return Some(Version::from_hex(word_at(bytes, 0) & 0xffff_ffff));
            }
        }
    }
    let data = elf.section_by_name(".rodata")?.data().ok()?;
    version_in_text(data)
}

/// `PY_VERSION` as a text of its own: the argument of `PyOS_snprintf` in `Py_GetVersion`. Before 3.11 nothing else tells the
/// version. Texts of other libraries that are linked in (SQLite's `3.8.2`) look the same, so the most frequent minor
/// version of `python3.N` in the paths of the program decides between several.
fn version_in_text(data: &[u8]) -> Option<Version> {
    let candidates: Vec<Version> = texts(data).filter_map(version_text).collect();
    if let [only] = candidates.as_slice() {
        return Some(*only);
    }
    let named = |version: &Version| {
        let name = format!("python3.{}", version.minor);
        texts(data).filter(|text| text.windows(name.len()).any(|window| window == name.as_bytes())).count()
    };
    candidates.into_iter().max_by_key(named)
}

fn texts(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|&byte| byte == 0).filter(|text| !text.is_empty())
}

/// A version at the end of a text: linkers store a text that another one ends with only once (`/opt/versions/3.8.18`).
fn version_text(text: &[u8]) -> Option<Version> {
    let start = text.windows(2).rposition(|two| two == b"3.")?;
    let is_part =
        start > 0 && text.get(start - 1).is_some_and(|&byte| byte == b'.' || byte.is_ascii_alphanumeric());
    let tail = text.get(start..)?;
    if is_part || tail.len() > 10 {
        return None;
    }
    let version = Version::parse(std::str::from_utf8(tail).ok()?)?;
    (8..13).contains(&version.minor).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_with_the_same_inode() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("file");
        let mut binaries = Binaries::default();
        let mut look = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            let file = FileId { major: 0, minor: 0, inode: std::fs::metadata(&path).unwrap().ino() };
            let path = path.display().to_string();
            let mapping = Mapping { start: 0, end: 0, executable: true, offset: 0, file, path };
            binaries.look(std::process::id(), &mapping).is_some()
        };
        let python = std::fs::read("/usr/bin/python3").unwrap();
        assert_eq!([&b"nothing"[..], &python, b"nothing"].map(&mut look), [false, true, false]);
    }

    #[test]
    fn texts_that_are_versions() {
        assert_eq!(version_text(b"3.9.18"), Some(Version::new(3, 9, 18)));
        assert_eq!(version_text(b"3.10.0rc2"), Some(Version::new(3, 10, 0)));
        assert_eq!(version_text(b"/opt/python/3.8.18"), Some(Version::new(3, 8, 18)));
        assert_eq!(version_text(b"3.9"), None);
        assert_eq!(version_text(b"1.3.9.1"), None);
        assert_eq!(version_text(b"2.7.18"), None);
        let data = b"x\x003.40.1\x003.8.2\x003.9.18+\0/usr/lib/python3.9\0";
        assert_eq!(version_in_text(data), Some(Version::new(3, 9, 18)));
    }
}
