//! Counts in sentences: the one place that knows of singular and plural, and of groups of digits.

/// `1 function`, `2,000 functions`: so many of what is named in the singular.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    let digits = separated(i64::try_from(number).unwrap_or(i64::MAX));
    if number == 1 { format!("{digits} {noun}") } else { format!("{digits} {}", plural(noun)) }
}

fn plural(noun: &str) -> String {
    let ending = match noun {
        _ if noun.ends_with("child") => "ren",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{noun}{ending}")
}

/// A whole number in groups of three digits: `1,234,567`.
#[must_use]
pub fn separated(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::from(if value < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        let counts = [0, 1, 999, 1234, 1_000_000].map(|number| count(number, "file"));
        assert_eq!(counts, ["0 files", "1 file", "999 files", "1,234 files", "1,000,000 files"]);
        let plurals = ["process", "forked child", "more thread"].map(|noun| count(2, noun));
        assert_eq!(plurals, ["2 processes", "2 forked children", "2 more threads"]);
    }

    #[test]
    fn digits_come_in_groups() {
        assert_eq!([-1_234_567, -123, 0, 1000].map(separated), ["-1,234,567", "-123", "0", "1,000"]);
    }
}
