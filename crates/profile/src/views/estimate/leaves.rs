//! Divides a function's self value among its lines, where the source knows them (callgrind).

use super::graph::Graph;
use super::shares::apportion;
use crate::id::FrameId;

/// What is left to place at each line of each function.
pub(super) struct Leaves {
    sample_type: usize,
    /// By function; empty where no lines are known.
    left: Vec<Vec<i64>>,
    /// By function: the first line that may have something left.
    next: Vec<usize>,
}

impl Leaves {
    pub(super) fn new(graph: &Graph, sample_type: usize) -> Self {
        let mut left = Vec::with_capacity(graph.functions.len());
        for (lines, &own) in graph.lines.iter().zip(&graph.own[sample_type]) {
            let values: Vec<i64> = lines.iter().map(|(_, own)| own[sample_type]).collect();
            // Lines that do not add up to the function are only a proportion.
            left.push(apportion(own, &values));
        }
        Self { sample_type, left, next: vec![0; graph.functions.len()] }
    }

    /// The lines that take `amount` of the function's self value; `None` for the function without a line. Over
    /// all calls, every line gets its own value.
    pub(super) fn divide(
        &mut self,
        graph: &Graph,
        function: usize,
        amount: i64,
    ) -> Vec<(Option<FrameId>, i64)> {
        let (left, lines) = (&mut self.left[function], &graph.lines[function]);
        if left.is_empty() {
            return vec![(None, amount)];
        }
        let mut rest = amount;
        let mut parts = vec![0; left.len()];
        let whole = graph.own[self.sample_type][function];
        let fewer_than_lines = usize::try_from(amount).is_ok_and(|amount| amount < left.len());
        if !fewer_than_lines && whole > 0 {
            for (part, left) in parts.iter_mut().zip(left.iter_mut()) {
                let share = i128::from(*left).max(0) * i128::from(amount) / i128::from(whole);
                *part = i64::try_from(share).unwrap_or(0).min(rest);
                *left -= *part;
                rest -= *part;
            }
        }
        while rest > 0 && self.next[function] < left.len() {
            let line = self.next[function];
            let part = left[line].min(rest);
            parts[line] += part;
            left[line] -= part;
            rest -= part;
            if left[line] == 0 {
                self.next[function] += 1;
            }
        }
        let placed = lines.iter().zip(parts).filter(|&(_, part)| part != 0);
        let mut placed: Vec<_> = placed.map(|((frame, _), part)| (Some(*frame), part)).collect();
        if rest != 0 {
            placed.push((None, rest));
        }
        placed
    }
}
