//! Whether a text is collapsed stacks. Any line that ends in a number would do, and texts are full of them, so this
//! asks for more: semicolons without a space behind them, few words in a frame, and hardly a line of another kind.
//! The texts of a whole Debian system were the test.

use profkit_profile::Sniff;

use crate::dialect::{Dialect, Grammar, begins_all, head};
use crate::encoding::decode;
use crate::frame;
use crate::header::Header;
use crate::record::{Kind, Records};
use crate::root::{self, NO_STACK};
use crate::survey::{Survey, is_tolerable};

/// What was counted in the head of a text.
#[derive(Default, Debug)]
struct Look {
    /// Lines that look like a stack of several frames, and their frames and words in excess.
    stacks: usize,
    frames: usize,
    words: usize,
    /// Lines that look like a single frame, and those of them that have a file.
    single: usize,
    placed: usize,
    /// Lines of which the first piece is many words, or begins with a time: a log.
    logged: usize,
    /// Lines with a piece that is a plain number or date: a table.
    numbered: usize,
    /// Lines of which the last piece has several words, and the numbers of pieces, least and most: a table too.
    worded: usize,
    columns: Option<(usize, usize)>,
    /// Single words with a tab before their count.
    tabbed: usize,
    /// All others.
    other: usize,
    /// The lines of `other` that end in a number all the same.
    counted: usize,
}

/// More words than this between semicolons are a sentence. C++ has up to four: `unsigned long f() const`.
const MAX_WORDS: usize = 4;

/// Looks at the head of a file.
pub(crate) fn sniff(input: &[u8]) -> Sniff {
    let head_of_file = head(input);
    let decoded = decode(head_of_file);
    let text: &[u8] = &decoded.text;
    if Header::parse(text).is_some() {
        return Sniff::Yes;
    }
    if text.contains(&0) || text.trim_ascii_start().starts_with(b"{") {
        return Sniff::No;
    }
    if begins_all(text, Dialect::Austin) || begins_all(text, Dialect::Tachyon) {
        return Sniff::Yes;
    }
    if is_perf_script(text) {
        return Sniff::Near(
            "it is the output of perf script: fold it with stackcollapse-perf.pl or inferno-collapse-perf"
                .into(),
        );
    }
    Look::at(text).decide()
}

impl Look {
    fn at(text: &[u8]) -> Self {
        let mut look = Self::default();
        let differential = Survey::of(text, Dialect::PySpy).is_differential();
        for record in Records::new(text, Dialect::PySpy) {
            match record.stack(differential) {
                // A number alone says nothing.
                Some(stack) if stack.is_empty() || stack == NO_STACK => {}
                Some(stack) => look.add(stack, &record.text[stack.len()..]),
                None => look.other += usize::from(matches!(record.kind, Kind::Bad)),
            }
        }
        look
    }

    fn add(&mut self, stack: &[u8], counts: &[u8]) {
        let indented = stack.first().is_none_or(u8::is_ascii_whitespace);
        let roots = root::parse(Grammar::of(Dialect::PySpy), stack);
        let frames = stack.get(roots.end..).unwrap_or(&[]);
        // Roots hold commands of any kind, `python -c import a; b()`.
        let several = roots.any() || frames.contains(&b';');
        let tab = counts.first() != Some(&b' ');
        let table = stack.contains(&b'\t') && !has_place(stack);
        let fine = !indented && !table && !is_sentence(frames);
        if fine && several {
            self.add_frames(frames, roots.any());
        } else if fine && tab && !frames.contains(&b' ') {
            self.tabbed += 1;
        } else if fine && !tab && frame::location(frames).is_some_and(|location| location.line.is_some()) {
            self.placed += 1;
        } else if fine && !tab && !frames.contains(&b' ') {
            self.single += 1;
        } else {
            self.other += 1;
            self.counted += 1;
        }
    }

    /// `rooted`: below a process or a thread.
    fn add_frames(&mut self, stack: &[u8], rooted: bool) {
        self.stacks += 1;
        let frames = || stack.split(|&byte| byte == b';');
        let count = frames().count();
        let (least, most) = self.columns.unwrap_or((count, count));
        self.columns = Some((least.min(count), most.max(count)));
        self.frames += count;
        self.words += frames().map(excess_words).sum::<usize>();
        self.logged += usize::from(
            frames().next().is_some_and(|first| is_time(first) || excess_words(first) > MAX_WORDS),
        );
        // A name may be a number where something else says what the line is.
        let named = rooted || has_place(stack);
        self.numbered += usize::from(!named && frames().any(is_plain_number));
        self.worded += usize::from(frames().next_back().is_some_and(|last| excess_words(last) > 0));
    }

    /// Whether lines with semicolons are a text or a table all the same.
    fn is_other_text(&self) -> bool {
        let same_columns = self.stacks >= 5 && self.columns.is_some_and(|(least, most)| least == most);
        self.words > 2 * self.frames
            || self.logged * 4 > self.stacks
            || self.numbered * 4 > self.stacks
            || (same_columns && self.worded * 2 > self.stacks)
    }

    fn decide(mut self) -> Sniff {
        // Words with a tab and a number are a table of two columns, or the roots among stacks.
        if self.stacks == 0 {
            self.other += self.tabbed;
            self.counted += self.tabbed;
        } else {
            self.single += self.tabbed;
        }
        let fine = self.stacks + self.placed + self.single;
        if self.stacks == 0 {
            // A list of words with their numbers looks just the same.
            let counted = fine + self.counted;
            return if self.placed > 0 && is_tolerable(self.other + self.single, self.placed) {
                Sniff::Near(
                    "no line has a ';' (if they are stacks of one frame, say --from collapsed)".into(),
                )
            } else if counted > 0 && self.other == self.counted && self.single > self.counted {
                Sniff::Near("no line has a ';' (if its words are frames, say --from collapsed)".into())
            } else {
                Sniff::No
            };
        }
        if self.is_other_text() {
            return Sniff::No;
        }
        if self.single > 9 * (self.stacks + self.placed) {
            return Sniff::Near(
                "hardly a line has a ';' (if its words are frames, say --from collapsed)".into(),
            );
        }
        if is_tolerable(self.other, fine) {
            return Sniff::Maybe;
        }
        if self.stacks > self.other {
            let total = fine + self.other;
            return Sniff::Near(
                format!("{} of {total} lines are no stack with a count at the end", self.other).into(),
            );
        }
        Sniff::No
    }
}

/// Whether a frame has a line, as py-spy writes it. Such names may hold anything else.
fn has_place(stack: &[u8]) -> bool {
    let place = |frame: &[u8]| frame::location(frame).is_some_and(|location| location.line.is_some());
    stack.split(|&byte| byte == b';').any(place)
}

/// Whether a line has what sentences, code and headers have and stacks have not.
fn is_sentence(stack: &[u8]) -> bool {
    has_loose_semicolon(stack) || ends_in_sign(stack) || has_entity(stack)
}

/// Whether white space stands next to a semicolon.
fn has_loose_semicolon(stack: &[u8]) -> bool {
    memchr::memchr_iter(b';', stack).any(|at| {
        let next = stack.get(at + 1).is_some_and(u8::is_ascii_whitespace);
        let before = at.checked_sub(1).is_some_and(|before| stack[before].is_ascii_whitespace());
        next || before
    })
}

/// Whether the last of several words leads to the number: `a;b # 5`, `a;b = 5`, `a;b ms: 5`.
fn ends_in_sign(stack: &[u8]) -> bool {
    let last = stack.rsplit(|&byte| byte == b';').next().unwrap_or(stack);
    let word = last.rsplit(|&byte| byte == b' ').next().unwrap_or(last);
    word.len() < last.len() && (word.ends_with(b":") || word.iter().all(|byte| b"#%=|+-*,".contains(byte)))
}

/// Whether a semicolon ends a character of HTML: `&nbsp;`.
fn has_entity(stack: &[u8]) -> bool {
    stack.split(|&byte| byte == b';').any(|piece| {
        let name =
            piece.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'#').count();
        (2..9).contains(&name) && piece[..piece.len() - name].ends_with(b"&")
    })
}

/// The words of a frame after the first one, those in brackets not counted.
fn excess_words(frame: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut words = 0;
    for (at, &byte) in frame.iter().enumerate() {
        match byte {
            b'(' | b'[' | b'<' | b'{' => depth += 1,
            b')' | b']' | b'>' | b'}' => depth = depth.saturating_sub(1),
            b' ' if depth == 0
                && !frame[at + 1..].starts_with(b"(")
                && !frame[at + 1..].starts_with(b"[") =>
            {
                words += 1;
            }
            _ => {}
        }
    }
    words
}

/// Whether a text is nothing but a number or a date.
fn is_plain_number(piece: &[u8]) -> bool {
    piece.iter().any(u8::is_ascii_digit)
        && piece.iter().all(|byte| byte.is_ascii_digit() || b".,:/-+ ".contains(byte))
}

/// Whether a text begins with a date or a time: `2024-01-02`, `[10:00:00`.
fn is_time(piece: &[u8]) -> bool {
    let piece = piece.strip_prefix(b"[").unwrap_or(piece);
    let digits = piece.iter().take_while(|byte| byte.is_ascii_digit()).count();
    matches!((digits, piece.get(digits)), (4, Some(b'-' | b'/')) | (1..=2, Some(b':')))
}

/// Whether this is perf's own output: a line about an event, and below it frames with their addresses.
fn is_perf_script(text: &[u8]) -> bool {
    let mut lines = text.split(|&byte| byte == b'\n').filter(|line| !line.starts_with(b"#")).take(400);
    let mut event = false;
    lines.any(|line| {
        let indented = line.first().is_some_and(u8::is_ascii_whitespace);
        let found = event && indented && is_address_line(line.trim_ascii());
        event = !indented && is_event_line(line.trim_ascii_end());
        found
    })
}

/// `java 24636/25607 [000] 4794564.109216: cycles:`
fn is_event_line(line: &[u8]) -> bool {
    let mut words = line.split(|&byte| byte == b' ').skip(1);
    line.ends_with(b":")
        && words.any(|word| !word.is_empty() && word.iter().all(|&b| b.is_ascii_digit() || b == b'/'))
}

/// `7f722d142778 start_thread (/lib/libpthread.so)`
fn is_address_line(line: &[u8]) -> bool {
    let Some(space) = memchr::memchr(b' ', line) else { return false };
    let address = line[..space].iter().all(u8::is_ascii_hexdigit);
    address && line.ends_with(b")") && memchr::memmem::find(&line[space..], b" (").is_some()
}
