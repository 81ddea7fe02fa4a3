//! The grammars that hide behind one extension, and how they are told apart: only by what the frames look like.

use crate::frame::{self, Location};
use crate::record::{Kind, Records};
use crate::root::{self, NO_STACK};
use crate::survey::{Survey, is_tolerable};

/// Who writes lines like these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    /// Names only: flamegraph.pl's own, and everybody who has nothing else.
    Flamegraph,
    /// `name (file:line)`, below `process 12:"command"` and `thread (12): name`.
    PySpy,
    /// `file:name:line` below `tid:12`: Python 3.15's `profiling.sampling`, which calls itself Tachyon.
    Tachyon,
    /// `file:name:line` below `P12;T0:12`, with metadata and a metric of its own.
    Austin,
    /// Names with suffixes for how they were compiled, below `[name tid=12]`.
    AsyncProfiler,
    /// The command first, with ids where asked for: `python-12/12`.
    Perf,
}

impl Dialect {
    pub(crate) const ALL: [Self; 6] =
        [Self::Flamegraph, Self::PySpy, Self::Tachyon, Self::Austin, Self::AsyncProfiler, Self::Perf];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Flamegraph => "flamegraph",
            Self::PySpy => "py-spy",
            Self::Tachyon => "tachyon",
            Self::Austin => "austin",
            Self::AsyncProfiler => "async-profiler",
            Self::Perf => "perf",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }
}

/// How the lines of one file are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Grammar {
    pub(crate) dialect: Dialect,
    /// perf: every command ends in a process id, so that the number of `Thread-1` may be taken for one.
    pub(crate) pids: bool,
    /// py-spy: every stack begins and ends in a frame with a file, so that a piece without one is a part of a name.
    pub(crate) placed: bool,
    /// Names have stand-ins; see `escape.rs`.
    pub(crate) escaped: bool,
    /// Frames that an estimate made up end in ` [inferred]`.
    pub(crate) inferred: bool,
}

impl Grammar {
    pub(crate) const fn of(dialect: Dialect) -> Self {
        Self { dialect, pids: false, placed: false, escaped: false, inferred: false }
    }
}

/// How much of a file is looked at to tell what it is.
pub(crate) const HEAD: usize = 64 * 1024;

/// The lines at the begin of a file that are looked at: as many whole ones as fit, at least one.
pub(crate) fn head(text: &[u8]) -> &[u8] {
    if text.len() <= HEAD {
        return text;
    }
    let end = memchr::memrchr(b'\n', &text[..HEAD])
        .or_else(|| memchr::memchr(b'\n', &text[HEAD..]).map(|at| at + HEAD));
    &text[..end.map_or(text.len(), |at| at + 1)]
}

/// What was counted in the head of a file.
#[derive(Default)]
struct Tally {
    lines: usize,
    /// Lines below `process 12:"command"` or `thread (12)`.
    rooted: usize,
    frames: usize,
    /// Lines of which the first or the last frame has no file.
    open: usize,
    /// Frames like `name (file.py:12)`, and like `name (file.py)`.
    with_line: usize,
    with_file: usize,
    /// Frames with a suffix that tells how Java code was compiled.
    compiled: usize,
    /// Lines below `[name tid=12]`.
    java_threads: usize,
    /// Lines whose first frame is no longer than a command, and those where it ends in ids.
    commands: usize,
    with_pid: usize,
    with_tid: usize,
    /// Lines whose second frame is where a thread of Linux begins, and whose first one is.
    entry_second: usize,
    entry_first: usize,
}

/// The grammar of a file, from its head. Where nothing speaks for another one it is the plain one.
pub(crate) fn detect(head: &[u8]) -> Grammar {
    let rooted = [Dialect::Austin, Dialect::Tachyon].into_iter().find(|&dialect| begins_all(head, dialect));
    rooted.map_or_else(|| Tally::of(head, Dialect::PySpy).decide(), Grammar::of)
}

/// The grammar of a file whose dialect is known.
pub(crate) fn refine(dialect: Dialect, head: &[u8]) -> Grammar {
    Tally::of(head, dialect).grammar(dialect)
}

/// Whether all lines begin in the manner of Austin or Tachyon, which nothing else does.
pub(crate) fn begins_all(head: &[u8], dialect: Dialect) -> bool {
    let (mut stacks, mut others) = (0, 0);
    for record in Records::new(head, dialect) {
        match record.kind {
            Kind::Stack { end, .. }
                if root::parse(Grammar::of(dialect), record.text[..end].trim_ascii_start()).any() =>
            {
                stacks += 1;
            }
            Kind::Comment => {}
            _ => others += 1,
        }
    }
    stacks > 0 && is_tolerable(others, stacks)
}

impl Tally {
    fn of(head: &[u8], dialect: Dialect) -> Self {
        let mut tally = Self::default();
        let differential = Survey::of(head, dialect).is_differential();
        for record in Records::new(head, dialect) {
            if let Some(stack) = record.stack(differential) {
                tally.add(stack.trim_ascii_start());
            }
        }
        tally
    }

    fn add(&mut self, stack: &[u8]) {
        if stack.is_empty() || stack == NO_STACK {
            return;
        }
        self.lines += 1;
        self.add_ends(stack);
        let roots = root::parse(Grammar::of(Dialect::PySpy), stack);
        self.rooted += usize::from(roots.any());
        let Some(frames) = stack.get(roots.end..) else { return };
        let first = frames.split(|&byte| byte == b';').next().unwrap_or(&[]);
        let begins = frame::location(first).is_some() || is_cut(first);
        let mut has_file = true;
        for frame in frames.split(|&byte| byte == b';') {
            self.frames += 1;
            has_file = true;
            match frame::location(frame) {
                Some(Location { line: Some(_), .. }) => self.with_line += 1,
                Some(Location { file, .. }) if looks_like_file(&frame[file.clone()]) => self.with_file += 1,
                _ => has_file = false,
            }
            let compiled = [&b"_[j]"[..], b"_[i]", b"_[0]", b"_[1]"];
            self.compiled += usize::from(compiled.iter().any(|suffix| frame.ends_with(suffix)));
        }
        self.open += usize::from(!has_file || !begins);
    }

    /// Looks at the first two frames for what perf and async-profiler put there.
    fn add_ends(&mut self, stack: &[u8]) {
        let mut frames = stack.split(|&byte| byte == b';');
        let first = frames.next().unwrap_or(&[]);
        self.java_threads += usize::from(root::java_thread(first).is_some());
        let command = root::command(first, true);
        self.commands += usize::from(is_command(&first[command.name.clone()]));
        self.with_pid += usize::from(command.has_pid);
        self.with_tid += usize::from(command.has_tid);
        self.entry_first += usize::from(is_entry(first, b""));
        self.entry_second +=
            usize::from(frames.next().is_some_and(|second| is_entry(second, &first[command.name])));
    }

    fn grammar(&self, dialect: Dialect) -> Grammar {
        Grammar {
            pids: dialect == Dialect::Perf && self.lines > 0 && self.with_pid == self.lines,
            placed: dialect == Dialect::PySpy && self.frames > 0 && self.open == 0,
            ..Grammar::of(dialect)
        }
    }

    fn decide(&self) -> Grammar {
        // A line number in parentheses is found nowhere else; a file name alone might be a signature.
        let placed =
            self.with_line > 0 && self.with_line * 20 >= self.frames || self.with_file * 2 > self.frames;
        self.grammar(if placed || self.rooted * 2 > self.lines {
            Dialect::PySpy
        } else if self.java_threads * 2 > self.lines {
            Dialect::AsyncProfiler
        } else if self.is_perf() {
            Dialect::Perf
        } else if self.compiled * 100 > self.frames {
            Dialect::AsyncProfiler
        } else {
            Dialect::Flamegraph
        })
    }

    /// Whether the first frame of every line is a command: either it ends in a process and a thread, or it is
    /// short enough for one (the kernel keeps 15 bytes) and the threads begin one frame after it.
    fn is_perf(&self) -> bool {
        let ids = self.lines > 0 && self.with_tid == self.lines;
        let begins = self.entry_second * 10 >= self.lines * 3 && self.entry_first * 20 <= self.lines;
        ids || (self.lines > 0 && self.commands == self.lines && begins)
    }
}

/// Whether this can be the name of a program.
fn is_command(name: &[u8]) -> bool {
    let other: [&[u8]; 3] = [b"0x", b"[", b"<"];
    (1..=root::MAX_COMMAND).contains(&name.len()) && !other.iter().any(|start| name.starts_with(start))
}

/// Whether a semicolon in its path cut this frame of py-spy in two: `f (a;b.py:3)`.
fn is_cut(piece: &[u8]) -> bool {
    let count = |wanted: u8| piece.iter().filter(|&&byte| byte == wanted).count();
    count(b'(') > count(b')')
}

/// Whether this is what py-spy writes into parentheses: a path, or `?` where it knows no module.
fn looks_like_file(text: &[u8]) -> bool {
    text == b"?" || text == b"~" || (text.starts_with(b"<") && text.ends_with(b">")) || {
        text.iter().any(|&byte| byte == b'.' || byte == b'/') && !text.contains(&b',')
    }
}

/// Whether a thread of Linux begins in this function, or in one of `command` that perf has no name for.
fn is_entry(name: &[u8], command: &[u8]) -> bool {
    const NAMES: &[&[u8]] = &[
        b"_start",
        b"start_thread",
        b"thread_start",
        b"clone",
        b"clone3",
        b"__clone",
        b"__clone3",
        b"__GI___clone",
        b"do_syscall_64",
        b"start_kernel",
        b"_dl_start",
        b"_dl_start_user",
    ];
    const PREFIXES: &[&[u8]] = &[
        b"entry_SYSCALL",
        b"entry_SYSENTER",
        b"ret_from_fork",
        b"secondary_startup",
        b"asm_",
        b"el0",
        b"__libc_start",
    ];
    let name = name.strip_suffix(b"_[k]").unwrap_or(name);
    is_nameless(name, command)
        || NAMES.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether this stands for a function that perf has no name for: the binary that it is in, in brackets
/// (`stackcollapse-perf.pl`, inferno). Others have `[gc]` and `[idle]`.
fn is_nameless(name: &[u8], command: &[u8]) -> bool {
    let Some(binary) = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")) else { return false };
    let starts: [&[u8]; 4] = [b"unknown", b"[", b"kernel", b"perf-"];
    starts.iter().any(|start| binary.starts_with(start))
        || memchr::memmem::find(binary, b".so").is_some()
        || (!command.is_empty() && binary.starts_with(command))
}
