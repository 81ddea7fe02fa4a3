//! The Pythons that programs are recorded on, and how `profkit` gets to them.
//!
//! Python 3.14 and 3.15 live in a root of their own with another libc. There `profkit` runs in that root as well, from links
//! to the built files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A Python, and a folder in which it runs programs.
pub(super) struct Interpreter {
    /// The folder as seen from here.
    pub(super) folder: TempDir,
    root: Option<PathBuf>,
    python: String,
}

impl Interpreter {
    /// The first `python3` of the path.
    pub(super) fn default() -> Self {
        // What stands in the path may be a script that starts another one.
        let program = "import sys; print(sys.executable)";
        let found = Command::new("python3").args(["-c", program]).output().expect("python3").stdout;
        let python = String::from_utf8(found).unwrap().trim().to_owned();
        Self { folder: TempDir::new().unwrap(), root: None, python }
    }

    /// The reference interpreter of this version, `3.8` to `3.15`.
    pub(super) fn reference(version: &str) -> Self {
        use crate::reference::tools::tool;
        if !matches!(version, "3.14" | "3.15") {
            let python = tool(&format!("python/{version}")).canonicalize().unwrap().display().to_string();
            return Self { folder: TempDir::new().unwrap(), root: None, python };
        }
        let root = tool("sid");
        let folder = TempDir::with_prefix_in("profkit-", root.join("tmp")).unwrap();
        for file in built() {
            let name = file.file_name().unwrap();
            let to = folder.path().join(name);
            fs::hard_link(&file, &to).or_else(|_| fs::copy(&file, &to).map(|_| ())).unwrap();
        }
        Self { folder, root: Some(root), python: format!("/usr/bin/python{version}") }
    }

    /// One of a virtual environment among the reference tools, by its path there.
    pub(super) fn installed(path: &str) -> Self {
        let python = crate::reference::tools::tool(path).display().to_string();
        Self { folder: TempDir::new().unwrap(), root: None, python }
    }

    /// The folder as the programs see it.
    pub(super) fn inside(&self) -> PathBuf {
        let folder = self.folder.path();
        self.root
            .as_ref()
            .map_or(folder.to_owned(), |root| Path::new("/").join(folder.strip_prefix(root).unwrap()))
    }

    /// How the programs see the interpreter.
    pub(super) fn python(&self) -> &str {
        &self.python
    }

    /// Where it is installed, if its library is in a file of its own.
    pub(super) fn prefix(&self) -> PathBuf {
        fs::canonicalize(&self.python).unwrap().ancestors().nth(2).unwrap().to_owned()
    }

    /// Puts a file of `tests/programs` into the folder.
    pub(super) fn program(&self, name: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(name);
        fs::copy(from, self.folder.path().join(name)).unwrap();
    }

    /// A command in the folder, before which `profkit` may stand.
    fn command(&self, program: &str) -> Command {
        let mut command = match &self.root {
            None => Command::new(program),
            Some(root) => {
                // The root has no /proc and /dev of its own; these mounts are seen by this command only.
                let mount =
                    format!("mount -t proc proc {0}/proc && mount --rbind /dev {0}/dev", root.display());
                let inner = format!("cd {} && exec \"$@\"", self.inside().display());
                let outer = format!("{mount} && exec chroot {} sh -c '{inner}' sh \"$@\"", root.display());
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh", "-c", &outer, "sh", program]);
                command
            }
        };
        command.current_dir(self.folder.path()).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// The interpreter with these arguments.
    pub(super) fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&self.python);
        command.args(arguments);
        command
    }

    /// `profkit` with these arguments.
    pub(super) fn profkit(&self, arguments: &[&str]) -> Command {
        let under_test = built()[0].clone();
        let program = match &self.root {
            None => under_test.display().to_string(),
            Some(_) => self.inside().join(under_test.file_name().unwrap()).display().to_string(),
        };
        let mut command = self.command(&program);
        command.args(arguments);
        command
    }

    /// `profkit` with these arguments, after these words of a shell.
    pub(super) fn profkit_after(&self, words: &str, arguments: &[&str]) -> Command {
        let profkit = self.profkit(arguments);
        let mut shell = self.command("sh");
        shell.args(["-c", &format!("{words}; exec \"$@\""), "sh"]).arg(profkit.get_program());
        shell.args(profkit.get_args());
        shell
    }

    /// `profkit record --trace -o OUT -- PYTHON ARGUMENTS`.
    pub(super) fn record(&self, output: &str, arguments: &[&str]) -> Command {
        let mut all = vec!["record", "--trace", "-o", output, "--", &self.python];
        all.extend(arguments);
        self.profkit(&all)
    }
}

/// The command, and the objects that it looks for beside itself.
fn built() -> [PathBuf; 3] {
    let command = PathBuf::from(env!("CARGO_BIN_EXE_profkit-under-test"));
    let beside = |name| command.with_file_name(name);
    [command.clone(), beside("libprofkit_preload.so"), beside("libprofkit_tracer.so")]
}
