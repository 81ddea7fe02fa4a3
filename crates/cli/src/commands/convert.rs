//! `profkit convert`: read, fold origins, change shape, write.

use std::path::Path;

use profkit_profile::count;
use profkit_profile::views::origins::By;

use crate::args::Convert;
use crate::failure::{Failure, note};
use crate::output::Target;
use crate::shaping::Shaping;

pub(crate) fn run(arguments: &Convert) -> Result<(), Failure> {
    let target = Target::new(&arguments.output, arguments.to)?;
    if arguments.split.is_some() && target.path == Path::new("-") {
        return Err(Failure::Reason("--split writes several files; give -o a file name".to_owned()));
    }
    let input = arguments.input.name();
    let profile = arguments.input.load()?.profile;
    let shaping = Shaping {
        name: input,
        by: arguments.by.map(By::from),
        split: arguments.split,
        stacks: arguments.stacks.mode(),
        value: arguments.value.as_deref(),
        mark_inferred: arguments.mark_inferred,
        replace: false,
    };
    let written = shaping.write(profile, &target)?;
    if arguments.split.is_some() {
        note(&format!("{} written", count(written, "file")));
    }
    Ok(())
}
