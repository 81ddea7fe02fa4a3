//! Samples processes into a stream: `cargo run --example record FILE RATE SECONDS PID...`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::time::{Duration, Instant};

use profkit_sampler::session::{Options, Session};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, rate, seconds, pids @ ..] = arguments.as_slice() else {
        return Err("usage: record FILE RATE SECONDS PID...".into());
    };
    let mut session = Session::new(file.as_ref(), Options { rate: rate.parse()?, ..Options::default() })?;
    for pid in pids {
        session.add_process(pid.parse()?)?;
    }
    let (_, commands) = std::sync::mpsc::channel();
    let until = Instant::now() + Duration::from_secs_f64(seconds.parse()?);
    let outcome = session.run(Some(until), &commands);
    let coverage = session.coverage();
    println!("{outcome:?} {coverage:?} {} bytes", session.written());
    Ok(())
}
