//! Evented profiles.
//!
//! What speedscope 1.25.0 refuses to open and this reader opens all the same, since nothing has to be invented for it:
//! times that go back by no more than the noise of floating-point sums (they are moved up to the time before), and
//! frames that are never left (they last until the profile ends; a comment says so).

use profkit_profile::{AtOffset, BuildError, ReadError};

use crate::read::{self, Reader};
use crate::schema::{Event, EventKind};

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
    let mut open: usize = 0;
    source.each(events, |event: Event<'_>| {
        let frame = reader.frame(event.frame.get())?;
        last = time(reader, event.at.get(), last)?;
        match event.kind {
            EventKind::Open => {
                open += 1;
                reader.builder.enter(frame, last).at(source.offset(event.at.get()))
            }
            EventKind::Close => {
                open = open.saturating_sub(1);
                reader.builder.leave(frame, last).at(source.offset(event.frame.get()))
            }
        }
    })?;
    let end = end.unwrap_or(last);
    if open > 0 {
        let at = source.offset(events);
        for frame in reader.builder.open_frames().into_iter().rev() {
            reader.builder.leave(frame, end.max(last)).at(at)?;
        }
        let name = String::from_utf8_lossy(name);
        let comment = format!("profile \"{name}\": {open} frames that are never left last until it ends");
        let comment = reader.builder.string(comment.as_bytes()).at(at)?;
        reader.builder.meta.comments.push(comment);
    }
    Ok(end)
}

/// When an event is; not before `last`.
fn time(reader: &Reader<'_>, text: &str, last: i64) -> Result<i64, ReadError> {
    let at = reader.source.offset(text);
    let number = read::number(reader.source, text)?;
    let time = number.value(reader.measure.decimals.into()).ok_or(BuildError::Overflow).at(at)?;
    if time >= last {
        return Ok(time);
    }
    // Four steps of a double of this size, and the last digit that the model keeps: exporters add up doubles, so
    // 0.1 + 0.2 may come before 0.3 (perfview#977, speedscope#272). Whole numbers have no such excuse.
    let noise = if number.is_integer() { 0 } else { (last.unsigned_abs() >> 50).max(1) };
    if last.abs_diff(time) <= noise {
        Ok(last)
    } else {
        Err(BuildError::TimeGoesBack { last, at: time }).at(at)
    }
}
