//! What a callgrind file cannot hold of a profile.

use foldhash::{HashMap, HashMapExt};
use profkit_profile::{Function, Id, OriginId, Profile, StringId, count};

use crate::blocks::{Names, Part};
use crate::event::{Event, Writer};
use crate::inclusive::Cycles;
use crate::spell::safe_text;

/// Counts of what is lost.
#[derive(Default, Debug)]
pub(crate) struct Losses {
    threads: usize,
    changed_names: usize,
    merged_functions: usize,
    calls: usize,
    primitive_calls: usize,
    totals: usize,
    unknown_calls: usize,
    unknown_costs: usize,
}

impl Losses {
    pub(crate) fn threads(&mut self, threads: usize) {
        self.threads = threads;
    }

    pub(crate) fn names(&mut self, names: &Names) {
        self.changed_names = names.changed;
        self.merged_functions = names.merged;
    }

    /// Counts the functions of a part of which readers will make other calls or totals than the profile says. `wanted`
    /// are the part's origins.
    pub(crate) fn part(
        &mut self,
        profile: &Profile,
        names: &Names,
        part: &Part,
        types: &[usize],
        wanted: impl Fn(OriginId) -> bool,
    ) {
        let calls: Vec<(u32, u32, &crate::blocks::Call)> = part
            .order
            .iter()
            .filter_map(|&caller| Some((caller, part.blocks.get(caller)?.as_ref()?)))
            .flat_map(|(caller, block)| block.sections.iter().map(move |section| (caller, section)))
            .flat_map(|(caller, section)| section.calls.iter().map(move |call| (caller, call)))
            .filter_map(|(caller, call)| {
                Some((u32::try_from(caller).ok()?, u32::try_from(call.callee).ok()?, call))
            })
            .collect();
        self.unknown_calls +=
            calls.iter().filter(|(_, _, call)| call.count.is_none_or(|count| count < 1)).count();
        self.unknown_costs += calls.iter().filter(|(_, _, call)| !call.has_cost).count();
        let pairs: Vec<(u32, u32)> = calls.iter().map(|&(caller, callee, _)| (caller, callee)).collect();
        let cycles = Cycles::find(names.functions.len(), &pairs);
        let read_back = ReadBack::of(names, part, &calls, &pairs, &cycles);
        for (function, said) in said(profile, names, types, wanted) {
            let calls = said.calls.is_none_or(|calls| calls == read_back.calls[function]);
            self.calls += usize::from(!calls);
            let primitive = said.calls.and(said.primitive);
            self.primitive_calls +=
                usize::from(calls && primitive.is_some() && primitive != read_back.primitive[function]);
            self.totals +=
                usize::from(read_back.totals.as_ref().is_none_or(|totals| totals[function] != said.total));
        }
    }

    /// A phrase for each kind of thing that is lost.
    pub(crate) fn of(&self, profile: &Profile, events: &[Event]) -> Vec<String> {
        let mut losses = Vec::new();
        let mut lose = |count: usize, phrase: &str| {
            if count > 0 {
                losses.push(in_number(phrase, count));
            }
        };
        lose(if self.threads > 1 { self.threads } else { 0 }, "{} thread added up");
        lose(self.changed_names, "{} name changed: empty ones, and what a line cannot hold");
        lose(self.merged_functions, "{} function added to others of the same file, name and line");
        lose(self.calls, "the calls of {} function that others than the functions shown called");
        lose(self.primitive_calls, "which calls of {} function were recursive");
        lose(self.totals, "the totals of {} function: readers add them up from self and calls");
        lose(self.unknown_calls, "the unknown counts of {} call: written as 1");
        lose(self.unknown_costs, "the unknown costs of {} call: written as 0, so totals are too low");
        let changed = |event: &&Event| Event::parse(&event.word(), None, Writer::Profkit) != **event;
        lose(events.iter().filter(changed).count(), "{} name of events or their units changed");
        details(profile, &mut lose);
        losses
    }
}

/// The phrase with the count in the place of `{}`, and the noun behind it, written in the singular, in that number.
fn in_number(phrase: &str, number: usize) -> String {
    let Some((before, rest)) = phrase.split_once("{} ") else { return phrase.to_owned() };
    let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    let (noun, after) = rest.split_at(end);
    format!("{before}{}{after}", count(number, noun))
}

fn details(profile: &Profile, lose: &mut impl FnMut(usize, &str)) {
    let edges = profile.calls().edges();
    let has_self = edges.rows().iter().enumerate().any(|(row, edge)| {
        let is_zero = (0..profile.sample_types().len()).all(|index| edges.own(index)[row] == 0);
        edge.has_self && !is_zero
    });
    lose(usize::from(has_self), "the self costs of calls");
    let lines = profile.calls().lines().rows().iter().map(|line| line.frame);
    let sites = edges.rows().iter().filter_map(|edge| edge.site);
    let mut frames = lines.chain(sites).map(|frame| profile.frames()[frame]);
    lose(usize::from(frames.any(|frame| frame.address != 0 || frame.column != 0)), "addresses and columns");
    let system_names = profile.functions().rows().iter().any(Function::has_linker_name);
    lose(usize::from(system_names), "system names of functions");
    let labels = profile.calls().functions().rows().iter().any(|row| row.labels.index() > 0);
    lose(usize::from(labels), "labels");
    let meta = profile.meta();
    lose(usize::from(meta.start_ns.is_some() || meta.duration_ns.is_some()), "start and duration");
    lose(usize::from(meta.period != 0), "the sampling period");
    lose(
        usize::from(meta.drop_frames.is_some() || meta.keep_frames.is_some()),
        "which frames to drop or keep",
    );
    let texts = meta.title.iter().chain(&meta.doc_url);
    lose(usize::from(texts.copied().any(|text: StringId| !text.is_empty())), "title");
    let changed = meta.comments.iter().filter(|&&comment| {
        let comment = profile.bytes(comment);
        *safe_text(comment) != *comment
    });
    lose(changed.count(), "{} comment changed: what a line cannot hold");
}

/// What a reader makes of a part, by function.
struct ReadBack {
    calls: Vec<i128>,
    primitive: Vec<Option<i128>>,
    totals: Option<Vec<i64>>,
}

impl ReadBack {
    fn of(
        names: &Names,
        part: &Part,
        calls: &[(u32, u32, &crate::blocks::Call)],
        pairs: &[(u32, u32)],
        cycles: &Cycles,
    ) -> Self {
        let count = names.functions.len();
        let mut all = vec![0_i128; count];
        let mut by_others = vec![0_i128; count];
        for &(caller, callee, call) in calls {
            all[callee as usize] += call.count.unwrap_or(0);
            if caller != callee {
                by_others[callee as usize] += call.count.unwrap_or(0);
            }
        }
        let primitive = (0_u32..).zip(by_others);
        let primitive = primitive
            .map(|(function, count)| Some(count).filter(|_| !cycles.is_in_cycle(function)))
            .collect();
        let first =
            |values: &[i128]| values.first().and_then(|&value| i64::try_from(value).ok()).unwrap_or(0);
        let own_of = |function: usize| {
            let block = part.blocks.get(function)?.as_ref()?;
            let lines = block.sections.iter().flat_map(|section| &section.lines);
            Some(lines.map(|(_, costs)| first(costs)).fold(first(&block.own), i64::saturating_add))
        };
        let own: Vec<i64> = (0..count).map(|function| own_of(function).unwrap_or(0)).collect();
        let costs: Vec<i64> = calls.iter().map(|(_, _, call)| first(&call.cost)).collect();
        Self { calls: all, primitive, totals: cycles.totals(&own, pairs, &costs) }
    }
}

/// What the profile says of a function.
#[derive(Clone, Copy, Default)]
struct Said {
    calls: Option<i128>,
    primitive: Option<i128>,
    total: i64,
}

fn said(
    profile: &Profile,
    names: &Names,
    types: &[usize],
    wanted: impl Fn(OriginId) -> bool,
) -> impl Iterator<Item = (usize, Said)> {
    let functions = profile.calls().functions();
    let mut said: HashMap<usize, Said> = HashMap::new();
    let mut order = Vec::new();
    for (row, function) in functions.rows().iter().enumerate().filter(|(_, row)| wanted(row.origin)) {
        let name = names.function(function.function);
        let sum = said.entry(name).or_insert_with(|| {
            order.push(name);
            Said::default()
        });
        let add = |sum: &mut Option<i128>, value: Option<i64>| {
            if let Some(value) = value {
                *sum = Some(sum.unwrap_or(0) + i128::from(value));
            }
        };
        add(&mut sum.calls, function.calls);
        add(&mut sum.primitive, function.primitive_calls);
        let total = types.first().map_or(0, |&first| functions.total(first)[row]);
        sum.total = sum.total.saturating_add(total);
    }
    order.into_iter().filter_map(move |function| Some((function, *said.get(&function)?)))
}
