//! What each grammar packs into its lines, on lines as the tools write them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is wrong"
)]

mod support;

use profkit_profile::{FrameFlags, Origin, Profile, ProfileBuilder, Sample, WriteOptions};
use support::{Key, bits, is_recognised, read, rows, totals, try_read, write};

fn only_row(profile: &Profile) -> Key {
    let rows = rows(profile);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.into_keys().next().unwrap()
}

fn names(key: &Key) -> Vec<String> {
    let shown = key.frames.iter().map(|(name, file, line, _)| {
        format!("{} {} {line}", String::from_utf8_lossy(name), String::from_utf8_lossy(file))
    });
    shown.collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn plain_names_are_only_names() {
    let profile = read(b"main;graph::node;operator new(unsigned long) 30\nmain;strict 5\nmain;strict 2\n");
    assert_eq!(profile.meta().dialect, "flamegraph");
    assert_eq!(totals(&profile), [("samples".to_owned(), "count".to_owned(), 0, 37)]);
    let rows = rows(&profile);
    assert_eq!(rows.len(), 2);
    let deep = rows.keys().find(|key| key.frames.len() == 3).unwrap();
    assert_eq!(names(deep), ["main  0", "graph::node  0", "operator new(unsigned long)  0"]);
}

#[test]
fn py_spy_has_files_lines_threads_and_processes() {
    let profile = read(
        b"process 10:\"python -c import a; b()\";process 11:\"python w.py\";thread (0x7F00): worker 1;\
          Thread.run (threading.py:982);<module> (<frozen site>:5);f (C:\\x (1)\\a.py:7);0x7f (libc.so.6) 3\n",
    );
    assert_eq!(profile.meta().dialect, "py-spy");
    let row = only_row(&profile);
    assert_eq!((row.pid, text(&row.process)), (Some(11), "python w.py".to_owned()));
    assert_eq!((row.tid, text(&row.thread)), (Some(0x7f00), "worker 1".to_owned()));
    assert_eq!(row.labels, [(b"parent_process".to_vec(), b"10:\"python -c import a; b()\"".to_vec(), 0)]);
    assert_eq!(
        names(&row),
        [
            "Thread.run threading.py 982",
            "<module> <frozen site> 5",
            "f C:\\x (1)\\a.py 7",
            "0x7f libc.so.6 0"
        ]
    );
}

#[test]
fn py_spy_writes_odd_names_as_they_are() {
    let profile = read(
        b"<module> (odd.py:23);outer.<locals>.semi;colon (o;dd.py:2);spin (odd.py:14) 12\n\
          <module> (odd.py:23);outer.<locals>.new\nline (odd.py:2);spin (odd.py:14) 16\n\
          <module> (odd.py:23);outer.<locals>.count 12 (odd.py:2);spin (odd.py:14) 14\n 2\n",
    );
    assert_eq!(profile.meta().notes, Vec::<String>::new());
    assert_eq!(totals(&profile)[0].3, 44);
    let rows = rows(&profile);
    let seconds: Vec<_> = rows.keys().filter_map(|key| Some(text(&key.frames.get(1)?.0))).collect();
    assert_eq!(seconds, ["outer.<locals>.count 12", "outer.<locals>.new\nline", "outer.<locals>.semi;colon"]);
    assert_eq!(rows[&Key::default()], [2], "a thread without frames");
}

#[test]
fn a_frame_without_a_place_is_none_of_the_next_one() {
    let total = |lines: &str| {
        let mut totals: Vec<(String, i64)> = Vec::new();
        for (key, values) in rows(&read(lines.as_bytes())) {
            let frames = key.frames.iter().map(|frame| format!("{}|{}", text(&frame.0), text(&frame.1)));
            totals.push((frames.collect::<Vec<_>>().join(" "), values[0]));
        }
        totals
    };
    assert_eq!(
        total("app;foo (x.py:1) 3\napp;bar (x.py:2);foo (x.py:1) 4\n"),
        [("app| bar|x.py foo|x.py".to_owned(), 4), ("app| foo|x.py".to_owned(), 3)]
    );
    assert_eq!(
        total("main;Foo.bar (Foo.java:12);Foo.baz (Foo.java:13) 4\n"),
        [("main| Foo.bar|Foo.java Foo.baz|Foo.java".to_owned(), 4)]
    );
    assert_eq!(total("run(int);f (x.py:1) 2\n"), [("run(int)| f|x.py".to_owned(), 2)]);
    assert_eq!(total("f (a;b.py:1);g (x.py:2) 2\n"), [("f|a;b.py g|x.py".to_owned(), 2)], "a path of py-spy");
}

#[test]
fn two_counts_end_a_stack_of_one_frame_too() {
    for text in ["<module> (x.py:1);b (x.py:3) 3 5\n<module> (x.py:1) 3 4\n", "a;b 3 5\na 3 4\n"] {
        assert!(is_recognised(text.as_bytes()), "{text}");
        let profile = read(text.as_bytes());
        let sums: Vec<_> = totals(&profile).into_iter().map(|(name, .., sum)| (name, sum)).collect();
        assert_eq!(sums, [("before".to_owned(), 6), ("after".to_owned(), 9)]);
    }
    // The last frame has its place in front of two counts.
    let profile = read(b"main (a.py:1);semi;colon (a.py:2) 1 2\n");
    assert_eq!(names(&only_row(&profile)), ["main a.py 1", "semi;colon a.py 2"]);
}

#[test]
fn tachyon_has_base_names_and_threads() {
    let profile = read(
        b"tid:23750;<native>;threading.py:Thread.run:1161;<frozen runpy>:_run_code:87;odd.py:semi;colon:2;<GC> 575\n\
          tid:23751;<task>:job 2:0;aio.py:new\nline:4 71\n",
    );
    assert_eq!(profile.meta().dialect, "tachyon");
    let rows: Vec<_> = rows(&profile).into_keys().collect();
    assert_eq!(rows.iter().map(|row| row.tid).collect::<Vec<_>>(), [Some(23750), Some(23751)]);
    assert_eq!(
        names(&rows[0]),
        [
            "<native>  0",
            "Thread.run threading.py 1161",
            "_run_code <frozen runpy> 87",
            "semi;colon odd.py 2",
            "<GC>  0"
        ]
    );
    assert_eq!(names(&rows[1]), ["job 2 <task> 0", "new\nline aio.py 4"]);
}

#[test]
fn austin_has_metadata_and_microseconds() {
    let profile = read(
        b"# austin: 3.7.0\n# interval: 10000\n# mode: wall\n# python: 3.11\n\nP42;T0:43 21\n\
          P42;T0:43;/a/b.py:<module>:37;/usr/lib/threading.py:start:857 10058\n\
          P42;T1:MainThread;x.so:std::f:0;kernel:do_sys:0;:GC: 5\n# duration: 400",
    );
    assert_eq!(profile.meta().dialect, "austin");
    assert_eq!(profile.meta().producer, "austin 3.7.0");
    assert_eq!(profile.meta().duration_ns, Some(400_000));
    assert_eq!(profile.meta().period, 10_000_000);
    assert_eq!(profile.text(profile.meta().comments[0]), "python: 3.11");
    assert_eq!(totals(&profile), [("wall".to_owned(), "nanoseconds".to_owned(), 0, 10_084_000)]);
    let rows: Vec<_> = rows(&profile).into_keys().collect();
    assert!(rows[1].frames.is_empty() && rows[1].pid == Some(42) && rows[1].tid == Some(43));
    assert_eq!(names(&rows[2]), ["<module> /a/b.py 37", "start /usr/lib/threading.py 857"]);
    assert_eq!(names(&rows[0]), ["std::f x.so 0", "do_sys kernel 0", "GC  0"]);
    assert_eq!(rows[0].frames[1].3, bits(FrameFlags::KERNEL));
    assert_eq!((rows[0].tid, text(&rows[0].thread)), (None, "MainThread".to_owned()));
    assert_eq!(rows[0].labels, [(b"interpreter".to_vec(), Vec::new(), 1)]);
}

#[test]
fn austin_modes_have_their_own_sample_types() {
    let types = |text: &str| {
        let shown = totals(&read(text.as_bytes()))
            .into_iter()
            .map(|(name, unit, _, total)| format!("{name}/{unit} {total}"));
        shown.collect::<Vec<_>>()
    };
    let line = "P1;T2;a.py:f:3";
    assert_eq!(types(&format!("# mode: cpu\n{line} 5\n")), ["cpu/nanoseconds 5000"]);
    assert_eq!(types(&format!("{line} 5\n")), ["wall/nanoseconds 5000"]);
    assert_eq!(types(&format!("# mode: memory\n{line} 512\n")), ["memory/bytes 512"]);
    assert_eq!(
        types(&format!("# mode: memory\n{line} 512\n{line} -64\n")),
        ["memory/bytes 512", "memory_freed/bytes 64"]
    );
    assert_eq!(
        types(&format!("{line} 5,0,64\n{line} 7,1,0\n")),
        ["wall/nanoseconds 12000", "cpu/nanoseconds 5000", "memory/bytes 64"]
    );
    // mojo2austin of austin-python 2.4 leaves out idle and memory.
    assert_eq!(types(&format!("# mode: full\n{line} 5\n")), ["wall/nanoseconds 5000"]);
}

#[test]
fn async_profiler_says_how_code_was_compiled() {
    let profile = read(
        b"[ForkJoinPool-1 tid=77];BusyClient.run_[j];InputStream.read_[i];NativeThread.current_[0];vfs_read_[k];f_[1] 4\n",
    );
    assert_eq!(profile.meta().dialect, "async-profiler");
    let row = only_row(&profile);
    assert_eq!((row.tid, text(&row.thread)), (Some(77), "ForkJoinPool-1".to_owned()));
    let kinds: Vec<_> = row.frames.iter().map(|frame| (text(&frame.0), frame.3)).collect();
    let kinds: Vec<_> = kinds.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    assert_eq!(
        kinds,
        [
            ("BusyClient.run", bits(FrameFlags::JIT)),
            ("InputStream.read", bits(FrameFlags::INLINED)),
            ("NativeThread.current", bits(FrameFlags::INTERPRETED)),
            ("vfs_read", bits(FrameFlags::KERNEL)),
            ("f", bits(FrameFlags::JIT_FAST)),
        ]
    );
}

#[test]
fn perf_begins_with_the_command() {
    let row = |text: &str, dialect| only_row(&try_read(text.as_bytes(), dialect).unwrap());
    let found = row("python3.11;_start;main;do_sys_[k] 5\n", None);
    assert_eq!((text(&found.process), found.pid, found.tid), ("python3.11".to_owned(), None, None));
    assert_eq!(names(&found), ["_start  0", "main  0", "do_sys  0"]);
    let found = row("V8_Worker-12/34;main 5\n", None);
    assert_eq!((text(&found.process), found.pid, found.tid), ("V8_Worker".to_owned(), Some(12), Some(34)));
    let found = row("java-?/34;main 5\n", None);
    assert_eq!((found.pid, found.tid), (None, Some(34)));
    let found = row("java-77;main 5\n", Some("perf"));
    assert_eq!((text(&found.process), found.pid), ("java".to_owned(), Some(77)));
    // A thread of perf's may begin in what it has no name for.
    for second in ["[unknown]", "[python3.11]", "[libc-2.31.so]", "[[vdso]]", "[perf-12.map]"] {
        let found = row(&format!("python3.11;{second};main 5\n"), None);
        assert_eq!((text(&found.process), found.frames.len()), ("python3.11".to_owned(), 2), "{second}");
    }
    for frames in ["main;[gc]", "MainThread;[idle]", "main;[GC];[mark]"] {
        let found = row(&format!("{frames} 4\n"), None);
        let count = frames.split(';').count();
        assert_eq!((text(&found.process), found.frames.len()), (String::new(), count), "{frames}");
    }
    // Two threads, not two processes.
    let profile = try_read(b"Thread-1;main 5\nmain;main 5\n", Some("perf")).unwrap();
    assert!(rows(&profile).keys().all(|key| key.pid.is_none()));
}

#[test]
fn two_counts_are_before_and_after() {
    let profile = read(b"main;f 1 2\nmain;g 0 3.5\n");
    assert_eq!(
        totals(&profile),
        [("before".to_owned(), "count".to_owned(), 1, 10), ("after".to_owned(), "count".to_owned(), 1, 55)]
    );
    // One line with a single count, and the first number belongs to the name.
    let profile = read(b"main;f 1 2\nmain;g 3\n");
    assert_eq!(totals(&profile), [("samples".to_owned(), "count".to_owned(), 0, 5)]);
    assert!(rows(&profile).keys().any(|key| key.frames[1].0 == b"f 1"));
}

#[test]
fn fractions_are_exact() {
    let profile = read(b"cksum;main 31.23\ncksum;read 6.1\nnoploop;a 2.567\nnoploop;b 19.0\n");
    assert_eq!(totals(&profile), [("samples".to_owned(), "count".to_owned(), 3, 58_897)]);
    // What sums to whole numbers has no decimals.
    assert_eq!(
        totals(&read(b"a;b 0.5\na;b 1.5\na;c 3\n"))[0],
        ("samples".to_owned(), "count".to_owned(), 0, 5)
    );
    let profile = read(b"a;b 12345678901234.1\na;c 0.30000000000000004\n");
    assert_eq!(profile.meta().notes, ["counts are rounded to 5 decimals, so that their sum fits 64 bits"]);
    assert_eq!(totals(&profile)[0].3, 123_456_789_012_344);
}

#[test]
fn encodings_line_ends_and_comments_make_no_difference() {
    let text = "main (ä.py:3);f (b.py:4) 5\nmain (ä.py:3) 2";
    let wanted = rows(&read(text.as_bytes()));
    let utf16 = |to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(to_bytes).collect()
    };
    let variants = [
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        ["\u{feff}", text].concat().into_bytes(),
        text.replace('\n', "\r\n").into_bytes(),
        ["# a remark; with 5\n\n", text, "\n\n// another\n"].concat().into_bytes(),
    ];
    for variant in variants {
        assert!(is_recognised(&variant));
        assert_eq!(rows(&read(&variant)), wanted);
    }
}

#[test]
fn errors_name_their_place_in_the_file() {
    let error = try_read(b"a;b 1\n# x\nwhat\nis this\n", None).unwrap_err();
    assert_eq!(error.to_string(), "a line without a count at its end at byte 10");
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain("é;b 1\nwhat\nis\n".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let error = try_read(&utf16, None).unwrap_err();
    assert_eq!(error.offset, 2 + 2 * 6);
    let error = try_read(b"# profkit: collapsed perf\na;b 9223372036854775807\na;b 1\n", None).unwrap_err();
    assert_eq!(error.to_string(), "a sum of values does not fit 64 bits at byte 50");
    let error = try_read(b"a;b 1\na;c 99999999999999999999\n", None).unwrap_err();
    assert_eq!(error.offset, 6);
    let error = try_read(b"a;b 1\n", Some("nobody")).unwrap_err();
    assert_eq!(error.to_string(), "collapsed has no dialect \"nobody\" at byte 0");
}

#[test]
fn a_dialect_can_be_forced() {
    let frame = |dialect| only_row(&try_read(b"main (a.py:3) 5\n", Some(dialect)).unwrap()).frames;
    assert_eq!(frame("py-spy"), [(b"main".to_vec(), b"a.py".to_vec(), 3, 0)]);
    assert_eq!(frame("flamegraph"), [(b"main (a.py:3)".to_vec(), Vec::new(), 0, 0)]);
    for dialect in ["flamegraph", "py-spy", "tachyon", "austin", "async-profiler", "perf"] {
        assert!(try_read(b"", Some(dialect)).unwrap().samples().is_empty());
        assert_eq!(try_read(b"", Some(dialect)).unwrap().meta().dialect, dialect);
    }
}

#[test]
fn empty_pieces_at_the_ends_are_no_frames() {
    // py-spy 0.1 ended every frame with a semicolon; stackcollapse-perf.pl may begin with one.
    let profile = read(b"main (a.py:1);f (a.py:2); 5\n;main (a.py:1) 3\n");
    assert_eq!(rows(&profile).keys().map(|key| key.frames.len()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(only_row(&read(b"a;;b 3\n")).frames.len(), 3);
}

#[test]
fn a_thread_that_py_spy_named_late_is_one_thread() {
    let lines = b"thread (12);f (a.py:1) 1\nthread (0x0c): w;f (a.py:1) 2\nthread (12): w;g (a.py:2) 4\n\
        thread (13): v;f (a.py:1) 8\nthread (13): u;f (a.py:1) 16\nthread (13);f (a.py:1) 32\n\
        thread (14);f (a.py:1) 64\nprocess 7:\"x\";thread (12);f (a.py:1) 128\nthread (?): q;f (a.py:1) 256\n\
        thread (?);f (a.py:1) 512\nf (a.py:1) 1024\n";
    let profile = read(lines);
    let mut found: Vec<_> = rows(&profile)
        .into_iter()
        .map(|(key, values)| (values[0], key.pid, key.tid, text(&key.thread)))
        .collect();
    found.sort();
    let expected = [
        (3, None, Some(12), "w"),
        (4, None, Some(12), "w"),
        (8, None, Some(13), "v"),
        (16, None, Some(13), "u"),
        (32, None, Some(13), ""),
        (64, None, Some(14), ""),
        (128, Some(7), Some(12), ""),
        (256, None, None, "q"),
        (512 + 1024, None, None, ""),
    ];
    let expected = expected.map(|(value, pid, tid, name)| (value, pid, tid, name.to_owned()));
    assert_eq!(found, expected);
    assert_eq!(profile.samples().len(), rows(&profile).len(), "equal lines are summed");
    let ids: Vec<_> = profile.origins().rows().iter().map(|origin| origin.tid).collect();
    assert_eq!(ids.iter().filter(|&&tid| tid == Some(12)).count(), 2, "{ids:?}");
}

#[test]
fn threads_that_a_profile_tells_apart_come_back_apart() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"samples", b"count").unwrap();
    for name in [&b""[..], b"w"] {
        let thread = builder.string(name).unwrap();
        let origin = builder.origin(Origin { tid: Some(12), thread, ..Origin::UNKNOWN }).unwrap();
        builder.sample(Sample { origin, ..Sample::of(None) }, &[1]).unwrap();
    }
    let profile = builder.finish().unwrap();
    let (bytes, _) = write(&profile, &WriteOptions::default()).unwrap();
    assert!(bytes.starts_with(b"# profkit: collapsed py-spy\n"), "{}", text(&bytes));
    assert_eq!(rows(&read(&bytes)), rows(&profile));
}
