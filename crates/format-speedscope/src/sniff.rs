//! Whether bytes are a speedscope file, by a few tokens near its beginning.

use profkit_profile::Sniff;

use crate::schema::is_schema;

/// How much is looked at. Every known exporter has `$schema` among its first keys.
const HEAD: usize = 64 * 1024;

pub(crate) fn sniff(input: &[u8]) -> Sniff {
    let head = input.get(..HEAD).unwrap_or(input);
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if !head.trim_ascii_start().starts_with(b"{") {
        return Sniff::No;
    }
    let schema = after(head, &["\"$schema\"", ":", "\""]);
    if schema.and_then(|rest| rest.split(|&byte| byte == b'"').next()).is_some_and(is_schema) {
        return Sniff::Yes;
    }
    // The app takes a file without `$schema` by its name, `*.speedscope.json`.
    let parts: [&[&str]; 3] = [
        &["\"shared\"", ":", "{", "\"frames\"", ":", "["],
        &["\"type\"", ":", "\"evented\""],
        &["\"type\"", ":", "\"sampled\""],
    ];
    if parts.iter().any(|tokens| after(head, tokens).is_some()) { Sniff::Maybe } else { Sniff::No }
}

/// What follows the first place where these tokens stand one after another, with or without space between.
fn after<'a>(text: &'a [u8], tokens: &[&str]) -> Option<&'a [u8]> {
    let first = tokens.first()?.as_bytes();
    let places = text.windows(first.len()).enumerate().filter(|(_, window)| *window == first);
    places.map(|(at, _)| &text[at..]).find_map(|rest| {
        tokens.iter().try_fold(rest, |rest, token| rest.trim_ascii_start().strip_prefix(token.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_decides() {
        let schema = r#""$schema" : "https://www.speedscope.app/file-format-schema.json""#;
        assert_eq!(sniff(format!("{{{schema}").as_bytes()), Sniff::Yes);
        assert_eq!(sniff(format!("\u{feff}\n{{\"version\":\"0.0.1\",{schema}}}").as_bytes()), Sniff::Yes);
        assert_eq!(sniff(br#"{"$schema":"https://json.schemastore.org/package"}"#), Sniff::No);
    }

    #[test]
    fn without_a_schema_it_may_be_one() {
        assert_eq!(sniff(br#"{"profiles":[{"name":"x","type": "sampled","samples":[[0,1"#), Sniff::Maybe);
        assert_eq!(sniff(br#"{"shared":{"frames":[{"name":"#), Sniff::Maybe);
        assert_eq!(sniff(br#"{"profiles":[{"type":"cpu"}],"shared":{}}"#), Sniff::No);
    }

    #[test]
    fn other_files_are_not() {
        let others = [
            "",
            "{",
            "{}",
            "[{}]",
            "{0",
            "null",
            "\u{1f}\u{8b}",
            "{\"traceEvents\":[]}",
            "{\"nodes\":[],\"samples\":[]}",
        ];
        for other in others {
            assert_eq!(sniff(other.as_bytes()), Sniff::No, "{other}");
        }
    }
}
