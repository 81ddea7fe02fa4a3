//! Why a process cannot be read, in words that say what to do about it.

use std::fmt::Display;
use std::fs;
use std::io;

use crate::proc_stat;

/// Why a process cannot be sampled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no Python in it.
    #[error("not a Python process: {what}")]
    NotPython {
        /// What it is: its program.
        what: String,
    },
    /// The interpreter is not initialised yet: ask again.
    #[error("Python has not started yet")]
    NotYet,
    /// The kernel does not allow it.
    #[error("not allowed to read its memory: {reason}; {remedy}")]
    Permission {
        /// Which permission is missing.
        reason: String,
        /// How to get it.
        remedy: String,
    },
    /// A Python that cannot be read.
    #[error("Python {version}: {why}")]
    Unsupported {
        /// Which one, as far as that is known.
        version: String,
        /// What it is about it.
        why: &'static str,
    },
    /// It has ended, or there never was one of this number: the kernel tells both alike.
    #[error("there is no such process, or it has ended")]
    Gone,
}

/// Text for a build without the GIL.
/// Text for a version that is not known.
pub(crate) const UNKNOWN: &str = "its layout is not known to this version of profkit (3.8 to 3.15 are)";
/// Text for a build whose structures do not fit.
pub(crate) const SENSELESS: &str =
    "its memory is not laid out as in a release build (a debug build, or a patched one)";

impl Refusal {
    /// That a Python cannot be read: its version, as far as that is known, and what it is about it.
    pub(crate) fn unsupported(version: impl Display, why: &'static str) -> Self {
        Self::Unsupported { version: version.to_string(), why }
    }

    /// What an error of reading `/proc` or memory means.
    #[must_use]
    pub fn from_error(pid: u32, error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ESRCH | libc::ENOENT) => Self::Gone,
            Some(libc::EPERM | libc::EACCES) => permission(pid),
            _ => Self::NotYet,
        }
    }
}

fn permission(pid: u32) -> Refusal {
    let (reason, remedy) = reason(pid);
    Refusal::Permission { reason, remedy }
}

fn reason(pid: u32) -> (String, String) {
    let (mine, theirs) = (user_of("self"), user_of(&pid.to_string()));
    if let (Some(mine), Some(theirs)) = (mine, theirs)
        && mine != theirs
        && mine != 0
    {
        return (
            format!("it belongs to user {theirs}, profkit runs as user {mine}"),
            "run profkit as that user, or with sudo".to_owned(),
        );
    }
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    match scope.trim() {
        "1" => (
            "kernel.yama.ptrace_scope is 1: only programs that profkit started itself may be read".to_owned(),
            "start the program with `profkit record -- …`, run profkit with sudo, or set `sysctl kernel.yama.ptrace_scope=0`"
                .to_owned(),
        ),
        "2" => (
            "kernel.yama.ptrace_scope is 2: only CAP_SYS_PTRACE may read other processes".to_owned(),
            "run profkit with sudo, or set `sysctl kernel.yama.ptrace_scope=0`".to_owned(),
        ),
        "3" => (
            "kernel.yama.ptrace_scope is 3: nobody may read other processes until the machine is booted anew".to_owned(),
            "boot with another setting".to_owned(),
        ),
        _ if mine == Some(0) => (
            "the capability SYS_PTRACE is missing (a container drops it), or the target is in another user namespace".to_owned(),
            "start the container with `--cap-add=SYS_PTRACE` (Kubernetes: securityContext.capabilities.add), or run profkit on the host"
                .to_owned(),
        ),
        _ => (
            "the target is not dumpable (a setuid program, or prctl PR_SET_DUMPABLE), or a security module forbids it".to_owned(),
            "run profkit with sudo; in a container add the capability SYS_PTRACE".to_owned(),
        ),
    }
}

/// The real user of a process.
fn user_of(pid: &str) -> Option<u32> {
    proc_stat::status(pid, "Uid:")?.split_ascii_whitespace().next()?.parse().ok()
}
