//! Contexts within a cycle of functions that call each other: from each function up to a way into the cycle.
//!
//! A cycle does not conserve (recursion is counted once, at its outermost activation), so its edges are weights
//! only. What must come out even is what flows in over its entries and what its functions keep and pass on.

use super::components::Components;
use super::flow::Flow;
use super::graph::Graph;
use super::shares::apportion_coarsely;
use crate::id::FrameId;

/// The longest way within a cycle that is followed.
const MAX_STEPS: usize = 256;
/// How many edges are looked at within one cycle before the rest is connected without intermediate frames. Keeps
/// the work bounded on graphs that are all cycle.
const MAX_WORK: usize = 20_000_000;

/// A caller on the way within a cycle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) function: usize,
    pub(super) site: Option<FrameId>,
}

/// So much of what comes in over one entry goes by `steps` to a function.
#[derive(Clone, Debug)]
pub(super) struct Route {
    /// The callers from the entry's function on, outermost first; none if the entry is the function itself.
    pub(super) steps: Vec<Step>,
    /// Where it ends: a position in the members of the cycle.
    pub(super) member: usize,
    pub(super) amount: i64,
}

/// Finds the routes of one cycle.
pub(super) struct Router<'a> {
    graph: &'a Graph,
    components: &'a Components,
    flow: &'a Flow,
    members: &'a [usize],
    grain: i64,
    /// The ways in: their function, weight, and what is left of them.
    entries: Vec<(usize, i64, i64)>,
    /// The entries of each member, by position.
    entries_of: Vec<Vec<usize>>,
    position: foldhash::HashMap<usize, usize>,
    work: usize,
    /// By position: whether a function is on the way that is followed.
    on_path: Vec<bool>,
    routes: Vec<Vec<Route>>,
}

/// A step of the search that is still to be taken.
struct Pending {
    /// The edge from the new caller to the function below it; none at the start.
    edge: Option<usize>,
    depth: usize,
    amount: i64,
}

impl<'a> Router<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        components: &'a Components,
        flow: &'a Flow,
        members: &'a [usize],
        grain: i64,
    ) -> Self {
        Self {
            graph,
            components,
            flow,
            members,
            grain,
            entries: Vec::new(),
            entries_of: vec![Vec::new(); members.len()],
            position: members.iter().enumerate().map(|(position, &function)| (function, position)).collect(),
            work: 0,
            on_path: vec![false; members.len()],
            routes: Vec::new(),
        }
    }

    /// Adds a way in, with what it brings.
    pub(super) fn entry(&mut self, function: usize, amount: i64) {
        self.entries_of[self.position[&function]].push(self.entries.len());
        self.entries.push((function, amount, amount));
        self.routes.push(Vec::new());
    }

    /// The routes of each entry: for each function as much as it keeps (for callees in the cycle) and passes on, over each
    /// entry as much as it brings.
    pub(super) fn run(mut self) -> Vec<Vec<Route>> {
        let mut demands: Vec<(usize, i64)> = Vec::new();
        for (position, &function) in self.members.iter().enumerate() {
            let wanted = |&edge: &usize| {
                if self.components.is_internal(self.graph, edge) {
                    self.flow.own[edge]
                } else {
                    self.flow.through(edge)
                }
            };
            let demand = self.graph.outgoing.of(function).iter().map(wanted).sum();
            demands.push((position, demand));
        }
        demands.sort_by_key(|&(_, demand)| std::cmp::Reverse(demand));
        let mut left: Vec<(usize, i64)> = Vec::new();
        for (position, demand) in demands {
            let rest = self.climb(position, demand);
            if rest > 0 {
                left.push((position, rest));
            }
        }
        for (position, rest) in left {
            self.connect(position, rest);
        }
        self.routes
    }

    /// Goes up from a function in the proportion of its callers, never twice through one function; returns what
    /// found no way in.
    fn climb(&mut self, member: usize, demand: i64) -> i64 {
        if demand == 0 {
            return 0;
        }
        let mut path: Vec<usize> = Vec::new();
        let mut pending = vec![Pending { edge: None, depth: 0, amount: demand }];
        let mut rest = 0;
        self.on_path[member] = true;
        while let Some(Pending { edge, depth, amount }) = pending.pop() {
            self.shorten(&mut path, depth.saturating_sub(1));
            let mut top = member;
            if let Some(edge) = edge {
                path.push(edge);
                top = self.position[&self.graph.edges[edge].caller];
                self.on_path[top] = true;
            }
            let (ways, weights) = self.ways_up(top);
            if weights.iter().all(|&weight| weight == 0) || path.len() >= MAX_STEPS || self.work > MAX_WORK {
                rest += amount;
                continue;
            }
            for (way, share) in ways.into_iter().zip(apportion_coarsely(amount, &weights, self.grain)) {
                match way {
                    Way::Entry(entry) => rest += share - self.take(entry, &path, member, share),
                    Way::Edge(edge) if share > 0 => {
                        pending.push(Pending { edge: Some(edge), depth: path.len() + 1, amount: share });
                    }
                    Way::Edge(_) => {}
                }
            }
        }
        self.shorten(&mut path, 0);
        self.on_path[member] = false;
        rest
    }

    fn shorten(&mut self, path: &mut Vec<usize>, length: usize) {
        for edge in path.drain(length.min(path.len())..) {
            self.on_path[self.position[&self.graph.edges[edge].caller]] = false;
        }
    }

    /// The entries of a function and the edges from callers that are not on the way already, with their weights.
    fn ways_up(&mut self, top: usize) -> (Vec<Way>, Vec<i64>) {
        let function = self.members[top];
        let mut ways = Vec::new();
        let mut weights = Vec::new();
        for &entry in &self.entries_of[top] {
            let (_, weight, left) = self.entries[entry];
            if left > 0 {
                ways.push(Way::Entry(entry));
                weights.push(weight);
            }
        }
        let incoming = self.graph.incoming.of(function);
        self.work += incoming.len() + 1;
        for &edge in incoming {
            if let Some(&caller) = self.position.get(&self.graph.edges[edge].caller)
                && !self.on_path[caller]
                && self.flow.down[edge] > 0
            {
                ways.push(Way::Edge(edge));
                weights.push(self.flow.down[edge]);
            }
        }
        (ways, weights)
    }

    /// Takes up to `amount` from an entry for a route along `path` (innermost edge first); returns how much.
    fn take(&mut self, entry: usize, path: &[usize], member: usize, amount: i64) -> i64 {
        let taken = amount.min(self.entries[entry].2);
        if taken > 0 {
            self.entries[entry].2 -= taken;
            let step = |&edge: &usize| {
                let edge = self.graph.edges[edge];
                Step { function: edge.caller, site: edge.site }
            };
            let steps = path.iter().rev().map(step).collect();
            self.routes[entry].push(Route { steps, member, amount: taken });
        }
        taken
    }

    /// Connects a function to whatever entries have something left, by the shortest way.
    fn connect(&mut self, member: usize, mut rest: i64) {
        while rest > 0 {
            let nearest = self.nearest_entry(member);
            let Some((entry, path)) = nearest else { break };
            rest -= self.take(entry, &path, member, rest);
        }
        for entry in 0..self.entries.len() {
            if rest == 0 {
                break;
            }
            // Too much work to look for a way: straight below the function of the entry.
            let (function, _, left) = self.entries[entry];
            let amount = rest.min(left);
            if amount > 0 {
                self.entries[entry].2 -= amount;
                let same = self.members[member] == function;
                let steps = if same { Vec::new() } else { vec![Step { function, site: None }] };
                self.routes[entry].push(Route { steps, member, amount });
                rest -= amount;
            }
        }
    }

    /// The nearest entry with something left and the edges to it, innermost first.
    fn nearest_entry(&mut self, member: usize) -> Option<(usize, Vec<usize>)> {
        let mut reached_by: Vec<Option<usize>> = vec![None; self.members.len()];
        let mut seen = vec![false; self.members.len()];
        seen[member] = true;
        let mut queue = std::collections::VecDeque::from([member]);
        self.work += self.members.len();
        if self.work > 2 * MAX_WORK {
            return None;
        }
        while let Some(top) = queue.pop_front() {
            if let Some(&entry) = self.entries_of[top].iter().find(|&&entry| self.entries[entry].2 > 0) {
                let mut path = Vec::new();
                let mut at = top;
                while let Some(edge) = reached_by[at] {
                    path.push(edge);
                    at = self.position[&self.graph.edges[edge].callee];
                }
                path.reverse();
                return Some((entry, path));
            }
            for &edge in self.graph.incoming.of(self.members[top]) {
                self.work += 1;
                if let Some(&caller) = self.position.get(&self.graph.edges[edge].caller)
                    && !std::mem::replace(&mut seen[caller], true)
                {
                    reached_by[caller] = Some(edge);
                    queue.push_back(caller);
                }
            }
        }
        None
    }
}

enum Way {
    Entry(usize),
    Edge(usize),
}
