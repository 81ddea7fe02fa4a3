//! What a pickle holds, as data: plain values, containers in arenas, and objects that are no more than a class and
//! an attribute dict. A value is a copy of 24 bytes however much it refers to, so cycles and shared parts cost nothing.

/// A value and where in the file it was made.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    /// What it is.
    pub kind: Kind,
    /// The byte of the opcode that made it.
    pub at: u32,
}

/// What a value is. Containers are row numbers of [`Heap`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer that fits 64 bits.
    Int(i64),
    /// One that does not.
    LargeInt,
    /// A float.
    Float(f64),
    /// A string, as its bytes in the file.
    Text {
        /// Its first byte.
        start: u32,
        /// How many bytes.
        len: u32,
    },
    /// A row of [`Heap::sequences`] that came from a tuple.
    Tuple(u32),
    /// A row of [`Heap::sequences`] that came from a list.
    List(u32),
    /// A row of [`Heap::dicts`].
    Dict(u32),
    /// A row of [`Heap::objects`].
    Object(u32),
    /// One of yappi's classes.
    Class(Class),
    /// A row of [`Heap::globals`]: anything else that a pickle may name.
    Global(u32),
}

/// yappi's classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// All functions.
    FuncStats,
    /// One function.
    FuncStat,
    /// All callees of a function.
    ChildFuncStats,
    /// One callee.
    ChildFuncStat,
    /// All threads.
    ThreadStats,
    /// One thread.
    ThreadStat,
    /// All greenlets.
    GreenletStats,
    /// One greenlet.
    GreenletStat,
}

impl Class {
    /// The class that a pickle means. `python -m yappi` makes the classes in `__main__`.
    #[must_use]
    pub fn named(module: &[u8], name: &[u8]) -> Option<Self> {
        let known = matches!(module, b"yappi" | b"__main__");
        Self::NAMES
            .iter()
            .find(|(known_name, _)| known && known_name.as_bytes() == name)
            .map(|&(_, class)| class)
    }

    /// Its name in yappi.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, class)| *class == self).map_or("", |&(name, _)| name)
    }

    const NAMES: [(&'static str, Self); 8] = [
        ("YFuncStats", Self::FuncStats),
        ("YFuncStat", Self::FuncStat),
        ("YChildFuncStats", Self::ChildFuncStats),
        ("YChildFuncStat", Self::ChildFuncStat),
        ("YThreadStats", Self::ThreadStats),
        ("YThreadStat", Self::ThreadStat),
        ("YGreenletStats", Self::GreenletStats),
        ("YGreenletStat", Self::GreenletStat),
    ];
}

/// An object: what its class's `__new__` would have made, and the attributes it was given.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// Its class.
    pub class: Class,
    /// The dict of its attributes.
    pub attributes: Option<u32>,
}

/// Every container of a pickle.
#[derive(Default, Debug)]
pub struct Heap<'a> {
    /// Tuples and lists.
    pub sequences: Vec<Vec<Value>>,
    /// Dicts as their items in order; a key may come twice, and then the last one counts.
    pub dicts: Vec<Vec<(Value, Value)>>,
    /// Objects. yappi's are dicts too, of the same values under numbers that mean something else in each release:
    /// those items are dropped.
    pub objects: Vec<Object>,
    /// Module and name of what else is named.
    pub globals: Vec<(&'a [u8], &'a [u8])>,
}
