//! Self and total of each function, or of each stack, in each run.

use std::collections::HashMap;

use profkit_profile::views::call_tree::CallTree;
use profkit_profile::views::groups::{Group, Grouping, Groups};
use profkit_profile::views::totals::totals;

use crate::diff::align::{Runs, float};
use crate::diff::verdict::Change;

/// What changed of one function or stack.
#[derive(Clone, Debug)]
pub struct Row<K> {
    /// Which function, or stack.
    pub key: K,
    /// Without what it called.
    pub own: Change,
    /// With all that it called.
    pub total: Change,
    /// The mean of all calls on each side, where counted.
    pub calls: Option<(f64, f64)>,
}

/// The values of one function or stack, by run, scaled.
#[derive(Clone, Debug)]
pub(super) struct Measured<K> {
    pub(super) key: K,
    pub(super) own: Vec<f64>,
    pub(super) total: Vec<f64>,
    pub(super) calls: Vec<Option<f64>>,
}

impl<K> Measured<K> {
    fn new(key: K, runs: usize) -> Self {
        Self { key, own: vec![0.0; runs], total: vec![0.0; runs], calls: vec![None; runs] }
    }

    fn is_zero(&self) -> bool {
        self.own.iter().chain(&self.total).all(|&value| value == 0.0)
            && self.calls.iter().flatten().all(|&n| n == 0.0)
    }
}

pub(super) fn functions(runs: &Runs, column: usize, factors: &[f64]) -> Vec<Measured<Group>> {
    let mut rows: Vec<Measured<Group>> = Vec::new();
    let mut index: HashMap<Group, usize> = HashMap::new();
    let mut part = runs.tables.clone();
    for (run, &factor) in factors.iter().enumerate() {
        runs.fill(&mut part, run);
        let totals = totals(&part);
        for (group, &key) in totals.groups.groups().iter().enumerate() {
            let row = *index.entry(key).or_insert_with(|| {
                rows.push(Measured::new(key, factors.len()));
                rows.len() - 1
            });
            rows[row].own[run] = float(totals.own_column(column)[group]) * factor;
            rows[row].total[run] = float(totals.total_column(column)[group]) * factor;
            rows[row].calls[run] = totals.calls()[group].map(float);
        }
    }
    rows.retain(|row| !row.is_zero());
    rows
}

/// By node of the call tree, which is the same for every run, since all have the same stacks.
pub(super) fn stacks(runs: &Runs, column: usize, factors: &[f64]) -> Vec<Measured<usize>> {
    let mut rows: Vec<Measured<usize>> = Vec::new();
    let groups = Groups::new(&runs.tables, Grouping::Function);
    let mut part = runs.tables.clone();
    for (run, &factor) in factors.iter().enumerate() {
        runs.fill(&mut part, run);
        let tree = CallTree::new(&part, &groups, column);
        for node in rows.len()..tree.nodes.len() {
            rows.push(Measured::new(node, factors.len()));
        }
        for (node, row) in rows.iter_mut().enumerate() {
            row.own[run] = float(tree.own[node]) * factor;
            row.total[run] = float(tree.total[node]) * factor;
        }
    }
    rows.retain(|row| !row.is_zero());
    rows
}
