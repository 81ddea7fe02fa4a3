//! What Python calls its threads: `threading._active`, a dict from `ident` to thread objects, read without running anything.
//!
//! The way: the interpreter's dict of modules, the module `threading`, its dict, `_active`, each value's `_name`. What cannot be
//! read has no name; nothing fails.

use hashbrown::HashMap;

use crate::dicts::Dicts;
use crate::interpreter::Interpreter;

/// Names by `ident`.
pub(crate) type Names = HashMap<u64, String, foldhash::fast::RandomState>;

/// The names of an interpreter's threads.
#[must_use]
pub(crate) fn of_interpreter(interpreter: &Interpreter, address: u64) -> Names {
    names(Dicts::new(interpreter.remote, &interpreter.layout), address).unwrap_or_default()
}

fn names(dicts: Dicts<'_>, address: u64) -> Option<Names> {
    let active = dicts.lookup(dicts.module(address, "threading")?, "_active")?;
    let mut names = Names::default();
    for (key, thread) in dicts.entries(active)? {
        if let (Some(ident), Some(name)) = (dicts.integer(key), dicts.attribute(thread, "_name")) {
            names.extend(dicts.text(name).map(|name| (ident, name)));
        }
    }
    Some(names)
}

/// The name of a thread that Python has none for: the main one of a program that does not import `threading`, or one that C
/// made.
#[must_use]
pub(crate) fn fallback(pid: u32, tid: u32) -> Option<String> {
    if pid == tid {
        return Some("MainThread".to_owned());
    }
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/comm")).ok()?;
    Some(text.trim_end().to_owned())
}
