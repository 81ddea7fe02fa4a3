//! How the command ended.

/// How the command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// By itself, with this status.
    Exited(u8),
    /// By a signal.
    Signaled(u8),
}

impl Status {
    pub(crate) fn of(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let byte = |number: i32| u8::try_from(number & 0xff).unwrap_or(u8::MAX);
        match (status.signal(), status.code()) {
            (Some(signal), _) => Self::Signaled(byte(signal)),
            (None, code) => Self::Exited(byte(code.unwrap_or(0))),
        }
    }

    /// What a shell makes of it: 128 and the signal's number where there was one.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Self::Exited(code) => code.into(),
            Self::Signaled(signal) => 128 + i32::from(signal),
        }
    }
}
