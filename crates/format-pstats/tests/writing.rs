//! What the writer makes of profiles that no dump could have been: several origins, other units, values that are
//! not known, callers without rows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{fixture, function, read, tables, write, write_with};
use profkit_format_pstats::Pstats;
use profkit_profile::{
    CallEdge, Format, Frame, Function, FunctionCalls, FunctionId, Label, LabelSetId, LineCost, Mapping,
    Origin, OriginId, Profile, ProfileBuilder, Sample, SampleType, WriteError, WriteOptions,
};

/// Builds call tables by the names of functions.
struct Tables(ProfileBuilder);

impl Tables {
    fn new(sample_types: &[(&str, &str)]) -> Self {
        let mut builder = ProfileBuilder::new();
        for (name, unit) in sample_types {
            builder.sample_type(name.as_bytes(), unit.as_bytes()).unwrap();
        }
        Self(builder)
    }

    fn function(&mut self, name: &str) -> FunctionId {
        let name = self.0.string(name.as_bytes()).unwrap();
        let file = self.0.string(b"a.py").unwrap();
        self.0.function(Function { name, file, first_line: 1, ..Function::EMPTY }).unwrap()
    }

    fn row(&mut self, name: &str, calls: Option<i64>, own: &[i64], total: &[i64]) -> &mut Self {
        let function = self.function(name);
        self.add(
            FunctionCalls {
                origin: OriginId::UNKNOWN,
                function,
                labels: LabelSetId::EMPTY,
                calls,
                primitive_calls: calls,
            },
            own,
            total,
        )
    }

    fn add(&mut self, row: FunctionCalls, own: &[i64], total: &[i64]) -> &mut Self {
        self.0.function_calls(row, own, total).unwrap();
        self
    }

    /// A caller of which only the calls are known.
    fn counted(&mut self, caller: &str, callee: &str, calls: Option<i64>) -> &mut Self {
        let zeros = vec![0; self.0.sample_types().len()];
        self.edge(caller, callee, calls, None, None, &zeros)
    }

    fn edge(
        &mut self,
        caller: &str,
        callee: &str,
        calls: Option<i64>,
        own: Option<&[i64]>,
        total: Option<&[i64]>,
        zeros: &[i64],
    ) -> &mut Self {
        let edge = CallEdge {
            origin: OriginId::UNKNOWN,
            caller: self.function(caller),
            callee: self.function(callee),
            site: None,
            calls,
            primitive_calls: calls,
            has_self: own.is_some(),
            has_total: total.is_some(),
        };
        self.0.call_edge(edge, own.unwrap_or(zeros), total.unwrap_or(zeros)).unwrap();
        self
    }

    fn finish(self) -> Profile {
        self.0.finish().unwrap()
    }
}

fn time() -> Tables {
    Tables::new(&[("time", "nanoseconds")])
}

/// Calls, self and total of a caller in a written dump.
fn caller(profile: &Profile, caller: &str, callee: &str) -> (Option<i64>, i64, i64) {
    let (caller, callee) = (format!("a.py:1({caller})"), format!("a.py:1({callee})"));
    let edges: Vec<_> =
        tables(profile).1.into_iter().filter(|edge| edge.0 == caller && edge.1 == callee).collect();
    assert_eq!(edges.len(), 1, "{caller} {callee}");
    (edges[0].2, edges[0].4.as_ref().unwrap()[0], edges[0].5.as_ref().unwrap()[0])
}

#[test]
fn stacks_are_refused_by_what_they_need() {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"samples", b"count").unwrap();
    builder.sample(Sample::of(None), &[1]).unwrap();
    let profile = builder.finish().unwrap();
    let error = Pstats.write(&profile, &mut Vec::new(), &WriteOptions::default()).unwrap_err();
    assert!(matches!(error, WriteError::NeedsCallEdges), "{error}");
    assert_eq!(write(&ProfileBuilder::new().finish().unwrap()).0, b"{0");
}

#[test]
fn origins_and_labels_are_added_up_and_said_to_be_lost() {
    let mut tables = time();
    let function = tables.function("f");
    let key = tables.0.string(b"tag").unwrap();
    let labels = tables.0.labels(&[Label::number(key, 1, profkit_profile::StringId::EMPTY)]).unwrap();
    for tid in 0..3 {
        let origin = tables.0.origin(Origin { tid: Some(tid), ..Origin::UNKNOWN }).unwrap();
        let labels = if tid == 0 { labels } else { LabelSetId::EMPTY };
        let row = FunctionCalls { origin, function, labels, calls: Some(2), primitive_calls: Some(1) };
        tables.add(row, &[10], &[20]);
    }
    let (bytes, written) = write(&tables.finish());
    assert_eq!(
        written.losses,
        ["where values were measured: 3 origins added up", "the labels of 1 function"]
    );
    let again = read(&bytes).unwrap();
    assert_eq!(function_row(&again, "f"), (Some(6), Some(3), 30, 60));
}

fn function_row(profile: &Profile, name: &str) -> (Option<i64>, Option<i64>, i64, i64) {
    let (_, calls, primitive, own, total) = function(profile, name);
    (calls, primitive, own[0], total[0])
}

#[test]
fn calls_alone_share_out_times_and_the_root_keeps_its_part() {
    let mut tables = time();
    // f is called 3 times by a, 5 times by b, twice by itself; and twice from outside.
    tables.row("f", Some(12), &[1_200], &[12_000]).row("a", Some(1), &[0], &[1]).row(
        "b",
        Some(1),
        &[0],
        &[1],
    );
    tables.counted("a", "f", Some(3)).counted("b", "f", Some(5)).counted("f", "f", Some(2));
    let (bytes, written) = write(&tables.finish());
    assert_eq!(
        written.losses,
        [
            "3 calls without self values: estimated from their function's own",
            "3 calls without totals: estimated by call counts"
        ]
    );
    let again = read(&bytes).unwrap();
    assert_eq!(caller(&again, "a", "f"), (Some(3), 300, 3_600));
    assert_eq!(caller(&again, "b", "f"), (Some(5), 500, 6_000));
    assert_eq!(caller(&again, "f", "f"), (Some(2), 200, 2_000));
}

#[test]
fn known_totals_share_out_self_values() {
    let mut tables = time();
    // As callgrind has it: totals of callers and no self values.
    tables.row("f", Some(4), &[100], &[1_000]).row("a", Some(1), &[0], &[400]).row(
        "b",
        Some(1),
        &[0],
        &[600],
    );
    tables.edge("a", "f", Some(2), None, Some(&[400]), &[0]).edge(
        "b",
        "f",
        Some(2),
        None,
        Some(&[600]),
        &[0],
    );
    let (bytes, written) = write(&tables.finish());
    assert_eq!(written.losses, ["2 calls without self values: estimated from their function's own"]);
    let again = read(&bytes).unwrap();
    assert_eq!(caller(&again, "a", "f"), (Some(2), 40, 400));
    assert_eq!(caller(&again, "b", "f"), (Some(2), 60, 600));
}

#[test]
fn what_is_known_of_a_caller_is_not_shared_out_again() {
    let mut tables = time();
    tables.row("f", Some(3), &[90], &[90]).row("a", Some(1), &[0], &[0]).row("b", Some(1), &[0], &[0]);
    tables.edge("a", "f", Some(1), Some(&[50]), Some(&[50]), &[0]).counted("b", "f", Some(2));
    let again = read(&write(&tables.finish()).0).unwrap();
    assert_eq!(caller(&again, "a", "f"), (Some(1), 50, 50));
    assert_eq!(caller(&again, "b", "f"), (Some(2), 40, 40));
}

#[test]
fn callers_and_callees_without_rows_get_one() {
    let mut tables = time();
    tables.edge("root", "f", Some(2), Some(&[7]), Some(&[9]), &[0]);
    let (bytes, written) = write(&tables.finish());
    assert_eq!(
        written.losses,
        [
            "unknown numbers of calls: written as 0",
            "2 functions without values: estimated from their callers or callees"
        ]
    );
    let again = read(&bytes).unwrap();
    assert_eq!(function_row(&again, "f"), (Some(2), Some(2), 7, 9));
    assert_eq!(function_row(&again, "root"), (None, None, 0, 9));
}

#[test]
fn samples_become_as_many_seconds_and_that_is_said() {
    let mut tables = Tables::new(&[("samples", "count"), ("wall", "milliseconds")]);
    tables.row("f", None, &[57, 1_000], &[57, 1_500]);
    let profile = tables.finish();
    let options = WriteOptions { sample_type: Some(0), ..WriteOptions::default() };
    let (bytes, written) = write_with(&profile, &options);
    assert_eq!(
        written.losses,
        [
            "the values of wall",
            "unknown numbers of calls: written as 0",
            "the unit of samples (count): 1 is written as 1.0 second"
        ]
    );
    assert_eq!(function_row(&read(&bytes).unwrap(), "f"), (None, None, 57_000_000_000, 57_000_000_000));
    // The first that is a time, unless asked.
    let (bytes, written) = write(&profile);
    assert_eq!(written.losses, ["the values of samples", "unknown numbers of calls: written as 0"]);
    assert_eq!(function_row(&read(&bytes).unwrap(), "f"), (None, None, 1_000_000_000, 1_500_000_000));
    let options = WriteOptions { sample_type: Some(9), ..WriteOptions::default() };
    assert!(Pstats.write(&profile, &mut Vec::new(), &options).is_err());
}

#[test]
fn what_has_no_place_is_named() {
    let mut tables = time();
    tables.0.meta.start_ns = Some(1);
    let comment = tables.0.string(b"made on a Monday").unwrap();
    tables.0.meta.comments.push(comment);
    (tables.0.meta.title, tables.0.meta.drop_frames, tables.0.meta.period) =
        (Some(comment), Some(comment), 10);
    tables.0.mapping(Mapping { file: comment, ..Mapping::EMPTY }).unwrap();
    tables.row("f", Some(1), &[1], &[1]);
    let function = tables.function("f");
    let frame = tables.0.frame(Frame { line: 3, ..Frame::of(function) }).unwrap();
    tables.0.line_cost(LineCost { origin: OriginId::UNKNOWN, function, frame }, &[1]).unwrap();
    let edge = CallEdge {
        origin: OriginId::UNKNOWN,
        caller: function,
        callee: function,
        site: Some(frame),
        calls: Some(1),
        primitive_calls: None,
        has_self: true,
        has_total: true,
    };
    tables.0.call_edge(edge, &[1], &[1]).unwrap();
    let twin = tables.0.string(b"_ZN1fE").unwrap();
    let twin = Function { system_name: twin, ..tables.0.function_row(function) };
    let twin = tables.0.function(twin).unwrap();
    let (origin, labels) = (OriginId::UNKNOWN, LabelSetId::EMPTY);
    tables.add(
        FunctionCalls { origin, function: twin, labels, calls: None, primitive_calls: None },
        &[2],
        &[2],
    );
    tables.add(
        FunctionCalls { origin, function: twin, labels, calls: Some(5), primitive_calls: None },
        &[0],
        &[0],
    );
    let (bytes, written) = write(&tables.finish());
    assert_eq!(
        written.losses,
        [
            "the lines of 1 call",
            "the self values of 1 line",
            "1 function added to others of the same file, line and name",
            "1 function whose calls are known in part: the rest counts as 0",
            "1 function whose primitive calls are unknown: all their calls are written",
            "the linker's names",
            "binaries",
            "title and documentation",
            "1 comment",
            "when the recording started and how long it took",
            "which frames to drop or keep",
            "the sampling period",
        ]
    );
    assert_eq!(function_row(&read(&bytes).unwrap(), "f").2, 3);
}

/// A difference of two profiles has negative numbers; they are neither yappi's nor pyinstrument's.
#[test]
fn negative_numbers_come_back() {
    let mut tables = time();
    let function = tables.function("f");
    let (origin, labels) = (OriginId::UNKNOWN, LabelSetId::EMPTY);
    let row = FunctionCalls { origin, function, labels, calls: Some(-464), primitive_calls: Some(0) };
    tables.add(row, &[-15], &[-1_000_000_007]).row("g", Some(-1), &[1], &[1]).row("h", Some(3), &[1], &[1]);
    let profile = tables.finish();
    let (bytes, written) = write(&profile);
    assert_eq!(written.losses, [""; 0]);
    let again = read(&bytes).unwrap();
    assert_eq!(again.meta().dialect, "cprofile");
    assert_eq!(common::tables(&again), common::tables(&profile));
}

fn refusal(tables: Tables, dialect: Option<&'static str>) -> String {
    let options = WriteOptions { dialect, ..WriteOptions::default() };
    Pstats.write(&tables.finish(), &mut Vec::new(), &options).unwrap_err().to_string()
}

/// Python would read them, this crate would not.
#[test]
fn what_could_not_be_read_back_is_not_written() {
    let mut tables = time();
    tables.row("f", Some(i64::MAX), &[0], &[0]).row("f", Some(1), &[0], &[0]);
    assert!(refusal(tables, None).contains("a sum of calls or samples does not fit 64 bits"));
    let mut tables = time();
    tables.row("f", Some(1), &[i64::MAX], &[i64::MAX]).row("f", Some(1), &[1 << 40], &[1 << 40]);
    assert!(refusal(tables, None).contains("`time` does not fit"));
    let counts = || Tables::new(&[("allocations", "count")]);
    let mut tables = counts();
    tables.row("f", Some(1), &[10_000_000_000], &[10_000_000_000]);
    let message = refusal(tables, None);
    assert!(message.contains("`allocations`, of which 1 is written as 1 second, does not fit"), "{message}");
    // Each fits, their sum does not.
    let mut tables = counts();
    tables.row("f", Some(1), &[9_000_000_000], &[0]).row("g", Some(1), &[9_000_000_000], &[0]);
    assert!(refusal(tables, None).contains("does not fit"));
    let mut tables = counts();
    tables.row("f", Some(1), &[1], &[1]).edge("g", "f", Some(1), None, Some(&[-10_000_000_000]), &[0]);
    assert!(refusal(tables, None).contains("does not fit"));
    let mut tables = counts();
    tables.row("f", Some(1), &[-9_223_372_036], &[9_223_372_036]);
    assert_eq!(function_row(&read(&write(&tables.finish()).0).unwrap(), "f").3, 9_223_372_036_000_000_000);
    let mut tables = Tables::new(&[("samples", "count"), ("wall", "hours")]);
    tables.row("f", None, &[3, 3_000_000], &[3, 3_000_000]);
    assert!(refusal(tables, Some("sampled")).contains("`wall` does not fit"));
}

#[test]
fn rounded_values_are_said_to_be() {
    let mut tables = time();
    tables.row("f", Some(1), &[(1 << 53) - 1], &[(1 << 60) + 1]);
    let (bytes, written) = write(&tables.finish());
    assert_eq!(written.losses, ["the last digits of values, which floats of seconds do not hold (1)"]);
    let back = read(&bytes).unwrap();
    assert_eq!(function_row(&back, "f").2, (1 << 53) - 1);
    assert_ne!(function_row(&back, "f").3, (1 << 60) + 1);
    // What was read is written without another loss.
    assert_eq!(write(&back).1.losses, [""; 0]);
}

#[test]
fn the_samplers_form_needs_samples() {
    let profile = read(&fixture("cpython-3.11-calls.pstats")).unwrap();
    let options = WriteOptions { dialect: Some("sampled"), ..WriteOptions::default() };
    let error = Pstats.write(&profile, &mut Vec::new(), &options).unwrap_err();
    assert!(error.to_string().contains("samples"), "{error}");
    let options = WriteOptions { dialect: Some("yappi"), ..WriteOptions::default() };
    assert!(Pstats.write(&profile, &mut Vec::new(), &options).is_err());
    assert_eq!(Pstats.written_dialects(), ["sampled"]);
    assert_eq!(Pstats.dialects(), ["cprofile", "profile", "yappi", "pyinstrument", "sampled"]);
}

#[test]
fn samples_without_a_time_come_back_as_samples() {
    let mut tables = Tables::new(&[("samples", "count")]);
    tables.row("f", None, &[5], &[6]).row("g", None, &[1], &[7]);
    tables.edge("g", "f", None, None, Some(&[6]), &[0]);
    let (bytes, written) =
        write_with(&tables.finish(), &WriteOptions { dialect: Some("sampled"), ..WriteOptions::default() });
    assert_eq!(written.losses, ["samples without a time: it is written as 0"]);
    let back = read(&bytes).unwrap();
    let names: Vec<_> = back.sample_types().iter().map(|row| back.text(row.name)).collect();
    assert_eq!((names.join(" ").as_str(), back.meta().period), ("samples", 0));
    let (functions, edges) = common::tables(&back);
    assert_eq!((&functions[0].3[..], &functions[0].4[..]), (&[5][..], &[6][..]));
    assert_eq!(edges[0].5.as_deref(), Some(&[6][..]));
    assert_eq!(common::write_sampled(&back).0, bytes);
}

#[test]
fn the_samplers_form_has_whole_samples() {
    let mut builder = ProfileBuilder::new();
    let (name, unit) = (builder.string(b"samples").unwrap(), builder.string(b"count").unwrap());
    builder.add_sample_type(SampleType { name, unit, decimals: 2 });
    let mut tables = Tables(builder);
    // `a;b 1.5`, `a;c 2.5`, `a;d 3`, `a;e 0.3`
    tables.row("a", None, &[0], &[730]);
    for (name, samples) in [("b", 150), ("c", 250), ("d", 300), ("e", 30)] {
        tables.row(name, None, &[samples], &[samples]);
        tables.edge("a", name, None, None, Some(&[samples]), &[0]);
    }
    let (bytes, written) =
        write_with(&tables.finish(), &WriteOptions { dialect: Some("sampled"), ..WriteOptions::default() });
    assert_eq!(
        written.losses,
        [
            "fractions of samples, which are written as whole numbers (10)",
            "samples without a time: it is written as 0",
        ]
    );
    let (functions, edges) = common::tables(&read(&bytes).unwrap());
    let samples: Vec<_> = functions.iter().map(|row| (row.3[0], row.4[0])).collect();
    assert_eq!(samples, [(0, 7), (2, 2), (2, 2), (3, 3), (0, 0)]);
    let totals: Vec<_> = edges.iter().map(|edge| edge.5.as_deref().unwrap()[0]).collect();
    assert_eq!(totals, [2, 2, 3, 0]);
}

#[test]
fn the_samplers_form_says_what_it_leaves_out() {
    let mut tables = Tables::new(&[("samples", "count"), ("cpu", "nanoseconds"), ("calls", "count")]);
    tables.row("f", Some(3), &[5, 50, 1], &[6, 60, 1]);
    tables.edge("f", "f", Some(1), Some(&[1, 10, 0]), Some(&[2, 20, 0]), &[0; 3]).counted("g", "f", Some(4));
    let profile = tables.finish();
    let options = WriteOptions { dialect: Some("sampled"), ..WriteOptions::default() };
    let (bytes, written) = write_with(&profile, &options);
    assert_eq!(
        written.losses,
        [
            "the values of calls",
            "the numbers of calls",
            "the self values of 1 call",
            "1 call without totals written as 0 samples",
        ]
    );
    let again = read(&bytes).unwrap();
    let (functions, edges) = common::tables(&again);
    assert_eq!((&functions[0].3[..], &functions[0].4[..]), (&[5, 50][..], &[6, 60][..]));
    assert_eq!(edges[0].5.as_deref(), Some(&[2, 20][..]));
}

#[test]
fn the_samplers_form_has_the_time_that_was_chosen() {
    let types =
        [("samples", "count"), ("wall", "nanoseconds"), ("cpu", "nanoseconds"), ("allocated", "bytes")];
    let mut tables = Tables::new(&types);
    tables.row("f", None, &[5, 50, 20, 1], &[6, 60, 30, 1]);
    let profile = tables.finish();
    let with =
        |sample_type| WriteOptions { dialect: Some("sampled"), sample_type, ..WriteOptions::default() };
    for (chosen, own, total, others) in [
        (None, 50, 60, "the values of cpu, allocated"),
        (Some(0), 50, 60, "the values of cpu, allocated"),
        (Some(1), 50, 60, "the values of cpu, allocated"),
        (Some(2), 20, 30, "the values of wall, allocated"),
    ] {
        let (bytes, written) = write_with(&profile, &with(chosen));
        assert_eq!(written.losses, [others], "{chosen:?}");
        let again = common::tables(&read(&bytes).unwrap()).0;
        assert_eq!((&again[0].3[..], &again[0].4[..]), (&[5, own][..], &[6, total][..]), "{chosen:?}");
    }
    let mut tables = Tables::new(&types[..2]);
    tables.row("f", None, &[5, 50], &[6, 60]).row("g", None, &[1, 11], &[6, 70]);
    tables.edge("g", "f", None, None, Some(&[6, 60]), &[0; 2]);
    assert_eq!(write_with(&tables.finish(), &with(None)).1.losses, ["the times of 1 call"]);
    for (chosen, reason) in [(3, "`allocated` is neither"), (4, "no sample type 4")] {
        let error = Pstats.write(&profile, &mut Vec::new(), &with(Some(chosen))).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}
