//! How long loading a file takes, in nanoseconds, a line a load: `load_time FILE TIMES`. With `--gunzip` in place of
//! the number it only expands the file, for a look at what the machine can do. `cargo xtask bench` runs it.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read};
use std::path::Path;
use std::time::Instant;

use profkit_formats::{LoadOptions, load_path};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(times)) = (arguments.next(), arguments.next()) else {
        return Err("usage: load_time FILE TIMES|--gunzip".into());
    };
    if times == "--gunzip" {
        println!("{}", gunzip(Path::new(&file))?);
        return Ok(());
    }
    for _ in 0..times.parse()? {
        let start = Instant::now();
        let loaded = load_path(Path::new(&file), &LoadOptions::default())?;
        println!("{}", start.elapsed().as_nanos());
        black_box(loaded);
    }
    Ok(())
}

fn gunzip(path: &Path) -> io::Result<u128> {
    let mut packed = Vec::new();
    File::open(path)?.read_to_end(&mut packed)?;
    let mut chunk = vec![0; 1 << 20];
    let start = Instant::now();
    let mut decoder = flate2::bufread::MultiGzDecoder::new(&*packed);
    while decoder.read(&mut chunk)? > 0 {
        black_box(&chunk);
    }
    Ok(start.elapsed().as_nanos())
}
