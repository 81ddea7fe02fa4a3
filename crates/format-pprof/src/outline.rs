//! The outer structure of a file: which fields it has and where, without looking into samples, locations, functions
//! or strings. Any order is allowed, and Go's runtime does mix samples with the tables that they need.

use profkit_profile::ReadError;

use crate::wire::{Bytes, Field, Fields, PROFILE, Value, bytes_key};

/// The fields of the outer message.
pub(crate) mod field {
    pub(crate) const SAMPLE_TYPE: u64 = 1;
    pub(crate) const SAMPLE: u64 = 2;
    pub(crate) const MAPPING: u64 = 3;
    pub(crate) const LOCATION: u64 = 4;
    pub(crate) const FUNCTION: u64 = 5;
    pub(crate) const STRING: u64 = 6;
    pub(crate) const DROP_FRAMES: u64 = 7;
    pub(crate) const KEEP_FRAMES: u64 = 8;
    pub(crate) const TIME: u64 = 9;
    pub(crate) const DURATION: u64 = 10;
    pub(crate) const PERIOD_TYPE: u64 = 11;
    pub(crate) const PERIOD: u64 = 12;
    pub(crate) const COMMENT: u64 = 13;
    pub(crate) const DEFAULT_TYPE: u64 = 14;
    pub(crate) const DOC_URL: u64 = 15;
    /// One more than the last.
    pub(crate) const COUNT: usize = 16;

    /// What each field is, for errors.
    pub(crate) const NAMES: [&str; COUNT] = [
        "",
        "a sample type",
        "a sample",
        "a mapping",
        "a location",
        "a function",
        "a string",
        "drop_frames",
        "keep_frames",
        "time_nanos",
        "duration_nanos",
        "period_type",
        "period",
        "a comment",
        "default_sample_type",
        "doc_url",
    ];

    /// How a field is written.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) enum Kind {
        Number,
        Message,
        /// Numbers one by one or packed.
        Numbers,
    }

    /// How a known field is written; `None` for an unknown one.
    pub(crate) fn kind(number: u64) -> Option<Kind> {
        match number {
            SAMPLE_TYPE..=STRING | PERIOD_TYPE => Some(Kind::Message),
            DROP_FRAMES..=DURATION | PERIOD | DEFAULT_TYPE | DOC_URL => Some(Kind::Number),
            COMMENT => Some(Kind::Numbers),
            _ => None,
        }
    }
}

use field::Kind;

/// The place of samples in [`Outline::spans`].
const SAMPLE: usize = 2;

/// A number of the outer message and where it stands.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Number {
    pub(crate) value: u64,
    pub(crate) offset: usize,
}

/// Where the fields of one number are.
#[derive(Clone, Copy, Default, Debug)]
struct Span {
    start: usize,
    end: usize,
    count: usize,
}

impl Span {
    #[inline]
    fn extend(&mut self, start: usize, end: usize) {
        if self.count == 0 {
            self.start = start;
        }
        self.count += 1;
        self.end = end;
    }
}

/// The outer structure of a file.
#[derive(Debug)]
pub(crate) struct Outline<'a> {
    input: &'a [u8],
    spans: [Span; field::COUNT],
    numbers: [Number; field::COUNT],
}

impl<'a> Outline<'a> {
    /// Walks over all outer fields once.
    pub(crate) fn of(input: &'a [u8]) -> Result<Self, ReadError> {
        let mut outline = Self {
            input,
            spans: [Span::default(); field::COUNT],
            numbers: [Number::default(); field::COUNT],
        };
        let mut fields = Fields::new(Bytes { bytes: input, offset: 0 }, PROFILE);
        while !fields.is_done() {
            let offset = fields.offset();
            let key = fields.varint()?;
            if key == bytes_key(field::SAMPLE) {
                fields.bytes()?;
                outline.spans[SAMPLE].extend(offset, fields.offset());
            } else {
                let field = Field { number: key >> 3, value: fields.value(key, offset)?, offset };
                outline.add(&field, fields.offset())?;
            }
        }
        Ok(outline)
    }

    fn add(&mut self, field: &Field<'_>, end: usize) -> Result<(), ReadError> {
        // Fields of later versions of the schema are skipped.
        let Some(kind) = field::kind(field.number) else { return Ok(()) };
        let index = usize::try_from(field.number).unwrap_or(0);
        match (kind, field.value) {
            (Kind::Message | Kind::Numbers, Value::Bytes(_)) => {}
            (Kind::Number, Value::Varint(value)) => {
                let number = &mut self.numbers[index];
                // Gzip files can be joined, and pprof files too where both are valid profiles.
                if field.number == field::TIME && number.value != 0 {
                    let problem = "several profiles one after another: time_nanos comes twice";
                    return Err(ReadError::malformed(problem, field.offset));
                }
                *number = Number { value, offset: field.offset };
            }
            (Kind::Numbers, Value::Varint(_)) => {}
            _ => {
                let problem = format!("{} has the wrong wire type", field::NAMES[index]);
                return Err(ReadError::malformed(problem, field.offset));
            }
        }
        self.spans[index].extend(field.offset, end);
        Ok(())
    }

    pub(crate) fn input(&self) -> &'a [u8] {
        self.input
    }

    /// A field of a number; 0 where it is missing.
    pub(crate) fn number(&self, number: u64) -> Number {
        usize::try_from(number).ok().and_then(|index| self.numbers.get(index)).copied().unwrap_or_default()
    }

    /// How often a field is there.
    pub(crate) fn count(&self, number: u64) -> usize {
        self.span(number).count
    }

    /// Every field of this number, in order.
    pub(crate) fn fields(&self, number: u64) -> FieldsOf<'a> {
        let span = self.span(number);
        let bytes = Bytes { bytes: &self.input[span.start..span.end], offset: span.start };
        FieldsOf { fields: Fields::new(bytes, PROFILE), number }
    }

    fn span(&self, number: u64) -> Span {
        usize::try_from(number).ok().and_then(|index| self.spans.get(index)).copied().unwrap_or_default()
    }
}

/// The outer fields of one number.
pub(crate) struct FieldsOf<'a> {
    fields: Fields<'a>,
    number: u64,
}

impl<'a> FieldsOf<'a> {
    /// The next field, whatever its type.
    pub(crate) fn next(&mut self) -> Result<Option<Field<'a>>, ReadError> {
        while let Some(field) = self.fields.next()? {
            if field.number == self.number {
                return Ok(Some(field));
            }
        }
        Ok(None)
    }

    /// The next message (or string).
    #[inline]
    pub(crate) fn message(&mut self) -> Result<Option<Bytes<'a>>, ReadError> {
        while !self.fields.is_done() {
            let offset = self.fields.offset();
            let key = self.fields.varint()?;
            if key == bytes_key(self.number) {
                return Ok(Some(self.fields.bytes()?));
            }
            self.fields.value(key, offset)?;
        }
        Ok(None)
    }
}
