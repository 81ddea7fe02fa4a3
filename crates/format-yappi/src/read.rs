//! From a pickle to the model.

use std::borrow::Cow;

use profkit_profile::{
    AtOffset, BuildError, CallEdge, Function, FunctionCalls, FunctionId, Label, LabelSetId, Origin, OriginId,
    ProfileBuilder, ReadError, ReadErrorKind, Sample, StringId, nanoseconds,
};

use crate::builtin;
use crate::context;
use crate::last_place::{Nudges, Seconds};
use crate::pickle::Pickle;
use crate::time::Tick;
use crate::value::{Class, Kind, Value};

pub(crate) fn read(bytes: &[u8], into: &mut ProfileBuilder) -> Result<(), ReadError> {
    let pickle = Pickle::decode(bytes)?;
    into.meta.format = "yappi";
    into.meta.producer = "yappi".to_owned();
    let reader = Reader { pickle: &pickle, size: bytes.len() };
    // `YFuncStats.save` dumps a pair; whoever dumps the statistics himself leaves the clock to their attribute.
    let (root, clock) = match pickle.sequence(pickle.root) {
        Some(&[root, clock]) if matches!(pickle.root.kind(), Kind::Tuple(_)) => (root, Some(clock)),
        _ => (pickle.root, None),
    };
    if let Some(object) = pickle.object(root) {
        let [list, own_clock] = pickle.attributes(object, ["_as_list", "_clock_type"]);
        let list = list.and_then(|list| pickle.sequence(list)).ok_or_else(|| {
            ReadError::malformed(format!("{} without a list `_as_list`", object.class.name()), place(root))
        })?;
        let clock = reader.clock(clock.or(own_clock))?;
        return match object.class {
            Class::FuncStats => reader.functions(list, clock, into),
            Class::ThreadStats => reader.contexts(list, clock, Class::ThreadStat, into),
            Class::GreenletStats => reader.contexts(list, clock, Class::GreenletStat, into),
            other => Err(nothing_known(other.name(), root)),
        };
    }
    // Before statistics of threads could be saved they were pickled as a list.
    let list = pickle.sequence(root).ok_or_else(|| nothing_known("something else", root))?;
    let clock = reader.clock(clock)?;
    match list.first().and_then(|&first| pickle.object(first)) {
        Some(first) if matches!(first.class, Class::ThreadStat | Class::GreenletStat) => {
            reader.contexts(list, clock, first.class, into)
        }
        _ => Err(nothing_known("a list of something else", root)),
    }
}

/// What the objects of `YFuncStats._as_list` and of `YChildFuncStats._as_list` have in common.
struct Stat<'a> {
    name: &'a [u8],
    module: &'a [u8],
    line: i64,
    calls: i64,
    primitive_calls: i64,
    builtin: bool,
    total: i64,
    own: i64,
    seconds: Seconds,
}

struct Reader<'a> {
    pickle: &'a Pickle<'a>,
    size: usize,
}

impl<'a> Reader<'a> {
    fn functions(
        &self,
        list: &[Value],
        clock: Option<&str>,
        into: &mut ProfileBuilder,
    ) -> Result<(), ReadError> {
        if clock.is_none() && list.is_empty() {
            return Ok(());
        }
        into.sample_type(clock.unwrap_or("time").as_bytes(), b"nanoseconds").at(0)?;
        let rows: Vec<(Value, Stat<'_>, Context<'_>)> = list
            .iter()
            .map(|&value| Ok((value, self.stat(value, Class::FuncStat)?, self.context(value)?)))
            .collect::<Result<_, _>>()?;
        let shared =
            rows.first().filter(|(_, _, first)| rows.iter().all(|(_, _, row)| row.same_thread(first)));
        let origin = match shared {
            Some((_, _, context)) => context.origin(into).at(place(self.pickle.root))?,
            None => OriginId::UNKNOWN,
        };
        let tick = Tick::of(rows.iter().flat_map(|(_, stat, _)| [stat.own, stat.total]).map(i128::from));
        let mut budget = self.size;
        for (value, stat, context) in &rows {
            let labels = context.labels(stat, shared.is_some(), tick, into).at(place(*value))?;
            self.function(*value, stat, labels, origin, &mut budget, into)?;
        }
        Ok(())
    }

    fn function(
        &self,
        value: Value,
        stat: &Stat<'_>,
        labels: LabelSetId,
        origin: OriginId,
        budget: &mut usize,
        into: &mut ProfileBuilder,
    ) -> Result<(), ReadError> {
        let at = place(value);
        let function = stat.function(into).at(at)?;
        let row = FunctionCalls {
            origin,
            function,
            labels,
            // yappi counts at least one call of all that it lists; 0 is how profkit writes that it does not know.
            calls: Some(stat.calls).filter(|&calls| calls != 0),
            // Kept also where it is 0 though it was called: yappi does so for a call that it never saw being left, such as
            // gevent's `Hub.run` (its own comment in `is_recursive`).
            primitive_calls: Some(stat.primitive_calls),
        };
        into.function_calls(row, &[stat.own], &[stat.total]).at(at)?;
        for &child in self.children(value)? {
            // Shared lists of children could make much out of little.
            *budget = budget.checked_sub(1).ok_or_else(|| {
                ReadError::malformed("more callees than bytes: several functions share theirs", place(child))
            })?;
            let callee = self.stat(child, Class::ChildFuncStat)?;
            let edge = CallEdge {
                origin,
                caller: function,
                callee: callee.function(into).at(place(child))?,
                site: None,
                calls: Some(callee.calls).filter(|&calls| calls != 0),
                primitive_calls: Some(callee.primitive_calls),
                has_self: true,
                has_total: true,
            };
            into.call_edge(edge, &[callee.own], &[callee.total]).at(place(child))?;
        }
        Ok(())
    }

    fn children(&self, value: Value) -> Result<&[Value], ReadError> {
        let [children] = self.object(value, Class::FuncStat, ["children"])?;
        let children = self.present(children, "children", value)?;
        let [list] = self.object(children, Class::ChildFuncStats, ["_as_list"])?;
        let list = self.present(list, "_as_list", children)?;
        self.pickle.sequence(list).ok_or_else(|| expected("a list", "_as_list", list))
    }

    fn contexts(
        &self,
        list: &[Value],
        clock: Option<&str>,
        class: Class,
        into: &mut ProfileBuilder,
    ) -> Result<(), ReadError> {
        into.meta.dialect = if class == Class::ThreadStat { context::THREADS } else { context::GREENLETS };
        into.sample_type(clock.unwrap_or("time").as_bytes(), b"nanoseconds").at(0)?;
        into.sample_type(context::SWITCHES, b"count").at(0)?;
        for &value in list {
            let [name, id, tid, total, switches] =
                self.object(value, class, ["name", "id", "tid", "ttot", "sched_count"])?;
            let context = Context {
                id: self.integer(id, "id", value)?,
                name: self.optional_text(name, "name")?,
                tag: None,
            };
            let total = self.time(total, "ttot", value)?;
            let switches = self.integer(switches, "sched_count", value)?;
            let labels = match tid {
                None => LabelSetId::EMPTY,
                Some(_) => {
                    let tid = self.integer(tid, "tid", value)?;
                    let key = into.string(context::SYSTEM_TID).at(place(value))?;
                    into.labels(&[Label::number(key, tid, StringId::EMPTY)]).at(place(value))?
                }
            };
            let origin = context.origin(into).at(place(value))?;
            into.sample(Sample { stack: None, origin, labels }, &[total, switches]).at(place(value))?;
        }
        Ok(())
    }

    fn clock(&self, clock: Option<Value>) -> Result<Option<&'a str>, ReadError> {
        let Some(clock) = clock.filter(|clock| clock.kind() != Kind::None) else { return Ok(None) };
        match self.pickle.text(clock) {
            Some(b"wall") => Ok(Some("wall")),
            Some(b"cpu") => Ok(Some("cpu")),
            _ => Err(ReadError::malformed("the clock is neither 'wall' nor 'cpu'", place(clock))),
        }
    }

    fn context(&self, value: Value) -> Result<Context<'a>, ReadError> {
        let [id, name, tag] = self.object(value, Class::FuncStat, ["ctx_id", "ctx_name", "tag"])?;
        let tag = tag.filter(|tag| tag.kind() != Kind::None);
        Ok(Context {
            id: self.integer(id, "ctx_id", value)?,
            name: self.optional_text(name, "ctx_name")?,
            tag: tag.map(|tag| self.integer(Some(tag), "tag", value)).transpose()?,
        })
    }

    fn stat(&self, value: Value, class: Class) -> Result<Stat<'a>, ReadError> {
        let names = ["name", "module", "lineno", "ncall", "nactualcall", "builtin", "ttot", "tsub", "tavg"];
        let [name, module, line, calls, primitive_calls, builtin, total, own, average] =
            self.object(value, class, names)?;
        let seconds = |value: Option<Value>| match value.map(Value::kind) {
            Some(Kind::Float(seconds)) => seconds,
            _ => 0.0,
        };
        let seconds = Seconds { own: seconds(own), total: seconds(total), average: seconds(average) };
        Ok(Stat {
            name: self.string(name, "name", value)?,
            module: self.string(module, "module", value)?,
            line: self.integer(line, "lineno", value)?,
            calls: self.integer(calls, "ncall", value)?,
            primitive_calls: self.integer(primitive_calls, "nactualcall", value)?,
            builtin: self.integer(builtin, "builtin", value)? != 0,
            total: self.time(total, "ttot", value)?,
            own: self.time(own, "tsub", value)?,
            seconds,
        })
    }

    /// The attributes of an object that must be of this class.
    fn object<const N: usize>(
        &self,
        value: Value,
        class: Class,
        names: [&str; N],
    ) -> Result<[Option<Value>; N], ReadError> {
        let object = self.pickle.object(value).filter(|object| object.class == class);
        let object = object.ok_or_else(|| {
            ReadError::malformed(format!("something else stands for a {}", class.name()), place(value))
        })?;
        Ok(self.pickle.attributes(object, names))
    }

    fn present(&self, value: Option<Value>, name: &'static str, owner: Value) -> Result<Value, ReadError> {
        value.ok_or_else(|| ReadError::malformed(format!("an object without `{name}`"), place(owner)))
    }

    fn string(&self, value: Option<Value>, name: &'static str, owner: Value) -> Result<&'a [u8], ReadError> {
        let value = self.present(value, name, owner)?;
        self.pickle.text(value).ok_or_else(|| expected("a string", name, value))
    }

    fn optional_text(&self, value: Option<Value>, name: &'static str) -> Result<Option<&'a [u8]>, ReadError> {
        match value {
            None => Ok(None),
            Some(value) if value.kind() == Kind::None => Ok(None),
            Some(value) => self.pickle.text(value).map(Some).ok_or_else(|| expected("a string", name, value)),
        }
    }

    fn integer(&self, value: Option<Value>, name: &'static str, owner: Value) -> Result<i64, ReadError> {
        let value = self.present(value, name, owner)?;
        match value.kind() {
            Kind::Int(number) => Ok(number),
            Kind::Bool(flag) => Ok(i64::from(flag)),
            Kind::LargeInt => Err(does_not_fit(name, value)),
            _ => Err(expected("an integer", name, value)),
        }
    }

    fn time(&self, value: Option<Value>, name: &'static str, owner: Value) -> Result<i64, ReadError> {
        let value = self.present(value, name, owner)?;
        match value.kind() {
            Kind::Float(seconds) if !seconds.is_finite() => {
                Err(ReadError::malformed(format!("`{name}` is {seconds}"), place(value)))
            }
            Kind::Float(seconds) => nanoseconds(seconds).ok_or_else(|| does_not_fit(name, value)),
            Kind::Int(seconds) => seconds.checked_mul(1_000_000_000).ok_or_else(|| does_not_fit(name, value)),
            _ => Err(expected("a float", name, value)),
        }
    }
}

impl Stat<'_> {
    fn function(&self, into: &mut ProfileBuilder) -> Result<FunctionId, BuildError> {
        let (name, file) = (into.string(self.name)?, into.string(self.module)?);
        into.function(Function { name, file, first_line: self.line, ..Function::EMPTY })
    }
}

/// The thread or greenlet of a row, and its tag. Where yappi added several contexts up, the first one's.
struct Context<'a> {
    id: i64,
    name: Option<&'a [u8]>,
    tag: Option<i64>,
}

impl Context<'_> {
    fn same_thread(&self, other: &Self) -> bool {
        self.id == other.id && self.name == other.name
    }

    fn origin(&self, into: &mut ProfileBuilder) -> Result<OriginId, BuildError> {
        let thread = into.string(self.name.unwrap_or_default())?;
        into.origin(Origin { tid: Some(self.id), thread, ..Origin::UNKNOWN })
    }

    /// What the row's origin and function do not say.
    fn labels(
        &self,
        stat: &Stat<'_>,
        has_origin: bool,
        tick: Tick,
        into: &mut ProfileBuilder,
    ) -> Result<LabelSetId, BuildError> {
        let mut labels = Vec::new();
        if !has_origin && !context::is_main(self.id, self.name) {
            labels.push(Label::number(into.string(context::ID)?, self.id, StringId::EMPTY));
            if let Some(name) = self.name {
                labels.push(Label::text(into.string(context::NAME)?, into.string(name)?));
            }
        }
        if let Some(tag) = self.tag.filter(|&tag| tag != 0) {
            labels.push(Label::number(into.string(context::TAG)?, tag, StringId::EMPTY));
        }
        if stat.builtin != builtin::looks_builtin(stat.module, stat.line) {
            let key = into.string(builtin::LABEL)?;
            labels.push(Label::number(key, i64::from(stat.builtin), StringId::EMPTY));
        }
        let [own, total, calls] = [stat.own, stat.total, stat.calls].map(i128::from);
        Nudges::between(stat.seconds, own, total, calls, tick).label(&mut labels, into)?;
        into.labels(&labels)
    }
}

fn place(value: Value) -> usize {
    value.at()
}

fn expected(what: &str, name: &str, value: Value) -> ReadError {
    ReadError::malformed(format!("`{name}` is not {what}"), place(value))
}

fn does_not_fit(name: &str, value: Value) -> ReadError {
    ReadError::malformed(format!("`{name}` does not fit 64 bits"), place(value))
}

fn nothing_known(what: &str, value: Value) -> ReadError {
    let problem = format!("a pickle of {what}, not of yappi's statistics");
    ReadErrorKind::Unsupported(Cow::Owned(problem)).at(place(value))
}
