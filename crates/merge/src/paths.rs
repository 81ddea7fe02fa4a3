//! Changes the paths of source files, so that functions of different machines, containers and Python versions meet.
//!
//! What would surprise: a path is never cut to its last part, and what is cut off leaves a mark: `utils.py` of the
//! standard library, of an installed package and of the program stay three files.

use std::borrow::Cow;

/// How paths are changed. Rules for prefixes come first, then the built-in ones if they are asked for.
///
/// ```
/// use profkit_merge::PathRules;
///
/// let rules = PathRules::new(vec![(b"/srv/app".to_vec(), b"app".to_vec())], true);
/// assert_eq!(*rules.apply(b"/srv/app/views.py"), *b"app/views.py");
/// assert_eq!(*rules.apply(b"/srv/app2/views.py"), *b"/srv/app2/views.py");
/// let installed = b"/home/ann/.venv/lib/python3.12/site-packages/requests/api.py";
/// assert_eq!(*rules.apply(installed), *b"<site-packages>/requests/api.py");
/// assert_eq!(*rules.apply(b"/usr/lib/python3.11/json/decoder.py"), *b"<stdlib>/json/decoder.py");
/// ```
#[derive(Clone, Debug, Default)]
pub struct PathRules {
    /// The longest prefix first.
    prefixes: Vec<(Vec<u8>, Vec<u8>)>,
    portable: bool,
}

impl PathRules {
    /// Rules that put `to` in the place of `from` for each pair, where a path begins with the folder `from`; the longest
    /// one that fits is taken. A slash at the end of one of them changes nothing, except that with nothing in its place
    /// `from` is cut off as it is written. `portable` adds those for installed packages and the standard library of Python.
    #[must_use]
    pub fn new(mut prefixes: Vec<(Vec<u8>, Vec<u8>)>, portable: bool) -> Self {
        for (from, to) in prefixes.iter_mut().filter(|(_, to)| !to.is_empty()) {
            trim(from);
            trim(to);
        }
        prefixes.sort_by_key(|(from, to)| (std::cmp::Reverse(from.len()), from.clone(), to.clone()));
        Self { prefixes, portable }
    }

    /// Whether no path is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty() && !self.portable
    }

    /// A path after the rules.
    #[must_use]
    pub fn apply<'p>(&self, path: &'p [u8]) -> Cow<'p, [u8]> {
        let mapped = self.prefixes.iter().find_map(|(from, to)| {
            let rest = path.strip_prefix(from.as_slice())?;
            let whole =
                rest.is_empty() || is_slash(rest[0]) || from.last().is_none_or(|&last| is_slash(last));
            whole.then(|| Cow::Owned(if to.is_empty() { rest.to_vec() } else { join(to, rest) }))
        });
        let path = mapped.unwrap_or(Cow::Borrowed(path));
        match self.portable.then(|| portable(&path)).flatten() {
            Some(portable) => Cow::Owned(portable),
            None => path,
        }
    }
}

fn is_slash(byte: u8) -> bool {
    byte == b'/' || byte == b'\\'
}

/// Cuts off the slashes at the end, but for a root.
fn trim(folder: &mut Vec<u8>) {
    let kept = folder.iter().rposition(|&byte| !is_slash(byte)).map_or(1, |last| last + 1);
    folder.truncate(kept);
}

/// What is left of a path in another folder, with one slash between them: the path's own, if it has one there.
fn join(folder: &[u8], rest: &[u8]) -> Vec<u8> {
    let name = &rest[rest.iter().take_while(|&&byte| is_slash(byte)).count()..];
    let slash = rest.first().copied().filter(|&byte| is_slash(byte)).unwrap_or(b'/');
    let between =
        if name.is_empty() || folder.last().is_some_and(|&last| is_slash(last)) { None } else { Some(slash) };
    [folder, between.as_slice(), name].concat()
}

/// A path of an installed package, the standard library or a virtual environment without what differs between machines.
fn portable(path: &[u8]) -> Option<Vec<u8>> {
    // `<frozen importlib._bootstrap>`, `<string>`, and what has been made portable before.
    if path.starts_with(b"<") {
        return None;
    }
    let parts: Vec<&[u8]> = path.split(|&byte| is_slash(byte)).collect();
    let marked = |mark: &[u8], rest: &[&[u8]]| Some([mark, b"/", rest.join(&b'/').as_slice()].concat());
    let packages = |part: &&[u8]| matches!(*part, b"site-packages" | b"dist-packages");
    if let Some(at) = parts.iter().rposition(packages).filter(|&at| at > 0 && at + 1 < parts.len()) {
        return marked(b"<site-packages>", &parts[at + 1..]);
    }
    let is_windows = parts[0].ends_with(b":") || path.contains(&b'\\');
    let is_library = |&at: &usize| {
        is_library(parts[at - 1], parts[at])
            || (is_windows || parts[at] == b"Lib") && is_windows_library(&parts[..at], parts[at])
    };
    let library = (1..parts.len()).rev().find(is_library);
    if let Some(at) = library.filter(|&at| at + 1 < parts.len()) {
        return marked(b"<stdlib>", &parts[at + 1..]);
    }
    let scripts = |at: &usize| matches!(parts[at + 1], b"bin" | b"Scripts") && is_environment(parts[*at]);
    let environment = (0..parts.len().saturating_sub(2)).rev().find(scripts)?;
    marked(b"<venv>", &parts[environment + 1..])
}

/// Whether two parts of a path are the standard library: `lib/python3.12`, `lib64/python3.13t`, `lib/pypy3.10`; zipped
/// `lib/python312.zip`.
fn is_library(above: &[u8], part: &[u8]) -> bool {
    if !matches!(above, b"lib" | b"lib64" | b"lib32") {
        return false;
    }
    let name = part.strip_suffix(b".zip").unwrap_or(part);
    [&b"python"[..], b"pypy"].iter().any(|prefix| name.strip_prefix(*prefix).is_some_and(is_version))
}

/// Whether a folder is the standard library of an installation on Windows, which is named by whoever installs it:
/// python.org `Python312` or `Python38-32`, GitHub's runners `Python\3.12.1\x64`, the Store and uv by package, conda
/// `miniconda3` with `envs\name`. Names there have no case, and `sys.prefix` often has `lib`.
fn is_windows_library(above: &[&[u8]], part: &[u8]) -> bool {
    if !part.eq_ignore_ascii_case(b"lib") {
        return false;
    }
    let lower: Vec<Vec<u8>> = above.iter().rev().take(3).map(|part| part.to_ascii_lowercase()).collect();
    let folder = |up: usize| lower.get(up).map_or(&b""[..], Vec::as_slice);
    let is_conda = |name: &[u8]| {
        let name = name.strip_suffix(b"3").unwrap_or(name);
        matches!(name, b"miniconda" | b"anaconda" | b"miniforge" | b"mambaforge")
    };
    let own = folder(0);
    let installed = own.strip_prefix(b"python").is_some_and(|rest| {
        let processor = [&b"-32"[..], b"-arm64"].iter().find_map(|suffix| rest.strip_suffix(*suffix));
        is_version(processor.unwrap_or(rest))
    });
    let hosted = folder(2) == b"python" && is_version(folder(1)) && matches!(own, b"x64" | b"x86" | b"arm64");
    let packaged = own.starts_with(b"pythonsoftwarefoundation.python.3") || own.starts_with(b"cpython-3");
    installed || hosted || packaged || is_conda(own) || folder(1) == b"envs" && is_conda(folder(2))
}

fn is_version(name: &[u8]) -> bool {
    name.first().is_some_and(u8::is_ascii_digit)
        && name.iter().all(|&byte| byte.is_ascii_digit() || byte == b'.' || byte == b't')
}

/// Whether this is what people call the folder of a virtual environment.
fn is_environment(part: &[u8]) -> bool {
    matches!(part, b"venv" | b".venv" | b"env" | b".env" | b"virtualenv" | b".virtualenv")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portable(path: &str) -> String {
        let rules = PathRules::new(Vec::new(), true);
        let once = rules.apply(path.as_bytes()).into_owned();
        assert_eq!(*rules.apply(&once), *once, "twice is once");
        String::from_utf8(once).unwrap()
    }

    #[test]
    fn paths_of_different_machines_meet() {
        for (path, expected) in [
            ("/usr/lib/python3.11/json/decoder.py", "<stdlib>/json/decoder.py"),
            (
                "/opt/hostedtoolcache/Python/3.12.1/x64/lib/python3.12/json/decoder.py",
                "<stdlib>/json/decoder.py",
            ),
            ("/usr/lib64/python3.13t/json/decoder.py", "<stdlib>/json/decoder.py"),
            (r"C:\Users\ann\Python312\Lib\json\decoder.py", "<stdlib>/json/decoder.py"),
            (r"C:\Python38\lib\json\decoder.py", "<stdlib>/json/decoder.py"),
            (r"C:\Users\u\AppData\Local\Programs\Python\Python38\lib\json\x.py", "<stdlib>/json/x.py"),
            (r"C:\Program Files\Python310\lib\json\x.py", "<stdlib>/json/x.py"),
            (r"C:\Program Files (x86)\Python38-32\Lib\json\x.py", "<stdlib>/json/x.py"),
            ("/mnt/c/Python312/Lib/json/x.py", "<stdlib>/json/x.py"),
            ("C:/Python313t/lib/json/x.py", "<stdlib>/json/x.py"),
            (r"C:\hostedtoolcache\windows\Python\3.11.9\x64\Lib\json\x.py", "<stdlib>/json/x.py"),
            (r"C:\Users\u\miniconda3\Lib\json\x.py", "<stdlib>/json/x.py"),
            (r"C:\Users\u\Anaconda3\envs\web\lib\json\x.py", "<stdlib>/json/x.py"),
            (
                r"C:\Users\u\AppData\Roaming\uv\python\cpython-3.12.4-windows-x86_64-none\Lib\x.py",
                "<stdlib>/x.py",
            ),
            (
                r"C:\Program Files\WindowsApps\PythonSoftwareFoundation.Python.3.11_3.11.2544.0_x64__qbz5\Lib\x.py",
                "<stdlib>/x.py",
            ),
            (r"C:\Python38\Lib\site-packages\yaml\nodes.py", "<site-packages>/yaml/nodes.py"),
            // Somebody's own `lib`.
            (r"C:\work\python\lib\x.py", r"C:\work\python\lib\x.py"),
            (r"C:\work\x64\lib\x.py", r"C:\work\x64\lib\x.py"),
            (r"C:\work\3.11.9\x64\lib\x.py", r"C:\work\3.11.9\x64\lib\x.py"),
            (r"C:\work\envs\web\lib\x.py", r"C:\work\envs\web\lib\x.py"),
            ("/srv/python3/lib/x.py", "/srv/python3/lib/x.py"),
            ("/usr/lib/python311.zip/json/decoder.py", "<stdlib>/json/decoder.py"),
            ("/opt/pypy/lib/pypy3.10/json/decoder.py", "<stdlib>/json/decoder.py"),
            ("/usr/lib/python3/dist-packages/yaml/nodes.py", "<site-packages>/yaml/nodes.py"),
            ("/a/.venv/lib/python3.12/site-packages/yaml/nodes.py", "<site-packages>/yaml/nodes.py"),
            (r"C:\venv\Lib\site-packages\yaml\nodes.py", "<site-packages>/yaml/nodes.py"),
            ("/a/site-packages/pip/site-packages/x.py", "<site-packages>/x.py"),
            ("/a/site-packages/x/lib/python3.12/y.py", "<site-packages>/x/lib/python3.12/y.py"),
            ("/home/ann/venv/bin/gunicorn", "<venv>/bin/gunicorn"),
            ("/usr/bin/gunicorn", "/usr/bin/gunicorn"),
            ("/srv/app/utils.py", "/srv/app/utils.py"),
            ("utils.py", "utils.py"),
            ("site-packages/utils.py", "site-packages/utils.py"),
            ("/srv/lib/pythonic/utils.py", "/srv/lib/pythonic/utils.py"),
            ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>"),
            ("~", "~"),
            ("", ""),
        ] {
            assert_eq!(portable(path), expected, "{path}");
        }
    }

    #[test]
    fn files_that_differ_never_meet_by_their_last_part() {
        let three = ["utils.py", "/usr/lib/python3.11/utils.py", "/v/lib/python3.11/site-packages/utils.py"];
        let mut portable = three.map(portable).to_vec();
        portable.dedup();
        assert_eq!(portable.len(), 3);
    }

    #[test]
    fn a_slash_at_the_end_of_a_rule_changes_nothing() {
        for (from, to, path, expected) in [
            ("/srv/app", "app", "/srv/app/main.py", "app/main.py"),
            ("/srv/app/", "app", "/srv/app/main.py", "app/main.py"),
            ("/srv/app", "app/", "/srv/app/main.py", "app/main.py"),
            ("/srv/app//", "app//", "/srv/app/main.py", "app/main.py"),
            ("/srv/app/", "app", "/srv/app2/main.py", "/srv/app2/main.py"),
            ("/srv/app/", "app", "/srv/app", "app"),
            ("/srv/app/", "/", "/srv/app/main.py", "/main.py"),
            ("/", "x", "/srv/app/main.py", "x/srv/app/main.py"),
            ("/", "/mnt/", "/srv/app/main.py", "/mnt/srv/app/main.py"),
            (r"C:\app\", "app", r"C:\app\main.py", r"app\main.py"),
            ("/srv/app/", "", "/srv/app/main.py", "main.py"),
            ("/rootfs", "", "/rootfs/usr/main.py", "/usr/main.py"),
        ] {
            let rules = PathRules::new(vec![(from.as_bytes().to_vec(), to.as_bytes().to_vec())], false);
            assert_eq!(*rules.apply(path.as_bytes()), *expected.as_bytes(), "{from}={to}");
        }
    }

    #[test]
    fn the_longest_folder_is_replaced() {
        let pair = |from: &str, to: &str| (from.as_bytes().to_vec(), to.as_bytes().to_vec());
        let rules = PathRules::new(vec![pair("/a", "x"), pair("/a/b", "y"), pair("/c/", "z/")], false);
        for (path, expected) in [
            ("/a/b/c.py", "y/c.py"),
            ("/a/bc.py", "x/bc.py"),
            ("/ab.py", "/ab.py"),
            ("/c/d", "z/d"),
            ("/a", "x"),
        ] {
            assert_eq!(*rules.apply(path.as_bytes()), *expected.as_bytes(), "{path}");
        }
    }
}
