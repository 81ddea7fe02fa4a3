//! The ways between functions that call each other without end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use foldhash::{HashMap, HashMapExt};

use super::{MAX_WORK, Nesting};
use crate::error::BuildError;
use crate::views::estimate::place::{Parcel, Placer};

impl Nesting {
    /// The parcel at another function of the same node, by the heaviest way; without one, right below.
    pub(super) fn go_to(
        &mut self,
        mut parcel: Parcel,
        from: usize,
        to: usize,
        placer: &mut Placer<'_, '_>,
    ) -> Result<Parcel, BuildError> {
        if from == to {
            return Ok(parcel);
        }
        if !self.ways.contains_key(&from) && self.work <= 2 * MAX_WORK {
            let ways = self.heaviest_ways(from, placer);
            self.ways.insert(from, ways);
        }
        let mut way = Vec::new();
        if let Some(reached_by) = self.ways.get(&from) {
            let mut at = to;
            while let Some(&edge) = reached_by.get(&at) {
                way.push(edge);
                at = placer.graph.edges[edge].caller;
            }
        }
        if way.is_empty() {
            return placer.below_site(parcel, from, None);
        }
        for edge in way.into_iter().rev() {
            parcel = placer.below(parcel, edge)?;
        }
        Ok(parcel)
    }

    /// By function of the same node: the last edge of the way there whose lightest edge is the heaviest.
    fn heaviest_ways(&mut self, from: usize, placer: &Placer<'_, '_>) -> HashMap<usize, usize> {
        let graph = placer.graph;
        let node = self.node_of(from);
        let mut reached_by: HashMap<usize, usize> = HashMap::new();
        let mut heap = BinaryHeap::from([(i64::MAX, Reverse(0usize), from, None)]);
        while let Some((width, Reverse(steps), function, by)) = heap.pop() {
            if let Some(edge) = by {
                if function == from || reached_by.contains_key(&function) {
                    continue;
                }
                reached_by.insert(function, edge);
            }
            for &edge in graph.outgoing.of(function) {
                self.work += 1;
                let callee = graph.edges[edge].callee;
                if self.marks.node_of[callee] == Some(node) {
                    let width = width.min(graph.edge_total[placer.sample_type][edge]);
                    heap.push((width, Reverse(steps + 1), callee, Some(edge)));
                }
            }
        }
        reached_by
    }
}
