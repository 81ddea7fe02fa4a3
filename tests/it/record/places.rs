//! Where a Python can be found: in files that are stripped, gone or seen by the program only, and in programs that embed it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::interpreter::Interpreter;
use super::result::{output, status};

/// Says that it runs, and runs for long.
const RUNS: &str = "import time\ndef inner(end):\n while time.time() < end: pass\nprint('runs', flush=True)\ninner(time.time() + 60)";

/// A program that runs until this is dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "runs\n");
        Self(child)
    }

    fn dump(&self, interpreter: &Interpreter) -> String {
        let dumped = output(&mut interpreter.profkit(&["dump", &self.0.id().to_string()]));
        assert_eq!(status(&dumped), 0, "{}", String::from_utf8_lossy(&dumped.stderr));
        String::from_utf8(dumped.stdout).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

fn strip(file: &Path) {
    run(Command::new("strip").arg(file));
}

#[test]
fn a_program_that_is_stripped_and_gone_and_replaced() {
    let interpreter = Interpreter::default();
    let file = interpreter.folder.path().join("interpreter");
    // Debian's is one file, with all of Python in it.
    fs::copy(fs::canonicalize("/usr/bin/python3").unwrap(), &file).unwrap();
    strip(&file);
    let running = Running::start(Command::new(&file).args(["-c", RUNS]));
    assert!(running.dump(&interpreter).contains("inner"));
    fs::remove_file(&file).unwrap();
    assert!(running.dump(&interpreter).contains("inner"));
    fs::write(&file, "something else").unwrap();
    assert!(running.dump(&interpreter).contains("inner"));
}

/// With other versions; `reference` since they have to be installed.
mod reference {
    use std::path::PathBuf;

    use super::*;

    /// Where a version is installed that has its library in a file of its own.
    fn prefix(interpreter: &Interpreter) -> PathBuf {
        let file = fs::canonicalize(interpreter.python()).unwrap();
        file.ancestors().nth(2).unwrap().to_owned()
    }

    #[test]
    fn a_library_that_is_gone() {
        let interpreter = Interpreter::reference("3.13");
        let (prefix, folder) = (prefix(&interpreter), interpreter.folder.path());
        let library = folder.join("libpython3.13.so.1.0");
        fs::copy(prefix.join("lib/libpython3.13.so.1.0"), &library).unwrap();
        let mut command = Command::new(interpreter.python());
        command.args(["-c", RUNS]).env("LD_LIBRARY_PATH", folder).env("PYTHONHOME", &prefix);
        let running = Running::start(&mut command);
        let maps = fs::read_to_string(format!("/proc/{}/maps", running.0.id())).unwrap();
        assert!(maps.contains(library.to_str().unwrap()), "{maps}");
        fs::remove_file(&library).unwrap();
        assert!(running.dump(&interpreter).contains("inner"));
    }

    #[test]
    fn a_program_in_c_that_embeds_it() {
        let interpreter = Interpreter::reference("3.13");
        let (prefix, folder) = (prefix(&interpreter), interpreter.folder.path());
        let code = format!(
            "#include <Python.h>\nint main(void) {{ Py_Initialize(); return PyRun_SimpleString({RUNS:?}); }}"
        );
        fs::write(folder.join("embeds.c"), code).unwrap();
        let library = prefix.join("lib");
        let mut compiler = Command::new("cc");
        compiler.current_dir(folder).args(["-o", "embeds", "embeds.c", "-lpython3.13", "-I"]);
        run(compiler.arg(prefix.join("include/python3.13")).arg("-L").arg(&library));
        strip(&folder.join("embeds"));
        let mut command = Command::new(folder.join("embeds"));
        let running = Running::start(command.env("LD_LIBRARY_PATH", library).env("PYTHONHOME", prefix));
        let dumped = running.dump(&interpreter);
        assert!(dumped.contains("inner") && dumped.contains("embeds"), "{dumped}");
    }

    #[test]
    fn a_virtual_environment() {
        let interpreter = Interpreter::reference("3.13");
        let folder = interpreter.folder.path();
        run(interpreter.bare(&["-m", "venv", "--without-pip", "environment"]).current_dir(folder));
        let running = Running::start(Command::new(folder.join("environment/bin/python")).args(["-c", RUNS]));
        assert!(running.dump(&interpreter).contains("inner"));
    }

    /// The file is in a file system that nobody but the program sees.
    #[test]
    fn a_mount_namespace() {
        let interpreter = Interpreter::default();
        let folder = interpreter.folder.path().join("mounted");
        fs::create_dir(&folder).unwrap();
        let script =
            r#"mount -t tmpfs none "$PWD" && cd "$PWD" && cp /usr/bin/python3 here && exec ./here -c "$0""#;
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, RUNS]).current_dir(&folder);
        let running = Running::start(&mut command);
        assert!(!folder.join("here").exists());
        assert!(running.dump(&interpreter).contains("inner"));
    }

    /// Debian sid's C library is another one than this system's.
    #[test]
    fn a_root_of_its_own() {
        let interpreter = Interpreter::default();
        let root = crate::reference::tools::tool("sid");
        let mut command = Command::new("chroot");
        let running = Running::start(command.arg(root).args(["/usr/bin/python3.15", "-c", RUNS]));
        assert!(running.dump(&interpreter).contains("inner"));
    }
}
