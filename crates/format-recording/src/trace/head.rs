//! What a trace file says first: its process, its clocks, how much of it is used.

use core::mem::offset_of;

use profkit_profile::{ReadError, ReadErrorKind, count};
use profkit_recording::trace::{CHUNK, Header, MAGIC, VERSION, clock, state};

use crate::bytes::{f64_at, u32_at, u64_at};

/// A rate of ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate(f64);

impl Rate {
    pub(super) fn read(bytes: &[u8], offset: usize) -> Result<Self, ReadError> {
        match f64_at(bytes, offset) {
            Some(hz) if hz.is_finite() && hz >= 1.0 => Ok(Self(hz)),
            _ => Err(ReadError::malformed("the clock has no rate", offset)),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a clock is not that exact, and `as` saturates"
    )]
    pub(super) fn nanoseconds(self, ticks: u64) -> i64 {
        (ticks as f64 * (1e9 / self.0)).round() as i64
    }
}

pub(super) struct Head {
    pub(super) pid: i64,
    pub(super) start: u64,
    pub(super) created_ns: i64,
    pub(super) used: usize,
    /// Whether times within functions are on the wall clock, too.
    pub(super) is_wall: bool,
    pub(super) own: Rate,
    pub(super) wall: Rate,
    /// The process had ended in order: nothing changes any more.
    pub(super) ended: bool,
    /// Inside of and outside of a Python function, then of a C function; zeros if not to be subtracted.
    pub(super) cost: [u64; 4],
}

impl Head {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        if !bytes.starts_with(&MAGIC) || bytes.len() < CHUNK {
            return Err(ReadError::truncated("the header", bytes.len()));
        }
        let word = |offset| u32_at(bytes, offset).unwrap_or(0);
        let long = |offset| u64_at(bytes, offset).unwrap_or(0);
        let version = word(offset_of!(Header, version));
        if version != VERSION {
            let reason = format!("a trace of version {version}, this profkit reads {VERSION}");
            return Err(ReadErrorKind::Unsupported(reason.into()).at(offset_of!(Header, version)));
        }
        let used = usize::try_from(long(offset_of!(Header, used))).unwrap_or(usize::MAX);
        let compensate = u64::from(word(offset_of!(Header, compensate)) == 1);
        let cost = [0, 4, 8, 12].map(|at| compensate * u64::from(word(offset_of!(Header, cost) + at)));
        Ok(Self {
            pid: i64::from(word(offset_of!(Header, pid))),
            start: long(offset_of!(Header, start_ticks)),
            created_ns: i64::try_from(long(offset_of!(Header, created_ns))).unwrap_or(0),
            used: used.min(bytes.len()),
            is_wall: word(offset_of!(Header, clock)) == clock::WALL,
            own: Rate::read(bytes, offset_of!(Header, self_hz))?,
            wall: Rate::read(bytes, offset_of!(Header, wall_hz))?,
            ended: word(offset_of!(Header, state)) == state::ENDED,
            cost,
        })
    }

    pub(super) fn notes(&self, bytes: &[u8]) -> Vec<String> {
        let pid = self.pid;
        let mut notes = Vec::new();
        let used = u64_at(bytes, offset_of!(Header, used)).unwrap_or(0);
        if used > bytes.len() as u64 {
            notes.push(format!("process {pid}: its file is cut, {} of {used} bytes are there", bytes.len()));
        }
        let stopped = match u32_at(bytes, offset_of!(Header, state)) {
            Some(state::NO_ROOM) => Some(why_no_room(u32_at(bytes, offset_of!(Header, error)).unwrap_or(0))),
            Some(state::TABLE_FULL) => Some("a table was full".to_owned()),
            _ => None,
        };
        if let Some(why) = &stopped {
            notes.push(format!("process {pid}: {why}: tracing stopped, what came after is missing"));
        }
        // After tracing stopped, nobody counts.
        let events =
            if stopped.is_some() { 0 } else { u64_at(bytes, offset_of!(Header, events_lost)).unwrap_or(0) };
        let missed = [
            (
                u64::from(u32_at(bytes, offset_of!(Header, interpreters_missed)).unwrap_or(0)),
                "subinterpreter",
            ),
            (u64::from(u32_at(bytes, offset_of!(Header, threads_missed)).unwrap_or(0)), "thread"),
            (events, "event"),
            (u64::from(u32_at(bytes, offset_of!(Header, children_missed)).unwrap_or(0)), "forked child"),
        ];
        for (number, what) in missed.into_iter().filter(|&(number, _)| number > 0) {
            let what = count(usize::try_from(number).unwrap_or(usize::MAX), what);
            notes.push(format!("process {pid}: {what} not covered"));
        }
        notes
    }
}

/// What an error number of Linux means for a file that is to grow.
fn why_no_room(error: u32) -> String {
    match error {
        0 => "the file could not grow".to_owned(),
        2 | 116 => "its file was closed by the program, and is not found any more".to_owned(),
        27 => "the file was as long as a file of this process may be (`ulimit -f`)".to_owned(),
        28 => "the disk was full".to_owned(),
        122 => "the user's quota of the disk was full".to_owned(),
        _ => format!("the file could not grow (error {error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The notes of a trace whose process has lost one event.
    fn notes(state: u32, error: u32) -> Vec<String> {
        let mut bytes = vec![0; CHUNK];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &MAGIC);
        put(offset_of!(Header, version), &VERSION.to_ne_bytes());
        put(offset_of!(Header, self_hz), &1e9f64.to_ne_bytes());
        put(offset_of!(Header, wall_hz), &1e9f64.to_ne_bytes());
        put(offset_of!(Header, state), &state.to_ne_bytes());
        put(offset_of!(Header, error), &error.to_ne_bytes());
        put(offset_of!(Header, events_lost), &1u64.to_ne_bytes());
        Head::read(&bytes).unwrap().notes(&bytes)
    }

    #[test]
    fn a_trace_that_stopped_says_why_and_counts_nothing() {
        assert_eq!(notes(state::RUNNING, 0), ["process 0: 1 event not covered"]);
        let stopped = |why: &str| [format!("process 0: {why}: tracing stopped, what came after is missing")];
        assert_eq!(notes(state::NO_ROOM, 28), stopped("the disk was full"));
        assert_eq!(notes(state::NO_ROOM, 5), stopped("the file could not grow (error 5)"));
        assert_eq!(notes(state::NO_ROOM, 0), stopped("the file could not grow"));
        assert_eq!(notes(state::TABLE_FULL, 0), stopped("a table was full"));
    }
}
