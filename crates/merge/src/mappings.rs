//! Which mappings are one: the same binary, loaded at whatever address.
//!
//! What would surprise: the tables of a merge hold a mapping's key in the place of the mapping (no start, the size in
//! whole pages, the build id or else the file as its file), and the addresses of frames count from the start. So the key
//! of a key is itself, and two merges are joined like any two profiles.

use profkit_profile::{BuildError, Id, Mapping, MappingId, ProfileBuilder, StringId};

/// Sizes are compared in pages, as `profile.Merge` of google/pprof does.
const PAGE: u64 = 0x1000;

/// The mappings that stand for all that are the same.
#[derive(Debug, Default)]
pub(crate) struct Mappings {
    /// By id of the tables: the key.
    keys: Vec<Mapping>,
    /// By id of the tables: the least by content of those that have the key.
    least: Vec<Option<Mapping>>,
    /// The main binary: the least key of those that are some input's first mapping.
    main: Option<MappingId>,
}

impl Mappings {
    /// The key of a mapping whose strings are those of `tables`.
    pub(crate) fn key(
        &mut self,
        mapping: Mapping,
        tables: &mut ProfileBuilder,
    ) -> Result<MappingId, BuildError> {
        let size = mapping.limit.wrapping_sub(mapping.start).wrapping_add(PAGE - 1);
        let file = if mapping.build_id.is_empty() { mapping.file } else { mapping.build_id };
        let key = Mapping { limit: size - size % PAGE, offset: mapping.offset, file, ..Mapping::EMPTY };
        let id = tables.mapping(key)?;
        if self.keys.len() <= id.index() {
            self.keys.push(key);
            self.least.push(None);
        }
        Ok(id)
    }

    /// A mapping may be the one that stands for its key.
    pub(crate) fn offer(&mut self, key: MappingId, mapping: Mapping, tables: &ProfileBuilder) {
        let least = &mut self.least[key.index()];
        if least.is_none_or(|least| content(mapping, tables) < content(least, tables)) {
            *least = Some(mapping);
        }
    }

    /// A key may be that of the main binary.
    pub(crate) fn offer_main(&mut self, key: MappingId, tables: &ProfileBuilder) {
        let order = |key: MappingId| {
            let Mapping { file, offset, limit, .. } = self.keys[key.index()];
            (tables.bytes(file), offset, limit)
        };
        if self.main.is_none_or(|main| order(key) < order(main)) {
            self.main = Some(key);
        }
    }

    /// What stands for a key.
    pub(crate) fn least(&self, key: MappingId) -> Option<Mapping> {
        self.least.get(key.index()).copied().flatten()
    }

    pub(crate) fn main(&self) -> Option<MappingId> {
        self.main
    }
}

type Content<'t> = (u64, u64, u64, &'t [u8], &'t [u8], [bool; 4]);

fn content(mapping: Mapping, tables: &ProfileBuilder) -> Content<'_> {
    let bytes = |id: StringId| tables.bytes(id);
    let Mapping { start, limit, offset, file, build_id, .. } = mapping;
    let Mapping { has_functions, has_filenames, has_line_numbers, has_inline_frames, .. } = mapping;
    let flags = [has_functions, has_filenames, has_line_numbers, has_inline_frames];
    (start, limit, offset, bytes(file), bytes(build_id), flags)
}
