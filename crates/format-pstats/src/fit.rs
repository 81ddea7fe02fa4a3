//! Whether the numbers of a dump are read back, and how nearly.
//!
//! What would surprise: 1 of anything that is no time is written as 1 second, so more than 9.2 billion of it are longer
//! than the 292 years that nanoseconds of 64 bits reach. A dump of them would open in Python and nowhere in profkit.

use profkit_profile::WriteError;

use crate::seconds::nanoseconds;

/// How one of a value becomes nanoseconds: times `factor`, divided by `divisor`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) factor: i128,
    pub(crate) divisor: i128,
}

impl Scale {
    /// How many of the values, each with the seconds that are written for it, come back as another number of
    /// nanoseconds.
    ///
    /// # Errors
    /// Where one of them does not come back at all; `what` says what they are.
    pub(crate) fn rounded(
        self,
        values: impl Iterator<Item = (i128, f64)>,
        what: &str,
    ) -> Result<usize, WriteError> {
        let mut rounded = 0;
        for (value, seconds) in values {
            let read = nanoseconds(seconds).map_err(|_| self.too_long(what))?;
            let exact = value.checked_mul(self.factor).ok_or_else(|| self.too_long(what))?;
            rounded += usize::from(i128::from(read).checked_mul(self.divisor) != Some(exact));
        }
        Ok(rounded)
    }

    /// Whether a sum comes back.
    ///
    /// # Errors
    /// Where it does not.
    pub(crate) fn check_sum(self, sum: i128, what: &str) -> Result<(), WriteError> {
        let nanoseconds = sum.checked_mul(self.factor).map(|sum| sum / self.divisor);
        let fits = nanoseconds.is_some_and(|sum| i64::try_from(sum).is_ok());
        if fits { Ok(()) } else { Err(self.too_long(what)) }
    }

    fn too_long(self, what: &str) -> WriteError {
        let why = "pstats holds times, and nanoseconds of 64 bits end at 292 years";
        WriteError::Unsupported(format!("{what} does not fit: {why}").into())
    }
}

/// A number of calls or samples. Python would read any.
///
/// # Errors
/// Beyond 64 bits.
pub(crate) fn count(sum: i128) -> Result<i128, WriteError> {
    match i64::try_from(sum) {
        Ok(_) => Ok(sum),
        Err(_) => Err(WriteError::Unsupported("a sum of calls or samples does not fit 64 bits".into())),
    }
}
