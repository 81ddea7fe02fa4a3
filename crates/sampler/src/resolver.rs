//! From the frames of one reading to a stack of the recording: names them, outermost first, as far as they are of one moment.

use crate::calls::FAMILIAR;
use crate::names::Names;
use crate::reading::{Context, Link, OWNER_ENTRY, OWNER_GENERATOR, Reading, Resolved, Stillness};

/// Names the frames of one thread; remembers the last stack, since the outer part of a stack rarely changes.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    /// What was read, innermost first.
    pub links: Vec<Link>,
    /// The frames of the last reading, outermost first.
    pub resolved: Vec<Resolved>,
    /// Calls of the last reading that were not often seen before, as far as it stood still; or all of them.
    pub unproven: Vec<Call>,
    /// Whether these are all, so that calls are counted evenly.
    pub counts_all: bool,
    /// Whether the last stack was cut since a call in it was not known.
    pub is_unknown: bool,
    /// The call where it was cut though it seems to have stood still: two that are well known, and never called each other. How
    /// deep in the stack the callee is.
    pub doubted: Option<(usize, Call)>,
    /// How often code objects had changed when these frames were named.
    changes: u64,
    /// When all code objects of a stack were compared.
    compared: u64,
}

/// A call that was seen: the caller's frame and point, the callee's frame and code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// What was read of the caller.
    pub caller: Link,
    /// What was read of the callee.
    pub callee: Link,
    /// The caller's instruction.
    pub point: u32,
    /// The callee's code.
    pub code: u32,
}

impl Call {
    /// Whether both frames lie on the data stack with nothing between them.
    #[must_use]
    pub(crate) fn is_near(&self) -> bool {
        self.caller.on_data_stack && self.callee.on_data_stack && self.callee.previous == self.caller.address
    }

    /// Whether both frames are what they were, in a second reading that `again` looks them up in.
    #[must_use]
    pub(crate) fn stands(&self, mut again: impl FnMut(&Link) -> Option<Link>) -> bool {
        again(&self.caller).is_some_and(|link| link == self.caller)
            && again(&self.callee)
                .is_some_and(|link| link.code == self.callee.code && link.previous == self.callee.previous)
    }
}

impl Resolver {
    /// What comes is of another reading.
    pub(crate) fn begin(&mut self) {
        self.unproven.clear();
        self.counts_all = false;
    }

    /// The code objects of the frames are compared with what was read of them, since others may be at their addresses. Those of
    /// frames that are new are compared as they are named, if this is not due.
    pub(crate) fn renew(&mut self, context: &mut Context<'_>) {
        if context.names.codes.is_due(self.compared) {
            self.compared = context.names.codes.now();
            context.names.renew(context.remote, context.layout, &self.links);
        }
    }

    /// Names the frames, outermost first, as far as they are of one stack. The `stood` outermost were the same in a second
    /// reading. With `gaps`, frames on the data stack need not be
    /// next to each other in a stack that stood still: one that is being left keeps its place while the destructors of its
    /// last objects run, and is not part of the stack any more.
    pub(crate) fn resolve(
        &mut self,
        context: &mut Context<'_>,
        stillness: Stillness,
        whole: bool,
        stood: usize,
        gaps: bool,
        may_begin: impl Fn(u64) -> bool,
    ) -> Reading {
        self.is_unknown = false;
        self.doubted = None;
        let changes = context.names.codes.changes();
        if self.changes != changes {
            self.changes = changes;
            self.resolved.clear();
            self.unproven.clear();
        }
        let mut depth = 0;
        let mut cut = !whole;
        let count = self.links.len();
        while depth < count {
            let Some(link) = self.links.get(count - 1 - depth).copied() else { break };
            // The outer part of a stack rarely changes: what is as it was last time needs no look-up.
            if let Some(known) = self.resolved.get(depth)
                && known.link == link
            {
                depth += 1;
                continue;
            }
            self.resolved.truncate(depth);
            let is_innermost = depth + 1 == count;
            let stood_twice = depth < stood;
            let certain =
                stood_twice || stillness.holds(self.resolved.last().map(|below| &below.link), &link);
            let fits = |below: Option<&Resolved>| {
                let end = below.map_or(0, |below| below.end);
                let through_c = below.is_some_and(|below| below.link.owner >= OWNER_ENTRY);
                let may_be_apart = if certain { gaps } else { through_c };
                link.address == end || (may_be_apart && link.address > end) || may_begin(link.address)
            };
            match self.name(context, link, (stillness, certain, stood_twice), is_innermost, fits) {
                Some(named) => self.resolved.push(named),
                None => {
                    cut = true;
                    break;
                }
            }
            depth += 1;
        }
        self.resolved.truncate(depth);
        let stack = self.resolved.last().map_or(0, |last| last.stack);
        Reading { stack, cut, certain: stillness.is_whole() }
    }

    /// Learns the calls of the last reading whose frames are neighbours on the data stack, and its innermost point if the stack
    /// `ended` there. Whether some are left, for which it takes a second reading: others, and those that are to be proven. None if
    /// the thread stands for certain, and only others, not of functions that are well known, if it will do so at another time.
    pub(crate) fn learn(&mut self, context: &mut Context<'_>, ended: bool) -> bool {
        let evenly = self.counts_all;
        let names = &mut *context.names;
        let will_stand = context.seat.exists();
        self.unproven.retain(|call| {
            if !call.is_near() {
                return true;
            }
            names.learn_call(call.point, call.code, evenly);
            if will_stand {
                names.prove_call(call.point, call.code);
            }
            !names.is_proven_call(call.point, call.code)
        });
        if let Some(last) = self.resolved.last().filter(|last| ended && last.point != u32::MAX) {
            names.calls.learn_innermost(last.point, evenly);
        }
        if context.is_stopped {
            for call in self.unproven.drain(..) {
                // The others were learned above.
                if !call.is_near() {
                    names.learn_call(call.point, call.code, evenly);
                }
                names.prove_call(call.point, call.code);
            }
        } else if will_stand {
            self.unproven.retain(|call| !names.is_familiar_call(call.point, call.code));
        }
        !self.unproven.is_empty()
    }

    /// Learns the calls that are left as far as they are the same in a second reading, in which `again` looks frames up.
    pub(crate) fn learn_again(&mut self, names: &mut Names, mut again: impl FnMut(&Link) -> Option<Link>) {
        for call in self.unproven.drain(..) {
            let stands = call.stands(&mut again);
            // The others were learned at once.
            if stands && !call.is_near() {
                names.learn_call(call.point, call.code, self.counts_all);
            }
            names.tried_call(call.point, call.code, stands);
        }
    }

    /// All calls of the last reading, to be counted.
    pub(crate) fn prove_all(&mut self) {
        self.unproven.clear();
        self.counts_all = true;
        let visible = self.resolved.iter().filter(|row| row.visible.address == row.link.address);
        let mut below: Option<&Resolved> = None;
        for row in visible.filter(|row| row.point != u32::MAX) {
            if let Some(below) = below {
                let (caller, callee) = (below.visible, row.link);
                self.unproven.push(Call { caller, callee, point: below.point, code: row.code });
            }
            below = Some(row);
        }
    }

    /// One frame on top of those that are resolved; `None` if it cannot be on top of them.
    fn name(
        &mut self,
        context: &mut Context<'_>,
        link: Link,
        (stillness, certain, stood_twice): (Stillness, bool, bool),
        is_innermost: bool,
        fits: impl Fn(Option<&Resolved>) -> bool,
    ) -> Option<Resolved> {
        let below = self.resolved.last().copied();
        let hidden = |end| Resolved {
            link,
            visible: below.map_or(link, |below| below.visible),
            end,
            code: below.map_or(u32::MAX, |below| below.code),
            point: below.map_or(u32::MAX, |below| below.point),
            parent: below.map_or(0, |below| below.parent),
            stack: below.map_or(0, |below| below.stack),
        };
        let end = below.map_or(0, |below| below.end);
        if link.owner >= OWNER_ENTRY {
            return Some(hidden(end));
        }
        let names = &mut *context.names;
        let (code, instr) = match link.code {
            // From 3.14 on a frame that has returned has no code any more, but still its instruction.
            0 => names.codes.around(link.instr)?,
            address => names.code_at(context.remote, context.layout, address, link.instr)?,
        };
        let known = names.codes.get(code)?;
        let mut next = end;
        if link.on_data_stack {
            if link.owner != 0 || !fits(below.as_ref()) {
                return None;
            }
            next = link.address + known.frame_bytes;
        }
        if link.owner != OWNER_GENERATOR && instr < known.first_running {
            // A frame that is being set up has called nothing yet: what lies on it is older.
            return (known.is_shim() || is_innermost).then(|| hidden(next));
        }
        if !known.has(instr) {
            return None;
        }
        let point = names.point(context.layout, context.tree, code, instr);
        let mut parent = below.map_or(0, |below| below.stack);
        if let Some(below) = below.filter(|below| below.point != u32::MAX) {
            // A stack can come back to what it was within one reading: two that are well known and were never proven to be
            // together are of two moments then. If they are not, that is learned when the thread stands for certain, or is
            // told by a second reading.
            let will_stand = context.seat.exists();
            let is_doubted = stillness != Stillness::Certain
                && (will_stand || (certain && !stood_twice))
                && names.calls.are_strangers(below.point, code, below.code, will_stand);
            let may_learn = (certain || stillness == Stillness::Whole) && !is_doubted;
            let call = Call { caller: below.visible, callee: link, point: below.point, code };
            if may_learn && !names.calls.is_settled(below.point, code) {
                self.unproven.push(call);
            }
            if !certain || is_doubted {
                let least = if is_doubted { FAMILIAR } else { 1 };
                let Some(site) = names.call_site(below.point, code, least) else {
                    self.is_unknown = true;
                    self.doubted = Some((self.resolved.len(), call)).filter(|_| is_doubted);
                    return None;
                };
                if site != below.point {
                    // The caller ran on after the callee had returned: it was at the call when the innermost frame was read.
                    parent = context.tree.stacks.id((below.parent, names.frame(site)));
                }
            }
        }
        let stack = context.tree.stacks.id((parent, names.frame(point)));
        Some(Resolved { link, visible: link, end: next, code, point, parent, stack })
    }
}
