//! Arguments of the commands that look at processes while they run.

use clap::Args;

#[derive(Args, Debug)]
pub(crate) struct Dump {
    /// Process to look at, with its children
    #[arg(value_name = "PID")]
    pub(crate) pid: u32,
    /// Look at this process only
    #[arg(long)]
    pub(crate) no_subprocesses: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
