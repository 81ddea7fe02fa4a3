//! The chunks of a trace file: every record by its id, nodes by where they are.

use core::mem::{offset_of, size_of};

use foldhash::HashMap;
use profkit_profile::ReadError;
use profkit_recording::trace::{CHUNK, ChunkHeader, Node, Text, Thread, kind, text};

use super::head::Head;
use crate::bytes::{u32_at, u64_at};
use crate::journal::command_line;

/// A thread as the file has it.
#[derive(Clone, Debug)]
pub(super) struct ThreadRecord {
    pub(super) tid: i64,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) name: Vec<u8>,
}

/// What a node's function is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Callee<'a> {
    Python { file: &'a [u8], name: &'a [u8], line: u32 },
    C(&'a [u8]),
    Label { key: &'a [u8], value: &'a [u8] },
}

/// Every record but the nodes, by id.
#[derive(Default)]
pub(super) struct Records<'a> {
    pub(super) functions: HashMap<u32, Callee<'a>>,
    pub(super) threads: HashMap<u32, ThreadRecord>,
    /// Offsets, in file order.
    pub(super) nodes: Vec<usize>,
    pub(super) arguments: Vec<u8>,
    pub(super) notes: Vec<String>,
}

impl<'a> Records<'a> {
    pub(super) fn collect(bytes: &'a [u8], head: &Head) -> Result<Self, ReadError> {
        let mut records = Self::default();
        let mut names = Vec::new();
        let mut at = CHUNK;
        // A chunk that is not wholly there was cut off with the file.
        while at + CHUNK <= head.used {
            let word = |offset: usize| u32_at(bytes, at + offset).unwrap_or(0);
            let span = usize::try_from(word(offset_of!(ChunkHeader, span))).unwrap_or(0).max(1);
            let size =
                span.checked_mul(CHUNK).ok_or_else(|| ReadError::malformed("a chunk is too long", at))?;
            let begin = at + size_of::<ChunkHeader>();
            let used = usize::try_from(word(offset_of!(ChunkHeader, used))).unwrap_or(usize::MAX);
            let end = begin.saturating_add(used);
            if end > at.saturating_add(size) {
                return Err(ReadError::malformed("more is in a chunk than fits", at));
            }
            let end = end.min(bytes.len());
            match word(offset_of!(ChunkHeader, kind)) {
                kind::FREE => {}
                kind::NODES => {
                    records
                        .nodes
                        .extend((begin..=end.saturating_sub(size_of::<Node>())).step_by(size_of::<Node>()));
                }
                kind::THREADS => records.add_threads(bytes, head.is_wall, begin, end),
                kind::TEXTS => records.add_texts(bytes, begin, end, head.pid, &mut names)?,
                other => return Err(ReadError::malformed(format!("chunks of kind {other} are unknown"), at)),
            }
            at = at.saturating_add(size);
        }
        for (id, name) in names {
            if let Some(thread) = records.threads.get_mut(&id) {
                thread.name = name;
            }
        }
        Ok(records)
    }

    fn add_threads(&mut self, bytes: &[u8], is_wall: bool, begin: usize, end: usize) {
        for at in (begin..=end.saturating_sub(size_of::<Thread>())).step_by(size_of::<Thread>()) {
            let long = |offset: usize| u64_at(bytes, at + offset).unwrap_or(0);
            let (last, last_wall) = (long(offset_of!(Thread, last)), long(offset_of!(Thread, last_wall)));
            // Renewed rarely, since on the wall clock the other one says it as well.
            let last = if is_wall || last_wall == 0 { last.max(last_wall) } else { last_wall };
            let tid = u32_at(bytes, at + offset_of!(Thread, tid)).unwrap_or(0);
            let first = long(offset_of!(Thread, first));
            let record = ThreadRecord { tid: i64::from(tid), first, last, name: Vec::new() };
            if let Ok(id) = u32::try_from(at / 8) {
                self.threads.insert(id, record);
            }
        }
    }

    fn add_texts(
        &mut self,
        bytes: &'a [u8],
        begin: usize,
        end: usize,
        pid: i64,
        names: &mut Vec<(u32, Vec<u8>)>,
    ) -> Result<(), ReadError> {
        let mut at = begin;
        while at + size_of::<Text>() <= end {
            let word = |offset: usize| u32_at(bytes, at + offset).unwrap_or(0);
            let length = usize::try_from(word(offset_of!(Text, len))).unwrap_or(usize::MAX);
            let start = at + size_of::<Text>();
            let stop = start.checked_add(length).filter(|&stop| stop <= end);
            let stop = stop.ok_or_else(|| ReadError::malformed("a text is longer than its chunk", at))?;
            let content = &bytes[start..stop];
            let (id, line) = (word(offset_of!(Text, id)), word(offset_of!(Text, extra)));
            let parts = || two(content).ok_or_else(|| ReadError::malformed("a text has no two parts", at));
            match word(offset_of!(Text, kind)) {
                text::FUNCTION => {
                    let (file, name) = parts()?;
                    self.functions.insert(id, Callee::Python { file, name, line });
                }
                text::C_FUNCTION => {
                    self.functions.insert(id, Callee::C(content));
                }
                text::LABEL => {
                    let (key, value) = parts()?;
                    self.functions.insert(id, Callee::Label { key, value });
                }
                text::THREAD_NAME => names.push((id, content.to_vec())),
                text::ARGUMENTS => self.arguments = command_line(content),
                text::NOTE => {
                    self.notes.push(format!("process {pid}: {}", String::from_utf8_lossy(content)));
                }
                _ => {}
            }
            at = start + length.next_multiple_of(8);
        }
        Ok(())
    }
}

/// A length, so many bytes, and the rest.
fn two(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(u32_at(content, 0)?).ok()?;
    content.get(4..)?.split_at_checked(length)
}
