//! The number at the end of a line. It may have a fraction or an exponent, and is kept as the decimal number that
//! it is: a float would make 0.1 something else.

use profkit_profile::nearest;

/// A number: `digits` divided by 10 to the power of `decimals`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Count {
    digits: i128,
    decimals: u32,
}

/// Digits that are kept of a number; what comes after them in a fraction is far below what any recorder knows.
const MAX_DIGITS: usize = 36;

/// Exponents above this make a number of nothing or of everything.
const MAX_EXPONENT: u32 = 400;

/// The most decimals that a sample type may get: 64 bits hold 18 digits.
pub(crate) const MAX_DECIMALS: u32 = 18;

impl Count {
    /// Reads `12`, `-3`, `1.25`, `19.`, `1e+06` or `5e-06`; the whole of `token` must be the number.
    ///
    /// flamegraph.pl and difffolded.pl take `\d+(\.\d*)?`; Perl and Python print large and small floats with an
    /// exponent.
    pub(crate) fn parse(token: &[u8]) -> Option<Self> {
        let (negative, rest) = match token {
            [b'-', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let (whole, rest) = take_digits(rest);
        if whole.is_empty() {
            return None;
        }
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => take_digits(rest),
            rest => (&[][..], rest),
        };
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => parse_exponent(rest)?,
            _ => return None,
        };
        let count = Self::assemble(whole, fraction, exponent);
        Some(if negative { Self { digits: -count.digits, ..count } } else { count })
    }

    fn assemble(whole: &[u8], fraction: &[u8], exponent: i64) -> Self {
        let zeros = whole.iter().take_while(|&&digit| digit == b'0').count();
        let whole = &whole[zeros..];
        if whole.len() > MAX_DIGITS {
            return Self::TOO_LARGE;
        }
        let fraction = &fraction[..fraction.len().min(MAX_DIGITS - whole.len())];
        let mut digits = 0i128;
        for &digit in whole.iter().chain(fraction) {
            digits = digits * 10 + i128::from(digit - b'0');
        }
        let mut decimals = i64::try_from(fraction.len()).unwrap_or(0) - exponent;
        while decimals < 0 && digits != 0 {
            let Some(more) = digits.checked_mul(10) else { return Self::TOO_LARGE };
            digits = more;
            decimals += 1;
        }
        let mut count = Self { digits, decimals: u32::try_from(decimals).unwrap_or(0) };
        count.shorten();
        count
    }

    const TOO_LARGE: Self = Self { digits: i128::MAX, decimals: 0 };

    /// Drops zeros at the end of the fraction.
    fn shorten(&mut self) {
        if self.digits == 0 {
            self.decimals = 0;
        }
        while self.decimals > 0 && self.digits % 10 == 0 {
            self.digits /= 10;
            self.decimals -= 1;
        }
    }

    /// How many digits follow the point, without zeros at the end.
    pub(crate) fn decimals(self) -> u32 {
        self.decimals
    }

    /// How large it is without its sign, rounded up to a whole number.
    pub(crate) fn magnitude(self) -> u128 {
        match 10u128.checked_pow(self.decimals) {
            Some(power) => self.digits.unsigned_abs().div_ceil(power),
            None => 1,
        }
    }

    /// The number times 10 to the power of `decimals`, rounded half to even; `None` if that does not fit.
    pub(crate) fn scaled(self, decimals: u32) -> Option<i64> {
        if decimals >= self.decimals {
            let power = 10i128.checked_pow(decimals - self.decimals)?;
            return i64::try_from(self.digits.checked_mul(power)?).ok();
        }
        let Some(power) = 10i128.checked_pow(self.decimals - decimals) else { return Some(0) };
        i64::try_from(nearest(self.digits, power)).ok()
    }
}

fn take_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        rest => (1, rest),
    };
    let (digits, rest) = take_digits(digits);
    if digits.is_empty() || !rest.is_empty() {
        return None;
    }
    let mut value = 0u32;
    for &digit in digits {
        value = (value * 10 + u32::from(digit - b'0')).min(MAX_EXPONENT);
    }
    Some(sign * i64::from(value))
}

/// Reads a whole number such as a process id or a line; the whole of `text` must be it.
pub(crate) fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0i64, |sum, &digit| sum * 10 + i64::from(digit - b'0'));
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(token: &str, decimals: u32) -> Option<i64> {
        Count::parse(token.as_bytes()).unwrap().scaled(decimals)
    }

    #[test]
    fn numbers_are_exact_decimals() {
        assert_eq!(scaled("12", 0), Some(12));
        assert_eq!(scaled("-12", 0), Some(-12));
        assert_eq!(scaled("274.321", 3), Some(274_321));
        assert_eq!(scaled("6.1", 3), Some(6_100));
        assert_eq!(scaled("1e+06", 0), Some(1_000_000));
        assert_eq!(scaled("5e-06", 6), Some(5));
        assert_eq!(Count::parse(b"19.0").unwrap().decimals(), 0);
        assert_eq!(Count::parse(b"19.").unwrap().decimals(), 0);
        assert_eq!(Count::parse(b"0.000").unwrap().decimals(), 0);
        assert_eq!(Count::parse(b"1.250").unwrap().decimals(), 2);
    }

    #[test]
    fn what_does_not_fit_is_rounded_or_refused() {
        assert_eq!(scaled("0.125", 2), Some(12));
        assert_eq!(scaled("0.135", 2), Some(14));
        assert_eq!(scaled("-0.125", 2), Some(-12));
        assert_eq!(scaled("-0.135", 2), Some(-14));
        assert_eq!(scaled("1e-399", 18), Some(0));
        assert_eq!(scaled("9223372036854775807", 0), Some(i64::MAX));
        assert_eq!(scaled("9223372036854775808", 0), None);
        assert_eq!(scaled("-9223372036854775808", 0), Some(i64::MIN));
        assert_eq!(scaled(&"9".repeat(80), 0), None);
        assert_eq!(scaled("1e399", 0), None);
        assert_eq!(scaled("0e399", 0), Some(0));
    }

    #[test]
    fn other_words_are_no_numbers() {
        for word in ["", "-", ".5", "1.5.2", "12ms", "1e", "e5", "0x10", "nan", "inf", "1,5", "+1", "--1"] {
            assert_eq!(Count::parse(word.as_bytes()), None, "{word}");
        }
    }
}
