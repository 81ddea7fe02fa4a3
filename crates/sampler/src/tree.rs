//! What a recording has seen, each once: texts, functions, frames (a function at a line) and stacks as a tree.
//!
//! Ids count up from 1, 0 is none; what is new since the last look is the end of each table, which is what the stream writes. So
//! memory grows with what the program does, not with how long it runs.

use std::hash::Hash;

use hashbrown::HashMap;
use profkit_recording::stream::{Writer, kind};

type Map<K> = HashMap<K, u32, foldhash::fast::RandomState>;

/// A table of distinct rows, ids from 1 in the order of arrival.
#[derive(Debug)]
pub struct Table<T> {
    ids: Map<T>,
    rows: Vec<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { ids: HashMap::default(), rows: Vec::new() }
    }
}

impl<T: Hash + Eq + Clone> Table<T> {
    /// The id of a row.
    #[inline]
    pub fn id(&mut self, row: T) -> u32 {
        if let Some(&id) = self.ids.get(&row) {
            return id;
        }
        self.rows.push(row.clone());
        // Four thousand million rows do not fit in memory.
        let id = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.ids.insert(row, id);
        id
    }

    /// The row of an id.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&T> {
        self.rows.get((id as usize).checked_sub(1)?)
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows after the first `count`.
    pub fn after(&self, count: usize) -> impl Iterator<Item = &T> {
        self.rows.iter().skip(count)
    }
}

/// A function: ids of its name and file, and its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Function {
    /// Its qualified name.
    pub name: u32,
    /// Its file.
    pub file: u32,
    /// Its first line, 0 if unknown.
    pub first_line: u32,
}

/// Everything named so far.
#[derive(Debug, Default)]
pub struct Tree {
    /// Names and paths.
    pub texts: Table<Box<str>>,
    /// Functions.
    pub functions: Table<Function>,
    /// A function and the line that runs in it, 0 if unknown.
    pub frames: Table<(u32, u32)>,
    /// A parent stack (0: none) and the frame on top of it.
    pub stacks: Table<(u32, u32)>,
}

impl Tree {
    /// The id of a text.
    pub fn text(&mut self, text: &str) -> u32 {
        if let Some(&id) = self.texts.ids.get(text) {
            return id;
        }
        self.texts.id(text.into())
    }

    /// The id of a function.
    pub fn function(&mut self, name: &str, file: &str, first_line: u32) -> u32 {
        let (name, file) = (self.text(name), self.text(file));
        self.functions.id(Function { name, file, first_line })
    }

    /// A stack on top of another one.
    pub fn on(&mut self, below: u32, stack: u32) -> u32 {
        let parents = std::iter::successors(self.stacks.get(stack), |&&(parent, _)| self.stacks.get(parent));
        let frames: Vec<u32> = parents.map(|&(_, frame)| frame).collect();
        frames.into_iter().rev().fold(below, |parent, frame| self.stacks.id((parent, frame)))
    }

    /// The frames of a stack, outermost first, as function and running line.
    #[must_use]
    pub fn frames_of(&self, stack: u32) -> Vec<(Function, u32)> {
        let mut found = Vec::new();
        let mut at = stack;
        while let Some(&(parent, frame)) = self.stacks.get(at) {
            if let Some(&(function, line)) = self.frames.get(frame)
                && let Some(&function) = self.functions.get(function)
            {
                found.push((function, line));
            }
            at = parent;
        }
        found.reverse();
        found
    }

    /// A text by its id.
    #[must_use]
    pub fn text_of(&self, id: u32) -> &str {
        self.texts.get(id).map_or("", |text| text)
    }
}

/// How much of the tables is in the stream.
#[derive(Debug, Default)]
pub struct Written {
    texts: usize,
    functions: usize,
    frames: usize,
    stacks: usize,
}

impl Written {
    /// Writes what is not.
    pub fn tables(&mut self, tree: &Tree, writer: &mut Writer) {
        for text in tree.texts.after(self.texts) {
            writer.text(text);
        }
        for function in tree.functions.after(self.functions) {
            let numbers = [function.name, function.file, function.first_line];
            writer.record(kind::FUNCTION, &numbers.map(u64::from));
        }
        for &(function, line) in tree.frames.after(self.frames) {
            writer.record(kind::FRAME, &[u64::from(function), u64::from(line)]);
        }
        for &(below, frame) in tree.stacks.after(self.stacks) {
            writer.record(kind::STACK, &[u64::from(below), u64::from(frame)]);
        }
        self.texts = tree.texts.len();
        self.functions = tree.functions.len();
        self.frames = tree.frames.len();
        self.stacks = tree.stacks.len();
    }
}
