//! Samples, which are nearly all of a file: read where they lie, without a message of their own, and given to the builder
//! some at a time.

use std::ops::Range;
use std::sync::mpsc::channel;
use std::thread;

use profkit_profile::{AtOffset, Id, ProfileBuilder, ReadError, Sample, StackBatch, StackId};

use crate::labels::LabelReader;
use crate::outline::{FieldsOf, Outline, field};
use crate::stacks::{FrameReader, too_much};
use crate::strings::Strings;
use crate::tables::Locations;
use crate::wire::{Bytes, Fields, bytes_key, number_key, packed};

/// The keys of a sample's fields.
const LOCATIONS: u64 = bytes_key(1);
const LOCATION: u64 = number_key(1);
const VALUES: u64 = bytes_key(2);
const VALUE: u64 = number_key(2);
const LABEL: u64 = bytes_key(3);
const LAST_FIELD: u64 = 3;

/// How many samples are decoded before they are added, unless they have very many frames. More at a time do not stay in
/// the processor's cache.
const BATCH: usize = 512;
const BATCH_FRAMES: usize = 1 << 16;

/// From this size of a file on, its samples are decoded on a thread of their own while those before them are added.
const LARGE: usize = 4 << 20;

/// How many batches go back and forth between the two threads.
const BATCHES: usize = 4;

/// How many distinct stacks a file may have for each of its bytes. They take about 25 bytes of memory each.
const MAX_STACKS_PER_BYTE: usize = 4;

/// What small files may have beyond that.
const FREE_STACKS: usize = 1 << 20;

/// Reads every sample in order.
pub(crate) fn read(
    outline: &Outline<'_>,
    locations: &Locations,
    strings: &mut Strings<'_>,
    builder: &mut ProfileBuilder,
) -> Result<(), ReadError> {
    let input = outline.input();
    let types = builder.sample_types().len();
    builder.reserve_samples(outline.count(field::SAMPLE));
    let frames = FrameReader::new(input, locations);
    let mut decoder = Decoder { samples: outline.fields(field::SAMPLE), types, frames, input };
    let limit = input.len().saturating_mul(MAX_STACKS_PER_BYTE).saturating_add(FREE_STACKS);
    let limit = limit.saturating_add(builder.stack_count());
    let mut adder = Adder {
        types,
        labels: LabelReader::new(input),
        stacks: Vec::new(),
        // Those that are kept as they come take memory for what the file has, whether they are distinct or not.
        last_stack: StackId::from_index(limit).filter(|_| !builder.keeps_paths()),
    };
    if input.len() >= LARGE
        && let Some(done) = read_overlapped(&mut decoder, &mut adder, strings, builder)
    {
        return done;
    }
    let mut batch = Batch::new(builder.stack_batch());
    while decoder.fill(&mut batch)? {
        adder.add(&batch, strings, builder)?;
        batch.clear();
    }
    Ok(())
}

/// Decodes on another thread. `None`, and nothing done, if the system gives no thread.
fn read_overlapped(
    decoder: &mut Decoder<'_>,
    adder: &mut Adder<'_>,
    strings: &mut Strings<'_>,
    builder: &mut ProfileBuilder,
) -> Option<Result<(), ReadError>> {
    let (empty_to, empty) = channel();
    let (full_to, full) = channel();
    for _ in 0..BATCHES {
        empty_to.send(Batch::new(builder.stack_batch())).ok()?;
    }
    // Whatever ends one side drops its ends of the channels, which ends the other.
    thread::scope(move |scope| {
        let decode = move || {
            while let Ok(mut batch) = empty.recv() {
                let filled = decoder.fill(&mut batch).map(|any| any.then_some(batch));
                let last = !matches!(filled, Ok(Some(_)));
                if full_to.send(filled).is_err() || last {
                    break;
                }
            }
        };
        thread::Builder::new().spawn_scoped(scope, decode).ok()?;
        let mut add = || {
            while let Ok(filled) = full.recv() {
                let Some(mut batch) = filled? else { break };
                adder.add(&batch, strings, builder)?;
                batch.clear();
                // Nobody takes it any more once everything is decoded.
                let _ = empty_to.send(batch);
            }
            Ok(())
        };
        Some(add())
    })
}

/// Samples on their way from the file to the builder.
struct Batch {
    stacks: StackBatch,
    /// One value a sample type, one sample after another.
    values: Vec<i64>,
    /// For each sample, where the fields of its labels are.
    labels: Vec<Range<usize>>,
    /// Where the first sample is.
    offset: usize,
}

impl Batch {
    fn new(stacks: StackBatch) -> Self {
        Self { stacks, values: Vec::new(), labels: Vec::new(), offset: 0 }
    }

    fn clear(&mut self) {
        self.stacks.clear();
        self.values.clear();
        self.labels.clear();
    }
}

/// Decodes samples.
struct Decoder<'f> {
    input: &'f [u8],
    samples: FieldsOf<'f>,
    /// How many sample types there are.
    types: usize,
    frames: FrameReader<'f>,
}

impl<'f> Decoder<'f> {
    /// Fills an empty batch; whether there was anything left to fill it with.
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, ReadError> {
        while batch.labels.len() < BATCH
            && batch.stacks.frame_count() < BATCH_FRAMES
            && let Some(message) = self.samples.message()?
        {
            if batch.labels.is_empty() {
                batch.offset = message.offset;
            }
            self.sample(message, batch)?;
        }
        Ok(!batch.labels.is_empty())
    }

    #[inline]
    fn sample(&mut self, message: Bytes<'f>, batch: &mut Batch) -> Result<(), ReadError> {
        let values = batch.values.len();
        let mut labels = 0..0;
        let mut fields = Fields::new(message, "a sample");
        while !fields.is_done() {
            let offset = fields.offset();
            match fields.varint()? {
                LOCATIONS => self.frames.list(fields.bytes()?, &mut batch.stacks)?,
                VALUES => self.values(fields.bytes()?, &mut batch.values)?,
                // Labels stand together in all known files; what is between them is skipped later.
                LABEL => {
                    fields.bytes()?;
                    labels = if labels.end == 0 { offset } else { labels.start }..fields.offset();
                }
                // Go's runtime packs lists of more than two numbers only.
                LOCATION => self.frames.location(fields.varint()?, offset, &mut batch.stacks)?,
                VALUE => batch.values.push(fields.varint()?.cast_signed()),
                key => {
                    fields.value(key, offset)?;
                    if key >> 3 <= LAST_FIELD {
                        return Err(ReadError::malformed(
                            "in a sample, a field has the wrong wire type",
                            offset,
                        ));
                    }
                }
            }
        }
        let given = batch.values.len() - values;
        if given != self.types {
            return Err(self.wrong_count(given, message.offset));
        }
        batch.stacks.end();
        batch.labels.push(labels);
        Ok(())
    }

    #[inline]
    fn values(&self, list: Bytes<'_>, to: &mut Vec<i64>) -> Result<(), ReadError> {
        packed(self.input, list, "a list of values", |value, _| {
            to.push(value.cast_signed());
            Ok(())
        })
    }

    #[cold]
    fn wrong_count(&self, given: usize, offset: usize) -> ReadError {
        let types = self.types;
        ReadError::malformed(
            format!("a sample has {given} values where there are {types} sample types"),
            offset,
        )
    }
}

/// Adds samples to the builder.
struct Adder<'f> {
    types: usize,
    labels: LabelReader<'f>,
    stacks: Vec<Option<StackId>>,
    /// No stack may have a larger id; `None` where the limit is beyond all ids.
    last_stack: Option<StackId>,
}

impl Adder<'_> {
    fn add(
        &mut self,
        batch: &Batch,
        strings: &mut Strings<'_>,
        builder: &mut ProfileBuilder,
    ) -> Result<(), ReadError> {
        self.stacks.clear();
        builder.stacks(&batch.stacks, &mut self.stacks).at(batch.offset)?;
        if self.last_stack.is_some_and(|last| self.stacks.iter().any(|&stack| stack > Some(last))) {
            return Err(too_much("distinct stacks", batch.offset));
        }
        let rows = batch.labels.iter().zip(&self.stacks).zip(batch.values.chunks_exact(self.types.max(1)));
        for ((labels, &stack), values) in rows {
            let (origin, labels) = self.labels.read(labels.clone(), strings, builder)?;
            builder.sample(Sample { stack, origin, labels }, values).at(batch.offset)?;
        }
        Ok(())
    }
}
