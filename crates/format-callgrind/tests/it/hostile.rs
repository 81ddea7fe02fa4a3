//! Files that are broken, or mean harm.

use profkit_format_callgrind::Callgrind;
use profkit_profile::Format;
use proptest::prelude::*;

use crate::read;

const SMALL: &[u8] = include_bytes!("../data/valgrind-3.19.callgrind");

fn refusal(text: &str) -> String {
    read(text.as_bytes()).map(|_| "read").unwrap_err().to_string()
}

#[test]
fn what_is_wrong_is_said_and_where() {
    for (file, expected) in [
        ("version: 2\nevents: a\n", "callgrind format version 2 is not known at byte 9"),
        (
            "version: 1\n",
            "the file ends in the middle of the header: no line begins with `events:` at byte 11",
        ),
        ("version: 1\nfn=f\n1 2\n", "costs before any `events:` line at byte 16"),
        ("events: a\nfn=f\n1 2 3\n", "more costs than events at byte 19"),
        ("events: a\nfn=f\n1 x\n", "a number is expected at byte 17"),
        ("events: a\nfn=f\n1 2x\n", "a number is expected at byte 18"),
        (
            "positions: instr line\nevents: a\nfn=f\n0x1\n",
            "the file ends in the middle of a line of costs at byte 40",
        ),
        ("positions: column\nevents: a\n", "a position `column` is not known at byte 11"),
        ("positions: line line\nevents: a\n", "a position is named twice at byte 11"),
        ("events: a\nfn=f\n-1 2\n", "a number that does not fit, or a position below 0 at byte 15"),
        (
            "events: a\nfn=f\n18446744073709551616 2\n",
            "a number that does not fit, or a position below 0 at byte 15",
        ),
        (
            "events: a\nfn=f\n1 9223372036854775808\n",
            "a number that does not fit, or a position below 0 at byte 17",
        ),
        ("events: a\nfn=f\n1 9223372036854775807\n1 1\n", "a sum of values does not fit 64 bits at byte 37"),
        (
            "events: a\nfn=f\ncfn=g\ncalls=9223372036854775808 1\n1 1\n",
            "a value does not fit 64 bits at byte 27",
        ),
        ("events: a\nfn=f\ncalls=1 2\n1 3\n", "a call of nothing: no `cfn=` line before it at byte 21"),
        ("events: a\nfn=f\ncfn=g\ncalls=1 2\n", "the file ends in the middle of a call at byte 27"),
        (
            "events: a\nfn=f\ncfn=g\ncalls=1 2\nfn=h\n",
            "a line with positions must follow `calls=`, `jump=` and `jcnd=` at byte 31",
        ),
        ("events: a\nfn=(99999999999999999999) f\n", "the number of a name does not fit 64 bits at byte 13"),
        ("events: a\nfn=f\nwhat is this\n", "a line that says nothing known: \"what is this\" at byte 15"),
        ("events: a\nfn=f\nxyz=1\n", "a line that says nothing known: \"xyz=1\" at byte 15"),
    ] {
        assert_eq!(refusal(file), expected, "{file:?}");
    }
}

#[test]
fn totals_that_do_not_fit_are_refused() {
    let file = "events: a\nfn=f\n1 9223372036854775807\ncfn=g\ncalls=1 1\n1 1\n";
    assert!(refusal(file).starts_with("a sum of values does not fit 64 bits"));
}

#[test]
fn little_input_never_makes_much() {
    // Huge numbers of names, and names of names.
    let mut file = "creator: callgrind-3.19.0\nevents: a\nfn=(18446744073709551615) f\n1 1\nfl=(4294967296) x\nfn=(0) f\n".to_owned();
    for number in 1..200 {
        file += &format!("fn=({number}) ({0})'({0})\n", number - 1);
    }
    file += "fn=(199)\n1 2\n";
    let profile = read(file.as_bytes()).unwrap();
    assert!(profile.strings().iter().map(<[u8]>::len).sum::<usize>() < 1 << 17);
    // Each part with another event: every row would have a value for all of them.
    let events: String = (0..20_000).map(|number| format!("events: e{number}\nfn=f\n1 1\n")).collect();
    assert!(refusal(&events).contains("events are too many for so short lines at byte"));
    // A name that goes on for the rest of the file is read once.
    let lines = format!("creator: yappi\nevents: Ticks\nfn=(1) a\n{}", "b\n".repeat(300_000));
    assert_eq!(read(lines.as_bytes()).unwrap().functions().len(), 0);
    // Functions that call each other in one long ring, and objects that change with each line.
    let mut ring = "events: a\n".to_owned();
    for number in 0..50_000 {
        ring += &format!(
            "ob=({number}) o{number}\nfn=f\n{number} 1\nfn=g{number}\ncfn=g{}\ncalls=1 1\n1 1\n",
            (number + 1) % 50_000
        );
    }
    let profile = read(ring.as_bytes()).unwrap();
    assert_eq!(profile.calls().functions().len(), 50_001);
    let mut written = Vec::new();
    Callgrind.write(&profile, &mut written, &profkit_profile::WriteOptions::default()).unwrap();
    assert!(written.len() < 3 * ring.len());
}

#[test]
fn a_file_cut_anywhere_is_read_or_refused() {
    for end in 0..SMALL.len() {
        if let Err(error) = read(&SMALL[..end]) {
            assert!(error.offset <= end, "{error} of {end}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_file_changed_anywhere_is_read_or_refused(changes in prop::collection::vec((0..SMALL.len(), any::<u8>()), 1..6)) {
        let mut bytes = SMALL.to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        Callgrind.sniff(&bytes);
        match read(&bytes) {
            Err(error) => prop_assert!(error.offset <= bytes.len()),
            // Whatever it became, it can be written, and what is written can be read.
            Ok(profile) => prop_assert!(read(&crate::write(&profile, None).0).is_ok()),
        }
    }

    #[test]
    fn any_lines_are_read_or_refused(
        lines in prop::collection::vec(prop::sample::select(&LINES[..]), 0..60),
        creator in prop::sample::select(&["", "creator: yappi\n", "creator: profkit 1\n", "creator: callgrind-1\n"][..]),
    ) {
        let bytes = [creator.as_bytes(), b"events: a b\n", lines.join("\n").as_bytes()].concat();
        match read(&bytes) {
            Err(error) => prop_assert!(error.offset <= bytes.len()),
            Ok(profile) => prop_assert!(read(&crate::write(&profile, Some("parts")).0).is_ok()),
        }
    }
}

/// What files are made of, to be put together at random.
const LINES: [&str; 36] = [
    "",
    "1 2",
    "* 3 4",
    "+1 -5",
    "-1 1",
    "0 .",
    "fn=f",
    "fn=(1) g",
    "fn=(1)",
    "fn=(2)",
    "fl=a.c",
    "fl=(1) b.c",
    "fl=(1)",
    "fi=(1)",
    "fe=a.c",
    "ob=(1) o",
    "ob=(1)",
    "cob=(2) p",
    "cfi=(1)",
    "cfl=",
    "cfn=f",
    "cfn=(1)",
    "calls=1 5",
    "calls=0",
    "calls=2 +1 7",
    "1 2",
    "2 9",
    "jump=1 2",
    "jcnd=1/2 +3",
    "part: 2",
    "thread: 3",
    "totals: 3 4",
    "events: b c",
    "positions: line",
    "#calls=?",
    "garbage",
];
