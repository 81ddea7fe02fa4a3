//! Where estimated samples go.

use super::graph::Graph;
use super::place::Parcel;
use crate::builder::ProfileBuilder;
use crate::error::BuildError;
use crate::frame::Frame;
use crate::id::{FrameId, LabelSetId, OriginId, StringId};
use crate::origin::Label;
use crate::samples::Sample;

/// Adds samples of one origin to a profile.
pub(super) struct Sink<'a> {
    pub(super) builder: &'a mut ProfileBuilder,
    origin: OriginId,
    /// Name and unit of the label that counts guessed frames.
    inferred: (StringId, StringId),
    /// One value a sample type: zero but for `slot`.
    values: Vec<i64>,
    /// The sample type that is placed now.
    slot: usize,
    /// Of what is placed now.
    sign: i64,
    /// By function of the graph: its frame without a line, once it is asked for.
    frames: Vec<Option<FrameId>>,
    /// By number of guessed frames: the labels that say so.
    labels: Vec<Option<LabelSetId>>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(builder: &'a mut ProfileBuilder, origin: OriginId) -> Result<Self, BuildError> {
        let inferred = (
            builder.string(super::INFERRED_LABEL.as_bytes())?,
            builder.string(super::INFERRED_UNIT.as_bytes())?,
        );
        let values = vec![0; builder.sample_types().len()];
        Ok(Self {
            builder,
            origin,
            inferred,
            values,
            slot: 0,
            sign: 1,
            frames: Vec::new(),
            labels: Vec::new(),
        })
    }

    /// From here on, values are of this sample type and have this sign.
    pub(super) fn select(&mut self, slot: usize, sign: i64) {
        self.slot = slot;
        self.sign = sign;
    }

    /// Adds the amount of a parcel at `frame` below the parcel's parent.
    pub(super) fn add(&mut self, parcel: Parcel, frame: FrameId) -> Result<(), BuildError> {
        let stack = Some(self.builder.stack(parcel.parent, frame)?);
        let labels = self.labels(parcel.inferred)?;
        self.values[self.slot] = self.sign * parcel.amount;
        self.builder.accumulate(Sample { stack, origin: self.origin, labels }, &self.values)?;
        self.values[self.slot] = 0;
        Ok(())
    }

    /// The frame of a function without a line.
    pub(super) fn frame(&mut self, graph: &Graph, function: usize) -> Result<FrameId, BuildError> {
        if self.frames.is_empty() {
            self.frames.resize(graph.functions.len(), None);
        }
        if let Some(known) = self.frames[function] {
            return Ok(known);
        }
        let frame = self.builder.frame(Frame::of(graph.functions[function]))?;
        self.frames[function] = Some(frame);
        Ok(frame)
    }

    fn labels(&mut self, inferred: u32) -> Result<LabelSetId, BuildError> {
        if inferred == 0 {
            return Ok(LabelSetId::EMPTY);
        }
        // No stack is so deep that this is much.
        let place = inferred as usize;
        if self.labels.len() <= place {
            self.labels.resize(place + 1, None);
        }
        if let Some(known) = self.labels[place] {
            return Ok(known);
        }
        let (key, unit) = self.inferred;
        let labels = self.builder.labels(&[Label::number(key, i64::from(inferred), unit)])?;
        self.labels[place] = Some(labels);
        Ok(labels)
    }
}
