//! Versions of CPython, as `Py_Version` and `PY_VERSION_HEX` have them.

use std::fmt;

use profkit_recording::stream::FREE_THREADED;

/// A version of CPython; orders by release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 3.
    pub major: u8,
    /// 8 to 15.
    pub minor: u8,
    /// The patch release.
    pub micro: u8,
    /// Whether it was built to run without the GIL (3.13 and later).
    pub is_free_threaded: bool,
}

impl Version {
    /// Of a build with the GIL.
    #[must_use]
    pub const fn new(major: u8, minor: u8, micro: u8) -> Self {
        Self { major, minor, micro, is_free_threaded: false }
    }

    /// From `PY_VERSION_HEX`, with [`FREE_THREADED`].
    #[must_use]
    pub fn from_hex(hex: u64) -> Self {
        let byte = |shift: u32| u8::try_from((hex >> shift) & 0xff).unwrap_or(0);
        Self { is_free_threaded: hex & FREE_THREADED != 0, ..Self::new(byte(24), byte(16), byte(8)) }
    }

    /// From text that begins like `3.11.7`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.splitn(3, '.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        let last = numbers.next()?;
        let digits = last.len() - last.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        Some(Self::new(major, minor, last.get(..digits)?.parse().ok()?))
    }

    /// Whether it is at least `3.minor`.
    #[must_use]
    pub fn at_least(self, minor: u8) -> bool {
        (self.major, self.minor) >= (3, minor)
    }

    /// As `PY_VERSION_HEX`, a final release assumed, with [`FREE_THREADED`].
    #[must_use]
    pub fn hex(self) -> u64 {
        let hex = u64::from(u32::from_be_bytes([self.major, self.minor, self.micro, 0xf0]));
        if self.is_free_threaded { hex | FREE_THREADED } else { hex }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let build = if self.is_free_threaded { "t" } else { "" };
        write!(f, "{}.{}.{}{build}", self.major, self.minor, self.micro)
    }
}
