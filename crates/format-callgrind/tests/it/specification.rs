//! The examples of the specification ("Callgrind Format Specification", Valgrind 3.19) and the rules around them.

use crate::{assert_round_trip, edges, function, functions, read};

/// Section 3.1.4; the specification says that main's inclusive cost is 820.
const EXTENDED: &str = "# callgrind format
events: Instructions

fl=file1.c
fn=main
16 20
cfn=func1
calls=1 50
16 400
cfi=file2.c
cfn=func2
calls=3 20
16 400

fn=func1
51 100
cfi=file2.c
cfn=func2
calls=2 20
51 300

fl=file2.c
fn=func2
20 700
";

/// The same with numbers for names (section 3.1.5), defined where they are first needed and in front.
const COMPRESSED: [&str; 2] = [
    "events: Instructions\nfl=(1) file1.c\nfn=(1) main\n16 20\ncfn=(2) func1\ncalls=1 50\n16 400\ncfi=(2) file2.c
cfn=(3) func2\ncalls=3 20\n16 400\nfn=(2)\n51 100\ncfi=(2)\ncfn=(3)\ncalls=2 20\n51 300\nfl=(2)\nfn=(3)\n20 700\n",
    "events: Instructions\n# files\nfl=(1) file1.c\nfl=(2) file2.c\nfn=(1) main\nfn=(2) func1\nfn=(3) func2
fl=(1)\nfn=(1)\n16 20\ncfn=(2)\ncalls=1 50\n16 400\ncfi=(2)\ncfn=(3)\ncalls=3 20\n16 400\nfn=(2)\n51 100\ncfi=(2)
cfn=(3)\ncalls=2 20\n51 300\nfl=(2)\nfn=(3)\n20 700\n",
];

fn numbers(file: &str) -> Vec<String> {
    functions(&read(file.as_bytes()).unwrap())
}

#[test]
fn the_extended_example_costs_820() {
    for file in [EXTENDED, COMPRESSED[0], COMPRESSED[1]] {
        let profile = read(file.as_bytes()).unwrap();
        assert_eq!(functions(&profile), ["main 20 820 ? ?", "func1 100 400 1 1", "func2 700 700 5 5"]);
        assert_eq!(
            edges(&profile),
            [
                "main→func1 1 400 file1.c:16 0x0",
                "main→func2 3 400 file1.c:16 0x0",
                "func1→func2 2 300 file1.c:51 0x0"
            ]
        );
        // A call's target is where its callee begins.
        let lines: Vec<i64> = profile.functions().rows().iter().map(|function| function.first_line).collect();
        assert_eq!(lines, [0, 50, 20]);
        assert_eq!(profile.text(profile.sample_types()[0].name), "Instructions");
    }
}

#[test]
fn several_events_may_lack_the_last_ones() {
    // Section 3.1.2.
    let file = "events: Cycles Instructions Flops\nfl=file.f\nfn=main\n15 90 14 2\n16 20 12\n";
    let profile = read(file.as_bytes()).unwrap();
    assert_eq!(profile.calls().functions().values(0), (vec![110, 26, 2], vec![110, 26, 2]));
    assert_eq!(profile.calls().lines().values(1).0, [20, 12, 0]);
    assert_eq!(profile.default_type(), Some(0));
}

#[test]
fn positions_may_be_relative_and_hexadecimal() {
    // Section 3.1.6, uncompressed and compressed.
    for file in [
        "positions: instr line\nevents: ticks\nfn=func\n0x80001234 90 1\n0x80001237 90 5\n0x80001238 91 6\n",
        "positions: instr line\nevents: ticks\nfn=func\n0x80001234 90 1\n+3 * 5\n+1 +1 6\n",
    ] {
        let profile = read(file.as_bytes()).unwrap();
        let frames: Vec<_> =
            profile.frames().rows().iter().map(|frame| (frame.address, frame.line)).collect();
        assert_eq!(frames, [(0x8000_1234, 90), (0x8000_1237, 90), (0x8000_1238, 91)]);
        assert_eq!(functions(&profile), ["func 12 12 ? ?"]);
    }
    // A target is relative to the last cost line, and is none itself.
    let profile = read(b"events: a\nfn=f\n10 1\ncfn=g\ncalls=1 +5\n+1 2\n+1 4\n-3 8\n").unwrap();
    let lines: Vec<_> =
        profile.calls().lines().rows().iter().map(|row| profile.frames()[row.frame].line).collect();
    assert_eq!(lines, [10, 12, 9]);
    assert_eq!(profile.functions().rows()[1].first_line, 15);
}

#[test]
fn called_files_and_objects_hold_for_one_call() {
    // speedscope's own test of this: after `cfl=beta.c`, gamma is in alpha.c again.
    let file = "events: a\nfl=alpha.c\nfn=alpha\n1 10\ncfl=beta.c\ncfn=beta\ncalls=1 1\n1 10\ncfn=gamma\ncalls=1 1\n1 10\n";
    let profile = read(file.as_bytes()).unwrap();
    let files: Vec<_> = profile.functions().rows().iter().map(|row| profile.text(row.file)).collect();
    assert_eq!(files, ["alpha.c", "beta.c", "alpha.c"]);
}

#[test]
fn inlined_code_is_in_another_file_of_the_same_function() {
    let file = "events: a\nob=(1) lib.so\nfl=a.c\nfn=f\n1 1\nfi=b.h\n7 2\ncfn=g\ncalls=1 9\n8 4\nfe=a.c\n2 8\nfi=b.h\n9 16\nfn=h\n3 32\n";
    let profile = read(file.as_bytes()).unwrap();
    // The default for `cfn=` is the current file, and a new function is in the file of `fl=`.
    assert_eq!(functions(&profile), ["f 27 31 ? ?", "h 32 32 ? ?", "g 0 0 1 1"]);
    let lines = profile.calls().lines();
    let places: Vec<_> =
        lines.rows().iter().map(|row| crate::place(&profile, profile.frames()[row.frame])).collect();
    assert_eq!(
        places,
        ["a.c:1 0x0 lib.so", "a.c:2 0x0 lib.so", "b.h:7 0x0 lib.so", "b.h:9 0x0 lib.so", "a.c:3 0x0 lib.so"]
    );
    let g = profile.calls().edges().rows()[0].callee;
    assert_eq!(function(&profile, g), "b.h:9 g");
    assert_eq!(edges(&profile), ["f→g 1 4 b.h:8 0x0 lib.so"]);
}

#[test]
fn jumps_have_a_line_of_positions_and_no_cost() {
    // The second form of `jcnd` is valgrind's, the first the specification's.
    let file = "events: a\nfn=f\n10 1\njump=3 +2\n+1\njcnd=4 5 7\n+1\njcnd=4/5 7\njfi=(3) x.h\n+1\njfn=(4) g\njump=1 2\n*\n+1 2\nfn=(4)\n1 4\n";
    let message = read(file.as_bytes()).unwrap_err().to_string();
    assert!(message.starts_with("a line with positions must follow"), "{message}");
    let file = file.replace("jcnd=4/5 7\njfi=(3) x.h\n+1\n", "jfi=(3) x.h\njcnd=4/5 7\n+1\n");
    let profile = read(file.as_bytes()).unwrap();
    assert_eq!(functions(&profile), ["f 3 3 ? ?", "g 4 4 ? ?"]);
    assert_eq!(profile.frames().rows()[1].line, 14);
}

#[test]
fn parts_add_up() {
    let file = "version: 1\ncreator: x\npid: 7\ncmd: ./a\npart: 1\nevents: Ir\n\nfl=(1) a.c\nfn=(1) main\n1 10\ncfn=(2) work\ncalls=1 5\n2 30\n\nfn=(2)\n5 30\n\ntotals: 40\n
part: 2\ndesc: Trigger: dump\nevents: Dr Ir\nsummary: 0 7\n\nfl=(1)\nfn=(1)\n1 1 7\ncfn=(2)\ncalls=0 5\n2 0 3\n\ntotals: 1 8\n";
    let profile = read(file.as_bytes()).unwrap();
    assert_eq!(functions(&profile), ["main 17 50 ? ?", "work 30 30 1 1"]);
    assert_eq!(profile.calls().functions().own(1), [1, 0]);
    assert_eq!(profile.origins()[profile.calls().functions().rows()[0].origin].pid, Some(7));
    assert_eq!(
        profile.meta().notes,
        [
            "part 2: `summary:` says 0 Dr, but the cost lines, which are taken, add up to 1",
            "part 2: `totals:` says 8 Ir, but the cost lines, which are taken, add up to 7",
        ]
    );
    assert_eq!(profile.text(profile.meta().comments[0]), "Trigger: dump");
}

#[test]
fn threads_keep_their_costs_apart() {
    let file = "creator: x\npid: 7\npart: 1\nthread: 1\nevents: Ir\nfn=f\n1 10\npart: 2\nthread: 2\nevents: Ir\nfn=f\n1 20\nfn=g\n2 1\npart: 3\nthread: 1\nevents: Ir\nfn=f\n1 40\n";
    let profile = read(file.as_bytes()).unwrap();
    let rows = profile.calls().functions().rows().iter().zip(profile.calls().functions().own(0));
    let rows: Vec<_> = rows.map(|(row, &own)| (profile.origins()[row.origin].tid, own)).collect();
    assert_eq!(rows, [(Some(1), 50), (Some(2), 20), (Some(2), 1)]);
}

#[test]
fn recursion_is_counted_once() {
    // The smallest cycle: each calls the other once, and that cost is counted in both calls.
    let cycle = "events: a\nfn=main\n1 10\ncfn=even\ncalls=1 1\n2 30\nfn=even\n1 10\ncfn=odd\ncalls=2 1\n2 35\nfn=odd\n1 20\ncfn=even\ncalls=1 1\n2 15\n";
    assert_eq!(numbers(cycle), ["main 10 40 ? ?", "even 10 30 2 ?", "odd 20 30 2 ?"]);
    let own =
        "events: a\nfn=main\n1 10\ncfn=work\ncalls=1 5\n2 30\nfn=work\n5 30\ncfn=work\ncalls=3 5\n6 60\n";
    assert_eq!(numbers(own), ["main 10 40 ? ?", "work 30 30 4 1"]);
}

#[test]
fn a_function_need_not_have_costs_or_calls_of_its_own() {
    assert_eq!(numbers("version: 1\nevents: Ir\n"), Vec::<String>::new());
    assert_eq!(numbers("events: Ir\nfn=f\ncfn=g\ncalls=2\n3 4\n"), ["f 0 4 ? ?", "g 0 0 2 2"]);
    assert_eq!(numbers("events: Ir\n3 4\n"), ["??? 4 4 ? ?"]);
    assert_eq!(numbers("events: Ir\r\nfn=f\r\n3 4\r\n"), ["f 4 4 ? ?"]);
}

#[test]
fn the_binary_of_the_command_is_the_first_mapping() {
    let first = |command: &str| {
        let file = format!(
            "creator: callgrind-3.19.0\ncmd: {command}\nevents: Ir\n\nob=/usr/lib/ld.so\nfl=a.c\nfn=start\n1 2\ncob=/opt/my prog\ncfn=main\ncalls=1 4\n2 3\n\nob=/opt/my prog\nfn=main\n4 3\n\nob=/app/prog\nfn=other\n9 1\n\nob=/old/prog\nfn=old\n9 1\n"
        );
        let profile = read(file.as_bytes()).unwrap();
        assert_eq!(profile.mappings().rows().len(), 4);
        profile.text(profile.mappings().rows()[0].file).into_owned()
    };
    assert_eq!(first(" ./prog 100"), "/app/prog");
    assert_eq!(first("/old/prog -v"), "/old/prog");
    assert_eq!(first("/opt/my prog -v"), "/opt/my prog");
    for unknown in ["", "python3 a.py", "/app/", "pro"] {
        assert_eq!(first(unknown), "/usr/lib/ld.so", "{unknown}");
    }
}

#[test]
fn functions_without_name_are_told_apart_by_their_binaries() {
    // valgrind 3.19 names them by their address in the binary: `_start` of most programs is at 0x10c0 or so.
    let file = "creator: callgrind-3.19.0\nevents: Ir\n\nob=(1) /app/prog\nfl=(1) ???\nfn=(1) 0x00000000000010c0\n0 13\nfi=(2) a.h\n7 2\nfe=(1)\n0 5\ncob=(2) /lib/libx.so\ncfi=(1)\ncfn=(1)\ncalls=1 0\n0 4\ncfn=(3) free\ncalls=1 0\n0 3\n\nob=(2)\nfl=(1)\nfn=(1)\n0 4\n\nob=(1)\nfl=(1)\nfn=(3)\n0 3\ncfn=(1)\ncalls=1 0\n0 20\n";
    let profile = read(file.as_bytes()).unwrap();
    let rows = profile.calls().functions().rows().iter();
    let names: Vec<_> = rows.map(|row| function(&profile, row.function)).collect();
    assert_eq!(names, ["/app/prog:0 0x00000000000010c0", "/lib/libx.so:0 0x00000000000010c0", ":0 free"]);
    assert_eq!(profile.calls().functions().own(0), [20, 4, 3]);
    let expected = [
        "0x00000000000010c0→0x00000000000010c0 1 4 /app/prog:0 0x0 /app/prog",
        "0x00000000000010c0→free 1 3 /app/prog:0 0x0 /app/prog",
        "free→0x00000000000010c0 1 20 :0 0x0 /app/prog",
    ];
    assert_eq!(edges(&profile), expected);
    assert_round_trip(&profile, None, "by address");
}
