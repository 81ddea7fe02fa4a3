//! Where a Python can be found: in files that are stripped, gone or seen by the program only, and in programs that embed it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::interpreter::Interpreter;
use super::result::{output, status, until};

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
    use std::collections::BTreeMap;

    use super::super::result::{Report, json};
    use super::*;

    #[test]
    fn a_library_that_is_gone() {
        let interpreter = Interpreter::reference("3.13");
        let (prefix, folder) = (interpreter.prefix(), interpreter.folder.path());
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
        let (prefix, folder) = (interpreter.prefix(), interpreter.folder.path());
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

    /// Says that it runs, and then which numbers its three threads have.
    const THREADS: &str = "import threading, time
def rest(): time.sleep(600)
def spin():
    while True: pass
for work in rest, spin:
    threading.Thread(target=work, name=work.__name__, daemon=True).start()
print('runs', flush=True)
open('threads', 'w').write(' '.join(f'{thread.name} {thread.native_id}' for thread in threading.enumerate()))
rest()";

    /// The names and numbers of the threads of the last process that is told of.
    fn numbers(dump: &serde_json::Value) -> BTreeMap<String, u64> {
        let threads = dump["processes"].as_array().unwrap().last().unwrap()["threads"].as_array().unwrap();
        let number = |thread: &serde_json::Value| {
            (thread["name"].as_str().unwrap().to_owned(), thread["tid"].as_u64().unwrap())
        };
        threads.iter().map(number).collect()
    }

    /// The program is process 1 of a pid namespace, as in a container: seen from there, and from outside.
    fn a_pid_namespace(version: &str) {
        let interpreter = Interpreter::reference(version);
        let mut command = Command::new("unshare");
        command.args([
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
            interpreter.python(),
            "-c",
            THREADS,
        ]);
        let running = Running::start(command.current_dir(interpreter.folder.path()));
        let mut told = BTreeMap::new();
        until("what the program says", || {
            let text = fs::read_to_string(interpreter.folder.path().join("threads")).unwrap_or_default();
            let words: Vec<&str> = text.split(' ').collect();
            told = words.chunks_exact(2).map(|two| (two[0].to_owned(), two[1].parse().unwrap())).collect();
            told.len() == 3
        });
        let unshare = running.0.id();
        let child = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).unwrap();
        let child = child.trim();
        let outside = numbers(&json(&interpreter, &["dump", child, "--json"]));
        let inner = |id: u64| -> u64 {
            let status = fs::read_to_string(format!("/proc/{child}/task/{id}/status")).unwrap();
            let line = status.lines().find(|line| line.starts_with("NSpid:")).unwrap();
            line.split_whitespace().last().unwrap().parse().unwrap()
        };
        assert_eq!(
            outside.iter().map(|(name, &id)| (name.clone(), inner(id))).collect::<BTreeMap<_, _>>(),
            told
        );

        let mut enter = Command::new("nsenter");
        enter.args(["--target", child, "--pid", "--mount"]);
        let dumped = output(enter.arg(interpreter.profkit(&[]).get_program()).args(["dump", "1", "--json"]));
        assert_eq!(numbers(&serde_json::from_slice(&dumped.stdout).unwrap()), told);

        let record = ["record", "--pid", child, "--duration", "0.5", "-o", "out.pb.gz"];
        let recorded = output(&mut interpreter.profkit(&record));
        assert_eq!(status(&recorded), 0, "{}", String::from_utf8_lossy(&recorded.stderr));
        let spun = Report::of(&interpreter, "out.pb.gz").total("spin", "<string>", "cpu");
        assert!((0.1..0.7).contains(&spun), "{spun}");
    }

    /// Its thread states do not have the numbers of its threads.
    #[test]
    fn a_pid_namespace_on_3_10() {
        a_pid_namespace("3.10");
    }

    #[test]
    fn a_pid_namespace_on_3_12() {
        a_pid_namespace("3.12");
    }

    /// Interpreters with locks of their own, each for a moment.
    const COME_AND_GO: &str = r#"import threading, time
try:
    import _interpreters as interpreters
    create, run = lambda: interpreters.create("isolated"), interpreters.exec
except ImportError:
    import _xxsubinterpreters as interpreters
    create, run = lambda: interpreters.create(isolated=True), interpreters.run_string
def spin(end):
    while time.time() < end: pass
def once():
    interpreter = create()
    run(interpreter, "import time\nend = time.time() + 0.03\nwhile time.time() < end: pass")
    interpreters.destroy(interpreter)
for _ in range(15):
    thread = threading.Thread(target=once)
    thread.start()
    thread.join()
    spin(time.time() + 0.01)
"#;

    fn interpreters_that_come_and_go(version: &str) {
        let interpreter = Interpreter::reference(version);
        let record =
            ["record", "--rate", "1000", "-o", "out.pb.gz", "--", interpreter.python(), "-c", COME_AND_GO];
        let recorded = output(&mut interpreter.profkit(&record));
        let stderr = String::from_utf8_lossy(&recorded.stderr);
        assert_eq!(status(&recorded), 0, "{stderr}");
        let info = json(&interpreter, &["info", "out.pb.gz", "--json"]);
        assert!(info["comments"].to_string().contains("recorded 1 process and "), "{info:#}");
        let spun = Report::of(&interpreter, "out.pb.gz").total("spin", "<string>", "wall");
        assert!((0.1..0.5).contains(&spun), "{spun}: {stderr}");
    }

    #[test]
    fn interpreters_that_come_and_go_on_3_12() {
        interpreters_that_come_and_go("3.12");
    }

    #[test]
    fn interpreters_that_come_and_go_on_3_13() {
        interpreters_that_come_and_go("3.13");
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
