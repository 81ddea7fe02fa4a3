//! Seconds as pstats has them, floats, to integer nanoseconds and back.
//!
//! What would surprise: cProfile makes its floats by a product, ticks · 1e-9 since 3.8 and ticks · 1e-6 before
//! (`_lsprof.c`; 2.7–3.7 read the clock in microseconds), and n / 1e9 is another float for one n in four. So a
//! dump comes back bit for bit only by the product that made it.

/// Why seconds are no nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotNanoseconds {
    /// NaN or infinite.
    NotFinite,
    /// Beyond 64 bits: 292 years.
    TooLong,
}

/// Seconds to nanoseconds, or why not.
#[inline]
pub(crate) fn nanoseconds(seconds: f64) -> Result<i64, NotNanoseconds> {
    let why = || if seconds.is_finite() { NotNanoseconds::TooLong } else { NotNanoseconds::NotFinite };
    profkit_profile::nanoseconds(seconds).ok_or_else(why)
}

/// Whole seconds to nanoseconds.
pub(crate) fn whole_nanoseconds(seconds: i64) -> Result<i64, NotNanoseconds> {
    seconds.checked_mul(1_000_000_000).ok_or(NotNanoseconds::TooLong)
}

/// The clock whose ticks the written floats are multiples of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Clock {
    /// cProfile since 3.8.
    Nanoseconds,
    /// cProfile of 2.7 to 3.7.
    Microseconds,
}

impl Clock {
    /// The clock that has ticked all of these times.
    pub(crate) fn of(times: impl IntoIterator<Item = i128>) -> Self {
        let whole = times.into_iter().all(|nanoseconds| nanoseconds % 1_000 == 0);
        if whole { Self::Microseconds } else { Self::Nanoseconds }
    }

    pub(crate) fn seconds(self, nanoseconds: i128) -> f64 {
        if nanoseconds.unsigned_abs() < EXACT {
            return self.product(nanoseconds);
        }
        // What is read back is written alike again, or a dump would drift with each conversion.
        let nearest = self.nearest(nanoseconds);
        self::nanoseconds(nearest).map_or(nearest, |read| self.nearest(read.into()))
    }

    fn product(self, nanoseconds: i128) -> f64 {
        match self {
            Self::Nanoseconds => nanoseconds as f64 * 1e-9,
            Self::Microseconds => (nanoseconds / 1_000) as f64 * 1e-6,
        }
    }

    /// The float around the product that is read back as the nearest number.
    #[cold]
    fn nearest(self, wanted: i128) -> f64 {
        let product = self.product(wanted);
        let (up, down) = (product.next_up(), product.next_down());
        let near = [product, up, down, up.next_up(), down.next_down()];
        let distance =
            |seconds: &f64| nanoseconds(*seconds).map_or(u128::MAX, |read| i128::from(read).abs_diff(wanted));
        near.into_iter().min_by_key(distance).unwrap_or(product)
    }
}

/// Below this, 13 days, a product is read back as the number that it was made of.
const EXACT: u128 = 1 << 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_comes_back() {
        // Up to 9 days of microseconds.
        for n in (0..2_000_000i64).chain((0..100_000).map(|n| n * 7_919_003 + 1)) {
            assert_eq!(nanoseconds(n as f64 * 1e-9), Ok(n));
            assert_eq!(nanoseconds(n as f64 * 1e-6), Ok(n * 1_000), "{n} microseconds");
            assert_eq!(Clock::Nanoseconds.seconds(n.into()).to_bits(), (n as f64 * 1e-9).to_bits());
        }
    }

    #[test]
    fn long_times_do_not_drift() {
        // 173 days: found by fuzzing.
        for n in (14_962_356_094_238_000..14_962_356_094_239_000).chain((1 << 50) - 500..(1 << 50) + 500) {
            let once = nanoseconds(Clock::Nanoseconds.seconds(n.into())).unwrap();
            assert!((once - n).abs() <= 2);
            let bits = |n: i64| Clock::Nanoseconds.seconds(n.into()).to_bits();
            assert_eq!(bits(once), bits(n), "{n}");
            assert_eq!(bits(-once), bits(-n), "{n}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        assert_eq!(nanoseconds(f64::NAN), Err(NotNanoseconds::NotFinite));
        assert_eq!(nanoseconds(f64::NEG_INFINITY), Err(NotNanoseconds::NotFinite));
        assert_eq!(nanoseconds(1e300), Err(NotNanoseconds::TooLong));
        assert_eq!(nanoseconds(9.3e9), Err(NotNanoseconds::TooLong));
        assert_eq!(whole_nanoseconds(10_000_000_000), Err(NotNanoseconds::TooLong));
    }
}
