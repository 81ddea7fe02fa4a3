//! Takes a sample type with negative values apart into two without: what was added, and what was taken away.
//!
//! Stacks are made by dividing amounts, so none may be negative. Memory is (xdebug's `Memory`), and clocks that were set
//! back: these are two flows, one of each sign, that are estimated one after the other and meet in the same stacks.

use super::components::Components;
use super::graph::Graph;
use super::shares::apportion;
use crate::error::BuildError;

/// What is added, and what is taken away; neither is negative.
type Parts = [i128; 2];

/// The columns to estimate instead of one sample type, each with its sign: itself, or the two parts of it, which are new
/// columns of the graph.
///
/// # Errors
/// Where a part of a self value does not fit 64 bits.
pub(super) fn split(
    graph: &mut Graph,
    components: &Components,
    sample_type: usize,
) -> Result<Vec<(usize, i64)>, BuildError> {
    // Nearly always.
    if !has_negative(graph, sample_type) {
        return Ok(vec![(sample_type, 1)]);
    }
    let mut split = Split::new(graph, sample_type);
    if split.own.iter().all(|&[_, less]| less == 0) {
        return Ok(vec![(sample_type, 1)]);
    }
    for members in &components.members {
        split.balance(components, members);
    }
    let Split { own, total, edge_own, edge_total, .. } = split;
    if own.iter().flatten().any(|&part| i64::try_from(part).is_err()) {
        return Err(BuildError::Overflow);
    }
    let mut columns = Vec::new();
    for (part, sign) in [(0, 1), (1, -1)] {
        // Totals that are too large belong to no such self values: they are weights.
        let column = |of: &[Parts]| -> Vec<i64> {
            of.iter().map(|of| i64::try_from(of[part]).unwrap_or(i64::MAX)).collect()
        };
        columns.push((graph.own.len(), sign));
        graph.own.push(column(&own));
        graph.total.push(column(&total));
        graph.edge_own.push(column(&edge_own));
        graph.edge_total.push(column(&edge_total));
        for (_, values) in graph.lines.iter_mut().flatten() {
            let value = parts_of(values[sample_type].into());
            values.extend(column(&[value]));
        }
    }
    Ok(columns)
}

/// Whether any self value is negative: of a function, of a caller's part of it, or of a line.
fn has_negative(graph: &Graph, sample_type: usize) -> bool {
    let lines = graph.lines.iter().flatten().map(|(_, values)| &values[sample_type]);
    graph.own[sample_type].iter().chain(&graph.edge_own[sample_type]).chain(lines).any(|&value| value < 0)
}

/// The parts of each value of a graph.
struct Split<'a> {
    graph: &'a Graph,
    sample_type: usize,
    own: Vec<Parts>,
    total: Vec<Parts>,
    edge_own: Vec<Parts>,
    edge_total: Vec<Parts>,
}

impl<'a> Split<'a> {
    fn new(graph: &'a Graph, sample_type: usize) -> Self {
        let functions = graph.functions.len();
        let edge_own = graph.edges.iter().zip(&graph.edge_own[sample_type]);
        let edge_own = edge_own.map(|(edge, &own)| if edge.has_self { parts_of(own.into()) } else { [0; 2] });
        Self {
            graph,
            sample_type,
            own: (0..functions).map(|function| own_parts(graph, sample_type, function)).collect(),
            total: vec![[0; 2]; functions],
            edge_own: edge_own.collect(),
            edge_total: vec![[0; 2]; graph.edges.len()],
        }
    }

    /// What comes into a component over each edge, and from outside, so that each part is what the component needs. Of a
    /// total only the difference is known; what of it cancels out comes over all ways, by calls. Its callees are done.
    fn balance(&mut self, components: &Components, members: &[usize]) {
        let graph = self.graph;
        let mut need = [0; 2];
        let mut entries = Vec::new();
        for &function in members {
            increase(&mut need, self.own[function]);
            for &edge in graph.outgoing.of(function) {
                if !components.is_internal(graph, edge) {
                    increase(&mut need, self.edge_total[edge]);
                }
            }
            for &edge in graph.incoming.of(function) {
                let rest =
                    i128::from(graph.edge_total[self.sample_type][edge]) - difference(self.edge_own[edge]);
                self.edge_total[edge] = self.edge_own[edge];
                if components.is_internal(graph, edge) {
                    // Totals within a cycle are weights only.
                    increase(&mut self.edge_total[edge], [rest.abs(); 2]);
                } else {
                    entries.push(edge);
                    if graph.edges[edge].has_total {
                        increase(&mut self.edge_total[edge], parts_of(rest));
                    }
                }
            }
        }
        let [function] = *members else {
            self.share(need, &entries, None);
            for &function in members {
                self.total[function] = parts_of(graph.total[self.sample_type][function].into());
            }
            return;
        };
        self.total[function] = self.outside(function, &entries);
        self.share(need, &entries, Some(function));
        for edge in entries {
            increase(&mut self.total[function], self.edge_total[edge]);
        }
    }

    /// How much of a function's total no caller accounts for.
    fn outside(&self, function: usize, entries: &[usize]) -> Parts {
        let graph = self.graph;
        if entries.iter().any(|&edge| !graph.edges[edge].has_total) {
            return [0; 2];
        }
        let callers = entries.iter().map(|&edge| i128::from(graph.edge_total[self.sample_type][edge]));
        let total = i128::from(graph.total[self.sample_type][function]) - callers.sum::<i128>();
        let incoming = graph.incoming.of(function);
        if incoming.iter().any(|&edge| !graph.edges[edge].has_self) {
            return parts_of(total);
        }
        let mut own = difference(self.own[function]);
        own -= incoming.iter().map(|&edge| difference(self.edge_own[edge])).sum::<i128>();
        let mut parts = parts_of(own);
        increase(&mut parts, parts_of(total - own));
        parts
    }

    /// Shares out what is needed beyond what is known to come: of both parts the same where all totals are known, so that
    /// these stay what they are; else what the callers without a total have.
    fn share(&mut self, need: Parts, entries: &[usize], root: Option<usize>) {
        let graph = self.graph;
        let known = |edge: &&usize| graph.edges[**edge].has_total;
        let all_known = entries.iter().all(|edge| known(&edge));
        let ways: Vec<usize> = entries.iter().filter(|edge| all_known || !known(edge)).copied().collect();
        let mut gap = need;
        for edge in entries {
            increase(&mut gap, self.edge_total[*edge].map(|part| -part));
        }
        if let Some(root) = root {
            increase(&mut gap, self.total[root].map(|part| -part));
        }
        if all_known {
            gap = [gap[0].min(gap[1]); 2];
        }
        let mut weights: Vec<i64> = ways.iter().map(|&edge| graph.edges[edge].calls.max(1)).collect();
        weights.extend(root.map(|root| {
            let known = graph
                .incoming
                .of(root)
                .iter()
                .fold(0i64, |sum, &edge| sum.saturating_add(graph.edges[edge].calls));
            let rest = graph.calls[root].map_or(0, |calls| calls.saturating_sub(known));
            let is_entered = ways.is_empty() || self.total[root] != [0; 2];
            rest.max(is_entered.into())
        }));
        for (part, gap) in gap.into_iter().enumerate() {
            let shares = apportion(i64::try_from(gap.max(0)).unwrap_or(i64::MAX), &weights);
            for (&edge, &share) in ways.iter().zip(&shares) {
                self.edge_total[edge][part] += i128::from(share);
            }
            if let (Some(root), Some(&share)) = (root, shares.last()) {
                self.total[root][part] += i128::from(share);
            }
        }
    }
}

/// The parts of a function's self value: as little of both as its callers and its lines allow.
fn own_parts(graph: &Graph, sample_type: usize, function: usize) -> Parts {
    let own = i128::from(graph.own[sample_type][function]);
    let callers = graph.incoming.of(function).iter().filter(|&&edge| graph.edges[edge].has_self);
    let callers: Vec<Parts> =
        callers.map(|&edge| parts_of(graph.edge_own[sample_type][edge].into())).collect();
    let lines = graph.lines[function].iter().map(|(_, values)| parts_of(values[sample_type].into()));
    let lines: Vec<Parts> = lines.collect();
    if own >= 0 && callers.iter().chain(&lines).all(|&[_, less]| less == 0) {
        return [own, 0];
    }
    let rest = own - callers.iter().copied().map(difference).sum::<i128>();
    let more = |parts: &[Parts]| parts.iter().map(|&[more, _]| more).sum::<i128>();
    let mut most = more(&callers) + rest.max(0);
    // Lines that do not add up to the function are only a proportion.
    if lines.iter().copied().map(difference).sum::<i128>() == own {
        most = most.max(more(&lines));
    }
    [most, most - own]
}

fn parts_of(value: i128) -> Parts {
    [value.max(0), (-value).max(0)]
}

fn difference([more, less]: Parts) -> i128 {
    more - less
}

fn increase(parts: &mut Parts, by: Parts) {
    parts.iter_mut().zip(by).for_each(|(part, by)| *part += by);
}
