//! `--async`: who awaits the task that runs, as the program itself knows it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::interpreter::Interpreter;
use super::result::{json, output, status};

/// Names of the rows that `awaits.py` printed, outermost first.
fn told(line: &str) -> Vec<String> {
    let rows: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    rows.as_array().unwrap().iter().map(|row| row[0].as_str().unwrap().to_owned()).collect()
}

/// Samples by the names of their frames, outermost first.
fn stacks(interpreter: &Interpreter) -> BTreeMap<Vec<String>, u64> {
    let mut found = BTreeMap::new();
    for line in std::fs::read_to_string(interpreter.folder.path().join("out.folded")).unwrap().lines() {
        if line.starts_with('#') {
            continue;
        }
        let (stack, count) = line.rsplit_once(' ').unwrap();
        let name = |frame: &str| frame.split(" (").next().unwrap().to_owned();
        *found.entry(stack.split(';').map(name).collect()).or_default() += count.parse::<u64>().unwrap();
    }
    found
}

fn record(interpreter: &Interpreter, options: &[&str], way: &str) -> (String, String) {
    interpreter.program("awaits.py");
    let first = [
        "record",
        "--rate",
        "500",
        "-o",
        "out.folded",
        "--to",
        "collapsed:py-spy",
        "--by",
        "none",
        "--value",
        "samples",
    ];
    let program = ["--", interpreter.python(), "awaits.py", way, "0.4"];
    let recorded = output(&mut interpreter.profkit(&[&first, options, &program].concat()));
    let stderr = String::from_utf8_lossy(&recorded.stderr).into_owned();
    assert_eq!(status(&recorded), 0, "{stderr}");
    (String::from_utf8(recorded.stdout).unwrap(), stderr)
}

/// All but all samples of the spin stand where the program says.
fn the_chain_is_there(interpreter: &Interpreter, way: &str) {
    let (line, stderr) = record(interpreter, &["--async"], way);
    let mut expected = told(&line);
    expected.push("spin".to_owned());
    let stacks = stacks(interpreter);
    let spun = stacks.iter().filter(|(stack, _)| stack.last().is_some_and(|top| top == "spin"));
    let sum: u64 = spun.clone().map(|(_, count)| count).sum();
    assert!(sum > 20, "{way}: {sum} samples: {stderr}");
    let there = stacks.get(&expected).copied().unwrap_or(0);
    let others: Vec<_> = spun.filter(|(stack, _)| **stack != expected).collect();
    assert!(there * 100 >= sum * 99, "{way}: {there} of {sum} as {expected:?}; but {others:#?}");
}

#[test]
fn a_chain_of_tasks() {
    the_chain_is_there(&Interpreter::default(), "nested");
}

#[test]
fn tasks_that_take_turns_have_their_own_chains() {
    turns_are_told_apart(&Interpreter::default());
}

#[test]
fn without_it_the_event_loop_stands_there() {
    let interpreter = Interpreter::default();
    record(&interpreter, &[], "nested");
    let stacks = stacks(&interpreter);
    let spun: Vec<_> = stacks.keys().filter(|stack| stack.last().is_some_and(|top| top == "spin")).collect();
    assert!(!spun.is_empty());
    for stack in spun {
        assert!(stack.iter().any(|name| name.ends_with("run_forever")), "{stack:?}");
        assert!(!stack.iter().any(|name| name.starts_with("<task")), "{stack:?}");
    }
}

#[test]
fn a_dump_tells_it_too() {
    let interpreter = Interpreter::default();
    interpreter.program("awaits.py");
    let mut command = interpreter.bare(&["awaits.py", "nested"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let dump = json(&interpreter, &["dump", &child.id().to_string(), "--async", "--json"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let frames = dump["processes"][0]["threads"][0]["frames"].as_array().unwrap();
    let mut names: Vec<_> =
        frames.iter().map(|frame| frame["function"].as_str().unwrap().to_owned()).collect();
    names.reverse();
    assert_eq!(names, told(&line));
    assert!(names.contains(&"<task branch>".to_owned()), "{names:?}");
}

/// Each step of a task is shorter than the sampler needs to look after it, and the tasks take turns.
pub(super) fn turns_are_told_apart(interpreter: &Interpreter) {
    let code = "
import asyncio, time
def spin():
    end = time.perf_counter() + 0.00005
    while time.perf_counter() < end: pass
async def work(count):
    for _ in range(count):
        spin()
        await asyncio.sleep(0)
async def left(): await asyncio.create_task(work(4000), name='left worker')
async def right(): await asyncio.create_task(work(4000), name='right worker')
async def main():
    await asyncio.gather(asyncio.create_task(left(), name='left'), asyncio.create_task(right(), name='right'))
asyncio.run(main())";
    let first = ["record", "--async", "--rate", "2000", "-o", "out.folded", "--to", "collapsed:py-spy"];
    let rest = ["--by", "none", "--value", "samples", "--", interpreter.python(), "-c", code];
    let recorded = output(&mut interpreter.profkit(&[first.as_slice(), &rest].concat()));
    assert_eq!(status(&recorded), 0, "{}", String::from_utf8_lossy(&recorded.stderr));
    let (mut whole, mut all) = (0, 0);
    for (stack, count) in stacks(interpreter) {
        if stack.last().is_none_or(|top| top != "spin") {
            continue;
        }
        all += count;
        let at = |marker: &str| stack.iter().position(|name| name == marker);
        let chain = |inner, outer| at(outer).zip(at(inner)).is_some_and(|(outer, inner)| outer < inner);
        let (left, right) = (at("<task left worker>"), at("<task right worker>"));
        // Never is one task's work told of another.
        assert!(left.is_none() || right.is_none(), "{stack:?}");
        assert!(left.is_none() || at("<task right>").is_none(), "{stack:?}");
        assert!(right.is_none() || at("<task left>").is_none(), "{stack:?}");
        if chain("<task left worker>", "<task left>") || chain("<task right worker>", "<task right>") {
            whole += count;
        }
    }
    assert!(all > 200 && whole * 100 >= all * 95, "{whole} of {all}");
}

/// On other versions; `reference` since they have to be installed.
mod reference {
    use super::{Interpreter, the_chain_is_there, turns_are_told_apart};

    macro_rules! versions {
        ($($test:ident $version:literal $($way:literal)*),*) => {$(
            #[test]
            fn $test() {
                for way in ["direct", "nested" $(, $way)*] {
                    the_chain_is_there(&Interpreter::reference($version), way);
                }
                turns_are_told_apart(&Interpreter::reference($version));
            }
        )*};
    }

    versions!(
        python_3_8 "3.8", python_3_9 "3.9", python_3_10 "3.10", python_3_11 "3.11" "group",
        python_3_12 "3.12" "group", python_3_13 "3.13" "group", python_3_14 "3.14" "group",
        python_3_15 "3.15" "group"
    );
}
