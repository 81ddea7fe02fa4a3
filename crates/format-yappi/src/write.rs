//! From the model to a pickle that `yappi.YFuncStats().add()` loads.
//!
//! The objects have the attributes and the numbered dict items of yappi 1.2 to 1.7. yappi 1.0 knows neither `ctx_name`
//! nor `tag`, ignores them as attributes, and finds the numbers by which it sorts where it expects them, but for `tavg`.

use std::io::Write;

use profkit_profile::{Profile, WriteError, WriteOptions, Written, nanoseconds};

use crate::encode::{Encoder, Memo};
use crate::last_place::{Nudges, Seconds};
use crate::losses::losses;
use crate::stats::{Child, Clock, Stats, Values};
use crate::threads;
use crate::time::Tick;
use crate::value::Class;

/// `YFuncStat._KEYS`.
const FUNCTION_KEYS: [(&str, i64); 15] = [
    ("name", 0),
    ("module", 1),
    ("lineno", 2),
    ("ncall", 3),
    ("nactualcall", 4),
    ("builtin", 5),
    ("ttot", 6),
    ("tsub", 7),
    ("index", 8),
    ("children", 9),
    ("ctx_id", 10),
    ("ctx_name", 11),
    ("tag", 12),
    ("tavg", 14),
    ("full_name", 15),
];

/// `YChildFuncStat._KEYS`.
const CHILD_KEYS: [(&str, i64); 11] = [
    ("index", 0),
    ("ncall", 1),
    ("nactualcall", 2),
    ("ttot", 3),
    ("tsub", 4),
    ("tavg", 5),
    ("builtin", 6),
    ("full_name", 7),
    ("module", 8),
    ("lineno", 9),
    ("name", 10),
];

pub(crate) fn write(
    profile: &Profile,
    to: &mut dyn Write,
    options: &WriteOptions<'_>,
) -> Result<Written, WriteError> {
    if threads::recognise(profile) {
        return threads::write(profile, to);
    }
    if !profile.samples().is_empty() {
        return Err(WriteError::NeedsCallEdges);
    }
    let chosen = options.sample_type.or_else(|| profile.default_type());
    let clock = chosen.map(|chosen| Clock::new(profile, chosen));
    let stats = Stats::of(profile, clock.as_ref());
    let rounded = clock.as_ref().map_or(Ok(0), |clock| fit(profile, clock, &stats))?;
    let clock_type = clock.as_ref().map(|clock| clock.python_name(profile));
    let mut writer = Writer {
        out: Encoder::default(),
        stats: &stats,
        tick: tick(&stats),
        clock_type,
        texts: vec![Texts::default(); stats.functions.len()],
    };
    writer.everything()?;
    to.write_all(&writer.out.bytes)?;
    Ok(Written { losses: losses(profile, &stats, clock.as_ref(), rounded) })
}

/// How many times are read back as others.
///
/// # Errors
/// Where a time, or the sum of what is no time, is not read back at all: 1 of anything else is written as 1 second,
/// and more than 9.2 billion seconds are no nanoseconds of 64 bits.
fn fit(profile: &Profile, clock: &Clock, stats: &Stats) -> Result<usize, WriteError> {
    let own: i128 = stats.functions.iter().map(|stat| stat.values.own).sum();
    let values = || {
        let rows = stats.functions.iter().map(|stat| stat.values);
        rows.chain(stats.functions.iter().flat_map(|stat| stat.children.iter().map(|child| child.values)))
    };
    let tick = tick(stats);
    let mut rounded = 0;
    let mut fits = clock.is_time || i64::try_from(own).is_ok();
    for time in values().flat_map(|values| [values.own, values.total]) {
        let read = nanoseconds(tick.seconds(time)).map(i128::from);
        fits &= read.is_some();
        rounded += usize::from(read != Some(time));
    }
    if fits {
        return Ok(rounded);
    }
    let name = String::from_utf8_lossy(clock.name(profile));
    let how = if clock.is_time { "" } else { ", of which 1 is written as 1 second," };
    let why = "yappi holds times, and nanoseconds of 64 bits end at 292 years";
    Err(WriteError::Unsupported(format!("`{name}`{how} does not fit: {why}").into()))
}

fn tick(stats: &Stats) -> Tick {
    Tick::of(stats.functions.iter().flat_map(|stat| [stat.values.own, stat.values.total]))
}

/// Where the memo has the strings of a function, which its callers' rows repeat.
#[derive(Clone, Copy, Default)]
struct Texts {
    name: Option<Memo>,
    module: Option<Memo>,
    full_name: Option<Memo>,
}

struct Writer<'a> {
    out: Encoder,
    stats: &'a Stats,
    tick: Tick,
    clock_type: Option<&'static str>,
    /// By function.
    texts: Vec<Texts>,
}

impl Writer<'_> {
    fn everything(&mut self) -> Result<(), WriteError> {
        let stats = self.stats;
        self.out.start();
        self.out.object(Class::FuncStats);
        self.out.dict();
        self.out.attribute("_clock_type");
        self.out.clock(self.clock_type);
        let mut objects = Vec::with_capacity(stats.functions.len());
        self.out.attribute("_as_dict");
        self.out.dict();
        for index in 0..stats.functions.len() {
            let memo = self.function(index)?;
            self.out.again(memo);
            objects.push((index, memo));
        }
        self.out.end_dict();
        self.index(&objects)?;
        self.out.attribute("_filter_callback");
        self.out.none();
        self.out.attribute("_idx_max");
        self.out.integer(number(objects.len().saturating_sub(1))?);
        self.out.attribute("_sort_type");
        self.out.text(b"totaltime");
        self.out.attribute("_sort_order");
        self.out.text(b"desc");
        self.out.end_dict();
        self.out.build();
        self.out.clock(self.clock_type);
        self.out.pair();
        self.out.stop();
        Ok(())
    }

    fn function(&mut self, index: usize) -> Result<Memo, WriteError> {
        let object = self.out.object(Class::FuncStat);
        let mut children = None;
        self.out.items();
        for (name, number) in FUNCTION_KEYS {
            self.out.integer(number);
            self.function_value(index, name, &mut children)?;
        }
        self.out.end_dict();
        self.out.dict();
        for (name, _) in FUNCTION_KEYS {
            self.out.attribute(name);
            self.function_value(index, name, &mut children)?;
        }
        self.out.end_dict();
        self.out.build();
        Ok(object)
    }

    fn function_value(
        &mut self,
        index: usize,
        name: &str,
        children: &mut Option<Memo>,
    ) -> Result<(), WriteError> {
        let stat = &self.stats.functions[index];
        match (name, *children) {
            ("children", Some(memo)) => self.out.again(memo),
            ("children", None) => *children = Some(self.children(&stat.children)?),
            ("index", _) => self.out.integer(number(index)?),
            ("ctx_id", _) => self.out.integer(stat.context.id),
            ("ctx_name", _) => match &stat.context.name {
                Some(name) => self.out.text(name),
                None => self.out.none(),
            },
            ("tag", _) => self.out.integer(stat.context.tag),
            _ => self.common_value(index, name, stat.values, stat.nudges)?,
        }
        Ok(())
    }

    fn children(&mut self, children: &[Child]) -> Result<Memo, WriteError> {
        let object = self.out.object(Class::ChildFuncStats);
        self.out.dict();
        self.out.attribute("_clock_type");
        self.out.none();
        let mut objects = Vec::with_capacity(children.len());
        self.out.attribute("_as_dict");
        self.out.dict();
        for child in children {
            let memo = self.child(child)?;
            self.out.again(memo);
            objects.push((child.callee, memo));
        }
        self.out.end_dict();
        self.index(&objects)?;
        self.out.end_dict();
        self.out.build();
        Ok(object)
    }

    fn child(&mut self, child: &Child) -> Result<Memo, WriteError> {
        let object = self.out.object(Class::ChildFuncStat);
        self.out.items();
        for (name, number) in CHILD_KEYS {
            self.out.integer(number);
            self.child_value(child, name)?;
        }
        self.out.end_dict();
        self.out.dict();
        for (name, _) in CHILD_KEYS {
            self.out.attribute(name);
            self.child_value(child, name)?;
        }
        self.out.end_dict();
        self.out.build();
        Ok(object)
    }

    fn child_value(&mut self, child: &Child, name: &str) -> Result<(), WriteError> {
        match name {
            "index" => self.out.integer(number(child.callee)?),
            // The callee's average, not the edge's: yappi has no other.
            "tavg" => {
                let callee = &self.stats.functions[child.callee];
                self.common_value(child.callee, name, callee.values, callee.nudges)?;
            }
            _ => self.common_value(child.callee, name, child.values, Nudges::default())?,
        }
        Ok(())
    }

    /// What functions and callees have in common: the function at `index` with these values.
    fn common_value(
        &mut self,
        index: usize,
        name: &str,
        values: Values,
        nudges: Nudges,
    ) -> Result<(), WriteError> {
        let stat = &self.stats.functions[index];
        let seconds = Seconds::rebuilt(values.own, values.total, values.calls, self.tick, nudges);
        let texts = &mut self.texts[index];
        match name {
            "name" => self.out.text_once(&stat.name, &mut texts.name),
            "module" => self.out.text_once(&stat.module, &mut texts.module),
            "full_name" => self.out.text_once(&stat.full_name, &mut texts.full_name),
            "lineno" => self.out.integer(stat.line),
            "builtin" => self.out.boolean(stat.builtin),
            "ncall" => self.out.integer(calls(values.calls)?),
            "nactualcall" => self.out.integer(calls(values.primitive_calls)?),
            "ttot" => self.out.float(seconds.total),
            "tsub" => self.out.float(seconds.own),
            _ => self.out.float(seconds.average),
        }
        Ok(())
    }

    /// The list of objects that are in the memo, and the dict that finds them by index and by `full_name`.
    fn index(&mut self, objects: &[(usize, Memo)]) -> Result<(), WriteError> {
        self.out.attribute("_as_list");
        self.out.list();
        for &(_, memo) in objects {
            self.out.again(memo);
        }
        self.out.end_list();
        self.out.attribute("_additional_indexing");
        self.out.dict();
        for &(index, memo) in objects {
            self.out.integer(number(index)?);
            self.out.again(memo);
            self.out.text_once(&self.stats.functions[index].full_name, &mut self.texts[index].full_name);
            self.out.again(memo);
        }
        self.out.end_dict();
        Ok(())
    }
}

fn number(index: usize) -> Result<i64, WriteError> {
    i64::try_from(index).map_err(|_| too_large())
}

fn calls(sum: i128) -> Result<i64, WriteError> {
    i64::try_from(sum).map_err(|_| too_large())
}

fn too_large() -> WriteError {
    WriteError::Unsupported("a sum of calls does not fit 64 bits".into())
}
