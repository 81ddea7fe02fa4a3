//! The table that yappi prints of a file is the table of the profile: the files `data/*.txt` hold what
//! `yappi.YFuncStats().add(FILE).print_all()` printed, under the yappi that wrote the file.

use profkit_profile::Profile;

use crate::{assert_round_trip, read};

const FILES: [(&str, &[u8], &str); 3] = [
    ("1.0", include_bytes!("../data/yappi-1.0-wall.ystat"), include_str!("../data/yappi-1.0-wall.txt")),
    ("1.7.6", include_bytes!("../data/yappi-1.7.6-cpu.ystat"), include_str!("../data/yappi-1.7.6-cpu.txt")),
    // Two threads, some functions ran in both; one average at a tie.
    (
        "threads",
        include_bytes!("../data/yappi-1.7.6-threads.ystat"),
        include_str!("../data/yappi-1.7.6-threads.txt"),
    ),
];

/// yappi's `print_all`: seconds with as many decimals as fit 8 columns, names cut from the left.
fn table(profile: &Profile) -> String {
    let clock = profile.text(profile.sample_types()[0].name).to_uppercase();
    let mut text = format!("\nClock type: {clock}\nOrdered by: totaltime, desc\n\n");
    text += "name                                  ncall  tsub      ttot      tavg      \n";
    let functions = profile.calls().functions();
    for (index, row) in functions.rows().iter().enumerate() {
        let function = profile.functions()[row.function];
        let (file, name) = (profile.text(function.file), profile.text(function.name));
        let full_name = match function.first_line {
            0 => format!("{file}.{name}"),
            line => format!("{file}:{line} {name}"),
        };
        let calls = row.calls.unwrap();
        let count = match row.primitive_calls.unwrap() {
            primitive if primitive == calls => calls.to_string(),
            primitive => format!("{calls}/{primitive}"),
        };
        let nudge = |key: &str| {
            let mut labels = profile.labels().get(row.labels).iter();
            labels.find(|label| profile.text(label.key) == key).map_or(0, |label| label.number)
        };
        let seconds = |nanoseconds: i64| match clock.as_str() {
            "WALL" => (nanoseconds / 1_000) as f64 * 1e-6,
            _ => nanoseconds as f64 * 1e-9,
        };
        let (own, total) = (functions.own(0)[index], functions.total(0)[index]);
        let average = (seconds(total) / calls as f64).to_bits().wrapping_add_signed(nudge("tavg_ulps"));
        text += &format!(
            "{}  {count:<5}  {:<8.6}  {:<8.6}  {:<8.6}\n",
            cut(&full_name),
            seconds(own),
            seconds(total),
            f64::from_bits(average),
        );
    }
    text
}

fn cut(name: &str) -> String {
    const WIDTH: usize = 36;
    match name.len() {
        0..=WIDTH => format!("{name:WIDTH$}"),
        len => format!("..{}", &name[len - WIDTH + 2..]),
    }
}

#[test]
fn a_file_says_what_yappi_prints_of_it() {
    for (name, bytes, expected) in FILES {
        assert_eq!(table(&read(bytes).unwrap()), expected, "{name}");
    }
}

#[test]
fn a_written_file_says_the_same() {
    for (name, bytes, _) in FILES {
        assert_round_trip(&read(bytes).unwrap(), name);
    }
}

#[test]
fn callees_are_kept_with_all_four_numbers() {
    // As unpickled by CPython: `[(stat.full_name, child.full_name, child.ncall, …) for … in stat.children]`.
    let profile = read(FILES[1].1).unwrap();
    let edges = profile.calls().edges();
    let row = |caller: &str, callee: &str| {
        let name = |id| profile.text(profile.functions()[id].name);
        let mut rows = edges.rows().iter().enumerate();
        let (index, edge) =
            rows.find(|(_, edge)| name(edge.caller) == caller && name(edge.callee) == callee).unwrap();
        (edge.calls, edge.primitive_calls, edges.own(0)[index], edges.total(0)[index])
    };
    assert_eq!(edges.len(), 9);
    assert_eq!(row("fib", "fib"), (Some(14), Some(0), 22_272, 22_272));
    assert_eq!(row("even", "odd"), (Some(2), Some(1), 2_705, 7_251));
    assert_eq!(row("main", "fib"), (Some(1), Some(1), 3_556, 25_828));
}
