//! Appends to a sample stream. The buffer is one block, made at the start: nothing is allocated while sampling.
//!
//! Once a write has failed (full disk) nothing more is written, and [`Writer::failure`] says why: what is on disk stays readable.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use super::{BLOCK_HEADER, HEADER, MAGIC, MAX_BLOCK, VERSION, checksum, kind, sample};

/// What one sample, or several equal ones in a row, say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Number of the thread.
    pub thread: u32,
    /// Number of the stack.
    pub stack: u32,
    /// How many samples.
    pub count: u64,
    /// Nanoseconds of wall time that they stand for.
    pub wall: u64,
    /// Nanoseconds of these on a processor.
    pub cpu: u64,
    /// Nanoseconds of these with the interpreter's lock.
    pub gil: u64,
    /// Nanoseconds of these waiting for it.
    pub gil_wait: u64,
}

/// Where blocks go, each whole.
struct Sink(Box<dyn Write + Send>);

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

/// Appends records.
#[derive(Debug)]
pub struct Writer {
    sink: Sink,
    block: Vec<u8>,
    threads: u32,
    last_thread: u32,
    last_wall: u64,
    written: u64,
    failure: Option<io::Error>,
}

/// More than any record but a text takes.
const MAX_RECORD: usize = 96;

impl Writer {
    /// Makes the file, which must not exist.
    ///
    /// # Errors
    /// If it exists or cannot be made or written.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::to(Box::new(OpenOptions::new().append(true).create_new(true).open(path)?))
    }

    /// A stream to somewhere else: the header, then each block, is handed over in one call.
    ///
    /// # Errors
    /// If the header cannot be written.
    pub fn to(mut sink: Box<dyn Write + Send>) -> io::Result<Self> {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&MAGIC);
        header[8..].copy_from_slice(&VERSION.to_le_bytes());
        sink.write_all(&header)?;
        let mut block = Vec::with_capacity(BLOCK_HEADER + MAX_BLOCK);
        block.resize(BLOCK_HEADER, 0);
        Ok(Self {
            sink: Sink(sink),
            block,
            threads: 0,
            last_thread: 0,
            last_wall: 0,
            written: HEADER as u64,
            failure: None,
        })
    }

    /// Why nothing is written any more.
    #[must_use]
    pub fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Bytes on disk.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The number of the thread whose record comes next.
    pub fn next_thread(&mut self) -> u32 {
        self.threads += 1;
        self.threads
    }

    /// Appends a record of a kind with its numbers.
    pub fn record(&mut self, kind: u8, numbers: &[u64]) {
        self.reserve(MAX_RECORD);
        self.block.push(kind);
        for &number in numbers {
            self.number(number);
        }
    }

    /// Appends a text. What is longer than half a block is cut.
    pub fn text(&mut self, text: &str) {
        let bytes = text.as_bytes().get(..MAX_BLOCK / 2).unwrap_or(text.as_bytes());
        self.reserve(MAX_RECORD + bytes.len());
        self.block.push(kind::TEXT);
        self.number(bytes.len() as u64);
        self.block.extend_from_slice(bytes);
    }

    /// Appends a sample.
    #[inline]
    pub fn sample(&mut self, row: &Sample) {
        self.reserve(MAX_RECORD);
        let mut bits = kind::SAMPLE;
        let mut set = |condition: bool, bit: u8| {
            if condition {
                bits |= bit;
            }
            condition
        };
        let thread = set(row.thread != self.last_thread, sample::THREAD);
        let count = set(row.count != 1, sample::COUNT);
        let wall = set(row.wall != self.last_wall, sample::WALL);
        let all_cpu = set(row.cpu == row.wall, sample::ALL_CPU);
        let cpu = set(!all_cpu && row.cpu != 0, sample::CPU);
        let all_gil = set(row.gil == row.wall && row.gil_wait == 0, sample::ALL_GIL);
        let gil = set(!all_gil && (row.gil != 0 || row.gil_wait != 0), sample::GIL);
        self.block.push(bits);
        self.number(u64::from(row.stack));
        let given = [
            (thread, u64::from(row.thread)),
            (count, row.count),
            (wall, row.wall),
            (cpu, row.cpu),
            (gil, row.gil),
            (gil, row.gil_wait),
        ];
        for (is_given, number) in given {
            if is_given {
                self.number(number);
            }
        }
        self.last_thread = row.thread;
        self.last_wall = row.wall;
    }

    /// Writes what was appended.
    pub fn flush(&mut self) {
        if self.block.len() == BLOCK_HEADER {
            return;
        }
        if self.failure.is_none()
            && let Err(error) = self.write()
        {
            self.failure = Some(error);
        }
        self.block.truncate(BLOCK_HEADER);
        // A block can be read without those before it, but for what the numbers mean.
        self.last_thread = 0;
        self.last_wall = 0;
    }

    fn write(&mut self) -> io::Result<()> {
        let (head, records) = self.block.split_at_mut(BLOCK_HEADER);
        let length = u32::try_from(records.len()).map_err(io::Error::other)?;
        head[..4].copy_from_slice(&length.to_le_bytes());
        head[4..].copy_from_slice(&checksum(records).to_le_bytes());
        self.sink.0.write_all(&self.block)?;
        self.written += self.block.len() as u64;
        Ok(())
    }

    #[inline]
    fn reserve(&mut self, bytes: usize) {
        if self.block.len() + bytes > BLOCK_HEADER + MAX_BLOCK {
            self.flush();
        }
    }

    #[inline]
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.block.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.block.push(number.to_le_bytes()[0]);
    }
}
