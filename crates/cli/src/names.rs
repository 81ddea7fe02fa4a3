//! What things are called in tables and pictures.

use std::borrow::Cow;

use profkit_profile::views::groups::{Group, module};
use profkit_profile::{Origin, Profile};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The name of a row and its place in the source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Name {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) line: Option<i64>,
}

impl Name {
    /// What a row of a table stands for.
    pub(crate) fn of(profile: &Profile, group: Group) -> Self {
        let text = |id| profile.text(id).into_owned();
        let known = |line: i64| (line != 0).then_some(line);
        match group {
            Group::Function(id) => {
                let function = profile.functions()[id];
                let line = known(function.first_line);
                Self { name: text(function.shown_name()), file: text(function.file), line }
            }
            Group::Line(id, line) => {
                let function = profile.functions()[id];
                Self { name: text(function.shown_name()), file: text(function.file), line: known(line) }
            }
            Group::Address(mapping, address) => {
                let file = mapping.map_or(String::new(), |id| text(profile.mappings()[id].file));
                let name = if address == 0 { "(unknown)".to_owned() } else { format!("{address:#x}") };
                Self { name, file, line: None }
            }
            Group::File(file) => Self { name: or_unknown(text(file)), file: text(file), line: None },
            Group::Module(file) => {
                let name = String::from_utf8_lossy(module(profile.bytes(file))).into_owned();
                let name = if name == "~" { "(built-in)".to_owned() } else { or_unknown(name) };
                Self { name, file: String::new(), line: None }
            }
            Group::Binary(id) => {
                let file = text(profile.mappings()[id].file);
                Self { name: or_unknown(file.clone()), file, line: None }
            }
        }
    }

    /// `file:line`, as much of it as is known. `~` is cProfile's file of built-in functions.
    pub(crate) fn place(&self) -> String {
        match (self.file.as_str(), self.line) {
            ("" | "~", _) => String::new(),
            (file, None) => file.to_owned(),
            (file, Some(line)) => format!("{file}:{line}"),
        }
    }
}

fn or_unknown(name: String) -> String {
    if name.is_empty() { "(unknown)".to_owned() } else { name }
}

/// The process and thread of an origin, and its file, for people.
pub(crate) fn origin(profile: &Profile, origin: &Origin) -> String {
    let mut parts = Vec::new();
    let text = |id| profile.text(id);
    if !origin.host.is_empty() {
        parts.push(text(origin.host).into_owned());
    }
    if origin.has_process() {
        parts.push(numbered("process", origin.pid, &text(origin.process)));
    }
    if origin.has_thread() {
        parts.push(numbered("thread", origin.tid, &text(origin.thread)));
    }
    if !origin.file.is_empty() {
        parts.push(text(origin.file).into_owned());
    }
    parts.join(", ")
}

fn numbered(what: &str, id: Option<i64>, name: &str) -> String {
    match (id, name) {
        (Some(id), "") => format!("{what} {id}"),
        (Some(id), name) => format!("{what} {id} ({name})"),
        (None, name) => format!("{what} {name}"),
    }
}

/// A text of at most `width` columns of a terminal: what is too long loses its middle.
pub(crate) fn shorten(text: &str, width: usize) -> Cow<'_, str> {
    // The end of a path says more than its begin.
    cut(text, width, |kept| {
        let begin = begin(text, kept / 3);
        format!("{begin}…{}", end(text, kept - begin.width()))
    })
}

/// The same for a command line, which loses its end.
pub(crate) fn shorten_command(command: &str, width: usize) -> Cow<'_, str> {
    cut(command, width, |kept| format!("{}…", begin(command, kept)))
}

/// The same for a path, which loses its begin.
pub(crate) fn shorten_path(path: &str, width: usize) -> Cow<'_, str> {
    cut(path, width, |kept| format!("…{}", end(path, kept)))
}

fn cut(text: &str, width: usize, shortened: impl FnOnce(usize) -> String) -> Cow<'_, str> {
    if text.width() <= width { Cow::Borrowed(text) } else { Cow::Owned(shortened(width.saturating_sub(1))) }
}

fn begin(text: &str, width: usize) -> String {
    fitting(text.chars(), width).collect()
}

fn end(text: &str, width: usize) -> String {
    let reversed: Vec<char> = fitting(text.chars().rev(), width).collect();
    reversed.into_iter().rev().collect()
}

/// As many characters as have room in so many columns.
fn fitting(chars: impl Iterator<Item = char>, width: usize) -> impl Iterator<Item = char> {
    let mut used = 0;
    chars.take_while(move |c| {
        used += c.width().unwrap_or(0);
        used <= width
    })
}

/// A text without what would move the cursor or colour a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_lose_their_middle() {
        assert_eq!(shorten("/a/b/c.py", 9), "/a/b/c.py");
        let short = shorten("/usr/lib/python3.11/site-packages/x/y.py:12", 20);
        assert_eq!(short.chars().count(), 20);
        assert!(short.starts_with("/usr/l") && short.contains('…') && short.ends_with("/x/y.py:12"));
        assert_eq!(shorten("äöü", 2), "…ü");
        assert_eq!(
            (shorten_command("python app.py", 8), shorten_path("/srv/app.py", 8)),
            ("python …".into(), "…/app.py".into())
        );
        // These take two columns each.
        assert_eq!(shorten("日本語の関数", 8), "日…関数");
        assert_eq!(shorten("日本語の関数", 7), "日…関数");
    }
}
