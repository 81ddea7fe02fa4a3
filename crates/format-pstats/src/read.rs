//! A file to the model: one or more dumps, each read in its own dialect.
//!
//! What would surprise: `pstats` reads the first marshalled value of a file and ignores what follows it. Here a
//! second dump (`cat a.pstats b.pstats`) is read too, and anything else that follows is an error: a damaged byte
//! that ends the dict early looks just like that.

use profkit_profile::{
    AtOffset, BuildError, CallEdge, FunctionCalls, Input, LabelSetId, OriginId, ProfileBuilder, ReadError,
    ReadErrorKind, Sniff,
};

use crate::dialect::Dialect;
use crate::dump::{Counts, Dump, Edge, EdgeValue, Row, Times};
use crate::interval::Interval;
use crate::marshal::Reader;
use crate::sniff::sniff;

pub(crate) fn read(input: &Input<'_>, builder: &mut ProfileBuilder) -> Result<(), ReadError> {
    let forced = input.dialect.map(forced_dialect).transpose()?;
    if let Sniff::Near(what_it_is) = sniff(input.bytes) {
        return Err(ReadErrorKind::Unsupported(what_it_is).at(0));
    }
    let mut reader = Reader::new(input.bytes).map_err(|error| *error)?;
    let mut first = None;
    loop {
        let dump = Dump::read(&mut reader, input.bytes.len(), builder).map_err(|error| *error)?;
        let dialect = forced.unwrap_or_else(|| Dialect::of(&dump));
        add(&dump, dialect, builder)?;
        let first = *first.get_or_insert(dialect);
        if !reader.another().map_err(|error| *error)? {
            builder.meta.format = "pstats";
            builder.meta.dialect = first.name();
            first.producer().clone_into(&mut builder.meta.producer);
            return Ok(());
        }
    }
}

fn forced_dialect(name: &str) -> Result<Dialect, ReadError> {
    let unknown = || ReadErrorKind::Unsupported(format!("no dialect of pstats is called {name}").into());
    Dialect::named(name).ok_or_else(|| unknown().at(0))
}

/// Adds the rows of a dump to the call tables.
fn add(dump: &Dump, dialect: Dialect, builder: &mut ProfileBuilder) -> Result<(), ReadError> {
    let mut columns = Columns::new(dump, dialect, builder).at(0)?;
    builder.reserve_calls(dump.rows.len(), dump.edge_count());
    for row in &dump.rows {
        columns.add_function(row, builder).at(row.offset as usize)?;
        for edge in dump.callers(row) {
            columns.add_edge(row, edge, builder)?;
        }
    }
    Ok(())
}

/// Where the numbers of a dump go.
struct Columns {
    dialect: Dialect,
    /// All but dumps of the sampler's form whose times are all 0, which profkit writes of samples without a time.
    time: Option<usize>,
    /// The sampler's dumps only.
    samples: Option<usize>,
    /// The sampler's dumps only: what makes times of samples, if every row agrees on it.
    interval: Option<Interval>,
    /// A value a sample type.
    own: Vec<i64>,
    total: Vec<i64>,
}

impl Columns {
    fn new(dump: &Dump, dialect: Dialect, builder: &mut ProfileBuilder) -> Result<Self, BuildError> {
        let is_sampled = dialect == Dialect::Sampled;
        let samples = if is_sampled { Some(builder.sample_type(b"samples", b"count")?) } else { None };
        let is_timed = |row: &Row| (row.times.own, row.times.total) != (0, 0);
        let is_counted = |row: &Row| (row.counts.primitive, row.counts.all) != (0, 0);
        let has_time = !is_sampled || dump.rows.iter().any(is_timed) || !dump.rows.iter().any(is_counted);
        let time = if has_time { Some(builder.sample_type(b"time", b"nanoseconds")?) } else { None };
        let interval = if is_sampled && has_time { find_interval(dump, builder)? } else { None };
        let zeros = vec![0; builder.sample_types().len()];
        Ok(Self { dialect, time, samples, interval, own: zeros.clone(), total: zeros })
    }

    fn add_function(&mut self, row: &Row, builder: &mut ProfileBuilder) -> Result<(), BuildError> {
        let counts = self.dialect.function_counts(row.counts);
        self.set_times(row.times);
        self.set_samples(counts.primitive, counts.all);
        let (calls, primitive_calls) = self.known(counts);
        let function = FunctionCalls {
            origin: OriginId::UNKNOWN,
            function: row.function,
            labels: LabelSetId::EMPTY,
            calls,
            primitive_calls,
        };
        builder.function_calls(function, &self.own, &self.total)
    }

    fn add_edge(&mut self, row: &Row, edge: &Edge, builder: &mut ProfileBuilder) -> Result<(), ReadError> {
        let mut calls = CallEdge {
            origin: OriginId::UNKNOWN,
            caller: edge.caller,
            callee: row.function,
            site: None,
            calls: None,
            primitive_calls: None,
            has_self: false,
            has_total: false,
        };
        let EdgeValue { counts, times, is_number } = edge.value;
        match (is_number, self.samples) {
            (false, None) => {
                self.set_times(times);
                (calls.calls, calls.primitive_calls) = self.known(counts);
                (calls.has_self, calls.has_total) = (true, true);
            }
            (true, None) => {
                self.set_times(times);
                calls.calls = Some(counts.all).filter(|&count| count != 0);
            }
            (true, Some(_)) => {
                let time = self.interval.and_then(|interval| interval.nanoseconds(counts.all));
                self.set_times(Times { own: 0, total: time.unwrap_or(0) });
                self.set_samples(0, counts.all);
                calls.has_total = true;
            }
            (false, Some(_)) => {
                let problem = "a caller's entry is not a number of samples";
                return Err(ReadError::malformed(problem, edge.offset as usize));
            }
        }
        builder.call_edge(calls, &self.own, &self.total).at(edge.offset as usize)
    }

    fn set_times(&mut self, times: Times) {
        if let Some(time) = self.time {
            self.own[time] = times.own;
            self.total[time] = times.total;
        }
    }

    fn set_samples(&mut self, own: i64, total: i64) {
        if let Some(samples) = self.samples {
            self.own[samples] = own;
            self.total[samples] = total;
        }
    }

    /// All calls and primitive calls, where the counts are such and somebody counted.
    fn known(&self, counts: Counts) -> (Option<i64>, Option<i64>) {
        let counted = !matches!(self.dialect, Dialect::Sampled | Dialect::Pyinstrument);
        let known = counted && counts != Counts { primitive: 0, all: 0 };
        if known { (Some(counts.all), Some(counts.primitive)) } else { (None, None) }
    }
}

/// The sampler's interval, which is also noted as the profile's period.
fn find_interval(dump: &Dump, builder: &mut ProfileBuilder) -> Result<Option<Interval>, BuildError> {
    let rows = dump.rows.iter().map(|row| (row.counts, row.times));
    let pairs = rows.flat_map(|(counts, times)| [(counts.primitive, times.own), (counts.all, times.total)]);
    let interval = Interval::find(&pairs);
    if let Some(nanoseconds) = interval.and_then(|interval| interval.nanoseconds(1)) {
        builder.meta.period = nanoseconds;
        builder.meta.period_type = Some((builder.string(b"time")?, builder.string(b"nanoseconds")?));
    } else if dump.edges().next().is_some() {
        let note = "no single sampling interval explains the times, so those of callers are unknown";
        builder.meta.notes.push(note.to_owned());
    }
    Ok(interval)
}
