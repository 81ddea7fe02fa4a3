//! Totals of functions from their self costs and the inclusive costs of the calls they make, which is all that the
//! format stores.
//!
//! A function's total is its self cost and the calls it makes, but for those of itself. With recursion through other
//! functions this counts nested calls again and again, so there it is capped by what the whole cycle (strongly connected
//! functions) costs: the self costs of all its members and their calls to the outside. Without recursion this is what
//! `callgrind_annotate --inclusive=yes` (3.19) prints: the sum of all calls of a function, or of one that nobody calls, self
//! and calls. For recursive functions it adds up nested calls and so prints more than the program took.

/// Which functions call each other in cycles.
#[derive(Debug)]
pub(crate) struct Cycles {
    /// By function, its cycle; a function that is in none is a cycle of its own.
    of: Vec<u32>,
    /// By cycle, how many functions.
    sizes: Vec<u32>,
    /// By function, whether it calls itself.
    calls_itself: Vec<bool>,
}

impl Cycles {
    /// Finds the cycles of `count` functions by their calls (caller, callee): Tarjan's algorithm without recursion.
    pub(crate) fn find(count: usize, calls: &[(u32, u32)]) -> Self {
        let (starts, callees) = by_caller(count, calls);
        let mut calls_itself = vec![false; count];
        for &(caller, callee) in calls.iter().filter(|(caller, callee)| caller == callee) {
            calls_itself[caller as usize] = callee == caller;
        }
        let mut search = Search {
            starts: &starts,
            callees: &callees,
            order: vec![UNSEEN; count],
            low: vec![0; count],
            of: vec![UNSEEN; count],
            open: Vec::new(),
            sizes: Vec::new(),
            next: 0,
        };
        for root in 0..count {
            search.visit(root);
        }
        Self { of: search.of, sizes: search.sizes, calls_itself }
    }

    /// Whether a function can be running while it is called, by itself or by others.
    pub(crate) fn is_recursive(&self, function: u32) -> bool {
        self.calls_itself[function as usize] || self.is_in_cycle(function)
    }

    /// Whether a function calls itself through others.
    pub(crate) fn is_in_cycle(&self, function: u32) -> bool {
        self.sizes[self.of[function as usize] as usize] > 1
    }

    /// The total of every function: `own` are self costs, `costs` those of the calls. `None` where one does not fit.
    pub(crate) fn totals(&self, own: &[i64], calls: &[(u32, u32)], costs: &[i64]) -> Option<Vec<i64>> {
        let mut of_function: Vec<i128> = own.iter().map(|&own| i128::from(own)).collect();
        let mut of_cycle = vec![0_i128; self.sizes.len()];
        for (&cycle, &own) in self.of.iter().zip(own) {
            of_cycle[cycle as usize] += i128::from(own);
        }
        for (&(caller, callee), &cost) in calls.iter().zip(costs) {
            let (caller, callee) = (caller as usize, callee as usize);
            if caller != callee {
                of_function[caller] += i128::from(cost);
            }
            if self.of[caller] != self.of[callee] {
                of_cycle[self.of[caller] as usize] += i128::from(cost);
            }
        }
        let capped = of_function.iter().zip(&self.of).map(|(&total, &cycle)| {
            if self.sizes[cycle as usize] > 1 { total.min(of_cycle[cycle as usize]) } else { total }
        });
        capped.map(|total| i64::try_from(total).ok()).collect()
    }
}

const UNSEEN: u32 = u32::MAX;

/// The callees of every function in one list, and where each function's begin in it.
fn by_caller(count: usize, calls: &[(u32, u32)]) -> (Vec<usize>, Vec<u32>) {
    let mut starts = vec![0; count + 1];
    for &(caller, _) in calls {
        starts[caller as usize + 1] += 1;
    }
    for index in 0..count {
        starts[index + 1] += starts[index];
    }
    let mut next = starts.clone();
    let mut callees = vec![0; calls.len()];
    for &(caller, callee) in calls {
        callees[next[caller as usize]] = callee;
        next[caller as usize] += 1;
    }
    (starts, callees)
}

struct Search<'a> {
    starts: &'a [usize],
    callees: &'a [u32],
    order: Vec<u32>,
    low: Vec<u32>,
    of: Vec<u32>,
    open: Vec<usize>,
    sizes: Vec<u32>,
    next: u32,
}

impl Search<'_> {
    fn visit(&mut self, root: usize) {
        if self.order[root] != UNSEEN {
            return;
        }
        // A function and how many of its callees are done.
        let mut path = vec![(root, self.starts[root])];
        self.enter(root);
        while let Some(&mut (function, ref mut next)) = path.last_mut() {
            if *next < self.starts[function + 1] {
                let callee = self.callees[*next] as usize;
                *next += 1;
                if self.order[callee] == UNSEEN {
                    self.enter(callee);
                    path.push((callee, self.starts[callee]));
                } else if self.of[callee] == UNSEEN {
                    self.low[function] = self.low[function].min(self.order[callee]);
                }
                continue;
            }
            path.pop();
            if let Some(&(caller, _)) = path.last() {
                self.low[caller] = self.low[caller].min(self.low[function]);
            }
            if self.low[function] == self.order[function] {
                self.close(function);
            }
        }
    }

    fn enter(&mut self, function: usize) {
        self.order[function] = self.next;
        self.low[function] = self.next;
        self.next += 1;
        self.open.push(function);
    }

    /// Everything that was entered since `first` and is open is one cycle.
    fn close(&mut self, first: usize) {
        let cycle = u32::try_from(self.sizes.len()).unwrap_or(UNSEEN);
        let mut size = 0;
        while let Some(function) = self.open.pop() {
            self.of[function] = cycle;
            size += 1;
            if function == first {
                break;
            }
        }
        self.sizes.push(size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(own: &[i64], calls: &[(u32, u32, i64)]) -> Vec<i64> {
        let pairs: Vec<_> = calls.iter().map(|&(caller, callee, _)| (caller, callee)).collect();
        let costs: Vec<_> = calls.iter().map(|&(_, _, cost)| cost).collect();
        Cycles::find(own.len(), &pairs).totals(own, &pairs, &costs).unwrap()
    }

    #[test]
    fn a_total_is_self_and_calls() {
        // The extended example of the format's specification: main, func1, func2.
        assert_eq!(totals(&[20, 100, 700], &[(0, 1, 400), (0, 2, 400), (1, 2, 300)]), [820, 400, 700]);
    }

    #[test]
    fn calls_of_itself_are_part_of_the_outermost_call() {
        // main calls fib once; fib(2) calls fib(1) and fib(0): 10 each.
        assert_eq!(totals(&[5, 30], &[(0, 1, 30), (1, 1, 20)]), [35, 30]);
    }

    #[test]
    fn a_cycle_never_costs_more_than_all_of_it() {
        // main → even(3) → odd(2) → even(1) → odd(0), 1 each, and leaf, 7, by odd(0).
        let calls = [(0, 1, 11), (1, 2, 10 + 8), (2, 1, 9), (2, 3, 7)];
        assert_eq!(totals(&[1, 2, 2, 7], &calls), [12, 11, 11, 7]);
    }

    #[test]
    fn a_long_chain_does_not_need_a_deep_stack() {
        let count = 200_000_u32;
        let calls: Vec<(u32, u32, i64)> = (1..count).map(|callee| (callee - 1, callee, 1)).collect();
        let own = vec![0; count as usize];
        assert_eq!(totals(&own, &calls)[0], 1);
        let mut ring: Vec<(u32, u32)> = calls.iter().map(|&(caller, callee, _)| (caller, callee)).collect();
        ring.push((count - 1, 0));
        let cycles = Cycles::find(count as usize, &ring);
        assert!((0..count).all(|function| cycles.is_in_cycle(function)));
    }

    #[test]
    fn a_total_that_does_not_fit_is_none() {
        let calls = [(0, 1)];
        assert_eq!(Cycles::find(2, &calls).totals(&[i64::MAX, 0], &calls, &[1]), None);
    }
}
