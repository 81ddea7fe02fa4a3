//! Broken and hostile files: an answer each time, and soon.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{evented, file, read, sampled, sampled_profile, write};

fn whole() -> String {
    let sampled =
        sampled_profile("Thread 1 \\\"x\\\"", "seconds", "[[0,1],[0],[],[2,1,0]]", "[0.5,1e-3,2,0.25]");
    let evented = evented("none", "O0@0 O1@1.5 C1@2 C0@3");
    let evented = &evented[evented.find(r#"{"type":"evented""#).unwrap()..evented.len() - 2];
    file(&format!("{sampled},{evented}"), r#","name":"t","activeProfileIndex":1,"exporter":"pyinstrument""#)
        .replace(r#"{"name":"c"}"#, r#"{"name":"\ud83d\ude00\udcf3","file":"c.py","line":3,"col":4}"#)
}

/// Whatever is read can be written, unless it has negative values, and is then read again.
fn try_file(bytes: &[u8]) {
    match read(bytes) {
        Ok(profile) => {
            let values = |column| profile.samples().values(column).iter();
            if (0..profile.samples().columns()).flat_map(values).all(|&value| value >= 0) {
                let text = write(&profile);
                assert_eq!(write(&read(text.as_bytes()).unwrap()), text);
            }
        }
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error}");
            let message = error.kind.to_string();
            assert!(!message.is_empty() && !message.starts_with(char::is_uppercase), "{message}");
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    let whole = whole();
    read(whole.as_bytes()).unwrap();
    for end in 0..whole.len() {
        let error = read(&whole.as_bytes()[..end]).unwrap_err();
        // Half a number may be taken for a wrong one, by its last byte.
        assert!((end.saturating_sub(1)..=end).contains(&error.offset), "{error} of {end}");
    }
}

proptest! {
    #[test]
    fn changed_bytes_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = whole().into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        try_file(&bytes);
    }

    #[test]
    fn changed_tokens_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec![
        "", "null", "-1", "1e999", "9223372036854775807", "0.1", "[]", "{}", "\"\"", "[[[[", "NaN", "-", "18446744073709551616",
    ])), 1..4)) {
        let whole = whole();
        let mut tokens: Vec<&str> = whole.split_inclusive([',', ':', '[', ']', '{', '}']).collect();
        for (place, token) in changes {
            let place = place.index(tokens.len());
            tokens[place] = token;
        }
        try_file(tokens.concat().as_bytes());
    }
}

#[test]
fn numbers_past_all_bounds_are_refused_where_they_are() {
    for weight in ["1e999", "9300000000", "-9300000000", "1e99999999999999999999"] {
        let text = sampled("seconds", "[[0]]", &format!("[{weight}]"));
        let error = read(text.as_bytes()).unwrap_err();
        assert!(text[error.offset..].starts_with(weight), "{error}");
    }
    let sum = sampled("seconds", "[[0],[0]]", "[9000000000,9000000000]");
    assert!(sum[read(sum.as_bytes()).unwrap_err().offset..].starts_with("9000000000]"));
    for frame in ["3", "-1", "4294967296", "1e30", "0.5", "\"0\"", "null", "[0]"] {
        let text = sampled("none", &format!("[[0,{frame}]]"), "[1]");
        let error = read(text.as_bytes()).unwrap_err();
        assert!(text[error.offset..].starts_with(frame), "{error} for {frame}");
    }
}

#[test]
fn samples_without_weights_are_refused() {
    for (samples, weights) in [
        ("[[0],[0]]", "[1]"),
        ("[[0]]", "[1,2]"),
        ("[0]", "[1]"),
        ("[[0],1]", "[1,1]"),
        ("{}", "[]"),
        ("[[0]]", "{}"),
    ] {
        read(sampled("none", samples, weights).as_bytes()).unwrap_err();
    }
}

#[test]
fn deep_and_wide_files_take_linear_time() {
    let begin = Instant::now();
    let nested = file("", &format!(",\"x\":{}{}", "[".repeat(2_000_000), "]".repeat(2_000_000)));
    read(nested.as_bytes()).unwrap();
    let nested = file(&"[".repeat(2_000_000), "");
    read(nested.as_bytes()).unwrap_err();
    let deep = format!("[[{}0]]", "0,".repeat(500_000));
    assert_eq!(read(sampled("none", &deep, "[1]").as_bytes()).unwrap().stacks().len(), 500_001);
    let open: String = (0..100_000).map(|at| format!("O0@{at} ")).collect();
    assert_eq!(read(evented("none", &open).as_bytes()).unwrap().stacks().len(), 100_000);
    // Each with a unit of its own, and a name that says a measure of its own.
    let many: Vec<String> = (0..20_000)
        .map(|number| sampled_profile(&format!("(m{number})"), &format!("u{number}"), "[[0]]", "[1]"))
        .collect();
    let many = file(&many.join(","), r#","exporter":"profkit 0.1.0""#);
    let profile = read(many.as_bytes()).unwrap();
    assert_eq!((profile.sample_types().len(), profile.tracks().tracks().len()), (1, 20_000));
    // Every byte of the name is one that has to be escaped first, and every sample names a place.
    let stray = [b"caf\xe9".repeat(50_000), Vec::new()].concat();
    let text =
        sampled("none", &format!("[{}[0]]", "[0],".repeat(50_000)), &format!("[{}1]", "1,".repeat(50_000)));
    let (before, after) = text.split_once("a\"}").unwrap();
    read(&[before.as_bytes(), &stray, b"\"}", after.as_bytes()].concat()).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

#[test]
fn a_key_given_twice_is_refused() {
    let twice = sampled("none", "[[0]]", "[1]").replace(r#""unit""#, r#""name":"q","unit""#);
    assert!(read(twice.as_bytes()).unwrap_err().to_string().contains("duplicate field `name`"));
}
