//! Development tasks, run as `cargo xtask <task>`. The tasks that need other tools install them first, below the
//! ignored folder `.reference/`, and need root on Debian 12 for that.

// A task runner talks to a person in a terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod demo;
mod fixtures;
mod fuzz;
mod lint;
mod package;
mod part;
mod parts;
mod paths;
mod process;
mod setup;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Development tasks of profkit.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build profkit and run its main job on a real program.
    Demo,
    /// Install the reference tools below `.reference/`; what is there already is left alone.
    Setup {
        /// Parts to install, for example `venv sid`; all that the reference tests need without this.
        parts: Vec<String>,
    },
    /// Check formatting, clippy and the documentation.
    Lint,
    /// Install the reference tools, then run every test.
    Test {
        /// Passed on to `cargo nextest run`, for example a part of a test's name.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        nextest: Vec<String>,
    },
    /// Make the files below `fixtures/` again with the tools that produce them.
    Fixtures {
        /// Formats to make, for example `pstats pprof`; all without this.
        formats: Vec<String>,
    },
    /// Build every crate from what would be published, and from nothing else.
    Package,
    /// Fuzz every format from its fixtures on, and pprof and pstats against other readers; fails if something is found.
    Fuzz(fuzz::Arguments),
    /// Measure profkit beside the tools that people use today.
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Demo => demo::run(),
        Task::Setup { parts } => setup::run(&parts),
        Task::Lint => lint::run(),
        Task::Package => package::run(),
        Task::Test { nextest } => test::run(&nextest),
        Task::Fixtures { formats } => fixtures::run(&formats),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without the backtrace that RUST_BACKTRACE adds to anyhow's own display: the log's end is what matters.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
