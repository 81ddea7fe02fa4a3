//! Whether a text is a callgrind file: by its first lines.

use profkit_profile::Sniff;

use crate::header::{Header, key_and_value};

/// How far to look. A header has some twenty lines.
const SNIFFED: usize = 1 << 16;

pub(crate) fn sniff(input: &[u8]) -> Sniff {
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let head = &input[..input.len().min(SNIFFED)];
    if head.starts_with(b"# callgrind format") {
        return Sniff::Yes;
    }
    let mut has_events = false;
    let mut has_other = false;
    for line in head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii) {
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        match key_and_value(line) {
            Some((b"events", value)) if !value.is_empty() => has_events = true,
            Some((key, _)) if Header::is_known(key) => has_other = true,
            _ => return body(line, has_events),
        }
    }
    match (has_events, has_other) {
        // A header and no costs: a run that recorded nothing.
        (true, true) => Sniff::Yes,
        (true, false) => Sniff::Maybe,
        _ => Sniff::No,
    }
}

/// What the first line after the header tells.
fn body(line: &[u8], has_events: bool) -> Sniff {
    let spec = line.split(|&byte| byte == b'=').next().unwrap_or_default();
    let is_spec = spec.len() < line.len()
        && matches!(
            spec,
            b"fn" | b"fl" | b"ob" | b"fi" | b"fe" | b"cfn" | b"cfi" | b"cfl" | b"cob" | b"rec" | b"frfn"
        );
    let is_cost = line.first().is_some_and(u8::is_ascii_digit);
    match (has_events, is_spec || is_cost) {
        (true, true) => Sniff::Yes,
        (false, true) if is_spec => Sniff::Near("it has no `events:` line before its functions".into()),
        _ => Sniff::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_tell() {
        let yes = [
            "# callgrind format\n",
            "events: Ir\nfl=a.c\nfn=f\n1 2\n",
            "version: 1\r\ncreator: x\r\nevents: Ir\r\n",
            "desc: I1 cache: none\ncmd: ls\nevents: Ir Dr\n\nfl=???\n",
            "\u{feff}version: 1\nevents: Ticks\n\n12 4\n",
        ];
        for text in yes {
            assert_eq!(sniff(text.as_bytes()), Sniff::Yes, "{text:?}");
        }
        let no = [
            "",
            "\n\n",
            "version: 1\n",
            "cmd: ls\n",
            "main;f 3\n",
            "pid: 12\nname: bash\n",
            "# just a comment\n",
        ];
        for text in no {
            assert_eq!(sniff(text.as_bytes()), Sniff::No, "{text:?}");
        }
        assert_eq!(sniff(b"events: a b\n"), Sniff::Maybe);
        assert!(matches!(sniff(b"version: 1\nfn=main\n1 2\n"), Sniff::Near(_)));
    }
}
