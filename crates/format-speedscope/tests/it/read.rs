//! What files mean.

use profkit_profile::{BuildError, Id, OriginId, ReadErrorKind, TrackKind, WriteOptions};

use super::{evented, file, folded, read, sampled, sampled_profile, write, write_with};

/// The keys in the order of speedscope 0.0.1: `unit` and `type` after `events`, `shared` last.
#[test]
fn the_oldest_files_are_read() {
    let file = br#"{"$schema": "https://www.speedscope.app/file-format-schema.json", "profiles": [{"endValue": 14, "events": [
        {"at": 0, "frame": 0, "type": "O"}, {"at": 0, "frame": 1, "type": "O"}, {"at": 0, "frame": 2, "type": "O"},
        {"at": 2, "frame": 2, "type": "C"}, {"at": 2, "frame": 3, "type": "O"}, {"at": 6, "frame": 3, "type": "C"},
        {"at": 6, "frame": 2, "type": "O"}, {"at": 9, "frame": 2, "type": "C"}, {"at": 14, "frame": 1, "type": "C"},
        {"at": 14, "frame": 0, "type": "C"}], "name": "simple.txt", "startValue": 0, "type": "evented", "unit": "none"}],
        "shared": {"frames": [{"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"}]}, "version": "0.0.1"}"#;
    let profile = read(file).unwrap();
    // As speedscope 1.25.0 has it: total 14; self a 0, b 5, c 5, d 4.
    assert_eq!(folded(&profile), ["a;b;c 5", "a;b;d 4", "a;b 5"]);
    let track = &profile.tracks().tracks()[0];
    assert_eq!((track.kind, track.start, track.end), (TrackKind::Intervals, 0, 14));
    assert_eq!(profile.text(track.name), "simple.txt");
    assert_eq!(profile.tracks().intervals(track).len(), 5);
}

/// The frames of py-spy's `--threads` and `--subprocesses`, below which a stack begins.
#[test]
fn roots_of_py_spy_are_origins() {
    let with = |name: &str, samples: &str, keys: &str| {
        let profile = sampled_profile(name, "none", samples, "[1,1,1]");
        let roots = [
            r#"process 3:\"make\""#,
            r#"process 7:\"python \\\"a\\\" b\""#,
            "thread (12)",
            "thread (12): worker",
            "thread (13): worker",
        ];
        let roots =
            roots.map(|name| format!(r#"{{"name":"{name}","file":"","line":0,"col":null}}"#)).join(",");
        let file = file(&profile, keys).replace(r#"{"name":"c"}"#, &format!(r#"{{"name":"c"}},{roots}"#));
        let profile = read(file.as_bytes()).unwrap();
        let sample = profile.samples().get(0);
        assert!(profile.samples().iter().all(|it| (it.origin, it.labels) == (sample.origin, sample.labels)));
        assert_eq!(profile.tracks().tracks()[0].origin, sample.origin);
        let origin = profile.origins()[sample.origin];
        let parents = profile.labels().get(sample.labels).iter();
        let parents: Vec<_> = parents
            .map(|label| format!("{}={}", profile.text(label.key), profile.text(label.string)))
            .collect();
        let texts = [origin.process, origin.thread].map(|text| profile.text(text).into_owned());
        (folded(&profile).join(" "), origin.pid, origin.tid, texts, parents)
    };
    let lifted = |pid, tid, texts: [&str; 2], parents: &[&str]| {
        let parents = parents.iter().map(|parent| (*parent).to_owned()).collect();
        ("a 1 a;b 1  1".to_owned(), pid, tid, texts.map(str::to_owned), parents)
    };
    let python = r#"python \"a\" b"#;
    // The thread has no name at first, and is seen once without any frame.
    let both = with(r#"Process 7 Thread 12 \"\""#, "[[4,5,0],[4,6,0,1],[4,5]]", "");
    assert_eq!(both, lifted(Some(7), Some(12), [python, "worker"], &[]));
    let child = with(r#"Process 7 Thread 12 \"t\""#, "[[3,4,0],[3,4,0,1],[]]", "");
    assert_eq!(child, lifted(Some(7), Some(12), [python, "t"], &[r#"parent_process=3:"make""#]));
    let alone = with("p", "[[6,0],[6,0,1],[6]]", "");
    assert_eq!(alone, lifted(None, Some(12), ["", "worker"], &[]));
    // What does not agree, and what profkit wrote, stays a frame.
    for (name, samples, keys) in [
        ("p", "[[6,0],[7,0],[6]]", ""),
        ("p", "[[6,0],[0],[6]]", ""),
        ("p", "[[6,4],[6,4],[6,4]]", ""),
        (r#"Thread 13 \"\""#, "[[6,0],[6,0],[6,0]]", ""),
        (r#"Thread 12 \"x\""#, "[[6,0],[6,0],[6,0]]", ""),
        ("p", "[[6,0],[6,0],[6,0]]", r#","exporter":"profkit 0.1.0""#),
    ] {
        assert!(with(name, samples, keys).0.starts_with("thread (12): worker"), "{name} {samples} {keys}");
    }
}

/// py-spy's form: everything in seconds, `null` where nothing is known, the frames last.
#[test]
fn py_spy_files_are_read() {
    let file = br#"{"$schema":"https://www.speedscope.app/file-format-schema.json","profiles":[
        {"type":"sampled","name":"Process 7 Thread 12 \"MainThread\"","unit":"seconds","startValue":0.0,"endValue":0.1,
         "samples":[[1,0],[1],[1,0]],"weights":[0.03333333333333333,0.03333333333333333,0.03333333333333333]},
        {"type":"sampled","name":"Process 7 Thread 0x7F01 \"\"","unit":"seconds","startValue":0.0,"endValue":0.01,"samples":[[2]],"weights":[0.01]}],
        "shared":{"frames":[{"name":"work","file":"/app/a.py","line":3,"col":null},{"name":"<module>","file":"/app/a.py","line":9,"col":null},
        {"name":"idle","file":null,"line":null,"col":null}]},
        "activeProfileIndex":null,"exporter":"py-spy@0.4.3","name":"py-spy profile"}"#;
    let profile = read(file).unwrap();
    assert_eq!(profile.samples().values(0), [33_333_333, 33_333_334, 33_333_333, 10_000_000]);
    assert_eq!(folded(&profile)[0], "<module>;work 33333333");
    let sample_type = profile.sample_types()[0];
    assert_eq!((profile.text(sample_type.name).as_ref(), sample_type.decimals), ("time", 0));
    assert_eq!(profile.text(sample_type.unit), "nanoseconds");
    let origin = |track: usize| profile.origins()[profile.tracks().tracks()[track].origin];
    assert_eq!((origin(0).pid, origin(0).tid), (Some(7), Some(12)));
    assert_eq!(profile.text(origin(0).thread), "MainThread");
    assert_eq!((origin(1).pid, origin(1).tid), (Some(7), Some(0x7f01)));
    let frame = |frame: usize| profile.frames().rows()[frame];
    assert_eq!((frame(0).line, frame(2).line), (3, 0));
    let meta = profile.meta();
    assert_eq!((meta.producer.as_str(), meta.active_track), ("py-spy@0.4.3", None));
    assert_eq!(profile.text(meta.title.unwrap()), "py-spy profile");
}

#[test]
fn names_that_tell_profiles_apart_are_threads() {
    let threads = |names: [(&str, &str); 2]| {
        let profiles = names.map(|(name, unit)| sampled_profile(name, unit, "[[0]]", "[1]")).join(",");
        let profile = read(file(&profiles, "").as_bytes()).unwrap();
        let origins = profile.samples().iter().map(|sample| profile.origins()[sample.origin]);
        let names: Vec<_> = origins.map(|origin| profile.text(origin.thread).into_owned()).collect();
        // Written back, they have the same names.
        let (again, written) = write_with(&profile, &WriteOptions::default());
        assert_eq!(written.losses, [""; 0]);
        let origins = read(again.as_bytes()).unwrap().origins().rows().len();
        assert_eq!(origins, profile.origins().rows().len(), "{again}");
        names
    };
    let two = [("worker-7 (important)", "seconds"), ("main thread", "seconds")];
    assert_eq!(threads(two), ["worker-7 (important)", "main thread"]);
    assert_eq!(threads([("Thread (1234)", "none"), ("Thread 5 \\\"x\\\"", "none")]), ["Thread (1234)", "x"]);
    // speedscope's own export, memray's measures, and a file of one profile.
    assert_eq!(threads([("p", "seconds"), ("p", "seconds")]), ["", ""]);
    assert_eq!(threads([("Memory", "bytes"), ("Allocations", "none")]), ["", ""]);
}

#[test]
fn first_lines_are_told_from_lines_that_ran() {
    let with = |exporter: &str| {
        let file = format!(
            r#"{{"exporter":"{exporter}","profiles":[],"shared":{{"frames":[{{"name":"f","file":"a.py","line":7,"col":2}}]}}}}"#
        );
        let profile = read(file.as_bytes()).unwrap();
        let frame = profile.frames().rows()[0];
        (profile.functions().rows()[0].first_line, frame.line, frame.column)
    };
    assert_eq!(with("pyinstrument"), (7, 0, 2));
    assert_eq!(with("pyspeedscope"), (7, 0, 2));
    assert_eq!(with("profkit 0.1.0 (lines of definitions; made by x)"), (7, 0, 2));
    assert_eq!(with("py-spy@0.4.3"), (0, 7, 2));
}

#[test]
fn every_unit_is_exact() {
    for (unit, expected) in [
        ("nanoseconds", 2),
        ("microseconds", 1_500),
        ("milliseconds", 1_500_000),
        ("seconds", 1_500_000_000),
        // One decimal is kept where there is no smaller unit.
        ("bytes", 15),
        ("none", 15),
        ("frobs", 15),
    ] {
        let profile = read(sampled(unit, "[[0]]", "[1.5]").as_bytes()).unwrap();
        assert_eq!(profile.samples().values(0), [expected], "{unit}");
        let sample_type = profile.sample_types()[0];
        assert_eq!(sample_type.decimals, u8::from(expected == 15), "{unit}");
        assert_eq!(profile.text(profile.tracks().tracks()[0].unit), unit);
    }
    let clock = evented("seconds", "O0@1700000000.123456788 C0@1700000000.123456789");
    assert_eq!(folded(&read(clock.as_bytes()).unwrap()), ["a 1"]);
}

#[test]
fn fractions_without_a_smaller_unit_share_their_decimals() {
    let profiles = [
        sampled_profile("p", "none", "[[0],[1]]", "[0.25,1]"),
        sampled_profile("q", "none", "[[0]]", "[1e-1]"),
        sampled_profile("r", "none", "[[0]]", "[3]"),
    ];
    let profile = read(file(&profiles.join(","), "").as_bytes()).unwrap();
    assert_eq!(profile.samples().values(0), [25, 100, 10, 300]);
    assert_eq!(profile.sample_types().len(), 1);
    assert_eq!(profile.sample_types()[0].decimals, 2);
    let thirds =
        sampled("none", "[[0],[1],[0]]", "[0.3333333333333333,0.3333333333333333,0.3333333333333334]");
    let profile = read(thirds.as_bytes()).unwrap();
    assert_eq!(profile.samples().values(0).iter().sum::<i64>(), 1_000_000_000);
    // Big numbers leave no room for nine decimals.
    let big = read(sampled("none", "[[0],[0]]", "[1e15,0.123456789]").as_bytes()).unwrap();
    assert_eq!(big.sample_types()[0].decimals, 3);
    assert_eq!(big.samples().values(0), [1_000_000_000_000_000_000, 123]);
}

#[test]
fn gaps_and_samples_that_share_their_beginning() {
    let samples = "[[0,1], [0,1,2],\n[ 0 , 1 ] ,[],[0],[1],[0,1,2,0],[0,1,2,0],[0,12]]";
    let file = sampled("none", samples, "[1,1,1,1,1,1,1,1,1]");
    let frames = r#"{"name":"x"}"#;
    let file = file.replace(r#"{"name":"c"}"#, &format!(r#"{{"name":"c"}},{}"#, [frames; 10].join(",")));
    let expected = ["a;b", "a;b;c", "a;b", "", "a", "b", "a;b;c;a", "a;b;c;a", "a;x"];
    assert_eq!(folded(&read(file.as_bytes()).unwrap()), expected.map(|stack| format!("{stack} 1")));
}

#[test]
fn noise_of_sums_is_taken_and_a_step_back_refused() {
    let noisy = [
        "O0@0.1 O1@0.3 C1@0.30000000000000004 O2@0.3 C2@0.5 C0@1",
        "O0@1 O1@2.000000000001 C1@2.0 C0@3.0",
        "O0@1700000000.1000004 O1@1700000000.1000002 C1@1700000001.0 C0@1700000002.0",
    ];
    for events in noisy {
        let profile = read(evented("seconds", events).as_bytes()).unwrap();
        assert_eq!(profile.tracks().all_intervals()[0].stack.index(), 0);
    }
    assert_eq!(read(evented("seconds", noisy[1]).as_bytes()).unwrap().meta().notes.len(), 0);
    assert_eq!(read(evented("seconds", noisy[2]).as_bytes()).unwrap().meta().notes.len(), 1);
    let back = evented("seconds", "O0@1 O1@2.000001 C1@2.0 C0@3.0");
    let error = read(back.as_bytes()).unwrap_err();
    assert_eq!(
        error.kind,
        ReadErrorKind::Build(BuildError::TimeGoesBack { last: 2_000_001_000, at: 2_000_000_000 })
    );
    assert!(back[error.offset..].starts_with("2.0}"));
    let whole = read(evented("nanoseconds", "O0@1 O1@3 C1@2 C0@3").as_bytes()).unwrap_err();
    assert!(matches!(whole.kind, ReadErrorKind::Build(BuildError::TimeGoesBack { .. })));
}

#[test]
fn frames_that_are_never_left_last_to_the_end() {
    let profile = read(evented("none", "O0@0 O1@2").as_bytes()).unwrap();
    assert_eq!(folded(&profile), ["a 2", "a;b 8"]);
    assert_eq!(profile.meta().notes, ["2 frames last to the end, for they are never left, in `p`"]);
    let late = read(evented("none", "O0@0 O1@20 C1@25").as_bytes()).unwrap();
    assert_eq!(folded(&late), ["a 20", "a;b 5"]);
}

#[test]
fn only_tracers_count_calls() {
    let calls = |exporter: &str| {
        let text = evented("none", "O0@0 O1@2 C1@3 O1@5 C1@6 C0@9");
        let text = text.strip_suffix('}').unwrap().to_owned() + &format!(r#","exporter":"{exporter}"}}"#);
        let profile = read(text.as_bytes()).unwrap();
        // Also after profkit has written it.
        for profile in [&profile, &read(write(&profile).as_bytes()).unwrap()] {
            assert_eq!(profile.tracks().all_intervals().len(), 3, "{exporter}");
            assert_eq!(profile.meta().producer, exporter);
        }
        let again = read(write(&profile).as_bytes()).unwrap();
        [profile, again].map(|profile| profile.tracks().calls(&profile.tracks().tracks()[0]).len())
    };
    assert_eq!(calls("pyspeedscope"), [3, 3]);
    // pyinstrument; .NET's tools call themselves speedscope, too.
    for sampler in ["pyinstrument", "speedscope@1.3.2", "speedscope@1.25.0", "unheard-of"] {
        assert_eq!(calls(sampler), [0, 0], "{sampler}");
    }
}

#[test]
fn events_that_do_not_nest_are_refused_where_they_are() {
    let crossed = evented("none", "O0@0 O1@1 C0@2 C1@3");
    let error = read(crossed.as_bytes()).unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Build(BuildError::NotInnermost));
    assert!(crossed[error.offset..].starts_with(r#"0,"at":2"#));
    let error = read(evented("none", "C0@0").as_bytes()).unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Build(BuildError::NoneOpen));
}

#[test]
fn events_in_unusual_forms_are_read() {
    let unusual = [
        r#"{"type":"\u004f","frame":0,"at":0,"note":"}],{"}"#,
        r#"{ "at" : 1e0 , "extra" : {"type":"C"} , "frame" : 1.0 , "type" : "O" }"#,
        r#"{"frame":1,"type":"C","at":3}"#,
        r#"{"at":9,"frame":0,"args":[],"type":"C"}"#,
    ];
    let usual = r#"{"type":"O","frame":0,"at":0}"#;
    let text = evented("none", "O0@0").replace(usual, &unusual.join(" , "));
    assert_eq!(folded(&read(text.as_bytes()).unwrap()), ["a 7", "a;b 2"]);
    for wrong in [
        r#"{"type":"O","frame":0}"#,
        r#"{"type":"X","frame":0,"at":0}"#,
        r#"{"type":"O","type":"O","frame":0,"at":0}"#,
        "[]",
        "true",
    ] {
        let text = evented("none", "O0@0").replace(usual, wrong);
        let error = read(text.as_bytes()).unwrap_err();
        let place = text.find(wrong).unwrap();
        assert!((place..=place + wrong.len()).contains(&error.offset), "{error} for {wrong}");
    }
}

#[test]
fn surrogates_and_stray_bytes_are_kept() {
    let text = sampled("none", "[[0]]", "[1]").replace(r#""a""#, r#""\udcf3x\ud83d\ude00""#);
    let profile = read(text.as_bytes()).unwrap();
    let name =
        |profile: &profkit_profile::Profile| profile.bytes(profile.functions().rows()[0].name).to_vec();
    assert_eq!(name(&profile), b"\xed\xb3\xb3x\xf0\x9f\x98\x80");
    // A byte that is no UTF-8 is what Python would have escaped as \udce9.
    let text = sampled("none", "[[0]]", "[1]");
    let (before, after) = text.split_once("a\"}").unwrap();
    let stray = [b"\xef\xbb\xbf", before.as_bytes(), b"caf\xe9\"}", after.as_bytes()].concat();
    assert_eq!(name(&read(&stray).unwrap()), b"caf\xed\xb3\xa9");
    let broken = [&stray[..], b"?"].concat();
    assert_eq!(read(&broken).unwrap_err().offset, stray.len());
}

#[test]
fn the_active_profile_is_known_if_it_exists() {
    let with = |index: &str| {
        let keys = format!(r#","activeProfileIndex":{index}"#);
        let file = file(&sampled_profile("p", "none", "[]", "[]"), &keys);
        read(file.as_bytes()).map(|profile| profile.meta().active_track).ok()
    };
    let given = ["0", "0.0", "1", "-1", "null", "0.5", "1e99"].map(with);
    assert_eq!(given, [Some(Some(0)), Some(Some(0)), Some(None), Some(None), Some(None), None, None]);
}

#[test]
fn measures_of_one_unit_are_kept_apart() {
    let names = [
        "CPU time profile for 7:0:12",
        "Wall time profile for 7:0:12",
        "Memory allocation profile for 7:0:12",
    ];
    let units = ["microseconds", "microseconds", "bytes"];
    let profiles = names.iter().zip(units).map(|(name, unit)| sampled_profile(name, unit, "[[0]]", "[5]"));
    let profiles = profiles.collect::<Vec<_>>().join(",");
    let types = |exporter: &str| {
        let profile = read(file(&profiles, &format!(r#","exporter":"{exporter}""#)).as_bytes()).unwrap();
        let names = profile.sample_types().iter().map(|it| profile.text(it.name).into_owned());
        assert_eq!(profile.origins()[OriginId::from_index(1).unwrap()].tid, Some(12));
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(types("Austin2Speedscope Converter 0.3.1"), "cpu wall memory");
    assert_eq!(types("x"), "time memory");
}

#[test]
fn an_estimate_is_known_as_one() {
    let keys = r#","exporter":"profkit 0.1.0 (stacks estimated from call edges; made by a (b))""#;
    let profile = read(file("", keys).as_bytes()).unwrap();
    assert!(profile.meta().estimated);
    assert_eq!(profile.meta().producer, "a (b)");
}
