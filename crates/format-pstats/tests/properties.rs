//! Generated profiles through the writer and back, and dumps with random damage.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use common::{fixture, fixtures, read, tables, write, write_sampled};
use profkit_format_pstats::Pstats;
use profkit_profile::{
    CallEdge, Format, Function, FunctionCalls, LabelSetId, Origin, OriginId, Profile, ProfileBuilder,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Indices of file and name, line.
type Key = (usize, i64, usize);

#[derive(Clone, Debug)]
struct Row {
    key: Key,
    thread: Option<i64>,
    calls: Option<(i64, i64)>,
    own: i64,
    total: i64,
}

#[derive(Clone, Debug)]
struct Edge {
    caller: Key,
    callee: Key,
    row: Row,
    has_self: bool,
    has_total: bool,
}

const FILES: [&[u8]; 4] = [b"", b"a.py", b"/tmp/caf\xe9.py", "naïve;\n.py".as_bytes()];
const NAMES: [&[u8]; 4] = [b"f", b"<module>", b"\xed\xb3\xbf", b"\xff\xfe"];

fn key() -> impl Strategy<Value = Key> {
    (0..FILES.len(), prop_oneof![-1..5i64, Just(i64::MAX), Just(1 << 31)], 0..NAMES.len())
}

fn value() -> impl Strategy<Value = i64> {
    // Up to 11 days; beyond that a float has no nanoseconds left.
    prop_oneof![0..1_000i64, 0..1_000_000_000_000_000i64, (0..1_000_000i64).prop_map(|value| value * 1_000)]
}

fn row() -> impl Strategy<Value = Row> {
    // More primitive calls than calls would be yappi's.
    let calls = (1..1_000_000i64).prop_flat_map(|calls| (Just(calls), 0..=calls));
    (key(), option::of(0..3i64), option::of(calls), value(), value())
        .prop_map(|(key, thread, calls, own, total)| Row { key, thread, calls, own, total })
}

fn edge() -> impl Strategy<Value = Edge> {
    (key(), key(), row(), any::<bool>(), any::<bool>()).prop_map(
        |(caller, callee, row, has_self, has_total)| Edge { caller, callee, row, has_self, has_total },
    )
}

fn profile(unit: &[u8], rows: &[Row], edges: &[Edge]) -> Profile {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"time", unit).unwrap();
    for row in rows {
        let (function, origin) = (function(&mut builder, row.key), origin(&mut builder, row.thread));
        let (calls, primitive_calls) = row.calls.unzip();
        let calls = FunctionCalls { origin, function, labels: LabelSetId::EMPTY, calls, primitive_calls };
        builder.function_calls(calls, &[row.own], &[row.total]).unwrap();
    }
    for Edge { caller, callee, row, has_self, has_total } in edges {
        let (caller, callee) = (function(&mut builder, *caller), function(&mut builder, *callee));
        let origin = origin(&mut builder, row.thread);
        let (calls, primitive_calls) = row.calls.unzip();
        let (has_self, has_total) = (*has_self, *has_total);
        let edge =
            CallEdge { origin, caller, callee, site: None, calls, primitive_calls, has_self, has_total };
        let or_zero = |known: bool, value: i64| if known { value } else { 0 };
        builder.call_edge(edge, &[or_zero(has_self, row.own)], &[or_zero(has_total, row.total)]).unwrap();
    }
    builder.finish().unwrap()
}

fn function(builder: &mut ProfileBuilder, (file, first_line, name): Key) -> profkit_profile::FunctionId {
    let (file, name) = (builder.string(FILES[file]).unwrap(), builder.string(NAMES[name]).unwrap());
    builder.function(Function { name, file, first_line, ..Function::EMPTY }).unwrap()
}

fn origin(builder: &mut ProfileBuilder, tid: Option<i64>) -> OriginId {
    builder.origin(Origin { tid, ..Origin::UNKNOWN }).unwrap()
}

/// Calls, primitive calls, self and total by key; calls 0 where nobody counts them.
type Sums = BTreeMap<Key, (i64, i64, i64, i64)>;

fn sums(rows: &[Row]) -> Sums {
    let mut sums = Sums::new();
    for row in rows {
        let sum = sums.entry(row.key).or_default();
        let (calls, primitive) = row.calls.unwrap_or((0, 0));
        *sum = (sum.0 + calls, sum.1 + primitive, sum.2 + row.own, sum.3 + row.total);
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_the_sum_of_what_was_there(rows in vec(row(), 0..12), edges in vec(edge(), 0..16)) {
        let (bytes, _) = write(&profile(b"nanoseconds", &rows, &edges));
        let again = read(&bytes).unwrap();
        let written = tables(&again).0;
        for (key, sum) in sums(&rows) {
            let key = format!("{}:{}({})", escaped(FILES[key.0]), key.1, escaped(NAMES[key.2]));
            let row = written.iter().find(|row| row.0 == key);
            let row = row.unwrap_or_else(|| panic!("{key} in {written:?}"));
            prop_assert_eq!((row.1.unwrap_or(0), row.2.unwrap_or(0), row.3[0]), (sum.0, sum.1, sum.2));
            // A function without any value gets a total from its callees.
            prop_assert!(row.4[0] == sum.3 || (sum.0, sum.2, sum.3) == (0, 0, 0), "{row:?}");
        }
        prop_assert_eq!(write(&again).0, bytes, "written again");
    }

    /// Nothing is made up beyond what a function has: what its callers get is not more than its own, unless they
    /// had more from the start.
    #[test]
    fn estimates_share_what_is_left(rows in vec(row(), 1..6), edges in vec(edge(), 1..10)) {
        let mut edges = edges;
        edges.iter_mut().for_each(|edge| (edge.has_self, edge.has_total) = (false, false));
        let again = read(&write(&profile(b"nanoseconds", &rows, &edges)).0).unwrap();
        let (functions, callers) = tables(&again);
        for function in functions {
            let own: i64 = callers.iter().filter(|edge| edge.1 == function.0).filter_map(|edge| Some(edge.4.as_ref()?[0])).sum();
            prop_assert!(own <= function.3[0], "{own} of {function:?}");
        }
    }

    #[test]
    fn other_units_are_seconds_all_the_same(own in 0..1_000_000i64) {
        const UNKNOWN: &str = "unknown numbers of calls: written as 0";
        let row = Row { key: (1, 1, 0), thread: None, calls: None, own, total: own };
        for (unit, nanoseconds) in [(&b"microseconds"[..], 1_000), (b"ms", 1_000_000), (b"seconds", 1_000_000_000)] {
            let (bytes, written) = write(&profile(unit, std::slice::from_ref(&row), &[]));
            prop_assert_eq!(written.losses, [UNKNOWN]);
            prop_assert_eq!(&tables(&read(&bytes).unwrap()).0[0].3, &[own * nanoseconds]);
        }
        let (bytes, written) = write(&profile(b"count", &[row], &[]));
        prop_assert_eq!(written.losses, [UNKNOWN, "the unit of time (count): 1 is written as 1.0 second"]);
        prop_assert_eq!(&tables(&read(&bytes).unwrap()).0[0].3, &[own * 1_000_000_000]);
    }

    #[test]
    fn samples_come_back_in_the_samplers_form(
        counts in vec((0..500i64, 0..500i64), 1..8),
        microseconds in 1..2_000_000i64,
        callers in vec((0..8usize, 0..8usize, 0..500i64), 0..8),
    ) {
        let profile = sampled(&counts, microseconds * 1_000, &callers);
        let (bytes, written) = write_sampled(&profile);
        prop_assert_eq!(written.losses, [""; 0]);
        let again = read(&bytes).unwrap();
        prop_assert_eq!(again.meta().dialect, "sampled");
        prop_assert_eq!(tables(&again), tables(&profile));
        prop_assert_eq!(write_sampled(&again).0, bytes);
    }

    #[test]
    fn random_damage_never_harms(
        which in any::<prop::sample::Index>(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6),
    ) {
        let names = fixtures();
        let mut bytes = fixture(&names[which.index(names.len())]);
        for (place, value, kind) in damage {
            let place = place.index(bytes.len() + 1);
            match kind {
                0 if place < bytes.len() => bytes[place] = value,
                1 if place < bytes.len() => bytes[place] ^= 1 << (value % 8),
                2 => bytes.insert(place, value),
                _ => bytes.truncate(place.max(1)),
            }
        }
        let _ = Pstats.sniff(&bytes);
        match read(&bytes) {
            Ok(profile) => prop_assert!(profile.validate().is_ok()),
            Err(error) => prop_assert!(error.offset <= bytes.len(), "{error}"),
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in vec(prop_oneof![any::<u8>(), prop::sample::select(CODES.to_vec())], 0..200)) {
        for head in [&b""[..], b"{)\x03z\x01fi\x01\0\0\0z\x01g)\x05", b"{)\x01z\x0b__sampled__"] {
            bytes.splice(0..0, head.iter().copied());
            let _ = read(&bytes);
        }
    }
}

const CODES: &[u8] = b"0NTFS.iIlfgxystuaAzZ()[]<>{}:crR\xfb\xa9\xe9\xda\xe3\xf2\xdb\xbe\xba";

fn escaped(bytes: &[u8]) -> String {
    // What the writer makes of bytes that are not UTF-8.
    let text: Vec<u8> = match bytes {
        b"/tmp/caf\xe9.py" => b"/tmp/caf\xed\xb3\xa9.py".to_vec(),
        b"\xff\xfe" => b"\xed\xb3\xbf\xed\xb3\xbe".to_vec(),
        other => other.to_vec(),
    };
    text.escape_ascii().to_string()
}

/// A profile as the sampler's dumps give it; callers refer to rows.
fn sampled(counts: &[(i64, i64)], interval: i64, callers: &[(usize, usize, i64)]) -> Profile {
    let mut builder = ProfileBuilder::new();
    builder.sample_type(b"samples", b"count").unwrap();
    builder.sample_type(b"time", b"nanoseconds").unwrap();
    let functions: Vec<_> =
        (0i64..).zip(counts).map(|(line, _)| function(&mut builder, (1, line, 0))).collect();
    // Without a sample there is no telling what the interval was, nor any caller.
    let any = counts.iter().any(|&(own, total)| own + total > 0);
    let mut callers: Vec<_> = callers.iter().filter(|_| any).collect();
    callers.retain(|(caller, callee, _)| *caller < functions.len() && *callee < functions.len());
    callers.sort_by_key(|(caller, callee, _)| (*callee, *caller));
    callers.dedup_by_key(|(caller, callee, _)| (*callee, *caller));
    for (index, &(own, total)) in counts.iter().enumerate() {
        let (origin, labels) = (OriginId::UNKNOWN, LabelSetId::EMPTY);
        let row =
            FunctionCalls { origin, function: functions[index], labels, calls: None, primitive_calls: None };
        builder.function_calls(row, &[own, own * interval], &[total, total * interval]).unwrap();
        for &&(caller, callee, samples) in callers.iter().filter(|(_, callee, _)| *callee == index) {
            let edge = CallEdge {
                origin,
                caller: functions[caller],
                callee: functions[callee],
                site: None,
                calls: None,
                primitive_calls: None,
                has_self: false,
                has_total: true,
            };
            builder.call_edge(edge, &[0, 0], &[samples, samples * interval]).unwrap();
        }
    }
    builder.finish().unwrap()
}
