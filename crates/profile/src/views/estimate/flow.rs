//! Makes a call graph a flow that conserves, for one sample type: what enters a function is what it keeps
//! plus what its callees take. Where the source conserves already, this changes nothing.
//!
//! Self values are kept whatever the source says; totals give way. From the callees up, each component (a
//! function, or the functions of a cycle) needs its own self and what its callees need, and asks its callers for it
//! by the totals that the source gives. Negative values have been taken apart before ([`signs`](super::signs)).

use super::components::Components;
use super::graph::Graph;
use super::shares::apportion;
use crate::error::BuildError;

/// The flow of one sample type through a call graph. All values are zero or more.
#[derive(Debug)]
pub(super) struct Flow {
    /// By edge: the callee's self value under this caller.
    pub(super) own: Vec<i64>,
    /// By edge: what the callee passes on to its callees under this caller. For edges within a cycle this is
    /// the source's figure, a weight only.
    pub(super) down: Vec<i64>,
    /// By function: its self value and what it passes on where no caller is known.
    pub(super) root_own: Vec<i64>,
    pub(super) root_down: Vec<i64>,
    /// The sum of all self values.
    pub(super) sum: i64,
    /// How many functions outside of cycles have callees whose totals exceed their own: the mark of two
    /// functions that share file, line and name (cProfile keeps the last one's row and sums the edges).
    pub(super) clashed: usize,
    /// By function: how much of its total neither its self value nor its callees account for, while its callees
    /// are asked.
    slack: Vec<i64>,
}

impl Flow {
    /// # Errors
    /// Where the self values add up to more than 64 bits.
    pub(super) fn new(
        graph: &Graph,
        components: &Components,
        sample_type: usize,
    ) -> Result<Self, BuildError> {
        let (functions, edges) = (graph.functions.len(), graph.edges.len());
        let mut flow = Self {
            own: vec![0; edges],
            down: vec![0; edges],
            root_own: vec![0; functions],
            root_down: vec![0; functions],
            sum: 0,
            clashed: 0,
            slack: (0..functions).map(|of| slack(graph, components, sample_type, of)).collect(),
        };
        for function in 0..functions {
            flow.divide_self(graph, sample_type, function);
            flow.divide_rest(graph, sample_type, function);
            let own: i64 = graph.incoming.of(function).iter().map(|&edge| flow.own[edge]).sum();
            flow.sum = (flow.sum.checked_add(own))
                .and_then(|sum| sum.checked_add(flow.root_own[function]))
                .ok_or(BuildError::Overflow)?;
        }
        for component in &components.members {
            flow.balance(graph, components, component, sample_type);
        }
        Ok(flow)
    }

    /// What enters the callee over an edge that is not within a cycle.
    pub(super) fn through(&self, edge: usize) -> i64 {
        self.own[edge] + self.down[edge]
    }

    /// Divides a function's self value among its callers, as the source says or else in proportion.
    fn divide_self(&mut self, graph: &Graph, sample_type: usize, function: usize) {
        let incoming = graph.incoming.of(function);
        let own = graph.own[sample_type][function];
        let known = |edge: &&usize| graph.edges[**edge].has_self;
        let mut rest = own;
        for &edge in incoming.iter().filter(known) {
            self.own[edge] = graph.edge_own[sample_type][edge];
            rest = rest.saturating_sub(self.own[edge]);
        }
        if rest < 0 {
            // More under the callers than in all: the row was overwritten (clashed keys) and wins.
            let weights: Vec<i64> = incoming.iter().map(|&edge| self.own[edge]).collect();
            for (&edge, share) in incoming.iter().zip(apportion(own, &weights)) {
                self.own[edge] = share;
            }
            rest = 0;
        }
        let unknown: Vec<usize> =
            incoming.iter().copied().filter(|&edge| !graph.edges[edge].has_self).collect();
        if unknown.is_empty() {
            self.root_own[function] = rest;
            return;
        }
        let mut shares = apportion(rest, &caller_weights(graph, sample_type, function, &unknown));
        self.root_own[function] = shares.pop().unwrap_or(0);
        for (edge, share) in unknown.into_iter().zip(shares) {
            self.own[edge] = share;
        }
    }

    /// What each caller gets of a function's total beyond self, by the source's figures.
    fn divide_rest(&mut self, graph: &Graph, sample_type: usize, function: usize) {
        let incoming = graph.incoming.of(function);
        let mut outside = graph.total[sample_type][function].saturating_sub(self.root_own[function]);
        let mut unknown = Vec::new();
        for &edge in incoming {
            if graph.edges[edge].has_total {
                let total = graph.edge_total[sample_type][edge];
                self.down[edge] = total.saturating_sub(self.own[edge]).max(0);
                if graph.edges[edge].caller != function {
                    outside = outside.saturating_sub(total);
                }
            } else {
                unknown.push(edge);
                outside = outside.saturating_sub(self.own[edge]);
            }
        }
        let outside = outside.max(0);
        if unknown.is_empty() {
            self.root_down[function] = outside;
            return;
        }
        let mut shares = apportion(outside, &caller_weights(graph, sample_type, function, &unknown));
        self.root_down[function] = shares.pop().unwrap_or(0);
        for (edge, share) in unknown.into_iter().zip(shares) {
            self.down[edge] = share;
        }
    }

    /// Asks the callers of a component for what it needs; its callees have asked already.
    fn balance(&mut self, graph: &Graph, components: &Components, members: &[usize], sample_type: usize) {
        let mut need: i128 = 0;
        let mut entries = Vec::new();
        for &function in members {
            for &edge in graph.outgoing.of(function) {
                let internal = components.is_internal(graph, edge);
                need += i128::from(if internal { self.own[edge] } else { self.through(edge) });
            }
            let enters = |edge: &usize| !components.is_internal(graph, *edge);
            entries.extend(graph.incoming.of(function).iter().copied().filter(enters));
        }
        // A flow is never more than the sum of all self values, which fits.
        let need = i64::try_from(need).unwrap_or(i64::MAX);
        self.count_clash(graph, members, sample_type);
        let asked: i128 = entries.iter().map(|&edge| i128::from(self.down[edge])).sum();
        let roots: i128 = members.iter().map(|&function| i128::from(self.root_down[function])).sum();
        let surplus = i64::try_from(i128::from(need) - asked).unwrap_or(-1);
        let root_weights = root_weights(graph, self, members);
        let callers_known = entries.iter().all(|&edge| graph.edges[edge].has_total);
        let has_roots = root_weights.iter().any(|&weight| weight > 0);
        if surplus == 0 || surplus > 0 && (callers_known || has_roots) {
            // The callers get what the source says, so that their totals hold, and what these leave open; the
            // roots get the rest, also where nothing but the surplus speaks for a root.
            let unexplained = i64::try_from(i128::from(surplus) - roots).unwrap_or(0).max(0);
            let rest = surplus - self.use_slack(graph, &entries, unexplained);
            self.ask_roots(graph, members, &root_weights, rest, sample_type);
        } else {
            let from_roots = if asked + roots == 0 { 0 } else { i128::from(need) * roots / (asked + roots) };
            let from_roots = i64::try_from(from_roots).unwrap_or(0);
            self.ask_roots(graph, members, &root_weights, from_roots, sample_type);
            self.ask_callers(graph, &entries, need - from_roots, sample_type);
        }
    }

    /// Gives up to `amount` to the callers whose own totals are larger than what the source explains: a callee's
    /// row that was overwritten (clashed keys) has lost just that. Returns how much.
    fn use_slack(&mut self, graph: &Graph, entries: &[usize], amount: i64) -> i64 {
        let mut slack = Vec::with_capacity(entries.len());
        for &edge in entries {
            slack.push(std::mem::take(&mut self.slack[graph.edges[edge].caller]));
        }
        let known = slack.iter().fold(0i64, |sum, &slack| sum.saturating_add(slack));
        let used = amount.min(known);
        for ((&edge, slack), share) in entries.iter().zip(&slack).zip(apportion(used, &slack)) {
            self.down[edge] += share;
            self.slack[graph.edges[edge].caller] += slack - share;
        }
        used
    }

    fn ask_roots(
        &mut self,
        graph: &Graph,
        members: &[usize],
        weights: &[i64],
        amount: i64,
        sample_type: usize,
    ) {
        let mut shares = apportion(amount, weights);
        if shares.iter().all(|&share| share == 0) {
            let largest =
                (0..members.len()).rev().max_by_key(|&index| graph.total[sample_type][members[index]]);
            if let Some(largest) = largest {
                shares[largest] = amount;
            }
        }
        for (&function, share) in members.iter().zip(shares) {
            self.root_down[function] = share;
        }
    }

    fn ask_callers(&mut self, graph: &Graph, entries: &[usize], amount: i64, sample_type: usize) {
        let by_down: Vec<i64> = entries.iter().map(|&edge| self.down[edge]).collect();
        let by_total = || entries.iter().map(|&edge| graph.edge_total[sample_type][edge]).collect();
        let by_calls = || entries.iter().map(|&edge| graph.edges[edge].calls.max(1)).collect();
        let mut weights: Vec<i64> = by_down;
        if weights.iter().all(|&weight| weight == 0) {
            weights = by_total();
        }
        if weights.iter().all(|&weight| weight <= 0) {
            weights = by_calls();
        }
        for (&edge, share) in entries.iter().zip(apportion(amount, &weights)) {
            self.down[edge] = share;
        }
    }

    fn count_clash(&mut self, graph: &Graph, members: &[usize], sample_type: usize) {
        let &[function] = members else { return };
        let outgoing = graph.outgoing.of(function);
        let mut callees: i128 = 0;
        for &edge in outgoing {
            if graph.edges[edge].callee == function || !graph.edges[edge].has_total {
                return;
            }
            callees += i128::from(graph.edge_total[sample_type][edge]);
        }
        let own = i128::from(graph.own[sample_type][function]);
        let total = i128::from(graph.total[sample_type][function]);
        // A caller without a row, as hand-made dumps have, was not overwritten; nor was one with less in all than in itself.
        let has_row = graph.calls[function].is_some() || own != 0 || total != 0;
        let rest = total - own;
        // All these numbers may be rounded (yappi, pyinstrument), in each of the dumps that were added up.
        let rounding = outgoing.len() as i128 + 2 + total / 1_000_000;
        self.clashed += usize::from(has_row && rest >= 0 && callees - rest > rounding);
    }
}

/// How much of a function's total is not explained; 0 within cycles, where totals overlap.
fn slack(graph: &Graph, components: &Components, sample_type: usize, function: usize) -> i64 {
    let outgoing = graph.outgoing.of(function);
    if components.members[components.of[function]].len() > 1
        || outgoing.iter().any(|&edge| !graph.edges[edge].has_total)
    {
        return 0;
    }
    let callees = outgoing.iter().filter(|&&edge| graph.edges[edge].callee != function);
    let explained = callees.fold(graph.own[sample_type][function], |sum, &edge| {
        sum.saturating_add(graph.edge_total[sample_type][edge])
    });
    graph.total[sample_type][function].saturating_sub(explained).max(0)
}

/// How much of a function each caller has, by totals where they are known, else by calls; the last weight is for
/// the calls that no caller accounts for. There are callers.
fn caller_weights(graph: &Graph, sample_type: usize, function: usize, edges: &[usize]) -> Vec<i64> {
    let by_total = edges.iter().all(|&edge| graph.edges[edge].has_total);
    let weight = |edge: usize| {
        if by_total { graph.edge_total[sample_type][edge] } else { graph.edges[edge].calls }
    };
    let whole =
        if by_total { graph.total[sample_type][function] } else { graph.calls[function].unwrap_or(0) };
    let mut weights: Vec<i64> = edges.iter().map(|&edge| weight(edge).max(0)).collect();
    let known = weights.iter().fold(0i64, |sum, &weight| sum.saturating_add(weight));
    weights.push(whole.saturating_sub(known).max(0));
    if weights.iter().all(|&weight| weight == 0) {
        weights.fill(1);
        weights[edges.len()] = 0;
    }
    weights
}

/// How likely each member of a component is to be entered without a caller: by its total beyond its callers', else
/// by its calls beyond theirs.
fn root_weights(graph: &Graph, flow: &Flow, members: &[usize]) -> Vec<i64> {
    let by_total: Vec<i64> = members.iter().map(|&function| flow.root_down[function]).collect();
    if by_total.iter().any(|&weight| weight > 0) {
        return by_total;
    }
    let uncalled = |&function: &usize| {
        let known = |sum: i64, &edge: &usize| sum.saturating_add(graph.edges[edge].calls);
        let called = graph.incoming.of(function).iter().fold(0, known);
        graph.calls[function].map_or(0, |calls| calls.saturating_sub(called).max(0))
    };
    members.iter().map(uncalled).collect()
}
