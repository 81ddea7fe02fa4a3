//! The differential flame graph: widths from the new side, red where a frame with all that it called grew, blue where
//! it shrank.
//!
//! What would surprise: inferno colours a frame by the two counts of the one line that begins it, so a caller has the change
//! of nothing (jonhoo/inferno#295, 0.12.8 too). Here each frame has a line of its own before those of its callees, with
//! a first count that makes the change that of its total.

use std::path::Path;

use inferno::flamegraph::{Options, TextTruncateDirection, from_lines};
use profkit_merge::diff::Comparison;
use profkit_profile::Profile;
use profkit_profile::views::call_tree::{CallTree, Node};
use profkit_profile::views::groups::{Grouping, Groups};

use crate::commands::flamegraph::path::Path as FoldedPath;
use crate::commands::flamegraph::unit::unit;
use crate::commands::flamegraph::{DEEPEST, Labels, NARROWEST, save};
use crate::failure::Failure;
use crate::quantity::{Scale, percent_change};

pub(super) fn draw(comparison: &Comparison, names: &[String; 2], path: &Path) -> Result<(), Failure> {
    let both = comparison.before_after().map_err(|error| super::failed(&error))?;
    let groups = Groups::new(&both, Grouping::Function);
    let [before, after] = [0, 1].map(|column| CallTree::new(&both, &groups, column));
    let sum = |column: usize| {
        both.samples().values(column).iter().fold(0i64, |sum, &value| sum.saturating_add(value))
    };
    let (old, whole) = (sum(0), sum(1));
    if whole <= 0 {
        return Err(Failure::file(path, "the new side has nothing that could be drawn"));
    }
    let (count_name, factor) = unit(comparison.tables(), comparison.sample_type(), whole);
    let lines = Lines {
        both: &both,
        groups: &groups,
        before: &before,
        after: &after,
        least: whole / NARROWEST,
        factor,
    };
    let gone: i64 = (0..after.nodes.len())
        .filter(|&node| {
            after.total[node] == 0 && after.nodes[node].parent.is_none_or(|above| after.total[above] != 0)
        })
        .fold(0, |sum, node| sum.saturating_add(before.total[node]));
    let scale = Scale::of(comparison.tables(), comparison.sample_type());
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let change = percent_change(old as f64, whole as f64);
    let mut subtitle = format!(
        "{} → {} ({change}); width: {}; red: grew, blue: shrank, with all that it calls",
        scale.format(old),
        scale.format(whole),
        names[1],
    );
    if gone > 0 {
        subtitle += &format!("; {} in stacks of {} only, not drawn", scale.format(gone), names[0]);
    }
    let mut options = Options::default();
    options.title = format!("{} → {}", names[0], names[1]);
    options.subtitle = Some(subtitle);
    options.count_name = count_name;
    options.text_truncate_direction = TextTruncateDirection::Right;
    options.min_width = 0.0;
    // The lines are in the order of the tree; sorted, a callee could come before its caller's own.
    options.no_sort = true;
    let mut svg = Vec::new();
    let lines = lines.make();
    from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)
        .map_err(|error| Failure::file(path, error))?;
    save(path, &svg)
}

/// The lines that inferno is given.
struct Lines<'a> {
    both: &'a Profile,
    groups: &'a Groups,
    before: &'a CallTree,
    after: &'a CallTree,
    /// What is less is drawn as self of its caller.
    least: i64,
    /// inferno 0.12 scales widths but not changes by its own factor, so the numbers it gets are scaled already.
    factor: f64,
}

impl Lines<'_> {
    fn make(&self) -> Vec<String> {
        let labels = Labels::new(self.both);
        let groups = self.groups.groups();
        let names: Vec<String> = groups.iter().map(|&group| labels.of(self.both, group).0).collect();
        let (nodes, depths) = (&self.after.nodes, self.after.depths());
        let mut own = self.after.own.clone();
        let mut is_drawn: Vec<bool> = Vec::with_capacity(nodes.len());
        for (row, (&total, depth)) in nodes.iter().zip(self.after.total.iter().zip(depths)) {
            is_drawn.push(match row.parent {
                Some(parent) => is_drawn[parent] && total > self.least && depth < DEEPEST,
                None => total > 0,
            });
        }
        for (node, row) in nodes.iter().enumerate().rev() {
            if let Some(parent) = row.parent.filter(|_| !is_drawn[node]) {
                own[parent] = own[parent].saturating_add(std::mem::take(&mut own[node]));
            }
        }
        let mut path = FoldedPath::below("");
        let mut lines = Vec::new();
        for node in self.after.depth_first(|group| &names[group]) {
            let Node { parent, group } = nodes[node];
            path.enter(node, parent, &names[group]);
            if !is_drawn[node] {
                continue;
            }
            let width = self.scaled(own[node]).max(0);
            let change = self.scaled(self.after.total[node].saturating_sub(self.before.total[node]));
            // inferno 0.12 reads both counts as u64 and subtracts them as isize: a negative first count wraps around and back.
            let first = width.wrapping_sub(change).cast_unsigned();
            lines.push(format!("{} {first} {width}", path.text()));
        }
        lines
    }

    fn scaled(&self, value: i64) -> i64 {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "for a picture")]
        let scaled = (value as f64 * self.factor).round() as i64;
        scaled
    }
}
