//! The model to a file: the classic form that every reader of pstats takes, or the form of Python 3.15's sampler.
//!
//! What would surprise: viewers are stricter than `pstats`. tuna looks callers up among the keys, gprof2dot
//! chokes on NaN, snakeviz and flameprof on callers that are no tuples; so every caller gets a row, and values a
//! source does not have are estimated (see `share`).

use std::io::Write;

use profkit_profile::{Dimension, Profile, WriteError, WriteOptions, Written};

use crate::interval::Interval;
use crate::losses;
use crate::marshal::Output;
use crate::seconds::Clock;
use crate::share::share_unknown;
use crate::sheet::{Key, Sheet};

/// The name of the dialect that can be asked for.
pub(crate) const SAMPLED: &str = "sampled";

pub(crate) fn write(
    profile: &Profile,
    to: &mut dyn Write,
    options: &WriteOptions<'_>,
) -> Result<Written, WriteError> {
    if !profile.samples().is_empty() {
        return Err(WriteError::NeedsCallEdges);
    }
    let mut output = Output::default();
    let written = match options.dialect {
        None => classic(profile, options, &mut output)?,
        Some(SAMPLED) => sampled(profile, &mut output)?,
        Some(other) => {
            return Err(WriteError::Unsupported(format!("pstats is not written as {other}").into()));
        }
    };
    to.write_all(output.bytes())?;
    Ok(written)
}

/// Every number as cProfile has it.
fn classic(
    profile: &Profile,
    options: &WriteOptions<'_>,
    output: &mut Output,
) -> Result<Written, WriteError> {
    let column = options.sample_type.or_else(|| profile.default_type());
    if column.is_some_and(|column| column >= profile.sample_types().len()) {
        return Err(WriteError::Unsupported("the profile has no such sample type".into()));
    }
    let mut sheet = Sheet::new(profile, column);
    let shared = share_unknown(&mut sheet);
    let seconds = Seconds::of(profile, column, &sheet);
    output.dict();
    for row in &sheet.rows {
        key(output, &row.key)?;
        let (primitive, all) = row.calls.numbers();
        output.tuple(5);
        output.int(primitive);
        output.int(all);
        output.float(seconds.of_value(row.own));
        output.float(seconds.of_value(row.total));
        output.dict();
        for caller in &row.callers {
            let Some(caller_row) = sheet.rows.get(caller.row) else { continue };
            key(output, &caller_row.key)?;
            let (primitive, all) = caller.calls.numbers();
            output.tuple(4);
            output.int(all);
            output.int(primitive);
            output.float(seconds.of_value(caller.own));
            output.float(seconds.of_value(caller.total));
        }
        output.end_dict();
    }
    output.end_dict();
    let columns: Vec<usize> = column.into_iter().collect();
    let mut losses = losses::of(profile, &sheet, &columns);
    losses.extend(losses::of_seconds(profile, column));
    losses.extend(losses::of_shares(shared));
    Ok(Written { losses })
}

/// Samples in the place of calls, and the item that says so.
fn sampled(profile: &Profile, output: &mut Output) -> Result<Written, WriteError> {
    let Some(samples) = profile.sample_type_named(b"samples") else {
        return Err(WriteError::Unsupported("the sampled dialect needs the sample type samples".into()));
    };
    let is_time = |&index: &usize| profile.unit(index).dimension == Dimension::Time;
    let time = (0..profile.sample_types().len()).find(is_time);
    let sheet = Sheet::new(profile, Some(samples));
    let times = Sheet::new(profile, time);
    let seconds = Seconds::of(profile, time, &times);
    let interval = seconds.interval(&sheet, &times);
    let of = |samples: i128, time: i128| match (interval, i64::try_from(samples)) {
        (Some(interval), Ok(samples)) => interval.seconds(samples),
        _ => seconds.of_value(time),
    };
    output.dict();
    for (row, times) in sheet.rows.iter().zip(&times.rows) {
        key(output, &row.key)?;
        output.tuple(5);
        output.int(row.own);
        output.int(row.total);
        output.float(of(row.own, times.own));
        output.float(of(row.total, times.total));
        output.dict();
        for caller in &row.callers {
            let Some(caller_row) = sheet.rows.get(caller.row) else { continue };
            key(output, &caller_row.key)?;
            output.int(caller.total);
        }
        output.end_dict();
    }
    output.tuple(1);
    text(output, b"__sampled__")?;
    output.truth();
    output.end_dict();
    let columns: Vec<usize> = std::iter::once(samples).chain(time).collect();
    let mut losses = losses::of(profile, &sheet, &columns);
    losses.extend(losses::of_sampled(profile, &sheet));
    Ok(Written { losses })
}

fn key(output: &mut Output, key: &Key<'_>) -> Result<(), WriteError> {
    output.tuple(3);
    text(output, &key.file)?;
    output.int(key.line.into());
    text(output, &key.name)
}

fn text(output: &mut Output, text: &[u8]) -> Result<(), WriteError> {
    output.text(text).map_err(|_| WriteError::Unsupported("a name of 2 GiB or more".into()))
}

/// How values become seconds.
enum Seconds {
    /// They are so many nanoseconds each, and all of them are ticks of this clock.
    Ticks { nanoseconds: i128, clock: Clock },
    /// Something else: one is a second, or a part of it for decimals.
    Scaled(f64),
}

impl Seconds {
    fn of(profile: &Profile, column: Option<usize>, sheet: &Sheet<'_>) -> Self {
        let Some(column) = column else { return Self::Scaled(1.0) };
        let unit = profile.unit(column);
        let decimals = profile.sample_types()[column].decimals;
        let scale = 10f64.powi(-i32::from(decimals));
        match unit.dimension {
            Dimension::Time if decimals == 0 => {
                let nanoseconds = i128::from(unit.factor);
                let rows = sheet.rows.iter().flat_map(|row| {
                    let callers = row.callers.iter().flat_map(|caller| [caller.own, caller.total]);
                    callers.chain([row.own, row.total])
                });
                Self::Ticks { nanoseconds, clock: Clock::of(rows.map(|value| value * nanoseconds)) }
            }
            Dimension::Time => Self::Scaled(unit.factor as f64 * 1e-9 * scale),
            Dimension::Bytes | Dimension::Count => Self::Scaled(scale),
        }
    }

    fn of_value(&self, value: i128) -> f64 {
        match self {
            Self::Ticks { nanoseconds, clock } => clock.seconds(value * nanoseconds),
            Self::Scaled(scale) => value as f64 * scale,
        }
    }

    /// The sampling interval that explains every time.
    fn interval(&self, samples: &Sheet<'_>, times: &Sheet<'_>) -> Option<Interval> {
        let Self::Ticks { nanoseconds, .. } = *self else { return None };
        let mut pairs = Vec::new();
        for (samples, times) in samples.rows.iter().zip(&times.rows) {
            for (samples, time) in [(samples.own, times.own), (samples.total, times.total)] {
                pairs.push((i64::try_from(samples).ok()?, i64::try_from(time * nanoseconds).ok()?));
            }
        }
        Interval::find(&pairs.into_iter())
    }
}
