//! Numbers for people: times and sizes in the unit that reads best, counts with separators.

use std::time::{Duration, UNIX_EPOCH};

use profkit_profile::{Dimension, Profile, Unit, separated};

/// How to print the values of one sample type.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    dimension: Dimension,
    /// Base units (ns, bytes, things) a stored unit.
    factor: f64,
    /// A unit that profkit does not know, to print as it is.
    unit: String,
}

const TIME: &[(f64, &str)] = &[(60e9, "min"), (1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
const BYTES: &[(f64, &str)] = &[
    (1_099_511_627_776.0, "TiB"),
    (1_073_741_824.0, "GiB"),
    (1_048_576.0, "MiB"),
    (1024.0, "KiB"),
    (1.0, "B"),
];

impl Scale {
    pub(crate) fn of(profile: &Profile, sample_type: usize) -> Self {
        let row = profile.sample_types()[sample_type];
        Self::new(&profile.text(row.unit), row.decimals)
    }

    /// For whole numbers of a unit as a profile spells it.
    pub(crate) fn of_unit(name: &str) -> Self {
        Self::new(name, 0)
    }

    fn new(name: &str, decimals: u8) -> Self {
        let unit = Unit::parse(name.as_bytes());
        #[expect(clippy::cast_precision_loss, reason = "factors are small")]
        let factor = unit.factor as f64 * 10f64.powi(-i32::from(decimals));
        let known = unit.dimension != Dimension::Count || matches!(name, "" | "count" | "none");
        Self { dimension: unit.dimension, factor, unit: if known { String::new() } else { name.to_owned() } }
    }

    /// A value with its unit.
    pub(crate) fn format(&self, value: i64) -> String {
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let base = value as f64 * self.factor;
        let units = match self.dimension {
            Dimension::Time => TIME,
            Dimension::Bytes => BYTES,
            Dimension::Count => return self.with_unit(self.number(value, base)),
        };
        if value == 0 {
            return "0".to_owned();
        }
        let fits =
            |&&(size, unit): &&(f64, &str)| base.abs() >= size * if unit == "min" { 10.0 } else { 1.0 };
        let &(size, unit) =
            units.iter().find(fits).unwrap_or(&(1.0, units.last().map_or("", |&(_, unit)| unit)));
        let number = if size == 1.0 { self.number(value, base) } else { three_digits(base / size) };
        format!("{number} {unit}")
    }

    /// A mean with its unit.
    pub(crate) fn format_mean(&self, value: f64) -> String {
        // Scaling leaves traces in the last digits.
        let is_whole = (value - value.round()).abs() <= 1e-9 * value.abs().max(1.0);
        if self.dimension == Dimension::Count && !is_whole && value.abs() < 99.95 {
            return self.with_unit(three_digits(value * self.factor));
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "three digits are shown; what is too large saturates"
        )]
        let rounded = value.round() as i64;
        self.format(rounded)
    }

    /// A difference with its sign and unit.
    pub(crate) fn format_change(&self, value: f64) -> String {
        let text = self.format_mean(value);
        match text.split(' ').next() {
            Some("0" | "-0.00" | "0.00") => "0".to_owned(),
            _ if value > 0.0 => format!("+{text}"),
            _ => text,
        }
    }

    /// A number of the smallest unit: without a fraction, unless the values have decimals.
    fn number(&self, value: i64, base: f64) -> String {
        #[expect(clippy::float_cmp, reason = "exactly one means whole numbers")]
        let is_whole = self.factor == 1.0;
        if is_whole { separated(value) } else { three_digits(base) }
    }

    fn with_unit(&self, number: String) -> String {
        if self.unit.is_empty() { number } else { format!("{number} {}", self.unit) }
    }
}

fn three_digits(value: f64) -> String {
    match value.abs() {
        #[expect(clippy::cast_possible_truncation, reason = "rounded; what is too large saturates")]
        size if size >= 99.95 => separated(value.round() as i64),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A moment, as a day and time in UTC.
pub(crate) fn moment(nanoseconds: i64) -> String {
    let Ok(since) = u64::try_from(nanoseconds) else { return format!("{nanoseconds} ns after 1970") };
    let text = humantime::format_rfc3339(UNIX_EPOCH + Duration::from_nanos(since)).to_string();
    let text = text.trim_end_matches('Z').replace('T', " ");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} UTC")
}

/// A share of a whole, in percent; empty where there is no whole.
pub(crate) fn percent(part: i64, whole: i64) -> String {
    if whole == 0 {
        return String::new();
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let share = part as f64 * 100.0 / whole as f64;
    format!("{share:.1} %")
}

/// How much more there is than before, in percent; `new` where there was nothing, empty where there still is nothing.
pub(crate) fn percent_change(base: f64, new: f64) -> String {
    if base == 0.0 {
        return if new == 0.0 { "" } else { "new" }.to_owned();
    }
    let text = format!("{:+.1} %", (new - base) / base.abs() * 100.0);
    if matches!(&*text, "+0.0 %" | "-0.0 %") { "0.0 %".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use profkit_profile::{ProfileBuilder, SampleType};

    use super::*;

    fn scale(unit: &str) -> Scale {
        scale_with(unit, 0)
    }

    fn scale_with(unit: &str, decimals: u8) -> Scale {
        let mut builder = ProfileBuilder::new();
        let (name, unit) = (builder.string(b"x").unwrap(), builder.string(unit.as_bytes()).unwrap());
        builder.add_sample_type(SampleType { name, unit, decimals });
        Scale::of(&builder.finish().unwrap(), 0)
    }

    #[test]
    fn the_unit_fits_the_number() {
        let ns = scale("nanoseconds");
        for (value, text) in [
            (0, "0"),
            (7, "7 ns"),
            (1_234, "1.23 µs"),
            (12_345_678, "12.3 ms"),
            (-1_500_000_000, "-1.50 s"),
            (599_000_000_000, "599 s"),
            (6_000_000_000_000, "100 min"),
        ] {
            assert_eq!(ns.format(value), text);
        }
        assert_eq!(scale("seconds").format(3), "3.00 s");
        assert_eq!(scale("bytes").format(1_536), "1.50 KiB");
        assert_eq!(scale("count").format(-1_234_567), "-1,234,567");
        assert_eq!(scale("frobs").format(3), "3 frobs");
    }

    #[test]
    fn decimals_are_parts_of_the_unit() {
        for (unit, decimals, value, text) in [
            ("bytes", 2, 175, "1.75 B"),
            ("bytes", 2, -50, "-0.50 B"),
            ("bytes", 2, 153_600, "1.50 KiB"),
            ("nanoseconds", 3, 16_850, "16.9 ns"),
            ("nanoseconds", 3, 1_234_567, "1.23 µs"),
            ("seconds", 3, 2_500, "2.50 s"),
            ("count", 1, 4, "0.40"),
            ("count", 1, 12_345_678, "1,234,568"),
            ("frobs", 1, 25, "2.50 frobs"),
        ] {
            assert_eq!(scale_with(unit, decimals).format(value), text, "{value} {unit}, {decimals} decimals");
        }
        let bytes = scale_with("bytes", 2);
        assert_eq!([75.0, -75.0, 0.0].map(|by| bytes.format_change(by)), ["+0.75 B", "-0.75 B", "0"]);
        assert_eq!(scale_with("bytes", 9).format_change(7.0), "0");
    }

    #[test]
    fn moments_are_days_and_times() {
        assert_eq!(moment(1_795_258_035_550_000_000), "2026-11-21 10:47:15.55 UTC");
        assert_eq!(moment(951_782_400_000_000_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(moment(-1), "-1 ns after 1970");
        assert!(moment(i64::MAX).starts_with("2262-04-11 "));
    }

    #[test]
    fn shares_have_one_decimal() {
        assert_eq!(percent(1, 3), "33.3 %");
        assert_eq!(percent(1, 0), "");
    }

    #[test]
    fn changes_have_signs() {
        let changes = [(4.0, 5.0), (4.0, 3.0), (1e6, 1e6 + 1.0), (0.0, 1.0), (0.0, 0.0), (-2.0, -1.0)];
        let texts = changes.map(|(base, new)| percent_change(base, new));
        assert_eq!(texts, ["+25.0 %", "-25.0 %", "0.0 %", "new", "", "+50.0 %"]);
        let counts = scale("count");
        assert_eq!([-2.0, 0.0, 2.5].map(|by| counts.format_change(by)), ["-2", "0", "+2.50"]);
        assert_eq!(
            [1_234_567.000_000_1, 1234.4, 12.34, -0.001].map(|mean| counts.format_mean(mean)),
            ["1,234,567", "1,234", "12.3", "-0.00"]
        );
        assert_eq!(counts.format_change(-0.001), "0");
        assert_eq!(scale("nanoseconds").format_change(1.5e9), "+1.50 s");
    }
}
