//! One file a command: each has a `run` that does it.

pub(crate) mod convert;
pub(crate) mod diff;
pub(crate) mod dump;
pub(crate) mod flamegraph;
pub(crate) mod formats;
pub(crate) mod info;
pub(crate) mod merge;
pub(crate) mod record;
pub(crate) mod repeats;
pub(crate) mod report;
pub(crate) mod top;
