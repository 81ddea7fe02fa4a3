//! Coroutines beside yappi's wall clock, which counts a coroutine from its first step to its last one: as we do, what ran and
//! what was awaited taken together.

mod reference {
    use std::collections::BTreeMap;

    use super::super::interpreter::Interpreter;
    use super::super::result::{Report, output, status};

    fn as_yappi(python: &str) {
        let interpreter = Interpreter::installed(python);
        interpreter.program("coroutines.py");
        let theirs = output(&mut interpreter.bare(&["coroutines.py", "yappi", "theirs.json"]));
        assert_eq!(status(&theirs), 0, "{}", String::from_utf8_lossy(&theirs.stderr));
        let theirs = std::fs::read(interpreter.folder.path().join("theirs.json")).unwrap();
        let theirs: BTreeMap<String, (i64, f64)> = serde_json::from_slice(&theirs).unwrap();
        let ours = output(&mut interpreter.record("out.pb.gz", &["coroutines.py"]));
        assert_eq!(status(&ours), 0, "{}", String::from_utf8_lossy(&ours.stderr));
        let report = Report::of(&interpreter, "out.pb.gz");
        assert_eq!(theirs.len(), 19, "{theirs:?}");
        let mut wrong = Vec::new();
        for (name, (calls, total)) in &theirs {
            let [ran, waited] =
                ["wall", "await"].map(|value| report.total(name, "coroutines.py", value));
            let off = (ran + waited - total).abs();
            if report.calls(name, "coroutines.py") != *calls || off > 0.005 + total * 0.05 {
                let counted = report.calls(name, "coroutines.py");
                wrong.push(format!("{name}: {calls} {total}, not {counted} {ran} + {waited}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn python_3_11() {
        as_yappi("programs/3.11/bin/python");
    }

    #[test]
    fn python_3_13() {
        as_yappi("programs/3.13/bin/python");
    }
}
