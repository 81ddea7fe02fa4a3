//! One thread of the operating system that has thread states in several interpreters: while it runs in one of them, what it has in
//! the others stands, and its stack stands on theirs.

use std::cmp::Reverse;

use crate::process::Process;

impl Process {
    /// Finds those threads.
    pub(super) fn find_nested(&mut self) {
        let mut interpreters = self.threads.iter().map(|thread| thread.state.interpreter);
        let first = interpreters.next();
        let are_several = interpreters.any(|other| Some(other) != first);
        self.nested = self.threads.iter().filter(|thread| thread.stands).map(|thread| thread.tid).collect();
        // Few processes have several interpreters.
        if are_several {
            // The newest first: whoever calls another one is older.
            let order = self.interpreter.interpreters().unwrap_or_default();
            let place = |address| order.iter().position(|other| *other == address);
            self.threads.sort_by_key(|thread| Reverse(place(thread.state.interpreter)));
            let mut ids: Vec<u32> = self.threads.iter().map(|thread| thread.tid).collect();
            ids.sort_unstable();
            self.nested.extend(ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]));
        }
        self.nested.sort_unstable();
        self.nested.dedup();
    }

    /// In which of its interpreters each of them runs.
    pub(super) fn nest(&mut self) {
        for at in 0..self.nested.len() {
            let tid = self.nested[at];
            let states: Vec<usize> =
                (0..self.threads.len()).filter(|&index| self.threads[index].tid == tid).collect();
            let has_gil = |&&index: &&usize| {
                let thread = &self.threads[index];
                self.locks.get(thread.lock).is_some_and(|lock| lock.gil.is_held_by(thread.state.address))
            };
            let runs = |&&index: &&usize| !self.threads[index].stands;
            let Some(&active) =
                states.iter().find(has_gil).or_else(|| states.iter().rfind(runs)).or(states.last())
            else {
                continue;
            };
            let mut told = None;
            for &index in states.iter().filter(|&&index| index != active) {
                let thread = &mut self.threads[index];
                thread.is_due |= !thread.stands || thread.stack == 0;
                told = told.max(thread.stand(self.last));
            }
            self.threads[active].go_on(told, self.last);
        }
    }
}
