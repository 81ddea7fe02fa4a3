//! From a profile to a file. The samples go out first, in one pass that gives locations, functions and strings their
//! ids as they turn up; the tables follow, as the order of fields is free. So nothing but the tables is ever held.

use std::collections::HashMap;
use std::io::Write;

use foldhash::fast::RandomState;
use profkit_profile::views::estimate::COMMENT_PREFIX;
use profkit_profile::{
    Id, Label, LabelSetId, Origin, OriginId, Profile, Shape, StackId, StringId, TrackKind, WriteError,
    Written,
};

use crate::encode::{put_bytes, put_number, put_packed, put_varint, varint_length};
use crate::labels::{ZERO, key, look_like_origins, settle};
use crate::locations::LocationTable;
use crate::outline::field;
use crate::string_ids::StringIds;
use crate::unit;
use crate::wire::bytes_key;

/// How many bytes are collected before they are written.
const CHUNK: usize = 1 << 15;

/// How many sets of labels are kept as they are written.
const ENCODED: usize = 1 << 12;

/// For how many samples at a time stacks are fetched ahead.
const AHEAD: usize = 32;

pub(crate) fn write(profile: &Profile, to: &mut dyn Write) -> Result<Written, WriteError> {
    check(profile)?;
    let mut writer = Writer {
        profile,
        to,
        out: Vec::with_capacity(CHUNK * 2),
        body: Vec::new(),
        stack: Vec::new(),
        label: Vec::new(),
        strings: StringIds::new(profile.strings()),
        locations: LocationTable::new(profile),
        look_like_origins: look_like_origins(profile),
        encoded: HashMap::default(),
    };
    writer.sample_types()?;
    writer.samples()?;
    writer.mappings()?;
    writer.locations()?;
    writer.functions()?;
    writer.rest()?;
    writer.finish()
}

/// What Go's pprof would refuse to read.
fn check(profile: &Profile) -> Result<(), WriteError> {
    if profile.shape() != Shape::Stacks {
        return Err(WriteError::NeedsStacks);
    }
    if profile.sample_types().is_empty() && !profile.samples().is_empty() {
        return Err(WriteError::Unsupported("pprof needs a sample type where there are samples".into()));
    }
    Ok(())
}

struct Writer<'p, 'w> {
    profile: &'p Profile,
    to: &'w mut dyn Write,
    /// What is to be written next.
    out: Vec<u8>,
    /// The message that is being made.
    body: Vec<u8>,
    /// The packed location ids of a sample.
    stack: Vec<u8>,
    label: Vec<u8>,
    strings: StringIds<'p>,
    locations: LocationTable<'p>,
    /// By label set.
    look_like_origins: Vec<bool>,
    /// The labels of samples, as they are written.
    encoded: HashMap<(OriginId, LabelSetId), Vec<u8>, RandomState>,
}

impl Writer<'_, '_> {
    fn sample_types(&mut self) -> Result<(), WriteError> {
        for sample_type in self.profile.sample_types() {
            let name = self.strings.id(sample_type.name);
            let unit = match sample_type.decimals {
                0 => self.strings.id(sample_type.unit),
                decimals => {
                    self.strings.id_of_bytes(&unit::written(self.profile.bytes(sample_type.unit), decimals))
                }
            };
            put_number(&mut self.body, 1, name);
            put_number(&mut self.body, 2, unit);
            self.message(field::SAMPLE_TYPE)?;
        }
        Ok(())
    }

    fn samples(&mut self) -> Result<(), WriteError> {
        let samples = self.profile.samples();
        let columns: Vec<&[i64]> = (0..samples.columns()).map(|column| samples.values(column)).collect();
        let mut near = Vec::new();
        for (row, sample) in samples.iter().enumerate() {
            if row % AHEAD == 0 {
                let end = samples.len().min(row + AHEAD);
                self.locations.fetch(&samples.stacks()[row..end], &mut near);
            }
            self.stack(sample.stack);
            put_packed(&mut self.body, 2, columns.iter().map(|column| column[row].cast_unsigned()));
            self.labels(sample.origin, sample.labels);
            let stack = self.stack.len() as u64;
            let stack_field = if stack == 0 { 0 } else { 1 + varint_length(stack) + self.stack.len() };
            put_varint(&mut self.out, bytes_key(field::SAMPLE));
            put_varint(&mut self.out, (stack_field + self.body.len()) as u64);
            if stack > 0 {
                put_bytes(&mut self.out, 1, &self.stack);
            }
            self.out.extend_from_slice(&self.body);
            self.body.clear();
            flush(&mut self.out, self.to, CHUNK)?;
        }
        Ok(())
    }

    /// Makes the packed location ids of a stack.
    #[inline]
    fn stack(&mut self, stack: Option<StackId>) {
        let mut length = 0;
        let mut at = stack;
        while let Some(stack) = at {
            let (location, caller) = self.locations.leaf(stack);
            let (bytes, used) = location.bytes();
            // Eight bytes are put in place at once, and the next location overwrites those that are not its own.
            if self.stack.len() < length + bytes.len() {
                self.stack.resize(length * 2 + 64, 0);
            }
            self.stack[length..length + bytes.len()].copy_from_slice(&bytes);
            length += used;
            at = caller;
        }
        self.stack.truncate(length);
    }

    /// The labels of a sample.
    #[inline]
    fn labels(&mut self, origin: OriginId, labels: LabelSetId) {
        if origin == OriginId::UNKNOWN && labels == LabelSetId::EMPTY {
            return;
        }
        if let Some(encoded) = self.encoded.get(&(origin, labels)) {
            self.body.extend_from_slice(encoded);
            return;
        }
        let begin = self.body.len();
        self.new_labels(origin, labels);
        // Where every sample has labels of its own, none is worth keeping.
        if self.encoded.len() < ENCODED {
            self.encoded.insert((origin, labels), self.body[begin..].to_vec());
        }
    }

    /// First those that stand for the origin.
    fn new_labels(&mut self, origin: OriginId, labels: LabelSetId) {
        let profile = self.profile;
        let (origin, set) = (profile.origins()[origin], profile.labels().get(labels));
        if self.look_like_origins[labels.index()] {
            let (origin, set) = settle(origin, set, profile);
            self.origin(&origin);
            self.label_set(&set);
        } else {
            self.origin(&origin);
            self.label_set(set);
        }
    }

    fn origin(&mut self, origin: &Origin) {
        self.id_label(key::PID, origin.pid);
        self.text_label(key::PROCESS, origin.process);
        self.id_label(key::TID, origin.tid);
        self.text_label(key::THREAD, origin.thread);
        self.text_label(key::HOST, origin.host);
        self.text_label(key::FILE, origin.file);
    }

    fn label_set(&mut self, labels: &[Label]) {
        for label in labels {
            let key = self.strings.id(label.key);
            let (string, unit) = (self.strings.id(label.string), self.strings.id(label.unit));
            self.label([key, string, label.number.cast_unsigned(), unit]);
        }
    }

    fn id_label(&mut self, key: &[u8], id: Option<i64>) {
        let Some(id) = id else { return };
        let key = self.strings.id_of_bytes(key);
        let text = if id == 0 { self.strings.id_of_bytes(ZERO) } else { 0 };
        self.label([key, text, id.cast_unsigned(), 0]);
    }

    fn text_label(&mut self, key: &[u8], text: StringId) {
        if !text.is_empty() {
            let key = self.strings.id_of_bytes(key);
            let text = self.strings.id(text);
            self.label([key, text, 0, 0]);
        }
    }

    /// `fields` are those of a label, in order.
    fn label(&mut self, fields: [u64; 4]) {
        for (number, value) in (1..).zip(fields) {
            put_number(&mut self.label, number, value);
        }
        put_bytes(&mut self.body, 3, &self.label);
        self.label.clear();
    }

    /// All of them, used or not, in order: the first is the main binary.
    fn mappings(&mut self) -> Result<(), WriteError> {
        for (id, mapping) in (1..).zip(self.profile.mappings().rows()) {
            let fields = [
                id,
                mapping.start,
                mapping.limit,
                mapping.offset,
                self.strings.id(mapping.file),
                self.strings.id(mapping.build_id),
                mapping.has_functions.into(),
                mapping.has_filenames.into(),
                mapping.has_line_numbers.into(),
                mapping.has_inline_frames.into(),
            ];
            for (number, value) in (1..).zip(fields) {
                put_number(&mut self.body, number, value);
            }
            self.message(field::MAPPING)?;
        }
        Ok(())
    }

    fn locations(&mut self) -> Result<(), WriteError> {
        for index in 0..self.locations.len() {
            self.locations.encode(index, &mut self.body);
            self.message(field::LOCATION)?;
        }
        Ok(())
    }

    fn functions(&mut self) -> Result<(), WriteError> {
        for index in 0..self.locations.functions().len() {
            let function = self.locations.functions()[index];
            let id = index as u64 + 1;
            let fields = [
                id,
                self.strings.id(function.name),
                self.strings.id(function.system_name),
                self.strings.id(function.file),
                function.first_line.cast_unsigned(),
            ];
            for (number, value) in (1..).zip(fields) {
                put_number(&mut self.body, number, value);
            }
            self.message(field::FUNCTION)?;
        }
        Ok(())
    }

    /// The sample type that is shown first. Go's pprof takes the last one where none is named; other formats mean the
    /// first one that counts time.
    fn default_type(&self) -> Option<StringId> {
        let meta = self.profile.meta();
        let types = self.profile.sample_types();
        let of_other_format = !["", "pprof"].contains(&meta.format) && types.len() > 1;
        let meant = self.profile.default_type().filter(|_| of_other_format).map(|index| types[index].name);
        meta.default_type.or(meant)
    }

    /// The string table, and the numbers of the outer message.
    fn rest(&mut self) -> Result<(), WriteError> {
        let meta = self.profile.meta();
        let default_type = self.default_type();
        let mut string = |id: Option<StringId>| id.map_or(0, |id| self.strings.id(id));
        let drop_frames = string(meta.drop_frames);
        let keep_frames = string(meta.keep_frames);
        let period_type = meta.period_type.map(|(name, unit)| (string(Some(name)), string(Some(unit))));
        let mut comments: Vec<u64> = meta.comments.iter().map(|&comment| string(Some(comment))).collect();
        let default_type = string(default_type);
        let doc_url = string(meta.doc_url);
        if meta.estimated && !self.says_estimated() {
            comments.push(self.strings.id_of_bytes(COMMENT_PREFIX.as_bytes()));
        }
        for string in self.strings.in_order() {
            put_bytes(&mut self.out, field::STRING, string);
            flush(&mut self.out, self.to, CHUNK)?;
        }
        put_number(&mut self.out, field::DROP_FRAMES, drop_frames);
        put_number(&mut self.out, field::KEEP_FRAMES, keep_frames);
        put_number(&mut self.out, field::TIME, meta.start_ns.unwrap_or(0).cast_unsigned());
        put_number(&mut self.out, field::DURATION, meta.duration_ns.unwrap_or(0).cast_unsigned());
        if let Some((name, unit)) = period_type {
            put_number(&mut self.body, 1, name);
            put_number(&mut self.body, 2, unit);
            self.message(field::PERIOD_TYPE)?;
        }
        put_number(&mut self.out, field::PERIOD, meta.period.cast_unsigned());
        if !comments.is_empty() {
            comments.iter().for_each(|&comment| put_varint(&mut self.body, comment));
            self.message(field::COMMENT)?;
        }
        put_number(&mut self.out, field::DEFAULT_TYPE, default_type);
        put_number(&mut self.out, field::DOC_URL, doc_url);
        Ok(())
    }

    fn says_estimated(&self) -> bool {
        let mut comments = self.profile.meta().comments.iter().map(|&comment| self.profile.bytes(comment));
        comments.any(|comment| comment.starts_with(COMMENT_PREFIX.as_bytes()))
    }

    /// Ends the message that `body` holds.
    #[inline]
    fn message(&mut self, field: u64) -> Result<(), WriteError> {
        put_bytes(&mut self.out, field, &self.body);
        self.body.clear();
        flush(&mut self.out, self.to, CHUNK)
    }

    fn finish(mut self) -> Result<Written, WriteError> {
        flush(&mut self.out, self.to, 0)?;
        let losses = self.locations.losses().chain(losses_elsewhere(self.profile)).collect();
        Ok(Written { losses })
    }
}

/// Writes out what has been collected if it is at least `least` bytes.
#[inline]
fn flush(out: &mut Vec<u8>, to: &mut dyn Write, least: usize) -> Result<(), WriteError> {
    if out.len() >= least {
        to.write_all(out)?;
        out.clear();
    }
    Ok(())
}

/// What pprof has no place for, beside what locations lose.
fn losses_elsewhere(profile: &Profile) -> impl Iterator<Item = String> {
    let tracks = profile.tracks().tracks().iter().filter(|track| track.kind != TrackKind::Sums).count();
    let order = (tracks > 0).then(|| format!("time order of {tracks} tracks: only sums are kept"));
    let title = profile.meta().title.filter(|title| !title.is_empty());
    let title = title.map(|title| format!("the title {:?}", profile.text(title)));
    let labels = profile.labels().iter().flat_map(|(_, labels)| labels);
    let without_value =
        |label: &&Label| label.string.is_empty() && label.number == 0 && label.unit.is_empty();
    let labels = labels.filter(without_value).count();
    let labels = (labels > 0).then(|| {
        format!("for Go's pprof, {labels} labels without text or with the number 0 and no unit: it leaves them out")
    });
    order.into_iter().chain(title).chain(labels)
}
