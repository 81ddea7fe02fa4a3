//! Against callgrind_annotate 3.19: `data/valgrind-3.19.txt` holds, for each function, the self cost and the inclusive cost
//! that it prints of `data/valgrind-3.19.callgrind` (`--threshold=100 --auto=no --inclusive=no` and `=yes`).

use std::collections::BTreeMap;

use profkit_profile::Profile;

use crate::{assert_round_trip, read, write};

const FILE: &[u8] = include_bytes!("../data/valgrind-3.19.callgrind");
const PRINTED: &str = include_str!("../data/valgrind-3.19.txt");
const PARTS: &[u8] = include_bytes!("../data/valgrind-3.19-parts.callgrind");

/// Self costs by the file of the code and the name of the function, which is how callgrind_annotate tells functions apart.
fn own(profile: &Profile) -> BTreeMap<String, i64> {
    let calls = profile.calls();
    let mut own = BTreeMap::new();
    let key = |file: &str, name: &str| format!("{}:{name}", if file.is_empty() { "???" } else { file });
    for (row, function) in calls.functions().rows().iter().enumerate() {
        let function = profile.functions()[function.function];
        *own.entry(key(&profile.text(function.file), &profile.text(function.name))).or_default() +=
            calls.functions().own(0)[row];
    }
    for (row, line) in calls.lines().rows().iter().enumerate() {
        let outer = profile.functions()[line.function];
        let inner = profile.functions()[profile.frames()[line.frame].function.unwrap()];
        let cost = calls.lines().own(0)[row];
        let name = profile.text(outer.name);
        *own.entry(key(&profile.text(outer.file), &name)).or_default() -= cost;
        *own.entry(key(&profile.text(inner.file), &name)).or_default() += cost;
    }
    own
}

fn total(profile: &Profile, key: &str) -> Option<i64> {
    let calls = profile.calls().functions();
    let mut rows = calls.rows().iter().enumerate();
    let found = rows.find(|(_, row)| {
        let function = profile.functions()[row.function];
        let file = profile.text(function.file);
        key == format!("{}:{}", if file.is_empty() { "???" } else { &*file }, profile.text(function.name))
    });
    found.map(|(row, _)| calls.total(0)[row])
}

#[test]
fn self_and_total_are_what_callgrind_annotate_prints() {
    let profile = read(FILE).unwrap();
    let (again, _) = write(&profile, None);
    for profile in [profile, read(&again).unwrap()] {
        let own = own(&profile);
        let mut printed_sum = 0;
        for line in PRINTED.lines() {
            let mut fields = line.splitn(3, '\t');
            let mut number = || fields.next().unwrap().parse::<i64>().unwrap();
            let (printed_own, printed_total) = (number(), number());
            let key = fields.next().unwrap();
            printed_sum += printed_own;
            assert_eq!(own.get(key), Some(&printed_own), "{key}");
            match (total(&profile, key), key) {
                // Recursive functions: it adds up nested calls; ours are at most what their cycle costs.
                (Some(total), "???:msort_with_tmp.part.0'2") => assert_eq!(total, 32_397),
                (Some(total), "/app/native.c:fib'2") => assert_eq!(total, 5_054),
                (Some(total), "/app/native.c:odd'2" | "/app/native.c:even'2") => assert_eq!(total, 1_023),
                (Some(total), "???:(below main)'2") => assert_eq!(total, 46_767),
                // Code of another file, inlined into `fill`: no function of its own.
                (None, "/app/native_inline.h:fill") => {}
                (total, _) => assert_eq!(total, Some(printed_total), "{key}"),
            }
        }
        assert_eq!(own.values().sum::<i64>(), 46_767);
        assert_eq!(printed_sum, 46_767);
    }
}

#[test]
fn parts_of_one_run_cost_what_the_whole_run_does() {
    // `--dump-before=fill` of the same program; callgrind_annotate reads the first part only.
    let parts = read(PARTS).unwrap();
    assert_eq!(own(&parts), own(&read(FILE).unwrap()));
    assert_eq!(own(&parts).values().sum::<i64>(), 46_767);
    assert_round_trip(&parts, None, "parts");
}
