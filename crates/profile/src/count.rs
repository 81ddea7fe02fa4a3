//! Counts in sentences: the one place that knows of singular and plural.

/// `1 function`, `2,000 functions`: so many of what is named in the singular, by a noun that takes an `s`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 2 + noun.len());
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out.push(' ');
    out.push_str(noun);
    if number != 1 {
        out.push('s');
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
    }
}
