//! The sampler's interval, from what it wrote: its times are numbers of samples times one interval.
//!
//! What would surprise: the interval is whole microseconds (`cli.py` of `profiling.sampling`, Python 3.15) and the
//! floats are products with `microseconds / 1_000_000`, so they come back bit for bit from that product only.

use crate::seconds::nanoseconds;

/// The time between two samples.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Interval {
    seconds: f64,
}

impl Interval {
    /// The interval with which every pair of samples and nanoseconds agrees. `None` where there is none, or no
    /// samples at all.
    pub(crate) fn find(rows: &(impl Iterator<Item = (i64, i64)> + Clone)) -> Option<Self> {
        let (samples, time) = rows.clone().max_by_key(|&(samples, _)| samples)?;
        if samples <= 0 {
            return None;
        }
        let seconds = time as f64 * 1e-9 / samples as f64;
        let microseconds = (seconds * 1e6).round();
        let candidates = [Self { seconds: microseconds / 1e6 }, Self { seconds }];
        let agrees =
            |interval: &Self| rows.clone().all(|(samples, time)| interval.nanoseconds(samples) == Some(time));
        candidates.into_iter().find(agrees)
    }

    /// How long so many samples take.
    pub(crate) fn nanoseconds(self, samples: i64) -> Option<i64> {
        nanoseconds(self.seconds(samples)).ok()
    }

    pub(crate) fn seconds(self, samples: i64) -> f64 {
        samples as f64 * self.seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_interval_must_explain_every_row() {
        let milliseconds = [(0, 0), (73, 73_000_000), (62, 62_000_000)];
        let interval = Interval::find(&milliseconds.into_iter()).unwrap();
        assert_eq!(interval.seconds(57).to_bits(), (57.0 * (1_000.0 / 1e6f64)).to_bits());
        assert_eq!(interval.nanoseconds(11), Some(11_000_000));
        let odd = [(3, 1_000_000), (6, 2_000_000)];
        assert_eq!(Interval::find(&odd.into_iter()).unwrap().nanoseconds(9), Some(3_000_000));
        let mixed = [(10, 10_000_000), (10, 1_000_000)];
        assert_eq!(Interval::find(&mixed.into_iter()), None);
        assert_eq!(Interval::find(&[(0, 0)].into_iter()), None);
        assert_eq!(Interval::find(&[].into_iter()), None);
    }
}
