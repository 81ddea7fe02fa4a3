//! What the format cannot hold, and how it is said.

use profkit_format_callgrind::Callgrind;
use profkit_profile::{
    CallEdge, Format, Frame, Function, FunctionCalls, FunctionId, LabelSetId, Origin, OriginId, Profile,
    ProfileBuilder, Sample, StringId, WriteError, WriteOptions,
};

use crate::{content, functions, read, write};

/// Functions `main` and `work`, who calls it.
fn build(fill: impl FnOnce(&mut ProfileBuilder, FunctionId, FunctionId)) -> Profile {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"wall", b"nanoseconds").unwrap();
    let file = builder.string(b"/app/a.py").unwrap();
    let [main, work] = [(b"main", 3), (b"work", 9)].map(|(name, first_line)| {
        let name = builder.string(name).unwrap();
        builder.function(Function { name, file, first_line, ..Function::EMPTY }).unwrap()
    });
    fill(&mut builder, main, work);
    builder.finish().unwrap()
}

fn row(function: FunctionId, origin: OriginId, calls: i64) -> FunctionCalls {
    let calls = Some(calls);
    FunctionCalls { origin, function, labels: LabelSetId::EMPTY, calls, primitive_calls: calls }
}

fn edge(caller: FunctionId, callee: FunctionId, origin: OriginId, calls: Option<i64>) -> CallEdge {
    CallEdge {
        origin,
        caller,
        callee,
        site: None,
        calls,
        primitive_calls: calls,
        has_self: false,
        has_total: true,
    }
}

#[test]
fn unknown_calls_and_costs_come_back_unknown() {
    let profile = build(|builder, main, work| {
        let unknown = OriginId::UNKNOWN;
        builder.function_calls(FunctionCalls { calls: None, ..row(main, unknown, 1) }, &[10], &[10]).unwrap();
        builder.function_calls(FunctionCalls { calls: None, ..row(work, unknown, 1) }, &[20], &[20]).unwrap();
        builder.call_edge(edge(main, work, unknown, None), &[0], &[20]).unwrap();
        builder
            .call_edge(CallEdge { has_total: false, ..edge(work, work, unknown, Some(-3)) }, &[0], &[0])
            .unwrap();
    });
    let (bytes, written) = write(&profile, None);
    let text = String::from_utf8(bytes).unwrap();
    // callgrind_annotate 3.19 takes the cost of `calls=0` for the caller's own.
    assert!(text.contains("cfn=(2) work\n#calls=?\ncalls=1 9\n0 20\n"), "{text}");
    assert!(text.contains("cfn=(2)\n#calls=-3\n#cost=?\ncalls=1 9\n0 0\n"), "{text}");
    assert_eq!(
        written.losses,
        [
            "the totals of 1 function: readers add them up from self and calls",
            "the unknown counts of 2 calls: written as 1",
            "the unknown costs of 1 call: written as 0, so totals are too low",
        ]
    );
    let again = read(text.as_bytes()).unwrap();
    let edges = again.calls().edges().rows();
    assert_eq!(
        edges.iter().map(|edge| (edge.calls, edge.has_total)).collect::<Vec<_>>(),
        [(None, true), (Some(-3), false)]
    );
}

#[test]
fn functions_that_share_a_name_are_told_apart_by_their_lines() {
    let profile = build(|builder, main, work| {
        let row_of = |function| row(function, OriginId::UNKNOWN, 1);
        let base = builder.function_row(main);
        let mut own = 1;
        for (name, first_line) in [(base.name, 12), (base.name, -1)] {
            let function = builder.function(Function { name, first_line, ..base }).unwrap();
            builder.function_calls(row_of(function), &[own], &[own]).unwrap();
            own *= 2;
        }
        let name = builder.string(b"main:3").unwrap();
        let odd = builder.function(Function { name, ..base }).unwrap();
        for function in [main, work, odd] {
            builder.function_calls(row_of(function), &[own], &[own]).unwrap();
            own *= 2;
        }
    });
    let (bytes, _) = write(&profile, None);
    let text = String::from_utf8(bytes.clone()).unwrap();
    let names: Vec<_> = text.lines().filter(|line| line.starts_with("fn=")).collect();
    assert_eq!(
        names,
        ["fn=(1) main:12", "fn=(2) main:-1", "fn=(3) main:3", "fn=(4) work", "fn=(5) main:3:3"]
    );
    let again = read(&bytes).unwrap();
    let rows = |profile: &Profile| {
        let rows = profile.calls().functions().rows().iter().zip(profile.calls().functions().own(0));
        rows.map(|(row, own)| (crate::function(profile, row.function), *own)).collect::<Vec<_>>()
    };
    assert_eq!(rows(&again), rows(&profile));
}

#[test]
fn a_part_says_nothing_of_the_next_one() {
    let profile = build(|builder, main, work| {
        let name = builder.string(b"A").unwrap();
        let origins = [
            Origin { pid: Some(7), tid: Some(1), thread: name, host: name, file: name, ..Origin::UNKNOWN },
            Origin { tid: Some(2), ..Origin::UNKNOWN },
            // Begins with `cmd:`, after a part with another one.
            Origin { process: name, ..Origin::UNKNOWN },
            Origin { process: name, thread: name, ..Origin::UNKNOWN },
            Origin { tid: Some(3), thread: name, ..Origin::UNKNOWN },
            Origin::UNKNOWN,
        ];
        for origin in origins {
            let origin = builder.origin(origin).unwrap();
            builder.function_calls(row(main, origin, 1), &[10], &[30]).unwrap();
            builder.function_calls(row(work, origin, 1), &[20], &[20]).unwrap();
            builder.call_edge(edge(main, work, origin, Some(1)), &[0], &[20]).unwrap();
        }
    });
    let again = read(&write(&profile, Some("parts")).0).unwrap();
    let origins = |profile: &Profile| -> Vec<String> {
        let rows = profile.calls().functions().rows().iter();
        rows.map(|row| profile.origins()[row.origin])
            .map(|row| {
                let text = |id| profile.text(id).into_owned();
                format!(
                    "{:?} {:?} {:?}",
                    row.pid,
                    row.tid,
                    [row.process, row.thread, row.host, row.file].map(text)
                )
            })
            .collect()
    };
    assert_eq!(origins(&again), origins(&profile));
}

#[test]
fn parts_of_valgrind_share_their_process() {
    let file = b"creator: callgrind-3.19.0\npid: 3\ncmd: ./a\npart: 1\nthread: 1\nevents: Ir\nfn=a\n1 2\n\
        part: 2\nthread: 2\nevents: Ir\nfn=a\n1 2\nthread: io\nevents: Ir\nfn=a\n1 2\nthread: 4\nfn=a\n1 2\n";
    let profile = read(file).unwrap();
    let rows = profile.calls().functions().rows().iter();
    let origins: Vec<String> = rows.map(|row| crate::origin(&profile, row.origin)).collect();
    assert_eq!(
        origins,
        ["Some(3) ./a Some(1) ", "Some(3) ./a Some(2) ", "Some(3) ./a None io", "Some(3) ./a Some(4) "]
    );
}

#[test]
fn threads_are_added_up_or_kept_as_parts() {
    let profile = build(|builder, main, work| {
        let process = builder.string(b"python app.py").unwrap();
        for (tid, name) in [(1, "one"), (2, "two\nlines")] {
            let thread = builder.string(name.as_bytes()).unwrap();
            let origin = builder
                .origin(Origin { pid: Some(7), process, tid: Some(tid), thread, ..Origin::UNKNOWN })
                .unwrap();
            builder.function_calls(row(main, origin, 0), &[10 * tid], &[30 * tid]).unwrap();
            builder.function_calls(row(work, origin, 2), &[20 * tid], &[20 * tid]).unwrap();
            builder.call_edge(edge(main, work, origin, Some(2)), &[0], &[20 * tid]).unwrap();
        }
    });
    let (bytes, written) = write(&profile, None);
    assert_eq!(written.losses, ["2 threads added up"]);
    let one = read(&bytes).unwrap();
    assert_eq!(functions(&one), ["main 30 90 ? ?", "work 60 60 4 4"]);
    let origin = one.origins()[one.calls().functions().rows()[0].origin];
    assert_eq!(
        (origin.pid, one.text(origin.process).into_owned(), origin.tid),
        (Some(7), "python app.py".to_owned(), None)
    );
    let (bytes, written) = write(&profile, Some("parts"));
    assert_eq!(written.losses, Vec::<String>::new());
    let parts = content(&read(&bytes).unwrap()).join("\n");
    assert!(
        parts.contains(
            r"function /app/a.py:3 main None None ([20], [60]) Some(7) python app.py Some(2) two\\nlines"
        ),
        "{parts}"
    );
}

#[test]
fn everything_else_that_is_lost_is_said() {
    let profile = build(|builder, main, work| {
        let name = builder.string(b"new\nline").unwrap();
        let system_name = builder.string(b"_Z1fv").unwrap();
        let odd = builder.function(Function { name, system_name, ..Function::EMPTY }).unwrap();
        let site = builder.frame(Frame { line: 5, address: 64, ..Frame::of(main) }).unwrap();
        let key = builder.string(b"k").unwrap();
        let labels = builder.labels(&[profkit_profile::Label::number(key, 1, StringId::EMPTY)]).unwrap();
        builder.meta.start_ns = Some(1);
        builder.meta.period = 10;
        builder.meta.keep_frames = Some(name);
        builder.meta.title = Some(name);
        builder.meta.comments.push(name);
        builder.sample_type(b"a b", b"x(y").unwrap();
        builder
            .function_calls(FunctionCalls { labels, ..row(main, OriginId::UNKNOWN, 1) }, &[1, 0], &[4, 0])
            .unwrap();
        builder.function_calls(row(work, OriginId::UNKNOWN, 5), &[2, 0], &[9, 0]).unwrap();
        builder.function_calls(row(odd, OriginId::UNKNOWN, 1), &[1, 0], &[1, 0]).unwrap();
        let call =
            CallEdge { site: Some(site), has_self: true, ..edge(main, work, OriginId::UNKNOWN, Some(2)) };
        builder.call_edge(call, &[2, 0], &[3, 0]).unwrap();
    });
    let (bytes, written) = write(&profile, None);
    assert_eq!(
        written.losses,
        [
            "1 name changed: empty ones, and what a line cannot hold",
            "the calls of 3 functions that others than the functions shown called",
            "the totals of 1 function: readers add them up from self and calls",
            "1 name of events or their units changed",
            "the self costs of calls",
            "addresses and columns",
            "system names of functions",
            "labels",
            "start and duration",
            "the sampling period",
            "which frames to drop or keep",
            "title",
            "1 comment changed: what a line cannot hold",
        ]
    );
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("\ndesc: new\\nline\n") && text.contains("fn=(3) new\\nline\n"), "{text}");
    assert!(text.contains("\nevents: wall(nanoseconds) a_b(x_y)\n"), "{text}");
}

#[test]
fn the_wanted_event_comes_first() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"samples", b"count").unwrap();
    builder.sample_type(b"cpu", b"nanoseconds").unwrap();
    let name = builder.string(b"f").unwrap();
    let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
    builder.function_calls(row(function, OriginId::UNKNOWN, 1), &[3, 30], &[3, 30]).unwrap();
    let profile = builder.finish().unwrap();
    let lines = |sample_type| {
        let mut bytes = Vec::new();
        let options = WriteOptions { sample_type, ..WriteOptions::default() };
        Callgrind.write(&profile, &mut bytes, &options).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .filter(|line| line.starts_with("events") || line.starts_with("totals"))
            .collect::<Vec<_>>()
            .join(";")
    };
    assert_eq!(lines(None), "events: cpu(nanoseconds) samples;totals: 30 3");
    assert_eq!(lines(Some(0)), "events: samples cpu(nanoseconds);totals: 3 30");
}

#[test]
fn stacks_are_refused_and_nothing_is_fine() {
    let stacks = build(|builder, main, _| {
        let frame = builder.frame(Frame::of(main)).unwrap();
        let stack = builder.stack(None, frame).unwrap();
        builder.sample(Sample::of(Some(stack)), &[1]).unwrap();
    });
    let options = WriteOptions::default();
    assert!(matches!(Callgrind.write(&stacks, &mut Vec::new(), &options), Err(WriteError::NeedsCallEdges)));
    let empty = ProfileBuilder::new().finish().unwrap();
    crate::assert_round_trip(&empty, None, "empty");
}
