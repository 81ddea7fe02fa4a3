//! Dumps that are cut, flipped, made to harm, or no dumps at all: each is a profile or an error with its place, and
//! costs no more time and memory than its length allows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::time::{Duration, Instant};

use common::{fixture, fixtures, read, read_as, tables};
use profkit_profile::{BuildError, Profile, ReadError, ReadErrorKind};

fn error(dump: &[u8]) -> ReadError {
    read(dump).expect_err("a dump that should be refused")
}

/// The message and the place.
fn refused(dump: &[u8]) -> (String, usize) {
    let error = error(dump);
    (error.kind.to_string(), error.offset)
}

/// A dict with one function, version 2; `parts` stand for the value.
fn dump(value: &[u8]) -> Vec<u8> {
    [&b"{(\x03\0\0\0u\x04\0\0\0a.pyi\x01\0\0\0u\x01\0\0\0f"[..], value, b"0"].concat()
}

const VALUE: &[u8] = b"(\x05\0\0\0i\x01\0\0\0i\x01\0\0\0i\x02\0\0\0i\x02\0\0\0{0";

#[test]
fn a_dump_that_is_cut_anywhere_is_an_error_at_or_before_the_cut() {
    for name in fixtures() {
        let bytes = fixture(&name);
        // At every byte of a file of each dialect and Python 2, here and there in the others.
        let whole = ["cpython-2.7-calls", "3.13-calls", "profile-3.9", "pyinstrument", "sampling", "yappi"];
        let step = if whole.iter().any(|part| name.contains(part)) { 1 } else { 97 };
        for length in (0..bytes.len()).step_by(step) {
            let error = read(&bytes[..length]).expect_err(&name);
            assert!(error.offset <= length, "{name} cut at {length}: {error}");
        }
    }
}

#[test]
fn the_place_of_a_cut_is_the_object_that_is_cut() {
    assert_eq!(refused(b""), ("the file ends in the middle of the dump".into(), 0));
    assert_eq!(refused(b"{"), ("the file ends in the middle of the dump".into(), 1));
    assert_eq!(refused(b"{(\x03\0\0\0u\x04\0\0\0a.p"), ("the file ends in the middle of a string".into(), 6));
    let whole = dump(VALUE);
    assert!(read(&whole).is_ok());
    let cut = refused(&whole[..whole.len() - 3]);
    assert_eq!(cut, ("the file ends in the middle of the callers of a function".into(), whole.len() - 3));
}

#[test]
fn a_dict_that_contains_itself_is_no_function() {
    // d = {}; d[("a.py", 1, "f")] = d
    let cyclic = b"\xfb)\x03z\x04a.pyi\x01\0\0\0z\x01fr\0\0\0\x000";
    assert_eq!(refused(cyclic), ("a function's entry is not a tuple of five".into(), 0));
    // The callers of f are the dict itself, whose values are no callers.
    let cyclic =
        b"\xfb)\x03z\x04a.pyi\x01\0\0\0z\x01f)\x05i\x01\0\0\0i\x01\0\0\0i\x02\0\0\0i\x02\0\0\0r\0\0\0\x000";
    assert_eq!(refused(cyclic), ("a caller's entry is neither a tuple of four nor a number".into(), 17));
    // A key that is a tuple of itself: hashing it crashes CPython.
    let first = [&b"{)\x03z\x04a.pyi\x01\0\0\0z\x01f"[..], VALUE].concat();
    let cyclic = [&first[..], b"\xa9\x03r\0\0\0\0i\x01\0\0\0z\x01f0"].concat();
    assert_eq!(refused(&cyclic), ("the file of a function is not text".into(), first.len()));
    // A code object whose name is the code object itself.
    let cyclic = b"{)\x03z\x04a.pyi\x01\0\0\0\xe3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0NNNNNr\0\0\0\0";
    assert_eq!(refused(cyclic).0, "object 0 is not defined");
}

#[test]
fn depth_is_limited_as_in_cpython_and_uses_no_stack() {
    let nested = |depth: usize| {
        let tuples = b")\x01".repeat(depth);
        [&b"{)\x01z\x0b__sampled__"[..], &tuples, b"N0"].concat()
    };
    assert!(read(&nested(1_900)).is_ok());
    assert_eq!(error(&nested(2_001)).kind, ReadErrorKind::TooDeep(2_000));
    assert_eq!(error(&nested(1_000_000)).kind, ReadErrorKind::TooDeep(2_000));
    let refused = refused(&dump(&[&b")\x05"[..], &b")\x01".repeat(1_900), b"N"].concat()));
    assert_eq!(refused.0, "a number of calls is not an integer");
}

/// One object of every kind marshal knows, as Python 3.15 writes it in versions 0 and 6, where no reader looks.
#[test]
fn every_kind_of_object_can_be_skipped() {
    let version_0 = b"{(\x01\0\0\0u\x0b\0\0\0__sampled__(\x12\0\0\0NTFS.i\x01\0\0\0l\x03\0\0\0\0\0\0\0\x02\0\
        l\xfa\xff\xff\xff\0\0\0\0\0\0\0\0\0\0 \0f\x031.5x\x010\x012s\x01\0\0\0xu\x02\0\0\0\xc3\xa9\
        u\x03\0\0\0\xed\xa0\x80[\x02\0\0\0i\x01\0\0\0[\x01\0\0\0i\x02\0\0\0<\x01\0\0\0i\x02\0\0\0\
        >\x01\0\0\0i\x03\0\0\0{u\x01\0\0\0k(\x01\0\0\0i\x01\0\0\x000(\0\0\0\x000";
    let version_6 = b"{\xa9\x01\xda\x0b__sampled__\xa9\x14NTFS.\xe9\x01\0\0\0\xec\x03\0\0\0\0\0\0\0\x02\0\
        l\xfa\xff\xff\xff\0\0\0\0\0\0\0\0\0\0 \0\xe7\0\0\0\0\0\0\xf8?\xf9\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0@\
        \xf3\x01\0\0\0x\xf4\x02\0\0\0\xc3\xa9\xf5\x03\0\0\0\xed\xa0\x80[\x02\0\0\0r\x03\0\0\0\
        [\x01\0\0\0\xe9\x02\0\0\0<\x01\0\0\0r\n\0\0\0>\x01\0\0\0\xe9\x03\0\0\0:r\x03\0\0\0Nr\x0b\0\0\0\
        }\xda\x01ar\x03\0\0\x000{\xda\x01k\xa9\x01r\x03\0\0\x000\xa9\x000";
    for dump in [&version_0[..], version_6] {
        assert_eq!(read(dump).unwrap().meta().dialect, "sampled");
        for length in 0..dump.len() {
            assert!(read(&dump[..length]).is_err(), "cut at {length}");
        }
    }
}

#[test]
fn counts_are_checked_against_what_is_left() {
    for code in [b'(', b'[', b'<', b'>'] {
        for count in [0x7fff_ffffu32, 0x8000_0000, 0xffff_ffff, 100] {
            let huge = [&b"{)\x01z\x0b__sampled__"[..], &[code], &count.to_le_bytes(), b"N0"].concat();
            let error = error(&huge);
            assert_eq!(error.offset, 16, "{error}");
        }
    }
    for code in [b's', b'u', b'a', b't'] {
        let huge = [&b"{)\x03"[..], &[code], b"\xff\xff\xff\x7fa.py"].concat();
        assert_eq!(error(&huge).offset, 3);
    }
    let digits = dump(b")\x05l\xff\xff\xff\x7f\x01\0");
    assert_eq!(refused(&digits).0, "the file ends in the middle of a long number");
}

#[test]
fn numbers_that_are_no_times_are_named() {
    let with_own = |own: &[u8]| dump(&[&b")\x05i\x01\0\0\0i\x01\0\0\0"[..], own, b"i\0\0\0\0{0"].concat());
    for (bits, problem) in [
        (f64::NAN, "a time is infinite or not a number"),
        (f64::INFINITY, "a time is infinite or not a number"),
        (-1e300, "a value does not fit 64 bits"),
        (9.3e9, "a value does not fit 64 bits"),
    ] {
        let own = [&b"g"[..], &bits.to_le_bytes()].concat();
        assert_eq!(refused(&with_own(&own)), (problem.into(), 38), "{bits}");
    }
    assert_eq!(refused(&with_own(b"f\x03nan")).0, "a time is infinite or not a number");
    assert_eq!(refused(&with_own(b"T")).0, "a time is not a number");
    // 2^63 calls.
    let calls = dump(b")\x05l\x05\0\0\0\0\0\0\0\0\0\0\0\x08\0i\x01\0\0\0i\0\0\0\0i\0\0\0\0{0");
    assert_eq!(error(&calls), ReadErrorKind::Build(BuildError::ValueTooLarge).at(28));
    // Whole seconds, and more of them than 64 bits of nanoseconds hold.
    assert_eq!(tables(&read(&with_own(b"i\x02\0\0\0")).unwrap()).0[0].3, [2_000_000_000]);
    assert_eq!(
        error(&with_own(b"I\0\0\0\0\x10\0\0\0")).kind,
        ReadErrorKind::Build(BuildError::ValueTooLarge)
    );
}

#[test]
fn keys_of_other_kinds_are_refused() {
    for (key, problem) in [
        (&b"N"[..], "a key is not a tuple of file, line and name"),
        (b")\x04z\x01fi\x01\0\0\0z\x01fN", "a key is not a tuple of file, line and name"),
        (b")\x01z\x01f", "a key is not a tuple of file, line and name"),
        (b")\x03Ni\x01\0\0\0z\x01f", "the file of a function is not text"),
        (b")\x03z\x01fNz\x01f", "the line of a function is not an integer"),
        (b")\x03z\x01fTz\x01f", "the line of a function is not an integer"),
        (b")\x03z\x01fi\x01\0\0\0N", "the name of a function is neither text nor a code object"),
        (b")\x03z\x01\xe9", "a string is not ASCII"),
        (b")\x03u\x01\0\0\0\xe9", "a string is not UTF-8"),
    ] {
        // A first item that is fine, so that the file is taken for a dump.
        let bytes = [&b"{)\x03z\x04a.pyi\x01\0\0\0z\x01f"[..], VALUE, key, VALUE, b"0"].concat();
        assert_eq!(refused(&bytes).0, problem, "{}", key.escape_ascii());
    }
}

#[test]
fn the_last_of_items_with_one_key_wins_at_the_place_of_the_first() {
    let item = |name: u8, calls: u8| {
        let key = [&b")\x03z\x04a.pyi\x01\0\0\0z\x01"[..], &[name]].concat();
        let value = [&b")\x05i\x01\0\0\0i"[..], &[calls], b"\0\0\0i\0\0\0\0i\0\0\0\0{"].concat();
        let callers = [&key[..], b"i\x03\0\0\0", &key, b"i", &[calls], b"\0\0\0"].concat();
        [key, value, callers, b"0".to_vec()].concat()
    };
    let bytes = [b"{".to_vec(), item(b'f', 7), item(b'g', 8), item(b'f', 9), b"0".to_vec()].concat();
    let (functions, edges) = tables(&read(&bytes).unwrap());
    let calls: Vec<_> = functions.iter().map(|row| (row.0.as_str(), row.1)).collect();
    assert_eq!(calls, [("a.py:1(f)", Some(9)), ("a.py:1(g)", Some(8))]);
    let callers: Vec<_> = edges.iter().map(|row| (row.0.as_str(), row.1.as_str(), row.2)).collect();
    assert_eq!(callers, [("a.py:1(f)", "a.py:1(f)", Some(9)), ("a.py:1(g)", "a.py:1(g)", Some(8))]);
}

#[test]
fn what_follows_a_dump_is_read_or_refused_never_lost() {
    let one = fixture("cpython-3.11-calls.pstats");
    let other = fixture("sampling-3.15-recursion.pstats");
    let both = read(&[&one[..], &other].concat()).unwrap();
    let rows = |dump: &[u8]| read(dump).unwrap().calls().functions().len();
    assert_eq!(both.calls().functions().len(), rows(&one) + rows(&other));
    assert_eq!(both.meta().dialect, "cprofile");
    let own = |profile: &Profile| -> i64 {
        let time = profile.sample_type_named(b"time").unwrap();
        profile.calls().functions().own(time).iter().sum()
    };
    assert_eq!(own(&both), own(&read(&one).unwrap()) + own(&read(&other).unwrap()));
    // Code objects of the second dump decide on the layout of the whole file.
    let profile = fixture("profile-2.7-calls.pstats");
    assert_eq!(rows(&[&fixture("cpython-2.7-calls.pstats")[..], &profile].concat()), 41 + 43);
    for padding in [&b"\n"[..], b"\0\0\0\0", b"\r\n"] {
        assert_eq!(rows(&[&one[..], padding].concat()), rows(&one));
    }
    let (problem, place) = refused(&[&one[..], b"\n# made by hand\n"].concat());
    assert_eq!((problem.as_str(), place), ("16 bytes that are no profile follow the profile", one.len()));
    let cut = error(&[&one[..], &other[..100]].concat());
    assert!((one.len()..one.len() + 100).contains(&cut.offset), "{cut}");
}

#[test]
fn sharing_costs_no_more_than_the_file_is_long() {
    // A dict of callers that every function refers to: as many callers as functions times functions.
    let key = |n: u32| [&b"\xa9\x03z\x01fi"[..], &n.to_le_bytes(), b"z\x01g"].concat();
    let mut bytes = b"{".to_vec();
    for n in 0..20_000u32 {
        bytes.extend(key(n));
        bytes.extend(b")\x05i\x01\0\0\0i\x01\0\0\0i\0\0\0\0i\0\0\0\0");
        if n == 0 {
            // The callers get number 1, after the key of this function.
            bytes.push(0xfb);
            for caller in 1_000_000..1_020_000 {
                bytes.extend(key(caller));
                bytes.extend(b"i\x01\0\0\0");
            }
            bytes.push(b'0');
        } else {
            bytes.extend(b"r\x01\0\0\0");
        }
    }
    bytes.push(b'0');
    assert_eq!(refused(&bytes).0, "callers shared by many functions");
    // Names made of code objects that share one long file name.
    let mut bytes = [&b"{)\x03\xfa\x01fi\0\0\0\0\xf5\0\0\x10\0"[..], &b"x".repeat(1 << 20)].concat();
    bytes.extend(VALUE);
    for n in 0..2_000u32 {
        bytes.extend([&b")\x03r\0\0\0\0i"[..], &n.to_le_bytes()].concat());
        bytes.extend([&b"c"[..], &[0; 16], b"NNNNNNr\x01\0\0\0z\x01c\x01\0\0\0N"].concat());
        bytes.extend(VALUE);
    }
    bytes.push(b'0');
    let start = Instant::now();
    assert_eq!(refused(&bytes).0, "names of code objects that are longer than the whole file");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn other_files_are_told_what_they_are() {
    for (bytes, word) in [
        (&b"\x13\x0fhotshot-version\0\x13\x17requested"[..], "hotshot"),
        (b"\x80\x05\x95n\0\0\0\0\0\0\0\x8c\x1bline_profiler.line_profiler", "line_profiler"),
        (b"\xa7\x0d\x0d\x0a\0\0\0\0", ".pyc"),
        (b"   2 function calls in 0.000 seconds\n\n   ncalls  tottime", "table"),
    ] {
        let error = error(bytes);
        assert!(matches!(error.kind, ReadErrorKind::Unsupported(_)), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    assert_eq!(refused(b"[\0\0\0\0").0, "the dump is not a dict");
}

#[test]
fn a_dialect_can_be_forced() {
    let bytes = fixture("yappi-1.7.6-calls.pstats");
    let calls = |dialect| common::function(&read_as(&bytes, dialect).unwrap(), "fib").1;
    assert_eq!((calls(None), calls(Some("yappi")), calls(Some("cprofile"))), (Some(465), Some(465), Some(1)));
    let sampled = read_as(&fixture("profile-3.12-calls.pstats"), Some("sampled")).unwrap();
    assert_eq!(sampled.sample_type_named(b"samples"), Some(0));
    // The callers of a cProfile dump are no numbers of samples.
    let refused = read_as(&fixture("cpython-3.11-calls.pstats"), Some("sampled")).unwrap_err();
    assert_eq!(refused.kind.to_string(), "a caller's entry is not a number of samples");
    assert!(read_as(b"{0", Some("klingon")).is_err());
}

/// In a dump of yappi's all functions have their counts swapped. If only some have, the file was taken for yappi's, and
/// for another one after it was written and read again.
#[test]
fn counts_in_both_orders_stay_as_they_are() {
    let profile = read(&fixture("../hostile/pstats-counts-in-both-orders.pstats")).unwrap();
    assert_eq!(profile.meta().dialect, "cprofile");
    let counts: Vec<_> = tables(&profile).0.iter().map(|row| (row.1, row.2)).collect();
    assert_eq!(counts, [(Some(3), Some(1)), (Some(1), Some(3))]);
    assert_eq!(tables(&read(&common::write(&profile).0).unwrap()), tables(&profile));
}

/// Times that no one interval explains, as after adding dumps of other rates by hand: callers keep their samples.
#[test]
fn samplers_dumps_of_several_rates_have_no_times_of_callers() {
    let mut bytes = b"{".to_vec();
    for (name, own) in [(b'f', 1.0f64), (b'g', 2.0)] {
        bytes.extend([&b")\x03z\x01ai\x01\0\0\0z\x01"[..], &[name]].concat());
        bytes.extend(b")\x05i\x0a\0\0\0i\x0a\0\0\0");
        bytes.extend([&b"g"[..], &own.to_le_bytes(), b"g", &own.to_le_bytes()].concat());
        bytes.extend(b"{)\x03z\x01ai\x01\0\0\0z\x01fi\x04\0\0\x000");
    }
    bytes.extend(b")\x01z\x0b__sampled__T0");
    let profile = read(&bytes).unwrap();
    let edges = tables(&profile).1;
    assert!(edges.iter().all(|edge| edge.5.as_deref() == Some(&[4, 0])));
    assert_eq!(profile.meta().period, 0);
    assert!(profile.meta().notes[0].contains("interval"), "{:?}", profile.meta().notes);
}
