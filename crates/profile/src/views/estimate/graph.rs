//! The call graph of one origin: functions, edges and their values, in local numbers.

use foldhash::{HashMap, HashMapExt};

use crate::calls::{CallEdge, FunctionCalls};
use crate::error::BuildError;
use crate::id::{FrameId, FunctionId, Id, OriginId};
use crate::profile::Profile;

/// An edge without its values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) caller: usize,
    pub(super) callee: usize,
    /// The caller's frame at the call.
    pub(super) site: Option<FrameId>,
    pub(super) calls: i64,
    pub(super) has_self: bool,
    pub(super) has_total: bool,
}

/// The call graph of one origin. Functions and edges are numbered from 0; values are by sample type first.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) functions: Vec<FunctionId>,
    /// All calls of each function, where known.
    pub(super) calls: Vec<Option<i64>>,
    /// Whether each function was ever active twice at a time, where the counts of its calls tell.
    pub(super) recursive: Vec<Option<bool>>,
    pub(super) own: Vec<Vec<i64>>,
    pub(super) total: Vec<Vec<i64>>,
    pub(super) edges: Vec<Edge>,
    pub(super) edge_own: Vec<Vec<i64>>,
    pub(super) edge_total: Vec<Vec<i64>>,
    /// The edges into and out of each function.
    pub(super) incoming: Adjacency,
    pub(super) outgoing: Adjacency,
    /// The lines of each function with their self values by sample type.
    pub(super) lines: Vec<Vec<(FrameId, Vec<i64>)>>,
}

/// Lists of edges by function.
#[derive(Debug, Default)]
pub(super) struct Adjacency {
    starts: Vec<usize>,
    edges: Vec<usize>,
}

impl Adjacency {
    fn new(functions: usize, of_edge: impl Iterator<Item = usize> + Clone) -> Self {
        let mut starts = vec![0; functions + 1];
        for function in of_edge.clone() {
            starts[function + 1] += 1;
        }
        for function in 0..functions {
            starts[function + 1] += starts[function];
        }
        let mut edges = vec![0; starts[functions]];
        let mut next = starts.clone();
        for (edge, function) in of_edge.enumerate() {
            edges[next[function]] = edge;
            next[function] += 1;
        }
        Self { starts, edges }
    }

    /// The edges of a function, in order.
    pub(super) fn of(&self, function: usize) -> &[usize] {
        &self.edges[self.starts[function]..self.starts[function + 1]]
    }
}

/// The call graphs of a profile, one an origin, in order of first appearance. `frame_of` gives the frame that stands for
/// one that the source has of a function's line or call.
pub(super) fn graphs(
    profile: &Profile,
    mut frame_of: impl FnMut(FunctionId, FrameId) -> Result<FrameId, BuildError>,
) -> Result<Vec<(OriginId, Graph)>, BuildError> {
    let mut graphs: Vec<(OriginId, Builder)> = Vec::new();
    let mut index: Vec<Option<usize>> = vec![None; profile.origins().len()];
    let types = profile.sample_types().len();
    let mut of = |origin: OriginId, graphs: &mut Vec<(OriginId, Builder)>| {
        *index[origin.index()].get_or_insert_with(|| {
            let rows = if graphs.is_empty() { profile.functions().len() } else { 0 };
            graphs.push((origin, Builder::new(types, rows)));
            graphs.len() - 1
        })
    };
    let calls = profile.calls();
    for (row, function) in calls.functions().rows().iter().enumerate() {
        let graph = of(function.origin, &mut graphs);
        let (own, total) = calls.functions().values(row);
        graphs[graph].1.function_values(function, &own, &total);
    }
    for (row, edge) in calls.edges().rows().iter().enumerate() {
        let graph = of(edge.origin, &mut graphs);
        let (own, total) = calls.edges().values(row);
        let site = edge.site.map(|site| frame_of(edge.caller, site)).transpose()?;
        graphs[graph].1.edge_values(&CallEdge { site, ..*edge }, &own, &total);
    }
    for (row, line) in calls.lines().rows().iter().enumerate() {
        let graph = of(line.origin, &mut graphs);
        let (own, _) = calls.lines().values(row);
        let graph = &mut graphs[graph].1;
        let function = graph.function(line.function);
        graph.graph.lines[function].push((frame_of(line.function, line.frame)?, own));
    }
    Ok(graphs.into_iter().map(|(origin, builder)| (origin, builder.finish())).collect())
}

struct Builder {
    types: usize,
    graph: Graph,
    functions: HashMap<FunctionId, usize>,
    edges: HashMap<(usize, usize, Option<FrameId>), usize>,
}

impl Builder {
    /// With room for so many functions.
    fn new(types: usize, functions: usize) -> Self {
        let columns = vec![Vec::new(); types];
        let graph = Graph {
            own: columns.clone(),
            total: columns.clone(),
            edge_own: columns.clone(),
            edge_total: columns,
            ..Graph::default()
        };
        Self { types, graph, functions: HashMap::with_capacity(functions), edges: HashMap::new() }
    }

    fn function(&mut self, id: FunctionId) -> usize {
        let graph = &mut self.graph;
        *self.functions.entry(id).or_insert_with(|| {
            graph.functions.push(id);
            graph.calls.push(None);
            graph.recursive.push(None);
            graph.lines.push(Vec::new());
            graph.own.iter_mut().chain(&mut graph.total).for_each(|column| column.push(0));
            graph.functions.len() - 1
        })
    }

    /// Rows of one function with several label sets are one function here.
    fn function_values(&mut self, row: &FunctionCalls, own: &[i64], total: &[i64]) {
        let function = self.function(row.function);
        if let Some(calls) = row.calls {
            let sum = self.graph.calls[function].get_or_insert(0);
            *sum = sum.saturating_add(calls);
        }
        if let (Some(calls), Some(primitive)) = (row.calls, row.primitive_calls) {
            let recursive = self.graph.recursive[function].get_or_insert(false);
            *recursive |= calls != primitive;
        }
        for sample_type in 0..self.types {
            add(&mut self.graph.own[sample_type][function], own[sample_type]);
            add(&mut self.graph.total[sample_type][function], total[sample_type]);
        }
    }

    fn edge_values(&mut self, row: &CallEdge, own: &[i64], total: &[i64]) {
        let (caller, callee) = (self.function(row.caller), self.function(row.callee));
        let graph = &mut self.graph;
        let edge = *self.edges.entry((caller, callee, row.site)).or_insert_with(|| {
            let (has_self, has_total) = (row.has_self, row.has_total);
            graph.edges.push(Edge { caller, callee, site: row.site, calls: 0, has_self, has_total });
            graph.edge_own.iter_mut().chain(&mut graph.edge_total).for_each(|column| column.push(0));
            graph.edges.len() - 1
        });
        add(&mut graph.edges[edge].calls, row.calls.unwrap_or(0));
        graph.edges[edge].has_self &= row.has_self;
        graph.edges[edge].has_total &= row.has_total;
        for sample_type in 0..self.types {
            add(&mut graph.edge_own[sample_type][edge], own[sample_type]);
            add(&mut graph.edge_total[sample_type][edge], total[sample_type]);
        }
    }

    fn finish(self) -> Graph {
        let mut graph = self.graph;
        let functions = graph.functions.len();
        graph.incoming = Adjacency::new(functions, graph.edges.iter().map(|edge| edge.callee));
        graph.outgoing = Adjacency::new(functions, graph.edges.iter().map(|edge| edge.caller));
        graph
    }
}

fn add(sum: &mut i64, value: i64) {
    *sum = sum.saturating_add(value);
}
