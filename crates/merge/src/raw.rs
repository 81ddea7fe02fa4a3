//! Inputs as they were read: all into one builder, their values added up by its ids.
//!
//! What would surprise: nothing is normalised here, neither paths nor addresses nor the order of labels. So rows that are
//! one in the merge may be several here, and programs that are loaded at other addresses in every process make the
//! tables grow with each. When they are long for what is added to them, they are settled in the merge proper.

use hashbrown::HashMap;

use foldhash::fast::RandomState;
use profkit_profile::views::origins::By;
use profkit_profile::{
    BuildError, FrameId, FunctionId, LabelSetId, MappingId, OriginId, ProfileBuilder, StackId, Values,
};

use crate::columns::Columns;
use crate::header::Header;
use crate::rows::{Ids, Rows};

/// A reader may make vectors that are as long as the tables. That is no waste for so many rows of a table for each row
/// that is read, and some more.
const FAIR_LENGTH: usize = 64;
const FREE_LENGTH: usize = 1 << 25;

/// Inputs that were read into one builder.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    pub(crate) builder: ProfileBuilder,
    pub(crate) columns: Columns,
    pub(crate) rows: Rows,
    /// The first mapping of each input.
    pub(crate) main_mappings: Vec<MappingId>,
    /// The sum of how long the tables were for each input, and of how many rows the inputs had.
    table_rows: usize,
    read_rows: usize,
}

impl Raw {
    /// Whether nothing was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.main_mappings.is_empty() && self.columns.len() == 0
    }

    /// Whether it is time to begin anew; to be asked after each input.
    pub(crate) fn is_wasteful(&mut self) -> bool {
        self.table_rows = self.table_rows.saturating_add(self.builder.table_rows());
        let fair = self.read_rows.saturating_mul(FAIR_LENGTH).saturating_add(FREE_LENGTH);
        self.table_rows > fair
    }

    /// What an input says about itself.
    pub(crate) fn header(&self, values: &Values) -> Header {
        Header::of(&values.meta, &values.sample_types, |id| self.builder.bytes(id))
    }

    /// Adds the values of an input that was read by `builder`.
    pub(crate) fn add(
        &mut self,
        values: &Values,
        by: Option<By>,
        file: Option<&[u8]>,
    ) -> Result<(), BuildError> {
        let Self { builder, columns, rows, main_mappings, .. } = self;
        if let Some(main) = values.main_mapping
            && !main_mappings.contains(&main)
        {
            main_mappings.push(main);
        }
        let mut rescaled = Vec::new();
        let types = Columns::of(&values.sample_types, |id| builder.bytes(id));
        let places = columns.join(&types, Ok, &mut rescaled)?;
        rows.set_columns(columns.len(), &rescaled)?;
        let mut ids = Same { builder, by, file, origins: HashMap::default(), last: None };
        rows.add_values(values, &places, &mut ids)?;
        let calls = &values.calls;
        let read = values.samples.len() + calls.functions().len() + calls.edges().len() + calls.lines().len();
        self.read_rows = self.read_rows.saturating_add(read);
        self.rows.plant_long_paths(&mut self.builder)
    }
}

/// Ids that stay as they are, but for origins.
struct Same<'r> {
    builder: &'r mut ProfileBuilder,
    by: Option<By>,
    file: Option<&'r [u8]>,
    origins: HashMap<OriginId, OriginId, RandomState>,
    last: Option<(OriginId, OriginId)>,
}

impl Same<'_> {
    fn new_origin(&mut self, id: OriginId) -> Result<OriginId, BuildError> {
        let mut origin = self.builder.origin_row(id);
        if let Some(file) = self.file
            && origin.file.is_empty()
        {
            origin.file = self.builder.string(file)?;
        }
        self.builder.origin(self.by.map_or(origin, |by| by.fold(origin)))
    }
}

impl Ids for Same<'_> {
    #[inline]
    fn stack(&self, id: StackId) -> Option<StackId> {
        Some(id)
    }

    #[inline]
    fn function(&mut self, id: FunctionId) -> Result<FunctionId, BuildError> {
        Ok(id)
    }

    #[inline]
    fn frame(&mut self, id: FrameId) -> Result<FrameId, BuildError> {
        Ok(id)
    }

    #[inline]
    fn origin(&mut self, id: OriginId) -> Result<OriginId, BuildError> {
        if self.by.is_none() {
            return Ok(id);
        }
        if let Some((last, same)) = self.last
            && last == id
        {
            return Ok(same);
        }
        let same = match self.origins.get(&id) {
            Some(&same) => same,
            None => self.new_origin(id)?,
        };
        self.origins.insert(id, same);
        self.last = Some((id, same));
        Ok(same)
    }

    #[inline]
    fn labels(&mut self, id: LabelSetId) -> Result<LabelSetId, BuildError> {
        Ok(id)
    }
}
