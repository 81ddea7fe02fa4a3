//! Fractions. pprof's values are integers and its units free text, so a sample type whose values carry decimals is
//! written with the unit that the integers have: `weight/none` with three decimals is `weight/none/1000`, whose 1500
//! are 1.5 of the unit. Nothing is rounded, and reading turns it back.

/// More decimals than fit a value are not read as such.
const MAX_DECIMALS: usize = 18;

/// The unit of the integers of a sample type.
pub(crate) fn written(unit: &[u8], decimals: u8) -> Vec<u8> {
    let mut text = unit.to_vec();
    if decimals > 0 {
        text.extend(b"/1");
        text.resize(text.len() + usize::from(decimals), b'0');
    }
    text
}

/// The unit and the decimals that the text of a unit means.
pub(crate) fn read(text: &[u8]) -> (&[u8], u8) {
    let zeros = text.iter().rev().take_while(|&&byte| byte == b'0').count();
    let unit = text[..text.len() - zeros].strip_suffix(b"/1");
    match (unit, u8::try_from(zeros)) {
        (Some(unit), Ok(decimals)) if (1..=MAX_DECIMALS).contains(&zeros) => (unit, decimals),
        _ => (text, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_back() {
        for (unit, decimals) in [("none", 3), ("", 1), ("a/b", 18), ("a/10", 2), ("nanoseconds", 0)] {
            assert_eq!(read(&written(unit.as_bytes(), decimals)), (unit.as_bytes(), decimals));
        }
        assert_eq!(written(b"none", 3), b"none/1000");
    }

    #[test]
    fn other_units_are_left_alone() {
        for unit in ["count", "1000", "x/1", "x/20", "x/1001", "/2", "", "0", "s/10000000000000000000"] {
            assert_eq!(read(unit.as_bytes()), (unit.as_bytes(), 0));
        }
    }
}
