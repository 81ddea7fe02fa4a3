//! Whether the parts of a profile hold together. The builder cannot make most of these mistakes; ids from
//! another profile are the one it cannot see earlier.

use crate::id::{Id, StringId};
use crate::profile::Profile;
use crate::track::{Interval, Track, TrackKind};

impl Profile {
    /// Checks that every id is in range, parents come before children, columns are equally long, tracks do
    /// not overlap and intervals are nested.
    ///
    /// # Errors
    /// A sentence that names the first thing that is wrong.
    pub fn validate(&self) -> Result<(), String> {
        self.check_tables()?;
        self.check_samples()?;
        self.check_calls()?;
        self.check_tracks()
    }

    fn check_tables(&self) -> Result<(), String> {
        let text = |id: StringId| id.index() < self.strings.len();
        self.check_meta(text)?;
        let functions_fine = self
            .functions
            .rows()
            .iter()
            .all(|function| text(function.name) && text(function.system_name) && text(function.file));
        ensure(functions_fine, "a function names a string that does not exist")?;
        let mappings_fine =
            self.mappings.rows().iter().all(|mapping| text(mapping.file) && text(mapping.build_id));
        ensure(mappings_fine, "a mapping names a string that does not exist")?;
        let origins_fine = self.origins.rows().iter().all(|origin| {
            text(origin.host) && text(origin.process) && text(origin.thread) && text(origin.file)
        });
        ensure(origins_fine, "an origin names a string that does not exist")?;
        let frames_fine = self.frames.rows().iter().all(|frame| {
            frame.function.is_none_or(|id| id.index() < self.functions.len())
                && frame.mapping.is_none_or(|id| id.index() < self.mappings.len())
        });
        ensure(frames_fine, "a frame refers to a function or mapping that does not exist")?;
        let stacks = self.stacks.rows().iter().enumerate();
        let stacks_fine = stacks.fold(true, |fine, (index, stack)| {
            fine & (stack.frame.index() < self.frames.len())
                & stack.parent.is_none_or(|parent| parent.index() < index)
        });
        ensure(stacks_fine, "a stack refers to a frame that does not exist or stands before its parent")?;
        let labels = self.labels.iter().flat_map(|(_, set)| set);
        let labels_fine =
            labels.into_iter().all(|label| text(label.key) && text(label.string) && text(label.unit));
        ensure(labels_fine, "a label names a string that does not exist")
    }

    fn check_meta(&self, text: impl Fn(StringId) -> bool) -> Result<(), String> {
        let types_fine = self.sample_types.iter().all(|of| text(of.name) && text(of.unit));
        ensure(types_fine, "a sample type names a string that does not exist")?;
        let meta = &self.meta;
        let (period_name, period_unit) = meta.period_type.unzip();
        let of_meta = [period_name, period_unit, meta.default_type, meta.drop_frames, meta.keep_frames];
        let of_meta = of_meta.into_iter().chain([meta.doc_url, meta.title]).flatten();
        let meta_fine = of_meta.chain(meta.comments.iter().copied()).all(text);
        ensure(meta_fine, "the profile says something in a string that does not exist")
    }

    fn check_samples(&self) -> Result<(), String> {
        let rows = self.samples.len();
        let types = self.sample_types.len();
        ensure(self.samples.columns() == types, "the sample table has not one column a sample type")?;
        let columns_fine = (0..types).all(|index| self.samples.values(index).len() == rows);
        ensure(columns_fine, "a column of values is longer or shorter than the sample table")?;
        let (stacks, origins, labels) = (self.stacks.len(), self.origins.len(), self.labels.len());
        let fine = self.samples.iter().all(|sample| {
            sample.stack.is_none_or(|id| id.index() < stacks)
                && sample.origin.index() < origins
                && sample.labels.index() < labels
        });
        ensure(fine, "a sample refers to a stack, origin or label set that does not exist")
    }

    fn check_calls(&self) -> Result<(), String> {
        let (functions, origins, frames) = (self.functions.len(), self.origins.len(), self.frames.len());
        let tables = [self.calls.functions.columns(), self.calls.edges.columns(), self.calls.lines.columns()];
        let rows = [self.calls.functions.len(), self.calls.edges.len(), self.calls.lines.len()];
        let columns_fine = tables.iter().zip(rows).all(|((own, total), rows)| {
            own.len() == self.sample_types.len()
                && own.iter().chain(*total).all(|column| column.len() == rows)
        });
        ensure(columns_fine, "a column of the call tables is longer or shorter than its table")?;
        let functions_fine = self.calls.functions.rows().iter().all(|row| {
            row.function.index() < functions
                && row.origin.index() < origins
                && row.labels.index() < self.labels.len()
        });
        let edges_fine = self.calls.edges.rows().iter().all(|row| {
            row.caller.index() < functions
                && row.callee.index() < functions
                && row.origin.index() < origins
                && row.site.is_none_or(|site| site.index() < frames)
        });
        let lines_fine = self.calls.lines.rows().iter().all(|row| {
            row.function.index() < functions && row.origin.index() < origins && row.frame.index() < frames
        });
        ensure(functions_fine && edges_fine && lines_fine, "a call refers to something that does not exist")
    }

    fn check_tracks(&self) -> Result<(), String> {
        let mut ends = [0, 0];
        let mut samples_end = 0;
        for track in &self.tracks.tracks {
            let kind = usize::from(track.kind == TrackKind::Intervals);
            let length = [self.samples.len(), self.tracks.intervals.len()][kind];
            ensure(track.rows.start >= ends[kind] && track.rows.end >= track.rows.start, "tracks overlap")?;
            ensure(track.rows.end <= length, "a track is longer than its table")?;
            ensure(track.sample_type < self.sample_types.len(), "a track has no sample type")?;
            ensure(track.origin.index() < self.origins.len(), "a track has no origin")?;
            let texts = [track.name, track.unit];
            ensure(
                texts.iter().all(|id| id.index() < self.strings.len()),
                "a track names a string that does not exist",
            )?;
            ends[kind] = track.rows.end;
            let samples = &track.samples;
            let of_samples = track.kind == TrackKind::Intervals || *samples == track.rows;
            ensure(
                of_samples && samples.start >= samples_end && samples.end >= samples.start,
                "tracks share samples",
            )?;
            ensure(samples.end <= self.samples.len(), "a track has samples that do not exist")?;
            samples_end = samples.end;
            self.check_nesting(track)?;
        }
        Ok(())
    }

    fn check_nesting(&self, track: &Track) -> Result<(), String> {
        let mut open: Vec<&Interval> = Vec::new();
        for interval in self.tracks.intervals(track) {
            ensure(interval.stack.index() < self.stacks.len(), "an interval has no stack")?;
            let parent = self.stacks[interval.stack].parent;
            while open.last().is_some_and(|last| Some(last.stack) != parent) {
                open.pop();
            }
            let inside = open
                .last()
                .map_or(parent.is_none(), |last| last.start <= interval.start && interval.end <= last.end);
            ensure(inside && interval.start <= interval.end, "intervals are not nested")?;
            open.push(interval);
        }
        Ok(())
    }
}

fn ensure(fine: bool, problem: &str) -> Result<(), String> {
    if fine { Ok(()) } else { Err(problem.to_owned()) }
}
