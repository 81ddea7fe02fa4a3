//! Integration tests, one binary. Tests below `reference::` need the tools that `cargo xtask setup` installs; a plain
//! `cargo nextest run` leaves them out, `cargo xtask test` runs them all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod architecture;
mod command;
mod command_line;
mod diff;
mod fixtures;
mod flamegraph;
mod hostile;
mod merge;
mod output;
mod pprof;
mod record;
mod reference;
