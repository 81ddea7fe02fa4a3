//! The file's shape, for serde: everything but the long arrays, which stay text until they are streamed.
//!
//! The keys of a JSON object come in any order, and real writers use it: py-spy and pyinstrument put `profiles` before
//! the `shared` frames they refer to, speedscope 0.0.1 a profile's `type` and `unit` after its `events`. So one quick
//! pass finds the parts, and a second one reads them.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A number as it is written, or whatever else stands in its place.
pub(crate) type Number<'a> = &'a RawValue;

/// What `$schema` says, and what makes a file one of speedscope's.
pub(crate) const SCHEMA: &str = "https://www.speedscope.app/file-format-schema.json";

/// Whether a `$schema` is speedscope's, with or without `www` and in whichever scheme.
pub(crate) fn is_schema(schema: &[u8]) -> bool {
    schema.ends_with(b"speedscope.app/file-format-schema.json")
}

/// The whole file.
#[derive(serde::Deserialize)]
#[serde(expecting = "a speedscope file")]
pub(crate) struct File<'a> {
    #[serde(borrow)]
    pub(crate) shared: Shared<'a>,
    #[serde(borrow)]
    pub(crate) profiles: Vec<Profile<'a>>,
    #[serde(borrow)]
    pub(crate) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) exporter: Option<Text<'a>>,
    #[serde(rename = "activeProfileIndex", borrow)]
    pub(crate) active_profile_index: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
#[serde(expecting = "an object with frames")]
pub(crate) struct Shared<'a> {
    #[serde(borrow)]
    pub(crate) frames: &'a RawValue,
}

/// One profile without the content of its arrays.
pub(crate) struct Profile<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) unit: Text<'a>,
    pub(crate) start: Option<&'a RawValue>,
    pub(crate) end: Option<&'a RawValue>,
    pub(crate) body: Body<'a>,
}

/// The two kinds of profile.
#[derive(Clone, Copy)]
pub(crate) enum Body<'a> {
    Evented { events: &'a RawValue },
    Sampled { samples: &'a RawValue, weights: &'a RawValue },
}

impl<'a> Body<'a> {
    /// The text of its longest part.
    pub(crate) fn text(self) -> &'a str {
        match self {
            Self::Evented { events } => events.get(),
            Self::Sampled { samples, .. } => samples.get(),
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(expecting = "a profile")]
struct Fields<'a> {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    unit: Option<Text<'a>>,
    #[serde(rename = "startValue", borrow)]
    start: Option<&'a RawValue>,
    #[serde(rename = "endValue", borrow)]
    end: Option<&'a RawValue>,
    #[serde(borrow)]
    events: Option<&'a RawValue>,
    #[serde(borrow)]
    samples: Option<&'a RawValue>,
    #[serde(borrow)]
    weights: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Evented,
    Sampled,
}

impl<'de: 'a, 'a> Deserialize<'de> for Profile<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Fields { kind, name, unit, start, end, events, samples, weights } =
            Deserialize::deserialize(deserializer)?;
        let missing = D::Error::missing_field;
        let body = match kind {
            Kind::Evented => Body::Evented { events: events.ok_or_else(|| missing("events"))? },
            Kind::Sampled => Body::Sampled {
                samples: samples.ok_or_else(|| missing("samples"))?,
                weights: weights.ok_or_else(|| missing("weights"))?,
            },
        };
        let unit = unit.unwrap_or(Text(Cow::Borrowed(b"none")));
        Ok(Self { name: name.unwrap_or_default(), unit, start, end, body })
    }
}

/// A frame. `name` is required by the schema, but pyinstrument 5.1.3 may leave it null.
#[derive(serde::Deserialize)]
#[serde(expecting = "a frame")]
pub(crate) struct Frame<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) file: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) line: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) col: Option<&'a RawValue>,
}

/// One event of an evented profile.
#[derive(serde::Deserialize)]
#[serde(expecting = "an event")]
pub(crate) struct Event<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: EventKind,
    #[serde(borrow)]
    pub(crate) frame: &'a RawValue,
    #[serde(borrow)]
    pub(crate) at: &'a RawValue,
}

#[derive(serde::Deserialize, Clone, Copy)]
pub(crate) enum EventKind {
    #[serde(rename = "O")]
    Open,
    #[serde(rename = "C")]
    Close,
}

/// A string as bytes: UTF-8, but for the lone surrogates that JSON can escape and UTF-8 cannot hold, which become the
/// three bytes of Python's `surrogatepass`.
#[derive(Default)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(TextVisitor).map(Text)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(bytes))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(bytes.to_vec()))
    }
}

/// Hands every element of an array to a function, so that the array is never held as a whole. The function's own
/// error waits in `failed` while serde unwinds with one of its own.
pub(crate) struct Each<'f, T, E, F> {
    pub(crate) each: F,
    pub(crate) failed: &'f mut Option<E>,
    pub(crate) element: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, E, F: FnMut(T) -> Result<(), E>> DeserializeSeed<'de> for Each<'_, T, E, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>, E, F: FnMut(T) -> Result<(), E>> Visitor<'de> for Each<'_, T, E, F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element()? {
            if let Err(error) = (self.each)(element) {
                *self.failed = Some(error);
                return Err(A::Error::custom("the element does not fit"));
            }
        }
        Ok(())
    }
}
