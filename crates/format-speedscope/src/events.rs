//! Evented profiles.
//!
//! What speedscope 1.25.0 refuses to open and this reader opens all the same, since nothing has to be invented for it:
//! times that go back by no more than the noise of floating-point sums (they are moved up to the time before), and
//! frames that are never left (they last until the profile ends). A note says so.

use profkit_profile::{AtOffset, BuildError, ReadError};

use crate::event_scanner::each_event;
use crate::read::{self, Reader};
use crate::schema::EventKind;

/// Reads `events`; the result is where the profile ends.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    events: &str,
    start: i64,
    end: Option<i64>,
    name: &[u8],
) -> Result<i64, ReadError> {
    let source = reader.source;
    let mut last = start;
    let (mut open, mut moved) = (0usize, 0usize);
    each_event(source, events, |event| {
        let frame = reader.frame(event.frame)?;
        let at = time(reader, event.at, last)?;
        moved += usize::from(at < last);
        last = last.max(at);
        match event.kind {
            EventKind::Open => {
                open += 1;
                reader.builder.enter(frame, last).at(source.offset(event.at))
            }
            EventKind::Close => {
                open = open.saturating_sub(1);
                reader.builder.leave(frame, last).at(source.offset(event.frame))
            }
        }
    })?;
    let end = end.unwrap_or(last);
    if open > 0 {
        for frame in reader.builder.open_frames().into_iter().rev() {
            reader.builder.leave(frame, end.max(last)).at(source.offset(events))?;
        }
    }
    let name = String::from_utf8_lossy(name);
    let mut note = |count: usize, what: &str| {
        if count > 0 {
            reader.builder.meta.notes.push(format!("{count} {what} in `{name}`"));
        }
    };
    note(open, "frames last to the end, for they are never left,");
    note(moved, "times moved up, for they went back by a rounding error,");
    Ok(end)
}

/// When an event is; before `last` only by the noise of floating-point sums.
fn time(reader: &Reader<'_>, text: &str, last: i64) -> Result<i64, ReadError> {
    let at = reader.source.offset(text);
    let number = read::number(reader.source, text)?;
    let time = number.value(reader.measure.decimals.into()).ok_or(BuildError::ValueTooLarge).at(at)?;
    // Four steps of a double of this size, and the last digit that the model keeps: exporters add up doubles, so
    // 0.1 + 0.2 may come before 0.3 (perfview#977, speedscope#272). Whole numbers have no such excuse.
    let noise = if number.is_integer() { 0 } else { (last.unsigned_abs() >> 50).max(1) };
    if time < last && last.abs_diff(time) > noise {
        return Err(BuildError::TimeGoesBack { last, at: time }).at(at);
    }
    Ok(time)
}
