//! The elements of an `events` array, one by one.
//!
//! Events are most of a trace, and each is a small object of the same three keys. Reading these directly takes a third
//! of the time that serde needs for it; an event in any other form (further keys, escapes) is left to serde.

use profkit_profile::ReadError;
use serde_json::StreamDeserializer;
use serde_json::de::StrRead;

use crate::schema::{self, EventKind};
use crate::source::Source;

/// An event, its numbers as they are written.
pub(crate) struct Event<'t> {
    pub(crate) kind: EventKind,
    pub(crate) frame: &'t str,
    pub(crate) at: &'t str,
}

/// Hands out the events of an array that is known to be JSON.
pub(crate) fn each_event<'t>(
    source: &Source<'_>,
    events: &'t str,
    mut each: impl FnMut(Event<'t>) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut scanner = Scanner { rest: events };
    if !scanner.eat("[") {
        return Err(ReadError::malformed("events must be an array", source.offset(events)));
    }
    if scanner.eat("]") {
        return Ok(());
    }
    loop {
        let start = scanner.rest;
        let event = match scanner.event() {
            Some(event) => event,
            None => {
                scanner.rest = start;
                scanner.any_event(source)?
            }
        };
        each(event)?;
        if !scanner.eat(",") {
            return Ok(());
        }
    }
}

struct Scanner<'t> {
    rest: &'t str,
}

impl<'t> Scanner<'t> {
    /// Whether a token comes next, past space; then it is consumed.
    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        let rest = rest.or_else(|| self.rest.trim_ascii_start().strip_prefix(token));
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The digits, signs and points that come next, past space.
    fn number(&mut self) -> &'t str {
        let text = self.rest.trim_ascii_start();
        let in_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
        let end = text.bytes().position(|byte| !in_number(&byte)).unwrap_or(text.len());
        let (number, rest) = text.split_at(end);
        self.rest = rest;
        number
    }

    /// An event in the usual form; where it has another one, the scanner stands anywhere.
    fn event(&mut self) -> Option<Event<'t>> {
        let (mut kind, mut frame, mut at) = (None, "", "");
        let mut before = "{";
        while self.eat(before) {
            if self.eat("\"type\"") && kind.is_none() && self.eat(":") {
                let open = self.eat("\"O\"");
                kind =
                    if open { Some(EventKind::Open) } else { self.eat("\"C\"").then_some(EventKind::Close) };
            } else if self.eat("\"frame\"") && frame.is_empty() && self.eat(":") {
                frame = self.number();
            } else if self.eat("\"at\"") && at.is_empty() && self.eat(":") {
                at = self.number();
            } else {
                return None;
            }
            before = ",";
        }
        let whole = self.eat("}") && !frame.is_empty() && !at.is_empty();
        kind.filter(|_| whole).map(|kind| Event { kind, frame, at })
    }

    /// An event in whatever form.
    fn any_event(&mut self, source: &Source<'_>) -> Result<Event<'t>, ReadError> {
        let text = self.rest;
        let mut stream = StreamDeserializer::new(StrRead::new(text));
        let event: Option<Result<schema::Event<'t>, _>> = stream.next();
        let event = event.ok_or_else(|| ReadError::truncated("the events", source.offset(text)))?;
        let event = event.map_err(|error| source.error(text, &error))?;
        self.rest = &text[stream.byte_offset()..];
        Ok(Event { kind: event.kind, frame: event.frame.get(), at: event.at.get() })
    }
}
