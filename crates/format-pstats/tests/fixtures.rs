//! The dumps of real tools: what profkit reads in them against what Python's own `marshal` reads, and how they come
//! back when they are written again. The sums were taken by the Python that made the dump, times rounded to
//! nanoseconds one by one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{FunctionRow, fixture, fixtures, function, numbers, read, tables, write, write_sampled};
use profkit_profile::{Evidence, Format, Profile, Shape, Sniff};

/// The sums of a dump's numbers as they stand in the file.
struct Truth {
    file: &'static str,
    dialect: &'static str,
    rows: usize,
    /// The first and second number of functions.
    first: i64,
    second: i64,
    own: i64,
    total: i64,
    callers: usize,
    /// The first number of callers, or the only one.
    caller_numbers: i64,
    caller_own: i64,
    caller_total: i64,
}

#[rustfmt::skip]
const TRUTHS: &[Truth] = &[
    Truth { file: "cpython-2.7-calls", dialect: "cprofile", rows: 41, first: 456, second: 945, own: 398000, total: 1440000, callers: 58, caller_numbers: 943, caller_own: 383000, caller_total: 1105000 },
    Truth { file: "cpython-2.7-odd-names", dialect: "cprofile", rows: 52, first: 461, second: 461, own: 1626000, total: 4588000, callers: 56, caller_numbers: 457, caller_own: 1564000, caller_total: 2948000 },
    Truth { file: "profile-2.7-calls", dialect: "profile", rows: 43, first: 459, second: 948, own: 3226000, total: 15030000, callers: 62, caller_numbers: 948, caller_own: 0, caller_total: 0 },
    Truth { file: "profile-3.7-calls", dialect: "profile", rows: 45, first: 321, second: 812, own: 2156870, total: 11640577, callers: 63, caller_numbers: 812, caller_own: 0, caller_total: 0 },
    Truth { file: "profile-3.9-calls", dialect: "profile", rows: 45, first: 321, second: 812, own: 2104412, total: 11395144, callers: 63, caller_numbers: 812, caller_own: 0, caller_total: 0 },
    Truth { file: "profile-3.12-calls", dialect: "profile", rows: 41, first: 317, second: 808, own: 1970569, total: 10324228, callers: 57, caller_numbers: 808, caller_own: 0, caller_total: 0 },
    Truth { file: "cpython-3.10-calls", dialect: "cprofile", rows: 43, first: 318, second: 809, own: 432513, total: 2098444, callers: 59, caller_numbers: 807, caller_own: 430428, caller_total: 1773252 },
    Truth { file: "cpython-3.11-asyncio", dialect: "cprofile", rows: 259, first: 12847, second: 12854, own: 13918509, total: 107623890, callers: 394, caller_numbers: 12852, caller_own: 13899421, caller_total: 94050442 },
    Truth { file: "cpython-3.11-calls", dialect: "cprofile", rows: 43, first: 317, second: 808, own: 560770, total: 2744513, callers: 59, caller_numbers: 806, caller_own: 556734, caller_total: 2305564 },
    Truth { file: "cpython-3.11-empty", dialect: "cprofile", rows: 0, first: 0, second: 0, own: 0, total: 0, callers: 0, caller_numbers: 0, caller_own: 0, caller_total: 0 },
    Truth { file: "cpython-3.11-merged", dialect: "cprofile", rows: 43, first: 635, second: 1617, own: 993283, total: 4842957, callers: 59, caller_numbers: 1613, caller_own: 987162, caller_total: 4078816 },
    Truth { file: "cpython-3.11-no-builtins", dialect: "cprofile", rows: 28, first: 298, second: 787, own: 516804, total: 1318656, callers: 41, caller_numbers: 786, caller_own: 491065, caller_total: 899204 },
    Truth { file: "cpython-3.11-no-subcalls", dialect: "cprofile", rows: 38, first: 312, second: 801, own: 432501, total: 1276269, callers: 0, caller_numbers: 0, caller_own: 0, caller_total: 0 },
    Truth { file: "cpython-3.11-odd-names", dialect: "cprofile", rows: 59, first: 563, second: 563, own: 2387534, total: 6739924, callers: 66, caller_numbers: 559, caller_own: 2330840, caller_total: 4337769 },
    Truth { file: "cpython-3.11-threads-main", dialect: "cprofile", rows: 150, first: 54745, second: 54746, own: 57877211, total: 357605692, callers: 202, caller_numbers: 54744, caller_own: 57870391, caller_total: 299974035 },
    Truth { file: "cpython-3.11-threads", dialect: "cprofile", rows: 46, first: 176642, second: 176648, own: 178290173, total: 695954714, callers: 55, caller_numbers: 176637, caller_own: 178243205, caller_total: 537682623 },
    Truth { file: "cpython-3.11-ticks", dialect: "cprofile", rows: 38, first: 312, second: 801, own: 399250000000, total: 988000000000, callers: 52, caller_numbers: 799, caller_own: 388750000000, caller_total: 830000000000 },
    Truth { file: "cpython-3.12-calls", dialect: "cprofile", rows: 39, first: 314, second: 805, own: 416137, total: 1891772, callers: 53, caller_numbers: 803, caller_own: 403057, caller_total: 1573049 },
    Truth { file: "cpython-3.13-calls", dialect: "cprofile", rows: 39, first: 313, second: 804, own: 424150, total: 1877793, callers: 53, caller_numbers: 802, caller_own: 410959, caller_total: 1557829 },
    Truth { file: "cpython-3.13-threads", dialect: "cprofile", rows: 172, first: 169140, second: 192484, own: 65661047, total: 762480750, callers: 243, caller_numbers: 192448, caller_own: 54449309, caller_total: 245600430 },
    Truth { file: "cpython-3.14-calls", dialect: "cprofile", rows: 39, first: 314, second: 805, own: 351331, total: 1540210, callers: 53, caller_numbers: 803, caller_own: 338232, caller_total: 1274886 },
    Truth { file: "cpython-3.15-calls", dialect: "cprofile", rows: 39, first: 314, second: 805, own: 359473, total: 1602933, callers: 53, caller_numbers: 803, caller_own: 348405, caller_total: 1341776 },
    Truth { file: "cpython-3.6-calls", dialect: "cprofile", rows: 43, first: 318, second: 809, own: 362000, total: 1770000, callers: 59, caller_numbers: 807, caller_own: 361000, caller_total: 1497000 },
    Truth { file: "cpython-3.7-calls", dialect: "cprofile", rows: 43, first: 318, second: 809, own: 342000, total: 1669000, callers: 59, caller_numbers: 807, caller_own: 340000, caller_total: 1410000 },
    Truth { file: "cpython-3.8-calls", dialect: "cprofile", rows: 43, first: 318, second: 809, own: 359994, total: 1755559, callers: 59, caller_numbers: 807, caller_own: 358881, caller_total: 1488742 },
    Truth { file: "cpython-3.9-calls", dialect: "cprofile", rows: 43, first: 318, second: 809, own: 378491, total: 1846447, callers: 59, caller_numbers: 807, caller_own: 377118, caller_total: 1562115 },
    Truth { file: "kernprof-5.1.0-calls", dialect: "cprofile", rows: 48, first: 323, second: 815, own: 1613378, total: 6047109, callers: 66, caller_numbers: 813, caller_own: 1550394, caller_total: 5086657 },
    Truth { file: "marshal-0-calls", dialect: "cprofile", rows: 43, first: 317, second: 808, own: 560770, total: 2744513, callers: 59, caller_numbers: 806, caller_own: 556734, caller_total: 2305564 },
    Truth { file: "marshal-1-calls", dialect: "cprofile", rows: 43, first: 317, second: 808, own: 560770, total: 2744513, callers: 59, caller_numbers: 806, caller_own: 556734, caller_total: 2305564 },
    Truth { file: "marshal-2-calls", dialect: "cprofile", rows: 43, first: 317, second: 808, own: 560770, total: 2744513, callers: 59, caller_numbers: 806, caller_own: 556734, caller_total: 2305564 },
    Truth { file: "marshal-3-calls", dialect: "cprofile", rows: 43, first: 317, second: 808, own: 560770, total: 2744513, callers: 59, caller_numbers: 806, caller_own: 556734, caller_total: 2305564 },
    Truth { file: "marshal-4-calls", dialect: "cprofile", rows: 43, first: 317, second: 808, own: 560770, total: 2744513, callers: 59, caller_numbers: 806, caller_own: 556734, caller_total: 2305564 },
    Truth { file: "marshal-5-calls", dialect: "cprofile", rows: 43, first: 317, second: 808, own: 560770, total: 2744513, callers: 59, caller_numbers: 806, caller_own: 556734, caller_total: 2305564 },
    Truth { file: "marshal-6-calls", dialect: "cprofile", rows: 43, first: 317, second: 808, own: 560770, total: 2744513, callers: 59, caller_numbers: 806, caller_own: 556734, caller_total: 2305564 },
    Truth { file: "pyinstrument-5.1.3-recursion", dialect: "pyinstrument", rows: 7, first: -7, second: -7, own: 302215104, total: 2251523382, callers: 9, caller_numbers: -9, caller_own: 302215104, caller_total: 1949308278 },
    Truth { file: "sampling-3.15-recursion", dialect: "sampled", rows: 13, first: 238, second: 1805, own: 238000000, total: 1805000000, callers: 20, caller_numbers: 2029, caller_own: 0, caller_total: 0 },
    Truth { file: "yappi-1.7.6-calls", dialect: "yappi", rows: 37, first: 803, second: 314, own: 1580449, total: 4190567, callers: 53, caller_numbers: 802, caller_own: 1521985, caller_total: 3365516 },
];

#[test]
fn every_fixture_has_its_truth() {
    let mut known: Vec<_> = TRUTHS.iter().map(|truth| format!("{}.pstats", truth.file)).collect();
    known.sort();
    assert_eq!(fixtures(), known);
}

#[test]
fn sums_are_those_of_python() {
    for truth in TRUTHS {
        let bytes = fixture(&format!("{}.pstats", truth.file));
        let profile = read(&bytes).unwrap();
        assert_eq!(profkit_format_pstats::Pstats.sniff(&bytes), Sniff::Yes, "{}", truth.file);
        assert_eq!(profile.meta().dialect, truth.dialect, "{}", truth.file);
        assert_eq!(sums(&profile, truth.dialect), sums_of(truth), "{}", truth.file);
    }
}

/// Rows, first and second count, self, total; callers, their counts, self, total.
type Sums = (usize, i64, i64, i64, i64, usize, i64, i64, i64);

fn sums_of(truth: &Truth) -> Sums {
    let &Truth { rows, first, second, own, total, .. } = truth;
    let &Truth { callers, caller_numbers, caller_own, caller_total, .. } = truth;
    (rows, first, second, own, total, callers, caller_numbers, caller_own, caller_total)
}

/// The sums of a profile, turned back into how its dialect puts them.
fn sums(profile: &Profile, dialect: &str) -> Sums {
    let calls = profile.calls();
    let (functions, edges) = (calls.functions(), calls.edges());
    let time = profile.sample_type_named(b"time").unwrap();
    let sum = |values: &[i64]| values.iter().sum::<i64>();
    let primitive: i64 = functions.rows().iter().map(|row| row.primitive_calls.unwrap_or(0)).sum();
    let all: i64 = functions.rows().iter().map(|row| row.calls.unwrap_or(0)).sum();
    let caller_calls: i64 = edges.rows().iter().map(|row| row.calls.unwrap_or(0)).sum();
    let minus = |rows: usize| -i64::try_from(rows).unwrap();
    let (first, second, callers) = match dialect {
        "yappi" => (all, primitive, caller_calls),
        "pyinstrument" => (minus(functions.len()), minus(functions.len()), minus(edges.len())),
        "sampled" => {
            let samples = profile.sample_type_named(b"samples").unwrap();
            (sum(functions.own(samples)), sum(functions.total(samples)), sum(edges.total(samples)))
        }
        _ => (primitive, all, caller_calls),
    };
    let (caller_own, caller_total) = match dialect {
        // The sampler has no times of callers; they are its samples times the interval.
        "sampled" => (0, sum(edges.total(time)) - callers * profile.meta().period),
        _ => (sum(edges.own(time)), sum(edges.total(time))),
    };
    let (own, total) = (sum(functions.own(time)), sum(functions.total(time)));
    (functions.len(), first, second, own, total, edges.len(), callers, caller_own, caller_total)
}

#[test]
fn every_marshal_version_reads_alike() {
    let first = tables(&read(&fixture("marshal-0-calls.pstats")).unwrap());
    for version in 1..=6 {
        let name = format!("marshal-{version}-calls.pstats");
        assert_eq!(tables(&read(&fixture(&name)).unwrap()), first, "{name}");
    }
    assert_eq!(tables(&read(&fixture("cpython-3.11-calls.pstats")).unwrap()), first);
}

#[test]
fn recursion_is_counted_as_pstats_prints_it() {
    for (file, calls) in [("cpython-2.7", (465, 1)), ("cpython-3.15", (465, 1)), ("yappi-1.7.6", (465, 1))] {
        let profile = read(&fixture(&format!("{file}-calls.pstats"))).unwrap();
        let fib = function(&profile, "fib");
        assert_eq!((fib.1, fib.2), (Some(calls.0), Some(calls.1)), "{file}");
    }
    let profile = read(&fixture("pyinstrument-5.1.3-recursion.pstats")).unwrap();
    assert!(tables(&profile).0.iter().all(|row| (row.1, row.2) == (None, None)));
}

#[test]
fn the_program_of_the_profile_module_is_named_after_its_code_object() {
    // The first line of a module is that of its first statement, then of its docstring, and 1 from 3.11 on.
    for (version, line) in [("2.7", 5), ("3.7", 5), ("3.9", 2), ("3.12", 1)] {
        let profile = read(&fixture(&format!("profile-{version}-calls.pstats"))).unwrap();
        let name = format!("<code object <module>, file \\\"calls.py\\\", line {line}>");
        let program = function(&profile, &name);
        assert_eq!(program.0, format!("profile:0({name})"), "{version}");
        assert_eq!(program.1, Some(1), "{version}");
        let edges = tables(&profile).1;
        assert!(edges.iter().all(|edge| edge.4.is_none() && edge.5.is_none() && edge.3.is_none()));
    }
}

const ODD_NAMES: [&[u8]; 12] = [
    b"semi;colon",
    b"new\nline",
    b"carriage\rreturn",
    b"tab\tbed",
    b"double\"quote",
    b"nul\0byte",
    b"back\\slash",
    b"\xf0\x9f\x90\x8d snake",
    b"lone \xed\xa0\x80 surrogate",
    b"/app/not-utf8-\xed\xb3\xbf\xed\xb3\xbe.py",
    b"C:\\back\\slash.py",
    b"",
];

#[test]
fn odd_names_are_kept_byte_for_byte() {
    let profile = read(&fixture("cpython-3.11-odd-names.pstats")).unwrap();
    let strings: Vec<&[u8]> = profile.strings().iter().collect();
    for name in ODD_NAMES {
        assert!(strings.contains(&name), "{}", name.escape_ascii());
    }
    assert!(strings.iter().any(|name| name.len() >= 5_000), "a name of 5 kB");
    let python2 = read(&fixture("cpython-2.7-odd-names.pstats")).unwrap();
    assert!(python2.strings().iter().any(|name| std::str::from_utf8(name).is_err()), "a path in Latin-1");
}

#[test]
fn the_samplers_dump_has_samples_and_the_time_they_stand_for() {
    let profile = read(&fixture("sampling-3.15-recursion.pstats")).unwrap();
    assert_eq!(profile.meta().producer, "profiling.sampling");
    assert_eq!(profile.meta().period, 1_000_000);
    assert_eq!(profile.default_type(), profile.sample_type_named(b"time"));
    let (functions, edges) = tables(&profile);
    for (key, calls, primitive, own, total) in &functions {
        assert_eq!((calls, primitive), (&None, &None), "{key}");
        assert_eq!((own[1], total[1]), (own[0] * 1_000_000, total[0] * 1_000_000), "{key}");
    }
    for (caller, callee, calls, _, own, total) in &edges {
        let total = total.as_ref().unwrap();
        assert_eq!((calls, own), (&None, &None), "{caller} {callee}");
        assert_eq!(total[1], total[0] * 1_000_000);
    }
}

#[test]
fn the_empty_dump_is_an_empty_profile() {
    let profile = read(&fixture("cpython-3.11-empty.pstats")).unwrap();
    assert!(profile.calls().is_empty());
    assert_eq!(profile.shape(), Shape::Stacks);
    assert_eq!(profkit_format_pstats::Pstats.holds(), Evidence::CallEdges);
    assert_eq!(write(&profile).0, b"{0");
}

#[test]
fn what_is_written_reads_back_the_same_and_is_written_the_same() {
    for name in fixtures() {
        let profile = read(&fixture(&name)).unwrap();
        let (bytes, written) = write(&profile);
        let again = read(&bytes).unwrap();
        assert_eq!(again.meta().dialect, "cprofile", "{name}");
        let (functions, edges) = tables(&profile);
        let (functions_again, edges_again) = tables(&again);
        match profile.meta().dialect {
            // Values that these dialects lack are estimated, the total of the root among them, and of two sample
            // types one is written.
            "profile" => {
                let known = |rows: Vec<FunctionRow>| -> Vec<_> {
                    rows.into_iter().filter(|row| row.0 != "profile:0(profiler)").collect()
                };
                assert_eq!(known(functions), known(functions_again), "{name}");
            }
            "sampled" => assert_eq!(functions.len(), functions_again.len(), "{name}"),
            _ => {
                let is_changed = written.losses.iter().any(|loss| loss.contains("names changed"));
                assert_eq!(is_changed, name.starts_with("cpython-2.7-odd"), "{name}: {:?}", written.losses);
                if !is_changed {
                    assert_eq!((functions, edges), (functions_again, edges_again), "{name}");
                    assert_eq!(written.losses, [""; 0], "{name}");
                }
            }
        }
        assert_eq!(write(&again).0, bytes, "{name}");
    }
}

/// Every float of cProfile comes back as it was, whichever Python made it. Only sums of floats can be one step off:
/// cProfile adds up the callers that share a key (`snapshot_stats`), `pstats` adds up dumps.
#[test]
fn what_cprofile_wrote_comes_back_bit_for_bit() {
    for name in fixtures().iter().filter(|name| name.starts_with("cpython") || name.starts_with("kernprof")) {
        let ticks =
            if ["2.7", "3.6", "3.7"].iter().any(|version| name.contains(version)) { 1e6 } else { 1e9 };
        let is_product = |&bits: &u64| {
            let seconds = f64::from_bits(bits);
            ((seconds * ticks).round() * ticks.recip()).to_bits() == bits
        };
        let dump = fixture(name);
        let (before, after) = (numbers(&dump), numbers(&write(&read(&dump).unwrap()).0));
        assert_eq!(before.len(), after.len(), "{name}");
        let off = before.iter().zip(&after).filter(|(before, after)| before != after);
        for (before, after) in off {
            assert!(!is_product(before) && before.abs_diff(*after) == 1, "{name}: {before:x} {after:x}");
        }
        // Integers are below the least normal float.
        let floats = before.iter().filter(|&&bits| f64::from_bits(bits).is_normal());
        let sums = floats.clone().filter(|bits| !is_product(bits)).count();
        // `pstats` added dumps up, or the clock is the caller's own, which ticks otherwise.
        let is_summed = ["merged", "threads", "ticks"].iter().any(|case| name.contains(case));
        let most = if is_summed { 90 } else { 8 };
        assert!(sums <= most, "{name}: {sums} of {} floats are sums", floats.count());
    }
}

#[test]
fn the_samplers_dump_comes_back_in_its_own_form() {
    let dump = fixture("sampling-3.15-recursion.pstats");
    let profile = read(&dump).unwrap();
    let (bytes, written) = write_sampled(&profile);
    assert_eq!(written.losses, [""; 0]);
    assert_eq!(numbers(&bytes), numbers(&dump));
    let again = read(&bytes).unwrap();
    assert_eq!(tables(&again), tables(&profile));
    assert_eq!(again.meta(), profile.meta());
    assert_eq!(write_sampled(&again).0, bytes);
}
