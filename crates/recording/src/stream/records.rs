//! Takes a sample stream apart: blocks, and the records in them. Nothing is kept of what was read, so a stream of hours can be
//! followed while it is written.

use super::{BLOCK_HEADER, Sample, checksum, kind, sample};

/// A record of a stream. Texts, functions, frames, stacks, processes and threads are meant by their numbers, from 1; whether
/// there is one of that number is the caller's to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// The next text.
    Text(&'a [u8]),
    /// The next function.
    Function {
        /// Text of its name.
        name: u64,
        /// Text of its file.
        file: u64,
        /// Its first line.
        first_line: u64,
    },
    /// The next frame.
    Frame {
        /// Its function.
        function: u64,
        /// The line that runs, 0 if unknown.
        line: u64,
    },
    /// The next stack.
    Stack {
        /// The stack below, 0 for none.
        below: u64,
        /// The frame on top.
        frame: u64,
    },
    /// The next process.
    Process {
        /// What the operating system calls it.
        pid: u64,
        /// Its start in clock ticks since boot.
        start: u64,
        /// `PY_VERSION_HEX`.
        version: u64,
        /// Text of its command line.
        command: u64,
    },
    /// The next thread.
    Thread {
        /// Its process.
        process: u64,
        /// What the operating system calls it.
        tid: u64,
        /// Nanoseconds since the stream's beginning.
        began: u64,
    },
    /// A thread's name.
    Name {
        /// The thread.
        thread: u64,
        /// Text of the name.
        name: u64,
    },
    /// A counter and its value so far.
    Counter(u64, u64),
    /// The stream's beginning.
    Begin {
        /// Nanoseconds since 1970.
        unix_ns: u64,
        /// Nanoseconds between samples.
        interval_ns: u64,
    },
    /// The end, in nanoseconds since the beginning.
    End(u64),
    /// A process that could not be sampled.
    Refused {
        /// What the operating system calls it.
        pid: u64,
        /// Text of its command line.
        command: u64,
        /// Text of the reason.
        reason: u64,
    },
    /// One sample, or several equal ones.
    Sample(Sample),
}

/// Why a record makes no sense, and where in the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub what: &'static str,
    /// Bytes from the first record's begin.
    pub at: usize,
}

/// How many bytes of records the block at an offset has; `None` if there is no whole block.
#[must_use]
pub fn block(bytes: &[u8], at: usize) -> Option<usize> {
    let head = bytes.get(at..at.checked_add(BLOCK_HEADER)?)?;
    let length = usize::try_from(u32::from_le_bytes(*head.first_chunk()?)).ok()?;
    let sum = u32::from_le_bytes(*head.get(4..)?.first_chunk()?);
    let begin = at + BLOCK_HEADER;
    let records = bytes.get(begin..begin.checked_add(length)?)?;
    (checksum(records) == sum).then_some(length)
}

/// The records of one block, in their order. The first that makes no sense is the last.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    records: &'a [u8],
    at: usize,
    last_thread: u64,
    last_wall: u64,
}

impl<'a> Records<'a> {
    /// Of a block's bytes behind its header.
    #[must_use]
    pub fn new(records: &'a [u8]) -> Self {
        Self { records, at: 0, last_thread: 0, last_wall: 0 }
    }

    /// Bytes from the first record's begin to the next record's.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { what, at: self.at }
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.records.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn number(&mut self) -> Result<u64, Malformed> {
        let (mut number, mut shift) = (0u64, 0u32);
        loop {
            let byte = self.byte().ok_or_else(|| self.malformed("a record ends early"))?;
            if shift > 63 {
                return Err(self.malformed("a number is too long"));
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.number()?;
        let length = usize::try_from(length).map_err(|_| self.malformed("a number is too large"))?;
        let end = self.at.checked_add(length).filter(|&end| end <= self.records.len());
        let end = end.ok_or_else(|| self.malformed("a text ends early"))?;
        let taken = &self.records[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn record(&mut self, kind: u8) -> Result<Record<'a>, Malformed> {
        if kind & kind::SAMPLE != 0 {
            return self.sample(kind);
        }
        Ok(match kind {
            kind::TEXT => Record::Text(self.text()?),
            kind::FUNCTION => {
                Record::Function { name: self.number()?, file: self.number()?, first_line: self.number()? }
            }
            kind::FRAME => Record::Frame { function: self.number()?, line: self.number()? },
            kind::STACK => Record::Stack { below: self.number()?, frame: self.number()? },
            kind::PROCESS => Record::Process {
                pid: self.number()?,
                start: self.number()?,
                version: self.number()?,
                command: self.number()?,
            },
            kind::THREAD => {
                Record::Thread { process: self.number()?, tid: self.number()?, began: self.number()? }
            }
            kind::NAME => Record::Name { thread: self.number()?, name: self.number()? },
            kind::COUNTER => Record::Counter(self.number()?, self.number()?),
            kind::BEGIN => Record::Begin { unix_ns: self.number()?, interval_ns: self.number()? },
            kind::END => Record::End(self.number()?),
            kind::REFUSED => {
                Record::Refused { pid: self.number()?, command: self.number()?, reason: self.number()? }
            }
            _ => return Err(self.malformed("a record of this kind is unknown")),
        })
    }

    #[inline]
    fn given(&mut self, bits: u8, bit: u8, otherwise: u64) -> Result<u64, Malformed> {
        if bits & bit != 0 { self.number() } else { Ok(otherwise) }
    }

    #[inline]
    fn sample(&mut self, bits: u8) -> Result<Record<'a>, Malformed> {
        let stack = self.number()?;
        let thread = self.given(bits, sample::THREAD, self.last_thread)?;
        let count = self.given(bits, sample::COUNT, 1)?;
        let wall = self.given(bits, sample::WALL, self.last_wall)?;
        let all = |bit: u8| if bits & bit != 0 { wall } else { 0 };
        let cpu = self.given(bits, sample::CPU, all(sample::ALL_CPU))?;
        let gil = self.given(bits, sample::GIL, all(sample::ALL_GIL))?;
        let gil_wait = self.given(bits, sample::GIL, 0)?;
        (self.last_thread, self.last_wall) = (thread, wall);
        let (Ok(thread), Ok(stack)) = (u32::try_from(thread), u32::try_from(stack)) else {
            return Err(self.malformed("a number is too large"));
        };
        Ok(Record::Sample(Sample { thread, stack, count, wall, cpu, gil, gil_wait }))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let kind = self.byte()?;
        let record = self.record(kind);
        if record.is_err() {
            self.at = self.records.len();
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{HEADER, Writer};

    fn sample(thread: u32, wall: u64, cpu: u64, gil: u64) -> Sample {
        Sample { thread, stack: 300, count: 2, wall, cpu, gil, gil_wait: 1 }
    }

    #[test]
    fn what_was_written_comes_back() {
        let rows = [sample(1, 10, 10, 0), sample(1, 10, 3, 10), sample(2, 200, 0, 7)];
        let path = std::env::temp_dir().join(format!("profkit-records-{}", std::process::id()));
        let mut writer = Writer::create(&path).unwrap();
        writer.text("a name");
        writer.record(kind::PROCESS, &[1 << 40, 2, 3, 4]);
        writer.record(kind::REFUSED, &[5, 6, 1]);
        rows.iter().for_each(|row| writer.sample(row));
        writer.flush();
        rows.iter().for_each(|row| writer.sample(row));
        writer.record(kind::END, &[9]);
        writer.flush();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let (mut at, mut found) = (HEADER, Vec::new());
        while let Some(length) = block(&bytes, at) {
            let records = Records::new(&bytes[at + BLOCK_HEADER..at + BLOCK_HEADER + length]);
            found.extend(records.map(Result::unwrap));
            at += BLOCK_HEADER + length;
        }
        let samples = rows.map(Record::Sample);
        let process = Record::Process { pid: 1 << 40, start: 2, version: 3, command: 4 };
        let refused = Record::Refused { pid: 5, command: 6, reason: 1 };
        let tables = [Record::Text(b"a name"), process, refused];
        let expected = [&tables[..], &samples, &samples, &[Record::End(9)]].concat();
        assert_eq!(found, expected);
        assert_eq!(at, bytes.len());
    }

    #[test]
    fn nonsense_ends_a_block() {
        let mut records = Records::new(&[kind::END, 1, 77, kind::END, 1]);
        assert_eq!(records.next(), Some(Ok(Record::End(1))));
        assert!(records.next().unwrap().is_err());
        assert_eq!(records.next(), None);
        assert!(Records::new(&[kind::TEXT, 5, b'a']).next().unwrap().is_err());
        assert!(Records::new(&[kind::END, 0x80]).next().unwrap().is_err());
    }
}
