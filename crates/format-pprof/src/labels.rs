//! The labels of a sample. Six of them are what profkit writes for an [`Origin`]; they become one again.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::RandomState;

use profkit_profile::{
    AtOffset, Label, LabelSetId, Origin, OriginId, Profile, ProfileBuilder, ReadError, StringId,
};

use crate::proto;
use crate::strings::Strings;
use crate::tables::decode;
use crate::wire::{Bytes, Fields, Value};

/// The labels that stand for an origin: those of numbers have no unit. An id of 0 is the text [`ZERO`].
pub(crate) mod key {
    /// Process id, a number.
    pub(crate) const PID: &[u8] = b"pid";
    /// Command line or name of the process.
    pub(crate) const PROCESS: &[u8] = b"process";
    /// Thread id, a number.
    pub(crate) const TID: &[u8] = b"tid";
    /// Name of the thread.
    pub(crate) const THREAD: &[u8] = b"thread";
    /// Name of the machine.
    pub(crate) const HOST: &[u8] = b"host";
    /// The file that held the profile.
    pub(crate) const FILE: &[u8] = b"file";
}

/// The id 0. As a number without unit it would be a label without value, which Go's pprof (1.19, 1.27) leaves out; yappi
/// gives its main thread that id.
pub(crate) const ZERO: &[u8] = b"0";

/// The field of a sample that holds a label.
const LABEL: u64 = 3;

/// How many label sets a [`LabelReader`] remembers; a power of two. Few files have more than some hundred, and where
/// each sample has a set of its own, remembering more would only take memory.
const REMEMBERED: usize = 1024;

/// Reads label sets, and each only once while it stays in memory.
#[derive(Debug)]
pub(crate) struct LabelReader<'a> {
    input: &'a [u8],
    /// Label sets by a hash of their bytes in the file.
    known: Vec<Option<(&'a [u8], OriginId, LabelSetId)>>,
    hash: RandomState,
    labels: Vec<Label>,
}

impl<'a> LabelReader<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { input, known: vec![None; REMEMBERED], hash: RandomState::default(), labels: Vec::new() }
    }

    /// The labels of one sample. `range` is that of all their fields, in which others may stand too.
    #[inline]
    pub(crate) fn read(
        &mut self,
        range: Range<usize>,
        strings: &mut Strings<'_>,
        builder: &mut ProfileBuilder,
    ) -> Result<(OriginId, LabelSetId), ReadError> {
        let offset = range.start;
        let bytes = self.input.get(range).unwrap_or_default();
        if bytes.is_empty() {
            return Ok((OriginId::UNKNOWN, LabelSetId::EMPTY));
        }
        let slot = self.slot(bytes);
        if let Some(Some((known, origin, labels))) = self.known.get(slot)
            && *known == bytes
        {
            return Ok((*origin, *labels));
        }
        let (origin, labels) = self.decode(Bytes { bytes, offset }, strings, builder)?;
        if let Some(place) = self.known.get_mut(slot) {
            *place = Some((bytes, origin, labels));
        }
        Ok((origin, labels))
    }

    fn slot(&self, bytes: &[u8]) -> usize {
        usize::from(u16::try_from(self.hash.hash_one(bytes) % REMEMBERED as u64).unwrap_or(0))
    }

    fn decode(
        &mut self,
        fields: Bytes<'a>,
        strings: &mut Strings<'_>,
        builder: &mut ProfileBuilder,
    ) -> Result<(OriginId, LabelSetId), ReadError> {
        self.labels.clear();
        let offset = fields.offset;
        let mut fields = Fields::new(fields, "a sample");
        while let Some(field) = fields.next()? {
            let (LABEL, Value::Bytes(message)) = (field.number, field.value) else { continue };
            let label: proto::Label = decode(message, "a label")?;
            self.labels.push(Label {
                key: strings.id(label.key, message.offset, builder)?,
                string: strings.id(label.str, message.offset, builder)?,
                number: label.num,
                unit: strings.id(label.num_unit, message.offset, builder)?,
            });
        }
        let origin = take_origin(&mut self.labels, |id| builder.bytes(id));
        let origin = builder.origin(origin).at(offset)?;
        Ok((origin, builder.labels(&self.labels).at(offset)?))
    }
}

/// Takes the labels that are an origin out of a set. If one of them is there twice, somebody else wrote them, and all
/// stay labels; so what has been read is written back as it was.
fn take_origin<'s>(labels: &mut Vec<Label>, bytes: impl Fn(StringId) -> &'s [u8]) -> Origin {
    let mut origin = Origin::UNKNOWN;
    let mut taken = 0;
    for label in labels.iter() {
        match part(label, &bytes) {
            Some(Part::Pid) if origin.pid.is_none() => origin.pid = Some(label.number),
            Some(Part::Process) if origin.process.is_empty() => origin.process = label.string,
            Some(Part::Tid) if origin.tid.is_none() => origin.tid = Some(label.number),
            Some(Part::Thread) if origin.thread.is_empty() => origin.thread = label.string,
            Some(Part::Host) if origin.host.is_empty() => origin.host = label.string,
            Some(Part::File) if origin.file.is_empty() => origin.file = label.string,
            Some(_) => return Origin::UNKNOWN,
            None => continue,
        }
        taken += 1;
    }
    if taken > 0 {
        labels.retain(|label| part(label, &bytes).is_none());
    }
    origin
}

/// For each label set, whether some of its labels would be read as parts of an origin.
pub(crate) fn look_like_origins(profile: &Profile) -> Vec<bool> {
    let looks_so =
        |labels: &[Label]| labels.iter().any(|label| part(label, |id| profile.bytes(id)).is_some());
    profile.labels().iter().map(|(_, labels)| looks_so(labels)).collect()
}

/// What an origin and labels that look like parts of one will be once they are read, so that they are written as they
/// will be from then on: one origin if they do not contradict each other.
pub(crate) fn settle(origin: Origin, labels: &[Label], profile: &Profile) -> (Origin, Vec<Label>) {
    let mut others = labels.to_vec();
    let more = take_origin(&mut others, |id| profile.bytes(id));
    let clash = origin.pid.is_some() && more.pid.is_some()
        || origin.tid.is_some() && more.tid.is_some()
        || !origin.process.is_empty() && !more.process.is_empty()
        || !origin.thread.is_empty() && !more.thread.is_empty()
        || !origin.host.is_empty() && !more.host.is_empty()
        || !origin.file.is_empty() && !more.file.is_empty();
    if clash {
        return (origin, labels.to_vec());
    }
    let text = |one: StringId, other| if one.is_empty() { other } else { one };
    let joined = Origin {
        pid: origin.pid.or(more.pid),
        process: text(origin.process, more.process),
        tid: origin.tid.or(more.tid),
        thread: text(origin.thread, more.thread),
        host: text(origin.host, more.host),
        file: text(origin.file, more.file),
    };
    (joined, others)
}

/// A part of an origin.
enum Part {
    Pid,
    Process,
    Tid,
    Thread,
    Host,
    File,
}

/// Which part of an origin a label is.
fn part<'s>(label: &Label, bytes: impl Fn(StringId) -> &'s [u8]) -> Option<Part> {
    if !label.unit.is_empty() {
        return None;
    }
    let is_text = label.number == 0 && !label.string.is_empty();
    let is_number = label.number != 0 && label.string.is_empty();
    let is_id = || is_number || is_text && bytes(label.string) == ZERO;
    match bytes(label.key) {
        key::PID if is_id() => Some(Part::Pid),
        key::TID if is_id() => Some(Part::Tid),
        key::PROCESS if is_text => Some(Part::Process),
        key::THREAD if is_text => Some(Part::Thread),
        key::HOST if is_text => Some(Part::Host),
        key::FILE if is_text => Some(Part::File),
        _ => None,
    }
}
