//! What a comparison finds, and what it does not: simulated recordings whose truth is known. All randomness comes from a
//! fixed seed, so every run of these tests sees the same recordings.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::panic,
    reason = "tests"
)]

use profkit_merge::diff::{Comparison, DiffError, DiffOptions, Normalize, Row, Test};
use profkit_profile::views::groups::Group;
use profkit_profile::{
    Frame, Function, FunctionCalls, LabelSetId, OriginId, Profile, ProfileBuilder, Sample, SampleType,
};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// From 0 to 1.
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (2.0 * std::f64::consts::PI * self.uniform()).cos()
    }

    /// Knuth's for small means, else the normal distribution that it comes close to.
    fn poisson(&mut self, mean: f64) -> i64 {
        if mean > 500.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as i64;
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.uniform(), 0);
        while product > limit {
            product *= self.uniform();
            count += 1;
        }
        count
    }
}

/// A program: 60 stacks of `main`, one of 6 modules, one of 10 functions; what each takes of 30 seconds.
struct Workload {
    seconds: Vec<f64>,
}

const STACKS: usize = 60;

fn stack_names(stack: usize) -> [String; 3] {
    ["main".to_owned(), format!("module{}", stack / 10), format!("function{stack}")]
}

impl Workload {
    /// As in real programs, few functions take most.
    fn new() -> Self {
        let shares: Vec<f64> = (0..STACKS).map(|stack| 1.0 / (stack as f64 + 2.0)).collect();
        let whole: f64 = shares.iter().sum();
        Self { seconds: shares.iter().map(|share| share / whole * 30.0).collect() }
    }

    fn slower(mut self, stack: usize, by: f64) -> Self {
        self.seconds[stack] *= by;
        self
    }

    /// One recording: each run has its own speed, and each function in it, and samples are counted.
    fn record(&self, hertz: f64, noise: f64, random: &mut Random) -> Profile {
        let speed = (noise * random.normal()).exp();
        let counts: Vec<i64> = self
            .seconds
            .iter()
            .map(|seconds| {
                let own = (noise * random.normal()).exp();
                random.poisson(seconds * speed * own * hertz)
            })
            .collect();
        profile(&counts, hertz)
    }
}

/// Counts and times of samples, as py-spy and Go write them.
fn profile(counts: &[i64], hertz: f64) -> Profile {
    let period = (1e9 / hertz) as i64;
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"samples", b"count").unwrap();
    builder.sample_type(b"cpu", b"nanoseconds").unwrap();
    builder.meta.period = period;
    builder.meta.period_type =
        Some((builder.string(b"cpu").unwrap(), builder.string(b"nanoseconds").unwrap()));
    add(&mut builder, counts, |count| vec![count, count * period]);
    builder.finish().unwrap()
}

/// Counts only, of unknown rate: what a collapsed file holds.
fn collapsed(counts: &[i64]) -> Profile {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"samples", b"count").unwrap();
    add(&mut builder, counts, |count| vec![count]);
    builder.finish().unwrap()
}

fn add(builder: &mut ProfileBuilder, counts: &[i64], values: impl Fn(i64) -> Vec<i64>) {
    for (stack, &count) in counts.iter().enumerate() {
        let mut id = None;
        for name in stack_names(stack) {
            let name = builder.string(name.as_bytes()).unwrap();
            let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
            let frame = builder.frame(Frame::of(function)).unwrap();
            id = Some(builder.stack(id, frame).unwrap());
        }
        builder.sample(Sample::of(id), &values(count)).unwrap();
    }
}

fn compare(base: &[Profile], new: &[Profile]) -> Comparison {
    Comparison::new(base, new, &DiffOptions::default()).unwrap()
}

fn row(comparison: &Comparison, name: &str) -> Row<Group> {
    let rows = comparison.functions().unwrap().rows;
    rows.into_iter().find(|row| comparison.name(row.key) == name).unwrap()
}

/// The names of what is reported as changed.
fn changed(comparison: &Comparison) -> Vec<String> {
    let found = comparison.functions().unwrap();
    let mut names: Vec<String> = found
        .rows
        .iter()
        .filter(|row| row.own.is_significant() || row.total.is_significant())
        .map(|row| comparison.name(row.key).into_owned())
        .collect();
    if found.total.is_significant() {
        names.push("whole".to_owned());
    }
    names
}

fn five(workload: &Workload, hertz: f64, noise: f64, random: &mut Random) -> Vec<Profile> {
    (0..5).map(|_| workload.record(hertz, noise, random)).collect()
}

#[test]
fn the_same_is_hardly_ever_flagged() {
    let workload = Workload::new();
    for (noise, seed) in [(0.0, 1), (0.01, 2), (0.05, 3)] {
        let mut random = Random(seed);
        let flagged = (0..100)
            .filter(|_| {
                let (base, new) =
                    (five(&workload, 100.0, noise, &mut random), five(&workload, 100.0, noise, &mut random));
                !changed(&compare(&base, &new)).is_empty()
            })
            .count();
        println!("noise {noise}: {flagged} of 100 flagged");
        assert!(flagged <= 5, "noise {noise}: {flagged} of 100 flagged");
    }
}

#[test]
fn a_function_slower_by_a_tenth_is_found_and_named() {
    let mut random = Random(4);
    let (mut found, mut others) = (0, 0);
    for _ in 0..100 {
        let base = five(&Workload::new(), 1000.0, 0.005, &mut random);
        let new = five(&Workload::new().slower(0, 1.1), 1000.0, 0.005, &mut random);
        let changed = changed(&compare(&base, &new));
        found += usize::from(changed.iter().any(|name| name == "function0"));
        // Its callers grow with it; nothing else does.
        let callers = ["function0", "module0", "main", "whole"];
        others += usize::from(changed.iter().any(|name| !callers.contains(&name.as_str())));
    }
    println!("found in {found} of 100, others named in {others}");
    assert!(found >= 95, "found in {found} of 100");
    assert!(others <= 5, "others named in {others} of 100");
}

#[test]
fn the_sampling_rate_does_not_show() {
    let mut random = Random(5);
    let workload = Workload::new();
    let (slow, fast) = (workload.record(100.0, 0.0, &mut random), workload.record(1000.0, 0.0, &mut random));
    for (value, normalize) in
        [(None, Normalize::None), (Some("samples"), Normalize::Rate), (Some("cpu"), Normalize::None)]
    {
        let options = DiffOptions { value: value.map(str::to_owned), ..DiffOptions::default() };
        let comparison =
            Comparison::new(std::slice::from_ref(&slow), std::slice::from_ref(&fast), &options).unwrap();
        assert_eq!(comparison.normalize(), normalize);
        let found = comparison.functions().unwrap();
        // 3,000 samples at 100 Hz: 1.8 % is one standard error.
        assert!(found.total.relative().unwrap().abs() < 0.05, "{:?}", found.total);
        assert_eq!(changed(&comparison), [""; 0]);
    }
    let whole = |profile: &Profile| collapsed(profile.samples().values(0));
    let comparison = compare(&[whole(&slow)], &[whole(&fast)]);
    assert_eq!((comparison.normalize(), comparison.notes().len()), (Normalize::Total, 1));
    assert_eq!(changed(&comparison), [""; 0]);
    assert!(row(&comparison, "module0").total.relative().unwrap().abs() < 0.1);
}

#[test]
fn callers_grow_by_what_their_callees_grow() {
    let mut counts = vec![0; STACKS];
    counts[0] = 1000;
    counts[11] = 500;
    let base = profile(&counts, 100.0);
    counts[11] = 800;
    let new = profile(&counts, 100.0);
    let comparison = compare(&[base], &[new]);
    let absolute = |name: &str| {
        let row = row(&comparison, name);
        (row.own.absolute() / 1e7, row.total.absolute() / 1e7)
    };
    assert_eq!(absolute("main"), (0.0, 300.0));
    assert_eq!(absolute("module1"), (0.0, 300.0));
    assert_eq!(absolute("function11"), (300.0, 300.0));
    assert_eq!(absolute("module0"), (0.0, 0.0));
    let found = row(&comparison, "function11");
    assert_eq!(found.own.relative(), Some(0.6));
    // √500 and √800 of equal expectation: √1300.
    assert!((found.own.error.unwrap() / 1e7 - 1300f64.sqrt()).abs() < 1e-9);
    assert_eq!(comparison.test(), Test::Counting);
    let stacks = comparison.stacks().unwrap();
    let names_of = |node| stacks.path(node).into_iter().map(|key| comparison.name(key)).collect::<Vec<_>>();
    let of = |names: &[&str]| stacks.rows.rows.iter().find(|row| names_of(row.key) == names).unwrap().total;
    assert_eq!(of(&["main"]).absolute(), 3e9);
    assert_eq!(of(&["main", "module1", "function11"]).absolute(), 3e9);
    let ranks = stacks.ranks(|key| comparison.name(key));
    let mut nodes: Vec<usize> = stacks.rows.rows.iter().map(|row| row.key).collect();
    nodes.sort_by_key(|&node| ranks[node]);
    let paths: Vec<_> = nodes.into_iter().map(names_of).collect();
    assert!(paths.len() == 5 && paths.is_sorted(), "{paths:?}");
}

/// A recursive function's total counts each stack once.
#[test]
fn recursion_counts_once() {
    let recursive = |value: i64| {
        let mut builder = ProfileBuilder::new();
        builder.sample_type(b"cpu", b"nanoseconds").unwrap();
        let name = builder.string(b"fib").unwrap();
        let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
        let frame = builder.frame(Frame::of(function)).unwrap();
        let one = builder.stack(None, frame).unwrap();
        let two = builder.stack(Some(one), frame).unwrap();
        builder.sample(Sample::of(Some(two)), &[value]).unwrap();
        builder.finish().unwrap()
    };
    let comparison = compare(&[recursive(10)], &[recursive(25)]);
    assert_eq!(row(&comparison, "fib").total.absolute(), 15.0);
    assert_eq!(comparison.test(), Test::Nothing);
}

/// A profile of functions: name, file, first line, nanoseconds.
fn functions(rows: &[(&str, &str, i64, i64)]) -> Profile {
    let linked: Vec<_> =
        rows.iter().map(|&(name, file, first_line, value)| (name, "", file, first_line, value)).collect();
    linked_functions(&linked)
}

/// The same with the linker's names.
fn linked_functions(rows: &[(&str, &str, &str, i64, i64)]) -> Profile {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"cpu", b"nanoseconds").unwrap();
    for &(name, system_name, file, first_line, value) in rows {
        let [name, system_name, file] =
            [name, system_name, file].map(|text| builder.string(text.as_bytes()).unwrap());
        let function = builder.function(Function { name, system_name, file, first_line }).unwrap();
        let frame = builder.frame(Frame::of(function)).unwrap();
        let stack = builder.stack(None, frame).unwrap();
        builder.sample(Sample::of(Some(stack)), &[value]).unwrap();
    }
    builder.finish().unwrap()
}

#[test]
fn a_function_is_the_same_whatever_the_linker_calls_it() {
    let base = linked_functions(&[
        ("work", "", "/a/work.go", 10, 1),
        ("changed", "_R1", "/a/work.rs", 20, 10),
        ("generic", "_R2", "/a/work.rs", 30, 100),
        ("generic", "_R3", "/a/work.rs", 30, 100),
    ]);
    let new = linked_functions(&[
        ("work", "_work", "/a/work.go", 10, 2),
        ("changed", "_R4", "/a/work.rs", 20, 20),
        ("generic", "_R5", "/a/work.rs", 30, 200),
    ]);
    let comparison = compare(&[base], &[new]);
    let rows = comparison.functions().unwrap().rows;
    let mut changes: Vec<_> = rows.iter().map(|row| (row.own.base, row.own.new)).collect();
    changes.sort_by(|one, other| one.partial_cmp(other).unwrap());
    // Which of two is the one of the other side, nobody knows.
    assert_eq!(changes, [(0.0, 200.0), (1.0, 2.0), (10.0, 20.0), (100.0, 0.0), (100.0, 0.0)]);
    assert_eq!(comparison.notes(), [""; 0]);
}

#[test]
fn a_function_that_moved_in_its_file_is_followed() {
    let base = functions(&[
        ("same", "/a/utils.py", 3, 1),
        ("moved", "/a/utils.py", 9, 10),
        ("<lambda>", "/a/utils.py", 20, 100),
        ("elsewhere", "/a/utils.py", 30, 1000),
        ("", "", 7, 10_000),
    ]);
    let new = functions(&[
        ("same", "/a/utils.py", 3, 2),
        ("moved", "/a/utils.py", 12, 20),
        ("<lambda>", "/a/utils.py", 23, 200),
        ("<lambda>", "/a/utils.py", 24, 300),
        ("elsewhere", "/b/utils.py", 30, 2000),
        ("", "", 8, 20_000),
    ]);
    let comparison = compare(&[base], &[new]);
    let mut changes: Vec<(f64, f64)> =
        comparison.functions().unwrap().rows.iter().map(|row| (row.own.base, row.own.new)).collect();
    changes.sort_by(|one, other| one.partial_cmp(other).unwrap());
    let apart = [(0.0, 200.0), (0.0, 300.0), (0.0, 2000.0), (0.0, 20_000.0)];
    let gone = [(100.0, 0.0), (1000.0, 0.0), (10_000.0, 0.0)];
    assert_eq!(changes, [&apart[..], &[(1.0, 2.0), (10.0, 20.0)], &gone].concat());
    assert_eq!(
        comparison.notes(),
        ["1 function begins at another line in the base; it is taken for the same"]
    );
    let Group::Function(id) = row(&comparison, "moved").key else { panic!() };
    assert_eq!(comparison.tables().functions()[id].first_line, 12);
    let both = comparison.before_after().unwrap();
    assert!((0..both.samples().len()).any(|sample| both.samples().row_values(sample) == [10, 20]));
}

fn dump(main_total: i64, work: i64) -> Profile {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    for (name, calls, own, total) in [(&b"main"[..], 1, 5, main_total), (b"work", 10, work, work)] {
        let name = builder.string(name).unwrap();
        let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
        let row = FunctionCalls {
            origin: OriginId::UNKNOWN,
            function,
            labels: LabelSetId::EMPTY,
            calls: Some(calls),
            primitive_calls: Some(calls),
        };
        builder.function_calls(row, &[own], &[total]).unwrap();
    }
    builder.finish().unwrap()
}

#[test]
fn call_tables_keep_their_own_totals() {
    let comparison = compare(&[dump(105, 100)], &[dump(155, 150)]);
    let main = row(&comparison, "main");
    assert_eq!((main.own.absolute(), main.total.absolute(), main.calls), (0.0, 50.0, Some((1.0, 1.0))));
    assert_eq!(comparison.stacks().unwrap_err(), DiffError::NeedsStacks);
    assert_eq!(comparison.difference().unwrap_err(), DiffError::NeedsStacks);
    // Without a test there is no p, and nothing is called significant.
    assert_eq!((main.total.p, main.total.error), (None, None));
}

#[test]
fn durations_and_totals_are_evened_out() {
    let mut base = ProfileBuilder::of(profile(&[100, 50], 100.0));
    base.meta.duration_ns = Some(10_000_000_000);
    let mut new = ProfileBuilder::of(profile(&[300, 100], 100.0));
    new.meta.duration_ns = Some(20_000_000_000);
    let (base, new) = ([base.finish().unwrap()], [new.finish().unwrap()]);
    for (normalize, first, second) in
        [(Normalize::None, 2.0, 1.0), (Normalize::Duration, 0.5, 0.0), (Normalize::Total, 0.125, -0.25)]
    {
        let options = DiffOptions { normalize: Some(normalize), ..DiffOptions::default() };
        let comparison = Comparison::new(&base, &new, &options).unwrap();
        assert_eq!(comparison.normalize(), normalize);
        let relative = |name: &str| row(&comparison, name).own.relative().unwrap();
        assert!(
            (relative("function0") - first).abs() < 1e-12 && (relative("function1") - second).abs() < 1e-12
        );
    }
}

#[test]
fn both_sides_fit_in_one_profile() {
    let (base, new) = (profile(&[100, 50, 7], 100.0), profile(&[130, 50], 100.0));
    let comparison = compare(&[base], &[new]);
    let both = comparison.before_after().unwrap();
    assert_eq!(
        both.sample_types().iter().map(|of| both.text(of.name)).collect::<Vec<_>>(),
        ["before", "after"]
    );
    let sums = [0, 1].map(|column| both.samples().values(column).iter().sum::<i64>());
    assert_eq!((sums, both.samples().len()), ([1_570_000_000, 1_800_000_000], 3));
    let difference = comparison.difference().unwrap();
    assert_eq!(difference.samples().values(0).iter().sum::<i64>(), 23);
    let labelled = |row: usize| {
        let set = difference.labels().get(difference.samples().get(row).labels);
        set.iter()
            .map(|label| (difference.text(label.key), difference.text(label.string)))
            .collect::<Vec<_>>()
    };
    for (row, &value) in difference.samples().values(0).iter().enumerate() {
        let expected: &[_] = if value < 0 { &[("pprof::base".into(), "true".into())] } else { &[] };
        assert_eq!(labelled(row), expected);
    }
}

#[test]
fn several_runs_are_written_as_the_means_of_the_rows() {
    let runs = [[10, 3], [12, 3], [14, 4], [16, 0]].map(|counts| profile(&counts, 100.0));
    for (bases, means) in [(1, [[10, 14], [3, 2]]), (2, [[11, 15], [3, 2]])] {
        let options = DiffOptions { value: Some("samples".to_owned()), ..DiffOptions::default() };
        let comparison = Comparison::new(&runs[..bases], &runs[bases..], &options).unwrap();
        let whole = row(&comparison, "function0").own;
        assert_eq!([whole.base, whole.new], means[0].map(|mean| mean as f64));
        // 7 samples in 3 runs are 2⅓, and 4 in 2 are 2.
        let both = comparison.before_after().unwrap();
        let both: Vec<_> = (0..both.samples().len()).map(|row| both.samples().row_values(row)).collect();
        assert_eq!(both, means);
        let difference = comparison.difference().unwrap();
        let mut counts = difference.samples().values(0).to_vec();
        counts.sort_unstable();
        assert_eq!(counts, [-means[0][0], -means[1][0], means[1][1], means[0][1]]);
        let comment = difference.text(difference.meta().comments[0]).into_owned();
        let said =
            format!("profkit: means of {bases} and {} runs, rounded so that their sums stay", 4 - bases);
        assert_eq!(comment, said);
    }
    // What is in one run of three only is not lost by rounding: of 3 × ⅓ sample 1 is left.
    let base = profile(&[1; 3], 100.0);
    let new = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map(|counts| profile(&counts, 100.0));
    let difference = compare(&[base], &new).difference().unwrap();
    assert_eq!(difference.samples().values(0).iter().sum::<i64>(), -2);
}

#[test]
fn counts_of_unequal_periods_are_scaled_or_left_alone() {
    let (base, new) = ([profile(&[5, 1], 100.0)], [profile(&[7], 50.0)]);
    for (value, normalize, found, count, period) in [
        ("samples", None, Normalize::Rate, 14, 10_000_000),
        ("samples", Some(Normalize::Rate), Normalize::Rate, 14, 10_000_000),
        ("samples", Some(Normalize::None), Normalize::None, 7, 20_000_000),
        // Nobody looks at the counts: they are what `go tool pprof -diff_base` makes of them.
        ("cpu", None, Normalize::None, 7, 20_000_000),
    ] {
        let options = DiffOptions { value: Some(value.to_owned()), normalize, ..DiffOptions::default() };
        let comparison = Comparison::new(&base, &new, &options).unwrap();
        assert_eq!(comparison.normalize(), found, "{value} {normalize:?}");
        let of_rows = comparison.functions().unwrap().total.new;
        let unit = if value == "cpu" { 2e7 } else { 1.0 };
        assert_eq!(of_rows, count as f64 * unit, "{value} {normalize:?}");
        let difference = comparison.difference().unwrap();
        let counts = difference.samples().values(0).iter();
        assert_eq!(counts.filter(|&&count| count > 0).sum::<i64>(), count);
        assert_eq!(difference.meta().period, period);
        let comments = difference.meta().comments.iter().map(|&comment| difference.text(comment));
        let comments: Vec<_> = comments.collect();
        let scaled = "counts of samples are scaled to the period of the first profile, × 2";
        let notes = comparison.notes();
        if found == Normalize::Rate {
            assert_eq!(notes, [format!("{scaled} (--normalize none compares them as they are)")]);
            assert_eq!(comments, [format!("profkit: {scaled}")]);
        } else {
            assert_eq!((notes.len(), comments.len()), (0, 2), "{comments:?}");
        }
    }
}

#[test]
fn sides_without_a_common_value_are_refused() {
    let error = Comparison::new(&[collapsed(&[1])], &[dump(2, 1)], &DiffOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "no value to compare is on both sides: base has samples, new has time");
    assert_eq!(Comparison::new(&[], &[dump(2, 1)], &DiffOptions::default()).unwrap_err(), DiffError::NoRuns);
}

/// One function, with a value of each name and unit.
fn counting(columns: &[(&str, &str, i64)]) -> Profile {
    let mut builder = ProfileBuilder::new();
    for (name, unit, _) in columns {
        let (name, unit) =
            (builder.string(name.as_bytes()).unwrap(), builder.string(unit.as_bytes()).unwrap());
        builder.push_sample_type(SampleType { name, unit, decimals: 0 });
    }
    let name = builder.string(b"main").unwrap();
    let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
    let frame = builder.frame(Frame::of(function)).unwrap();
    let stack = Some(builder.stack(None, frame).unwrap());
    let values: Vec<i64> = columns.iter().map(|&(_, _, value)| value).collect();
    builder.sample(Sample::of(stack), &values).unwrap();
    builder.finish().unwrap()
}

#[test]
fn one_column_of_each_side_is_compared() {
    let compared = |base: &[(&str, &str, i64)], new: &[(&str, &str, i64)]| {
        let options = DiffOptions { normalize: Some(Normalize::None), ..DiffOptions::default() };
        let total = |base: &Profile, new: &Profile| {
            let found = Comparison::new(std::slice::from_ref(base), std::slice::from_ref(new), &options);
            found.and_then(|comparison| comparison.functions()).map(|rows| (rows.total.base, rows.total.new))
        };
        let (base, new) = (counting(base), counting(new));
        let there = total(&base, &new);
        assert_eq!(total(&new, &base).ok(), there.clone().ok().map(|(base, new)| (new, base)));
        there.map_err(|error| error.to_string())
    };
    let (objects, count) = (("alloc", "objects", 100), ("alloc", "count", 110));
    // What one counts has different names.
    assert_eq!(compared(&[objects], &[count]), Ok((100.0, 110.0)));
    assert_eq!(compared(&[("samples", "samples", 7)], &[("samples", "count", 8)]), Ok((7.0, 8.0)));
    // Here it tells two counts apart.
    assert_eq!(compared(&[objects], &[count, ("alloc", "objects", 120)]), Ok((100.0, 120.0)));
    assert_eq!(compared(&[objects], &[("alloc", "objects", 120), count]), Ok((100.0, 120.0)));
    let reason =
        "no value to compare is on both sides: base has alloc/objects, new has alloc/count, alloc/pages";
    assert_eq!(compared(&[objects], &[count, ("alloc", "pages", 1)]), Err(reason.to_owned()));
    // The last one of both sides, as it is the last one of the base.
    let twice = [count, ("alloc", "count", 5)];
    assert_eq!(compared(&twice, &[("alloc", "count", 120), ("alloc", "count", 6)]), Ok((5.0, 6.0)));
    assert_eq!(compared(&twice, &[("alloc", "count", 120)]), Ok((110.0, 120.0)));
}
