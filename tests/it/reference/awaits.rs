//! Await chains against what programs know of themselves, on every version.

use profkit_sampler::asyncio::offsets::{CALLBACK, CALLBACKS, PENDING, TaskOffsets};
use profkit_sampler::dump::dump_with_awaits;
use profkit_sampler::layout::{LIST_ITEMS, TUPLE_ITEMS};
use profkit_sampler::remote::{Remote, int_at};
use serde_json::Value;

use super::sampler::{Running, VERSIONS, number};
use super::tools::reader;

/// No header has them: the interpreter says where things are, and they must be where the tables say.
#[test]
fn tasks_are_laid_out_as_the_tables_say() {
    for version in ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13"] {
        let running = Running::start(version, &[reader("sampler/tasks.py").to_str().unwrap()]);
        let said: Value = serde_json::from_str(&running.line).unwrap();
        let address = |name: &str| said[name].as_u64().unwrap();
        let size = usize::try_from(address("size")).unwrap();
        let offsets = TaskOffsets::known(number(version), size);
        let offsets = offsets.unwrap_or_else(|| panic!("{version}: no table for tasks of {size} bytes"));
        let remote = Remote::new(running.pid());
        let word = |address: u64, offset: usize| remote.word(address + offset as u64).unwrap();
        let (task, future) = (address("task"), address("future"));
        assert_eq!(word(task, offsets.coroutine), address("coroutine"), "{version}");
        assert_eq!(word(task, offsets.name), address("name"), "{version}");
        assert_eq!(word(task, offsets.waiter), address("waiter"), "{version}");
        assert_eq!(address("waiter"), future, "{version}");
        assert_eq!(word(future, CALLBACK), address("callback"), "{version}");
        let pair = word(word(word(future, CALLBACKS), LIST_ITEMS), 0);
        assert_eq!(word(pair, TUPLE_ITEMS), address("second"), "{version}");
        let state = |future: u64| int_at(&remote.bytes(future + offsets.state as u64, 4).unwrap(), 0);
        assert_eq!((state(future), state(task)), (PENDING, PENDING), "{version}");
    }
}

/// Outermost first; a marker is a row of its name alone.
fn rows(version: &str, way: &str) -> (Vec<Value>, Vec<Value>) {
    let running = Running::program(version, "awaits.py", &[way]);
    let said: Value = serde_json::from_str(&running.line)
        .unwrap_or_else(|error| panic!("{version} {way}: {error}: {:?}", running.line));
    let found = dump_with_awaits(running.pid()).unwrap();
    let frames = found.threads[0].frames.iter().rev();
    let seen = frames.map(|frame| match frame.file.as_str() {
        "" => serde_json::json!([frame.function]),
        file => serde_json::json!([frame.function, file, frame.line]),
    });
    (seen.collect(), said.as_array().unwrap().clone())
}

fn compare(way: &str, versions: &[&str]) {
    for version in versions {
        let (seen, said) = rows(version, way);
        assert_eq!(seen, said, "{version}: {way}");
    }
}

macro_rules! ways {
    ($($way:ident),*) => {$(
        #[test]
        fn $way() {
            compare(stringify!($way), &VERSIONS);
        }
    )*};
}

ways!(direct, gather, nested, wait, wait_for, shield, generators, several, nobody, custom, unicode);

#[test]
fn group() {
    compare("group", &VERSIONS[3..]);
}
