//! From what is read of a frame (code object, instruction) to the tables of the recording.

use hashbrown::HashMap;

use crate::calls::Calls;
use crate::code::Codes;
use crate::layout::Layout;
use crate::reading::Link;
use crate::remote::Remote;
use crate::tree::Tree;

/// Who makes new code all the time is learned anew after as many code objects: memory stays within some 100 MB.
const MAX_CODES: usize = 100_000;

/// An instruction of a code object, as one process has it.
#[derive(Clone, Copy, Debug)]
struct Point {
    code: u32,
    frame: u32,
}

/// What one process's frames are called.
#[derive(Debug, Default)]
pub struct Names {
    /// Its code objects.
    pub codes: Codes,
    by_place: HashMap<(u32, u64), u32, foldhash::fast::RandomState>,
    points: Vec<Point>,
    /// Which of them call which codes.
    pub calls: Calls,
}

impl Names {
    /// The code object at an address, where this instruction runs, and where that stands in its own instructions. An instruction that was never seen there is a sign of
    /// another code object at the address of one that is gone (3.11: a generator expression where a module's body was): it is
    /// compared with what was read before. Steady programs run the same instructions again and again. Frames that are being set
    /// up are no sign of anything: they are never named, and would be compared each time.
    pub fn code_at(
        &mut self,
        remote: Remote,
        layout: &Layout,
        address: u64,
        instr: u64,
    ) -> Option<(u32, u64)> {
        if let Some(known) = self.codes.known(address) {
            let instr = self.codes.original(remote, layout, known, instr);
            let runs = || self.codes.get(known).is_some_and(|code| code.runs(instr));
            let is_usual = self.codes.is_believed(known)
                && (self.codes.is_certain(known) || !runs() || self.by_place.contains_key(&(known, instr)));
            if is_usual {
                return Some((known, instr));
            }
            self.codes.recheck(remote, layout, vec![known]);
        }
        let code = self.codes.find(remote, layout, address)?;
        Some((code, self.codes.original(remote, layout, code, instr)))
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
        self.points.push(Point { code, frame });
        self.by_place.insert((code, instr), point);
        point
    }

    /// The frame of a point.
    #[must_use]
    #[inline]
    pub fn frame(&self, point: u32) -> u32 {
        self.points.get(point as usize).map_or(0, |point| point.frame)
    }

    /// Where `caller` may be while `callee` runs: itself if that call was seen `least` times, which is a good part, else an
    /// instruction of the same code of which that holds.
    #[must_use]
    pub fn call_site(&self, caller: u32, callee: u32, least: u32) -> Option<u32> {
        if self.calls.is_known(caller, callee, least) {
            return Some(caller);
        }
        self.calls.site(self.points.get(caller as usize)?.code, callee, least)
    }

    /// Whether a caller's function and a callee are well known.
    #[must_use]
    pub fn is_familiar_call(&self, caller: u32, callee: u32) -> bool {
        self.points.get(caller as usize).is_some_and(|point| self.calls.are_familiar(point.code, callee))
    }

    /// Whether it was proven that a caller's function calls a callee.
    #[must_use]
    pub fn is_proven_call(&self, caller: u32, callee: u32) -> bool {
        let point = self.points.get(caller as usize);
        point.is_some_and(|point| self.calls.is_proven(caller, callee, point.code))
    }

    /// A stack that stood still had `callee` called from `caller`; `evenly` as in `Calls::learn`.
    pub fn learn_call(&mut self, caller: u32, callee: u32, evenly: bool) {
        if let Some(point) = self.points.get(caller as usize) {
            self.calls.learn(caller, callee, evenly, point.code);
        }
    }

    /// A call was looked for in a second reading, and was there if it `stood`.
    pub fn tried_call(&mut self, caller: u32, callee: u32, stood: bool) {
        if let Some(point) = self.points.get(caller as usize) {
            self.calls.tried(caller, callee, point.code, stood);
        }
    }

    /// A call was seen in a stack that stood still for certain.
    pub fn prove_call(&mut self, caller: u32, callee: u32) {
        if let Some(point) = self.points.get(caller as usize) {
            self.calls.prove(caller, callee, point.code);
        }
    }

    /// Compares the code objects at these addresses with what was read of them.
    pub fn recheck(&mut self, remote: Remote, layout: &Layout, addresses: impl Iterator<Item = u64>) {
        let known = addresses.filter_map(|address| self.codes.known(address)).collect();
        // Points belong to the index of a code, and a code that is read anew gets another index: nothing else to forget.
        self.codes.recheck(remote, layout, known);
    }

    /// The same for those of a stack that are not to be believed any more, all at once.
    pub fn renew(&mut self, remote: Remote, layout: &Layout, links: &[Link]) {
        let mut doubted = Vec::new();
        let mut last = u64::MAX;
        for link in links {
            if link.code == last {
                continue;
            }
            last = link.code;
            let known = match link.code {
                0 => self.codes.around(link.instr).map(|(code, _)| code),
                address => self.codes.known(address),
            };
            doubted.extend(known.filter(|&known| !self.codes.is_believed(known)));
        }
        if !doubted.is_empty() {
            self.codes.recheck(remote, layout, doubted);
        }
    }

    /// A sample is taken.
    pub fn begin(&mut self, now: u64) {
        if self.codes.count() > MAX_CODES {
            let mut codes = std::mem::take(&mut self.codes);
            codes.clear();
            *self = Self { codes, ..Self::default() };
        }
        self.codes.begin(now);
    }
}
