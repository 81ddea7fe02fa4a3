//! What a session writes besides samples: names before what uses them, who was refused, what was covered, and the end.

use std::io;

use profkit_recording::stream::kind;

use super::{Outcome, Session, nanoseconds};
use crate::coverage::Coverage;
use crate::pending::Refused;

impl Session {
    /// Everything that was seen is on disk afterwards.
    pub fn flush(&mut self) {
        self.flushed = self.now.ns;
        self.settle(true);
        self.write_refused();
        self.write_coverage();
        self.writer.flush();
    }

    pub(super) fn finish(&mut self, outcome: Outcome) -> Outcome {
        let now = self.now;
        for process in &mut self.processes {
            process.name_threads(now, &mut self.tree);
        }
        self.pending.end_all();
        self.flush();
        for process in &mut self.processes {
            process.close(&mut self.writer);
        }
        self.writer.record(kind::END, &[now.ns]);
        self.writer.flush();
        outcome
    }

    /// Names come before what uses them.
    pub(super) fn write_tables(&mut self) {
        self.written.tables(&self.tree, &mut self.writer);
    }

    /// A process: the next one.
    pub(super) fn write_process(&mut self, pid: u32, start: u64, version: u64, command: u32) {
        self.write_tables();
        self.writer.record(kind::PROCESS, &[u64::from(pid), start, version, u64::from(command)]);
        self.begun += 1;
    }

    /// Which processes could not be sampled, and why.
    fn write_refused(&mut self) {
        for Refused { pid, command, reason } in self.pending.refused() {
            let (command, reason) = (self.tree.text(&command), self.tree.text(&reason));
            self.write_tables();
            self.writer.record(kind::REFUSED, &[u64::from(pid), u64::from(command), u64::from(reason)]);
        }
    }

    fn write_coverage(&mut self) {
        let coverage = self.coverage();
        for (which, value) in coverage.counters(self.options) {
            self.writer.record(kind::COUNTER, &[which, value]);
        }
    }

    /// What was covered so far.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let mut coverage = self.coverage;
        coverage.counts = self.ended;
        coverage.seated_ns = nanoseconds(self.seat.time());
        for process in &self.processes {
            coverage.counts.add(process.counts);
        }
        coverage
    }

    /// Why nothing is written any more, if so: the disk is full, say.
    #[must_use]
    pub fn failure(&self) -> Option<&io::Error> {
        self.writer.failure()
    }

    /// Bytes on disk.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.writer.written()
    }
}
