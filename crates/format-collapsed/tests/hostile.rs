//! Damaged files: the answer is a profile or an error within the file, never a panic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is wrong"
)]

mod support;

use profkit_format_collapsed::Collapsed;
use profkit_profile::{Format, Profile, WriteOptions};
use proptest::prelude::*;
use support::{rows, try_read, write};

const FILES: [&[u8]; 6] = [
    b"main;graph;node_[j] 30.25\nmain;graph 5\n# remark\n\nmain;graph;edge 1e3\n",
    b"process 10:\"python -c import a; b()\";process 11:\"p\nq\";thread (0x7F): w;f (t (2).py:982);semi;colon (x.py:3) 3\n 4\n",
    b"tid:23750;<native>;threading.py:Thread.run:1161;odd.py:semi;co\nlon:2;<GC> 575\ntid:1;<task>:job 2:0 71\n",
    b"# austin: 3.7.0\n# interval: 10000\n# mode: full\nP42;T0:43 21,0,5\nP42;T1:Main;x.so:std::f:0;:GC: 5,1,-9\n# duration: 4",
    b"[pool tid=77];python-12/34;run_[j];_start 4 5\njava-?/3;[unknown];main_[k] 7 8\n",
    "# profkit: collapsed py-spy escaped estimated inferred differential\nf;x (a␦.py:3) [inferred];␥;␠a␊ 1 2\n[no stack] 1 2\n"
        .as_bytes(),
];

fn check(bytes: &[u8]) {
    let _ = Collapsed.sniff(bytes);
    let forced = Collapsed.dialects().iter().filter_map(|dialect| check_read(bytes, Some(dialect)));
    // What a damaged file says can be written like everything else.
    let forced: Vec<_> = forced.collect();
    for profile in check_read(bytes, None).iter().chain(forced.first()) {
        for dialect in Collapsed.written_dialects() {
            let options = WriteOptions { dialect: Some(dialect), mark_inferred: true, sample_type: None };
            let Ok((out, _)) = write(profile, &options) else { continue };
            let again = try_read(&out, None).expect("what was written is a profile");
            assert!(rows(&again).len() <= rows(profile).len());
        }
    }
}

fn check_read(bytes: &[u8], dialect: Option<&str>) -> Option<Profile> {
    let result = try_read(bytes, dialect);
    if let Err(error) = &result {
        assert!(error.offset <= bytes.len(), "{error}");
    }
    result.ok()
}

#[test]
fn files_that_end_anywhere() {
    for file in FILES {
        for end in 0..=file.len() {
            check(&file[..end]);
        }
    }
}

#[test]
fn files_with_one_byte_changed() {
    for file in FILES {
        for at in 0..file.len() {
            for byte in [0, b'\n', b';', b' ', b'"', b':', 0xe2] {
                let mut file = file.to_vec();
                file[at] = byte;
                check(&file);
            }
        }
    }
}

#[test]
fn long_numbers_and_deep_stacks() {
    check(
        &[b"a;b ", &b"9".repeat(1_000)[..], b"\na;c 1e999999999999\na;d 0.", &b"3".repeat(1_000), b"\n"]
            .concat(),
    );
    check(&[&b"a;".repeat(50_000)[..], b"b 5\n"].concat());
    check(&[&b";".repeat(50_000)[..], b" 5\n"].concat());
    check(&[&b"P1;T1;"[..], &b"a;".repeat(50_000), b":f:3 5\n"].concat());
    check(&[&b"f "[..], &b"(".repeat(50_000), b";g (x.py:3) 5\n"].concat());
    check(&b"process 1:\"\n".repeat(20_000));
    check(&b"f (x.py:3);new\n".repeat(20_000));
}

proptest! {
    #[test]
    fn files_with_bytes_swapped(file in 0..FILES.len(), from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), length in 0usize..40) {
        let mut file = FILES[file].to_vec();
        let (from, to) = (from.index(file.len()), to.index(file.len()));
        let piece: Vec<u8> = file[from..].iter().take(length).copied().collect();
        file.splice(to..to, piece);
        check(&file);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b" ;\n:()0123456789_[k]#PT\"".to_vec())], 0..300)) {
        check(&bytes);
    }
}
