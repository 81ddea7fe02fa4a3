//! Arguments of the commands that look at processes while they run.

use std::ffi::OsString;

use clap::Args;

#[derive(Args, Debug)]
pub(crate) struct Dump {
    /// Process to look at, with its children
    #[arg(value_name = "PID")]
    pub(crate) pid: u32,
    /// Look at this process only
    #[arg(long)]
    pub(crate) no_subprocesses: bool,
    /// Below a running asyncio task, print the tasks that await it, each with its name (`<task NAME>`) and where it is suspended,
    /// in place of the event loop
    #[arg(long = "async")]
    pub(crate) awaits: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What happens to the program's streams, and to its status.
pub(super) const TOP_HELP: &str = "\
The terminal belongs to the table. A COMMAND runs without one: its stdin is empty, and what it writes to stdout and stderr \
(a pipe) is shown in the view Output. If it ends by itself, profkit prints what took the most time and, if it failed, its \
last words, and ends with its status. Quitting (q, Ctrl-C) ends it: SIGTERM, then SIGKILL after 3 seconds. Press ? for all keys.";

#[derive(Args, Debug)]
pub(crate) struct Top {
    /// Process to watch, with its children
    #[arg(value_name = "PID", required_unless_present = "command")]
    pub(crate) pid: Option<u32>,
    /// Program to run and watch, and its arguments
    #[arg(value_name = "COMMAND", last = true, conflicts_with = "pid")]
    pub(crate) command: Vec<OsString>,
    /// Samples a second of every thread; `max` for as many as the machine can do
    #[arg(long, value_name = "HZ", value_parser = super::values::rate, default_value = "100")]
    pub(crate) rate: f64,
    /// Watch the first process only
    #[arg(long)]
    pub(crate) no_subprocesses: bool,
}
