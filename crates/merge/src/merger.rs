//! Absorbs profiles one by one, and other mergers.

use profkit_profile::views::origins::By;
use profkit_profile::{BuildError, Mapping, Paths, Profile, ProfileBuilder};

use crate::canonical::canonical;
use crate::columns::{Columns, Place};
use crate::header::Header;
use crate::mappings::Mappings;
use crate::paths::PathRules;
use crate::raw::Raw;
use crate::remap::{Into, Remap, Repeated, Through};
use crate::rows::Rows;

/// How to merge.
#[derive(Clone, Debug, Default)]
pub struct MergeOptions {
    /// Which origins stay apart; those of the inputs if `None`. With [`By::File`], the name of each input becomes its
    /// origin, unless it is a merge that has such names already.
    pub by: Option<By>,
    /// How the paths of source files and binaries are changed, so that those of different machines meet.
    pub paths: PathRules,
}

/// A merge that goes on: holds every distinct row once, whatever the number of profiles absorbed.
#[derive(Debug)]
pub struct Merger {
    options: MergeOptions,
    /// Inputs as they were read, their values added up already.
    raw: Raw,
    tables: ProfileBuilder,
    mappings: Mappings,
    repeated: Repeated,
    columns: Columns,
    rows: Rows,
    header: Header,
    /// Memory for the paths of the next input.
    spare: Paths,
}

impl Default for Merger {
    fn default() -> Self {
        Self::new(MergeOptions::default())
    }
}

impl Merger {
    /// A merge of nothing.
    #[must_use]
    pub fn new(options: MergeOptions) -> Self {
        Self {
            options,
            raw: Raw::default(),
            tables: ProfileBuilder::new(),
            mappings: Mappings::default(),
            repeated: Repeated::default(),
            columns: Columns::default(),
            rows: Rows::default(),
            header: Header::default(),
            spare: Paths::default(),
        }
    }

    /// Adds a profile that `read` reads into the builder that it is given. That has the names, frames and stacks of
    /// inputs that were read before, which makes this much quicker than [`absorb`](Self::absorb) for inputs that are
    /// alike. `read` tells what to call the input where origins are kept apart by file. If it fails, nothing is added.
    ///
    /// # Errors
    /// As [`absorb`](Self::absorb).
    pub fn read<E>(
        &mut self,
        read: impl FnOnce(&mut ProfileBuilder) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Result<(), E>, BuildError> {
        self.raw.builder.keep_paths(std::mem::take(&mut self.spare));
        let done = read(&mut self.raw.builder);
        let values = self.raw.builder.take_values();
        let file = match done {
            Ok(file) => Ok(file.filter(|_| self.options.by == Some(By::File))),
            Err(error) => Err(error),
        };
        if let Ok(file) = &file {
            self.header.join(self.raw.header(&values))?;
            self.raw.add(&values, self.options.by, file.as_deref())?;
        }
        self.spare = values.paths;
        // Also what cannot be read leaves names behind.
        if self.raw.is_wasteful() {
            self.settle()?;
        }
        Ok(file.map(|_| ()))
    }

    /// Adds a profile. `file` is what to call it where origins are kept apart by file.
    ///
    /// # Errors
    /// Where a table is full, or a sum does not fit 128 bits. The merger is of no use after that.
    pub fn absorb(&mut self, profile: &Profile, file: Option<&[u8]>) -> Result<(), BuildError> {
        let (string, types) = (|id| profile.bytes(id), profile.sample_types());
        self.header.join(Header::of(profile.meta(), types, string))?;
        let Self { options, tables, mappings, repeated, columns, rows, .. } = self;
        let paths = Some(&options.paths).filter(|paths| !paths.is_empty());
        let file = file.filter(|_| options.by == Some(By::File));
        let mut into = Into { tables, mappings, repeated, by: options.by, paths, file };
        let mut remap = Remap::new(profile);
        if let Some(main) = profile.mappings().ids().next() {
            remap.main(main, &mut into)?;
        }
        let mut rescaled = Vec::new();
        let places =
            columns.join(&Columns::of(types, string), |id| remap.string(id, &mut into), &mut rescaled)?;
        rows.set_columns(columns.len(), &rescaled)?;
        let samples = profile.samples();
        let used = (0..samples.len()).filter(|&row| !samples.is_zero(row));
        remap.stacks(used.filter_map(|row| samples.stacks()[row]), &[], &mut into)?;
        let mut ids = Through { remap: &mut remap, into: &mut into };
        rows.add_measured(samples, profile.calls(), &places, &mut ids)
    }

    /// Makes inputs as they were read part of the merge proper.
    fn settle(&mut self) -> Result<(), BuildError> {
        let raw = std::mem::take(&mut self.raw);
        self.take_in(raw)
    }

    fn take_in(&mut self, raw: Raw) -> Result<(), BuildError> {
        if raw.is_empty() {
            return Ok(());
        }
        let Raw { mut builder, columns: raw_columns, rows: raw_rows, main_mappings, .. } = raw;
        let stacks = builder.take_stacks();
        let profile = builder.finish()?;
        let Self { options, tables, mappings, repeated, columns, rows, .. } = self;
        let paths = Some(&options.paths).filter(|paths| !paths.is_empty());
        let mut into = Into { tables, mappings, repeated, by: None, paths, file: None };
        let mut remap = Remap::new(&profile);
        for main in main_mappings {
            remap.main(main, &mut into)?;
        }
        let mut rescaled = Vec::new();
        let places = columns.join(&raw_columns, |id| remap.string(id, &mut into), &mut rescaled)?;
        rows.set_columns(columns.len(), &rescaled)?;
        // Also stacks whose values cancel out: which binary is shown must not depend on who read what.
        let wanted = raw_rows.samples.samples().iter().filter_map(|sample| sample.stack);
        let is_first = rows.is_empty();
        remap.adopt(stacks, wanted, &raw_rows.paths.used().frames, is_first, &mut into)?;
        let mut ids = Through { remap: &mut remap, into: &mut into };
        if rows.is_empty() && same_places(&places, columns.len()) && raw_rows.are_same(&mut ids)? {
            *rows = raw_rows;
            return Ok(());
        }
        rows.add_rows(&raw_rows, &places, &mut ids)?;
        rows.plant_long_paths(tables)
    }

    /// Adds what another merger, made with the same options, has absorbed.
    ///
    /// # Errors
    /// As [`absorb`](Self::absorb).
    pub fn join(&mut self, other: Self) -> Result<(), BuildError> {
        self.header.join(other.header)?;
        self.settle()?;
        self.take_in(other.raw)?;
        let profile = other.tables.finish()?;
        let Self { tables, mappings, repeated, columns, rows, .. } = self;
        let mut into = Into { tables, mappings, repeated, by: None, paths: None, file: None };
        let mut remap = Remap::new(&profile);
        for id in profile.mappings().ids() {
            let key = remap.key(id, &mut into)?;
            if let Some(least) = other.mappings.least(id) {
                let file = remap.string(least.file, &mut into)?;
                let build_id = remap.string(least.build_id, &mut into)?;
                into.mappings.offer(key, Mapping { file, build_id, ..least }, into.tables);
            }
            if other.mappings.main() == Some(id) {
                into.mappings.offer_main(key, into.tables);
            }
        }
        let mut rescaled = Vec::new();
        let places = columns.join(&other.columns, |id| remap.string(id, &mut into), &mut rescaled)?;
        rows.set_columns(columns.len(), &rescaled)?;
        let samples = &other.rows.samples;
        let used = samples.samples().iter().enumerate().filter(|&(row, _)| !samples.is_zero(row));
        remap.stacks(
            used.filter_map(|(_, sample)| sample.stack),
            &other.rows.paths.used().frames,
            &mut into,
        )?;
        rows.add_rows(&other.rows, &places, &mut Through { remap: &mut remap, into: &mut into })?;
        remap.repeated(&other.repeated, &mut into);
        rows.plant_long_paths(tables)
    }

    /// Adds a remark for people to the result; the same one twice counts once.
    pub fn comment(&mut self, comment: &[u8]) {
        self.header.comment(comment);
    }

    /// How many rows of samples and calls it holds.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.raw.rows.len() + self.rows.len()
    }

    /// The merged profile, in canonical form.
    ///
    /// # Errors
    /// Where a sum does not fit 64 bits, or a table is full.
    pub fn finish(mut self) -> Result<Profile, BuildError> {
        self.settle()?;
        if self.rows.samples.len() > 0 {
            self.rows.plant_paths(&mut self.tables)?;
        }
        let Self { tables, mappings, repeated, columns, rows, header, .. } = self;
        canonical(&tables.finish()?, &mappings, &repeated, &columns, rows, header)
    }
}

/// Whether so many columns stay what and where they are.
fn same_places(places: &[Place], columns: usize) -> bool {
    let same = |(index, place): (usize, &Place)| place.column == index && place.multiplier == 1;
    places.len() == columns && places.iter().enumerate().all(same)
}

#[cfg(test)]
mod tests {
    use profkit_profile::{Frame, Function, Sample};

    use super::*;

    /// A program that is loaded elsewhere in each process.
    fn read(process: u64, builder: &mut ProfileBuilder) -> Result<Option<Vec<u8>>, ()> {
        builder.sample_type(b"cpu", b"nanoseconds").unwrap();
        let (name, file) = (builder.string(b"main").unwrap(), builder.string(b"/bin/x").unwrap());
        let function = builder.function(Function { name, ..Function::EMPTY }).unwrap();
        let start = process * 0x1_0000;
        let mapping = Mapping { start, limit: start + 0x1000, file, ..Mapping::EMPTY };
        let mapping = builder.mapping(mapping).unwrap();
        for offset in [1, 2] {
            let frame = Frame { address: start + offset, mapping: Some(mapping), ..Frame::of(function) };
            let frame = builder.frame(frame).unwrap();
            let stack = builder.stack(None, frame).unwrap();
            builder.sample(Sample::of(Some(stack)), &[1]).unwrap();
        }
        Ok(None)
    }

    #[test]
    fn settling_early_changes_nothing() {
        let merged = |settle: bool| {
            let mut merger = Merger::default();
            for process in 1..20 {
                merger.read(|builder| read(process, builder)).unwrap().unwrap();
                if settle && process % 3 == 0 {
                    merger.settle().unwrap();
                    assert_eq!(merger.rows(), 2, "what differs in addresses only is one");
                }
            }
            merger.finish().unwrap()
        };
        assert_eq!(merged(true).samples().values(0), [19, 19]);
        assert_eq!(format!("{:?}", merged(true)), format!("{:?}", merged(false)));
    }

    #[test]
    fn tables_that_are_long_for_what_they_get_are_settled() {
        let mut merger = Merger::default();
        let name_much = |builder: &mut ProfileBuilder| -> Result<Option<Vec<u8>>, ()> {
            for name in 0..10_000u32 {
                builder.string(&name.to_le_bytes()).unwrap();
            }
            read(1, builder)
        };
        merger.read(name_much).unwrap().unwrap();
        let rows = merger.raw.builder.table_rows();
        for _ in 0..5_000 {
            merger.read(|builder| read(1, builder)).unwrap().unwrap();
        }
        assert!(merger.raw.builder.table_rows() < rows / 100, "the names that nothing uses are gone");
        assert_eq!(merger.finish().unwrap().samples().values(0), [5_001, 5_001]);
    }
}
