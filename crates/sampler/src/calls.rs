//! Which calls are known to happen in a process.
//!
//! They are learned from stacks that stood still: for certain where there is a [`seat`](crate::seat); else, where a frame lies
//! elsewhere, while they were read twice. A stack that moved
//! meanwhile may have the upper frames of one moment on the lower frames of another; a pair of caller and callee that is not
//! believed is where such a stack is cut. Since a stack may also come back to what it was, what was learned may be wrong: a call
//! is believed only if it is a good part of what its caller was seen to do, or of the calls of its callee. For the same
//! reason a stack that seems to have stood still is not believed where one function calls another for the first time though
//! both were seen often: that is proven by a second reading. (Of a million stacks of 3.14 and 3.15, read as fast as possible
//! from a program that changes them every 30 µs, some hundred came back within the reading.)

use hashbrown::HashMap;

/// A call that is less than this part of both is not believed.
const RARE: u32 = 16;
/// What was seen as often is counted in one of 64 readings only.
const SETTLED: u32 = 32;
/// What was seen as often is well known, and was not seen by mistake.
pub(crate) const FAMILIAR: u32 = 8;
/// A call is proven by so many second readings, unless they are less than this part: a stack that changes every few microseconds
/// comes back to what never was, too, once in a thousand times.
const PROOFS: u32 = 3;
const LUCKY: u32 = 64;
/// No code: what a point that never called anything has as callee.
const NO_CODE: u32 = u32::MAX;

/// How often a call was seen, where its caller was counted and where its callee was.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    by_caller: u32,
    by_callee: u32,
}

/// What is known of a point that may call.
#[derive(Clone, Copy, Debug)]
struct Caller {
    /// How often it was seen, calling or innermost.
    times: u32,
    /// A code that was called from here, nearly always the only one.
    callee: u32,
    seen: Seen,
    /// Whether its code was proven to call that one.
    is_proven: bool,
}

impl Default for Caller {
    fn default() -> Self {
        Self { times: 0, callee: NO_CODE, seen: Seen::default(), is_proven: false }
    }
}

/// A code that calls another one.
#[derive(Clone, Copy, Debug)]
struct Site {
    /// The point where that was seen most.
    point: u32,
    /// How often a second reading was to prove it, and did.
    tried: u32,
    proven: u32,
}

impl Site {
    fn at(point: u32) -> Self {
        Self { point, tried: 0, proven: 0 }
    }

    fn is_proven(self) -> bool {
        self.proven >= PROOFS && self.proven.saturating_mul(LUCKY) >= self.tried
    }
}

/// The calls of one process: callers are points, callees are codes.
#[derive(Debug, Default)]
pub struct Calls {
    callers: Vec<Caller>,
    /// By code: how often its commonest call was seen.
    commonest: Vec<u32>,
    seen: HashMap<(u32, u32), Seen, foldhash::fast::RandomState>,
    /// By the caller's code and the callee.
    sites: HashMap<(u32, u32), Site, foldhash::fast::RandomState>,
}

impl Calls {
    /// Whether `callee` is believed to be called from `caller`: it was seen `least` times, which is a good part.
    #[must_use]
    #[inline]
    pub fn is_known(&self, caller: u32, callee: u32, least: u32) -> bool {
        let Some(known) = self.callers.get(caller as usize) else { return false };
        let seen = match known.callee == callee {
            true => known.seen,
            false => self.seen.get(&(caller, callee)).copied().unwrap_or_default(),
        };
        (seen.by_callee >= least && is_part(seen.by_callee, self.commonest(callee)))
            || (seen.by_caller >= least.max(2) && is_part(seen.by_caller, known.times))
    }

    /// Whether two codes are well known.
    #[must_use]
    pub fn are_familiar(&self, caller_code: u32, callee: u32) -> bool {
        self.commonest(caller_code) >= FAMILIAR && self.commonest(callee) >= FAMILIAR
    }

    /// Whether the code of a caller was proven to call another one.
    #[must_use]
    #[inline]
    pub fn is_proven(&self, caller: u32, callee: u32, caller_code: u32) -> bool {
        let known = self.callers.get(caller as usize).filter(|known| known.callee == callee);
        known.is_some_and(|known| known.is_proven)
            || self.sites.get(&(caller_code, callee)).is_some_and(|site| site.is_proven())
    }

    /// Whether two codes were seen so often that they should have been seen together if one calls the other from `caller`, and
    /// it was never proven. `will_stand` if calls are learned from stacks that stood still for certain.
    #[must_use]
    #[inline]
    pub fn are_strangers(&self, caller: u32, callee: u32, caller_code: u32, will_stand: bool) -> bool {
        let often = if will_stand { FAMILIAR } else { SETTLED };
        !self.is_proven(caller, callee, caller_code)
            && self.commonest(caller_code) >= often
            && self.commonest(callee) >= often
    }

    /// Whether both were seen so often that this call is counted only now and then.
    #[must_use]
    #[inline]
    pub fn is_settled(&self, caller: u32, callee: u32) -> bool {
        let caller = self.callers.get(caller as usize).is_some_and(|known| known.times >= SETTLED);
        caller && self.commonest(callee) >= SETTLED
    }

    /// A stack that stood still had `callee` called from `caller`. One of evenly chosen stacks, or of all.
    pub fn learn(&mut self, caller: u32, callee: u32, evenly: bool, caller_code: u32) {
        let (Some(from), Some(to)) = (entry(&mut self.callers, caller), entry(&mut self.commonest, callee))
        else {
            return;
        };
        let seen = self.seen.entry((caller, callee)).or_default();
        if evenly || from.times < SETTLED {
            from.times = from.times.saturating_add(1);
            seen.by_caller = seen.by_caller.saturating_add(1);
        }
        if evenly || *to < SETTLED {
            seen.by_callee = seen.by_callee.saturating_add(1);
        }
        if from.callee == NO_CODE {
            from.callee = callee;
        }
        if from.callee == callee {
            from.seen = *seen;
        }
        // Where a callee is called from several places of one function, the commonest stands for them.
        let site = self.sites.entry((caller_code, callee)).or_insert(Site::at(caller));
        if seen.by_callee > *to {
            site.point = caller;
        }
        *to = (*to).max(seen.by_callee);
    }

    /// A call was looked for in a second reading, and was there if it `stood`.
    pub fn tried(&mut self, caller: u32, callee: u32, caller_code: u32, stood: bool) {
        let site = self.sites.entry((caller_code, callee)).or_insert(Site::at(caller));
        site.tried = site.tried.saturating_add(1);
        site.proven = site.proven.saturating_add(stood.into());
        let is_proven = site.is_proven();
        self.remember(caller, callee, is_proven);
    }

    /// A call was seen in a stack that stood still for certain.
    pub fn prove(&mut self, caller: u32, callee: u32, caller_code: u32) {
        let site = self.sites.entry((caller_code, callee)).or_insert(Site::at(caller));
        (site.tried, site.proven) = (PROOFS, PROOFS);
        self.remember(caller, callee, true);
    }

    fn remember(&mut self, caller: u32, callee: u32, is_proven: bool) {
        if let Some(known) = entry(&mut self.callers, caller).filter(|known| known.callee == callee) {
            known.is_proven = is_proven;
        }
    }

    /// A stack that stood still had a point innermost.
    pub fn learn_innermost(&mut self, point: u32, evenly: bool) {
        if let Some(known) = entry(&mut self.callers, point)
            && (evenly || known.times < SETTLED)
        {
            known.times = known.times.saturating_add(1);
        }
    }

    /// A point of the same code that is known to call `callee`; `least` as in [`is_known`](Self::is_known).
    #[must_use]
    pub fn site(&self, caller_code: u32, callee: u32, least: u32) -> Option<u32> {
        let site = self.sites.get(&(caller_code, callee))?.point;
        Some(site).filter(|&site| self.is_known(site, callee, least))
    }

    fn commonest(&self, callee: u32) -> u32 {
        self.commonest.get(callee as usize).copied().unwrap_or(0)
    }
}

fn is_part(part: u32, whole: u32) -> bool {
    part > 0 && part.saturating_mul(RARE) >= whole
}

/// The element at an index, of a table that grows as needed.
fn entry<T: Clone + Default>(table: &mut Vec<T>, index: u32) -> Option<&mut T> {
    let index = index as usize;
    if table.len() <= index {
        table.resize(index + 1, T::default());
    }
    table.get_mut(index)
}

#[cfg(test)]
mod tests {
    use super::Calls;

    /// A hub is called from one place most of the time and from many others, each of which calls nothing else.
    #[test]
    fn a_rare_call_is_known_where_its_caller_makes_no_other() {
        let mut calls = Calls::default();
        (0..10_000).for_each(|_| calls.learn(0, 7, true, 0));
        for caller in 1..100 {
            calls.learn(caller, 7, false, caller);
            assert!(!calls.is_known(caller, 7, 1), "once may be a mistake");
            calls.learn(caller, 7, false, caller);
            assert!(calls.is_known(caller, 7, 1), "{caller}");
        }
    }

    #[test]
    fn one_of_many_callees_is_known_where_nothing_else_calls_it() {
        let mut calls = Calls::default();
        (0..10_000).for_each(|_| calls.learn(0, 1, true, 0));
        calls.learn(0, 2, false, 0);
        assert!(calls.is_known(0, 2, 1));
    }

    /// A stack that moved away and back looks as if it had stood still.
    #[test]
    fn what_neither_side_does_otherwise_is_not_believed() {
        let mut calls = Calls::default();
        (0..100).for_each(|_| calls.learn(0, 10, false, 0));
        (0..100).for_each(|_| calls.learn(1, 11, false, 1));
        calls.learn(0, 11, true, 0);
        assert!(!calls.is_known(0, 11, 1));
        assert_eq!(calls.site(0, 11, 1), None);
        assert!(calls.is_known(0, 10, 1) && calls.is_known(1, 11, 1));
    }

    #[test]
    fn two_that_are_well_known_are_strangers_until_one_is_proven_to_call_the_other() {
        let mut calls = Calls::default();
        for _ in 0..100 {
            // The codes 10 and 11 are called by others.
            calls.learn(0, 10, false, 0);
            calls.learn(1, 11, false, 0);
        }
        let strangers = |calls: &Calls| calls.are_strangers(2, 11, 10, false);
        assert!(strangers(&calls));
        assert!(
            !calls.are_strangers(2, 12, 10, false),
            "12 was never seen: it may well be called from there"
        );
        calls.learn(2, 11, false, 10);
        assert!(strangers(&calls), "seen once");
        (0..2).for_each(|_| calls.tried(2, 11, 10, true));
        (0..300).for_each(|_| calls.tried(2, 11, 10, false));
        calls.tried(2, 11, 10, true);
        assert!(strangers(&calls), "by chance");
        (0..2).for_each(|_| calls.tried(2, 11, 10, true));
        assert!(!strangers(&calls), "5 of 305");
        assert!(!calls.are_strangers(3, 11, 10, false), "another point of the same code");
        calls.prove(4, 10, 11);
        assert!(!calls.are_strangers(4, 10, 11, false), "seen for certain");
    }

    /// While it runs itself, or what is no Python function, it is seen with what it calls elsewhere only if the stack moved.
    #[test]
    fn a_point_that_is_mostly_innermost_calls_nothing() {
        let mut calls = Calls::default();
        (0..31).for_each(|_| calls.learn_innermost(0, false));
        (0..40).for_each(|_| calls.learn(1, 5, false, 0));
        calls.learn(0, 5, false, 0);
        assert!(!calls.is_known(0, 5, 1));
        // The point of the same function that does.
        assert_eq!(calls.site(0, 5, 1), Some(1));
    }
}
