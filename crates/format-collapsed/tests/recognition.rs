//! What is taken for collapsed stacks, and above all what is not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is wrong"
)]

use profkit_format_collapsed::Collapsed;
use profkit_profile::{Format, Sniff};

fn sniff(text: impl AsRef<[u8]>) -> Sniff {
    Collapsed.sniff(text.as_ref())
}

#[test]
fn stacks_are_recognised() {
    for text in [
        "main;f 1\n",
        "main;f 1 2\n",
        "a;b;c;d;e;f;g;h;i;j;k;l;m;n;o;p;q;r;s;t;u;v;w;x;y;z 1",
        "# remark\n// remark\na;b;c 1\na;b;c 1\na;b;d 4\na;b;c 3\na;b 5\ninvalid line",
        "main (a.py:3) 5\nmain (a.py:3);f (b.py:4) 1\n",
        "process 1:\"python -c import a; b()\";f (b.py:4) 1\n",
        "void std::sort<int*>(int*, int*) const [clone .isra.0];operator new(unsigned long) 5\n",
        "cksum;main;core::array::<impl core::default::Default for [T]>::default::h67c 19.0\n",
        "[GC Thread#1 tid=5];start_thread;java_start(Thread*) 5\n",
        "\u{feff}a;b 1\r\n",
        "main;work\t3\nmain\t1\n",
        "thread (3);work\t3\n",
        "thread (12): w;0;a (x.py:3) 5\n",
        "main (x.py:1);0;a (x.py:3) 5\n",
        "thread (12);0 5\n",
    ] {
        assert_eq!(sniff(text), Sniff::Maybe, "{text}");
    }
    assert_eq!(sniff("P1;T2 5\nP1;T2;a.py:f:3 5\n"), Sniff::Yes);
    assert_eq!(sniff("tid:5;a.py:f:3 5\n"), Sniff::Yes);
    assert_eq!(sniff("# profkit: collapsed py-spy\nmain 5\n"), Sniff::Yes);
}

/// Lines that end in a number and have semicolons, from programs that are no profilers.
#[test]
fn other_texts_are_not_taken_for_stacks() {
    let many = |line: fn(u32) -> String| (10..60).map(line).collect::<String>();
    let texts = [
        "In the year 1984\n".to_owned(),
        "He came; he saw; he conquered in 44\nIt was late; the clock struck 12\n".to_owned(),
        "They left the house;nobody knew why in 1999\nThe rain did not stop that day;we waited until 2001\n"
            .to_owned(),
        "for (i = 0; i < n; i++) x = 5\nfor (;;) y = 6\n".to_owned(),
        many(|n| format!("127.0.0.1 - - [10/Oct/2000:13:55:{n}] \"GET /a;b=c HTTP/1.0\" 200 {n}\n")),
        many(|n| {
            format!("1.2.3.4 - - [{n}] \"GET / HTTP/1.1\" 200 612 \"Mozilla/5.0 (X11; Linux; rv:1)\" 0.{n}\n")
        }),
        many(|n| format!("2024-01-02 10:00:{n},123 INFO handled a;b;c in {n}\n")),
        many(|n| format!("2024-01-02T10:00:{n} done=a;b;c {n}\n")),
        many(|n| format!("10:00:{n} a;b {n}\n")),
        many(|n| format!("Jan  1 10:00:{n} host proc[{n}]: a;b;c code {n}\n")),
        many(|n| format!("[   12.{n}] usb 1-1: a;b id {n}\n")),
        many(|n| format!("bob;2020-01-{n};Item {n}\n")),
        many(|n| format!("{n};Foo Street {n}\n")),
        many(|n| format!("name;town;Foo Street {n}\n")),
        many(|n| format!("a;b\tfoo\t{n}\n")),
        many(|n| format!("chr1\tx\tgene\t.\tID=a;Name=b {n}\n")),
        many(|n| format!("<U4E{n}> <U4E{n}>;IGNORE;IGNORE;IGNORE # {n}\n")),
        many(|n| format!("a;b;c ms: {n}\n")),
        many(|n| format!("&lt;b&gt;&nbsp;text {n}\n")),
        many(|n| format!("  {n}  {n};{n} foo.c {n}\n")),
        many(|n| format!("{n} (ba;sh) S 1 {n} {n} 0 -1 4194304 {n}\n")),
        "{\"a;b\": 5 }\n".to_owned(),
        "main\tclass=inferno\thref=https://example.org/?a=1;b=2\ncksum\ttitle=bar\n".to_owned(),
        "heap profile: 1: 32 [ 1: 32] @ heapprofile\n1: 32 [ 1: 32] @ 0x1 0x2\n".to_owned(),
        "--- contentionz 0 ---\nsampling period = 1\n33490 1 @ 0x1 0x2\n".to_owned(),
        "version: 1\ncreator: x\nevents: Cycles\nfn=(1) a;b\n1 5\ncalls=1 3\n2 7\n".to_owned(),
        "         5 function calls in 0.001 seconds\n\n   ncalls  tottime\n        1    0.000 a.py:1(f;g)\n"
            .to_owned(),
        "a;b 1\0".to_owned(),
        String::new(),
        "\n\n# nothing\n".to_owned(),
    ];
    for text in texts {
        assert_eq!(sniff(&text), Sniff::No, "{text}");
    }
}

#[test]
fn lists_of_words_are_only_near() {
    let why = |text: &str| match sniff(text) {
        Sniff::Near(why) => why.into_owned(),
        other => panic!("{other:?}: {text}"),
    };
    assert!(why("<module> (long_running.py:24) 7\n").contains("--from collapsed"));
    assert!(why("the 500\nand 300\nof 200\n").contains("--from collapsed"));
    let words: String = (0..100).map(|n| format!("w{n} {n}\n")).collect();
    assert!(why(&(words + "foo;bar 10\n; 5\n")).contains("--from collapsed"));
    assert_eq!(
        why("a;b 1\na;c 2\nwhat\na;d 4\nis this\n"),
        "2 of 5 lines are no stack with a count at the end"
    );
}

#[test]
fn the_output_of_perf_script_is_named() {
    for header in [
        "java 25607 4794564.109216: cycles:",
        "java 12688/12764 cycles: ",
        "V8 Worker 24636/25607 [000] 94564.1: cpu-clock:ppp:",
    ] {
        let text =
            format!("# cmdline : perf record\n{header}\n\t7f5339 start_thread+0x5 (/lib/libpthread.so)\n\n");
        assert!(matches!(sniff(&text), Sniff::Near(why) if why.contains("perf script")), "{text}");
    }
    assert_eq!(sniff("def add 5:\n    add f (x)\n"), Sniff::No);
}

#[test]
fn only_the_begin_of_a_large_file_is_looked_at() {
    let line = "main;a_function_with_a_long_name;another 1\n";
    let text = line.repeat(100_000) + &"what\n".repeat(100_000);
    assert_eq!(sniff(&text), Sniff::Maybe);
    // One line may be longer than that.
    let text = format!("{}leaf 5\n", "frame;".repeat(50_000));
    assert_eq!(sniff(&text), Sniff::Maybe);
}
