//! The frames that py-spy's `--threads` and `--subprocesses` put at the root: what they say is an origin, as the name of
//! the profile is, and they know more. At its first sample a thread may have no name yet, and no name has a command line.
//!
//! They are lifted only where all samples of a profile agree with each other and with its name; else they stay frames.

use std::collections::HashMap;

use profkit_profile::py_spy::{PARENT_LABEL, Root};
use profkit_profile::{AtOffset, FrameId, Label, LabelSetId, Origin, ReadError, StringId};

use crate::read::Reader;
use crate::samples::SampleTexts;

/// The frames that stand for processes and threads, with their names.
#[derive(Default)]
pub(crate) struct RootFrames(HashMap<FrameId, Vec<u8>>);

impl RootFrames {
    /// Takes in a frame without file and line, if it is one of them.
    pub(crate) fn add(&mut self, frame: FrameId, name: &[u8]) {
        if Root::parse(name).is_some() {
            self.0.insert(frame, name.to_vec());
        }
    }

    pub(crate) fn has(&self, frame: FrameId) -> bool {
        self.0.contains_key(&frame)
    }

    fn get(&self, frame: FrameId) -> Option<(&[u8], Root<'_>)> {
        let name = self.0.get(&frame)?;
        Some((name, Root::parse(name)?))
    }
}

/// What the roots of one stack say.
#[derive(Clone, PartialEq, Eq, Default)]
struct Said<'r> {
    /// Outermost first: the whole names, ids and commands.
    processes: Vec<(&'r [u8], Option<i64>, &'r [u8])>,
    thread: Option<(Option<i64>, &'r [u8])>,
}

/// Origin and labels of the samples of a profile whose name says `named`; `None` where there are no roots, or they do
/// not agree.
pub(crate) fn lift(
    reader: &mut Reader<'_>,
    samples: &str,
    named: Origin,
) -> Result<Option<(Origin, LabelSetId)>, ReadError> {
    if reader.root_frames.0.is_empty() {
        return Ok(None);
    }
    let Some(said) = agreed(reader, samples)? else { return Ok(None) };
    let at = reader.source.offset(samples);
    let text = |reader: &mut Reader<'_>, text: &[u8]| reader.builder.string(text).at(at);
    let (own, parents) = match said.processes.split_last() {
        Some((&(_, pid, command), parents)) => ((pid, command), parents),
        None => ((None, &b""[..]), &[][..]),
    };
    let thread = said.thread.unwrap_or_default();
    let (process, thread) = ((own.0, text(reader, own.1)?), (thread.0, text(reader, thread.1)?));
    let differ = clash(named.pid, process.0)
        || clash(named.tid, thread.0)
        || clash(known(named.process), known(process.1))
        || clash(known(named.thread), known(thread.1));
    if differ {
        return Ok(None);
    }
    let origin = Origin {
        pid: named.pid.or(process.0),
        process: known(named.process).unwrap_or(process.1),
        tid: named.tid.or(thread.0),
        thread: known(named.thread).unwrap_or(thread.1),
        ..named
    };
    let mut labels = Vec::new();
    let key = text(reader, PARENT_LABEL)?;
    for &(name, ..) in parents {
        labels.push(Label::text(key, text(reader, &name[b"process ".len()..])?));
    }
    Ok(Some((origin, reader.builder.labels(&labels).at(at)?)))
}

/// What the roots of all samples say, if it is the same but for a name that a thread got late.
fn agreed<'r>(reader: &Reader<'r>, samples: &str) -> Result<Option<Said<'r>>, ReadError> {
    let mut agreed: Option<Said<'r>> = None;
    let mut texts = SampleTexts::new(reader.source, samples)?;
    while let Some(sample) = texts.next()? {
        if sample.trim_matches(['[', ']']).trim_ascii().is_empty() {
            continue;
        }
        let Some(said) = said(reader, sample)? else { return Ok(None) };
        let Some(before) = &mut agreed else {
            agreed = Some(said);
            continue;
        };
        if let (Some(before), Some(thread)) = (&mut before.thread, said.thread)
            && before.1.is_empty()
        {
            before.1 = thread.1;
        }
        let same_thread = match (before.thread, said.thread) {
            (Some(before), Some(thread)) => {
                before.0 == thread.0 && (before.1 == thread.1 || thread.1.is_empty())
            }
            (before, thread) => before == thread,
        };
        if before.processes != said.processes || !same_thread {
            return Ok(None);
        }
    }
    Ok(agreed)
}

/// What the roots of a sample say; `None` where there are none, or not as py-spy has them: processes, then a thread.
fn said<'r>(reader: &Reader<'r>, sample: &str) -> Result<Option<Said<'r>>, ReadError> {
    let mut said = Said::default();
    for word in sample.trim_matches(['[', ']']).split(',') {
        let Some((name, root)) = reader.root_frames.get(reader.frame(word.trim_ascii())?) else { break };
        if said.thread.is_some() {
            return Ok(None);
        }
        match root {
            Root::Process { pid, command } => said.processes.push((name, pid, command)),
            Root::Thread { tid, name } => said.thread = Some((tid, name)),
        }
    }
    Ok(Some(said).filter(|said| *said != Said::default()))
}

/// Whether both are known and not the same.
fn clash<T: PartialEq + Copy>(one: Option<T>, other: Option<T>) -> bool {
    one.is_some() && other.is_some() && one != other
}

fn known(text: StringId) -> Option<StringId> {
    Some(text).filter(|text| !text.is_empty())
}
