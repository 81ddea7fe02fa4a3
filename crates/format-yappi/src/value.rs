//! What a pickle holds, as data: plain values, containers in arenas, and objects that are no more than a class and
//! an attribute dict. A value is a copy of 16 bytes however much it refers to, so cycles and shared parts cost nothing.

/// A value and where in the file it was made.
///
/// Two words, which the compiler keeps in registers; as a struct around [`Kind`] a value took twice as long to move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Value {
    payload: u64,
    /// The place above, the kind in the lowest byte.
    place_and_tag: u64,
}

impl Value {
    /// A value that the opcode at byte `at` made.
    #[must_use]
    #[inline]
    pub fn new(kind: Kind, at: u32) -> Self {
        let (tag, payload) = match kind {
            Kind::None => (0, 0),
            Kind::Bool(flag) => (1, u64::from(flag)),
            Kind::Int(number) => (2, number.cast_unsigned()),
            Kind::LargeInt => (3, 0),
            Kind::Float(number) => (4, number.to_bits()),
            Kind::Text { start, len } => (5, pack(start, len)),
            Kind::Tuple(row) => (6, u64::from(row)),
            Kind::List(row) => (7, u64::from(row)),
            Kind::Dict(row) => (8, u64::from(row)),
            Kind::Object(row) => (9, u64::from(row)),
            Kind::Global(row) => (10, u64::from(row)),
            Kind::Class(class) => (11, u64::from(class.index())),
        };
        Self { payload, place_and_tag: u64::from(at) << 8 | tag }
    }

    /// What it is.
    #[must_use]
    #[inline]
    pub fn kind(self) -> Kind {
        let (high, low) = unpack(self.payload);
        match self.place_and_tag & 0xff {
            0 => Kind::None,
            1 => Kind::Bool(low != 0),
            2 => Kind::Int(self.payload.cast_signed()),
            3 => Kind::LargeInt,
            4 => Kind::Float(f64::from_bits(self.payload)),
            5 => Kind::Text { start: high, len: low },
            6 => Kind::Tuple(low),
            7 => Kind::List(low),
            8 => Kind::Dict(low),
            9 => Kind::Object(low),
            10 => Kind::Global(low),
            _ => Class::NAMES.get(low as usize).map_or(Kind::None, |&(_, class)| Kind::Class(class)),
        }
    }

    /// The byte of the opcode that made it.
    #[must_use]
    pub fn at(self) -> usize {
        usize::try_from(self.place_and_tag >> 8).unwrap_or(usize::MAX)
    }
}

fn pack(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn unpack(word: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = word.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
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

    fn index(self) -> u8 {
        let index = Self::NAMES.iter().position(|(_, class)| *class == self);
        index.and_then(|index| u8::try_from(index).ok()).unwrap_or(0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_out_as_it_went_in() {
        let kinds = [
            Kind::None,
            Kind::Bool(true),
            Kind::Int(i64::MIN),
            Kind::Int(-1),
            Kind::LargeInt,
            Kind::Float(-0.5),
            Kind::Text { start: u32::MAX, len: 7 },
            Kind::Tuple(1),
            Kind::List(u32::MAX),
            Kind::Dict(3),
            Kind::Object(4),
            Kind::Global(5),
        ];
        let classes = Class::NAMES.map(|(_, class)| Kind::Class(class));
        for kind in kinds.into_iter().chain(classes) {
            for at in [0, 77, u32::MAX] {
                let value = Value::new(kind, at);
                assert_eq!((value.kind(), value.at()), (kind, at as usize));
            }
        }
    }
}
