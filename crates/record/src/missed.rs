//! Pythons that the tracer could not enter, as the journal tells: they are sampled instead.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use profkit_recording::journal;
use profkit_recording::stream::Writer;

use crate::process::start_ticks;
use crate::sampling::{Sample, Sampling};

/// How often the journal is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(20);
/// What a program is sampled at that was to be traced.
const RATE: f64 = 1000.0;

/// Follows the journal.
pub(crate) struct Missed {
    folder: PathBuf,
    read: u64,
    /// The begin of a line that is not whole yet.
    rest: Vec<u8>,
}

impl Missed {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), read: 0, rest: Vec::new() }
    }

    /// Samples the processes that were missed since the last time.
    pub(crate) fn look(&mut self, sampling: &mut Option<Sampling>) {
        for pid in self.pids() {
            let Some(start) = start_ticks(pid) else { continue };
            if let Some(sampling) = sampling {
                sampling.add(pid);
            } else {
                let stream = self.folder.join(format!("{pid}-{start}-0.samples"));
                let sample = Sample { rate: RATE, subprocesses: false, awaits: false, pause: false };
                let Ok(stream) = Writer::create(&stream) else { continue };
                let Ok((started, _)) = Sampling::start(stream, pid, sample, Vec::new(), false, (None, None))
                else {
                    continue;
                };
                *sampling = Some(started);
            }
        }
    }

    fn pids(&mut self) -> Vec<u32> {
        let path = self.folder.join(journal::FILE);
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() == self.read) {
            return Vec::new();
        }
        let mut new = Vec::new();
        let read = File::open(path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.read))?;
            file.read_to_end(&mut new)
        });
        self.read += u64::try_from(read.unwrap_or(0)).unwrap_or(0);
        self.rest.extend_from_slice(&new);
        let whole = self.rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        let pid = |line: &[u8]| {
            let mut fields = line.split(|&byte| byte == b'\t');
            if fields.next()? != b"missed" {
                return None;
            }
            std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()
        };
        lines.split(|&byte| byte == b'\n').filter_map(pid).collect()
    }
}
