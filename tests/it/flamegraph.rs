//! `profkit flamegraph`: what the picture shows, and what it says of the rest.

use std::fs;

use tempfile::TempDir;

use crate::command::{fixture, refuse, run};

/// The picture of a file with this content.
fn picture(name: &str, content: &str) -> String {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(name), content).unwrap();
    run(folder.path(), &["flamegraph", name, "-o", "-"]).stdout
}

fn assert_titles(svg: &str, titles: &[&str]) {
    for title in titles {
        assert!(svg.contains(&format!("<title>{title}</title>")), "{title}: {svg}");
    }
}

#[test]
fn a_flame_graph_is_stable_and_says_what_it_left_out() {
    let folder = TempDir::new().unwrap();
    let source = fixture("pstats/cpython-3.11-calls.pstats").into_os_string().into_string().unwrap();
    for name in ["one.svg", "two.svg"] {
        run(folder.path(), &["flamegraph", &source, "-o", name]);
    }
    let one = fs::read_to_string(folder.path().join("one.svg")).unwrap();
    assert_eq!(one, fs::read_to_string(folder.path().join("two.svg")).unwrap());
    assert!(one.starts_with("<?xml") && one.trim_end().ends_with("</svg>"));
    assert!(one.contains("cpython-3.11-calls.pstats") && one.contains("estimated"));
    // A label that is too long keeps its begin: the name.
    assert!(one.contains("var truncate_text_right = true"));
    // What is too narrow counts once, however deep it is.
    fs::write(folder.path().join("narrow.folded"), "main;a 99600\nmain;b 399\nmain;c;d;e;f;g 30\n").unwrap();
    run(folder.path(), &["flamegraph", "narrow.folded", "-o", "narrow.svg"]);
    let narrow = fs::read_to_string(folder.path().join("narrow.svg")).unwrap();
    assert!(narrow.contains("100,029 of samples; 0.0 % in frames too narrow to show"), "{narrow}");
    let error = refuse(folder.path(), &["flamegraph", "missing", "-o", "one.png"]);
    assert!(error.starts_with("error: one.png: ") && error.contains(".svg"), "{error}");
}

#[test]
fn what_is_negative_is_told_in_a_unit_for_people() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("less.json"), speedscope("milliseconds", "[9, -1180]")).unwrap();
    let said = run(folder.path(), &["flamegraph", "less.json", "-o", "less.svg"]).stderr;
    assert!(said.contains("-1.18 s left out"), "{said}");
}

/// inferno shows whole numbers, and computes percentages and the widths of a zoomed picture from them.
#[test]
fn fractions_are_drawn_as_parts_of_a_unit() {
    let svg = picture("a.folded", "a;b 0.4\na;c 0.4\nd 0.2\n");
    let parts = [
        "all (10 × 0.1 samples, 100%)",
        "a (8 × 0.1 samples, 80.00%)",
        "b (4 × 0.1 samples, 40.00%)",
        "c (4 × 0.1 samples, 40.00%)",
        "d (2 × 0.1 samples, 20.00%)",
    ];
    assert_titles(&svg, &parts);
    // The widths for zooming.
    for width in ["fg:x=\"0\" fg:w=\"8\"", "fg:x=\"4\" fg:w=\"4\"", "fg:x=\"8\" fg:w=\"2\""] {
        assert!(svg.contains(width), "{width}: {svg}");
    }
    let svg = picture("a.json", &speedscope("milliseconds", "[0.0004, 0.0016]"));
    assert_titles(&svg, &["all (2,000 ns, 100%)", "a (400 ns, 20.00%)", "b (1,600 ns, 80.00%)"]);
    let svg = picture("a.json", &speedscope("bytes", "[0.5, 1.25]"));
    assert_titles(&svg, &["a (50 × 0.01 bytes, 28.57%)", "b (125 × 0.01 bytes, 71.43%)"]);
}

#[test]
fn differences_of_fractions_are_drawn_as_parts_of_a_unit() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.folded"), "a;b 0.4\na;c 0.4\nd 0.2\n").unwrap();
    fs::write(folder.path().join("b.folded"), "a;b 0.4\na;c 0.9\nd 0.2\n").unwrap();
    let arguments = ["diff", "a.folded", "b.folded", "--normalize", "none", "-o", "-", "--to", "svg"];
    let svg = run(folder.path(), &arguments).stdout;
    let titles = [
        "a (13 × 0.1 samples, 86.67%; +33.33%)",
        "b (4 × 0.1 samples, 26.67%; 0.00%)",
        "c (9 × 0.1 samples, 60.00%; +33.33%)",
        "d (2 × 0.1 samples, 13.33%; 0.00%)",
    ];
    assert_titles(&svg, &titles);
}

fn speedscope(unit: &str, weights: &str) -> String {
    format!(
        r#"{{"$schema":"https://www.speedscope.app/file-format-schema.json","shared":{{"frames":[{{"name":"a"}},
        {{"name":"b"}}]}},"profiles":[{{"type":"sampled","name":"p","unit":"{unit}","startValue":0,"endValue":9,
        "samples":[[0],[1]],"weights":{weights}}}]}}"#
    )
}
