//! How often a second what a sample reads can be read, and nothing else done: `cargo run --example bare_read PID SECONDS`. The
//! bound of any rate of sampling. With a third argument it reads so often a second only: what that costs the program.
//! Prints reads a second, reads a second of processor time, bytes a read, and places.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use foldhash::HashSet;
use profkit_sampler::binary::Binaries;
use profkit_sampler::interpreter;
use profkit_sampler::names::Names;
use profkit_sampler::proc_stat::CpuClock;
use profkit_sampler::reader::Reader;
use profkit_sampler::reading::Context;
use profkit_sampler::seat::Seat;
use profkit_sampler::threads;
use profkit_sampler::tree::Tree;

/// After as long it is known what is read.
const KNOWN: Duration = Duration::from_millis(200);
/// Reads between two looks at the clock.
const BATCH: u32 = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(pid), Some(seconds)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bare_read PID SECONDS [RATE]".into());
    };
    let pause = arguments.next().map(|rate| Ok::<_, std::num::ParseFloatError>(1.0 / rate.parse::<f64>()?));
    let pause = Duration::from_secs_f64(pause.transpose()?.unwrap_or(0.0));
    let found = interpreter::find(pid.parse()?, &mut Binaries::default())?;
    let first = found.interpreters()?.pop().ok_or("no interpreter")?;
    let state =
        threads::of_interpreter(&found, first, &mut HashSet::default())?.states.pop().ok_or("no thread")?;
    let (mut names, mut tree) = (Names::default(), Tree::default());
    let mut reader = Reader::new(&found.layout, state.address);
    let begin = Instant::now();
    while begin.elapsed() < KNOWN {
        let (names, tree) = (&mut names, &mut tree);
        let (remote, layout) = (found.remote, &found.layout);
        let (is_stopped, seat) = (false, &mut Seat::none());
        reader.read(&mut Context { remote, layout, names, tree, is_stopped, seat })?;
    }
    let bytes = reader.places().iter().map(profkit_sampler::remote::Place::length).sum();
    let mut buffer = vec![0; bytes];
    let own = std::process::id();
    let mut clock = CpuClock::open(own, own)?;
    let (begin, length) = (Instant::now(), Duration::from_secs_f64(seconds.parse()?));
    let mut reads = 0;
    while begin.elapsed() < length {
        let batch = if pause.is_zero() { BATCH } else { 1 };
        for _ in 0..batch {
            found.remote.gather(&mut buffer, reader.places())?;
        }
        reads += batch;
        let late = begin.elapsed();
        std::thread::sleep((pause * reads).saturating_sub(late));
    }
    let rate = |ns: u64| f64::from(reads) / Duration::from_nanos(ns).as_secs_f64();
    let (passed, used) = (u64::try_from(begin.elapsed().as_nanos())?, clock.passed()?);
    println!("{:.0} {:.0} {bytes} {}", rate(passed), rate(used), reader.places().len());
    Ok(())
}
