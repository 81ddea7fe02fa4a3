//! Pythons that the tracer could not enter, as the journal tells: they are sampled instead.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use profkit_recording::header::file_name;
use profkit_recording::journal::{self, Entry};
use profkit_recording::stream::{EXTENSION, Writer};
use profkit_sampler::clock;
use profkit_sampler::session::Gone;

use crate::births::Births;
use crate::process::start_ticks;
use crate::sampling::{Sample, Sampling};
use crate::unseen::Unseen;

/// How often the journal is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(20);
/// What a program is sampled at that was to be traced.
const RATE: f64 = 1000.0;

/// Samples who is missed.
pub(crate) struct Missed {
    journal: Journal,
    unseen: Option<Unseen>,
}

impl Missed {
    /// With the kernel's word of births, those are missed, too, who cannot tell the journal.
    pub(crate) fn new(folder: &Path, births: Option<Births>) -> Self {
        let journal = Journal::new(folder, births.is_some());
        Self { journal, unseen: births.map(|births| Unseen::new(folder, births)) }
    }

    /// Samples the processes that were missed since the last time.
    pub(crate) fn look(&mut self, sampling: &mut Option<Sampling>) {
        self.journal.read();
        if let Some(unseen) = &mut self.unseen {
            unseen.look(&mut self.journal);
            self.journal.read();
        }
        for pid in self.journal.missed.drain(..) {
            let Some(start) = start_ticks(pid) else { continue };
            if let Some(sampling) = sampling {
                sampling.add(pid);
            } else {
                let stream = self.journal.folder.join(file_name(pid, start, 0, EXTENSION));
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
}

/// What the journal says so far.
pub(crate) struct Journal {
    folder: PathBuf,
    read: u64,
    /// The begin of a line that is not whole yet.
    rest: Vec<u8>,
    /// Whether somebody asks what has begun.
    is_asked: bool,
    /// When each process told that it had begun a program, in nanoseconds since 1970: pid, start, the last time.
    begun: HashMap<(u32, u64), u64>,
    /// Pids of those that are missed.
    missed: Vec<u32>,
}

/// Clocks that are read one after the other.
const SLACK: Duration = Duration::from_millis(1);

impl Journal {
    fn new(folder: &Path, is_asked: bool) -> Self {
        let (begun, missed) = (HashMap::new(), Vec::new());
        Self { folder: folder.to_owned(), read: 0, rest: Vec::new(), is_asked, begun, missed }
    }

    /// Reads what is new.
    pub(crate) fn read(&mut self) {
        let path = self.folder.join(journal::FILE);
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() == self.read) {
            return;
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
        for line in lines.split(|&byte| byte == b'\n') {
            let Some(Entry { event, unix_ns, pid, start, .. }) = Entry::parse(line) else { continue };
            match event {
                journal::START if self.is_asked => {
                    self.begun.insert((pid, start), unix_ns);
                }
                journal::MISSED => self.missed.push(pid),
                _ => {}
            }
        }
    }

    /// Whether a process told that it had begun a program after some time, in nanoseconds since boot. The pid is what it takes for
    /// its own.
    pub(crate) fn has(&self, pid: u32, start: u64, since: u64) -> bool {
        self.begun.get(&(pid, start)).is_some_and(|begun| is_after(*begun, since))
    }

    /// The same, of any process that began at one of these times: what its pid is in a namespace of its own is not known any more.
    pub(crate) fn has_begun(&self, starts: &[u64], since: u64) -> bool {
        self.begun.iter().any(|((_, start), begun)| starts.contains(start) && is_after(*begun, since))
    }

    /// A process has ended.
    pub(crate) fn forget(&mut self, gone: &Gone) {
        for start in gone.starts() {
            self.begun.remove(&(gone.pid, start));
        }
    }
}

fn is_after(begun: u64, since: u64) -> bool {
    UNIX_EPOCH + Duration::from_nanos(begun) + SLACK >= unix_time(since)
}

/// When something was, from nanoseconds since boot.
pub(crate) fn unix_time(since_boot: u64) -> SystemTime {
    let ago = clock::now(libc::CLOCK_BOOTTIME).unwrap_or_default();
    SystemTime::now() - ago.saturating_sub(Duration::from_nanos(since_boot))
}
