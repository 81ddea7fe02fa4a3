//! Stacks regrouped by function: frames that differ only in line or address become one node.

use hashbrown::HashTable;

use crate::hash::Seed;
use crate::id::Id;
use crate::profile::Profile;
use crate::views::groups::Groups;
use crate::views::walk::Saturated;

/// A node of a call tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    /// The caller's node, always an earlier one; `None` for a root.
    pub parent: Option<usize>,
    /// The group of its frames.
    pub group: usize,
}

/// The call tree of a profile for one sample type.
#[derive(Clone, Debug)]
pub struct CallTree {
    /// Parents before children.
    pub nodes: Vec<Node>,
    /// The self value of every node.
    pub own: Vec<i64>,
    /// The value of every node with all nodes below it.
    pub total: Vec<i64>,
    /// Whether a sum did not fit 64 bits.
    pub saturated: Saturated,
}

impl CallTree {
    /// The call tree of the samples; what the call tables hold is not in it.
    #[must_use]
    pub fn new(profile: &Profile, groups: &Groups, sample_type: usize) -> Self {
        let seed = Seed::default();
        let mut nodes: Vec<Node> = Vec::new();
        let mut index: HashTable<usize> = HashTable::new();
        let mut node_of_stack: Vec<usize> = Vec::with_capacity(profile.stacks().len());
        for stack in profile.stacks().rows() {
            let parent = stack.parent.map(|id| node_of_stack[id.index()]);
            let node = Node { parent, group: groups.of_frame(stack.frame) };
            let hash = seed.row(&node);
            let found = index.find(hash, |&other| nodes[other] == node).copied();
            node_of_stack.push(found.unwrap_or_else(|| {
                nodes.push(node);
                index.insert_unique(hash, nodes.len() - 1, |&other| seed.row(&nodes[other]));
                nodes.len() - 1
            }));
        }
        let mut saturated = Saturated::default();
        let mut own = vec![0; nodes.len()];
        let samples = profile.samples();
        for (stack, &value) in samples.stacks().iter().zip(samples.values(sample_type)) {
            if let Some(stack) = stack {
                saturated.add(&mut own[node_of_stack[stack.index()]], value);
            }
        }
        let mut total = own.clone();
        for (node, row) in nodes.iter().enumerate().rev() {
            if let Some(parent) = row.parent {
                let value = total[node];
                saturated.add(&mut total[parent], value);
            }
        }
        Self { nodes, own, total, saturated }
    }

    /// How many callers stand above each node.
    #[must_use]
    pub fn depths(&self) -> Vec<usize> {
        let mut depths = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            depths.push(node.parent.map_or(0, |parent| depths[parent] + 1));
        }
        depths
    }

    /// Every node, each with all that is below it before its next sibling; siblings by the keys of their groups. So nodes
    /// come in the order of the keys on their paths.
    #[must_use]
    pub fn depth_first<K: Ord>(&self, key: impl Fn(usize) -> K) -> Vec<usize> {
        let mut groups: Vec<usize> = self.nodes.iter().map(|node| node.group).collect();
        groups.sort_unstable();
        groups.dedup();
        groups.sort_by_cached_key(|&group| key(group));
        let mut ranks = vec![0; groups.iter().max().map_or(0, |last| last + 1)];
        for (rank, group) in groups.into_iter().enumerate() {
            ranks[group] = rank;
        }
        let mut sorted: Vec<usize> = (0..self.nodes.len()).collect();
        sorted.sort_by_key(|&node| ranks[self.nodes[node].group]);
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        let mut pending = Vec::new();
        // What is pushed last is taken first.
        for node in sorted.into_iter().rev() {
            self.nodes[node].parent.map_or(&mut pending, |parent| &mut children[parent]).push(node);
        }
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(node) = pending.pop() {
            order.push(node);
            pending.append(&mut children[node]);
        }
        order
    }
}
