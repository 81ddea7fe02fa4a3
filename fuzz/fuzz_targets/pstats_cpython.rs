//! pstats against CPython: `marshal.loads` and `pstats` take a dump if profkit does, but for what is listed here, and
//! where both take it, they say the same.
#![no_main]

use std::sync::Mutex;

use libfuzzer_sys::fuzz_target;
use profkit_format_pstats::Pstats;
use profkit_fuzz::cpython::{Answer, CPython, Dump};
use profkit_fuzz::read;

static CPYTHON: Mutex<Option<CPython>> = Mutex::new(None);

/// What CPython refuses and profkit takes, by CPython's words.
const LENIENT: &[&str] = &[
    // Python 2's strings, and code objects of every version: each CPython reads its own only.
    "unknown type code",
    "codec can't decode",
    "codeobject.c",
];

/// Well-formed dumps that profkit refuses all the same, by its words.
const STRICT: &[&str] = &[
    "a sum of values does not fit 64 bits",
    "bytes that are no profile follow the profile",
    "callers shared by many functions",
    // The last key of a dict may be anything to CPython if its value is missing: it drops the key. (What it keeps,
    // `cpython.py` looks at.)
    "a key is not a tuple of file, line and name",
    "of a function is not",
    "the name of a function is neither",
    "entry is not a tuple of five",
    "entry is neither a tuple of four nor a number",
    "is missing",
    // CPython does not look, and reads Latin-1.
    "a string is not ASCII",
];

fuzz_target!(|bytes: &[u8]| {
    let ours = read(&Pstats, Some("cprofile"), bytes);
    let mut cpython = CPYTHON.lock().expect("one thread");
    let answer = cpython.get_or_insert_with(CPython::start).ask(bytes);
    drop(cpython);
    match (answer, ours) {
        (Answer::Died | Answer::Odd, _) | (Answer::Refused(_), Err(_)) => {}
        (Answer::Refused(theirs), Ok(_)) => {
            assert!(
                LENIENT.iter().any(|known| theirs.contains(known)),
                "CPython refuses what profkit takes: {theirs}"
            );
        }
        (Answer::Dump(_), Err(ours)) => {
            let text = ours.to_string();
            assert!(
                STRICT.iter().any(|known| text.contains(known)),
                "CPython takes what profkit refuses: {text}"
            );
        }
        (Answer::Dump(theirs), Ok(ours)) => theirs.compare(&Dump::of(&ours)),
    }
});
