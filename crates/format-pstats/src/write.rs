//! The model to a file: the classic form that every reader of pstats takes, or the form of Python 3.15's sampler.
//!
//! What would surprise: viewers are stricter than `pstats`. tuna looks callers up among the keys, gprof2dot
//! chokes on NaN, snakeviz and flameprof on callers that are no tuples; so every caller gets a row, and values a
//! source does not have are estimated (see `share`).

use std::io::Write;

use profkit_profile::{Dimension, Profile, WriteError, WriteOptions, Written};

use crate::fit::{Scale, count};
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
        Some(SAMPLED) => sampled(profile, options, &mut output)?,
        _ => classic(profile, options, &mut output)?,
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
    let mut sheet = Sheet::new(profile, column);
    let shared = share_unknown(&mut sheet);
    let seconds = Seconds::of(profile, column, &sheet);
    let rounded = column.map_or(Ok(0), |column| fit(profile, column, &sheet, &seconds))?;
    output.dict();
    for row in &sheet.rows {
        key(output, &row.key)?;
        let (primitive, all) = row.calls.numbers();
        output.tuple(5);
        output.int(count(primitive)?);
        output.int(count(all)?);
        output.float(seconds.of_value(row.own));
        output.float(seconds.of_value(row.total));
        output.dict();
        for caller in &row.callers {
            let Some(caller_row) = sheet.rows.get(caller.row) else { continue };
            key(output, &caller_row.key)?;
            let (primitive, all) = caller.calls.numbers();
            output.tuple(4);
            output.int(count(all)?);
            output.int(count(primitive)?);
            output.float(seconds.of_value(caller.own));
            output.float(seconds.of_value(caller.total));
        }
        output.end_dict();
    }
    output.end_dict();
    let columns: Vec<usize> = column.into_iter().collect();
    let mut losses = losses::of(profile, &sheet, &columns);
    losses.extend(losses::of_period(profile));
    losses.extend(losses::of_calls(profile, &sheet));
    losses.extend(losses::of_seconds(profile, column));
    losses.extend(losses::of_rounding(rounded));
    losses.extend(losses::of_shares(shared));
    Ok(Written { losses })
}

/// How many values of the classic form are rounded.
///
/// # Errors
/// Where a value, or the sum of what is no time, cannot be read back.
fn fit(profile: &Profile, column: usize, sheet: &Sheet<'_>, seconds: &Seconds) -> Result<usize, WriteError> {
    let scale = scale(profile, column);
    let is_time = profile.unit(column).dimension == Dimension::Time;
    let name = profile.text(profile.sample_types()[column].name);
    let what =
        if is_time { format!("`{name}`") } else { format!("`{name}`, of which 1 is written as 1 second,") };
    if !is_time {
        scale.check_sum(sheet.rows.iter().map(|row| row.own).sum(), &what)?;
    }
    scale.rounded(sheet.values().map(|value| (value, seconds.of_value(value))), &what)
}

/// What one of a sample type is in nanoseconds.
fn scale(profile: &Profile, column: usize) -> Scale {
    let unit = profile.unit(column);
    let is_time = unit.dimension == Dimension::Time;
    Scale {
        factor: if is_time { unit.factor.into() } else { 1_000_000_000 },
        divisor: 10_i128.checked_pow(profile.sample_types()[column].decimals.into()).unwrap_or(i128::MAX),
    }
}

/// Samples in the place of calls, and the item that says so.
fn sampled(
    profile: &Profile,
    options: &WriteOptions<'_>,
    output: &mut Output,
) -> Result<Written, WriteError> {
    let Some(samples) = profile.sample_type_named(b"samples") else {
        return Err(WriteError::Unsupported("the sampled dialect needs the sample type samples".into()));
    };
    let time = sampled_time(profile, options, samples)?;
    let mut sheet = Sheet::new(profile, Some(samples));
    let fractions = sheet.round(scale(profile, samples).divisor);
    let times = Sheet::new(profile, time);
    let seconds = Seconds::of(profile, time, &times);
    let interval = seconds.interval(&sheet, &times);
    let of = |samples: i128, time: i128| match (interval, i64::try_from(samples)) {
        (Some(interval), Ok(samples)) => interval.seconds(samples),
        _ => seconds.of_value(time),
    };
    let values = sheet.rows.iter().zip(&times.rows).flat_map(|(row, times)| {
        [(times.own, of(row.own, times.own)), (times.total, of(row.total, times.total))]
    });
    let rounded = time.map_or(Ok(0), |time| {
        let name = profile.text(profile.sample_types()[time].name);
        scale(profile, time).rounded(values, &format!("`{name}`"))
    })?;
    output.dict();
    for (row, times) in sheet.rows.iter().zip(&times.rows) {
        key(output, &row.key)?;
        output.tuple(5);
        output.int(count(row.own)?);
        output.int(count(row.total)?);
        output.float(of(row.own, times.own));
        output.float(of(row.total, times.total));
        output.dict();
        for caller in &row.callers {
            let Some(caller_row) = sheet.rows.get(caller.row) else { continue };
            key(output, &caller_row.key)?;
            output.int(count(caller.total)?);
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
    losses.extend(losses::of_fractions(fractions));
    if interval.is_none() {
        losses.extend(losses::of_period(profile));
    }
    match time {
        Some(_) if interval.is_none() => losses.extend(losses::of_times(profile)),
        Some(_) => {}
        None => losses.push("samples without a time: it is written as 0".to_owned()),
    }
    losses.extend(losses::of_rounding(rounded));
    Ok(Written { losses })
}

/// The sample type that the times of the sampled form are of.
///
/// Its counts are of samples whatever is chosen: the sampler's own printing takes all its percentages from them.
fn sampled_time(
    profile: &Profile,
    options: &WriteOptions<'_>,
    samples: usize,
) -> Result<Option<usize>, WriteError> {
    let is_time = |&index: &usize| profile.unit(index).dimension == Dimension::Time;
    match options.sample_type {
        Some(chosen) if is_time(&chosen) => Ok(Some(chosen)),
        Some(chosen) if chosen != samples => {
            let name = profile.text(profile.sample_types()[chosen].name);
            let reason = format!("the sampled dialect holds samples and a time, and `{name}` is neither");
            Err(WriteError::Unsupported(reason.into()))
        }
        _ => {
            let default = profile.default_type().filter(is_time);
            Ok(default.or_else(|| (0..profile.sample_types().len()).find(is_time)))
        }
    }
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
                let clock = Clock::of(sheet.values().map(|value| value * nanoseconds));
                Self::Ticks { nanoseconds, clock }
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
