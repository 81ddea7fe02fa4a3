//! What writers other than valgrind do with the format.

use crate::{edges, function, functions, read};

#[test]
fn yappis_names_and_lines_are_taken_apart() {
    // Written by yappi 1.7.6, shortened; definitions come first, each function has a file number of its own, and calls
    // have no lines. `fib` costs 1390 µs.
    let file = "version: 1\ncreator: yappi\npid: 12\ncmd:  calls.py\npart: 1\n\nevents: Ticks\n\nfl=(0) /app/calls.py\nfl=(1) /app/calls.py\nfl=(2) builtins\nfn=(0) main /app/calls.py:101\nfn=(1) fib /app/calls.py:9\nfn=(2) len builtins:0\n\nfl=(0)\nfn=(0)\n101 10\ncfl=(1)\ncfn=(1)\ncalls=3 0\n0 1390\ncfl=(2)\ncfn=(2)\ncalls=1 0\n0 1\n\nfl=(1)\nfn=(1)\n9 1390\ncfl=(1)\ncfn=(1)\ncalls=1970 0\n0 1300\n\nfl=(2)\nfn=(2)\n0 1";
    let profile = read(file.as_bytes()).unwrap();
    assert_eq!(functions(&profile), ["main 10 1401 ? ?", "fib 1390 1390 1973 3", "len 1 1 1 1"]);
    assert_eq!(edges(&profile), ["main→fib 3 1390 -", "main→len 1 1 -", "fib→fib 1970 1300 -"]);
    let rows = profile.calls().functions().rows();
    assert_eq!(function(&profile, rows[1].function), "/app/calls.py:9 fib");
    assert_eq!(profile.text(profile.sample_types()[0].unit), "microseconds");
    // The cost stands at the definition, not where it was spent.
    assert!(profile.calls().lines().is_empty());
    assert_eq!(profile.meta().dialect, "yappi");
}

#[test]
fn yappis_names_may_break_lines_and_lack_definitions() {
    // yappi before 1.6 refers to merged functions that it does not define (yappi#95), and no yappi escapes newlines.
    let file = "version: 1\ncreator: yappi\npid: 12\ncmd:  a\nb.py\nevents: Ticks\nfl=(0) /app/new\nline.py\nfn=(0) two\nlines /app/new\nline.py:7\nfn=(1)  /app/new\nline.py:9\n\nfl=(0)\nfn=(0)\n7 10\ncfl=(0)\ncfn=(1)\ncalls=1 0\n0 5\ncfl=(44)\ncfn=(44)\ncalls=1 0\n0 2";
    let profile = read(file.as_bytes()).unwrap();
    let rows = profile.calls().functions().rows();
    let names: Vec<_> = rows.iter().map(|row| function(&profile, row.function)).collect();
    assert_eq!(names, [r"/app/new\nline.py:7 two\nlines", r"/app/new\nline.py:9 ", ":0 (44)"]);
    assert_eq!(profile.meta().notes, ["1 function not named in the file, only numbered"]);
    let elsewhere = file.replace("creator: yappi", "creator: other").replace("cmd:  a\nb.py", "cmd: a");
    let error = read(elsewhere.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "a line that says nothing known: \"line.py\" at byte 71");
    assert_eq!(error.line_column(elsewhere.as_bytes()), (7, 1));
}

#[test]
fn gos_calls_are_not_counted() {
    // `go tool pprof -callgrind` writes `calls=0`: callgrind_annotate takes their costs for self (8,770 in all); Σ self is
    // what `-top` says: 1.19 s.
    let profile = read(include_bytes!("../data/go-1.19.callgrind")).unwrap();
    let functions = functions(&profile);
    assert_eq!(functions.len(), 14);
    assert_eq!(profile.calls().functions().own(0).iter().sum::<i64>(), 1_190);
    assert!(functions.contains(&"main.leaf 370 500 ? ?".to_owned()), "{functions:?}");
    assert_eq!(profile.text(profile.sample_types()[0].unit), "ms");
    assert_eq!(profile.mappings().rows().len(), 1);
    assert!(profile.frames().rows().iter().all(|frame| frame.address > 0x400_000));
}

#[test]
fn the_line_of_a_sample_is_not_where_a_function_begins() {
    let lines = |file: &str| -> Vec<i64> {
        read(file.as_bytes()).unwrap().functions().rows().iter().map(|function| function.first_line).collect()
    };
    // `go tool pprof -callgrind` of Go 1.19: a node a line of a callee, here two of `fib`.
    let go = "positions: instr line\nevents: cpu(ms)\n\nob=(1) /app/prog\nfl=(1) main.go\nfn=(1) main.main\n0x4624 9 0\ncfl=(1)\ncfn=(2) main.fib\ncalls=0 +31 4\n* * 50\ncfl=(1)\ncfn=(2)\ncalls=0 +35 6\n* * 20\n\nob=(1)\nfl=(1)\nfn=(2)\n+31 4 50\n+4 6 20\n";
    assert_eq!(lines(go), [0, 0]);
    // gperftools 2.10, `google-pprof --callgrind`: samples for calls.
    let gperftools = "events: Hits\n\nfl=(1) gp.c\nfn=(1) main\ncfl=(1)\ncfn=(2) fib\ncalls=34 3\n5 34\n\nfl=(1)\nfn=(2)\n3 34\n";
    assert_eq!(lines(gperftools), [0, 0]);
    // valgrind writes 0 where the call began in an earlier part.
    let valgrind = "creator: callgrind-3.19.0\nevents: Ir\nfl=a.c\nfn=main\n5 1\ncfn=work\ncalls=0 9\n6 20\nfn=work\n11 20\n";
    assert_eq!(lines(valgrind), [0, 9]);
}

#[test]
fn pyprof2calltree_says_where_functions_begin() {
    // pyprof2calltree 1.4.5; two functions of one file share the name `area`.
    let file = "event: ns : Nanoseconds\nevents: ns\nsummary: 30\nfl=calls.py\nfn=area:34\n34 10\ncfl=calls.py\ncfn=leaf\ncalls=2 21\n34 5\n\nfl=calls.py\nfn=area:51\n51 10\n\nfl=calls.py\nfn=leaf\n21 5\n";
    let profile = read(file.as_bytes()).unwrap();
    let rows = profile.calls().functions().rows();
    let names: Vec<_> = rows.iter().map(|row| function(&profile, row.function)).collect();
    assert_eq!(names, ["calls.py:34 area", "calls.py:51 area", "calls.py:21 leaf"]);
    assert_eq!(edges(&profile), ["area→leaf 2 5 -"]);
    assert!(profile.calls().lines().is_empty());
    assert_eq!(profile.text(profile.sample_types()[0].unit), "Nanoseconds");
    assert_eq!(
        profile.meta().notes,
        ["`summary:` says 30 ns, but the cost lines, which are taken, add up to 25"]
    );
}

#[test]
fn valgrinds_names_may_be_made_of_numbers() {
    // `--separate-callers=2 --separate-recs=2 --compress-mangled=yes`, valgrind 3.19.
    let file = "version: 1\ncreator: callgrind-3.19.0\nevents: Ir\nfn=(1) main\nfn=(2) fib\nfn=(3) (2)'(1)\n5 1\nfn=(4) (2)'2'(1)\n6 2\nfn=(9) (7)'2\n7 4\n";
    assert_eq!(
        functions(&read(file.as_bytes()).unwrap()),
        ["fib\\'main 1 1 ? ?", "fib\\'2\\'main 2 2 ? ?", "(7)\\'2 4 4 ? ?"]
    );
    // `--mangle-names=no`: levels of recursion and callers are lines of their own, which define names too.
    let file = "creator: callgrind-3.19.0\nevents: Ir\nfrfn=(5) caller\nfn=(6) f\n1 2\nrec=1\n\nfn=(6)\n1 4\nfrfn=(spontaneous)\nfn=(5)\n2 8\n";
    assert_eq!(functions(&read(file.as_bytes()).unwrap()), ["f 6 6 ? ?", "caller 8 8 ? ?"]);
}

#[test]
fn xdebug_counts_time_in_steps_of_ten_nanoseconds() {
    // xdebug 3.2.0, shortened; its `summary:` is more than its lines.
    let file = "version: 1\ncreator: xdebug 3.2.0 (PHP 8.2.36)\ncmd: /app/x.php\npart: 1\npositions: line\n\nevents: Time_(10ns) Memory_(bytes)\n\nfl=(1) php:internal\nfn=(1) php::range\n4 125 40\n\nfl=(2) /app/x.php\nfn=(2) {main}\n1 75 8\ncfl=(1)\ncfn=(1)\ncalls=1 0 0\n4 125 40\n\nsummary: 210 48\n";
    let profile = read(file.as_bytes()).unwrap();
    assert_eq!(functions(&profile), ["php::range 1250 1250 1 1", "{main} 750 2000 ? ?"]);
    let units: Vec<_> = profile.sample_types().iter().map(|of| profile.text(of.unit)).collect();
    assert_eq!(units, ["ns", "bytes"]);
    assert_eq!(profile.calls().functions().own(1), [40, 8]);
    // What does not add up is told in the file's own numbers.
    assert_eq!(
        profile.meta().notes,
        ["part 1: `summary:` says 210 Time_(10ns), but the cost lines, which are taken, add up to 200"]
    );
    let huge = file.replace("4 125 40\n\nfl", "4 922337203685477581 40\n\nfl");
    let error = read(huge.as_bytes()).unwrap_err();
    assert_eq!(error.line_column(huge.as_bytes()), (11, 3), "{error}");
}

#[test]
fn cachegrind_writes_a_subset() {
    let file = "desc: I1 cache:         32768 B, 64 B, 8-way associative\ncmd: ls\nevents: Ir I1mr\nfl=/src/a.c\nfn=main\n3 5 1\n4 . 2\nfn=???\n0 7\nsummary: 12 3\n";
    let profile = read(file.as_bytes()).unwrap();
    assert_eq!(functions(&profile), ["main 5 5 ? ?", "??? 7 7 ? ?"]);
    assert_eq!(profile.calls().functions().own(1), [3, 0]);
    let comments: Vec<_> = profile.meta().comments.iter().map(|&comment| profile.text(comment)).collect();
    assert_eq!(comments, ["I1 cache:         32768 B, 64 B, 8-way associative"]);
}
