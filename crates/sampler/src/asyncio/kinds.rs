//! What an object of the target is, as far as await chains care: told by the name of its type.
//!
//! A class of the program may have any name; so the interpreter's own types count only if they are static, and classes
//! derived from `_asyncio.Task` and `_asyncio.Future` are found by what they were derived from.

use hashbrown::HashMap;

use crate::layout::{Layout, TYPE_BASE, TYPE_NAME};
use crate::remote::{Place, Remote, word_at};

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A task of the C implementation.
    Task,
    /// Another future of the C implementation.
    Future,
    /// A coroutine object.
    Coroutine,
    /// A generator.
    Generator,
    /// An asynchronous generator.
    AsyncGenerator,
    /// What steps a coroutine or an asynchronous generator, which its first field is.
    Step,
    /// A function in Python.
    Function,
    /// A bound method.
    Method,
    /// A function in C.
    Builtin,
    /// What wakes a task up (3.8, 3.9).
    Wakeup,
    /// A `functools.partial`.
    Partial,
    /// A `str`.
    Text,
    /// An `int`.
    Integer,
    /// Anything else.
    Other,
}

impl Kind {
    /// Whether it has a frame of its own.
    #[must_use]
    pub(super) fn has_frame(self) -> bool {
        matches!(self, Self::Coroutine | Self::Generator | Self::AsyncGenerator)
    }
}

/// Deeper derivations are not followed.
const MAX_BASES: usize = 32;
/// More types are forgotten: a program may make classes for ever.
const MAX_KNOWN: usize = 4_096;
const HEAP_TYPE: u64 = 1 << 9;
const LONG_SUBCLASS: u64 = 1 << 24;
const UNICODE_SUBCLASS: u64 = 1 << 28;

/// The types of one process that are something.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    known: HashMap<u64, Kind, foldhash::fast::RandomState>,
}

impl Kinds {
    /// What objects of the type at an address are; `None` if there is no type, or there are more reads to be made than `budget`,
    /// which is the less by those that were.
    pub(super) fn of_type(
        &mut self,
        remote: Remote,
        layout: &Layout,
        address: u64,
        budget: &mut usize,
    ) -> Option<Kind> {
        if let Some(&kind) = self.known.get(&address) {
            return Some(kind);
        }
        let (kind, is_type) = look(remote, layout, address, budget)?;
        // What memory that was never a type looks like is not kept: it may become one.
        if is_type {
            if self.known.len() >= MAX_KNOWN {
                self.known.clear();
            }
            self.known.insert(address, kind);
        }
        Some(kind)
    }
}

/// What a type is, and whether it certainly is a type.
fn look(remote: Remote, layout: &Layout, address: u64, budget: &mut usize) -> Option<(Kind, bool)> {
    let mut at = address;
    for depth in 0..MAX_BASES {
        *budget = budget.checked_sub(2)?;
        let head = remote.bytes(at, layout.at(TYPE_BASE) + 8).ok()?;
        let flags = word_at(&head, layout.type_flags);
        let mut name = [0; 32];
        remote.gather(&mut name, &[Place::new(word_at(&head, layout.at(TYPE_NAME)), 32)]).ok()?;
        let name = name.split(|&byte| byte == 0).next()?;
        match name {
            b"_asyncio.Task" => return Some((Kind::Task, true)),
            b"_asyncio.Future" => return Some((Kind::Future, true)),
            _ => {}
        }
        if depth == 0 {
            let kind = match (flags & UNICODE_SUBCLASS, flags & LONG_SUBCLASS) {
                (0, 0) => by_name(name, flags & HEAP_TYPE == 0),
                (0, _) => Kind::Integer,
                _ => Kind::Text,
            };
            if kind != Kind::Other {
                return Some((kind, true));
            }
        }
        at = word_at(&head, layout.at(TYPE_BASE));
        if at == 0 {
            return Some((Kind::Other, name == b"object"));
        }
    }
    Some((Kind::Other, false))
}

fn by_name(name: &[u8], is_static: bool) -> Kind {
    match name {
        b"functools.partial" => Kind::Partial,
        _ if !is_static => Kind::Other,
        b"coroutine" => Kind::Coroutine,
        b"generator" => Kind::Generator,
        b"async_generator" => Kind::AsyncGenerator,
        b"coroutine_wrapper" | b"async_generator_asend" | b"async_generator_athrow" | b"anext_awaitable" => {
            Kind::Step
        }
        b"function" => Kind::Function,
        b"method" => Kind::Method,
        b"builtin_function_or_method" => Kind::Builtin,
        b"TaskWakeupMethWrapper" => Kind::Wakeup,
        _ => Kind::Other,
    }
}
