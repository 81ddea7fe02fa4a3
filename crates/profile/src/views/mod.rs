//! What people look at, derived from the tables. Nothing here is stored in a profile.

pub mod call_edges;
pub mod call_tree;
pub mod estimate;
pub mod events;
pub mod folded;
pub mod groups;
pub mod no_stack;
pub mod origins;
pub mod totals;
mod walk;

pub use walk::Saturated;
