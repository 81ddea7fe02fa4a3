//! The unit of the numbers in a picture.
//!
//! What would surprise: inferno 0.12 rounds each number that it shows to a whole one, and takes percentages and the widths
//! of a zoomed picture from that. So the narrowest frame is to have hundreds of the unit, which is a part of one where the
//! values have decimals: `4 × 0.1 samples`.

use profkit_profile::{Dimension, Profile, Unit};

/// How many the whole has at least, if there is a unit that is small enough.
const ENOUGH: f64 = 1e6;

/// What inferno is to call the numbers of values that add up to `whole`, and how many one of these is.
pub(crate) fn unit(profile: &Profile, sample_type: usize, whole: i64) -> (String, f64) {
    let of = profile.sample_types()[sample_type];
    let Unit { dimension, factor } = profile.unit(sample_type);
    #[expect(clippy::cast_precision_loss, reason = "a scale")]
    let (factor, whole) = (factor as f64, whole as f64);
    let text = profile.text(of.unit);
    let (large, name): (&[(&str, f64)], &str) = match (dimension, &*text) {
        (Dimension::Time, _) => (&[("ms", 1e6), ("µs", 1e3)], "ns"),
        (Dimension::Bytes, _) => (&[], "bytes"),
        (Dimension::Count, "count" | "none" | "") => (&[], &profile.text(of.name)),
        (Dimension::Count, unit) => (&[], unit),
    };
    let all = 10f64.powi(of.decimals.into());
    let large = large.iter().map(|&(name, size)| (name.to_owned(), factor / all / size));
    // The last one stands for what is stored, exactly.
    let small = (0..=of.decimals).map(|decimals| {
        let width = usize::from(decimals);
        let part = if decimals == 0 { String::new() } else { format!("× 0.{:0>width$} ", 1) };
        (format!("{part}{name}"), factor / 10f64.powi((of.decimals - decimals).into()))
    });
    let mut units: Vec<_> = large.chain(small).collect();
    let enough = units.iter().position(|(_, number)| whole * number >= ENOUGH);
    units.swap_remove(enough.unwrap_or(units.len() - 1))
}

#[cfg(test)]
mod tests {
    use profkit_profile::{ProfileBuilder, SampleType};

    use super::*;

    #[test]
    fn the_unit_is_as_small_as_the_whole_asks_for() {
        for (kind, decimals, whole, expected) in [
            ("nanoseconds", 0, 1_000_000_000_000, ("ms", 1e-6)),
            ("nanoseconds", 0, 2_000_000_000, ("µs", 1e-3)),
            ("nanoseconds", 0, 900_000, ("ns", 1.0)),
            ("nanoseconds", 3, 16_850, ("× 0.001 ns", 1.0)),
            ("milliseconds", 0, 5, ("ns", 1e6)),
            ("bytes", 0, 7, ("bytes", 1.0)),
            ("KiB", 2, 150, ("× 0.01 bytes", 1024.0)),
            ("count", 0, 3, ("x", 1.0)),
            ("count", 1, 10, ("× 0.1 x", 1.0)),
            ("count", 2, 100_000_000, ("x", 0.01)),
            ("frobs", 2, 10_000_000, ("× 0.1 frobs", 0.1)),
        ] {
            let mut builder = ProfileBuilder::new();
            let (name, text) = (builder.string(b"x").unwrap(), builder.string(kind.as_bytes()).unwrap());
            builder.add_sample_type(SampleType { name, unit: text, decimals });
            let (name, by) = unit(&builder.finish().unwrap(), 0, whole);
            assert_eq!((&*name, by), expected, "{whole} {kind} with {decimals} decimals");
        }
    }
}
