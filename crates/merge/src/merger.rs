//! Absorbs profiles one by one, and other mergers.

use profkit_profile::views::origins::By;
use profkit_profile::{BuildError, Mapping, Profile, ProfileBuilder};

use crate::canonical::canonical;
use crate::columns::Columns;
use crate::header::Header;
use crate::mappings::Mappings;
use crate::paths::PathRules;
use crate::remap::{Into, Remap};
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

/// A profile to be absorbed.
#[derive(Debug)]
pub struct Part {
    /// What was in the input.
    pub profile: Profile,
    /// What to call the input where origins are kept apart by file.
    pub file: Option<Vec<u8>>,
}

/// A merge that goes on: holds every distinct row once, whatever the number of profiles absorbed.
#[derive(Debug)]
pub struct Merger {
    options: MergeOptions,
    tables: ProfileBuilder,
    mappings: Mappings,
    columns: Columns,
    rows: Rows,
    header: Header,
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
            tables: ProfileBuilder::new(),
            mappings: Mappings::default(),
            columns: Columns::default(),
            rows: Rows::default(),
            header: Header::default(),
        }
    }

    /// Adds a profile. `file` is what to call it where origins are kept apart by file.
    ///
    /// # Errors
    /// Where a table is full, or a sum does not fit 128 bits. The merger is of no use after that.
    pub fn absorb(&mut self, profile: &Profile, file: Option<&[u8]>) -> Result<(), BuildError> {
        self.header.join(Header::of(profile))?;
        let Self { options, tables, mappings, columns, rows, .. } = self;
        let paths = Some(&options.paths).filter(|paths| !paths.is_empty());
        let file = file.filter(|_| options.by == Some(By::File));
        let mut into = Into { tables, mappings, by: options.by, paths, file };
        let mut remap = Remap::new(profile);
        if let Some(main) = profile.mappings().ids().next() {
            let (main, _) = remap.mapping(main, &mut into)?;
            into.mappings.offer_main(main, into.tables);
        }
        let mut rescaled = Vec::new();
        let string = |id| remap.string(id, &mut into);
        let places = columns.join(&Columns::of(profile), string, &mut rescaled)?;
        rows.set_columns(columns.len(), &rescaled)?;
        rows.add_profile(profile, &places, &mut remap, &mut into)
    }

    /// Adds what another merger, made with the same options, has absorbed.
    ///
    /// # Errors
    /// As [`absorb`](Self::absorb).
    pub fn join(&mut self, other: Self) -> Result<(), BuildError> {
        self.header.join(other.header)?;
        let profile = other.tables.finish()?;
        let Self { tables, mappings, columns, rows, .. } = self;
        let mut into = Into { tables, mappings, by: None, paths: None, file: None };
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
        let string = |id| remap.string(id, &mut into);
        let places = columns.join(&other.columns, string, &mut rescaled)?;
        rows.set_columns(columns.len(), &rescaled)?;
        rows.add_rows(&other.rows, &places, &mut remap, &mut into)
    }

    /// Adds a remark for people to the result; the same one twice counts once.
    pub fn comment(&mut self, comment: &[u8]) {
        self.header.comment(comment);
    }

    /// How many rows of samples and calls it holds.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The merged profile, in canonical form.
    ///
    /// # Errors
    /// Where a sum does not fit 64 bits, or a table is full.
    pub fn finish(self) -> Result<Profile, BuildError> {
        canonical(&self.tables.finish()?, &self.mappings, &self.columns, &self.rows, self.header)
    }
}
