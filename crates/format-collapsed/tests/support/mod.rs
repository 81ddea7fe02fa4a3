//! What a profile says, as plain values that two profiles can be compared by.
#![allow(dead_code, reason = "not every test uses all of it")]

use std::collections::BTreeMap;

use profkit_format_collapsed::Collapsed;
use profkit_profile::{
    Format, FrameFlags, Input, Profile, ProfileBuilder, ReadError, Sniff, StringId, WriteError, WriteOptions,
    Written,
};

/// Name, file, line and the bits of the flags, as far as they have a suffix.
pub(crate) type Row = (Vec<u8>, Vec<u8>, i64, u8);

/// All that makes two lines different.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Key {
    pub(crate) host: Vec<u8>,
    pub(crate) pid: Option<i64>,
    pub(crate) process: Vec<u8>,
    pub(crate) tid: Option<i64>,
    pub(crate) thread: Vec<u8>,
    pub(crate) file: Vec<u8>,
    pub(crate) labels: Vec<(Vec<u8>, Vec<u8>, i64)>,
    pub(crate) frames: Vec<Row>,
}

pub(crate) const FLAGS: [FrameFlags; 5] =
    [FrameFlags::INLINED, FrameFlags::KERNEL, FrameFlags::JIT, FrameFlags::INTERPRETED, FrameFlags::JIT_FAST];

pub(crate) fn bits(flags: FrameFlags) -> u8 {
    FLAGS.iter().enumerate().filter(|(_, flag)| flags.contains(**flag)).map(|(bit, _)| 1 << bit).sum()
}

/// Every sample of a profile; equal ones are summed.
pub(crate) fn rows(profile: &Profile) -> BTreeMap<Key, Vec<i64>> {
    let mut rows: BTreeMap<Key, Vec<i64>> = BTreeMap::new();
    let bytes = |id: StringId| profile.bytes(id).to_vec();
    for (index, sample) in profile.samples().iter().enumerate() {
        let origin = profile.origins()[sample.origin];
        let labels = profile.labels().get(sample.labels).iter();
        let mut frames = Vec::new();
        profile.stacks().root_first(sample.stack, &mut frames);
        let frames = frames.into_iter().map(|id| {
            let frame = profile.frames()[id];
            let Some(function) = frame.function.map(|function| profile.functions()[function]) else {
                return (b"[unknown]".to_vec(), Vec::new(), frame.line, bits(frame.flags));
            };
            let line = if frame.line == 0 { function.first_line } else { frame.line };
            (bytes(function.name), bytes(function.file), line, bits(frame.flags))
        });
        let key = Key {
            host: bytes(origin.host),
            pid: origin.pid,
            process: bytes(origin.process),
            tid: origin.tid,
            thread: bytes(origin.thread),
            file: bytes(origin.file),
            labels: labels.map(|label| (bytes(label.key), bytes(label.string), label.number)).collect(),
            frames: frames.collect(),
        };
        let values = profile.samples().row_values(index);
        let sums = rows.entry(key).or_insert_with(|| vec![0; values.len()]);
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
    rows
}

pub(crate) fn try_read(bytes: &[u8], dialect: Option<&str>) -> Result<Profile, ReadError> {
    let mut builder = ProfileBuilder::new();
    Collapsed.read(&Input { bytes, dialect }, &mut builder)?;
    Ok(builder.finish().expect("what was read holds together"))
}

pub(crate) fn read(bytes: &[u8]) -> Profile {
    try_read(bytes, None).expect("a profile")
}

pub(crate) fn write(profile: &Profile, options: &WriteOptions<'_>) -> Result<(Vec<u8>, Written), WriteError> {
    let mut out = Vec::new();
    let written = Collapsed.write(profile, &mut out, options)?;
    Ok((out, written))
}

pub(crate) fn is_recognised(bytes: &[u8]) -> bool {
    matches!(Collapsed.sniff(bytes), Sniff::Yes | Sniff::Maybe)
}

/// The sum of each sample type.
pub(crate) fn totals(profile: &Profile) -> Vec<(String, String, u8, i64)> {
    let types = profile.sample_types().iter().enumerate();
    types
        .map(|(index, kind)| {
            let total = profile.samples().values(index).iter().sum();
            (profile.text(kind.name).into_owned(), profile.text(kind.unit).into_owned(), kind.decimals, total)
        })
        .collect()
}
