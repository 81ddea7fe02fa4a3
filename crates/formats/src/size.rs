//! Numbers of bytes, as messages and help spell them: `8GiB`, and what is not round, in bytes.

use std::fmt;

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1_000_000, "MB"), (1_000, "kB")];
        match units.into_iter().find(|&(size, _)| self.0 >= size && self.0.is_multiple_of(size)) {
            Some((size, unit)) => write!(out, "{}{unit}", self.0 / size),
            None => write!(out, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_spelled_as_they_are_typed() {
        for (bytes, text) in
            [(8 << 30, "8GiB"), (32 << 20, "32MiB"), (500_000_000, "500MB"), (17, "17 bytes"), (0, "0 bytes")]
        {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
    }
}
