//! Compresses on a thread of its own while the writer goes on encoding.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use flate2::Compression;
use flate2::write::GzEncoder;

/// How much is handed over at a time, and how many such chunks may wait. Small profiles have a few of them, so that they
/// too are compressed while the rest is encoded.
const CHUNK: usize = 64 << 10;
const WAITING: usize = 16;

/// Gzips what `write` writes into `to`. The bytes depend on the input only: no time, no file name.
pub(crate) fn gzipped<T>(
    to: &mut (dyn Write + Send),
    write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> io::Result<T> {
    let (sender, receiver) = sync_channel(WAITING);
    let (done, reused) = channel();
    std::thread::scope(|scope| {
        let compressor = scope.spawn(move || compress(&receiver, &done, to));
        let mut chunks = Chunks { sender, reused, chunk: Vec::with_capacity(CHUNK * 2) };
        let written = write(&mut chunks).and_then(|value| chunks.flush().map(|()| value));
        drop(chunks);
        let compressed = compressor.join().unwrap_or_else(|_| Err(io::Error::other("the compressor failed")));
        // An error of the output is the cause of the writer's broken pipe, not the other way round.
        compressed.and(written)
    })
}

fn compress(
    chunks: &Receiver<Vec<u8>>,
    done: &Sender<Vec<u8>>,
    to: &mut (dyn Write + Send),
) -> io::Result<()> {
    let mut encoder = GzEncoder::new(to, Compression::fast());
    while let Ok(chunk) = chunks.recv() {
        encoder.write_all(&chunk)?;
        // Nobody takes it any more once everything is written.
        let _ = done.send(chunk);
    }
    encoder.finish()?.flush()
}

struct Chunks {
    sender: SyncSender<Vec<u8>>,
    /// Chunks that are compressed: new ones would cost the kernel the clearing of their memory.
    reused: Receiver<Vec<u8>>,
    chunk: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let mut next = self.reused.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK * 2));
        next.clear();
        let chunk = std::mem::replace(&mut self.chunk, next);
        self.sender.send(chunk).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}
