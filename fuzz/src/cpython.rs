//! Asks CPython what it makes of a dump, through `cpython.py` in a process of its own: hostile marshal data crashes
//! CPython, and then the next question goes to a new one.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use profkit_profile::{FunctionId, Profile};

/// Names the interpreter.
const PYTHON: &str = "PROFKIT_FUZZ_PYTHON";

/// File, line, name.
type Key = (Vec<u8>, i64, Vec<u8>);
/// Calls, primitive calls, own and total nanoseconds.
type Numbers = [i64; 4];

/// What a dump says.
#[derive(Default, Debug)]
pub struct Dump {
    functions: BTreeMap<Key, Numbers>,
    /// By callee and caller.
    edges: BTreeMap<(Key, Key), Numbers>,
}

impl Dump {
    /// What profkit read.
    #[must_use]
    pub fn of(profile: &Profile) -> Self {
        let key = |id: FunctionId| {
            let function = profile.functions()[id];
            let (file, name) = (profile.bytes(function.file), profile.bytes(function.name));
            (file.to_vec(), function.first_line, name.to_vec())
        };
        let (functions, edges) = (profile.calls().functions(), profile.calls().edges());
        let mut dump = Self::default();
        for (row, calls) in functions.rows().iter().enumerate() {
            let (own, total) = (functions.own(0)[row], functions.total(0)[row]);
            let numbers = [calls.calls.unwrap_or(0), calls.primitive_calls.unwrap_or(0), own, total];
            dump.functions.insert(key(calls.function), numbers);
        }
        for (row, edge) in edges.rows().iter().enumerate() {
            let (own, total) = (edges.own(0)[row], edges.total(0)[row]);
            let numbers = [edge.calls.unwrap_or(0), edge.primitive_calls.unwrap_or(0), own, total];
            dump.edges.insert((key(edge.callee), key(edge.caller)), numbers);
        }
        dump
    }

    fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut dump = Self::default();
        let mut callee = Key::default();
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words[at].parse().expect("a number");
            let key = (unhex(words[1]), number(2), unhex(words[3]));
            let numbers = [number(4), number(5), number(6), number(7)];
            if words[0] == "f" {
                callee = key.clone();
                dump.functions.insert(key, numbers);
            } else {
                dump.edges.insert((callee.clone(), key), numbers);
            }
        }
        dump
    }

    /// Panics unless the other one says the same.
    pub fn compare(&self, ours: &Self) {
        assert!(self.functions == ours.functions, "CPython: {self:?}\nprofkit: {ours:?}");
        assert!(self.edges == ours.edges, "CPython: {self:?}\nprofkit: {ours:?}");
    }
}

fn unhex(text: &str) -> Vec<u8> {
    if text == "-" {
        return Vec::new();
    }
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(byte).collect()
}

/// What CPython makes of bytes.
pub enum Answer {
    /// It ended.
    Died,
    /// It does not load them, in its words.
    Refused(String),
    /// It loads them, but as no dump of numbers, or not to the end.
    Odd,
    /// A dump.
    Dump(Dump),
}

/// A running CPython.
pub struct CPython {
    child: Child,
    questions: ChildStdin,
    answers: ChildStdout,
}

impl CPython {
    /// Starts one, the interpreter that `PROFKIT_FUZZ_PYTHON` names.
    #[must_use]
    pub fn start() -> Self {
        let python = std::env::var_os(PYTHON).unwrap_or_else(|| panic!("{PYTHON} names no interpreter"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cpython.py");
        let mut command = Command::new(&python);
        command
            .args(["-I", "-S"])
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", python.display()));
        let questions = child.stdin.take().expect("a pipe");
        let answers = child.stdout.take().expect("a pipe");
        let mut started = Self { child, questions, answers };
        // An interpreter that never answers would look like one that always dies.
        assert!(
            matches!(started.try_ask(b"{0"), Ok(Answer::Dump(_))),
            "{} does not answer",
            python.display()
        );
        started
    }

    /// What it makes of `bytes`.
    pub fn ask(&mut self, bytes: &[u8]) -> Answer {
        self.try_ask(bytes).unwrap_or_else(|_| {
            let _ = self.child.wait();
            *self = Self::start();
            Answer::Died
        })
    }

    fn try_ask(&mut self, bytes: &[u8]) -> io::Result<Answer> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.questions.write_all(&length.to_le_bytes())?;
        self.questions.write_all(bytes)?;
        let mut head = [0; 4];
        self.answers.read_exact(&mut head)?;
        let mut text = vec![0; usize::try_from(u32::from_le_bytes(head)).map_err(io::Error::other)?];
        self.answers.read_exact(&mut text)?;
        let text = String::from_utf8(text).map_err(io::Error::other)?;
        let mut lines = text.lines();
        Ok(match lines.next() {
            Some("dump") => Answer::Dump(Dump::parse(lines)),
            Some("odd") => Answer::Odd,
            _ => Answer::Refused(lines.collect()),
        })
    }
}
