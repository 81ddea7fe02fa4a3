//! From what is read of a frame (code object, instruction) to the tables of the recording, and which calls are known to happen.
//!
//! Calls are learned from stacks that stood still while they were read twice. A stack that moved meanwhile may have the upper frames
//! of one moment on the lower frames of another; a pair of caller and callee that was never seen standing is where
//! such a stack is cut.

use hashbrown::{HashMap, HashSet};

use crate::code::Codes;
use crate::layout::Layout;
use crate::remote::Remote;
use crate::tree::Tree;

/// An instruction of a code object, as one process has it.
#[derive(Clone, Copy, Debug)]
struct Point {
    code: u32,
    frame: u32,
    /// A code that was called from here: nearly always the only one.
    callee: u32,
}

/// What one process's frames are called.
#[derive(Debug, Default)]
pub struct Names {
    /// Its code objects.
    pub codes: Codes,
    by_place: HashMap<(u32, u64), u32, foldhash::fast::RandomState>,
    points: Vec<Point>,
    calls: HashSet<(u32, u32), foldhash::fast::RandomState>,
    call_sites: HashMap<(u32, u32), u32, foldhash::fast::RandomState>,
}

/// No code: what a point that never called anything has as callee.
const NO_CODE: u32 = u32::MAX;

impl Names {
    /// The id of an instruction of a code object, within this process.
    #[inline]
    pub fn point(&mut self, layout: &Layout, tree: &mut Tree, code: u32, instr: u64) -> u32 {
        if let Some(&point) = self.by_place.get(&(code, instr)) {
            return point;
        }
        self.new_point(layout, tree, code, instr)
    }

    fn new_point(&mut self, layout: &Layout, tree: &mut Tree, code: u32, instr: u64) -> u32 {
        let frame = match self.codes.get(code) {
            Some(found) => {
                let function = tree.function(&found.name, &found.file, found.first_line);
                tree.frames.id((function, found.line(layout, instr)))
            }
            None => 0,
        };
        let point = u32::try_from(self.points.len()).unwrap_or(u32::MAX);
        self.points.push(Point { code, frame, callee: NO_CODE });
        self.by_place.insert((code, instr), point);
        point
    }

    /// The frame of a point.
    #[must_use]
    #[inline]
    pub fn frame(&self, point: u32) -> u32 {
        self.points.get(point as usize).map_or(0, |point| point.frame)
    }

    /// Whether `callee` is known to be called from `caller`.
    #[must_use]
    #[inline]
    pub fn is_call(&self, caller: u32, callee: u32) -> bool {
        let is_usual = self.points.get(caller as usize).is_some_and(|point| point.callee == callee);
        is_usual || self.calls.contains(&(caller, callee))
    }

    /// Two readings after one another had `callee` called from `caller`.
    pub fn learn_call(&mut self, caller: u32, callee: u32) {
        let Some(point) = self.points.get_mut(caller as usize) else { return };
        if point.callee == NO_CODE {
            point.callee = callee;
        }
        let code = point.code;
        if self.calls.insert((caller, callee)) {
            self.call_sites.insert((code, callee), caller);
        }
    }

    /// Where `caller` may be while `callee` runs: itself if that call is known, else an instruction of the same code that is
    /// known to call it.
    #[must_use]
    pub fn call_site(&self, caller: u32, callee: u32) -> Option<u32> {
        let point = self.points.get(caller as usize)?;
        if self.is_call(caller, callee) {
            return Some(caller);
        }
        self.call_sites.get(&(point.code, callee)).copied()
    }

    /// Compares some code objects with what was read of them, and forgets what has changed.
    pub fn revalidate(&mut self, remote: Remote, layout: &Layout, at_most: usize) -> bool {
        // Points belong to the index of a code, and a code that is read anew gets another index: nothing else to forget.
        !self.codes.revalidate(remote, layout, at_most).is_empty()
    }
}
