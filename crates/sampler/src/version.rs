//! Versions of CPython, as `Py_Version` and `PY_VERSION_HEX` have them.

use std::fmt;

/// A version of CPython; orders by release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 3.
    pub major: u8,
    /// 8 to 15.
    pub minor: u8,
    /// The patch release.
    pub micro: u8,
}

impl Version {
    /// From `PY_VERSION_HEX`.
    #[must_use]
    pub fn from_hex(hex: u64) -> Self {
        let byte = |shift: u32| u8::try_from((hex >> shift) & 0xff).unwrap_or(0);
        Self { major: byte(24), minor: byte(16), micro: byte(8) }
    }

    /// From text that begins like `3.11.7`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.splitn(3, '.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        let last = numbers.next()?;
        let digits = last.len() - last.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        Some(Self { major, minor, micro: last.get(..digits)?.parse().ok()? })
    }

    /// Whether it is at least `3.minor`.
    #[must_use]
    pub fn at_least(self, minor: u8) -> bool {
        (self.major, self.minor) >= (3, minor)
    }

    /// As `PY_VERSION_HEX`, a final release assumed.
    #[must_use]
    pub fn hex(self) -> u32 {
        u32::from_be_bytes([self.major, self.minor, self.micro, 0xf0])
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}
