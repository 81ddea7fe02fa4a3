//! What a profile's name says: the only place in the format for a process or a thread.
//!
//! * **py-spy 0.4.3**: `Thread 12 "MainThread"`, or by address `Thread 0x7F00DEAD ""`; with `--subprocesses`
//!   `Process 34 Thread 12 "MainThread"`. Its first releases called every profile `py-spy`.
//! * **austin-python 2.4.0**: `CPU time profile for 34:0:12`, that is process, interpreter and thread, or `34:12` of
//!   Austin before 3.6; also `Wall time`, `Memory allocation` and `Memory deallocation`.
//! * **profkit**: py-spy's form with what else an origin has, and a measure where a file has several:
//!   `Host "a" File "b.pstats" Process 34 "python app.py" Thread 12 "MainThread" (cpu)`.
//! * **Others** (speedscope's own imports, .NET, Chrome): any text. Where a file has several profiles of one measure, it is
//!   the thread's name, or they would be added up to one.
//!
//! py-spy escapes nothing, so a thread's name reaches to the last quote. In profkit's own parts a backslash stands
//! before quotes and backslashes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use profkit_profile::{BuildError, Origin, Profile, ProfileBuilder};

/// What a name says.
#[derive(PartialEq, Eq, Default, Debug)]
pub(crate) struct ProfileName<'a> {
    host: Cow<'a, [u8]>,
    file: Cow<'a, [u8]>,
    pid: Option<i64>,
    process: Cow<'a, [u8]>,
    tid: Option<i64>,
    thread: Cow<'a, [u8]>,
    /// What the values count, where one file has several for one thread.
    pub(crate) measure: Option<&'a [u8]>,
}

impl<'a> ProfileName<'a> {
    /// What is known of a name; nothing, if it has none of the forms.
    pub(crate) fn parse(name: &'a [u8]) -> Self {
        profkit(name).or_else(|| austin(name)).unwrap_or_default()
    }

    /// The same where a name of no form is a thread's.
    pub(crate) fn of_thread(name: &'a [u8]) -> Self {
        let said = Self::parse(name);
        if said == Self::default() { Self { thread: Cow::Borrowed(name), ..said } } else { said }
    }

    pub(crate) fn origin(&self, builder: &mut ProfileBuilder) -> Result<Origin, BuildError> {
        Ok(Origin {
            host: builder.string(&self.host)?,
            pid: self.pid,
            process: builder.string(&self.process)?,
            tid: self.tid,
            thread: builder.string(&self.thread)?,
            file: builder.string(&self.file)?,
        })
    }

    fn of(profile: &'a Profile, origin: &Origin, measure: Option<&'a [u8]>) -> Self {
        let bytes = |id| Cow::Borrowed(profile.bytes(id));
        Self {
            host: bytes(origin.host),
            file: bytes(origin.file),
            pid: origin.pid,
            process: bytes(origin.process),
            tid: origin.tid,
            thread: bytes(origin.thread),
            measure,
        }
    }
}

/// The sample types of which several profiles have names that differ, as those of threads do. py-spy's first releases and
/// speedscope's own export give all profiles of a file one name.
pub(crate) fn with_threads<'a>(names: impl Iterator<Item = (usize, &'a [u8])>) -> HashSet<usize> {
    let mut first = HashMap::new();
    let names = names.filter(|(_, name)| !name.is_empty());
    let others = names.filter(|&(sample_type, name)| *first.entry(sample_type).or_insert(name) != name);
    others.map(|(sample_type, _)| sample_type).collect()
}

/// Whether a name says all of an origin. `of_thread`: one of no form is a thread's.
pub(crate) fn tells(name: &[u8], of_thread: bool, profile: &Profile, origin: &Origin) -> bool {
    let said = if of_thread { ProfileName::of_thread(name) } else { ProfileName::parse(name) };
    ProfileName { measure: None, ..said } == ProfileName::of(profile, origin, None)
}

/// A name that reads back as the origin.
pub(crate) fn describe(profile: &Profile, origin: &Origin, measure: Option<&[u8]>) -> Vec<u8> {
    let name = ProfileName::of(profile, origin, measure);
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut part = |title: &[u8], id: Option<i64>, text: Option<Vec<u8>>| {
        words.push(title.to_vec());
        words.extend(id.map(|id| id.to_string().into_bytes()));
        words.extend(text);
    };
    if !name.host.is_empty() {
        part(b"Host", None, Some(quoted(&name.host)));
    }
    if !name.file.is_empty() {
        part(b"File", None, Some(quoted(&name.file)));
    }
    if origin.has_process() {
        part(
            b"Process",
            name.pid,
            Some(&name.process).filter(|text| !text.is_empty()).map(|text| quoted(text)),
        );
    }
    if origin.has_thread() {
        part(b"Thread", name.tid, Some([b"\"", name.thread.as_ref(), b"\""].concat()));
    }
    words.extend(measure.map(|measure| [b"(", measure, b")"].concat()));
    words.join(&b' ')
}

fn quoted(text: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(byte);
    }
    quoted.push(b'"');
    quoted
}

/// py-spy's form and profkit's.
fn profkit(name: &[u8]) -> Option<ProfileName<'_>> {
    let mut said = ProfileName::default();
    let mut rest = name;
    if let Some(after) = rest.strip_prefix(b"Host ") {
        (said.host, rest) = unquote(after)?;
    }
    if let Some(after) = rest.strip_prefix(b"File ") {
        (said.file, rest) = unquote(after)?;
    }
    if let Some(after) = rest.strip_prefix(b"Process ") {
        (said.pid, rest) = id(after);
        if rest.starts_with(b"\"") {
            (said.process, rest) = unquote(rest)?;
        } else if said.pid.is_none() {
            return None;
        }
    }
    if let Some(after) = rest.strip_prefix(b"Thread ") {
        (said.tid, rest) = id(after);
        let text = rest.strip_prefix(b"\"")?;
        let end = match text.strip_suffix(b"\"") {
            Some(thread) => thread.len(),
            None => find_last(text, b"\" (")?,
        };
        said.thread = Cow::Borrowed(&text[..end]);
        rest = text[end + 1..].trim_ascii_start();
    }
    if let Some(measure) = rest.strip_prefix(b"(") {
        said.measure = Some(measure.strip_suffix(b")")?);
        rest = b"";
    }
    (rest.is_empty() && !name.is_empty()).then_some(said)
}

/// austin2speedscope's form.
fn austin(name: &[u8]) -> Option<ProfileName<'_>> {
    const MEASURES: [(&str, &str); 4] = [
        ("CPU time profile for ", "cpu"),
        ("Wall time profile for ", "wall"),
        ("Memory allocation profile for ", "allocated"),
        ("Memory deallocation profile for ", "deallocated"),
    ];
    let (place, measure) = MEASURES
        .iter()
        .find_map(|(words, measure)| Some((name.strip_prefix(words.as_bytes())?, measure.as_bytes())))?;
    let mut parts = place.splitn(3, |&byte| byte == b':');
    let pid = decimal(parts.next()?)?;
    let thread = match (parts.next()?, parts.next()) {
        (interpreter, Some(thread)) => decimal(interpreter).map(|_| thread)?,
        (thread, None) => thread,
    };
    // Text output has decimal thread ids, MOJO files hexadecimal strings without a mark: those stay names.
    let tid = decimal(thread);
    let thread = if tid.is_some() { Cow::Borrowed(&b""[..]) } else { Cow::Borrowed(thread) };
    Some(ProfileName { pid: Some(pid), tid, thread, measure: Some(measure), ..ProfileName::default() })
}

/// A number, decimal or hexadecimal after `0x`, and what follows the space after it; all of the text if there is none.
fn id(text: &[u8]) -> (Option<i64>, &[u8]) {
    let end = text.iter().position(|&byte| byte == b' ').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let number = decimal(word).or_else(|| {
        let digits = std::str::from_utf8(word.strip_prefix(b"0x")?).ok()?;
        i64::from_str_radix(digits, 16).ok()
    });
    if number.is_some() { (number, rest.trim_ascii_start()) } else { (None, text) }
}

fn decimal(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    // `+1` would not be written back as it was.
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// The text between a quote and the next one that no backslash precedes, and what follows the space after it.
fn unquote(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let mut unquoted = Vec::new();
    let mut bytes = text.iter().enumerate();
    loop {
        match bytes.next()? {
            (at, b'"') => return Some((Cow::Owned(unquoted), text[at + 1..].trim_ascii_start())),
            (_, b'\\') => unquoted.push(*bytes.next()?.1),
            (_, &byte) => unquoted.push(byte),
        }
    }
}

fn find_last(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).rposition(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(name: &str) -> (Option<i64>, String, Option<i64>, String, Option<String>) {
        let said = ProfileName::parse(name.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (said.pid, text(&said.process), said.tid, text(&said.thread), said.measure.map(text))
    }

    fn thread(
        pid: Option<i64>,
        tid: i64,
        name: &str,
    ) -> (Option<i64>, String, Option<i64>, String, Option<String>) {
        (pid, String::new(), Some(tid), name.to_owned(), None)
    }

    #[test]
    fn py_spy_names_are_understood() {
        assert_eq!(said(r#"Thread 139 "MainThread""#), thread(None, 139, "MainThread"));
        assert_eq!(said(r#"Thread 0x7F00DEAD """#), thread(None, 0x7f00_dead, ""));
        assert_eq!(said(r#"Process 34 Thread 12 "a "b" (c)""#), thread(Some(34), 12, r#"a "b" (c)"#));
        assert_eq!(said(r#"Thread 1 "a\""#), thread(None, 1, r"a\"));
    }

    #[test]
    fn austin_names_are_understood() {
        let name = |text: &str| said(text);
        assert_eq!(name("CPU time profile for 34:0:12").2, Some(12));
        assert_eq!(name("CPU time profile for 34:0:12").4.as_deref(), Some("cpu"));
        assert_eq!(name("Memory deallocation profile for 34:7f3a").3, "7f3a");
        assert_eq!(name("Wall time profile for 34:7f3a").0, Some(34));
    }

    #[test]
    fn other_names_say_nothing() {
        for name in [
            "",
            "python",
            "Thread (123)",
            "Thread 12",
            "Thread x \"y\"",
            "Process x",
            "worker (2)",
            "Process",
        ] {
            assert_eq!(ProfileName::parse(name.as_bytes()), ProfileName::default(), "{name}");
        }
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![Just(Vec::new()), "[a\"\\\\ ()]{1,6}".prop_map(String::into_bytes)]
    }

    proptest! {
        #[test]
        fn an_origin_is_read_back(
            (host, process, thread, file) in (text(), text(), text(), text()),
            pid: Option<i64>,
            tid: Option<i64>,
            measure in prop::option::of("[a-z_() ]{1,5}"),
        ) {
            let mut builder = ProfileBuilder::new();
            let mut string = |bytes: &[u8]| builder.string(bytes).unwrap();
            let (host, process) = (string(&host), string(&process));
            let origin = Origin { host, pid, process, tid, thread: string(&thread), file: string(&file) };
            let profile = builder.finish().unwrap();
            let measure = measure.as_deref().map(str::as_bytes);
            let name = describe(&profile, &origin, measure);
            let expected = if name.is_empty() { ProfileName::default() } else { ProfileName::of(&profile, &origin, measure) };
            prop_assert_eq!(ProfileName::parse(&name), expected, "{}", String::from_utf8_lossy(&name));
            prop_assert!(tells(&name, false, &profile, &origin));
            prop_assert!(tells(&name, true, &profile, &origin));
        }
    }
}
