//! Places call counts in the stacks where the time is. Calls that took no time go to the main context of their
//! caller, so that no function disappears.

use super::components::Components;
use super::graph::Graph;
use super::place::{Parcel, Placed};
use super::shares::apportion;
use super::sink::Sink;
use crate::error::BuildError;

/// Places the calls of every edge, and of every function those that no caller accounts for.
pub(super) fn place(
    graph: &Graph,
    components: &Components,
    mut placed: Placed,
    sink: &mut Sink<'_>,
) -> Result<(), BuildError> {
    find_contexts(graph, components, &mut placed.main, sink)?;
    for function in 0..graph.functions.len() {
        let incoming = graph.incoming.of(function);
        let mut calls: Vec<i64> = incoming.iter().map(|&edge| graph.edges[edge].calls).collect();
        if let Some(all) = graph.calls[function] {
            let called = calls.iter().fold(0i64, |sum, &calls| sum.saturating_add(calls));
            if called > all && all >= 0 {
                // Callers of a row that was overwritten (clashed keys): the function's own count wins.
                calls = apportion(all, &calls);
            } else if called != all {
                add(graph, function, Parcel::root(all.saturating_sub(called)), sink)?;
            }
        }
        for (&edge, calls) in incoming.iter().zip(calls) {
            let contexts = std::mem::take(&mut placed.contexts[edge]);
            place_edge(graph, edge, calls, &contexts, &placed, sink)?;
        }
    }
    Ok(())
}

fn place_edge(
    graph: &Graph,
    edge: usize,
    calls: i64,
    contexts: &[Parcel],
    placed: &Placed,
    sink: &mut Sink<'_>,
) -> Result<(), BuildError> {
    if calls == 0 {
        return Ok(());
    }
    let callee = graph.edges[edge].callee;
    let weights: Vec<i64> = contexts.iter().map(|parcel| parcel.amount).collect();
    let shares = apportion(calls, &weights);
    if shares.iter().all(|&share| share == 0) {
        let caller = placed.main[graph.edges[edge].caller].unwrap_or(Parcel::root(0));
        let parcel = below(graph, caller, edge, sink)?;
        return add(graph, callee, Parcel { amount: calls, ..parcel }, sink);
    }
    for (parcel, amount) in contexts.iter().zip(shares).filter(|&(_, amount)| amount != 0) {
        add(graph, callee, Parcel { amount, ..*parcel }, sink)?;
    }
    Ok(())
}

/// Gives a context to the functions that have none since no time was spent in them.
fn find_contexts(
    graph: &Graph,
    components: &Components,
    main: &mut [Option<Parcel>],
    sink: &mut Sink<'_>,
) -> Result<(), BuildError> {
    for members in components.members.iter().rev() {
        // Within a cycle, contexts spread from the functions that have one.
        let mut pending: Vec<usize> = Vec::new();
        for &function in members {
            if main[function].is_none()
                && let Some(edge) = best_caller(graph, function, main)
            {
                let caller = main[graph.edges[edge].caller].unwrap_or(Parcel::root(0));
                main[function] = Some(below(graph, caller, edge, sink)?);
            }
            if main[function].is_some() {
                pending.push(function);
            }
        }
        while let Some(function) = pending.pop() {
            for &edge in graph.outgoing.of(function) {
                let callee = graph.edges[edge].callee;
                if components.is_internal(graph, edge)
                    && main[callee].is_none()
                    && let Some(caller) = main[function]
                {
                    main[callee] = Some(below(graph, caller, edge, sink)?);
                    pending.push(callee);
                }
            }
        }
    }
    Ok(())
}

/// The edge with the most calls among those whose caller has a context.
fn best_caller(graph: &Graph, function: usize, main: &[Option<Parcel>]) -> Option<usize> {
    let known = |edge: &usize| main[graph.edges[*edge].caller].is_some();
    let edges = graph.incoming.of(function).iter().copied().filter(known);
    edges.rev().max_by_key(|&edge| graph.edges[edge].calls)
}

fn below(graph: &Graph, caller: Parcel, edge: usize, sink: &mut Sink<'_>) -> Result<Parcel, BuildError> {
    let edge = graph.edges[edge];
    let frame = match edge.site {
        Some(site) => site,
        None => sink.frame(graph, edge.caller)?,
    };
    let parent = Some(sink.builder.stack(caller.parent, frame)?);
    // The caller's own context was chosen among all: everything above it is a guess.
    Ok(Parcel { parent, depth: caller.depth.saturating_add(1), inferred: caller.depth, amount: 0 })
}

fn add(graph: &Graph, function: usize, parcel: Parcel, sink: &mut Sink<'_>) -> Result<(), BuildError> {
    let frame = sink.frame(graph, function)?;
    sink.add(parcel, frame)
}
