//! What may flow where within one cycle, before anything does.

use std::collections::BinaryHeap;

use foldhash::{HashMap, HashMapExt};

use super::{Marks, Nesting, Node, part_of_calls};
use crate::views::estimate::components::Components;
use crate::views::estimate::flow::Flow;
use crate::views::estimate::graph::Graph;
use crate::views::estimate::shares::apportion;

impl Nesting {
    /// `None` if no function of the cycle is plain: then there is nothing to go by but proportions.
    pub(in super::super) fn new(
        graph: &Graph,
        components: &Components,
        flow: &Flow,
        members: &[usize],
        sample_type: usize,
        marks: &mut Marks,
    ) -> Option<Self> {
        let plain: Vec<bool> =
            members.iter().map(|&function| is_plain(graph, flow, sample_type, function)).collect();
        if !plain.contains(&true) {
            return None;
        }
        let mut nesting = Self {
            nodes: Vec::new(),
            marks: std::mem::take(marks),
            heap: BinaryHeap::new(),
            waiting: Vec::new(),
            trails: Vec::new(),
            ways: HashMap::new(),
            work: 0,
            sequence: 0,
        };
        nesting.marks.resize(graph);
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
            self.marks.node_of[function] = Some(self.nodes.len());
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
                    let callee = self.marks.node_of[graph.edges[edge].callee];
                    let leaves = !components.is_internal(graph, edge);
                    let amount = match callee {
                        _ if leaves => flow.through(edge),
                        Some(callee) if callee == node => flow.own[edge],
                        // Measured already, or an edge of a plain function.
                        _ => self.marks.left[edge].unwrap_or_else(|| flow.through(edge)),
                    };
                    self.marks.left[edge] = Some(amount);
                    need += i128::from(amount);
                    let to_plain = callee.is_some_and(|callee| callee != node && self.nodes[callee].is_plain);
                    let is_one = graph.edges[edge].calls <= 1;
                    if callee != Some(node) && !leaves {
                        self.marks.own_left[edge] = Some(flow.own[edge]);
                    }
                    let below = callee.filter(|&callee| callee != node && !self.nodes[callee].is_plain);
                    let leads_to_whole = below.is_some_and(|callee| self.nodes[callee].has_whole);
                    let row = &mut self.nodes[node];
                    row.has_whole |= leads_to_whole || to_plain && is_one;
                    if to_plain && is_one && !row.is_plain {
                        row.plain_callees.insert((amount, edge));
                    } else {
                        row.edges.push(edge);
                    }
                }
            }
            self.nodes[node].calls_left = self.calls_of(graph, node);
            if !self.nodes[node].is_plain {
                self.ask_recursive_callers(graph, components, flow, node, need);
            }
        }
    }

    /// How often a node is called from outside of itself.
    fn calls_of(&self, graph: &Graph, node: usize) -> i64 {
        let callers = self.nodes[node].functions.iter().flat_map(|&function| graph.incoming.of(function));
        let outer = callers.filter(|&&edge| self.marks.node_of[graph.edges[edge].caller] != Some(node));
        outer.fold(0, |sum: i64, &edge| sum.saturating_add(part_of_calls(graph, Some(edge), 1, 1)))
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
                let caller = self.marks.node_of[graph.edges[edge].caller];
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
            self.marks.left[edge] = Some(share.max(flow.own[edge]));
        }
    }
}

/// Whether a function is never active twice at a time: by its calls, else if its numbers add up.
fn is_plain(graph: &Graph, flow: &Flow, sample_type: usize, function: usize) -> bool {
    if let Some(recursive) = graph.recursive[function] {
        return !recursive;
    }
    let total = i128::from(graph.total[sample_type][function]);
    let calls_itself = |&&edge: &&usize| graph.edges[edge].callee == function;
    let outgoing = graph.outgoing.of(function);
    let callees: i128 = outgoing.iter().map(|&edge| i128::from(flow.through(edge))).sum();
    let callers: i128 = graph.incoming.of(function).iter().map(|&edge| i128::from(flow.through(edge))).sum();
    let own = i128::from(graph.own[sample_type][function]);
    outgoing.iter().find(calls_itself).is_none() && own + callees == total && callers <= total
}
