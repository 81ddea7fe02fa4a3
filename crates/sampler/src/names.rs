//! From what is read of a frame (code object, instruction) to the tables of the recording, and which calls are known to happen.
//!
//! Calls are learned from stacks that stood still; where a frame lies elsewhere, while they were read twice. A stack that moved
//! meanwhile may have the upper frames of one moment on the lower frames of another; a pair of caller and callee that is not
//! believed is where such a stack is cut. Since a stack may also come back to what it was, a pair that is hardly ever seen where
//! its callee is common is not believed.

use hashbrown::HashMap;

use crate::code::Codes;
use crate::layout::Layout;
use crate::remote::Remote;
use crate::tree::Tree;

/// An instruction of a code object, as one process has it.
#[derive(Clone, Copy, Debug)]
struct Point {
    code: u32,
    frame: u32,
    /// A code that was called from here, nearly always the only one, and how often that was seen.
    callee: u32,
    count: u32,
}

/// What one process's frames are called.
#[derive(Debug, Default)]
pub struct Names {
    /// Its code objects.
    pub codes: Codes,
    by_place: HashMap<(u32, u64), u32, foldhash::fast::RandomState>,
    points: Vec<Point>,
    calls: HashMap<(u32, u32), u32, foldhash::fast::RandomState>,
    /// By code: how often its commonest call was seen.
    commonest: Vec<u32>,
    call_sites: HashMap<(u32, u32), u32, foldhash::fast::RandomState>,
}

/// A call that was seen less than the callee's commonest one by this factor is not believed.
const RARE: u32 = 16;
/// A call that was seen as often is counted in one of 64 readings only.
const SETTLED: u32 = 32;

/// No code: what a point that never called anything has as callee.
const NO_CODE: u32 = u32::MAX;

impl Names {
    /// The code object at an address, where this instruction runs. An instruction that was never seen there is a sign of
    /// another code object at the address of one that is gone (3.11: a generator expression where a module's body was): it is
    /// compared with what was read before. Steady programs run the same instructions again and again. Frames that are being set
    /// up are no sign of anything: they are never named, and would be compared each time.
    pub fn code_at(&mut self, remote: Remote, layout: &Layout, address: u64, instr: u64) -> Option<u32> {
        if let Some(known) = self.codes.known(address) {
            let runs = self.codes.get(known).is_some_and(|code| code.runs(instr));
            if !runs || self.by_place.contains_key(&(known, instr)) {
                return Some(known);
            }
            self.codes.recheck(remote, layout, std::iter::once(address));
        }
        self.codes.find(remote, layout, address)
    }

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
        self.points.push(Point { code, frame, callee: NO_CODE, count: 0 });
        self.by_place.insert((code, instr), point);
        point
    }

    /// The frame of a point.
    #[must_use]
    #[inline]
    pub fn frame(&self, point: u32) -> u32 {
        self.points.get(point as usize).map_or(0, |point| point.frame)
    }

    /// Whether `callee` is believed to be called from `caller`.
    #[must_use]
    #[inline]
    pub fn is_call(&self, caller: u32, callee: u32) -> bool {
        let seen = match self.points.get(caller as usize) {
            Some(point) if point.callee == callee => point.count,
            _ => self.calls.get(&(caller, callee)).copied().unwrap_or(0),
        };
        let commonest = self.commonest.get(callee as usize).copied().unwrap_or(0);
        seen > 0 && seen.saturating_mul(RARE) >= commonest
    }

    /// Whether calls of `callee` were seen so often that they are counted only now and then.
    #[must_use]
    #[inline]
    pub fn is_settled(&self, callee: u32) -> bool {
        self.commonest.get(callee as usize).is_some_and(|&seen| seen >= SETTLED)
    }

    /// A stack that stood still had `callee` called from `caller`.
    pub fn learn_call(&mut self, caller: u32, callee: u32) {
        let Some(point) = self.points.get_mut(caller as usize) else { return };
        let seen = self.calls.entry((caller, callee)).or_default();
        *seen = seen.saturating_add(1);
        if point.callee == NO_CODE {
            point.callee = callee;
        }
        if point.callee == callee {
            point.count = *seen;
        }
        let index = callee as usize;
        if self.commonest.len() <= index {
            self.commonest.resize(index + 1, 0);
        }
        let site = (point.code, callee);
        if let Some(commonest) = self.commonest.get_mut(index) {
            // Where a callee is called from several places of one function, the commonest stands for them.
            if *seen > *commonest || !self.call_sites.contains_key(&site) {
                self.call_sites.insert(site, caller);
            }
            *commonest = (*commonest).max(*seen);
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
        self.call_sites.get(&(point.code, callee)).copied().filter(|&site| self.is_call(site, callee))
    }

    /// Compares the code objects at these addresses with what was read of them. Whether some were others.
    pub fn recheck(&mut self, remote: Remote, layout: &Layout, addresses: impl Iterator<Item = u64>) -> bool {
        !self.codes.recheck(remote, layout, addresses).is_empty()
    }

    /// Compares some code objects with what was read of them, and forgets what has changed.
    pub fn revalidate(&mut self, remote: Remote, layout: &Layout, at_most: usize) -> bool {
        // Points belong to the index of a code, and a code that is read anew gets another index: nothing else to forget.
        !self.codes.revalidate(remote, layout, at_most).is_empty()
    }
}
