//! Reads a trace file: the shape is told by [`profkit_recording::trace`].
//!
//! The file may be written while it is read, or its process have been killed at any instruction: counters are those of one
//! instant or another, but records are whole, since `used` is raised after they are. A file is read from its begin to its
//! end, so a node at the end may name a function that was not there yet when the begin was read: such a node is newer than
//! the reading, and left out, unless the process had ended in order, when it is damage.

mod head;
mod records;
mod tree;

use core::mem::offset_of;

use profkit_profile::{AtOffset, ProfileBuilder, ReadError, count};
use profkit_recording::trace::{Header, clock, values};

use crate::bytes::u32_at;
use crate::columns::Columns;
use crate::journal::Facts;
use head::Head;
use records::Records;
use tree::Tree;

/// What a trace says of itself beside its samples.
#[derive(Clone, Default, Debug)]
pub(crate) struct Summary {
    pub(crate) threads: usize,
    pub(crate) notes: Vec<String>,
    /// When its last event was, nanoseconds since 1970.
    pub(crate) end_ns: i64,
}

/// The sample types of a trace.
pub(crate) fn add_sample_types(bytes: &[u8], builder: &mut ProfileBuilder) -> Result<Columns<3>, ReadError> {
    let values = values(u32_at(bytes, offset_of!(Header, clock)).unwrap_or(clock::WALL));
    let columns = Columns::add(values, builder)?;
    let (time, _) = values[1];
    builder.meta.default_type = Some(builder.string(time.as_bytes()).at(0)?);
    Ok(columns)
}

/// Reads the trace in `bytes` into the builder, whose sample types are all added already.
pub(crate) fn read(
    bytes: &[u8],
    columns: Columns<3>,
    facts: &Facts,
    builder: &mut ProfileBuilder,
) -> Result<Summary, ReadError> {
    let head = Head::read(bytes)?;
    let records = Records::collect(bytes, &head)?;
    let mut summary =
        Summary { threads: records.threads.len(), notes: head.notes(bytes), end_ns: head.created_ns };
    summary.notes.extend(records.notes.iter().cloned());
    for thread in records.threads.values() {
        let passed = head.wall.nanoseconds(thread.last.saturating_sub(thread.first));
        summary.end_ns = summary.end_ns.max(head.created_ns.saturating_add(passed));
    }
    let left_out = Tree::new(bytes, &head, &records, facts).add(columns, builder)?;
    if left_out > 0 {
        let calls = count(usize::try_from(left_out).unwrap_or(usize::MAX), "call");
        summary
            .notes
            .push(format!("process {}: {calls} left out, what called them is not in the file", head.pid));
    }
    Ok(summary)
}
