//! pprof against prost: both take a file or both refuse it, but for what is listed here; and where both take it,
//! what profkit writes says what the file said.
#![no_main]

#[path = "../../crates/format-pprof/tests/it/canonical.rs"]
mod canonical;

use libfuzzer_sys::fuzz_target;
use profkit_format_pprof::{Pprof, proto};
use profkit_fuzz::read;
use profkit_profile::{Format, ReadErrorKind, WriteOptions};
use prost::Message;

/// What prost refuses and profkit takes.
const LENIENT: &[&str] = &[];

/// What only damage to the outer layer is called: prost refuses it, too.
const WIRE: &[&str] = &["ends in the middle", "more than 64 bits"];

fuzz_target!(|bytes: &[u8]| {
    let decoded = proto::Profile::decode(bytes);
    let profile = read(&Pprof, None, bytes);
    match (decoded, profile) {
        (Err(_), Err(_)) => {}
        (Err(theirs), Ok(_)) => {
            let theirs = theirs.to_string();
            assert!(
                LENIENT.iter().any(|known| theirs.contains(known)),
                "prost refuses what profkit takes: {theirs}"
            );
        }
        (Ok(_), Err(ours)) => {
            // What the file says makes no sense; its encoding does.
            let text = ours.to_string();
            let wire = matches!(ours.kind, ReadErrorKind::Truncated(_))
                || WIRE.iter().any(|known| text.contains(known));
            assert!(!wire, "prost takes what profkit refuses: {text}");
        }
        (Ok(decoded), Ok(profile)) => {
            let mut written = Vec::new();
            Pprof
                .write(&profile, &mut written, &WriteOptions::default())
                .expect("pprof holds what came from pprof");
            let again = proto::Profile::decode(&*written).expect("prost reads what profkit writes");
            canonical::check_strict(&again);
            assert_eq!(canonical::canonical(&decoded), canonical::canonical(&again));
        }
    }
});
