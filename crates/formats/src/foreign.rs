//! Files that people take for profiles profkit reads, and what to do with them. A name is only a hint in an error
//! message; nothing is decided here.

/// Files known by their first bytes.
const MAGIC: &[(&[u8], &str)] = &[
    (
        b"HCAT",
        "it is a binary recording of Python's profiling.sampling; convert it with: python -m profiling.sampling replay",
    ),
    (
        b"TACH",
        "it is a binary recording of Python's profiling.sampling (big endian); convert it with: python -m profiling.sampling replay",
    ),
    (b"MOJ", "it is an Austin MOJO file; convert it with: mojo2austin"),
    (b"FLR\0", "it is a Java Flight Recorder file; convert it with: jfr2flame or jfrconv"),
    (b"memray", "it is a memray capture; convert it with: memray transform speedscope"),
    (b"PERFILE2", "it is a perf.data file; convert it with: perf script"),
    (b"PK\x03\x04", "it is a zip archive; unpack it first"),
    (b"\x7fELF", "it is a program"),
    (b"%PDF", "it is a PDF document"),
    (b"\x89PNG", "it is a picture"),
    (b"SQLite format 3\0", "it is an SQLite database"),
    (b"\x04\x08", "it is marshalled by Ruby; convert it with: stackprof --json"),
    (b"BZh", "it is compressed by bzip2; unpack it first"),
    (b"\xfd7zXZ\0", "it is compressed by xz; unpack it first"),
];

/// What a JSON file is, by a key near its begin.
const JSON: &[(&str, &str)] = &[
    ("\"traceEvents\"", "it is a Chrome trace, which profkit does not read"),
    ("\"preprocessedProfileVersion\"", "it is a Firefox profile, which profkit does not read"),
    ("\"stringTable\"", "it is a Gecko profile, which profkit does not read"),
    (
        "\"frame_records\"",
        "it is a pyinstrument session; convert it with: pyinstrument --load FILE -r speedscope",
    ),
    (
        "\"root_frame\"",
        "it is pyinstrument's JSON; save it as speedscope instead: pyinstrument -r speedscope",
    ),
    ("\"elapsed_time_sec\"", "it is a Scalene profile, which profkit does not read"),
    ("\"timeDeltas\"", "it is a V8 CPU profile, which profkit does not read"),
    ("\"selfSize\"", "it is a V8 heap profile, which profkit does not read"),
    ("\"resourceProfiles\"", "it is an OpenTelemetry profile, which profkit does not read"),
    ("\"ph\"", "it is a Chrome trace, which profkit does not read"),
    ("\"gc_samples\"", "it is a stackprof profile, which profkit does not read"),
    ("\"callFrame\"", "it is a V8 CPU profile, which profkit does not read"),
    ("\"bailoutReason\"", "it is a V8 CPU profile, which profkit does not read"),
    ("\"stackwalk\"", "it is a Gecko profile, which profkit does not read"),
    ("\"breakpadId\"", "it is a Gecko profile, which profkit does not read"),
];

/// What a text is, by how a line begins.
const LINES: &[(&str, &str)] = &[
    ("Ordered by:", "it is a report printed by pstats; convert the dump that it was made from"),
    ("MEM ", "it is memory_profiler's data, which profkit does not read"),
    ("CMDLINE ", "it is memory_profiler's data, which profkit does not read"),
    ("<?xml", "it is an XML document"),
    ("<svg", "it is a picture"),
    ("<!DOCTYPE", "it is a web page"),
    ("<html", "it is a web page"),
    ("Traceback (most recent call last)", "it is an error message of Python"),
    ("Flat profile:", "it is a report printed by gprof, which profkit does not read"),
];

/// How much of a text is looked at.
const HEAD: usize = 4096;

/// How much of JSON is looked at, which has long lists before what tells.
const JSON_HEAD: usize = 64 * 1024;

pub(crate) fn by_magic(bytes: &[u8]) -> Option<&'static str> {
    if bytes.len() > 4 && bytes[2..4] == *b"\r\n" {
        return Some("it is compiled Python code (.pyc)");
    }
    MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|&(_, name)| name)
}

pub(crate) fn by_text(bytes: &[u8]) -> Option<&'static str> {
    if !is_text(&bytes[..bytes.len().min(HEAD)]) {
        return None;
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD)]);
    let head = head.trim_start_matches('\u{feff}').trim_start();
    if is_json(head) {
        let head = String::from_utf8_lossy(&bytes[..bytes.len().min(JSON_HEAD)]);
        let known = JSON.iter().find(|(key, _)| head.contains(key));
        return Some(known.map_or("it is JSON, but not of a kind that profkit reads", |&(_, name)| name));
    }
    if is_perf_script(head) {
        return Some(
            "it is the output of perf script; fold it with: inferno-collapse-perf or stackcollapse-perf.pl",
        );
    }
    let begins = |line: &str| LINES.iter().find(|(begin, _)| line.trim_start().starts_with(begin));
    head.lines().find_map(begins).map(|&(_, name)| name)
}

/// What remains to be said of a file that nothing else is known of.
pub(crate) fn by_kind(bytes: &[u8]) -> &'static str {
    if !is_text(&bytes[..bytes.len().min(HEAD)]) {
        return "it is binary data, but neither a marshalled dict (pstats), nor pickled (yappi), nor protobuf (pprof)";
    }
    "it is text, but not collapsed stacks, whose lines are frames with `;` between them and a count at the end \
     (`main;work 3`); if it is that nonetheless, read it with --from collapsed"
}

/// Text in any encoding that profiles come in, without the control characters that no text has.
fn is_text(head: &[u8]) -> bool {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return true;
    }
    let is_control = |byte: &u8| matches!(byte, 0..=7 | 14..=26 | 28..=31 | 127);
    let valid: usize = head.utf8_chunks().map(|chunk| chunk.valid().len()).sum();
    // Latin-1 and a character that the end of the head cuts are text too.
    !head.iter().any(is_control) && (head.len() - valid) * 4 <= head.len()
}

/// A bracket, and behind it what JSON has there.
fn is_json(head: &str) -> bool {
    let Some(inside) = head.strip_prefix(['{', '[']) else { return false };
    match inside.trim_start().chars().next() {
        Some('"' | '}' | ']') => true,
        Some(first) if head.starts_with('[') => first.is_ascii_digit() || "{[-tfn".contains(first),
        _ => false,
    }
}

/// A header line, then indented lines that begin with an address.
fn is_perf_script(head: &str) -> bool {
    let mut lines = head.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let (Some(header), Some(frame)) = (lines.next(), lines.next()) else { return false };
    let address = frame.split_whitespace().next().unwrap_or_default();
    !header.starts_with(char::is_whitespace)
        && header.trim_end().ends_with(':')
        && frame.starts_with(char::is_whitespace)
        && address.len() >= 4
        && address.chars().all(|digit| digit.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_strangers_are_named() {
        assert!(by_magic(b"\xa7\x0d\r\n\0\0\0\0").unwrap().contains(".pyc"));
        assert!(by_magic(b"HCAT\x01\0\0\0").unwrap().contains("replay"));
        assert!(by_text(b"{\"traceEvents\": []}").unwrap().contains("Chrome trace"));
        assert!(by_text(b"\xef\xbb\xbf [1, 2]").unwrap().contains("not of a kind"));
        assert!(
            by_text(b"perl 123 12.5: cycles:\n\tffffffff8104f45a do_it (kernel)\n")
                .unwrap()
                .contains("perf script")
        );
        assert_eq!(by_text(b"In the year 1984\n"), None);
        for (text, kind) in [
            (r#"{"nodes":[{"id":1,"callFrame":{"functionName":"(root)"}}]}"#, "V8 CPU"),
            (r#"{"head":{"functionName":"(root)","bailoutReason":""}}"#, "V8 CPU"),
            (r#"{"version":1.2,"mode":"cpu","samples":489,"gc_samples":79}"#, "stackprof"),
            (r#"{ "meta": { "stackwalk": 1 } }"#, "Gecko"),
            (r#"{"label":"a","profile":{"libs":[{"breakpadId":"B5A8"}]}}"#, "Gecko"),
            (r#"{"dictionary":{},"resourceProfiles":[]}"#, "OpenTelemetry"),
        ] {
            assert!(by_text(text.as_bytes()).unwrap().contains(kind), "{text}");
        }
    }

    #[test]
    fn binary_data_is_not_called_text() {
        let marshalled: [&[u8]; 3] = [b"{(\x03\0\0\0", b"{(\xff\xff\xff\x7f", b"[\x03\0\0\0i\x01\0\0\0"];
        for bytes in marshalled {
            assert_eq!(by_text(bytes), None);
            assert!(by_kind(bytes).contains("binary"), "{bytes:?}");
        }
        let random: Vec<u8> = (0..100u8).map(|index| index.wrapping_mul(167).wrapping_add(89)).collect();
        assert!(by_kind(&random).contains("binary"));
        for text in
            [&b"Un caf\xe9, s'il vous pla\xeet\n"[..], "日本語".as_bytes(), b"{x} \x1b[1mbold\x1b[m\n"]
        {
            assert!(by_kind(text).contains("text"), "{text:?}");
            assert_eq!(by_text(text), None);
        }
    }
}
