//! The `profkit` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    profkit::run(std::env::args_os())
}
