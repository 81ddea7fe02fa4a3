//! A profile's call tables as blocks of a callgrind file: one function each, with its costs and its calls, every sum made.

use std::borrow::Cow;

use foldhash::{HashMap, HashMapExt};
use profkit_profile::{Frame, FunctionId, Id, MappingId, OriginId, Profile, StringId};

use crate::dialect::split_line;
use crate::spell::safe;

/// A function as it is written.
#[derive(Debug)]
pub(crate) struct Named {
    /// The name, unlike that of any other function of its file.
    pub(crate) name: Vec<u8>,
    /// A row of [`Names::files`].
    pub(crate) file: usize,
    /// The line of the definition; 0 where unknown.
    pub(crate) line: i64,
}

/// The names of all functions and files that a file mentions.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) functions: Vec<Named>,
    pub(crate) files: Vec<Vec<u8>>,
    /// How many names had to be changed, and functions could not be told from others.
    pub(crate) changed: usize,
    pub(crate) merged: usize,
    by_id: Vec<Option<usize>>,
    file_by_id: HashMap<StringId, usize>,
    file_by_name: HashMap<Vec<u8>, usize>,
}

impl Names {
    /// Names every function that the call tables mention, in order of appearance.
    pub(crate) fn of(profile: &Profile) -> Self {
        let mut names = Self { by_id: vec![None; profile.functions().len()], ..Self::default() };
        let calls = profile.calls();
        let mut known: HashMap<(usize, Vec<u8>, i64), usize> = HashMap::new();
        for row in calls.functions().rows() {
            names.add(profile, row.function, &mut known);
        }
        for row in calls.edges().rows() {
            names.add(profile, row.caller, &mut known);
            names.add(profile, row.callee, &mut known);
        }
        for row in calls.lines().rows() {
            names.add(profile, row.function, &mut known);
        }
        names.tell_apart();
        names
    }

    fn add(&mut self, profile: &Profile, id: FunctionId, known: &mut HashMap<(usize, Vec<u8>, i64), usize>) {
        if self.by_id[id.index()].is_some() {
            return;
        }
        let function = profile.functions()[id];
        let file = self.file(profile, function.file);
        let name = profile.bytes(function.shown_name());
        let safe_name = safe(name);
        self.changed += usize::from(matches!(safe_name, Cow::Owned(_)) || name.is_empty());
        let next = self.functions.len();
        let index = *known.entry((file, safe_name.to_vec(), function.first_line)).or_insert(next);
        if index == next {
            self.functions.push(Named { name: safe_name.into_owned(), file, line: function.first_line });
        } else {
            self.merged += 1;
        }
        self.by_id[id.index()] = Some(index);
    }

    /// The row of a file.
    pub(crate) fn file(&mut self, profile: &Profile, id: StringId) -> usize {
        if let Some(&file) = self.file_by_id.get(&id) {
            return file;
        }
        let name = profile.bytes(id);
        let safe_name = safe(name);
        let is_kept = matches!(safe_name, Cow::Borrowed(_)) && name != crate::spell::UNKNOWN;
        self.changed += usize::from(!is_kept);
        let next = self.files.len();
        let file = *self.file_by_name.entry(safe_name.to_vec()).or_insert(next);
        if file == next {
            self.files.push(safe_name.into_owned());
        }
        self.file_by_id.insert(id, file);
        file
    }

    /// The row of a function that is in the call tables.
    pub(crate) fn function(&self, id: FunctionId) -> usize {
        self.by_id[id.index()].unwrap_or(0)
    }

    /// Readers know a function by file and name, so two that share both (methods of several classes) get `:line`, as
    /// pyprof2calltree writes it. So does one whose name ends like that already, or whose line cannot stand in a cost line,
    /// so that the reader may take every such end off.
    fn tell_apart(&mut self) {
        let mut count: HashMap<(usize, Vec<u8>), usize> = HashMap::new();
        for function in &self.functions {
            *count.entry((function.file, function.name.clone())).or_default() += 1;
        }
        for function in &mut self.functions {
            let shared = count.get(&(function.file, function.name.clone())).is_some_and(|&count| count > 1);
            if shared || function.line < 0 || split_line(&function.name).is_some() {
                function.name.extend_from_slice(format!(":{}", function.line).as_bytes());
            }
        }
    }
}

/// Caller and callee.
type Pair = (usize, usize);

/// A place inside a function: file, line.
pub(crate) type Spot = (usize, i64);

/// A function in the costs of one part.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// Costs that no line is known for.
    pub(crate) own: Vec<i128>,
    pub(crate) sections: Vec<Section>,
}

/// The part of a function that lies in one binary.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) object: Option<MappingId>,
    pub(crate) lines: Vec<(Spot, Vec<i128>)>,
    pub(crate) calls: Vec<Call>,
}

/// Calls from one place.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) callee: usize,
    pub(crate) spot: Spot,
    pub(crate) count: Option<i128>,
    pub(crate) has_cost: bool,
    pub(crate) cost: Vec<i128>,
}

/// A part of a file: what some origins' rows say.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Functions in the order of their rows.
    pub(crate) order: Vec<usize>,
    /// By function; empty for those that the part does not mention.
    pub(crate) blocks: Vec<Option<Block>>,
}

impl Part {
    /// Sums the rows of the origins that are `wanted`.
    pub(crate) fn of(
        profile: &Profile,
        names: &mut Names,
        types: &[usize],
        wanted: impl Fn(OriginId) -> bool,
    ) -> Self {
        let mut builder = Builder { types: types.len(), ..Builder::default() };
        let calls = profile.calls();
        for (row, function) in
            calls.functions().rows().iter().enumerate().filter(|(_, row)| wanted(row.origin))
        {
            let block = builder.block(names.function(function.function));
            for (sum, &sample_type) in block.own.iter_mut().zip(types) {
                *sum += i128::from(calls.functions().own(sample_type)[row]);
            }
        }
        for (row, line) in calls.lines().rows().iter().enumerate().filter(|(_, row)| wanted(row.origin)) {
            let values = types.iter().map(|&sample_type| i128::from(calls.lines().own(sample_type)[row]));
            let frame = profile.frames()[line.frame];
            let function = names.function(line.function);
            let spot = spot(profile, names, function, frame);
            // An address alone is lost, and what is left says no more than the function does.
            if spot == (names.functions[function].file, 0) && frame.mapping.is_none() {
                continue;
            }
            builder.line(function, frame.mapping, spot, values);
        }
        for (row, edge) in calls.edges().rows().iter().enumerate().filter(|(_, row)| wanted(row.origin)) {
            let values = types.iter().map(|&sample_type| i128::from(calls.edges().total(sample_type)[row]));
            let caller = names.function(edge.caller);
            let frame = edge.site.map_or(Frame::EMPTY, |site| profile.frames()[site]);
            let spot = spot(profile, names, caller, frame);
            let callee = names.function(edge.callee);
            let call = builder.call(caller, callee, frame.mapping, spot);
            call.count = match (call.count, edge.calls) {
                (sum, None) => sum,
                (sum, Some(calls)) => Some(sum.unwrap_or(0) + i128::from(calls)),
            };
            call.has_cost &= edge.has_total;
            for (sum, value) in call.cost.iter_mut().zip(values) {
                *sum += value;
            }
            builder.block(callee);
        }
        builder.part
    }
}

/// Where a frame of a function lies; in the function's own file where it does not say.
fn spot(profile: &Profile, names: &mut Names, function: usize, frame: Frame) -> Spot {
    let file = match frame.function {
        Some(in_file) => names.file(profile, profile.functions()[in_file].file),
        None => names.functions[function].file,
    };
    (file, frame.line.max(0))
}

#[derive(Default)]
struct Builder {
    types: usize,
    part: Part,
    sections: HashMap<(usize, Option<MappingId>), usize>,
    lines: HashMap<(usize, Option<MappingId>, Spot), (usize, usize)>,
    calls: HashMap<(Pair, Option<MappingId>, Spot), (usize, usize)>,
}

impl Builder {
    fn block(&mut self, function: usize) -> &mut Block {
        let Part { order, blocks } = &mut self.part;
        if blocks.len() <= function {
            blocks.resize_with(function + 1, || None);
        }
        let types = self.types;
        blocks[function].get_or_insert_with(|| {
            order.push(function);
            Block { own: vec![0; types], sections: Vec::new() }
        })
    }

    fn section(&mut self, function: usize, object: Option<MappingId>) -> (usize, &mut Section) {
        let found = self.sections.get(&(function, object)).copied();
        let sections = &mut self.block(function).sections;
        let index = found.unwrap_or_else(|| {
            sections.push(Section { object, ..Section::default() });
            sections.len() - 1
        });
        self.sections.insert((function, object), index);
        let sections = &mut self.block(function).sections;
        (index, &mut sections[index])
    }

    fn line(
        &mut self,
        function: usize,
        object: Option<MappingId>,
        spot: Spot,
        values: impl Iterator<Item = i128> + Clone,
    ) {
        for (sum, value) in self.block(function).own.iter_mut().zip(values.clone()) {
            *sum -= value;
        }
        let key = (function, object, spot);
        let (section, line) = match self.lines.get(&key) {
            Some(&place) => place,
            None => {
                let types = self.types;
                let (index, section) = self.section(function, object);
                section.lines.push((spot, vec![0; types]));
                let place = (index, section.lines.len() - 1);
                self.lines.insert(key, place);
                place
            }
        };
        let sums = &mut self.block(function).sections[section].lines[line].1;
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += value;
        }
    }

    fn call(&mut self, caller: usize, callee: usize, object: Option<MappingId>, spot: Spot) -> &mut Call {
        let key = ((caller, callee), object, spot);
        let (section, call) = match self.calls.get(&key) {
            Some(&place) => place,
            None => {
                let cost = vec![0; self.types];
                let (index, section) = self.section(caller, object);
                section.calls.push(Call { callee, spot, count: None, has_cost: true, cost });
                let place = (index, section.calls.len() - 1);
                self.calls.insert(key, place);
                place
            }
        };
        &mut self.block(caller).sections[section].calls[call]
    }
}
