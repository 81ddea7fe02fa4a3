//! Which files a command that reads many is to read: names, folders, patterns and lists of names.
//!
//! What would surprise: a file counts once, however often and under whatever name it is given, and files are sorted by
//! name, so nothing depends on the order of arguments.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use profkit_formats::{folder, registry};

use crate::failure::Failure;
use crate::input::{input_name, is_stdin};

/// An input.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Source {
    /// As it was given, or its folder was; `-` is stdin.
    pub(crate) path: PathBuf,
    /// In bytes; 0 where unknown.
    pub(crate) size: u64,
    /// It was found in a folder, and its name does not promise a profile.
    pub(crate) chance: bool,
}

impl Source {
    pub(crate) fn is_stdin(&self) -> bool {
        is_stdin(&self.path)
    }

    /// What to call it.
    pub(crate) fn name(&self) -> &Path {
        input_name(&self.path)
    }
}

/// The inputs.
pub(crate) struct Sources {
    /// Sorted by name.
    pub(crate) sources: Vec<Source>,
    /// How many were given again.
    pub(crate) repeated: usize,
}

impl Sources {
    /// Those given as `inputs`, and in the lists `files_from`.
    pub(crate) fn find(inputs: &[PathBuf], files_from: &[PathBuf]) -> Result<Self, Failure> {
        let listed = files_from.iter().map(|list| read_list(list)).collect::<Result<Vec<_>, _>>()?;
        if files_from.iter().chain(inputs).filter(|path| is_stdin(path)).count() > 1 {
            return Err(Failure::Reason("stdin can be read once only".to_owned()));
        }
        let mut found = Vec::new();
        for path in inputs.iter().chain(listed.iter().flatten()) {
            add(path, &mut found)?;
        }
        // Of the names of a file one that promises a profile stays, so that what is asked for is never passed over.
        found.sort_by(|(one, _), (other, _)| (one.chance, one).cmp(&(other.chance, other)));
        let mut seen = HashSet::new();
        let before = found.len();
        // A pipe may be given twice: each time it has something else to say.
        let is_new = |(_, metadata): &Found| match metadata {
            Some(metadata) if metadata.is_file() || metadata.is_dir() => {
                seen.insert((metadata.dev(), metadata.ino()))
            }
            _ => true,
        };
        found.retain(is_new);
        let mut sources: Vec<Source> = found.into_iter().map(|(source, _)| source).collect();
        sources.sort();
        Ok(Self { repeated: before - sources.len(), sources })
    }

    /// Whether a file is one of them.
    pub(crate) fn have(&self, path: &Path) -> bool {
        let identity = |path: &Path| fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino())).ok();
        let file = identity(path);
        file.is_some() && self.sources.iter().any(|source| identity(&source.path) == file)
    }

    /// How many bytes they have.
    pub(crate) fn size(&self) -> u64 {
        self.sources.iter().map(|source| source.size).sum()
    }
}

type Found = (Source, Option<Metadata>);

/// The names in a list: separated by NUL if there is one, else lines.
fn read_list(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut bytes = Vec::new();
    let read = if is_stdin(list) {
        io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        fs::read(list).map(|read| bytes = read)
    };
    read.map_err(|error| Failure::file(list, error))?;
    let separator = if bytes.contains(&0) { 0 } else { b'\n' };
    let names = bytes.split(|&byte| byte == separator);
    let names =
        names.map(|name| if separator == 0 { name } else { name.strip_suffix(b"\r").unwrap_or(name) });
    let path = |name: &[u8]| PathBuf::from(std::ffi::OsString::from_vec(name.to_vec()));
    Ok(names.filter(|name| !name.is_empty()).map(path).collect())
}

fn add(path: &Path, found: &mut Vec<Found>) -> Result<(), Failure> {
    if is_stdin(path) {
        found.push((Source { path: path.to_owned(), size: 0, chance: false }, None));
        return Ok(());
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() && folder::is_recording(path) => {
            found.push(file(path, metadata, false));
            Ok(())
        }
        Ok(metadata) if metadata.is_dir() => add_folder(path, found),
        Ok(metadata) => {
            found.push(file(path, metadata, false));
            Ok(())
        }
        Err(_) => {
            let matches = expand(path);
            if matches.is_empty() {
                // Reading it will fail, and be told with all that fails.
                found.push((Source { path: path.to_owned(), size: 0, chance: false }, None));
            }
            matches.iter().try_for_each(|path| add(path, found))
        }
    }
}

/// The files that a pattern means, for shells that do not expand it.
fn expand(path: &Path) -> Vec<PathBuf> {
    let is_pattern = path.as_os_str().as_bytes().iter().any(|byte| b"*?[".contains(byte));
    let Some(pattern) = path.to_str().filter(|_| is_pattern) else { return Vec::new() };
    // As a shell does it. (The crate's own option panics where a name is not UTF-8.)
    let hidden = |name: &OsStr| name.as_bytes().starts_with(b".");
    let hidden_ones: Vec<_> = path
        .iter()
        .filter(|name| hidden(name))
        .filter_map(|name| glob::Pattern::new(name.to_str()?).ok())
        .collect();
    let is_asked_for = |found: &PathBuf| {
        let asked = |name: &OsStr| hidden_ones.iter().any(|pattern| pattern.matches_path(Path::new(name)));
        found.iter().filter(|name| hidden(name)).all(asked)
    };
    glob::glob(pattern).into_iter().flatten().flatten().filter(is_asked_for).collect()
}

/// All files in a folder and in its folders, but for hidden ones; links to folders are not followed.
fn add_folder(folder: &Path, found: &mut Vec<Found>) -> Result<(), Failure> {
    let failed = |error| Failure::file(folder, error);
    let Ok(entries) = fs::read_dir(folder) else {
        // Reading it will fail, and be told with all that fails.
        found.push((Source { path: folder.to_owned(), size: 0, chance: false }, None));
        return Ok(());
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if entry.file_name().as_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        if entry.file_type().map_err(failed)?.is_dir() {
            add(&path, found)?;
            continue;
        }
        let chance = registry::by_path(&path).is_none();
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => found.push(file(&path, metadata, chance)),
            Ok(_) => {}
            // A link to nothing, mostly. Reading it will fail, and be told with all that fails.
            Err(_) => found.push((Source { path, size: 0, chance }, None)),
        }
    }
    Ok(())
}

fn file(path: &Path, metadata: Metadata, chance: bool) -> Found {
    let size = if metadata.is_file() { metadata.len() } else { 0 };
    (Source { path: path.to_owned(), size, chance }, Some(metadata))
}
