//! The canonical form of a merge: only what is used, every table sorted by content. Two merges of the same profiles
//! come out alike here, however their tables grew.

mod calls;
mod path_order;
mod paths;

use profkit_profile::{
    BuildError, Frame, FrameId, Function, FunctionId, Id, Label, LabelSetId, Mapping, MappingId, Origin,
    OriginId, Profile, ProfileBuilder, Sample, SampleType, StackId, StringId,
};
use rayon::slice::ParallelSliceMut;

use crate::columns::Columns;
use crate::header::Header;
use crate::mappings::Mappings;
use crate::remap::Repeated;
use crate::rows::{GROUP, Rows};
use crate::stack_order;

/// Builds the profile. `tables` holds all rows ever met, in the order in which they came.
pub(crate) fn canonical(
    tables: &Profile,
    mappings: &Mappings,
    repeated: &Repeated,
    columns: &Columns,
    mut rows: Rows,
    header: Header,
) -> Result<Profile, BuildError> {
    let used = Used::of(tables, mappings, &rows);
    let mut builder = ProfileBuilder::new();
    let mut ids = Ids::new(tables);
    ids.strings(&used.strings(tables, mappings), &mut builder)?;
    let order = columns.order(tables);
    for &column in &order {
        let (name, unit, decimals) = columns.describe(column, tables);
        let (name, unit) = (builder.string(name)?, builder.string(unit)?);
        builder.push_sample_type(SampleType { name, unit, decimals });
    }
    ids.functions(&used, repeated, &mut builder)?;
    ids.mappings(&used, mappings, &mut builder)?;
    ids.frames(&used, mappings, &mut builder)?;
    ids.stacks(&used, &mut builder)?;
    ids.origins(&used, &mut builder)?;
    ids.labels(&used, &mut builder)?;
    drop(used);
    paths::samples(std::mem::take(&mut rows.paths), &order, &ids, &mut builder)?;
    samples(&rows, &order, &ids, &mut builder)?;
    calls::calls(&rows, &order, &ids, &mut builder)?;
    builder.meta = header.finish(&mut builder)?;
    builder.finish()
}

/// Which rows of the tables are used.
struct Used {
    functions: Vec<bool>,
    mappings: Vec<bool>,
    frames: Vec<bool>,
    stacks: Vec<bool>,
    origins: Vec<bool>,
    labels: Vec<bool>,
}

impl Used {
    fn of(tables: &Profile, mappings: &Mappings, rows: &Rows) -> Self {
        let mut used = Self {
            functions: vec![false; tables.functions().len()],
            mappings: vec![false; tables.mappings().len()],
            frames: vec![false; tables.frames().len()],
            stacks: vec![false; tables.stacks().len()],
            origins: vec![false; tables.origins().len()],
            labels: vec![false; tables.labels().len()],
        };
        used.mark_rows(rows);
        for (id, stack) in tables.stacks().iter().rev() {
            if used.stacks[id.index()] {
                used.frames[stack.frame.index()] = true;
                if let Some(parent) = stack.parent {
                    used.stacks[parent.index()] = true;
                }
            }
        }
        for (_, frame) in chosen(tables.frames().iter(), &used.frames) {
            if let Some(function) = frame.function {
                used.functions[function.index()] = true;
            }
            if let Some(mapping) = frame.mapping {
                used.mappings[mapping.index()] = true;
            }
        }
        if let Some(main) = mappings.main() {
            used.mappings[main.index()] = true;
        }
        used
    }

    fn mark_rows(&mut self, rows: &Rows) {
        let samples = rows.samples.samples().iter().enumerate();
        for (_, sample) in samples.filter(|&(row, _)| !rows.samples.is_zero(row)) {
            if let Some(stack) = sample.stack {
                self.stacks[stack.index()] = true;
            }
            self.origins[sample.origin.index()] = true;
            self.labels[sample.labels.index()] = true;
        }
        self.mark_paths(&rows.paths);
        for key in rows.functions.keys() {
            self.functions[key.function.index()] = true;
            self.origins[key.origin.index()] = true;
            self.labels[key.labels.index()] = true;
        }
        for key in rows.edges.keys() {
            self.functions[key.callee.index()] = true;
            self.functions[key.caller.index()] = true;
            self.origins[key.origin.index()] = true;
            if let Some(site) = key.site {
                self.frames[site.index()] = true;
            }
        }
        for key in rows.lines.keys() {
            self.functions[key.function.index()] = true;
            self.origins[key.origin.index()] = true;
            self.frames[key.frame.index()] = true;
        }
    }

    /// The strings of all these rows.
    fn strings(&self, tables: &Profile, mappings: &Mappings) -> Vec<bool> {
        let mut used = vec![false; tables.strings().len()];
        let mut mark = |strings: &[StringId]| strings.iter().for_each(|id| used[id.index()] = true);
        for (_, function) in chosen(tables.functions().iter(), &self.functions) {
            mark(&[function.name, function.system_name, function.file]);
        }
        for (id, _) in chosen(tables.mappings().iter(), &self.mappings) {
            mappings.least(id).iter().for_each(|mapping| mark(&[mapping.file, mapping.build_id]));
        }
        for (_, origin) in chosen(tables.origins().iter(), &self.origins) {
            mark(&[origin.host, origin.process, origin.thread, origin.file]);
        }
        for (_, set) in chosen(tables.labels().iter(), &self.labels) {
            set.iter().for_each(|label| mark(&[label.key, label.string, label.unit]));
        }
        used
    }
}

/// Those rows that are used.
fn chosen<'u, I: Id, R>(
    rows: impl Iterator<Item = (I, R)> + 'u,
    used: &'u [bool],
) -> impl Iterator<Item = (I, R)> + 'u {
    rows.filter(|(id, _)| used[id.index()])
}

/// The ids that used rows of the tables get in canonical form.
struct Ids<'t> {
    tables: &'t Profile,
    strings: Vec<Option<StringId>>,
    functions: Vec<Option<FunctionId>>,
    mappings: Vec<Option<MappingId>>,
    frames: Vec<Option<FrameId>>,
    stacks: Vec<Option<StackId>>,
    origins: Vec<Option<OriginId>>,
    labels: Vec<Option<LabelSetId>>,
}

/// The new id of a row that is used.
#[inline]
fn new<I: Id>(ids: &[Option<I>], old: I) -> I {
    ids[old.index()].unwrap_or(I::FIRST)
}

impl<'t> Ids<'t> {
    fn new(tables: &'t Profile) -> Self {
        Self {
            tables,
            strings: vec![None; tables.strings().len()],
            functions: vec![None; tables.functions().len()],
            mappings: vec![None; tables.mappings().len()],
            frames: vec![None; tables.frames().len()],
            stacks: vec![None; tables.stacks().len()],
            origins: vec![None; tables.origins().len()],
            labels: vec![None; tables.labels().len()],
        }
    }

    /// By bytes. From here on, the order of ids is that of strings; the empty one is the first of all anyway.
    fn strings(&mut self, used: &[bool], builder: &mut ProfileBuilder) -> Result<(), BuildError> {
        let mut order: Vec<StringId> =
            (0..used.len()).filter(|&index| used[index]).filter_map(StringId::from_index).collect();
        order.par_sort_unstable_by_key(|&id| self.tables.bytes(id));
        for id in order {
            self.strings[id.index()] = Some(builder.string(self.tables.bytes(id))?);
        }
        Ok(())
    }

    /// By name, file, first line, system name.
    fn functions(
        &mut self,
        used: &Used,
        repeated: &Repeated,
        builder: &mut ProfileBuilder,
    ) -> Result<(), BuildError> {
        let mut order: Vec<_> = chosen(self.tables.functions().iter(), &used.functions)
            .map(|(id, row)| {
                let name = |id| new(&self.strings, id);
                let system_name = if repeated.get(id) { row.name } else { row.system_name };
                ((name(row.name), name(row.file), row.first_line, name(system_name)), id)
            })
            .collect();
        order.par_sort_unstable();
        for ((name, file, first_line, system_name), id) in order {
            let function = builder.function(Function { name, system_name, file, first_line })?;
            self.functions[id.index()] = Some(function);
        }
        Ok(())
    }

    /// The main binary, then the others by file, build id and place.
    fn mappings(
        &mut self,
        used: &Used,
        mappings: &Mappings,
        builder: &mut ProfileBuilder,
    ) -> Result<(), BuildError> {
        let ids = chosen(self.tables.mappings().iter(), &used.mappings);
        let mut order: Vec<(MappingId, Mapping)> = ids
            .filter_map(|(id, _)| mappings.least(id).map(|mapping| (id, mapping)))
            .map(|(id, mapping)| {
                let name = |id| new(&self.strings, id);
                (id, Mapping { file: name(mapping.file), build_id: name(mapping.build_id), ..mapping })
            })
            .collect();
        order.sort_by_key(|&(id, mapping)| {
            let is_main = mappings.main() == Some(id);
            (!is_main, mapping.file, mapping.build_id, mapping.offset, mapping.start, mapping.limit)
        });
        for (id, mapping) in order {
            self.mappings[id.index()] = Some(builder.mapping(mapping)?);
        }
        Ok(())
    }

    /// By function, line, column, mapping, address, flags.
    fn frames(
        &mut self,
        used: &Used,
        mappings: &Mappings,
        builder: &mut ProfileBuilder,
    ) -> Result<(), BuildError> {
        let mut order: Vec<(Frame, FrameId)> = chosen(self.tables.frames().iter(), &used.frames)
            .map(|(id, &row)| {
                let start = row.mapping.and_then(|key| mappings.least(key)).map_or(0, |least| least.start);
                let frame = Frame {
                    function: row.function.map(|function| new(&self.functions, function)),
                    mapping: row.mapping.map(|mapping| new(&self.mappings, mapping)),
                    address: row.address.wrapping_add(start),
                    ..row
                };
                (frame, id)
            })
            .collect();
        order.par_sort_unstable_by_key(|(frame, _)| {
            (frame.function, frame.line, frame.column, frame.mapping, frame.address, frame.flags)
        });
        for (frame, id) in order {
            self.frames[id.index()] = Some(builder.frame(frame)?);
        }
        Ok(())
    }

    fn stacks(&mut self, used: &Used, builder: &mut ProfileBuilder) -> Result<(), BuildError> {
        let Self { tables, frames, stacks, .. } = self;
        stack_order::walk(tables, &used.stacks, frames, |id, parent, frame| {
            let stack = builder.new_stack(parent, frame)?;
            stacks[id.index()] = Some(stack);
            Ok(stack)
        })
    }

    /// By content; the unknown one is the first of all anyway.
    fn origins(&mut self, used: &Used, builder: &mut ProfileBuilder) -> Result<(), BuildError> {
        let mut order: Vec<(Origin, OriginId)> = chosen(self.tables.origins().iter(), &used.origins)
            .map(|(id, &row)| {
                let name = |id| new(&self.strings, id);
                let (host, process) = (name(row.host), name(row.process));
                (Origin { host, process, thread: name(row.thread), file: name(row.file), ..row }, id)
            })
            .collect();
        order.sort_unstable();
        for (origin, id) in order {
            self.origins[id.index()] = Some(builder.origin(origin)?);
        }
        Ok(())
    }

    /// By content; the empty set is the first of all anyway.
    fn labels(&mut self, used: &Used, builder: &mut ProfileBuilder) -> Result<(), BuildError> {
        let mut order: Vec<(Vec<Label>, LabelSetId)> = chosen(self.tables.labels().iter(), &used.labels)
            .map(|(id, set)| {
                let name = |id| new(&self.strings, id);
                let label = |label: &Label| Label {
                    key: name(label.key),
                    string: name(label.string),
                    number: label.number,
                    unit: name(label.unit),
                };
                (set.iter().map(label).collect(), id)
            })
            .collect();
        order.par_sort_unstable_by(|(one, _), (other, _)| {
            let content = |label: &Label| (label.key, label.string, label.number, label.unit);
            one.iter().map(content).cmp(other.iter().map(content))
        });
        for (set, id) in order {
            self.labels[id.index()] = Some(builder.labels(&set)?);
        }
        Ok(())
    }
}

/// A sum as a profile has it.
pub(crate) fn value(sum: i128) -> Result<i64, BuildError> {
    i64::try_from(sum).map_err(|_| BuildError::Overflow)
}

/// By stack, origin, labels.
fn samples(
    rows: &Rows,
    columns: &[usize],
    ids: &Ids<'_>,
    builder: &mut ProfileBuilder,
) -> Result<(), BuildError> {
    let samples = rows.samples.samples().iter().zip(0u32..);
    let mut order: Vec<_> = samples
        .filter(|&(_, row)| !rows.samples.is_zero(row as usize))
        .map(|(sample, row)| {
            let stack = sample.stack.map(|stack| new(&ids.stacks, stack));
            (stack, new(&ids.origins, sample.origin), new(&ids.labels, sample.labels), row)
        })
        .collect();
    order.par_sort_unstable();
    let mut values = vec![0; columns.len()];
    builder.reserve_samples(order.len());
    for group in order.chunks(GROUP) {
        rows.samples.fetch(group.iter().map(|&(.., row)| row as usize));
        for &(stack, origin, labels, row) in group {
            for (to, &column) in values.iter_mut().zip(columns) {
                *to = value(rows.samples.values(row as usize)[column])?;
            }
            builder.sample(Sample { stack, origin, labels }, &values)?;
        }
    }
    Ok(())
}
