//! Contexts within a cycle that some functions pass through only once, such as Python's imports: module bodies call
//! the import system, which calls module bodies.
//!
//! A function that is never active twice conserves even within a cycle: its total is its self value plus its
//! callees'. Only the recursive functions between them (the import system) count overlapping activations once. So
//! parcels go down from the entries, through the recursive functions as often as need be, and through a plain one once: at
//! a recursive function the heaviest plain callee that fits is placed whole, the way nested totals must lie.
//!
//! What finds no place (data that does not add up) is forced under the nearest context in the end: self
//! values are kept whatever happens.

mod marks;
mod measure;
mod ways;

use std::collections::{BTreeSet, BinaryHeap};

use foldhash::{HashMap, HashSet};

pub(super) use marks::Marks;

use super::graph::Graph;
use super::place::{Parcel, Placer};
use super::shares::apportion_coarsely;
use crate::error::BuildError;

/// A parcel that is short of a callee's total by no more than this part of it is all that the callee gets: totals that
/// are a little too large (time that clashed keys lost) must not turn the nesting upside down.
const SLACK: i64 = 64;

/// One call: parcels may be a part of one.
const CALL: i64 = 1024;

/// How many edges are looked at within one cycle before what is left is forced.
const MAX_WORK: usize = 20_000_000;

/// What is still to be placed within one cycle.
pub(super) struct Nesting {
    nodes: Vec<Node>,
    marks: Marks,
    heap: BinaryHeap<Item>,
    /// Parcels that found no place yet.
    waiting: Vec<Item>,
    /// The plain functions above a parcel, as linked lists.
    trails: Vec<(usize, Option<usize>)>,
    /// By function: the last edges of the ways to the others of its node.
    ways: HashMap<usize, HashMap<usize, usize>>,
    work: usize,
    sequence: usize,
}

#[derive(Default)]
struct Node {
    functions: Vec<usize>,
    is_plain: bool,
    /// The edges out of the node and within it that are divided.
    edges: Vec<usize>,
    /// The edges of one call to a plain function, which is to stay whole, by what is left of them.
    plain_callees: BTreeSet<(i64, usize)>,
    /// Whether it or a recursive node below it has such edges.
    has_whole: bool,
    /// The calls that are still to come, in parts of [`CALL`].
    calls_left: i64,
}

/// A parcel at a function that has kept its part of it already.
#[derive(PartialEq, Eq)]
struct Item {
    parcel: Parcel,
    function: usize,
    trail: Option<usize>,
    /// How many calls it is, in parts of [`CALL`].
    calls: i64,
    sequence: usize,
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.parcel.amount, other.sequence).cmp(&(other.parcel.amount, self.sequence))
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Nesting {
    /// Adds parcels that came into the cycle over one edge, or none, and have left their part at `function`.
    pub(super) fn enter(
        &mut self,
        graph: &Graph,
        function: usize,
        edge: Option<usize>,
        parcels: Vec<Parcel>,
    ) {
        let trail = self.trail(function, None);
        let whole = parcels.iter().fold(0i64, |sum, parcel| sum.saturating_add(parcel.amount));
        for parcel in parcels {
            let calls = part_of_calls(graph, edge, parcel.amount, whole);
            self.push(parcel, function, trail, calls);
        }
    }

    fn trail(&mut self, function: usize, above: Option<usize>) -> Option<usize> {
        if !self.nodes[self.node_of(function)].is_plain {
            return above;
        }
        self.trails.push((function, above));
        Some(self.trails.len() - 1)
    }

    /// The node of a function of the cycle.
    fn node_of(&self, function: usize) -> usize {
        self.marks.node_of[function].unwrap_or(0)
    }

    fn is_on_trail(&self, function: usize, mut trail: Option<usize>) -> bool {
        while let Some(at) = trail {
            let (above, next) = self.trails[at];
            if above == function {
                return true;
            }
            trail = next;
        }
        false
    }

    fn push(&mut self, parcel: Parcel, function: usize, trail: Option<usize>, calls: i64) {
        if parcel.amount > 0 {
            self.sequence += 1;
            self.heap.push(Item { parcel, function, trail, calls, sequence: self.sequence });
        }
    }

    /// Places everything.
    pub(super) fn run(mut self, placer: &mut Placer<'_, '_>) -> Result<(), BuildError> {
        loop {
            while let Some(item) = self.heap.pop() {
                self.pass_on(item, placer)?;
            }
            let waiting = std::mem::take(&mut self.waiting);
            for item in waiting {
                self.pass_on_split(item, placer)?;
            }
            if self.heap.is_empty() {
                break;
            }
        }
        self.force(placer)?;
        self.marks.clear(placer.graph, &self.nodes);
        placer.marks = self.marks;
        Ok(())
    }

    /// Divides a parcel among what its node's functions still want; a small one among as few of them as possible.
    fn pass_on(&mut self, item: Item, placer: &mut Placer<'_, '_>) -> Result<(), BuildError> {
        let node = self.node_of(item.function);
        self.work += 1;
        if self.work > MAX_WORK {
            self.waiting.push(item);
            return Ok(());
        }
        let mut rest = self.send_whole(&item, node, item.parcel.amount, placer)?;
        let on_trail = self.functions_on_trail(item.trail);
        let mut edges = std::mem::take(&mut self.nodes[node].edges);
        if rest < placer.grain {
            rest = self.send_in_order(&item, &mut edges, rest, &on_trail, placer)?;
        } else {
            edges.retain(|&edge| self.marks.left(edge) > 0);
            self.work += edges.len();
            let wants = |&edge: &usize| match placer.graph.edges[edge].callee {
                callee if on_trail.contains(&callee) => 0,
                _ => self.marks.left(edge),
            };
            let wanted: Vec<i64> = edges.iter().map(wants).collect();
            let shares = self.shares(&item, node, &edges, &wanted, rest, placer);
            rest -= shares.iter().sum::<i64>();
            for (&edge, share) in edges.iter().zip(shares) {
                self.send(&item, edge, share, placer)?;
            }
        }
        self.nodes[node].edges = edges;
        if rest > 0 {
            let parcel = Parcel { amount: rest, ..item.parcel };
            self.waiting.push(Item { parcel, ..item });
        }
        Ok(())
    }

    /// Gives the first edges as much as they want, and drops those that want nothing more; returns what is left.
    fn send_in_order(
        &mut self,
        item: &Item,
        edges: &mut Vec<usize>,
        mut amount: i64,
        on_trail: &HashSet<usize>,
        placer: &mut Placer<'_, '_>,
    ) -> Result<i64, BuildError> {
        let done = edges.iter().take_while(|&&edge| self.marks.left(edge) <= 0).count();
        edges.drain(..done);
        for &edge in edges.iter() {
            if amount == 0 {
                break;
            }
            self.work += 1;
            if !on_trail.contains(&placer.graph.edges[edge].callee) {
                let share = self.marks.left(edge).min(amount);
                self.send(item, edge, share, placer)?;
                amount -= share;
            }
        }
        Ok(amount)
    }

    fn functions_on_trail(&self, trail: Option<usize>) -> HashSet<usize> {
        let above = |at: &usize| self.trails[*at].1;
        std::iter::successors(trail, above).map(|at| self.trails[at].0).collect()
    }

    /// Divides `amount` of a parcel among edges that want so much each.
    ///
    /// How much lies below a call differs most where single calls are that are to stay whole (an import that runs a
    /// module): there goes what is more than usual for so many calls. The rest is in proportion.
    fn shares(
        &mut self,
        item: &Item,
        node: usize,
        edges: &[usize],
        wanted: &[i64],
        amount: i64,
        placer: &Placer<'_, '_>,
    ) -> Vec<i64> {
        let calls_left = std::mem::replace(&mut self.nodes[node].calls_left, 0).max(item.calls).max(1);
        self.nodes[node].calls_left = calls_left - item.calls;
        let leads_to_whole = |&edge: &usize| {
            let callee = self.marks.node_of[placer.graph.edges[edge].callee];
            callee.is_some_and(|callee| {
                callee != node && !self.nodes[callee].is_plain && self.nodes[callee].has_whole
            })
        };
        let to_whole: Vec<bool> = edges.iter().map(leads_to_whole).collect();
        if !to_whole.contains(&true) {
            return divide(amount, wanted, placer.grain);
        }
        let only = |which: bool, wanted: &[i64]| -> Vec<i64> {
            wanted.iter().zip(&to_whole).map(|(&wanted, &is)| if is == which { wanted } else { 0 }).collect()
        };
        let others = only(false, wanted);
        let part = |&wanted: &i64| i128::from(wanted) * i128::from(item.calls) / i128::from(calls_left);
        let usual = i64::try_from(others.iter().map(part).sum::<i128>()).unwrap_or(i64::MAX).min(amount);
        let mut shares = divide(amount - usual, &only(true, wanted), placer.grain);
        let rest = amount - shares.iter().sum::<i64>();
        for (share, more) in shares.iter_mut().zip(divide(rest, &others, placer.grain)) {
            *share += more;
        }
        shares
    }

    /// Sends to plain callees, the heaviest that fits first; returns what none of them fits in.
    fn send_whole(
        &mut self,
        item: &Item,
        node: usize,
        mut amount: i64,
        placer: &mut Placer<'_, '_>,
    ) -> Result<i64, BuildError> {
        let fitting = |amount: i64| (amount.saturating_add(amount / SLACK), usize::MAX);
        let mut below = fitting(amount);
        while amount > 0 {
            self.work += 1;
            let Some(&(left, edge)) = self.nodes[node].plain_callees.range(..=below).next_back() else {
                break;
            };
            if left == 0 {
                break;
            }
            below = (left, edge);
            if edge == 0 {
                below = (left - 1, usize::MAX);
            } else {
                below.1 -= 1;
            }
            let callee = placer.graph.edges[edge].callee;
            if !self.is_on_trail(callee, item.trail) {
                let sent = left.min(amount);
                self.send(item, edge, sent, placer)?;
                amount -= sent;
                below = below.min(fitting(amount));
            }
        }
        Ok(amount)
    }

    /// Sends what is left of a parcel to whatever wants any of it.
    fn pass_on_split(&mut self, mut item: Item, placer: &mut Placer<'_, '_>) -> Result<(), BuildError> {
        let node = self.node_of(item.function);
        let plain: Vec<usize> = self.nodes[node].plain_callees.iter().rev().map(|&(_, edge)| edge).collect();
        let edges: Vec<usize> = plain.into_iter().chain(self.nodes[node].edges.iter().copied()).collect();
        self.work += edges.len() + 1;
        if self.work <= MAX_WORK {
            for edge in edges {
                let callee = placer.graph.edges[edge].callee;
                let amount = item.parcel.amount.min(self.marks.left(edge));
                if amount > 0 && !self.is_on_trail(callee, item.trail) {
                    self.send(&item, edge, amount, placer)?;
                    item.parcel.amount -= amount;
                }
            }
        }
        if item.parcel.amount > 0 {
            self.waiting.push(item);
        }
        Ok(())
    }

    /// Sends a part of a parcel over an edge of its node. The callee keeps its part, and what remains goes on.
    fn send(
        &mut self,
        item: &Item,
        edge: usize,
        amount: i64,
        placer: &mut Placer<'_, '_>,
    ) -> Result<(), BuildError> {
        if amount <= 0 {
            return Ok(());
        }
        let parcel = Parcel { amount, ..item.parcel };
        let parcel = self.go_to(parcel, item.function, placer.graph.edges[edge].caller, placer)?;
        let mut parcel = placer.below(parcel, edge)?;
        let before = self.marks.left(edge);
        let Some(own) = self.marks.own_left[edge] else {
            self.take(edge, amount, placer);
            return placer.arrive(edge, parcel);
        };
        let is_last = before - amount <= before / SLACK;
        self.take(edge, if is_last { before } else { amount }, placer);
        // The callee keeps in proportion, the last parcel all that is left.
        let kept = if is_last {
            own.min(amount)
        } else {
            let share = i128::from(own) * i128::from(amount) / i128::from(before);
            i64::try_from(share).unwrap_or(own).min(amount)
        };
        let callee = placer.graph.edges[edge].callee;
        if kept > 0 {
            self.marks.own_left[edge] = Some(own - kept);
            placer.keep(edge, Parcel { amount: kept, ..parcel })?;
        }
        parcel.amount -= kept;
        let trail = self.trail(callee, item.trail);
        let calls = part_of_calls(placer.graph, Some(edge), amount, before);
        self.push(parcel, callee, trail, calls);
        Ok(())
    }

    /// Less may flow over an edge from now on.
    fn take(&mut self, edge: usize, amount: i64, placer: &Placer<'_, '_>) {
        let before = self.marks.left(edge);
        self.marks.left[edge] = Some(before - amount);
        let node = self.node_of(placer.graph.edges[edge].caller);
        let node = &mut self.nodes[node];
        if node.plain_callees.remove(&(before, edge)) {
            node.plain_callees.insert((before - amount, edge));
        }
    }

    /// Puts what is waiting to whatever is still wanted: both add up to the same.
    fn force(&mut self, placer: &mut Placer<'_, '_>) -> Result<(), BuildError> {
        let functions = self.nodes.iter().flat_map(|node| &node.functions);
        let edges = functions.flat_map(|&function| placer.graph.outgoing.of(function));
        let of_edge = |&edge: &usize| match self.marks.own_left[edge] {
            Some(own) => (edge, own, true),
            None => (edge, self.marks.left(edge), false),
        };
        let mut wanted: Vec<(usize, i64, bool)> = edges.map(of_edge).collect();
        wanted.retain(|&(_, amount, _)| amount > 0);
        wanted.sort_unstable();
        let mut wanted = wanted.into_iter();
        let mut next = wanted.next();
        for mut item in std::mem::take(&mut self.waiting) {
            while let Some((edge, left, keeps)) = next
                && item.parcel.amount > 0
            {
                let amount = left.min(item.parcel.amount);
                let parcel = Parcel { amount, ..item.parcel };
                let parcel = self.go_to(parcel, item.function, placer.graph.edges[edge].caller, placer)?;
                let parcel = placer.below(parcel, edge)?;
                if keeps {
                    placer.keep(edge, parcel)?;
                } else {
                    placer.arrive(edge, parcel)?;
                }
                item.parcel.amount -= amount;
                next = if left > amount { Some((edge, left - amount, keeps)) } else { wanted.next() };
            }
        }
        Ok(())
    }
}

/// Divides as much of `amount` as is wanted.
fn divide(amount: i64, wanted: &[i64], grain: i64) -> Vec<i64> {
    let all: i128 = wanted.iter().map(|&wanted| i128::from(wanted)).sum();
    let amount = i64::try_from(all).unwrap_or(i64::MAX).min(amount);
    let mut shares = apportion_coarsely(amount, wanted, grain.min(amount));
    limit(&mut shares, wanted);
    shares
}

/// The calls over an edge (or one call into the program) that a part of its value stands for, in parts of [`CALL`].
fn part_of_calls(graph: &Graph, edge: Option<usize>, part: i64, whole: i64) -> i64 {
    let calls = edge.map_or(1, |edge| graph.edges[edge].calls.max(1));
    let calls = i128::from(calls) * i128::from(CALL) * i128::from(part) / i128::from(whole.max(1));
    i64::try_from(calls).unwrap_or(i64::MAX)
}

/// Shares that stay below what is wanted; what is over goes to others that want more.
fn limit(shares: &mut [i64], wanted: &[i64]) {
    let mut over = 0;
    for (share, &wanted) in shares.iter_mut().zip(wanted) {
        over += (*share - wanted).max(0);
        *share = (*share).min(wanted);
    }
    for (share, &wanted) in shares.iter_mut().zip(wanted) {
        let more = over.min(wanted - *share);
        *share += more;
        over -= more;
    }
}
