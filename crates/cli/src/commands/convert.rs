//! `profkit convert`: read, fold origins, change shape, write.

use std::path::{Path, PathBuf};

use profkit_formats::WriteOptions;
use profkit_profile::views::origins::{By, fold_origins, split_origins};
use profkit_profile::{Origin, Profile, count};

use crate::args::{Convert, Split};
use crate::failure::{Failure, note};
use crate::input::written_type;
use crate::output::{Target, fitted};

pub(crate) fn run(arguments: &Convert) -> Result<(), Failure> {
    let target = Target::new(&arguments.output, arguments.to)?;
    if arguments.split.is_some() && target.path == Path::new("-") {
        return Err(Failure::Usage("--split writes several files; give -o a file name".to_owned()));
    }
    let input = arguments.input.name();
    let mut profile = arguments.input.load()?.profile;
    let by = match arguments.split {
        Some(Split::Process) => Some(By::Process),
        Some(Split::Thread) => Some(By::Thread),
        None => None,
    };
    if let Some(by) = by.or(arguments.by.map(By::from)) {
        profile = fold_origins(profile, by).map_err(|error| Failure::build(input, &error))?;
    }
    if arguments.split.is_none() {
        return write_one(arguments, profile, &target);
    }
    let mut names = Vec::new();
    let mut parts = Vec::new();
    for part in split_origins(&profile) {
        let (origin, part) = part.map_err(|error| Failure::build(input, &error))?;
        let path = split_name(&target.path, &part, &origin, &mut names);
        if path.symlink_metadata().is_ok() {
            let reason = "it exists, and --split replaces no file; remove it, or give -o another name";
            return Err(Failure::file(&path, reason));
        }
        parts.push((path, part));
    }
    for (path, part) in parts {
        write_one(arguments, part, &Target { path, ..target })?;
    }
    note(&format!("{} written", count(names.len(), "file")));
    Ok(())
}

fn write_one(arguments: &Convert, profile: Profile, target: &Target) -> Result<(), Failure> {
    let input = arguments.input.name();
    let profile = fitted(profile, target.format.holds(), arguments.stacks.mode(), input)?;
    let sample_type = written_type(&profile, arguments.value.as_deref())?;
    let options =
        WriteOptions { sample_type, mark_inferred: arguments.mark_inferred, ..WriteOptions::default() };
    target.write(&profile, &options)
}

/// `out.pb.gz` for process 12 and thread 34: `out-12-34.pb.gz`. Origins without ids, or with the same ones, are
/// numbered.
fn split_name(path: &Path, profile: &Profile, origin: &Origin, taken: &mut Vec<PathBuf>) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // The first dot that is not the name's own begin starts the extension: `.pb.gz` is one.
    let dot = name.char_indices().skip(1).find(|&(_, c)| c == '.').map_or(name.len(), |(at, _)| at);
    let (stem, extension) = name.split_at(dot);
    let mut ids: Vec<String> =
        [origin.pid, origin.tid].into_iter().flatten().map(|id| id.to_string()).collect();
    let thread = profile.text(origin.thread);
    if origin.tid.is_none() && !thread.is_empty() {
        ids.push(thread.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect());
    }
    let ids = if ids.is_empty() { "rest".to_owned() } else { ids.join("-") };
    let mut candidate = path.with_file_name(format!("{stem}-{ids}{extension}"));
    let mut number = 2;
    while taken.contains(&candidate) {
        candidate = path.with_file_name(format!("{stem}-{ids}-{number}{extension}"));
        number += 1;
    }
    taken.push(candidate.clone());
    candidate
}

#[cfg(test)]
mod tests {
    use profkit_profile::ProfileBuilder;

    use super::*;

    #[test]
    fn the_parts_of_a_split_have_names_of_their_own() {
        let profile = ProfileBuilder::new().finish().unwrap();
        let mut taken = Vec::new();
        let mut name = |pid, tid| {
            let origin = Origin { pid, tid, ..Origin::UNKNOWN };
            split_name(Path::new("/x/out.pb.gz"), &profile, &origin, &mut taken).display().to_string()
        };
        assert_eq!(name(Some(12), Some(34)), "/x/out-12-34.pb.gz");
        assert_eq!(name(Some(12), Some(34)), "/x/out-12-34-2.pb.gz");
        assert_eq!(name(Some(12), None), "/x/out-12.pb.gz");
        assert_eq!(name(None, None), "/x/out-rest.pb.gz");
    }
}
