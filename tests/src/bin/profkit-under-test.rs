//! The `profkit` command for the tests of this crate: cargo tells a test the path of its own crate's binaries only.

use std::process::ExitCode;

fn main() -> ExitCode {
    profkit::run(std::env::args_os())
}
