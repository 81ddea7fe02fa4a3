//! Rewrites a collapsed file of any dialect in another one:
//! `cargo run --example convert -- in.collapsed flamegraph > out.collapsed`.

use std::error::Error;
use std::io::{Write, stderr, stdout};

use profkit_format_collapsed::Collapsed;
use profkit_profile::{Format, Input, ProfileBuilder, WriteOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which file?")?;
    let dialect = arguments.next();
    let bytes = std::fs::read(path)?;
    let mut builder = ProfileBuilder::new();
    Collapsed.read(&Input::new(&bytes), &mut builder)?;
    let profile = builder.finish()?;
    let options = WriteOptions { dialect: dialect.as_deref(), ..WriteOptions::default() };
    let written = Collapsed.write(&profile, &mut stdout().lock(), &options)?;
    for remark in profile.meta().notes.iter().chain(&written.losses) {
        writeln!(stderr(), "{remark}")?;
    }
    Ok(())
}
