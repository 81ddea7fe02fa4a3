//! Numbers as a file writes them: exact decimals, rounded only where the model's unit is coarser than the text.
//!
//! JSON numbers are kept away from `f64`: a clock since 1970 in seconds with nine decimals has 19 digits, an `f64`
//! only 15.

/// Ten to the power of `exponent`, where that fits.
const fn power_of_ten(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

/// Most digits that are kept; more than any double-precision number needs (17).
const MOST_DIGITS: u32 = 36;

/// How many decimals finer than the values it hands out a [`Running`] sum is.
const FINER: i32 = 9;
const FINE: i128 = 1_000_000_000;

/// A number: `digits` times ten to the power of `exponent`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Decimal {
    digits: i128,
    exponent: i32,
    /// Digits past the [`MOST_DIGITS`] were dropped that were not zero.
    more: bool,
}

impl Decimal {
    pub(crate) const ZERO: Self = Self { digits: 0, exponent: 0, more: false };

    /// Reads the text of a JSON value; `None` if it is not a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if let Some(digits) = short_integer(bytes) {
            return Some(Self { digits: digits.into(), ..Self::ZERO });
        }
        let (negative, unsigned) = match bytes.split_first()? {
            (b'-', rest) => (true, rest),
            _ => (false, bytes),
        };
        let end = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(unsigned.len());
        let (mantissa, exponent) = unsigned.split_at(end);
        let mut number = Self { exponent: written_exponent(exponent)?, ..Self::ZERO };
        let (mut count, mut after_point) = (0, false);
        if !mantissa.first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        for &byte in mantissa {
            match byte {
                b'0'..=b'9' if count < MOST_DIGITS => {
                    number.digits = number.digits * 10 + i128::from(byte - b'0');
                    count += u32::from(number.digits != 0);
                    number.exponent = number.exponent.saturating_sub(i32::from(after_point));
                }
                b'0'..=b'9' => {
                    number.more |= byte != b'0';
                    number.exponent = number.exponent.saturating_add(i32::from(!after_point));
                }
                b'.' if !after_point => after_point = true,
                _ => return None,
            }
        }
        if negative {
            number.digits = -number.digits;
        }
        Some(number)
    }

    /// How many decimals it takes to hold the number exactly.
    pub(crate) fn decimals(self) -> u32 {
        let (mut digits, mut exponent) = (self.digits, self.exponent);
        while exponent < 0 && digits % 10 == 0 && digits != 0 {
            digits /= 10;
            exponent += 1;
        }
        if digits == 0 { 0 } else { exponent.min(0).unsigned_abs() }
    }

    /// Whether the number is written as an integer of the unit it is counted in, so that it carries no noise
    /// of floating-point sums.
    pub(crate) fn is_integer(self) -> bool {
        self.exponent >= 0
    }

    /// About how big it is.
    pub(crate) fn magnitude(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an estimate is wanted")]
        let digits = self.digits.unsigned_abs() as f64;
        digits * 10f64.powi(self.exponent)
    }

    /// The number in units of ten to the power of -`decimals`, rounded half to even; `None` where that does not fit.
    pub(crate) fn scaled(self, decimals: i32) -> Option<i128> {
        let shift = self.exponent.saturating_add(decimals);
        if shift == 0 || self.digits == 0 {
            return Some(self.digits);
        }
        if shift > 0 {
            return self.digits.checked_mul(power_of_ten(shift.unsigned_abs())?);
        }
        // Where the divisor does not fit, the digits are far below half of it.
        let Some(divisor) = power_of_ten(shift.unsigned_abs()) else { return Some(0) };
        let (whole, rest) = (self.digits / divisor, (self.digits % divisor).abs());
        let up = match rest.cmp(&(divisor / 2)) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => self.more || whole % 2 != 0,
        };
        Some(whole + if up { self.digits.signum() } else { 0 })
    }

    /// The same, where it fits a value of the model.
    pub(crate) fn value(self, decimals: i32) -> Option<i64> {
        i64::try_from(self.scaled(decimals)?).ok()
    }
}

/// A row of digits that surely fits, as most numbers of a file are.
pub(crate) fn short_integer(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > 18 {
        return None;
    }
    bytes.iter().try_fold(0, |value: i64, byte| match byte {
        b'0'..=b'9' => Some(value * 10 + i64::from(byte - b'0')),
        _ => None,
    })
}

/// The number after `e`, with `e` and perhaps a sign; huge ones saturate.
fn written_exponent(text: &[u8]) -> Option<i32> {
    let Some((_, text)) = text.split_first() else { return Some(0) };
    let (sign, digits) = match text.split_first()? {
        (b'-', digits) => (-1, digits),
        (b'+', digits) => (1, digits),
        _ => (1, text),
    };
    let value = digits.iter().try_fold(0i32, |value, byte| match byte {
        b'0'..=b'9' => Some(value.saturating_mul(10).saturating_add(i32::from(byte - b'0'))),
        _ => None,
    })?;
    // Half of the range leaves room for the digits of the mantissa.
    Some(sign * value.min(i32::MAX / 2))
}

/// Rounds numbers so that their sum is right, whatever digits each had to drop: 30 weights of 0.03333333333333333 s are
/// one second (py-spy 0.4.3 at 30 Hz). A number that needs no rounding is handed out unchanged.
#[derive(Debug)]
pub(crate) struct Running {
    decimals: i32,
    /// What was dropped so far, in units of ten to the power of -(`decimals` + `FINER`).
    dropped: i128,
}

impl Running {
    pub(crate) fn new(decimals: i32) -> Self {
        Self { decimals, dropped: 0 }
    }

    /// The next number in units of ten to the power of -`decimals`; `None` where that does not fit.
    pub(crate) fn next(&mut self, number: Decimal) -> Option<i64> {
        if self.dropped == 0 && number.exponent >= -self.decimals {
            return number.value(self.decimals);
        }
        let fine = number.scaled(self.decimals + FINER)?.checked_add(self.dropped)?;
        let whole = fine.checked_add(FINE / 2)?.div_euclid(FINE);
        self.dropped = fine - whole * FINE;
        i64::try_from(whole).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use profkit_profile::push_decimal;
    use proptest::prelude::*;

    fn value(text: &str, decimals: i32) -> Option<i64> {
        Decimal::parse(text).unwrap().value(decimals)
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(value("1700000000.123456789", 9), Some(1_700_000_000_123_456_789));
        assert_eq!(value("0.000000001", 9), Some(1));
        assert_eq!(value("-0.0", 9), Some(0));
        assert_eq!(value("1e3", 0), Some(1_000));
        assert_eq!(value("12.5E-1", 3), Some(1_250));
        assert_eq!(value("9223372036854775807", 0), Some(i64::MAX));
        assert_eq!(value("-9223372036854775808", 0), Some(i64::MIN));
    }

    #[test]
    fn more_decimals_are_rounded_half_to_even() {
        assert_eq!(value("0.5", 0), Some(0));
        assert_eq!(value("1.5", 0), Some(2));
        assert_eq!(value("-2.5", 0), Some(-2));
        assert_eq!(value("-2.51", 0), Some(-3));
        assert_eq!(value("0.50000000000000000000000000000000000000000000001", 0), Some(1));
        assert_eq!(value("1e-400", 9), Some(0));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(value("9223372036854775808", 0), None);
        assert_eq!(value("9300000000", 9), None);
        assert_eq!(value("1e999999999999999999999", 0), None);
        assert_eq!(value("0e999999999999999999999", 0), Some(0));
        for text in ["", "-", "null", "\"1\"", "[1]", "1.2.3", "--1", "1e", "1ex"] {
            assert_eq!(Decimal::parse(text).and_then(|number| number.value(0)), None, "{text}");
        }
    }

    #[test]
    fn a_running_sum_loses_nothing() {
        let mut running = Running::new(9);
        let third = Decimal::parse("0.03333333333333333").unwrap();
        let values: Vec<i64> = (0..30).map(|_| running.next(third).unwrap()).collect();
        assert_eq!(values.iter().sum::<i64>(), 1_000_000_000);
        assert!(values.iter().all(|value| (33_333_333..=33_333_334).contains(value)));
    }

    fn written(value: i64, decimals: usize) -> String {
        let mut out = Vec::new();
        push_decimal(&mut out, value, decimals);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(number: i64, decimals in 0usize..12) {
            let text = written(number, decimals);
            prop_assert_eq!(value(&text, i32::try_from(decimals).unwrap()), Some(number));
        }

        #[test]
        fn doubles_are_read_as_the_nearest_nanosecond(seconds in -9e9..9e9) {
            // As Python, JavaScript and Rust print a double: the shortest text that reads back as the same one.
            let text = format!("{seconds:?}");
            let nanoseconds = value(&text, 9).unwrap();
            let exact = Decimal::parse(&text).unwrap().scaled(27).unwrap();
            prop_assert!((i128::from(nanoseconds) * 10i128.pow(18) - exact).abs() <= 10i128.pow(18) / 2);
        }

        #[test]
        fn a_running_sum_stays_within_half_a_unit(texts in prop::collection::vec("[0-9]{1,3}\\.[0-9]{10,17}", 1..50)) {
            let mut running = Running::new(9);
            let mut exact = 0;
            let mut given = 0;
            for text in texts {
                let number = Decimal::parse(&text).unwrap();
                exact += number.scaled(18).unwrap();
                given += i128::from(running.next(number).unwrap());
                prop_assert!((given * FINE - exact).abs() * 2 <= FINE);
            }
        }

        #[test]
        fn a_number_that_needs_no_rounding_is_not_changed(text in "[0-9]\\.[0-9]{10,12}", whole in 0i64..1_000) {
            let mut running = Running::new(9);
            running.next(Decimal::parse(&text).unwrap()).unwrap();
            let whole_number = Decimal::parse(&whole.to_string()).unwrap();
            prop_assert_eq!(running.next(whole_number).map(i128::from), Some(i128::from(whole) * FINE));
        }
    }
}
