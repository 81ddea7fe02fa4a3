//! How many files this process may have open.
//!
//! The sampler keeps two open for each thread, and the usual soft limit is for programs that use `select`. A program that is
//! started must be given the limit [`before`](Files::before).

use libc::rlim_t;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The limit is raised while this lives.
pub(crate) struct Files(Limit);

/// The soft and the hard limit.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    soft: rlim_t,
    hard: rlim_t,
}

impl Files {
    /// Raises the limit as far as anybody may.
    pub(crate) fn raise() -> Self {
        // Without a limit that is known, none is set.
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((0, 0));
        Limit { soft: hard, hard }.set();
        Self(Limit { soft, hard })
    }

    /// What it was.
    pub(crate) fn before(&self) -> Limit {
        self.0
    }
}

impl Limit {
    /// Sets it. One that cannot be set stays what it is.
    pub(crate) fn set(self) {
        if self.hard > 0 {
            let _ = setrlimit(Resource::RLIMIT_NOFILE, self.soft, self.hard);
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.0.set();
    }
}
