//! What stands behind an option, from its text.

use std::time::Duration;

use clap::ValueEnum;
use profkit_profile::views::groups::Grouping;
use profkit_profile::views::origins::By;

/// What `--by` takes.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub(crate) enum ByArgument {
    None,
    Process,
    Thread,
    File,
}

impl From<ByArgument> for By {
    fn from(by: ByArgument) -> Self {
        match by {
            ByArgument::None => Self::Nothing,
            ByArgument::Process => Self::Process,
            ByArgument::Thread => Self::Thread,
            ByArgument::File => Self::File,
        }
    }
}

/// What `--group` takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Group {
    Frames(Grouping),
    Label(String),
}

/// `FROM=TO`.
pub(super) fn path_rule(text: &str) -> Result<(Vec<u8>, Vec<u8>), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.is_empty() => Ok((from.as_bytes().to_vec(), to.as_bytes().to_vec())),
        _ => Err("give it as FROM=TO".to_owned()),
    }
}

/// Samples a second; 0 for as many as possible.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    if text == "max" {
        return Ok(0.0);
    }
    match text.parse::<f64>() {
        Ok(rate) if (0.01..=1e6).contains(&rate) => Ok(rate),
        _ => Err("a number from 0.01 to 1000000, or `max`".to_owned()),
    }
}

/// `30`, `0.5`, `30s`, `2m`, `500ms`, `1h`.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[number.len()..] {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        unit => return Err(format!("unknown unit `{unit}`; there are ms, s, m, h")),
    };
    let seconds = number.parse::<f64>().map_err(|_| "not a number".to_owned())? * factor;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("it must be more than nothing".to_owned()) } else { Ok(duration) }
}

/// A share of 1. It is the decimal fraction that is nearest, as `0.7 / 100.0` is not: what grew by exactly 0.7 % would
/// have grown by more.
pub(super) fn percentage(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let failed = |_| "not a number".to_owned();
    match number.parse::<f64>() {
        // Written out it has no exponent.
        Ok(percent) if percent.is_finite() && percent >= 0.0 => {
            format!("{percent}e-2").parse().map_err(failed)
        }
        _ => Err("give it in percent, e.g. 5%".to_owned()),
    }
}

/// What a row of a report is.
pub(super) fn group(text: &str) -> Result<Group, String> {
    match text {
        "function" => Ok(Group::Frames(Grouping::Function)),
        "line" => Ok(Group::Frames(Grouping::Line)),
        "file" => Ok(Group::Frames(Grouping::File)),
        "module" => Ok(Group::Frames(Grouping::Module)),
        _ => match text.strip_prefix("label:") {
            Some(key) if !key.is_empty() => Ok(Group::Label(key.to_owned())),
            _ => Err("one of function, line, file, module, label:KEY".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_rounded_once() {
        for (text, share) in [
            ("0.7%", 0.007),
            ("5 %", 0.05),
            ("0.29", 0.0029),
            ("70", 0.7),
            ("7e-1%", 0.007),
            ("0", 0.0),
            (".5", 0.005),
        ] {
            assert_eq!(percentage(text), Ok(share), "{text}");
        }
        for text in ["", "x", "-1", "inf", "nan", "5%%"] {
            assert!(percentage(text).is_err(), "{text}");
        }
    }
}
