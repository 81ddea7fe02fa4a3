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

use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use foldhash::{HashMap, HashMapExt};

use super::components::Components;
use super::flow::Flow;
use super::graph::Graph;
use super::place::{Parcel, Placer};
use super::shares::{apportion, apportion_coarsely};
use crate::error::BuildError;

/// How many edges are looked at within one cycle before what is left is forced.
const MAX_WORK: usize = 20_000_000;

/// What is still to be placed within one cycle.
pub(super) struct Nesting {
    /// The node of each function of the cycle: a plain function, or recursive ones that call each other.
    node_of: HashMap<usize, usize>,
    nodes: Vec<Node>,
    /// By edge out of the cycle's functions: what may still flow over it, or, within a node, be kept below it.
    left: HashMap<usize, i64>,
    /// By edge between nodes: what its callee may still keep under it.
    own_left: HashMap<usize, i64>,
    heap: BinaryHeap<Item>,
    /// Parcels that found no place yet.
    waiting: Vec<Item>,
    /// The plain functions above a parcel, as linked lists.
    trails: Vec<(usize, Option<usize>)>,
    work: usize,
    sequence: usize,
}

#[derive(Default)]
struct Node {
    functions: Vec<usize>,
    is_plain: bool,
    /// The edges out of the node and within it, without those to plain functions.
    edges: Vec<usize>,
    /// The edges to plain functions by what is left of them.
    plain_callees: BTreeSet<(i64, usize)>,
    plain_left: i128,
}

/// A parcel at a function that has kept its part of it already.
#[derive(PartialEq, Eq)]
struct Item {
    parcel: Parcel,
    function: usize,
    trail: Option<usize>,
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
    /// `None` if no function of the cycle is plain: then there is nothing to go by but proportions.
    pub(super) fn new(
        graph: &Graph,
        components: &Components,
        flow: &Flow,
        members: &[usize],
        sample_type: usize,
    ) -> Option<Self> {
        let plain: Vec<bool> =
            members.iter().map(|&function| is_plain(graph, flow, sample_type, function)).collect();
        if !plain.contains(&true) {
            return None;
        }
        let mut nesting = Self {
            node_of: HashMap::new(),
            nodes: Vec::new(),
            left: HashMap::new(),
            own_left: HashMap::new(),
            heap: BinaryHeap::new(),
            waiting: Vec::new(),
            trails: Vec::new(),
            work: 0,
            sequence: 0,
        };
        let recursive: Vec<usize> =
            members.iter().zip(&plain).filter(|&(_, &plain)| !plain).map(|(&function, _)| function).collect();
        // Callees' nodes come before their callers'.
        for functions in Components::among(graph, &recursive) {
            nesting.add_node(functions, false);
        }
        for (&function, _) in members.iter().zip(&plain).filter(|&(_, &plain)| plain) {
            nesting.add_node(vec![function], true);
        }
        nesting.measure(graph, components, flow);
        Some(nesting)
    }

    fn add_node(&mut self, functions: Vec<usize>, is_plain: bool) {
        for &function in &functions {
            self.node_of.insert(function, self.nodes.len());
        }
        self.nodes.push(Node { functions, is_plain, ..Node::default() });
    }

    /// Finds out what can flow over each edge. Edges of plain functions have their totals; between recursive ones
    /// it is what these need, since their totals count nested activations once.
    fn measure(&mut self, graph: &Graph, components: &Components, flow: &Flow) {
        for node in 0..self.nodes.len() {
            let mut need: i128 = 0;
            for function in self.nodes[node].functions.clone() {
                for &edge in graph.outgoing.of(function) {
                    let callee = self.node_of.get(&graph.edges[edge].callee).copied();
                    let leaves = !components.is_internal(graph, edge);
                    let amount = match callee {
                        _ if leaves => flow.through(edge),
                        Some(callee) if callee == node => flow.own[edge],
                        // Measured already, or an edge of a plain function.
                        _ => *self.left.entry(edge).or_insert_with(|| flow.through(edge)),
                    };
                    self.left.insert(edge, amount);
                    need += i128::from(amount);
                    let to_plain = callee.is_some_and(|callee| callee != node && self.nodes[callee].is_plain);
                    if callee != Some(node) && !leaves {
                        self.own_left.insert(edge, flow.own[edge]);
                    }
                    let row = &mut self.nodes[node];
                    if to_plain && !row.is_plain {
                        row.plain_callees.insert((amount, edge));
                        row.plain_left += i128::from(amount);
                    } else {
                        row.edges.push(edge);
                    }
                }
            }
            if !self.nodes[node].is_plain {
                self.ask_recursive_callers(graph, components, flow, node, need);
            }
        }
    }

    /// What a recursive node needs beyond what plain callers bring comes from recursive ones.
    fn ask_recursive_callers(
        &mut self,
        graph: &Graph,
        components: &Components,
        flow: &Flow,
        node: usize,
        need: i128,
    ) {
        let mut rest = need;
        let mut callers = Vec::new();
        for &function in &self.nodes[node].functions {
            rest += i128::from(flow.root_own[function]);
            rest -= i128::from(flow.root_own[function].saturating_add(flow.root_down[function]));
            for &edge in graph.incoming.of(function) {
                let caller = self.node_of.get(&graph.edges[edge].caller).copied();
                if caller != Some(node) {
                    rest += i128::from(flow.own[edge]);
                }
                match caller {
                    Some(caller) if caller == node => {}
                    Some(caller) if !self.nodes[caller].is_plain && components.is_internal(graph, edge) => {
                        callers.push(edge);
                    }
                    _ => rest -= i128::from(flow.through(edge)),
                }
            }
        }
        let weights: Vec<i64> = callers.iter().map(|&edge| flow.through(edge)).collect();
        let rest = i64::try_from(rest.max(0)).unwrap_or(i64::MAX);
        for (edge, share) in callers.into_iter().zip(apportion(rest, &weights)) {
            self.left.insert(edge, share.max(flow.own[edge]));
        }
    }

    /// Adds a parcel that comes into the cycle and has left its part at `function`.
    pub(super) fn enter(&mut self, function: usize, parcel: Parcel) {
        let trail = self.trail(function, None);
        self.push(parcel, function, trail);
    }

    fn trail(&mut self, function: usize, above: Option<usize>) -> Option<usize> {
        if !self.nodes[self.node_of[&function]].is_plain {
            return above;
        }
        self.trails.push((function, above));
        Some(self.trails.len() - 1)
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

    fn push(&mut self, parcel: Parcel, function: usize, trail: Option<usize>) {
        if parcel.amount > 0 {
            self.sequence += 1;
            self.heap.push(Item { parcel, function, trail, sequence: self.sequence });
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
        self.force(placer)
    }

    /// Divides a parcel among what its node's functions still want.
    fn pass_on(&mut self, item: Item, placer: &mut Placer<'_, '_>) -> Result<(), BuildError> {
        let node = self.node_of[&item.function];
        let edges = std::mem::take(&mut self.nodes[node].edges);
        self.work += edges.len() + 1;
        if self.work > MAX_WORK {
            self.waiting.push(item);
            return Ok(());
        }
        let mut wanted: Vec<i64> = edges.iter().map(|edge| self.left[edge]).collect();
        let of_edges: i128 = wanted.iter().map(|&left| i128::from(left)).sum();
        let of_plain = self.nodes[node].plain_left;
        wanted.push(i64::try_from(of_plain).unwrap_or(i64::MAX));
        let amount =
            i64::try_from((of_edges + of_plain).min(i128::from(item.parcel.amount))).unwrap_or(i64::MAX);
        let mut shares = apportion_coarsely(amount, &wanted, placer.grain.min(amount));
        limit(&mut shares, &wanted);
        let to_plain = shares.pop().unwrap_or(0);
        let rest = item.parcel.amount - to_plain - shares.iter().sum::<i64>();
        for (&edge, share) in edges.iter().zip(shares) {
            self.send(&item, edge, share, placer)?;
        }
        self.nodes[node].edges = edges;
        let unplaced = self.send_whole(&item, node, to_plain, placer)?;
        if rest + unplaced > 0 {
            let parcel = Parcel { amount: rest + unplaced, ..item.parcel };
            self.waiting.push(Item { parcel, ..item });
        }
        Ok(())
    }

    /// Sends to plain callees, the heaviest that fits first; returns what none of them fits in.
    fn send_whole(
        &mut self,
        item: &Item,
        node: usize,
        mut amount: i64,
        placer: &mut Placer<'_, '_>,
    ) -> Result<i64, BuildError> {
        let mut below = (amount, usize::MAX);
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
            if left <= amount && !self.is_on_trail(callee, item.trail) {
                self.send(item, edge, left, placer)?;
                amount -= left;
                below = below.min((amount, usize::MAX));
            }
        }
        Ok(amount)
    }

    /// Sends what is left of a parcel to whatever wants any of it.
    fn pass_on_split(&mut self, mut item: Item, placer: &mut Placer<'_, '_>) -> Result<(), BuildError> {
        let node = self.node_of[&item.function];
        let plain: Vec<usize> = self.nodes[node].plain_callees.iter().rev().map(|&(_, edge)| edge).collect();
        let edges: Vec<usize> = plain.into_iter().chain(self.nodes[node].edges.iter().copied()).collect();
        self.work += edges.len() + 1;
        if self.work <= MAX_WORK {
            for edge in edges {
                let callee = placer.graph.edges[edge].callee;
                let amount = item.parcel.amount.min(self.left[&edge]);
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
        let before = self.left[&edge];
        self.take(edge, amount, placer);
        let Some(&own) = self.own_left.get(&edge) else {
            return placer.arrive(edge, parcel);
        };
        // The callee keeps in proportion, the last parcel all that is left.
        let kept = if before <= amount {
            own.min(amount)
        } else {
            let share = i128::from(own) * i128::from(amount) / i128::from(before);
            i64::try_from(share).unwrap_or(own).min(amount)
        };
        let callee = placer.graph.edges[edge].callee;
        if kept > 0 {
            self.own_left.insert(edge, own - kept);
            placer.keep(edge, Parcel { amount: kept, ..parcel })?;
        }
        parcel.amount -= kept;
        let trail = self.trail(callee, item.trail);
        self.push(parcel, callee, trail);
        Ok(())
    }

    /// Less may flow over an edge from now on.
    fn take(&mut self, edge: usize, amount: i64, placer: &Placer<'_, '_>) {
        let before = self.left[&edge];
        self.left.insert(edge, before - amount);
        let node = &mut self.nodes[self.node_of[&placer.graph.edges[edge].caller]];
        if node.plain_callees.remove(&(before, edge)) {
            node.plain_callees.insert((before - amount, edge));
            node.plain_left -= i128::from(amount);
        }
    }

    /// The parcel at another function of the cycle, by the shortest way; without one, right below.
    fn go_to(
        &mut self,
        mut parcel: Parcel,
        from: usize,
        to: usize,
        placer: &mut Placer<'_, '_>,
    ) -> Result<Parcel, BuildError> {
        if from == to {
            return Ok(parcel);
        }
        match self.way(from, to, placer.graph) {
            Some(way) => {
                for edge in way {
                    parcel = placer.below(parcel, edge)?;
                }
                Ok(parcel)
            }
            None => placer.below_site(parcel, from, None),
        }
    }

    fn way(&mut self, from: usize, to: usize, graph: &Graph) -> Option<Vec<usize>> {
        let mut reached_by: HashMap<usize, usize> = HashMap::new();
        let mut queue = VecDeque::from([from]);
        while let Some(function) = queue.pop_front() {
            for &edge in graph.outgoing.of(function) {
                self.work += 1;
                if self.work > 2 * MAX_WORK {
                    return None;
                }
                let callee = graph.edges[edge].callee;
                if callee == from || !self.node_of.contains_key(&callee) || reached_by.contains_key(&callee) {
                    continue;
                }
                reached_by.insert(callee, edge);
                if callee == to {
                    let mut way = Vec::new();
                    let mut at = to;
                    while let Some(&edge) = reached_by.get(&at) {
                        way.push(edge);
                        at = graph.edges[edge].caller;
                    }
                    way.reverse();
                    return Some(way);
                }
                queue.push_back(callee);
            }
        }
        None
    }

    /// Puts what is waiting to whatever is still wanted: both add up to the same.
    fn force(mut self, placer: &mut Placer<'_, '_>) -> Result<(), BuildError> {
        let mut wanted: Vec<(usize, i64, bool)> = Vec::new();
        for node in &self.nodes {
            for edge in node.edges.iter().copied().chain(node.plain_callees.iter().map(|&(_, edge)| edge)) {
                match self.own_left.get(&edge) {
                    Some(&own) => wanted.push((edge, own, true)),
                    None => wanted.push((edge, self.left[&edge], false)),
                }
            }
        }
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

/// Whether a function is never active twice at a time, as far as its numbers tell: they add up.
fn is_plain(graph: &Graph, flow: &Flow, sample_type: usize, function: usize) -> bool {
    let total = i128::from(graph.total[sample_type][function]);
    let calls_itself = |&&edge: &&usize| graph.edges[edge].callee == function;
    let outgoing = graph.outgoing.of(function);
    let callees: i128 = outgoing.iter().map(|&edge| i128::from(flow.through(edge))).sum();
    let callers: i128 = graph.incoming.of(function).iter().map(|&edge| i128::from(flow.through(edge))).sum();
    let own = i128::from(graph.own[sample_type][function]);
    outgoing.iter().find(calls_itself).is_none() && own + callees == total && callers <= total
}
