//! What a sampler saw, as collapsed stacks of whatever dialect: only the names of the two branches' functions are looked for.

use anyhow::{Context, Result};

use super::target::number;

/// Samples of the program in `branches.py`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Stacks {
    shallow: u64,
    deep: u64,
    impossible: u64,
}

/// A function of a branch: which one, and how deep in it.
type Place = (bool, u32);

impl Stacks {
    /// Reads lines of `frame;frame;… count`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut found = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (stack, count) = line.rsplit_once(' ').with_context(|| format!("not a stack: {line}"))?;
            let count: u64 = count.parse().with_context(|| format!("no count: {line}"))?;
            // What marks the collector of garbage may stand on any function.
            let frames = stack.split(';').filter(|frame| !frame.contains("<GC>"));
            let places: Vec<Option<Place>> = frames.map(place).collect();
            match places.iter().flatten().next() {
                Some((true, _)) => found.shallow += count,
                Some((false, _)) => found.deep += count,
                None => {}
            }
            if places.windows(2).any(|pair| !is_possible(pair[0], pair[1])) {
                found.impossible += count;
            }
        }
        Ok(found)
    }

    /// How many samples were in the branches.
    pub(super) fn count(&self) -> u64 {
        self.shallow + self.deep
    }

    /// Percent of them that were in the shallow one.
    pub(super) fn share(&self) -> f64 {
        100.0 * number(self.shallow) / number(self.count())
    }

    /// The standard error of that share, in percentage points.
    pub(super) fn error(&self) -> f64 {
        (self.share() * (100.0 - self.share()) / number(self.count())).sqrt()
    }

    /// Stacks with a caller and a callee that never were, of 10,000.
    pub(super) fn impossible(&self) -> f64 {
        1e4 * number(self.impossible) / number(self.count())
    }
}

/// The place in a branch that a frame's text names.
fn place(frame: &str) -> Option<Place> {
    let words = frame.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let place = |word: &str| {
        let (branch, level) = word.split_once('_')?;
        let is_shallow = match branch {
            "shallow" => true,
            "deep" => false,
            _ => return None,
        };
        Some((is_shallow, level.parse().ok()?))
    };
    words.filter_map(place).next()
}

/// Each function has one caller, named with the number before its own.
fn is_possible(caller: Option<Place>, callee: Option<Place>) -> bool {
    match (caller, callee) {
        (_, None) => caller.is_none(),
        (None, Some((_, level))) => level == 1,
        (Some((branch, above)), Some((same, level))) => branch == same && level == above + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_counted_in_every_dialect() {
        let text = "tid:1;b.py:<module>:9;b.py:main:5;<deep>:deep_1:1;<deep>:deep_2:1 3\n\
                    <module> (b.py:9);main (b.py:5);shallow_1 (<shallow>:3) 1\n\
                    <module> (b.py:9);main (b.py:5) 7\n";
        let found = Stacks::parse(text).unwrap();
        assert_eq!(found, Stacks { shallow: 1, deep: 3, impossible: 0 });
        assert_eq!((found.share(), found.count()), (25.0, 4));
    }

    #[test]
    fn what_never_was_is_told() {
        for stack in ["main;deep_2", "main;deep_1;shallow_2", "main;deep_1;deep_3", "main;deep_1;main"] {
            assert_eq!(Stacks::parse(&format!("{stack} 2")).unwrap().impossible, 2, "{stack}");
        }
    }
}
