//! From a file to a profile. The tables may follow the samples that need them, so the outer structure is walked first
//! and its parts are read in the order of need: strings, mappings, functions, locations, samples.

use std::borrow::Cow;

use profkit_profile::views::estimate::COMMENT_PREFIX;
use profkit_profile::{
    AtOffset, Input, Meta, ProfileBuilder, ReadError, ReadErrorKind, SampleType, StringId,
};

use crate::outline::{Outline, field};
use crate::proto;
use crate::strings::Strings;
use crate::wire::{Bytes, Value, varint};
use crate::{legacy, samples, tables, unit};

/// A file may have as many sample types. Each takes some hundred bytes of memory and two of the file; recorders have
/// up to a dozen.
const MAX_SAMPLE_TYPES: usize = 1_000;

pub(crate) fn read(input: &Input<'_>, builder: &mut ProfileBuilder) -> Result<(), ReadError> {
    if let Some(description) = legacy::describe(input.bytes) {
        return Err(ReadErrorKind::Unsupported(Cow::Owned(description)).at(0));
    }
    let outline = Outline::of(input.bytes)?;
    let mut strings = Strings::of(&outline)?;
    builder.meta.format = "pprof";
    sample_types(&outline, &mut strings, builder)?;
    meta(&outline, &mut strings, builder)?;
    comments(&outline, &mut strings, builder)?;
    let locations = tables::read(&outline, &mut strings, builder)?;
    samples::read(&outline, &locations, &mut strings, builder)
}

fn sample_types(
    outline: &Outline<'_>,
    strings: &mut Strings<'_>,
    builder: &mut ProfileBuilder,
) -> Result<(), ReadError> {
    let mut messages = outline.fields(field::SAMPLE_TYPE);
    while let Some(message) = messages.message()? {
        if builder.sample_types().len() == MAX_SAMPLE_TYPES {
            let problem = format!("more than {MAX_SAMPLE_TYPES} sample types");
            return Err(ReadErrorKind::Unsupported(Cow::Owned(problem)).at(message.offset));
        }
        let value_type: proto::ValueType = tables::decode(message, "a sample type")?;
        let name = strings.id(value_type.r#type, message.offset, builder)?;
        let (unit, decimals) = unit::read(strings.get(value_type.unit, message.offset)?);
        let unit = builder.string(unit).at(message.offset)?;
        builder.push_sample_type(SampleType { name, unit, decimals });
    }
    if builder.sample_types().is_empty()
        && let Some(sample) = outline.fields(field::SAMPLE).message()?
    {
        return Err(ReadError::malformed("there are samples but no sample types", sample.offset));
    }
    Ok(())
}

fn meta(
    outline: &Outline<'_>,
    strings: &mut Strings<'_>,
    builder: &mut ProfileBuilder,
) -> Result<(), ReadError> {
    let number = |number| Some(outline.number(number).value.cast_signed()).filter(|&value| value != 0);
    builder.meta.start_ns = number(field::TIME);
    builder.meta.duration_ns = number(field::DURATION);
    builder.meta.period = outline.number(field::PERIOD).value.cast_signed();
    builder.meta.period_type = period_type(outline, strings, builder)?;
    let mut string = |number| {
        let index = outline.number(number);
        strings.optional(index.value.cast_signed(), index.offset, builder)
    };
    let default_type = string(field::DEFAULT_TYPE)?;
    let drop_frames = string(field::DROP_FRAMES)?;
    let keep_frames = string(field::KEEP_FRAMES)?;
    let doc_url = string(field::DOC_URL)?;
    builder.meta =
        Meta { default_type, drop_frames, keep_frames, doc_url, ..std::mem::take(&mut builder.meta) };
    Ok(())
}

/// The last one, as protobuf has it. One without name and unit says nothing.
fn period_type(
    outline: &Outline<'_>,
    strings: &mut Strings<'_>,
    builder: &mut ProfileBuilder,
) -> Result<Option<(StringId, StringId)>, ReadError> {
    let mut period_type = None;
    let mut messages = outline.fields(field::PERIOD_TYPE);
    while let Some(message) = messages.message()? {
        let value_type: proto::ValueType = tables::decode(message, "the period type")?;
        let name = strings.id(value_type.r#type, message.offset, builder)?;
        let unit = strings.id(value_type.unit, message.offset, builder)?;
        period_type = Some((name, unit)).filter(|_| !name.is_empty() || !unit.is_empty());
    }
    Ok(period_type)
}

fn comments(
    outline: &Outline<'_>,
    strings: &mut Strings<'_>,
    builder: &mut ProfileBuilder,
) -> Result<(), ReadError> {
    let mut fields = outline.fields(field::COMMENT);
    while let Some(field) = fields.next()? {
        match field.value {
            Value::Varint(index) => comment(index, field.offset, strings, builder)?,
            Value::Bytes(Bytes { bytes, offset }) => {
                let mut at = 0;
                while at < bytes.len() {
                    let index = varint(bytes, &mut at)
                        .map_err(|problem| problem.at(offset + at, "a list of comments"))?;
                    comment(index, offset + at, strings, builder)?;
                }
            }
            Value::Fixed => {}
        }
    }
    Ok(())
}

fn comment(
    index: u64,
    offset: usize,
    strings: &mut Strings<'_>,
    builder: &mut ProfileBuilder,
) -> Result<(), ReadError> {
    let comment = strings.id(index.cast_signed(), offset, builder)?;
    builder.meta.estimated |= builder.bytes(comment).starts_with(COMMENT_PREFIX.as_bytes());
    builder.meta.comments.push(comment);
    Ok(())
}
