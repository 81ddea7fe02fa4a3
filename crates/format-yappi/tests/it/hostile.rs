//! Files that mean harm, or are broken.

use profkit_format_yappi::Yappi;
use profkit_profile::{Format, Sniff};
use proptest::prelude::*;

use crate::pickles::{children, file, float, function, list, object, pickle, text};
use crate::read;

const SMALL: &[u8] = include_bytes!("../data/yappi-1.7.6-cpu.ystat");

fn refusal(bytes: &[u8]) -> String {
    read(bytes).map(|_| "read").unwrap_err().to_string()
}

#[test]
fn whatever_would_be_called_is_named() {
    let would_call =
        |name: &str| format!("the pickle would call `{name}` when it is opened; profkit calls nothing");
    let argument = text("touch /x");
    for (bytes, name) in [
        (b"cos\nsystem\n(S'touch /x'\ntR.".to_vec(), "os.system"),
        (pickle(&[b"cposix\nsystem\n", &argument, b"\x85R"]), "posix.system"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x01x\x85R.".to_vec(), "posix.system"),
        (pickle(&[b"(", &argument, b"isubprocess\nPopen\n"]), "subprocess.Popen"),
        (pickle(&[b"(csubprocess\nPopen\n", &argument, b"o"]), "subprocess.Popen"),
        (pickle(&[b"csubprocess\nPopen\n", &argument, b"\x85\x81"]), "subprocess.Popen"),
        (pickle(&[b"csubprocess\nPopen\n", &argument, b"\x85}\x92"]), "subprocess.Popen"),
        (pickle(&[b"cyappi\nYFuncStats\n)R"]), "yappi.YFuncStats"),
        // Hidden inside what begins like a file by yappi.
        (file(&[function(1, &pickle(&[b"cos\nsystem\n", &argument, b"\x85R"])[2..], &[])]), "os.system"),
    ] {
        assert!(refusal(&bytes).starts_with(&would_call(name)), "{}", refusal(&bytes));
    }
    for (bytes, reason) in [
        (pickle(&[&argument, b"Q"]), "the pickle refers to an object outside of it at byte 12"),
        (pickle(&[b"\x82\x01"]), "the pickle refers to a class by an extension code at byte 2"),
        (
            pickle(&[b"cos\nenviron\n}(", &argument, b"K\x01ub"]),
            "attributes are given to what has none at byte 29",
        ),
        (
            pickle(&[b"cyappi\nYFuncStats\n", &argument, b"\x85\x81"]),
            "one of yappi's classes is made with arguments at byte 31",
        ),
    ] {
        assert_eq!(refusal(&bytes), reason);
    }
}

#[test]
fn other_pickles_are_told_from_yappis() {
    assert_eq!(Yappi.sniff(SMALL), Sniff::Yes);
    assert_eq!(Yappi.sniff(&pickle(&[b"](c__main__\nYThreadStat\n)\x81}be"])), Sniff::Yes);
    for (bytes, why) in [
        (b"\x80\x03c_line_profiler\nLineStats\nq\x00.".to_vec(), "line_profiler"),
        (
            b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93.".to_vec(),
            "`posix.system`",
        ),
        (b"cos\nsystem\n(S'x'\ntR.".to_vec(), "`os.system`"),
    ] {
        let Sniff::Near(problem) = Yappi.sniff(&bytes) else { panic!("{:?}", Yappi.sniff(&bytes)) };
        assert!(problem.contains(why), "{problem}");
    }
    for text in ["", "calls\nmain\n", "c", "main;f 1\n", "{}", "\u{80}", "cyappi\nYFuncStats\n"] {
        assert_eq!(Yappi.sniff(text.as_bytes()), Sniff::No, "{text:?}");
    }
    assert_eq!(Yappi.sniff(b"\x80\x02]."), Sniff::No);
}

#[test]
fn numbers_that_are_none_are_refused_where_they_stand() {
    let none = children(&[]);
    let with = |own: &[(&str, &[u8])]| refusal(&file(&[function(1, &none, own)]));
    assert!(read(&file(&[function(1, &none, &[])])).is_ok());
    assert!(with(&[("ttot", &float(f64::NAN))]).starts_with("`ttot` is NaN at byte"));
    assert!(with(&[("tsub", &float(f64::INFINITY))]).starts_with("`tsub` is inf at byte"));
    assert!(with(&[("ttot", &float(1e300))]).starts_with("`ttot` does not fit 64 bits at byte"));
    assert!(
        with(&[("ncall", b"\x8a\x09\0\0\0\0\0\0\0\0\x01")])
            .starts_with("`ncall` does not fit 64 bits at byte")
    );
    assert!(with(&[("ncall", &text("3"))]).starts_with("`ncall` is not an integer at byte"));
    assert!(with(&[("name", b"N")]).starts_with("`name` is not a string at byte"));
    assert!(with(&[("children", b"]")]).starts_with("something else stands for a YChildFuncStats at byte"));
}

#[test]
fn what_refers_to_itself_ends() {
    // A list that holds itself, as the list of functions.
    let itself = object("YFuncStats", &[("_as_list", b"]q\x00h\x00a"), ("_clock_type", b"N")]);
    assert!(refusal(&pickle(&[&itself])).starts_with("something else stands for a YFuncStat at byte"));
    // Statistics whose list is their own attribute dict's object.
    let own = pickle(&[b"cyappi\nYFuncStats\n)\x81q\x00}(", &text("_as_list"), b"h\x00ub"]);
    assert!(refusal(&own).starts_with("YFuncStats without a list"));
    // A function that is its own child.
    let child = pickle(&[&object("YFuncStats", &[("_as_list", &list(&[function(1, b"h\x01", &[])]))])]);
    assert!(refusal(&child).starts_with("memo 1 is not defined at byte"));
    assert!(refusal(&pickle(&[b"2"])).starts_with("an opcode finds nothing"));
}

#[test]
fn little_input_never_makes_much() {
    // One list of a thousand callees that a thousand functions share.
    let callee = object(
        "YChildFuncStat",
        &[
            ("name", &text("g")),
            ("module", &text("m.py")),
            ("lineno", b"K\x01"),
            ("ncall", b"K\x01"),
            ("nactualcall", b"K\x01"),
            ("builtin", b"\x89"),
            ("ttot", &float(0.0)),
            ("tsub", &float(0.0)),
        ],
    );
    let shared = [b"](".to_vec(), callee, b"q\x05".to_vec(), b"h\x05".repeat(999), b"e".to_vec()].concat();
    let shared = [object("YChildFuncStats", &[("_as_list", &shared)]), b"q\x06".to_vec()].concat();
    let first = function(1, &shared, &[]);
    let others = function(1, b"h\x06", &[]);
    let functions: Vec<_> = std::iter::once(first).chain(std::iter::repeat_n(others, 999)).collect();
    assert!(refusal(&file(&functions)).starts_with("more callees than bytes"));
    // Depth costs nothing but is limited.
    for opcode in [b'(', b']', b'}', b'N'] {
        let deep = pickle(&[&vec![opcode; 3 << 20]]);
        assert!(refusal(&deep).starts_with("nested more than 1048576 levels deep"));
    }
    let nested = pickle(&[&b"]".repeat(900_000), &b"a".repeat(899_999)]);
    assert_eq!(refusal(&nested), "a pickle of a list of something else, not of yappi's statistics at byte 2");
    // Lengths and memo numbers that are far beyond the file.
    for bytes in [
        &b"X\xff\xff\xff\xff"[..],
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\x7f",
        b"T\xff\xff\xff\x7f",
        b"U\xff",
        b"\x8a\xff",
    ] {
        assert!(refusal(&pickle(&[bytes])).starts_with("the file ends in the middle of"), "{bytes:?}");
    }
    assert!(refusal(&pickle(&[b"T\xff\xff\xff\xff"])).starts_with("a string of negative length"));
    assert!(
        refusal(&pickle(&[b"Nr\xff\xff\xff\xffj\xff\xff\xff\xff"])).starts_with("a pickle of something else")
    );
    // Memo numbers with gaps: found again, and no large table.
    let mut gaps = Vec::new();
    for number in (0..1_000_000_u32).step_by(500) {
        gaps.extend_from_slice(
            &[b"NK\x01r".as_slice(), &number.to_le_bytes(), b"00j", &number.to_le_bytes(), b"0"].concat(),
        );
    }
    assert!(refusal(&pickle(&[&gaps, b"N"])).starts_with("a pickle of something else"));
    let long = [b"I".to_vec(), b"9".repeat(1 << 20), b"\n".to_vec()].concat();
    assert!(refusal(&pickle(&[&long])).starts_with("a pickle of something else"));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for end in 0..SMALL.len() {
        let error = read(&SMALL[..end]).map(|_| end).unwrap_err();
        assert!(error.offset <= end, "{error} of {end}");
    }
    let two = [SMALL, SMALL].concat();
    assert_eq!(refusal(&two), format!("{0} bytes follow the end of the pickle at byte {0}", SMALL.len()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_file_changed_anywhere_is_read_or_refused(changes in prop::collection::vec((0..SMALL.len(), any::<u8>()), 1..6)) {
        let mut bytes = SMALL.to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        Yappi.sniff(&bytes);
        if let Err(error) = read(&bytes) {
            prop_assert!(error.offset <= bytes.len());
        }
    }

    #[test]
    fn any_opcodes_are_read_or_refused(bytes in prop::collection::vec(prop::sample::select(&OPCODES[..]), 0..80)) {
        let bytes = [b"\x80\x02".to_vec(), bytes.concat(), b".".to_vec()].concat();
        Yappi.sniff(&bytes);
        if let Err(error) = read(&bytes) {
            prop_assert!(error.offset <= bytes.len());
        }
    }
}

/// What files are made of, to be put together at random.
const OPCODES: [&[u8]; 30] = [
    b"(",
    b")",
    b"]",
    b"}",
    b"N",
    b"K\x01",
    b"q\x00",
    b"h\x00",
    b"q\x01",
    b"h\x01",
    b"a",
    b"e",
    b"s",
    b"u",
    b"b",
    b"t",
    b"\x85",
    b"\x86",
    b"\x87",
    b"0",
    b"1",
    b"2",
    b"\x81",
    b"\x94",
    b"l",
    b"d",
    b"cyappi\nYFuncStats\n",
    b"cyappi\nYFuncStat\n",
    b"U\x08_as_list",
    b"U\x08children",
];
