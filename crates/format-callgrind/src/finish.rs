//! From costs to the model.

use foldhash::{HashMap, HashMapExt};
use profkit_profile::{
    AtOffset, BuildError, CallEdge, Frame, FrameId, Function, FunctionCalls, FunctionId, LabelSetId,
    LineCost, Mapping, MappingId, ProfileBuilder, ReadError, StringId,
};

use crate::costs::{CallKey, Costs, Place, Row};
use crate::dialect::Dialect;
use crate::header::{Events, Header};
use crate::inclusive::Cycles;
use crate::names::{Text, Texts, UNKNOWN};
use crate::number::{cost, skip_blanks};

/// Puts everything into the profile. `end` is the length of the file, for errors that have no better place.
pub(crate) fn finish(
    mut costs: Costs,
    texts: &Texts<'_>,
    header: &Header<'_>,
    into: &mut ProfileBuilder,
    end: usize,
) -> Result<(), ReadError> {
    meta(header, into).at(end)?;
    // Functions that are only called come after those that have costs of their own.
    let calls: Vec<(u32, u32)> = costs
        .calls
        .keys
        .iter()
        .map(|call| {
            let callee = Row { origin: call.origin, function: call.callee };
            (call.caller, costs.functions.row(callee))
        })
        .collect();
    let rows = costs.functions.keys.len();
    let cycles = Cycles::find(rows, &calls);
    let types = into.sample_types().len();
    let mut totals = Vec::with_capacity(types);
    for sample_type in 0..types {
        let mut own = costs.functions.column(sample_type).to_vec();
        own.resize(rows, 0);
        let mut of_calls = costs.calls.column(sample_type).to_vec();
        of_calls.resize(calls.len(), 0);
        let sums = cycles.totals(&own, &calls, &of_calls);
        totals.push(sums.ok_or(BuildError::Overflow).at(end)?);
    }
    let counts = Counts::of(&costs, &calls, &cycles, rows).ok_or(BuildError::Overflow).at(end)?;
    let mut model = Model::new(&costs, texts, header.dialect, into);
    if let Some(object) = main_object(&costs, texts, header.command) {
        // The first mapping is the main binary; a file begins with the function that its writer came upon first.
        model.mapping(object).at(end)?;
    }
    let (mut own, mut total) = (Vec::new(), Vec::new());
    for row in 0..rows {
        costs.functions.values(row, types, &mut own);
        total.clear();
        total.extend(totals.iter().map(|column| column[row]));
        model.function_row(row, &counts, &own, &total).at(end)?;
    }
    for (row, &key) in costs.calls.keys.iter().enumerate() {
        costs.calls.values(row, types, &mut total);
        own.clear();
        own.resize(types, 0);
        model.call_row(row, key, &cycles, &own, &total).at(end)?;
    }
    let lines = costs.lines.sums(types, |row, place, own| {
        let Row { origin, function } = costs.functions.keys[row as usize];
        let frame = model.frame(function, place)?;
        let function = model.function(function)?;
        model.into.line_cost(LineCost { origin, function, frame }, own)
    });
    lines.at(end)
}

fn meta(header: &Header<'_>, into: &mut ProfileBuilder) -> Result<(), BuildError> {
    into.meta.format = "callgrind";
    into.meta.dialect = header.dialect.name();
    let producer = header.producer.or(header.creator).unwrap_or_default();
    into.meta.producer = String::from_utf8_lossy(producer).into_owned();
    if into.meta.producer.is_empty() {
        into.meta.producer = header.dialect.name().to_owned();
    }
    // The first event is the one that callgrind_annotate and KCachegrind show.
    into.meta.default_type = into.sample_types().first().map(|first| first.name);
    for &comment in &header.comments {
        let comment = into.string(comment)?;
        into.meta.comments.push(comment);
    }
    Ok(())
}

/// The binary that a command runs: the one of its path, else of its name.
fn main_object(costs: &Costs, texts: &Texts<'_>, command: &[u8]) -> Option<Text> {
    let of_calls = costs.calls.keys.iter().map(|call| call.place.object);
    let mut objects: Vec<Text> = of_calls.chain(costs.lines.objects()).collect();
    objects.sort_unstable();
    objects.dedup();
    objects.retain(|&object| object != UNKNOWN);
    let is_path = |&object: &Text| {
        let rest = command.strip_prefix(texts.get(object));
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b' ')))
    };
    let name = |path: &[u8]| path.rsplit(|&byte| byte == b'/').next().map(<[u8]>::to_vec);
    let program = command.split(|&byte| byte == b' ').next().unwrap_or_default();
    let mut by_path = objects.iter().copied().filter(|object| is_path(object));
    by_path
        .next()
        .or_else(|| objects.iter().copied().find(|&object| name(texts.get(object)) == name(program)))
}

/// Notes it if `summary:` or `totals:` of a part is not what its cost lines add up to.
pub(crate) fn compare_sums(
    header: &Header<'_>,
    events: &Events<'_>,
    sums: &[i128],
    into: &mut ProfileBuilder,
) {
    for line in &header.sums {
        let mut rest = skip_blanks(line.costs);
        for ((&sum, &word), &factor) in sums.iter().zip(&events.words).zip(&events.factors) {
            let sum = sum / i128::from(factor);
            let Ok((after, value)) = cost(rest) else { break };
            rest = skip_blanks(after);
            if i128::from(value) == sum {
                continue;
            }
            let part = header.part.map(|part| format!("part {}: ", String::from_utf8_lossy(part)));
            into.meta.notes.push(format!(
                "{}`{}:` says {value} {}, but the cost lines, which are taken, add up to {sum}",
                part.unwrap_or_default(),
                line.key,
                String::from_utf8_lossy(word),
            ));
        }
    }
}

/// The calls of every function: those of all its callers.
struct Counts {
    all: Vec<Option<i64>>,
    primitive: Vec<Option<i64>>,
}

impl Counts {
    fn of(costs: &Costs, calls: &[(u32, u32)], cycles: &Cycles, rows: usize) -> Option<Self> {
        let mut all = vec![0_i64; rows];
        let mut by_others = vec![0_i64; rows];
        for (&(caller, callee), &count) in calls.iter().zip(&costs.counts) {
            let sum = &mut all[callee as usize];
            *sum = sum.checked_add(count)?;
            if caller != callee {
                let sum = &mut by_others[callee as usize];
                *sum = sum.checked_add(count)?;
            }
        }
        // Go's pprof writes `calls=0` for calls that it has not counted.
        let all: Vec<Option<i64>> =
            all.into_iter().map(|count| Some(count).filter(|&count| count != 0)).collect();
        let primitive = (0_u32..).zip(&all).zip(by_others).map(|((row, all), by_others)| {
            // In a cycle, who calls from outside and who from within cannot be told apart.
            all.and(Some(by_others)).filter(|_| !cycles.is_in_cycle(row))
        });
        let primitive = primitive.collect();
        Some(Self { all, primitive })
    }
}

struct Model<'a, 'b> {
    costs: &'a Costs,
    texts: &'a Texts<'a>,
    dialect: Dialect,
    into: &'b mut ProfileBuilder,
    strings: Vec<Option<StringId>>,
    functions: Vec<Option<FunctionId>>,
    mappings: HashMap<Text, MappingId>,
    /// The same functions in other files, where code was inlined from them.
    inlined: HashMap<(u32, Text), FunctionId>,
}

impl<'a, 'b> Model<'a, 'b> {
    fn new(costs: &'a Costs, texts: &'a Texts<'a>, dialect: Dialect, into: &'b mut ProfileBuilder) -> Self {
        Self {
            costs,
            texts,
            dialect,
            into,
            strings: vec![None; texts.len()],
            functions: vec![None; costs.names.len()],
            mappings: HashMap::new(),
            inlined: HashMap::new(),
        }
    }

    fn function_row(
        &mut self,
        row: usize,
        counts: &Counts,
        own: &[i64],
        total: &[i64],
    ) -> Result<(), BuildError> {
        let Row { origin, function } = self.costs.functions.keys[row];
        let calls = FunctionCalls {
            origin,
            function: self.function(function)?,
            labels: LabelSetId::EMPTY,
            calls: counts.all[row],
            primitive_calls: counts.primitive[row],
        };
        self.into.function_calls(calls, own, total)
    }

    fn call_row(
        &mut self,
        row: usize,
        key: CallKey,
        cycles: &Cycles,
        own: &[i64],
        total: &[i64],
    ) -> Result<(), BuildError> {
        let Row { origin, function } = self.costs.functions.keys[key.caller as usize];
        let own_file = self.costs.names[function as usize].file;
        let is_known = key.place.line > 0
            || key.place.address > 0
            || key.place.object != UNKNOWN
            || key.place.file != own_file;
        let site = if is_known { Some(self.frame(function, key.place)?) } else { None };
        let calls = Some(self.costs.counts[row]).filter(|&count| count != 0);
        let edge = CallEdge {
            origin,
            caller: self.function(function)?,
            callee: self.function(key.callee)?,
            site,
            calls,
            // While its caller runs only once at a time, so does the pair.
            primitive_calls: calls.filter(|_| !cycles.is_recursive(key.caller)),
            has_self: false,
            has_total: !self.costs.unknown_cost[row],
        };
        self.into.call_edge(edge, own, total)
    }

    fn function(&mut self, function: u32) -> Result<FunctionId, BuildError> {
        if let Some(id) = self.functions[function as usize] {
            return Ok(id);
        }
        let row = self.costs.names[function as usize];
        let definition = self.costs.definitions[function as usize].map(line);
        let target = self.costs.targets[function as usize];
        let definition = definition.or_else(|| Some(line(target)).filter(|&line| line > 0));
        let file = self.texts.get(row.file);
        let (name, first_line) = self.dialect.function_name(self.texts.get(row.name), file, definition);
        let name = if row.name == UNKNOWN { b"???" } else { name };
        let function_row = Function {
            name: self.into.string(name)?,
            file: self.string(row.file)?,
            first_line: first_line.unwrap_or(0),
            ..Function::EMPTY
        };
        let id = self.into.function(function_row)?;
        self.functions[function as usize] = Some(id);
        Ok(id)
    }

    fn frame(&mut self, function: u32, place: Place) -> Result<FrameId, BuildError> {
        let own = self.function(function)?;
        let function = if place.file == self.costs.names[function as usize].file {
            own
        } else if let Some(&id) = self.inlined.get(&(function, place.file)) {
            id
        } else {
            let name = self.into.function_row(own).name;
            let file = self.string(place.file)?;
            let id = self.into.function(Function { name, file, ..Function::EMPTY })?;
            self.inlined.insert((function, place.file), id);
            id
        };
        let mapping = match place.object {
            UNKNOWN => None,
            object => Some(self.mapping(object)?),
        };
        self.into.frame(Frame {
            line: line(place.line),
            address: place.address,
            mapping,
            ..Frame::of(function)
        })
    }

    fn mapping(&mut self, object: Text) -> Result<MappingId, BuildError> {
        if let Some(&mapping) = self.mappings.get(&object) {
            return Ok(mapping);
        }
        let file = self.string(object)?;
        let row = Mapping {
            file,
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
            ..Mapping::EMPTY
        };
        let mapping = self.into.mapping(row)?;
        self.mappings.insert(object, mapping);
        Ok(mapping)
    }

    fn string(&mut self, text: Text) -> Result<StringId, BuildError> {
        if let Some(id) = self.strings[text as usize] {
            return Ok(id);
        }
        let id = self.into.string(self.texts.get(text))?;
        self.strings[text as usize] = Some(id);
        Ok(id)
    }
}

/// A line as the model has it; one beyond what it holds is as good as unknown.
fn line(line: u64) -> i64 {
    i64::try_from(line).unwrap_or(0)
}
