//! The frames at the root that are none: process, thread, host and file of a stack.
//!
//! | dialect | roots |
//! |---|---|
//! | py-spy (`main.rs`, `stack_trace.rs` of 0.4) | `process 12:"command"` with its parents before it, `thread (12): name` |
//! | tachyon | `tid:12` |
//! | austin | `P12;T0:12`: process, interpreter, thread; a name in place of the number in 4.0; 3.0 to 3.4 have no interpreter |
//! | async-profiler (`frameName.cpp`) | `[name tid=12]` |
//! | perf (`stackcollapse-perf.pl`) | the command; `command-12` with `--pid`, `command-12/12` with `--tid`, `?` for an unknown process |
//!
//! profkit itself writes py-spy's, and `file:"x"` and `host:"x"` in the same manner, with `?` for unknown ids.

use std::ops::Range;

use profkit_profile::py_spy::{Root, id};

use crate::count::{Count, parse_integer};
use crate::dialect::{Dialect, Grammar};

/// What the roots of a stack say, as ranges of its text.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Roots {
    /// Where the first frame begins; behind the end of the text if there is none.
    pub(crate) end: usize,
    pub(crate) host: Range<usize>,
    pub(crate) file: Range<usize>,
    pub(crate) pid: Option<i64>,
    pub(crate) process: Range<usize>,
    pub(crate) tid: Option<i64>,
    pub(crate) thread: Range<usize>,
    /// The processes above this one, outermost first: `12:"command"`.
    pub(crate) parents: Vec<Range<usize>>,
    /// Austin: the interpreter in the process.
    pub(crate) interpreter: i64,
}

const PROCESS: &[u8] = b"process ";

/// Stands alone in a line for a stack without frames and roots. py-spy writes nothing at all there, and other tools
/// leave such lines out of the total.
pub(crate) const NO_STACK: &[u8] = b"[no stack]";

/// The bytes of a command that Linux keeps (`TASK_COMM_LEN` less the zero).
pub(crate) const MAX_COMMAND: usize = 15;

/// Reads the roots of a stack.
pub(crate) fn parse(grammar: Grammar, text: &[u8]) -> Roots {
    let mut roots = Roots::default();
    match grammar.dialect {
        Dialect::Flamegraph | Dialect::PySpy => roots.parse_named(text),
        Dialect::AsyncProfiler => {
            let end = piece_end(text, 0);
            match java_thread(&text[..end]) {
                Some((name, tid)) => (roots.thread, roots.tid, roots.end) = (name, Some(tid), end + 1),
                None => roots.parse_named(text),
            }
        }
        Dialect::Tachyon => {
            let end = piece_end(text, 0);
            if let Some(tid) = text[..end].strip_prefix(b"tid:").and_then(parse_integer) {
                (roots.tid, roots.end) = (Some(tid), end + 1);
            }
        }
        Dialect::Austin => roots.parse_austin(text),
        Dialect::Perf => {
            let end = piece_end(text, 0);
            let command = command(&text[..end], grammar.pids);
            (roots.process, roots.pid, roots.tid) = (command.name, command.pid, command.tid);
            if &text[roots.process.clone()] == b"?" {
                roots.process = 0..0;
            }
            roots.end = end + 1;
        }
    }
    roots
}

impl Roots {
    /// Whether there is any.
    pub(crate) fn any(&self) -> bool {
        self.end > 0
    }

    fn parse_named(&mut self, text: &[u8]) {
        let mut own: Option<Range<usize>> = None;
        let mut has_thread = false;
        while self.end < text.len() && !has_thread {
            let at = self.end;
            if let Some((file, next)) = quoted(text, at, b"file:").filter(|_| at == 0) {
                (self.file, self.end) = (file, next);
            } else if let Some((host, next)) = quoted(text, at, b"host:").filter(|_| own.is_none()) {
                (self.host, self.end) = (host, next);
            } else if let Some((pid, command, next)) = process(text, at) {
                // Each process stands below its parent.
                self.parents.extend(own.replace(at + PROCESS.len()..next - 1));
                (self.pid, self.process, self.end) = (pid, command, next);
            } else if let Some((tid, name, next)) = thread(text, at) {
                (self.tid, self.thread, self.end) = (tid, name, next);
                has_thread = true;
            } else {
                break;
            }
        }
    }

    fn parse_austin(&mut self, text: &[u8]) {
        let process_end = piece_end(text, 0);
        let Some(pid) = text[..process_end].strip_prefix(b"P").and_then(parse_integer) else { return };
        if text.get(process_end + 1) != Some(&b'T') {
            return;
        }
        let (mut at, end) = (process_end + 2, piece_end(text, process_end + 1));
        if let Some(colon) = memchr::memchr(b':', &text[at..end])
            && let Some(interpreter) = parse_integer(&text[at..at + colon])
        {
            self.interpreter = interpreter;
            at += colon + 1;
        }
        self.pid = Some(pid).filter(|&pid| pid != 0);
        match parse_integer(&text[at..end]) {
            Some(tid) => self.tid = Some(tid).filter(|&tid| tid != 0),
            None => self.thread = at..end,
        }
        self.end = end + 1;
    }
}

/// Where the piece that begins at `from` ends.
fn piece_end(text: &[u8], from: usize) -> usize {
    memchr::memchr(b';', &text[from..]).map_or(text.len(), |at| from + at)
}

/// `key"text"` at `at`: the text, and where the next piece begins.
fn quoted(text: &[u8], at: usize, key: &[u8]) -> Option<(Range<usize>, usize)> {
    let rest = text[at..].strip_prefix(key)?.strip_prefix(b"\"")?;
    let start = text.len() - rest.len();
    // A command may hold both `;` and `"`, hardly ever one after the other.
    match memchr::memmem::find(rest, b"\";") {
        Some(length) => Some((start..start + length, start + length + 2)),
        None => rest.ends_with(b"\"").then(|| (start..text.len() - 1, text.len() + 1)),
    }
}

/// `process 12:"command"` at `at`.
fn process(text: &[u8], at: usize) -> Option<(Option<i64>, Range<usize>, usize)> {
    let rest = text[at..].strip_prefix(PROCESS)?;
    let colon = at + PROCESS.len() + memchr::memchr(b':', rest)?;
    let (command, next) = quoted(text, colon, b":")?;
    match Root::parse(&text[at..next - 1])? {
        Root::Process { pid, .. } => Some((pid, command, next)),
        Root::Thread { .. } => None,
    }
}

/// `thread (12)` or `thread (12): name` at `at`.
fn thread(text: &[u8], at: usize) -> Option<(Option<i64>, Range<usize>, usize)> {
    let end = piece_end(text, at);
    match Root::parse(&text[at..end])? {
        Root::Thread { tid, name } => Some((tid, end - name.len()..end, end + 1)),
        Root::Process { .. } => None,
    }
}

/// Whether the command of a process in this text is not closed.
pub(crate) fn has_open_command(text: &[u8]) -> bool {
    let mut at = 0;
    while let Some(rest) = text.get(at..).and_then(|rest| rest.strip_prefix(PROCESS)) {
        let Some(quote) = memchr::memmem::find(rest, b":\"").filter(|&quote| id(&rest[..quote]).is_some())
        else {
            return false;
        };
        let command = &rest[quote + 2..];
        let Some(length) = memchr::memmem::find(command, b"\";") else {
            // A process without frames is closed by what was counted.
            let Some(close) = memchr::memmem::rfind(command, b"\" ") else { return true };
            let mut counts = command[close + 2..].split(|&byte| byte == b' ');
            return !counts.all(|count| Count::parse(count).is_some());
        };
        at = text.len() - command.len() + length + 2;
    }
    false
}

/// Name and id of `[name tid=12]`.
pub(crate) fn java_thread(piece: &[u8]) -> Option<(Range<usize>, i64)> {
    let inner = piece.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let equals = memchr::memmem::rfind(inner, b"tid=")?;
    let tid = parse_integer(&inner[equals + 4..])?;
    match inner[..equals].strip_suffix(b" ") {
        Some(name) => Some((1..1 + name.len(), tid)),
        None => (equals == 0).then_some((1..1, tid)),
    }
}

/// The first frame of perf.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Command {
    pub(crate) name: Range<usize>,
    pub(crate) pid: Option<i64>,
    pub(crate) tid: Option<i64>,
    /// Whether it has the form with a process, and with a thread.
    pub(crate) has_pid: bool,
    pub(crate) has_tid: bool,
}

/// Takes `command-12/12` apart; `command-12` only if `pids`.
pub(crate) fn command(piece: &[u8], pids: bool) -> Command {
    let mut command = Command { name: 0..piece.len(), ..Command::default() };
    let dash = |text: &[u8]| {
        let dash = memchr::memrchr(b'-', text)?;
        Some((dash, id(&text[dash + 1..])?))
    };
    if let Some(slash) = memchr::memrchr(b'/', piece)
        && let Some(tid) = id(&piece[slash + 1..])
        && let Some((end, pid)) = dash(&piece[..slash])
    {
        command = Command { name: 0..end, pid, tid, has_pid: true, has_tid: true };
    } else if pids && let Some((end, pid)) = dash(piece) {
        command = Command { name: 0..end, pid, tid: None, has_pid: true, has_tid: false };
    }
    command
}

/// Whether a text might be taken for a root, alone or with what follows it.
pub(crate) fn looks_like_root(dialect: Dialect, text: &[u8]) -> bool {
    let starts: &[&[u8]] = match dialect {
        Dialect::Flamegraph | Dialect::PySpy => &[PROCESS, b"thread (", b"host:\"", b"file:\""],
        _ => &[],
    };
    starts.iter().any(|start| text.starts_with(start))
}

/// Id and command of `12:"command"`.
pub(crate) fn split_process(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let quote = memchr::memmem::find(text, b":\"")?;
    let command = text[quote + 2..].strip_suffix(b"\"")?;
    id(&text[..quote]).map(|_| (&text[..quote], command))
}
