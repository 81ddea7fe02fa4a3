//! What the files `recording` and `processes` say.

use foldhash::HashMap;
use profkit_recording::header;
use profkit_recording::journal::{self, Entry};

/// The facts of a folder that are in no trace.
#[derive(Clone, Default, Debug)]
pub(crate) struct Facts {
    pub(crate) profkit: Vec<u8>,
    pub(crate) host: Vec<u8>,
    pub(crate) command: Vec<u8>,
    pub(crate) start_ns: Option<i64>,
    /// Command line by pid and start time.
    pub(crate) commands: HashMap<(i64, u64), Vec<u8>>,
    /// Processes that are not in the recording, and why.
    pub(crate) missed: Vec<Missed>,
}

/// A process that is not in the recording.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Missed {
    pub(crate) pid: i64,
    pub(crate) start: u64,
    pub(crate) reason: Vec<u8>,
}

impl Facts {
    pub(crate) fn read_header(&mut self, text: &[u8]) {
        for line in text.split(|&byte| byte == b'\n').skip(1) {
            let mut fields = line.splitn(2, |&byte| byte == b'\t');
            let (Some(key), Some(value)) = (fields.next(), fields.next()) else { continue };
            let value = journal::unescape(value);
            match key {
                b"profkit" => self.profkit = value,
                b"host" => self.host = value,
                b"command" => self.command = command_line(&value),
                b"start_ns" => self.start_ns = number(&value),
                _ => {}
            }
        }
    }

    /// Lines that are torn or of a later version say nothing.
    pub(crate) fn read_journal(&mut self, text: &[u8]) {
        let mut missed: Vec<Missed> = Vec::new();
        for line in text.split_inclusive(|&byte| byte == b'\n').filter_map(|line| line.strip_suffix(b"\n")) {
            let Some(Entry { event, pid, start, rest, .. }) = Entry::parse(line) else { continue };
            let pid = i64::from(pid);
            match (event, rest.as_slice()) {
                (journal::START, [_, _, arguments, ..]) => {
                    self.commands.insert((pid, start), command_line(arguments));
                }
                (journal::MISSED, [reason, ..]) => {
                    let one = Missed { pid, start, reason: reason.clone() };
                    if !missed.contains(&one) {
                        missed.push(one);
                    }
                }
                _ => {}
            }
        }
        self.missed.extend(missed);
    }
}

/// A command line as a person would type it: arguments with a NUL after each.
pub(crate) fn command_line(arguments: &[u8]) -> Vec<u8> {
    let arguments = arguments.strip_suffix(&[0]).unwrap_or(arguments);
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_=+./:,@%~".contains(byte) || *byte > 127;
    let mut line = Vec::new();
    for argument in arguments.split(|&byte| byte == 0) {
        if !line.is_empty() {
            line.push(b' ');
        }
        if !argument.is_empty() && argument.iter().all(is_plain) {
            line.extend_from_slice(argument);
        } else {
            line.push(b'\'');
            let quoted = argument.split(|&byte| byte == b'\'').collect::<Vec<_>>().join(&b"'\\''"[..]);
            // A line break would tear the names of processes apart in text formats.
            line.extend(quoted.iter().map(|&byte| if byte.is_ascii_control() { b' ' } else { byte }));
            line.push(b'\'');
        }
    }
    line
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Whether bytes are the file that makes a folder a recording.
pub(crate) fn is_header(bytes: &[u8]) -> bool {
    bytes.starts_with(header::FIRST_LINE.as_bytes())
}
