//! Other tools in the same process: they see what they see without us, and we see what there is.

use std::process::Command;

use super::interpreter::Interpreter;
use super::result::{Report, output, status};

/// Runs the program below another tool, without and with recording; what is printed, and what the tool says afterwards by
/// `asked`, is the same. Returns these, too.
fn below(interpreter: &Interpreter, core: &str, arguments: &[&str], asked: &[&str]) -> (Report, [String; 2]) {
    interpreter.program("beside.py");
    let run = |mut command: Command| {
        let ran = output(command.env("COVERAGE_CORE", core));
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert_eq!(status(&ran), 0, "{said}{}", String::from_utf8_lossy(&ran.stderr));
        said
    };
    let bare = [run(interpreter.bare(arguments)), run(interpreter.bare(asked))];
    let recorded = [run(interpreter.record("out.pb.gz", arguments)), run(interpreter.bare(asked))];
    assert_eq!(recorded, bare);
    (Report::of(interpreter, "out.pb.gz"), bare)
}

/// The calls of the whole program.
fn assert_whole(report: &Report) {
    for (name, calls) in [("leaf", 50), ("branch", 4), ("numbers", 1), ("fails", 1), ("main", 1)] {
        assert_eq!(report.calls(name, "beside.py"), calls, "{name}");
    }
}

/// A debugger that stops in the program, steps and goes on: with `sys.settrace`, or on 3.14 and later with
/// `sys.monitoring`.
fn debugger(interpreter: &Interpreter) {
    let mut arguments = vec!["-m", "pdb"];
    let commands =
        ["break leaf, number == 7", "continue", "where", "next", "step", "p number", "clear 1", "continue"];
    commands.iter().for_each(|command| arguments.extend(["-c", command]));
    // At its end, pdb starts the program anew and waits for commands.
    arguments.extend(["-c", "quit", "beside.py", "argument"]);
    let (report, [said, _]) = below(interpreter, "", &arguments, &["-c", ""]);
    assert_whole(&report);
    assert!(said.contains("-> if number % 2:") && said.contains("\n7\n"), "{said}");
}

#[test]
fn a_debugger() {
    debugger(&Interpreter::default());
}

/// On other versions; `reference` since they have to be installed.
mod reference {
    use std::path::Path;

    use super::{Interpreter, assert_whole, below, debugger};
    use crate::reference::tools::tool;

    macro_rules! versions {
        ($($test:ident $version:literal),*) => {$(
            mod $test {
                use super::*;

                #[test]
                fn a_debugger() {
                    debugger(&Interpreter::reference($version));
                }
            }
        )*};
    }

    versions!(
        python_3_9 "3.9", python_3_10 "3.10", python_3_11 "3.11", python_3_12 "3.12", python_3_13 "3.13",
        python_3_14 "3.14", python_3_15 "3.15"
    );

    /// cProfile sees all of the program, too; before 3.12 it does so in our place.
    #[test]
    fn cprofile_of_3_12_and_later() {
        let asked = "import pstats; rows = pstats.Stats('theirs.pstats').stats.items(); \
            print(sorted((key[2], row[0], row[1]) for key, row in rows if 'beside' in key[0]))";
        for version in ["3.12", "3.13", "3.14", "3.15"] {
            let arguments = ["-m", "cProfile", "-o", "theirs.pstats", "beside.py"];
            let (report, [_, said]) = below(&Interpreter::reference(version), "", &arguments, &["-c", asked]);
            assert_whole(&report);
            assert!(
                said.contains("('main', 1, 1)") && said.contains("('leaf', 50, 50)"),
                "{version}: {said}"
            );
        }
    }

    fn coverage(interpreter: &Interpreter, core: &str, options: &[&str]) {
        let mut arguments = vec!["-m", "coverage", "run"];
        arguments.extend(options);
        arguments.push("beside.py");
        let asked = "import coverage; data = coverage.CoverageData(); data.read(); \
            print(*[(sorted(data.lines(file)), sorted(data.arcs(file) or [])) for file in data.measured_files()])";
        let (report, [_, said]) = below(interpreter, core, &arguments, &["-c", asked]);
        assert_whole(&report);
        assert!(said.starts_with("([") && said.len() > 60, "{core}: {said}");
    }

    #[test]
    fn coverage_by_settrace() {
        for version in ["3.11", "3.13"] {
            let interpreter = Interpreter::installed(&format!("programs/{version}/bin/python"));
            coverage(&interpreter, "ctrace", &["--branch"]);
            coverage(&interpreter, "pytrace", &["--branch"]);
        }
    }

    #[test]
    fn coverage_by_sys_monitoring() {
        coverage(&Interpreter::installed("programs/3.13/bin/python"), "sysmon", &[]);
        for version in ["3.14", "3.15"] {
            let interpreter = Interpreter::reference(version);
            // Its part in C is for another version, and not needed.
            copy(
                &tool("programs/3.13/lib/python3.13/site-packages/coverage"),
                &interpreter.folder.path().join("coverage"),
            );
            coverage(&interpreter, "sysmon", &["--branch"]);
        }
    }

    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in from.read_dir().unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &to);
            } else {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
}
