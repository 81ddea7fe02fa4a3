//! Where estimated samples go.

use super::place::Parcel;
use crate::builder::ProfileBuilder;
use crate::error::BuildError;
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
}

impl<'a> Sink<'a> {
    pub(super) fn new(builder: &'a mut ProfileBuilder, origin: OriginId) -> Result<Self, BuildError> {
        let inferred = (
            builder.string(super::INFERRED_LABEL.as_bytes())?,
            builder.string(super::INFERRED_UNIT.as_bytes())?,
        );
        let values = vec![0; builder.sample_types().len()];
        Ok(Self { builder, origin, inferred, values, slot: 0 })
    }

    /// From here on, values are of this sample type.
    pub(super) fn select(&mut self, slot: usize) {
        self.slot = slot;
    }

    /// Adds the amount of a parcel at `frame` below the parcel's parent.
    pub(super) fn add(&mut self, parcel: Parcel, frame: FrameId) -> Result<(), BuildError> {
        let stack = Some(self.builder.stack(parcel.parent, frame)?);
        let labels = if parcel.inferred == 0 {
            LabelSetId::EMPTY
        } else {
            let (key, unit) = self.inferred;
            self.builder.labels(&[Label::number(key, i64::from(parcel.inferred), unit)])?
        };
        self.values[self.slot] = parcel.amount;
        self.builder.accumulate(Sample { stack, origin: self.origin, labels }, &self.values)?;
        self.values[self.slot] = 0;
        Ok(())
    }
}
