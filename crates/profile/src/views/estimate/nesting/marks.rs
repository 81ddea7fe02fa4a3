//! What is known of the functions and edges of one cycle, by number.
//!
//! What would surprise: it is as long as the whole graph, since nothing is then looked up by hash. So there is one for all
//! cycles, and each leaves it empty for the next.

use super::Node;
use crate::views::estimate::graph::Graph;

/// The marks of one cycle.
#[derive(Default)]
pub(in super::super) struct Marks {
    /// The node of each function of the cycle: a plain function, or recursive ones that call each other.
    pub(super) node_of: Vec<Option<usize>>,
    /// By edge out of the cycle's functions: what may still flow over it, or, within a node, be kept below it.
    pub(super) left: Vec<Option<i64>>,
    /// By edge between nodes: what its callee may still keep under it.
    pub(super) own_left: Vec<Option<i64>>,
}

impl Marks {
    pub(super) fn resize(&mut self, graph: &Graph) {
        self.node_of.resize(graph.functions.len(), None);
        self.left.resize(graph.edges.len(), None);
        self.own_left.resize(graph.edges.len(), None);
    }

    pub(super) fn clear(&mut self, graph: &Graph, nodes: &[Node]) {
        for &function in nodes.iter().flat_map(|node| &node.functions) {
            self.node_of[function] = None;
            for &edge in graph.outgoing.of(function) {
                (self.left[edge], self.own_left[edge]) = (None, None);
            }
        }
    }

    /// What may still flow over an edge.
    #[inline]
    pub(super) fn left(&self, edge: usize) -> i64 {
        self.left[edge].unwrap_or(0)
    }
}
