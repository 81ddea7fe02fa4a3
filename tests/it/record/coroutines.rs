//! Coroutines beside yappi's wall clock, which counts a coroutine from its first step to its last one: as we do, what ran and
//! what was awaited taken together.

mod reference {
    use std::collections::BTreeMap;

    use serde_json::from_slice;

    use super::super::interpreter::Interpreter;
    use super::super::result::{Report, output, status};

    /// Calls, and seconds in all, of each function.
    type Totals = BTreeMap<String, (i64, f64)>;

    /// What yappi says in a run that it has for itself, or that is recorded.
    fn theirs(interpreter: &Interpreter, is_recorded: bool) -> Totals {
        let arguments = ["coroutines.py", "yappi", "theirs.json"];
        let mut command = if is_recorded {
            interpreter.record("out.pb.gz", &arguments)
        } else {
            interpreter.bare(&arguments)
        };
        let ran = output(&mut command);
        assert_eq!(status(&ran), 0, "{}", String::from_utf8_lossy(&ran.stderr));
        let totals: Totals =
            from_slice(&std::fs::read(interpreter.folder.path().join("theirs.json")).unwrap()).unwrap();
        assert_eq!(totals.len(), 19, "{totals:?}");
        totals
    }

    /// What we say of these functions in the last run that was recorded.
    fn ours(interpreter: &Interpreter, theirs: &Totals) -> Totals {
        let report = Report::of(interpreter, "out.pb.gz");
        let total = |name: &str| -> f64 {
            ["wall", "await"].iter().map(|value| report.total(name, "coroutines.py", value)).sum()
        };
        theirs.keys().map(|name| (name.clone(), (report.calls(name, "coroutines.py"), total(name)))).collect()
    }

    fn assert_close(ours: &Totals, theirs: &Totals, share: f64, seconds: f64) {
        let is_off = |(name, theirs): &(&String, &(i64, f64))| {
            let ours = ours[*name];
            ours.0 != theirs.0 || (ours.1 - theirs.1).abs() > theirs.1 * share + seconds
        };
        let off: Vec<String> = theirs
            .iter()
            .filter(is_off)
            .map(|(name, theirs)| format!("{name}: {:?}, not {theirs:?}", ours[name]))
            .collect();
        assert!(off.is_empty(), "{off:#?}");
    }

    /// The least of each function's totals: whatever else the machine does only adds to them.
    fn least(runs: impl Iterator<Item = Totals>) -> Totals {
        let lesser = |mut least: Totals, run: Totals| {
            run.into_iter().for_each(|(name, (calls, total))| {
                let kept = least.get_mut(&name).unwrap();
                assert_eq!(kept.0, calls, "{name}");
                kept.1 = kept.1.min(total);
            });
            least
        };
        runs.reduce(lesser).unwrap()
    }

    /// Both look at one run.
    #[test]
    fn yappi_in_the_same_run() {
        let interpreter = Interpreter::installed("programs/3.13/bin/python");
        interpreter.program("coroutines.py");
        let theirs = theirs(&interpreter, true);
        assert_close(&ours(&interpreter, &theirs), &theirs, 0.01, 0.005);
    }

    /// Before 3.12 there is one place for a profile function in a thread.
    #[test]
    fn yappi_in_other_runs() {
        let interpreter = Interpreter::installed("programs/3.11/bin/python");
        interpreter.program("coroutines.py");
        let theirs = least((0..3).map(|_| theirs(&interpreter, false)));
        let run = || {
            let ran = output(&mut interpreter.record("out.pb.gz", &["coroutines.py"]));
            assert_eq!(status(&ran), 0, "{}", String::from_utf8_lossy(&ran.stderr));
            ours(&interpreter, &theirs)
        };
        let ours = least((0..3).map(|_| run()));
        assert_close(&ours, &theirs, 0.1, 0.01);
    }
}
