//! Turns the flow of a call graph into stacks, from the roots down.
//!
//! What flows over an edge is a list of parcels: so much of it, in this context. A function keeps its self value
//! out of each parcel, and what is left is matched with what its callees want. Heavy parts are matched in
//! proportion, so that a callee is seen in all of its caller's contexts; light ones in order, so that the
//! number of stacks stays in the order of the number of edges.

use super::components::Components;
use super::cycle::Router;
use super::flow::Flow;
use super::graph::Graph;
use super::leaves::Leaves;
use super::nesting::{Marks, Nesting};
use super::shares::transport;
use super::sink::Sink;
use crate::error::BuildError;
use crate::id::{FrameId, StackId};

/// Parts of at least 1/4096 of all self values are placed in proportion.
const GRAINS: i64 = 4096;

/// A parcel at a function: so much of it under these callers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Parcel {
    pub(super) parent: Option<StackId>,
    /// How many frames `parent` has, and how many of them, from the root, are guesses.
    pub(super) depth: u32,
    pub(super) inferred: u32,
    pub(super) amount: i64,
}

impl Parcel {
    pub(super) const fn root(amount: i64) -> Self {
        Self { parent: None, depth: 0, inferred: 0, amount }
    }
}

/// Places the values of one origin.
pub(super) struct Placer<'a, 'b> {
    pub(super) graph: &'a Graph,
    components: &'a Components,
    flow: &'a Flow,
    pub(super) sample_type: usize,
    sink: &'a mut Sink<'b>,
    pub(super) grain: i64,
    /// Whether a function has several callers, so that what stands above it is a guess.
    ambiguous: Vec<bool>,
    /// What flows over each edge between components, until its callee takes it.
    parcels: Vec<Vec<Parcel>>,
    main: Vec<Option<Parcel>>,
    leaves: Leaves,
    /// In which contexts each edge was taken.
    contexts: Vec<Vec<Parcel>>,
    /// Room for the marks of one cycle at a time.
    pub(super) marks: Marks,
}

/// Where things were placed: for what is placed after the values.
pub(super) struct Placed {
    /// By edge: its callee's contexts, empty where it had no value.
    pub(super) contexts: Vec<Vec<Parcel>>,
    /// By function: its heaviest context.
    pub(super) main: Vec<Option<Parcel>>,
}

impl Placed {
    /// Adds what was placed of the other sign.
    pub(super) fn join(&mut self, other: Self) {
        self.contexts.iter_mut().zip(other.contexts).for_each(|(own, other)| own.extend(other));
        for (own, other) in self.main.iter_mut().zip(other.main) {
            *own = std::cmp::max_by_key(other, *own, |main| main.map(|parcel| parcel.amount));
        }
    }
}

/// A way into a component: an edge from outside, or none, with what came over it.
struct Entry {
    function: usize,
    edge: Option<usize>,
    parcels: Vec<Parcel>,
}

impl<'a, 'b> Placer<'a, 'b> {
    pub(super) fn new(
        graph: &'a Graph,
        components: &'a Components,
        flow: &'a Flow,
        sample_type: usize,
        leaves: Leaves,
        sink: &'a mut Sink<'b>,
    ) -> Self {
        let functions = graph.functions.len();
        Self {
            graph,
            components,
            flow,
            sample_type,
            sink,
            grain: (flow.sum / GRAINS).max(1),
            ambiguous: (0..functions).map(|function| is_ambiguous(graph, flow, function)).collect(),
            parcels: vec![Vec::new(); graph.edges.len()],
            main: vec![None; functions],
            leaves,
            contexts: vec![Vec::new(); graph.edges.len()],
            marks: Marks::default(),
        }
    }

    pub(super) fn run(mut self) -> Result<Placed, BuildError> {
        let components = self.components;
        for members in components.members.iter().rev() {
            let mut entries = Vec::new();
            for &function in members {
                self.entries(function, &mut entries);
            }
            for entry in &mut entries {
                self.keep_self(entry)?;
            }
            match *members.as_slice() {
                [function] => self.pass_on_one(function, entries)?,
                _ => self.pass_on_cycle(members, entries)?,
            }
        }
        Ok(Placed { contexts: self.contexts, main: self.main })
    }

    /// The ways into a function from outside of its component.
    fn entries(&mut self, function: usize, entries: &mut Vec<Entry>) {
        for &edge in self.graph.incoming.of(function) {
            let parcels = std::mem::take(&mut self.parcels[edge]);
            if !parcels.is_empty() {
                entries.push(Entry { function, edge: Some(edge), parcels });
            }
        }
        let amount = self.flow.root_own[function].saturating_add(self.flow.root_down[function]);
        if amount > 0 {
            entries.push(Entry { function, edge: None, parcels: vec![Parcel::root(amount)] });
        }
    }

    /// Takes the function's self value out of the parcels of one way in, and notes the contexts.
    fn keep_self(&mut self, entry: &mut Entry) -> Result<(), BuildError> {
        let function = entry.function;
        for parcel in &entry.parcels {
            let main = &mut self.main[function];
            if main.is_none_or(|main| parcel.amount > main.amount) {
                *main = Some(*parcel);
            }
        }
        let own = match entry.edge {
            Some(edge) => self.flow.own[edge],
            None => self.flow.root_own[function],
        };
        let kept = self.split(&mut entry.parcels, own);
        for parcel in &kept {
            self.place_self(function, *parcel)?;
        }
        if let Some(edge) = entry.edge {
            self.contexts[edge] = if kept.is_empty() { entry.parcels.clone() } else { kept };
        }
        Ok(())
    }

    /// Takes `amount` out of the parcels; what is left stays in them.
    fn split(&self, parcels: &mut Vec<Parcel>, amount: i64) -> Vec<Parcel> {
        if amount <= 0 {
            return Vec::new();
        }
        let supply: Vec<i64> = parcels.iter().map(|parcel| parcel.amount).collect();
        let sum: i64 = supply.iter().sum();
        if amount >= sum {
            return std::mem::take(parcels);
        }
        let mut taken = Vec::new();
        let mut left = Vec::new();
        for part in transport(&supply, &[amount, sum - amount], self.grain) {
            let parcel = Parcel { amount: part.amount, ..parcels[part.from] };
            if part.to == 0 { taken.push(parcel) } else { left.push(parcel) }
        }
        *parcels = left;
        taken
    }

    /// Passes on what a function outside of any cycle (or one that only calls itself) does not keep.
    fn pass_on_one(&mut self, function: usize, entries: Vec<Entry>) -> Result<(), BuildError> {
        let mut pool: Vec<Parcel> = entries.into_iter().flat_map(|entry| entry.parcels).collect();
        let graph = self.graph;
        for &edge in graph.outgoing.of(function) {
            if graph.edges[edge].callee == function {
                // One level of recursion stands for all.
                let mut inner = self.split(&mut pool, self.flow.through(edge).max(self.flow.own[edge]));
                for parcel in &mut inner {
                    *parcel = self.below(*parcel, edge)?;
                }
                let kept = self.split(&mut inner, self.flow.own[edge]);
                for parcel in &kept {
                    self.place_self(function, *parcel)?;
                }
                self.contexts[edge] = if kept.is_empty() { inner.clone() } else { kept };
                pool.append(&mut inner);
            }
        }
        self.pass_on(function, &pool)
    }

    /// Matches the parcels at a function with what its callees outside of the component want, and, within a
    /// cycle, with what they keep under it.
    fn pass_on(&mut self, function: usize, pool: &[Parcel]) -> Result<(), BuildError> {
        let graph = self.graph;
        let is_cycle = self.components.members[self.components.of[function]].len() > 1;
        let wanted = |edge: usize| match (self.components.is_internal(graph, edge), is_cycle) {
            (false, _) => self.flow.through(edge),
            (true, true) => self.flow.own[edge],
            (true, false) => 0,
        };
        let edges: Vec<usize> =
            graph.outgoing.of(function).iter().copied().filter(|&edge| wanted(edge) > 0).collect();
        let demand: Vec<i64> = edges.iter().map(|&edge| wanted(edge)).collect();
        let supply: Vec<i64> = pool.iter().map(|parcel| parcel.amount).collect();
        for part in transport(&supply, &demand, self.grain) {
            let edge = edges[part.to];
            let parcel = self.below(Parcel { amount: part.amount, ..pool[part.from] }, edge)?;
            self.arrive(edge, parcel)?;
        }
        Ok(())
    }

    fn pass_on_cycle(&mut self, members: &[usize], entries: Vec<Entry>) -> Result<(), BuildError> {
        let Self { graph, components, flow, sample_type, marks, .. } = self;
        let nesting = Nesting::new(graph, components, flow, members, *sample_type, marks);
        if let Some(mut nesting) = nesting {
            for entry in entries {
                nesting.enter(self.graph, entry.function, entry.edge, entry.parcels);
            }
            return nesting.run(self);
        }
        let mut router = Router::new(self.graph, self.components, self.flow, members, self.grain);
        let mut parcels_of_entry = Vec::new();
        for entry in entries.into_iter().filter(|entry| !entry.parcels.is_empty()) {
            router.entry(entry.function, entry.parcels.iter().map(|parcel| parcel.amount).sum());
            parcels_of_entry.push(entry.parcels);
        }
        let routes = router.run();
        let mut pools: Vec<(usize, Vec<Parcel>)> =
            members.iter().map(|&function| (function, Vec::new())).collect();
        for (parcels, routes) in parcels_of_entry.into_iter().zip(routes) {
            let supply: Vec<i64> = parcels.iter().map(|parcel| parcel.amount).collect();
            let demand: Vec<i64> = routes.iter().map(|route| route.amount).collect();
            for part in transport(&supply, &demand, self.grain) {
                let route = &routes[part.to];
                let mut parcel = Parcel { amount: part.amount, ..parcels[part.from] };
                for step in &route.steps {
                    parcel = self.below_site(parcel, step.function, step.site)?;
                }
                pools[route.member].1.push(parcel);
            }
        }
        for (function, pool) in pools {
            for parcel in &pool {
                if self.main[function].is_none() {
                    self.main[function] = Some(*parcel);
                }
            }
            self.pass_on(function, &pool)?;
        }
        Ok(())
    }

    /// A parcel has come over an edge to a callee in another component.
    pub(super) fn arrive(&mut self, edge: usize, parcel: Parcel) -> Result<(), BuildError> {
        if self.components.is_internal(self.graph, edge) {
            return self.keep(edge, parcel);
        }
        self.parcels[edge].push(parcel);
        Ok(())
    }

    /// The callee of an edge keeps a parcel.
    pub(super) fn keep(&mut self, edge: usize, parcel: Parcel) -> Result<(), BuildError> {
        let callee = self.graph.edges[edge].callee;
        self.contexts[edge].push(parcel);
        if self.main[callee].is_none() {
            self.main[callee] = Some(parcel);
        }
        self.place_self(callee, parcel)
    }

    /// The parcel one frame further down: below the caller's frame at an edge.
    pub(super) fn below(&mut self, parcel: Parcel, edge: usize) -> Result<Parcel, BuildError> {
        let edge = self.graph.edges[edge];
        self.below_site(parcel, edge.caller, edge.site)
    }

    pub(super) fn below_site(
        &mut self,
        parcel: Parcel,
        function: usize,
        site: Option<FrameId>,
    ) -> Result<Parcel, BuildError> {
        let frame = match site {
            Some(site) => site,
            None => self.sink.frame(self.graph, function)?,
        };
        let parent = Some(self.sink.builder.stack(parcel.parent, frame)?);
        let inferred = if self.ambiguous[function] { parcel.depth } else { parcel.inferred };
        Ok(Parcel { parent, depth: parcel.depth.saturating_add(1), inferred, amount: parcel.amount })
    }

    /// Places a self value, divided among the function's lines where these are known.
    fn place_self(&mut self, function: usize, parcel: Parcel) -> Result<(), BuildError> {
        for (frame, amount) in self.leaves.divide(self.graph, function, parcel.amount) {
            let frame = match frame {
                Some(frame) => frame,
                None => self.sink.frame(self.graph, function)?,
            };
            self.sink.add(Parcel { amount, ..parcel }, frame)?;
        }
        Ok(())
    }
}

/// Whether what stands above a function is a guess: it has several callers, or one and none.
fn is_ambiguous(graph: &Graph, flow: &Flow, function: usize) -> bool {
    let mut callers = graph.incoming.of(function).iter().map(|&edge| graph.edges[edge].caller);
    let Some(first) = callers.find(|&caller| caller != function) else { return false };
    let root = flow.root_own[function] > 0 || flow.root_down[function] > 0;
    root || callers.any(|caller| caller != function && caller != first)
}
