//! The roots of a stack as text, checked like frames: what does not read back gets stand-ins.

use std::borrow::Cow;
use std::ops::Range;

use profkit_profile::py_spy::PARENT_LABEL;
use profkit_profile::{Label, LabelSetId, Origin, OriginId, Profile, push_decimal};

use crate::INTERPRETER_LABEL;
use crate::dialect::{Dialect, Grammar};
use crate::escape::{Marks, mask, push_escaped, unescape};
use crate::root::{self, NO_STACK, Roots};

/// What a dialect holds of an origin and its labels.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct ShownRoots<'a> {
    host: &'a [u8],
    file: &'a [u8],
    pid: Option<i64>,
    process: &'a [u8],
    tid: Option<i64>,
    thread: &'a [u8],
    /// The id and the command of each process above.
    parents: Vec<(&'a [u8], &'a [u8])>,
    interpreter: i64,
}

/// What of an origin and its labels has no place in a dialect.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct RootLoss {
    pub(crate) origin: bool,
    pub(crate) labels: bool,
}

impl<'a> ShownRoots<'a> {
    /// What `dialect` holds, and whether that is less than all. `ignored` is a label that is held elsewhere.
    pub(crate) fn of(
        profile: &'a Profile,
        origin: OriginId,
        labels: LabelSetId,
        dialect: Dialect,
        ignored: &[u8],
    ) -> (Self, RootLoss) {
        let origin = profile.origins()[origin];
        let mut shown = Self::all(profile, origin);
        let mut loss = RootLoss::default();
        for label in profile.labels().get(labels) {
            let held = shown.add_label(profile, label, dialect) || profile.bytes(label.key) == ignored;
            loss.labels |= !held;
        }
        let all = shown.clone();
        match dialect {
            Dialect::Austin => {
                // Process 0 and thread 0 stand for unknown ones.
                shown.pid = shown.pid.filter(|&pid| pid != 0);
                shown.tid = shown.tid.filter(|&tid| tid != 0);
                (shown.host, shown.file, shown.process) = (b"", b"", b"");
                if shown.tid.is_some() {
                    shown.thread = b"";
                }
            }
            Dialect::Perf => {
                // A sign would be one dash too many.
                shown.pid = shown.pid.filter(|&pid| pid >= 0);
                shown.tid = shown.tid.filter(|&tid| tid >= 0);
                (shown.host, shown.file, shown.thread) = (b"", b"", b"");
            }
            _ => {}
        }
        loss.origin = shown != all;
        (shown, loss)
    }

    fn all(profile: &'a Profile, origin: Origin) -> Self {
        Self {
            host: profile.bytes(origin.host),
            file: profile.bytes(origin.file),
            pid: origin.pid,
            process: profile.bytes(origin.process),
            tid: origin.tid,
            thread: profile.bytes(origin.thread),
            parents: Vec::new(),
            interpreter: 0,
        }
    }

    /// Takes in a label that has a place among the roots; whether it has one.
    fn add_label(&mut self, profile: &'a Profile, label: &Label, dialect: Dialect) -> bool {
        match (profile.bytes(label.key), dialect) {
            (PARENT_LABEL, Dialect::PySpy | Dialect::Flamegraph) => {
                let parent = root::split_process(profile.bytes(label.string));
                self.parents.extend(parent);
                parent.is_some()
            }
            (INTERPRETER_LABEL, Dialect::Austin) if label.string.is_empty() && self.interpreter == 0 => {
                self.interpreter = label.number;
                true
            }
            _ => false,
        }
    }

    /// The text of the roots, empty where there are none; `None` where it needs stand-ins and `grammar` has none.
    pub(crate) fn text(&self, grammar: Grammar) -> Option<Vec<u8>> {
        let attempts: &[Option<Marks>] = match grammar.escaped {
            false => &[None],
            true => &Marks::EVERY.map(Some),
        };
        let mut text = Vec::new();
        for &marks in attempts {
            text.clear();
            self.push(grammar.dialect, &mut text, marks);
            if self.reads_back(grammar, &text) {
                return Some(text);
            }
        }
        grammar.escaped.then_some(text)
    }

    fn push(&self, dialect: Dialect, out: &mut Vec<u8>, stand_ins: Option<Marks>) {
        let mut pieces = Pieces { out, stand_ins, any: false };
        match dialect {
            Dialect::Austin => {
                pieces.begin(b"P").number(self.pid.unwrap_or(0));
                pieces.begin(b"T");
                if self.interpreter != 0 || (!self.thread.is_empty() && self.thread.contains(&b':')) {
                    pieces.number(self.interpreter).raw(b":");
                }
                match self.tid {
                    None if !self.thread.is_empty() => pieces.text(self.thread),
                    tid => pieces.number(tid.unwrap_or(0)),
                };
            }
            Dialect::Perf => {
                pieces.begin(b"");
                if self.process.is_empty() {
                    pieces.raw(b"?")
                } else {
                    pieces.text(self.process)
                };
                if self.pid.is_some() || self.tid.is_some() {
                    pieces.raw(b"-").id(self.pid).raw(b"/").id(self.tid);
                }
            }
            _ => self.push_named(&mut pieces),
        }
    }

    fn push_named(&self, pieces: &mut Pieces<'_>) {
        for (key, text) in [(&b"file:\""[..], self.file), (b"host:\"", self.host)] {
            if !text.is_empty() {
                pieces.begin(key).text(text).raw(b"\"");
            }
        }
        for (id, command) in &self.parents {
            pieces.begin(b"process ").raw(id).raw(b":\"").text(command).raw(b"\"");
        }
        if self.pid.is_some() || !self.process.is_empty() || !self.parents.is_empty() {
            pieces.begin(b"process ").id(self.pid).raw(b":\"").text(self.process).raw(b"\"");
        }
        if self.tid.is_some() || !self.thread.is_empty() {
            pieces.begin(b"thread (").id(self.tid).raw(b")");
            if !self.thread.is_empty() {
                pieces.raw(b": ").text(self.thread);
            }
        }
    }

    /// Whether the reader finds the same in `text`, with frames after it and without.
    fn reads_back(&self, grammar: Grammar, text: &[u8]) -> bool {
        if text.is_empty() {
            return true;
        }
        let with_frame = [text, b";x"].concat();
        let lines = [[text, b" 1"].concat(), [text, b";x 1"].concat()];
        !text.iter().any(u8::is_ascii_control)
            && text.trim_ascii().len() == text.len()
            && !text.starts_with(b"#")
            && text != NO_STACK
            && !lines.iter().any(|line| root::has_open_command(line))
            // A command that ends in a number must not become an id, whatever the other lines of the file have.
            && [false, true].into_iter().all(|pids| {
                let grammar = Grammar { pids, ..grammar };
                self.is_read_from(grammar, text, text.len()) && self.is_read_from(grammar, &with_frame, text.len())
            })
    }

    fn is_read_from(&self, grammar: Grammar, text: &[u8], length: usize) -> bool {
        let masked = if grammar.escaped { mask(text) } else { Cow::Borrowed(text) };
        let Roots { end, host, file, pid, process, tid, thread, parents, interpreter } =
            root::parse(grammar, &masked);
        let plain = |range: &Range<usize>| match grammar.escaped {
            true => unescape(&text[range.clone()]),
            false => Cow::Borrowed(&text[range.clone()]),
        };
        let parent = |&(id, command): &(&[u8], &[u8])| [id, b":\"", command, b"\""].concat();
        end == length + 1
            && plain(&host) == self.host
            && plain(&file) == self.file
            && plain(&process) == self.process
            && plain(&thread) == self.thread
            && (pid, tid, interpreter) == (self.pid, self.tid, self.interpreter)
            && parents.iter().map(|range| plain(range).into_owned()).eq(self.parents.iter().map(parent))
    }
}

/// Writes pieces with semicolons between them.
struct Pieces<'a> {
    out: &'a mut Vec<u8>,
    stand_ins: Option<Marks>,
    any: bool,
}

impl Pieces<'_> {
    fn begin(&mut self, text: &[u8]) -> &mut Self {
        if self.any {
            self.out.push(b';');
        }
        self.any = true;
        self.raw(text)
    }

    fn raw(&mut self, text: &[u8]) -> &mut Self {
        self.out.extend_from_slice(text);
        self
    }

    fn number(&mut self, number: i64) -> &mut Self {
        push_decimal(self.out, number, 0);
        self
    }

    fn id(&mut self, id: Option<i64>) -> &mut Self {
        match id {
            Some(id) => self.number(id),
            None => self.raw(b"?"),
        }
    }

    fn text(&mut self, text: &[u8]) -> &mut Self {
        match self.stand_ins {
            // An empty text between quotes needs nothing to stand for it.
            Some(marks) if !text.is_empty() => push_escaped(self.out, text, marks),
            _ => self.out.extend_from_slice(text),
        }
        self
    }
}
