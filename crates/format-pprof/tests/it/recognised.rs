//! What is pprof, what is nearly, and what is not.

use prost::Message;

use profkit_format_pprof::{Pprof, proto};
use profkit_profile::{Format, ReadErrorKind, Sniff};

use crate::files::{fixtures, read, small};

#[test]
fn files_of_real_tools_are_pprof() {
    for (name, bytes) in fixtures("pprof") {
        assert_eq!(Pprof.sniff(&bytes), Sniff::Yes, "{name}");
    }
}

#[test]
fn files_of_other_formats_are_not() {
    for folder in ["pstats", "yappi", "collapsed", "speedscope", "callgrind"] {
        for (name, bytes) in fixtures(folder) {
            assert_eq!(Pprof.sniff(&bytes), Sniff::No, "{folder}/{name}");
        }
    }
}

#[test]
fn what_was_called_pprof_before_is_named() {
    for (name, bytes) in fixtures("legacy") {
        let Sniff::Near(why) = Pprof.sniff(&bytes) else { panic!("{name} is not near") };
        assert!(why.starts_with("a legacy pprof format ("), "{name}: {why}");
        assert!(
            why.ends_with("; convert it with: go tool pprof -proto FILE >profile.pb.gz"),
            "{name}: {why}"
        );
        let error = read(&bytes).unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Unsupported(why), "{name}");
        assert_eq!(error.offset, 0);
    }
}

#[test]
fn a_file_that_is_cut_off_may_be_pprof() {
    // Go writes its samples before the strings that would tell for sure.
    let mut file = small();
    file.sample = vec![file.sample[0].clone(); 100];
    let bytes = file.encode_to_vec();
    assert_eq!(Pprof.sniff(&bytes), Sniff::Yes);
    assert_eq!(Pprof.sniff(&bytes[..200]), Sniff::Maybe);
}

#[test]
fn other_protobuf_is_not_pprof() {
    // OTLP's ProfilesData: messages in the fields 1 and 2.
    let message = |field: u8, body: &[u8]| {
        let length = u8::try_from(body.len()).unwrap();
        [&[field << 3 | 2, length], body].concat()
    };
    let resource = message(1, &message(2, &message(2, b"\x08\x01")));
    let dictionary = message(2, &[message(5, b""), message(5, b"samples")].concat());
    assert_eq!(Pprof.sniff(&[resource.clone(), dictionary.clone()].concat()), Sniff::No);
    assert_eq!(Pprof.sniff(&[message(1, b""), dictionary].concat()), Sniff::No);
    assert_eq!(Pprof.sniff(&resource), Sniff::No);
    // A string table that begins with a name.
    let named = proto::Profile { string_table: vec![b"a".to_vec()], ..small() };
    assert_eq!(Pprof.sniff(&named.encode_to_vec()), Sniff::No);
}

#[test]
fn noise_is_not_pprof() {
    let mut state = 7_u64;
    let mut bytes = vec![0; 300];
    for _ in 0..20_000 {
        for byte in &mut bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = state.to_be_bytes()[0];
        }
        assert_ne!(Pprof.sniff(&bytes), Sniff::Yes);
    }
    for text in ["", "{", "a;b 1\n", "2", "\n\n", "\x00", "<html>"] {
        assert_eq!(Pprof.sniff(text.as_bytes()), Sniff::No, "{text:?}");
    }
}
