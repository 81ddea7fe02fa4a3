//! Writes a profile as a file, in one pass after the frames have their numbers.

use std::io::{self, Write};

use profkit_profile::views::estimate::INFERRED_LABEL;
use profkit_profile::views::events::{Event, interval_events};
use profkit_profile::{Id, Profile, Shape, TrackKind, WriteError, WriteOptions, Written};

use crate::exporter::Exporter;
use crate::frame_numbers::FrameNumbers;
use crate::json::Json;
use crate::lanes::{self, Lane, Rows};
use crate::losses::{self, Losses};
use crate::schema::SCHEMA;
use crate::stack_texts::StackTexts;

pub(crate) fn write(
    profile: &Profile,
    to: &mut dyn Write,
    options: &WriteOptions<'_>,
) -> Result<Written, WriteError> {
    if profile.shape() != Shape::Stacks {
        return Err(WriteError::NeedsStacks);
    }
    let lanes = lanes::lanes(profile)?;
    let inferred = inferred(profile, options);
    let numbers = number_frames(profile, &lanes, &inferred);
    let ordered = lanes.iter().rposition(|lane| lane.is_ordered).map_or(0, |last| last + 1);
    let exporter = Exporter {
        producer: profile.meta().producer.clone(),
        is_profkit: true,
        estimated: profile.meta().estimated,
        first_lines: numbers.first_lines > 0 && numbers.running_lines == 0,
        every_call: has_every_call(profile),
        ordered: Some(ordered).filter(|&ordered| ordered < lanes.len()),
    };
    let mut json = Json::new(to);
    json.raw(b"{\"$schema\":");
    json.string(SCHEMA.as_bytes());
    json.raw(b",\"exporter\":");
    json.string(exporter.text().as_bytes());
    if let Some(title) = profile.meta().title {
        json.raw(b",\"name\":");
        json.string(profile.bytes(title));
    }
    if let Some(active) = active(profile, &lanes, options) {
        json.raw(b",\"activeProfileIndex\":");
        json.number(active.try_into().unwrap_or(0), 0);
    }
    json.raw(b",\"shared\":{\"frames\":");
    numbers.write(&mut json)?;
    json.raw(b"},\"profiles\":[");
    let mut stacks = StackTexts::new(profile, &numbers);
    for (number, lane) in lanes.iter().enumerate() {
        json.raw(if number == 0 { b"\n" } else { b",\n" });
        write_lane(profile, lane, &numbers, &mut stacks, &inferred, &mut json)?;
    }
    json.raw(b"\n]}\n");
    let changed = json.finish()?;
    Ok(losses::losses(&Losses {
        profile,
        lanes: &lanes,
        numbers: &numbers,
        every_call: exporter.every_call,
        changed,
        marked: options.mark_inferred,
    }))
}

/// By label set, how many of the outermost frames are marked as guesses.
fn inferred(profile: &Profile, options: &WriteOptions<'_>) -> Vec<usize> {
    let marks = profile.labels().iter().map(|(_, set)| {
        let mark = set.iter().find(|label| profile.bytes(label.key) == INFERRED_LABEL.as_bytes());
        mark.filter(|_| options.mark_inferred).map_or(0, |mark| usize::try_from(mark.number).unwrap_or(0))
    });
    marks.collect()
}

fn number_frames<'p>(profile: &'p Profile, lanes: &[Lane<'_>], inferred: &[usize]) -> FrameNumbers<'p> {
    let mut numbers = FrameNumbers::new(profile);
    for lane in lanes {
        if let Rows::Intervals(track) = lane.rows {
            for interval in profile.tracks().intervals(track) {
                numbers.see(Some(interval.stack), 0);
            }
        }
        for row in lane.rows.samples() {
            let sample = profile.samples().get(row);
            numbers.see(sample.stack, inferred[sample.labels.index()]);
        }
    }
    numbers
}

/// Whether there are tracks of intervals, all of them with every call.
fn has_every_call(profile: &Profile) -> bool {
    let tracks = profile.tracks().tracks().iter();
    let mut tracks = tracks.filter(|track| track.kind == TrackKind::Intervals).peekable();
    tracks.peek().is_some() && tracks.all(|track| track.every_call)
}

/// The profile to show first, unless that is the only one or nobody has chosen.
fn active(profile: &Profile, lanes: &[Lane<'_>], options: &WriteOptions<'_>) -> Option<usize> {
    let first_of = |sample_type| lanes.iter().position(|lane| lane.sample_type == sample_type);
    let wanted = options.sample_type.and_then(first_of);
    let default = || {
        // With tracks, whoever made them has decided.
        let default = profile.default_type().filter(|_| profile.tracks().is_empty()).and_then(first_of);
        // The first one is what everybody shows, but not necessarily a reader's default among several measures.
        default
            .filter(|&index| index != 0 || lanes.iter().any(|lane| lane.sample_type != lanes[0].sample_type))
    };
    wanted.or(profile.meta().active_track.filter(|&index| index < lanes.len())).or_else(default)
}

fn write_lane(
    profile: &Profile,
    lane: &Lane<'_>,
    numbers: &FrameNumbers<'_>,
    stacks: &mut StackTexts<'_>,
    inferred: &[usize],
    json: &mut Json<'_>,
) -> io::Result<()> {
    let evented = matches!(lane.rows, Rows::Intervals(_));
    json.raw(if evented { b"{\"type\":\"evented\",\"name\":" } else { b"{\"type\":\"sampled\",\"name\":" });
    json.string(&lane.name);
    json.raw(b",\"unit\":");
    json.string(lane.unit.name().as_bytes());
    json.raw(b",\"startValue\":");
    json.number(lane.start, lane.decimals);
    json.raw(b",\"endValue\":");
    json.number(lane.end, lane.decimals);
    if let Rows::Intervals(track) = lane.rows {
        json.raw(b",\"events\":[");
        let mut first = true;
        interval_events(profile, track, |event| {
            write_event(lane, numbers, event, std::mem::take(&mut first), json)
        })?;
    } else {
        json.raw(b",\"samples\":[");
        for (number, row) in lane.rows.samples().enumerate() {
            let sample = profile.samples().get(row);
            json.raw(if number == 0 { b"[" } else { b",[" });
            json.raw(stacks.of(sample.stack, inferred[sample.labels.index()]));
            json.raw(b"]");
            json.flow()?;
        }
        json.raw(b"],\"weights\":[");
        let rows = lane.rows.samples().map(|row| profile.samples().values(lane.sample_type)[row]);
        for (number, value) in rows.enumerate() {
            json.raw(if number == 0 { b"" } else { b"," });
            json.number(lane.value(value), lane.decimals);
            json.flow()?;
        }
    }
    json.raw(b"]}");
    Ok(())
}

fn write_event(
    lane: &Lane<'_>,
    numbers: &FrameNumbers<'_>,
    event: Event,
    first: bool,
    json: &mut Json<'_>,
) -> io::Result<()> {
    json.raw(if first { b"" } else { b"," });
    json.raw(if event.enters { b"{\"type\":\"O\",\"frame\":" } else { b"{\"type\":\"C\",\"frame\":" });
    json.number(numbers.of(event.frame, false).into(), 0);
    json.raw(b",\"at\":");
    json.number(lane.value(event.at), lane.decimals);
    json.raw(b"}");
    json.flow()
}
