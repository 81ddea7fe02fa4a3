//! Whether bytes are a pstats dump, and what people take for one. `.prof` alone is written by cProfile,
//! line_profiler, gperftools, Go and GHC.

use profkit_profile::Sniff;

/// How much of a file is looked at for words.
const HEAD: usize = 4_096;

pub(crate) fn sniff(input: &[u8]) -> Sniff {
    match input {
        // A dict: either empty or with a tuple as its first key. JSON, which also begins with a brace, allows
        // neither `(` nor `)` there, and a text that begins with `{0` goes on with more than padding.
        [b'{' | 0xfb, b'0' | 0xb0, rest @ ..] => match rest.first() {
            None | Some(0 | b'\n' | b'\r' | b' ' | b'{' | 0xfb) => Sniff::Yes,
            Some(_) => Sniff::No,
        },
        [b'{' | 0xfb, b'(' | 0xa8, b'\x01' | b'\x03', 0, 0, 0, code, ..]
        | [b'{' | 0xfb, b')' | 0xa9, b'\x01' | b'\x03', code, ..]
            if is_string(*code) =>
        {
            Sniff::Yes
        }
        [b'{' | 0xfb, b'(' | 0xa8, _, _, 0, 0, ..] | [b'{' | 0xfb, b')' | 0xa9, 0..=8, ..] => {
            Sniff::Near("the keys of the marshalled dict are not (file, line, name)".into())
        }
        [_, _, b'\r', b'\n', ..] if is_compiled_code(input) => {
            Sniff::Near("it is compiled Python code (.pyc), not a profile".into())
        }
        // WHAT_ADD_INFO, a length, and the first key that `_hotshot.c` writes.
        [0x13, 0x0f, rest @ ..] if rest.starts_with(b"hotshot-version") => Sniff::Near(
            "it is a log of Python 2's hotshot: `hotshot.stats.load(LOG).dump_stats(FILE)` makes pstats of it"
                .into(),
        ),
        [0x80, 2..=5, ..] if head_contains(input, b"line_profiler") => {
            Sniff::Near("it is a result of line_profiler: `python -m line_profiler FILE` shows it".into())
        }
        _ if head_contains(input, b" function calls") && head_contains(input, b"ncalls") => Sniff::Near(
            "it is the table that pstats prints: `python -m cProfile -o FILE …` makes the dump".into(),
        ),
        _ => Sniff::No,
    }
}

/// The type codes of strings, with and without `FLAG_REF`.
fn is_string(code: u8) -> bool {
    b"stuaAzZ".contains(&(code & 0x7f))
}

/// The magic numbers of CPython: 3000–3999 for 3.x, 62211 for 2.7; the two bytes behind them are CR LF.
fn is_compiled_code(input: &[u8]) -> bool {
    let [low, high, ..] = input else { return false };
    matches!(u16::from_le_bytes([*low, *high]), 3_000..=3_999 | 62_000..=62_300)
}

fn head_contains(input: &[u8], word: &[u8]) -> bool {
    let head = input.get(..HEAD).unwrap_or(input);
    memchr::memmem::find(head, word).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(input: &[u8], word: &str) -> bool {
        matches!(sniff(input), Sniff::Near(text) if text.contains(word))
    }

    #[test]
    fn dumps_of_every_version_begin_with_one_of_few_bytes() {
        // The heads of cProfile's dumps: 2.7, marshal 2 and 4, and empty ones.
        for yes in [
            &b"{(\x03\0\0\0t\x08\0\0\0calls.py"[..],
            b"{(\x03\0\0\0u\x08\0\0\0calls.py",
            b"\xfb\xa9\x03\xda\x01~\xe9\0\0\0\0",
            b"{)\x03z\x08calls.py",
            b"{)\x01\xda\x0b__sampled__T0",
            b"\xfb0",
            b"{0",
            b"{0{0",
        ] {
            assert_eq!(sniff(yes), Sniff::Yes, "{yes:?}");
        }
        for no in [&b""[..], b"{", b"{\"a\": 1}", b"{ }", b"{0;main 12\n", b"{}", b"[(\x03\0\0\0", b"\xfb"] {
            assert_eq!(sniff(no), Sniff::No, "{no:?}");
        }
    }

    #[test]
    fn what_people_take_for_a_dump_is_named() {
        assert!(near(b"{(\x02\0\0\0u\x01\0\0\0a", "keys"));
        assert!(near(b"\xa7\x0d\x0d\x0a\0\0\0\0", ".pyc"));
        assert!(near(b"\x03\xf3\x0d\x0a\0\0\0\0", ".pyc"));
        assert!(near(b"\x13\x0fhotshot-version\0\x13", "hotshot"));
        assert!(near(b"\x80\x04\x95\x0c\x8c\x1fline_profiler.line_profiler", "line_profiler"));
        assert!(near(b"         3 function calls in 0.0 seconds\n\n   ncalls  tottime", "table"));
    }
}
