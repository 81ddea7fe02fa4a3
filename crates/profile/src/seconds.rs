//! Seconds as Python's profilers have them, floats, to the model's nanoseconds.

/// Seconds to nanoseconds, halves to even; `None` for what is not finite or does not fit.
#[inline]
#[must_use]
pub fn nanoseconds(seconds: f64) -> Option<i64> {
    // 2^63, the least float that is too long; -2^63 itself still fits.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let rounded = (seconds * 1e9).round_ties_even();
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (-LIMIT..LIMIT).contains(&rounded).then_some(rounded as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_half_to_even_and_never_cut() {
        assert_eq!(nanoseconds(-0.0), Some(0));
        assert_eq!(nanoseconds(0.5e-9), Some(0));
        assert_eq!(nanoseconds(1.5e-9), Some(2));
        assert_eq!(nanoseconds(2.5e-9), Some(2));
        assert_eq!(nanoseconds(-0.004_702_999_999_999_999), Some(-4_703_000));
        assert_eq!(nanoseconds(9_223_372_036.0), Some(9_223_372_036_000_000_000));
        assert_eq!(nanoseconds(-9.223_372_036_854_775e9), Some(-9_223_372_036_854_774_784));
        for outside in [9.3e9, -9.3e9, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(nanoseconds(outside), None);
        }
    }
}
