//! Exact decimals: whole numbers that stand for parts of ten (see [`SampleType::decimals`](crate::SampleType::decimals)),
//! rounded and written.

use std::cmp::Ordering;

/// The quotient of two numbers as a whole one, halves to even; `divisor` is greater than 0.
#[must_use]
pub fn nearest(value: i128, divisor: i128) -> i128 {
    let (whole, rest) = (value.div_euclid(divisor), value.rem_euclid(divisor));
    let up = match rest.cmp(&(divisor - rest)) {
        Ordering::Less => 0,
        Ordering::Equal => whole & 1,
        Ordering::Greater => 1,
    };
    whole + up
}

/// Writes a number of units of ten to the power of -`decimals`, without zeros that say nothing.
pub fn push_decimal(out: &mut Vec<u8>, value: impl Into<i128>, decimals: usize) {
    let value = value.into();
    let mut digits = [0; 40];
    let mut start = digits.len();
    let mut rest = value.unsigned_abs();
    while start == digits.len() || rest > 0 {
        start -= 1;
        // Most numbers fit 64 bits, where division is much quicker.
        let digit = if let Ok(short) = u64::try_from(rest) {
            rest = (short / 10).into();
            u8::try_from(short % 10)
        } else {
            let digit = u8::try_from(rest % 10);
            rest /= 10;
            digit
        };
        digits[start] = b'0' + digit.unwrap_or_default();
    }
    if value < 0 {
        out.push(b'-');
    }
    let digits = &digits[start..];
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(decimals));
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    let Some(last) = fraction.iter().rposition(|&digit| digit != b'0') else { return };
    out.push(b'.');
    out.resize(out.len() + decimals - fraction.len(), b'0');
    out.extend_from_slice(&fraction[..=last]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_even() {
        let quotients = [-250, -151, -150, -50, 0, 49, 50, 51, 150, 250].map(|value| nearest(value, 100));
        assert_eq!(quotients, [-2, -2, -2, 0, 0, 0, 0, 1, 2, 2]);
        assert_eq!(nearest(i128::MAX, 1), i128::MAX);
        assert_eq!(nearest(i64::MAX.into(), i128::MAX), 0);
    }

    fn written(value: i128, decimals: usize) -> String {
        let mut out = Vec::new();
        push_decimal(&mut out, value, decimals);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_written_short() {
        for decimals in [0, 3, 18] {
            assert_eq!(written(0, decimals), "0");
        }
        assert_eq!(written(120, 0), "120");
        assert_eq!(written(-274_321, 3), "-274.321");
        assert_eq!(written(19_000, 3), "19");
        assert_eq!(written(10_000_000, 9), "0.01");
        assert_eq!(written(i64::MIN.into(), 18), "-9.223372036854775808");
        assert_eq!(written(7, 18), "0.000000000000000007");
        assert_eq!(written(i128::MIN, 0), i128::MIN.to_string());
    }
}
