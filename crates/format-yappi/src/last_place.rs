//! The last bits of yappi's times, where they show.
//!
//! yappi adds the floats of several contexts up, so a time can be a bit or two off the product that gives it back (see
//! [`Tick`]). At a tie, such as an average of 6.5 µs, `print_all` then rounds the other way. Only in that case the row is
//! given a label with the difference in units in the last place, and the writer puts it back.

use profkit_profile::{BuildError, Label, LabelSetId, Profile, ProfileBuilder, StringId};

use crate::time::Tick;

/// The labels of `tsub`, `ttot` and `tavg`.
const KEYS: [&[u8]; 3] = [b"tsub_ulps", b"ttot_ulps", b"tavg_ulps"];

/// A difference beyond this is no rounding.
const LARGEST: i64 = 64;

/// The times of a function as yappi has them, in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Seconds {
    pub(crate) own: f64,
    pub(crate) total: f64,
    pub(crate) average: f64,
}

/// Units in the last place to add to each time.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Nudges([i64; 3]);

impl Seconds {
    /// The times as the writer makes them of nanoseconds.
    pub(crate) fn rebuilt(own: i128, total: i128, calls: i128, tick: Tick, nudges: Nudges) -> Self {
        let [of_own, of_total, of_average] = nudges.0;
        let total = nudged(tick.seconds(total), of_total);
        let average = if calls == 0 { 0.0 } else { total / calls as f64 };
        Self { own: nudged(tick.seconds(own), of_own), total, average: nudged(average, of_average) }
    }
}

impl Nudges {
    /// What it takes for the rebuilt times to print as the original ones.
    pub(crate) fn between(original: Seconds, own: i128, total: i128, calls: i128, tick: Tick) -> Self {
        let mut nudges = Self::default();
        let rebuilt = Seconds::rebuilt(own, total, calls, tick, nudges);
        nudges.0[0] = nudge(rebuilt.own, original.own);
        nudges.0[1] = nudge(rebuilt.total, original.total);
        // The average follows from the total.
        let rebuilt = Seconds::rebuilt(own, total, calls, tick, nudges);
        nudges.0[2] = nudge(rebuilt.average, original.average);
        nudges
    }

    /// Appends a label for each difference.
    pub(crate) fn label(self, labels: &mut Vec<Label>, into: &mut ProfileBuilder) -> Result<(), BuildError> {
        for (key, nudge) in KEYS.into_iter().zip(self.0).filter(|&(_, nudge)| nudge != 0) {
            labels.push(Label::number(into.string(key)?, nudge, StringId::EMPTY));
        }
        Ok(())
    }

    /// What the labels of a row say.
    pub(crate) fn of(profile: &Profile, labels: LabelSetId) -> Self {
        let mut nudges = Self::default();
        for label in profile.labels().get(labels) {
            let key = KEYS.iter().position(|&key| key == profile.bytes(label.key));
            if let Some(slot) = key.filter(|_| (-LARGEST..=LARGEST).contains(&label.number)) {
                nudges.0[slot] = label.number;
            }
        }
        nudges
    }

    /// Whether a label is one of these.
    pub(crate) fn is_key(key: &[u8]) -> bool {
        KEYS.contains(&key)
    }
}

fn nudge(rebuilt: f64, original: f64) -> i64 {
    if printed(rebuilt) == printed(original) {
        return 0;
    }
    let difference = original.to_bits().wrapping_sub(rebuilt.to_bits()).cast_signed();
    if (-LARGEST..=LARGEST).contains(&difference) { difference } else { 0 }
}

fn nudged(value: f64, nudge: i64) -> f64 {
    f64::from_bits(value.to_bits().wrapping_add_signed(nudge))
}

/// As `print_all` does it below 10 seconds; above, it drops decimals and ties are as good as impossible.
fn printed(seconds: f64) -> String {
    format!("{seconds:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_at_a_tie_is_given_back_to_the_bit() {
        // yappi 1.7.6: `<string>:1 <module>`, 4 calls in 26 µs, the sum of several; printed as 0.000007.
        let total = 2.600_000_000_000_000_3e-5;
        let original = Seconds { own: 5e-6, total, average: total / 4.0 };
        let plain = Seconds::rebuilt(5_000, 26_000, 4, Tick::Microsecond, Nudges::default());
        assert_ne!(printed(plain.average), printed(original.average));
        let nudges = Nudges::between(original, 5_000, 26_000, 4, Tick::Microsecond);
        let rebuilt = Seconds::rebuilt(5_000, 26_000, 4, Tick::Microsecond, nudges);
        assert_eq!(rebuilt.average.to_bits(), original.average.to_bits());
    }

    #[test]
    fn what_prints_the_same_is_left_alone() {
        let original = Seconds { own: 5e-6, total: 7.000_000_000_000_001e-6, average: 7.0e-6 / 3.0 };
        let nudges = Nudges::between(original, 5_000, 7_000, 3, Tick::Microsecond);
        assert_eq!(nudges, Nudges::default());
    }
}
