//! What the rows of a table are: functions, lines, files or modules.

use std::hash::Hash;

use foldhash::{HashMap, HashMapExt};

use crate::id::{FrameId, FunctionId, Id, MappingId, StringId};
use crate::profile::Profile;

/// How frames are grouped into rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grouping {
    /// By function; an address without a function is a row of its own.
    Function,
    /// By function and line.
    Line,
    /// By source file.
    File,
    /// By module: see [`module`].
    Module,
}

/// What one row stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Group {
    /// A function.
    Function(FunctionId),
    /// A line of a function.
    Line(FunctionId, i64),
    /// An address that no function is known for, or nothing at all.
    Address(Option<MappingId>, u64),
    /// A file.
    File(StringId),
    /// A module, by the file that gave its name: all files of one module are the same group.
    Module(StringId),
    /// A binary, for frames without a source file.
    Binary(MappingId),
}

/// Which group every frame is in.
#[derive(Clone, Debug)]
pub struct Groups {
    groups: Vec<Group>,
    of_frame: Vec<usize>,
    of_function: Vec<Option<usize>>,
}

impl Groups {
    /// Groups all frames, and the functions that appear in call tables.
    #[must_use]
    pub fn new(profile: &Profile, grouping: Grouping) -> Self {
        let mut index = Index::with_capacity(match grouping {
            Grouping::Function => profile.functions().len(),
            _ => 0,
        });
        let mut modules: HashMap<&[u8], StringId> = HashMap::new();
        let mut group = |function: Option<FunctionId>, frame: Option<FrameId>| {
            let row = frame.map(|id| profile.frames()[id]);
            let mapping = row.and_then(|row| row.mapping);
            let Some(function) = function else {
                return match (grouping, mapping) {
                    (Grouping::File | Grouping::Module, Some(mapping)) => Group::Binary(mapping),
                    _ => Group::Address(mapping, row.map_or(0, |row| row.address)),
                };
            };
            let file = profile.functions()[function].file;
            match grouping {
                Grouping::Function => Group::Function(function),
                Grouping::Line => Group::Line(function, row.map_or(0, |row| row.line)),
                Grouping::File | Grouping::Module if file.is_empty() => {
                    mapping.map_or(Group::File(file), Group::Binary)
                }
                Grouping::File => Group::File(file),
                Grouping::Module => {
                    Group::Module(*modules.entry(module(profile.bytes(file))).or_insert(file))
                }
            }
        };
        let mut of_function = vec![None; profile.functions().len()];
        for row in profile.calls().functions().rows() {
            of_function[row.function.index()] = Some(index.of(group(Some(row.function), None)));
        }
        let mut of_frame = Vec::with_capacity(profile.frames().len());
        for (id, frame) in profile.frames().iter() {
            let row = index.of(group(frame.function, Some(id)));
            of_frame.push(row);
            if let (Grouping::Function, Some(function)) = (grouping, frame.function) {
                of_function[function.index()] = Some(row);
            }
        }
        Self { groups: index.rows, of_frame, of_function }
    }

    /// The groups, in order of first appearance.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The group of a frame.
    #[must_use]
    pub fn of_frame(&self, frame: FrameId) -> usize {
        self.of_frame[frame.index()]
    }

    /// The group of a function: of every function that is used where the grouping is by function, else of
    /// those in the call tables.
    #[must_use]
    pub fn of_function(&self, function: FunctionId) -> Option<usize> {
        self.of_function[function.index()]
    }
}

struct Index<T> {
    rows: Vec<T>,
    known: HashMap<T, usize>,
}

impl<T: Copy + Eq + Hash> Index<T> {
    fn with_capacity(rows: usize) -> Self {
        Self { rows: Vec::with_capacity(rows), known: HashMap::with_capacity(rows) }
    }

    fn of(&mut self, row: T) -> usize {
        *self.known.entry(row).or_insert_with(|| {
            self.rows.push(row);
            self.rows.len() - 1
        })
    }
}

/// The module that a Python source file belongs to, as far as its path tells: the package or file directly below
/// `site-packages`, `dist-packages` or `lib/python3.x`, or at the begin of a path that is relative (py-spy cuts off what is in
/// `sys.path`). Of any other path nobody knows where its packages begin: the whole of it, always without `.py` and `__init__`.
#[must_use]
pub fn module(file: &[u8]) -> &[u8] {
    // `<frozen importlib._bootstrap>` and `<frozen os>`: the module's name is in the brackets.
    if let Some(frozen) = file.strip_prefix(b"<frozen ").and_then(|rest| rest.strip_suffix(b">")) {
        return frozen.split(|&byte| byte == b'.').next().unwrap_or(frozen);
    }
    let is_separator = |&byte: &u8| byte == b'/' || byte == b'\\';
    let parts = || file.split(is_separator).filter(|part| !part.is_empty());
    let is_library = |part: &[u8]| {
        matches!(part, b"site-packages" | b"dist-packages")
            || (part.starts_with(b"python") && part.get(6).is_some_and(u8::is_ascii_digit))
    };
    let library = parts().collect::<Vec<_>>().into_iter().rposition(is_library);
    let begin = library.map_or(0, |at| at + 1);
    let is_rooted =
        file.first().is_some_and(is_separator) || file.get(1) == Some(&b':') || file.starts_with(b"..");
    let below = parts().skip(begin).find(|part| *part != b".");
    let module = below.filter(|_| library.is_some() || !is_rooted).unwrap_or(file);
    let module = module.strip_suffix(b".py").unwrap_or(module);
    let package = module
        .strip_suffix(b"__init__")
        .and_then(|rest| rest.strip_suffix(b"/").or(rest.strip_suffix(b"\\")));
    package.filter(|package| !package.is_empty()).unwrap_or(module)
}

#[cfg(test)]
mod tests {
    use super::module;

    #[test]
    fn a_module_is_what_one_imports_first() {
        for (file, expected) in [
            ("/usr/lib/python3.11/json/decoder.py", "json"),
            ("/usr/lib/python3.11/threading.py", "threading"),
            ("/venv/lib/python3.12/site-packages/numpy/core/x.py", "numpy"),
            ("C:\\venv\\Lib\\site-packages\\six.py", "six"),
            ("/app/web/views.py", "/app/web/views"),
            ("/app/shop/views.py", "/app/shop/views"),
            ("/app/web/__init__.py", "/app/web"),
            ("C:\\app\\web\\__init__.py", "C:\\app\\web"),
            ("../web/views.py", "../web/views"),
            ("json/decoder.py", "json"),
            ("./json/__init__.py", "json"),
            ("/usr/lib/python3.11/re/__init__.py", "re"),
            ("views.py", "views"),
            ("/usr/lib/python3.11", "/usr/lib/python3.11"),
            ("<frozen importlib._bootstrap>", "importlib"),
            ("<string>", "<string>"),
            ("~", "~"),
            ("", ""),
        ] {
            assert_eq!(module(file.as_bytes()), expected.as_bytes(), "{file}");
        }
    }
}
