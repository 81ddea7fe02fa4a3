//! What was called pprof before the protobuf format: texts and binaries of gperftools, Java, Go's `debug=1` pages and
//! jemalloc. They carry the same extensions, and `go tool pprof` still reads most of them. profkit names them only.

/// How much of a file decides.
const HEAD: usize = 4096;

/// What to do with a file that `go tool pprof` understands.
const CONVERT: &str = "; convert it with: go tool pprof -proto FILE >profile.pb.gz";

/// A sentence about what an input is, if it is a legacy profile.
pub(crate) fn describe(input: &[u8]) -> Option<String> {
    let head = &input[..input.len().min(HEAD)];
    if let Some(language) = binary(head) {
        return Some(format!("a legacy pprof format (binary CPU profile of {language}){CONVERT}"));
    }
    let line = first_line(head)?;
    if line.starts_with(b"heap_v2/") {
        let advice = "; go tool pprof does not read it either, jeprof does";
        return Some(format!("a legacy pprof format (heap profile of jemalloc){advice}"));
    }
    if line.starts_with(b"goroutine ") && line.ends_with(b"]:") {
        return Some("a dump of goroutine stacks (debug=2), not a profile; ask for debug=0".to_owned());
    }
    text(line).map(|kind| format!("a legacy pprof format ({kind}){CONVERT}"))
}

/// The text formats by their first line, as google/pprof (`profile/legacy_profile.go`) tells them apart.
fn text(line: &[u8]) -> Option<&'static str> {
    const STARTS: &[(&[u8], &str)] = &[
        (b"heap profile:", "text heap profile"),
        (b"--- heapz ", "text heap profile of Java"),
        (b"--- heap", "text heap profile"),
        (b"--- contentionz ", "text contention profile"),
        (b"--- contention:", "text block profile of Go"),
        (b"--- mutex:", "text mutex profile of Go"),
        (b"--- threadz ", "text thread dump"),
        (b"--- Thread ", "text thread dump"),
    ];
    let start = STARTS.iter().find(|(start, _)| line.starts_with(start));
    start.map(|&(_, kind)| kind).or_else(|| is_count(line).then_some("text count profile of Go, debug=1"))
}

/// `goroutine profile: total 9`, and the same for any other name.
fn is_count(line: &[u8]) -> bool {
    const MIDDLE: &[u8] = b" profile: total ";
    let Some(middle) = line.windows(MIDDLE.len()).position(|window| window == MIDDLE) else { return false };
    let (name, count) = (&line[..middle], &line[middle + MIDDLE.len()..]);
    !name.is_empty() && !name.contains(&b' ') && !count.is_empty() && count.iter().all(u8::is_ascii_digit)
}

/// The first line that is neither empty nor a comment.
fn first_line(head: &[u8]) -> Option<&[u8]> {
    let mut lines = head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    lines.find(|line| !line.is_empty() && !line.starts_with(b"#"))
}

/// The header of gperftools' binary CPU profiles: the words 0, 3, 0 (1 for Java), period, 0, of 32 or 64 bits in
/// either byte order.
fn binary(head: &[u8]) -> Option<&'static str> {
    for size in [4, 8] {
        for little_endian in [true, false] {
            match words(head, size, little_endian)? {
                [0, 3, 0, period, 0] if period > 0 => return Some("gperftools"),
                [0, 3, 1, period, 0] if period > 0 => return Some("Java"),
                _ => {}
            }
        }
    }
    None
}

/// The first five words of a file; `None` if it is too short for those of 32 bits, zeros if for others.
fn words(head: &[u8], size: usize, little_endian: bool) -> Option<[u64; 5]> {
    head.get(..20)?;
    let mut words = [0; 5];
    for (word, bytes) in words.iter_mut().zip(head.chunks_exact(size)) {
        let fold = |word: u64, &byte: &u8| word << 8 | u64::from(byte);
        *word = if little_endian { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) };
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(input: &[u8]) -> String {
        describe(input).unwrap_or_default()
    }

    #[test]
    fn texts_are_named() {
        for (text, word) in [
            ("heap profile:    144:  8498176 [   144:  8498176] @ heapz_v2/524288\n", "heap"),
            ("\n# a comment\nheap profile: 13: 1595680 [47130736: 2584596557304] @ heap/1048576", "heap"),
            ("--- heapz 1 ---\nformat = java\n", "Java"),
            ("--- contentionz 1 ---\ncycles/second = 1\n", "contention"),
            ("--- contention:\ncycles/second=1\n", "block"),
            ("--- mutex:\ncycles/second=1\n", "mutex"),
            ("--- threadz 1 ---\n\n--- Thread 7eff063d9940 (name: main/25376) stack: ---\n", "thread"),
            ("goroutine profile: total 9\n2 @ 0x103b125\n", "debug=1"),
            ("threadcreate profile: total 12\n", "debug=1"),
            ("heap_v2/1048576\n  t*: 1: 2 [0: 0]\n", "jemalloc"),
        ] {
            let kind = kind(text.as_bytes());
            assert!(kind.contains("legacy pprof format") && kind.contains(word), "{text}: {kind}");
        }
        assert!(kind(b"goroutine 1 [running]:\nmain.main()\n").contains("debug=2"));
    }

    #[test]
    fn binaries_of_both_sizes_and_orders_are_named() {
        for third in [0_u32, 1] {
            let words = [0, 3, third, 10_000, 0, 1, 1, 77];
            let encoded: [Vec<u8>; 4] = [
                words.iter().flat_map(|word| word.to_le_bytes()).collect(),
                words.iter().flat_map(|word| word.to_be_bytes()).collect(),
                words.iter().flat_map(|&word| u64::from(word).to_le_bytes()).collect(),
                words.iter().flat_map(|&word| u64::from(word).to_be_bytes()).collect(),
            ];
            for bytes in encoded {
                assert!(kind(&bytes).contains(["gperftools", "Java"][third as usize]), "{bytes:?}");
                for end in 0..20 {
                    assert_eq!(describe(&bytes[..end]), None);
                }
            }
        }
    }

    #[test]
    fn other_inputs_are_not_legacy() {
        for input in
            ["", "a;b;c 12\n", "profile: total 3\n", "--- a/b.py\n", "some goroutine profile: total 3"]
        {
            assert_eq!(describe(input.as_bytes()), None, "{input}");
        }
        assert_eq!(describe(&[0; 64]), None);
    }
}
