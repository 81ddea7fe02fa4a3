//! The cycles of a call graph: its strongly connected components, by Tarjan's algorithm without recursion.

use super::graph::Graph;

/// The components of a graph. A component's callees are in components before it.
#[derive(Debug)]
pub(super) struct Components {
    /// The functions of each component.
    pub(super) members: Vec<Vec<usize>>,
    /// The component of each function.
    pub(super) of: Vec<usize>,
}

impl Components {
    pub(super) fn new(graph: &Graph) -> Self {
        Search::over(graph, &(0..graph.functions.len()).collect::<Vec<_>>())
    }

    /// The components of the part of a graph that `functions` are, in the same order.
    pub(super) fn among(graph: &Graph, functions: &[usize]) -> Vec<Vec<usize>> {
        Search::over(graph, functions).members
    }

    /// Whether an edge stays within one component.
    pub(super) fn is_internal(&self, graph: &Graph, edge: usize) -> bool {
        let edge = graph.edges[edge];
        self.of[edge.caller] == self.of[edge.callee]
    }
}

struct Search<'a> {
    graph: &'a Graph,
    order: Vec<Option<usize>>,
    low: Vec<usize>,
    pending: Vec<usize>,
    is_pending: Vec<bool>,
    next: usize,
    components: Components,
}

impl Search<'_> {
    fn over(graph: &Graph, functions: &[usize]) -> Components {
        let count = graph.functions.len();
        let mut search = Search {
            graph,
            // What is not among them counts as done.
            order: vec![Some(usize::MAX); count],
            low: vec![0; count],
            pending: Vec::new(),
            is_pending: vec![false; count],
            next: 0,
            components: Components { members: Vec::new(), of: vec![0; count] },
        };
        for &function in functions {
            search.order[function] = None;
        }
        for &function in functions {
            if search.order[function].is_none() {
                search.from(function);
            }
        }
        search.components
    }

    fn enter(&mut self, function: usize) {
        self.order[function] = Some(self.next);
        self.low[function] = self.next;
        self.next += 1;
        self.pending.push(function);
        self.is_pending[function] = true;
    }

    fn from(&mut self, root: usize) {
        self.enter(root);
        // The functions on the way, each with how many of its edges were followed.
        let mut path = vec![(root, 0)];
        while let Some((function, followed)) = path.last_mut() {
            let function = *function;
            let Some(&edge) = self.graph.outgoing.of(function).get(*followed) else {
                path.pop();
                if let Some(&(caller, _)) = path.last() {
                    self.low[caller] = self.low[caller].min(self.low[function]);
                }
                self.close(function);
                continue;
            };
            *followed += 1;
            let callee = self.graph.edges[edge].callee;
            match self.order[callee] {
                None => {
                    self.enter(callee);
                    path.push((callee, 0));
                }
                Some(order) if self.is_pending[callee] => {
                    self.low[function] = self.low[function].min(order);
                }
                Some(_) => {}
            }
        }
    }

    /// Takes a component off the pending functions if `function` is the first of one.
    fn close(&mut self, function: usize) {
        if self.order[function] != Some(self.low[function]) {
            return;
        }
        let start = self.pending.iter().rposition(|&other| other == function).unwrap_or(0);
        let members = self.pending.split_off(start);
        for &member in &members {
            self.is_pending[member] = false;
            self.components.of[member] = self.components.members.len();
        }
        self.components.members.push(members);
    }
}
