//! The sampling loop with nothing to sample: `cargo run --example bare_wait RATE SECONDS`. What it costs to wake so often, and
//! what the machine lets pass, whatever is read then. Prints moments asked for, those missed, and percent of a processor.
#![allow(clippy::print_stdout)]

use std::sync::mpsc;
use std::time::{Duration, Instant};

use profkit_sampler::proc_stat::CpuClock;
use profkit_sampler::session::{Options, Session};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(rate), Some(seconds)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bare_wait RATE SECONDS".into());
    };
    let stream = std::env::temp_dir().join(format!("bare_wait-{}.samples", std::process::id()));
    let mut session = Session::new(&stream, Options { rate: rate.parse()?, ..Options::default() })?;
    std::fs::remove_file(stream)?;
    // Whoever could give it something to do is there.
    let (_keep, commands) = mpsc::channel();
    let own = std::process::id();
    let mut clock = CpuClock::open(own, own)?;
    let (begin, length) = (Instant::now(), Duration::from_secs_f64(seconds.parse()?));
    session.run(Some(begin + length), &commands);
    let (passed, used) = (begin.elapsed(), Duration::from_nanos(clock.passed()?));
    let coverage = session.coverage();
    let percent = 100.0 * used.as_secs_f64() / passed.as_secs_f64();
    println!("{} {} {percent:.2}", coverage.asked, coverage.missed);
    Ok(())
}
