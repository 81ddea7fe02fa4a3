//! The way from the sampler's thread to the counters: blocks of the stream through a short queue.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use profkit_recording::stream::{BLOCK_HEADER, HEADER, Records};

use super::counters::Counters;

/// The counters, which the sampler's blocks go to.
#[derive(Clone, Default)]
pub(super) struct Feed(Arc<Mutex<Counters>>);

/// Blocks that may wait. If more do, the sampler does: it counts what it misses then.
const QUEUE: usize = 64;

struct Sink(SyncSender<Vec<u8>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Feed {
    /// Where the sampler is to write to.
    pub(super) fn sink(&self) -> Box<dyn Write + Send> {
        let (sender, blocks) = sync_channel(QUEUE);
        let feed = self.clone();
        std::thread::spawn(move || feed.follow(&blocks));
        Box::new(Sink(sender))
    }

    fn follow(&self, blocks: &Receiver<Vec<u8>>) {
        for block in blocks {
            // The stream's header comes first, by itself.
            let Some(records) = block.get(BLOCK_HEADER..).filter(|_| block.len() != HEADER) else { continue };
            let mut counters = self.lock();
            Records::new(records).flatten().for_each(|record| counters.record(record));
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Counters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
