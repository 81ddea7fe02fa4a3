//! Who awaits a task.
//!
//! From 3.14 on a future says so itself. Before, only its callbacks tell: a task that awaits another has its own wake-up among
//! them, and what asyncio puts between the two is found in closures (`gather`, `shield`, `wait`), arguments (`wait_for` up to 3.11)
//! and attributes (`TaskGroup`). Other callbacks are nobody's waiting.

use super::kinds::Kind;
use super::offsets::{CALLBACK, CALLBACKS, PENDING};
use super::walk::{Task, Walk};
use crate::layout::{
    BUILTIN_DEFINITION, BUILTIN_SELF, CELL_VALUE, FIRST_FIELD, LIST_ITEMS, METHOD_FUNCTION, METHOD_SELF,
    NONE, OB_SIZE, SECOND_FIELD, SET_MASK, SET_TABLE, SET_USED, TUPLE_ITEMS,
};
use crate::remote::{int_at, word_at};

/// Futures between two tasks: no more are followed.
const MAX_BETWEEN: usize = 8;
/// More callbacks, awaiters or cells are not looked through.
const MAX_ITEMS: u64 = 4_096;
/// Longer arrays have reads of their own.
const SHORT: usize = 128;
/// What finding an attribute costs at most.
const ATTRIBUTE: usize = 64;
/// More awaiters need not be told apart.
const MAX_AWAITERS: usize = 256;

/// Functions of `asyncio/tasks.py` that are called when a future is done and finish another one, which they have in a cell.
const HAND_ON: [&str; 3] = ["_done_callback", "_inner_done_callback", "_on_completion"];

/// A task that awaits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Awaiter {
    task: u64,
    /// The future that it must be waiting for; 0 if that is not known.
    waits_for: u64,
}

impl Walk<'_, '_> {
    /// The tasks that await one; `None` if that could not be found out, or changed meanwhile.
    pub(super) fn awaiters(&mut self, task: &Task) -> Option<Vec<Task>> {
        let mut found = Vec::new();
        self.of_future(task.address, &task.head, &mut found, 0)?;
        let mut tasks: Vec<Task> = Vec::new();
        for awaiter in found {
            let read = self.task(awaiter.task)?;
            if awaiter.waits_for != 0 && read.waiter != awaiter.waits_for {
                return None;
            }
            if tasks.iter().all(|known| known.address != read.address) {
                tasks.push(read);
            }
        }
        Some(tasks)
    }

    fn of_future(
        &mut self,
        future: u64,
        head: &[u8],
        found: &mut Vec<Awaiter>,
        between: usize,
    ) -> Option<()> {
        if between > MAX_BETWEEN || found.len() > MAX_AWAITERS {
            return None;
        }
        if self.offsets.awaited_by != NONE {
            return self.said(head, found, between);
        }
        if int_at(head, self.offsets.state) != PENDING {
            return None;
        }
        let layout = self.context.layout;
        let mut callbacks = Vec::new();
        callbacks.extend(Some(word_at(head, layout.at(CALLBACK))).filter(|&first| first != 0));
        match word_at(head, layout.at(CALLBACKS)) {
            0 => {}
            list => {
                let items = self.word(list + layout.at(LIST_ITEMS) as u64).unwrap_or(0);
                let count = self.number(list + layout.at(OB_SIZE) as u64)?;
                for pair in self.words(items, count)? {
                    callbacks.push(self.word(pair + layout.at(TUPLE_ITEMS) as u64)?);
                }
            }
        }
        callbacks.into_iter().try_for_each(|callback| self.callback(future, callback, found, between))
    }

    /// The awaiters of a future that is no task itself, but stands between two.
    fn between(&mut self, future: u64, found: &mut Vec<Awaiter>, between: usize) -> Option<()> {
        self.charge(1)?;
        let head = self.bytes(future, self.offsets.future_bytes())?.to_vec();
        self.of_future(future, &head, found, between + 1)
    }

    /// What a future says (3.14 and later).
    fn said(&mut self, head: &[u8], found: &mut Vec<Awaiter>, between: usize) -> Option<()> {
        let first = word_at(head, self.offsets.awaited_by);
        let awaiters = match head.get(self.offsets.awaited_by_is_set)? {
            0 if first == 0 => Vec::new(),
            0 => vec![first],
            _ => self.members(first)?,
        };
        for awaiter in awaiters {
            match self.kind(awaiter)? {
                Kind::Task => found.push(Awaiter { task: awaiter, waits_for: 0 }),
                Kind::Future => self.between(awaiter, found, between)?,
                _ => {}
            }
        }
        Some(())
    }

    /// The members of a set.
    fn members(&mut self, set: u64) -> Option<Vec<u64>> {
        let layout = self.context.layout;
        let head = self.bytes(set, layout.at(SET_TABLE) + 8)?.to_vec();
        let places = word_at(&head, layout.at(SET_MASK)).checked_add(1)?;
        let words = self.words(word_at(&head, layout.at(SET_TABLE)), places.checked_mul(2)?)?;
        // A place whose member was removed has the hash -1, which no object has.
        let is_used = |place: &&[u64]| matches!(place, [key, hash] if *key != 0 && *hash != u64::MAX);
        let members: Vec<u64> =
            words.chunks_exact(2).filter(is_used).filter_map(|place| place.first().copied()).collect();
        (members.len() as u64 == word_at(&head, layout.at(SET_USED))).then_some(members)
    }

    /// What a callback tells of who waits (up to 3.13).
    fn callback(
        &mut self,
        future: u64,
        callback: u64,
        found: &mut Vec<Awaiter>,
        between: usize,
    ) -> Option<()> {
        let layout = self.context.layout;
        match self.kind(callback)? {
            Kind::Wakeup => {
                let task = self.word(callback + layout.at(FIRST_FIELD) as u64)?;
                found.push(Awaiter { task, waits_for: future });
            }
            Kind::Builtin if self.is_wakeup(callback)? => {
                let task = self.word(callback + layout.at(BUILTIN_SELF) as u64)?;
                found.push(Awaiter { task, waits_for: future });
            }
            Kind::Function if self.is_function(callback, &HAND_ON, "asyncio/tasks.py") => {
                let cells = self.word(callback + layout.function_closure as u64)?;
                for cell in self.items(cells)? {
                    let value = self.number(cell + layout.at(CELL_VALUE) as u64)?;
                    if value != 0 && self.kind(value)? == Kind::Future {
                        self.between(value, found, between)?;
                    }
                }
            }
            Kind::Partial => {
                // `fn`, `args`.
                let function = self.word(callback + layout.at(FIRST_FIELD) as u64)?;
                if self.kind(function)? == Kind::Function
                    && self.is_function(function, &["_release_waiter"], "asyncio/tasks.py")
                {
                    let arguments = self.word(callback + layout.at(SECOND_FIELD) as u64)?;
                    for future in self.items(arguments)? {
                        self.between(future, found, between)?;
                    }
                }
            }
            Kind::Method => {
                let function = self.word(callback + layout.at(METHOD_FUNCTION) as u64)?;
                if self.kind(function)? == Kind::Function
                    && self.is_function(function, &["_on_task_done"], "asyncio/taskgroups.py")
                {
                    let group = self.word(callback + layout.at(METHOD_SELF) as u64)?;
                    self.charge(ATTRIBUTE)?;
                    let task = self.dicts().attribute(group, "_parent_task")?;
                    found.push(Awaiter { task, waits_for: 0 });
                }
            }
            _ => {}
        }
        Some(())
    }

    /// Whether a function in C wakes a task up (3.10 and later).
    fn is_wakeup(&mut self, builtin: u64) -> Option<bool> {
        const NAME: &[u8] = b"task_wakeup\0";
        let definition = self.word(builtin + self.context.layout.at(BUILTIN_DEFINITION) as u64)?;
        let name = self.word(definition)?;
        Some(self.bytes(name, NAME.len())? == NAME)
    }

    /// Whether a function has one of some names, and a file that ends so.
    fn is_function(&mut self, function: u64, names: &[&str], file: &str) -> bool {
        let layout = self.context.layout;
        let Some(code) = self.word(function + layout.function_code as u64) else { return false };
        let codes = &mut self.context.names.codes;
        let known = codes.find(self.context.remote, layout, code).and_then(|index| codes.get(index));
        known.is_some_and(|code| {
            code.file.ends_with(file)
                && code.name.rsplit('.').next().is_some_and(|name| names.contains(&name))
        })
    }

    /// The items of a tuple.
    fn items(&mut self, tuple: u64) -> Option<Vec<u64>> {
        let layout = self.context.layout;
        let count = self.number(tuple + layout.at(OB_SIZE) as u64)?;
        self.words(tuple + layout.at(TUPLE_ITEMS) as u64, count)
    }

    /// Words that follow each other; `None` if they are more than can be.
    fn words(&mut self, address: u64, count: u64) -> Option<Vec<u64>> {
        match count {
            0 => return Some(Vec::new()),
            1..=MAX_ITEMS => {}
            _ => return None,
        }
        let length = usize::try_from(count).ok()? * 8;
        let long;
        let bytes = if length <= SHORT {
            self.bytes(address, length)?
        } else {
            self.charge(1)?;
            long = self.context.remote.bytes(address, length).ok()?;
            &long
        };
        Some(bytes.chunks_exact(8).map(|word| word_at(word, 0)).collect())
    }
}
