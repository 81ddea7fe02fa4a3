//! Reads a file into a profile: first its frames, then one track for each profile.

use profkit_profile::{
    AtOffset, BuildError, Frame, FrameId, Function, LabelSetId, ProfileBuilder, ReadError, ReadErrorKind,
    Sample, StringId, Track, TrackKind,
};

use crate::decimal::{Decimal, short_integer};
use crate::events;
use crate::exporter::Exporter;
use crate::measure::{self, Measure};
use crate::profile_name::{self, ProfileName};
use crate::roots::{self, RootFrames};
use crate::samples;
use crate::schema::{self, Body, File};
use crate::source::Source;

pub(crate) fn read(input: &[u8], builder: &mut ProfileBuilder) -> Result<(), ReadError> {
    let source = Source::new(input);
    read_text(&source, builder).map_err(|error| ReadError { offset: source.in_file(error.offset), ..error })
}

fn read_text(source: &Source<'_>, builder: &mut ProfileBuilder) -> Result<(), ReadError> {
    let file: File<'_> = source.parse(source.text())?;
    let exporter = file.exporter.as_ref().map(|exporter| String::from_utf8_lossy(&exporter.0));
    let exporter = Exporter::parse(&exporter.unwrap_or_default());
    builder.meta.format = "speedscope";
    builder.meta.producer.clone_from(&exporter.producer);
    builder.meta.estimated = exporter.estimated;
    if let Some(name) = &file.name {
        builder.meta.title = Some(builder.string(&name.0).at(0)?);
    }
    builder.meta.active_track = active(source, &file)?;
    let (frames, root_frames) = frames(source, &file, &exporter, builder)?;
    let measures = measure::measures(source, &file, &exporter, builder)?;
    if let Some(measure) = builder.meta.active_track.and_then(|active| measures.get(active)) {
        let shown = builder.sample_types().get(measure.sample_type).map(|shown| shown.name);
        builder.meta.default_type = shown;
    }
    let names = file.profiles.iter().map(|profile| profile.name.0.as_ref());
    let with_threads =
        profile_name::with_threads(measures.iter().map(|measure| measure.sample_type).zip(names));
    for (number, (profile, measure)) in file.profiles.iter().zip(measures).enumerate() {
        let of_thread = with_threads.contains(&measure.sample_type);
        let is_ordered = exporter.ordered.is_none_or(|ordered| number < ordered);
        let root_frames = &root_frames;
        let mut reader = Reader { source, frames: &frames, root_frames, builder, measure, of_thread };
        reader.profile(profile, is_ordered, exporter.every_call)?;
    }
    Ok(())
}

/// The profile to show first. An index past the last one is taken as absent: there is nothing it could mean.
fn active(source: &Source<'_>, file: &File<'_>) -> Result<Option<usize>, ReadError> {
    let Some(index) = file.active_profile_index else { return Ok(None) };
    let index = usize::try_from(whole_number(source, index.get())?).ok();
    Ok(index.filter(|&index| index < file.profiles.len()))
}

/// The model's frame for every index of the file, and which of them stand for processes and threads.
fn frames(
    source: &Source<'_>,
    file: &File<'_>,
    exporter: &Exporter,
    builder: &mut ProfileBuilder,
) -> Result<(Vec<FrameId>, RootFrames), ReadError> {
    let (mut ids, mut roots) = (Vec::new(), RootFrames::default());
    let text = file.shared.frames.get();
    source.each(text, |frame: schema::Frame<'_>| {
        let at = source.offset(text);
        let bytes = |text: &Option<schema::Text<'_>>, builder: &mut ProfileBuilder| {
            builder.string(text.as_ref().map_or(&b""[..], |text| &text.0)).at(at)
        };
        let number =
            |text: Option<schema::Number<'_>>| text.map_or(Ok(0), |text| whole_number(source, text.get()));
        let (name, file) = (bytes(&frame.name, builder)?, bytes(&frame.file, builder)?);
        let (line, column) = (number(frame.line)?, number(frame.col)?);
        let (line, first_line) = if exporter.first_lines { (0, line) } else { (line, 0) };
        let function = builder.function(Function { name, file, first_line, ..Function::EMPTY }).at(at)?;
        let id = builder.frame(Frame { line, column, ..Frame::of(function) }).at(at)?;
        ids.push(id);
        // profkit has processes and threads in the names of profiles, and other frames as they were.
        if file == StringId::EMPTY && (line, first_line) == (0, 0) && !exporter.is_profkit {
            roots.add(id, frame.name.as_ref().map_or(&b""[..], |name| &name.0));
        }
        Ok(())
    })?;
    Ok((ids, roots))
}

/// Reads one profile after another.
pub(crate) struct Reader<'r> {
    pub(crate) source: &'r Source<'r>,
    pub(crate) frames: &'r [FrameId],
    pub(crate) root_frames: &'r RootFrames,
    pub(crate) builder: &'r mut ProfileBuilder,
    pub(crate) measure: Measure,
    /// Whether the name of the profile is a thread's, where it has no known form.
    of_thread: bool,
}

impl Reader<'_> {
    fn profile(
        &mut self,
        profile: &schema::Profile<'_>,
        is_ordered: bool,
        every_call: bool,
    ) -> Result<(), ReadError> {
        let kind = match profile.body {
            Body::Evented { .. } => TrackKind::Intervals,
            Body::Sampled { .. } if is_ordered => TrackKind::Samples,
            Body::Sampled { .. } => TrackKind::Sums,
        };
        let at = self.source.offset(profile.body.text());
        let start = profile.start.map_or(Ok(0), |start| self.value(start.get()))?;
        let named = ProfileName::parse(&profile.name.0).origin(self.builder).at(at)?;
        let lifted = match profile.body {
            Body::Sampled { samples, .. } => roots::lift(self, samples.get(), named)?,
            Body::Evented { .. } => None,
        };
        let (origin, labels) = match lifted {
            Some(lifted) => lifted,
            None if self.of_thread => {
                let thread = ProfileName::of_thread(&profile.name.0).origin(self.builder).at(at)?;
                (thread, LabelSetId::EMPTY)
            }
            None => (named, LabelSetId::EMPTY),
        };
        let origin = self.builder.origin(origin).at(at)?;
        let track = Track {
            name: self.builder.string(&profile.name.0).at(at)?,
            origin,
            sample_type: self.measure.sample_type,
            unit: self.builder.string(&profile.unit.0).at(at)?,
            kind,
            every_call: every_call && kind == TrackKind::Intervals,
            start,
            // Both are set by the builder.
            end: 0,
            rows: 0..0,
            samples: 0..0,
        };
        self.builder.begin_track(track);
        let end = profile.end.map(|end| self.value(end.get())).transpose()?;
        let end = match profile.body {
            Body::Evented { events } => events::read(self, events.get(), start, end, &profile.name.0)?,
            Body::Sampled { samples, weights } => {
                let place = Sample { origin, labels, ..Sample::of(None) };
                let total = samples::read(self, samples.get(), weights.get(), place, lifted.is_some())?;
                end.or_else(|| start.checked_add(total)).ok_or(BuildError::Overflow).at(at)?
            }
        };
        self.builder.end_track(end).at(at)
    }

    /// A number in the unit of the sample type.
    pub(crate) fn value(&self, text: &str) -> Result<i64, ReadError> {
        let number = number(self.source, text)?;
        number
            .value(self.measure.decimals.into())
            .ok_or(BuildError::ValueTooLarge)
            .at(self.source.offset(text))
    }

    /// The frame that an index of the file stands for.
    pub(crate) fn frame(&self, text: &str) -> Result<FrameId, ReadError> {
        let id = whole_number(self.source, text)?;
        let frame = usize::try_from(id).ok().and_then(|index| self.frames.get(index));
        frame.copied().ok_or_else(|| {
            ReadErrorKind::Undefined { table: "frame", id: id.into() }.at(self.source.offset(text))
        })
    }
}

/// A number.
pub(crate) fn number(source: &Source<'_>, text: &str) -> Result<Decimal, ReadError> {
    Decimal::parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(20).collect();
        ReadError::malformed(format!("expected a number, not {shown}"), source.offset(text))
    })
}

/// An index or a line: a whole number, however it is written (`3`, `3.0`, `3e0`).
pub(crate) fn whole_number(source: &Source<'_>, text: &str) -> Result<i64, ReadError> {
    if let Some(value) = short_integer(text.as_bytes()) {
        return Ok(value);
    }
    let number = number(source, text)?;
    let value = if number.decimals() == 0 { number.value(0) } else { None };
    value.ok_or_else(|| ReadError::malformed("expected a whole number", source.offset(text)))
}
