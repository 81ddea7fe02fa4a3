//! Keeps the samples of one function of an uncompressed pprof profile: outside FROM FUNCTION TO.

use profkit_format_pprof::Pprof;
use profkit_profile::{Format, Input, ProfileBuilder, WriteOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let mut builder = ProfileBuilder::new();
    Pprof.read(&Input::new(&std::fs::read(&arguments[1])?), &mut builder)?;
    let source = builder.finish()?;

    let mut builder = ProfileBuilder::of(source.without_values());
    for (row, sample) in source.samples().iter().enumerate() {
        let functions =
            source.stacks().leaf_first(sample.stack).filter_map(|frame| source.frames()[frame].function);
        if functions.map(|id| source.text(source.functions()[id].name)).any(|name| name == arguments[2]) {
            builder.sample(sample, &source.samples().row_values(row))?;
        }
    }
    Pprof.write(&builder.finish()?, &mut std::fs::File::create(&arguments[3])?, &WriteOptions::default())?;
    Ok(())
}
