//! The `profkit` command as a function, so that the binary and tests run the same thing.
//!
//! What the commands do lives in the crates below; here is what people type and read.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod failure;
mod input;
mod interrupt;
mod names;
mod output;
mod progress;
mod quantity;
mod shaping;
mod sources;
mod table;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Command};
use crate::failure::{Failure, print_failure};

/// Runs one command line, the name of the program first. Prints to stdout and stderr.
///
/// The status is 0 when all is done, 2 for wrong usage and for errors, 1 where the answer is "no"; 128 + n when
/// signal n interrupts. A closed pipe is no error. `record` and `top` have the status of the program that they ran.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::from(status(arguments))
}

/// The same, and ends the process with that status at once: what is held in memory is not given back piece by piece,
/// which takes longer than all the rest of a short run.
pub fn run_and_exit(arguments: impl IntoIterator<Item = OsString>) -> ! {
    let status = status(arguments);
    // What nobody reads any more is no error.
    let _ = std::io::stdout().flush();
    signal_hook::low_level::exit(status.into())
}

fn status(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too, on stdout and with status 0.
            let _ = error.print();
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    // A recording waits for signals itself: they are the program's. So does what has a terminal to give back.
    if !matches!(arguments.command, Command::Record(_) | Command::Top(_)) {
        interrupt::watch(|| ());
    }
    let done = match arguments.command {
        Command::Record(arguments) => match commands::record::run(&arguments) {
            Ok(status) => return status,
            Err(failure) => Err(failure),
        },
        Command::Top(arguments) => match commands::top::run(&arguments) {
            Ok(status) => return status,
            Err(failure) => Err(failure),
        },
        Command::Dump(arguments) => commands::dump::run(&arguments),
        Command::Convert(arguments) => commands::convert::run(&arguments),
        Command::Merge(arguments) => commands::merge::run(&arguments),
        Command::Diff(arguments) => commands::diff::run(&arguments),
        Command::Info(arguments) => commands::info::run(&arguments),
        Command::Report(arguments) => commands::report::run(&arguments),
        Command::Flamegraph(arguments) => commands::flamegraph::run(&arguments),
        Command::Formats(arguments) => commands::formats::run(&arguments),
    };
    match done {
        Ok(()) | Err(Failure::ClosedPipe) => 0,
        Err(Failure::No) => 1,
        Err(failure) => {
            print_failure(&failure);
            2
        }
    }
}
