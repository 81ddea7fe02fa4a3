//! From a profile to the files that were asked for: origins folded or split, the other shape of evidence where the format
//! needs it.

use std::path::{Path, PathBuf};

use profkit_formats::{Stacks, WriteOptions, registry};
use profkit_profile::views::origins::{By, fold_origins, split_origins};
use profkit_profile::{Origin, Profile};

use crate::args::Split;
use crate::failure::Failure;
use crate::input::written_type;
use crate::output::{Target, fitted};

/// What is to become of a profile.
pub(crate) struct Shaping<'a> {
    /// What to call it in messages.
    pub(crate) name: &'a Path,
    pub(crate) by: Option<By>,
    pub(crate) split: Option<Split>,
    pub(crate) stacks: Stacks,
    pub(crate) value: Option<&'a str>,
    pub(crate) mark_inferred: bool,
    /// Parts may replace files.
    pub(crate) replace: bool,
}

impl Shaping<'_> {
    /// Writes it; says how many files that took.
    pub(crate) fn write(&self, mut profile: Profile, target: &Target) -> Result<usize, Failure> {
        let by = match self.split {
            Some(Split::Process) => Some(By::Process),
            Some(Split::Thread) => Some(By::Thread),
            None => None,
        };
        if let Some(by) = by.or(self.by) {
            profile = fold_origins(profile, by).map_err(|error| Failure::file(self.name, error))?;
        }
        if self.split.is_none() {
            self.write_one(profile, target)?;
            return Ok(1);
        }
        let mut names = Vec::new();
        let mut parts = Vec::new();
        for part in split_origins(&profile) {
            let (origin, part) = part.map_err(|error| Failure::file(self.name, error))?;
            let path = split_name(&target.path, &part, &origin, &mut names);
            if !self.replace && path.symlink_metadata().is_ok() {
                let reason = "it exists, and --split replaces no file; remove it, or give -o another name";
                return Err(Failure::file(&path, reason));
            }
            parts.push((path, part));
        }
        for (path, part) in parts {
            self.write_one(part, &Target { path, ..*target })?;
        }
        Ok(names.len())
    }

    fn write_one(&self, profile: Profile, target: &Target) -> Result<(), Failure> {
        let (profile, lost) = fitted(profile, target.format.holds(), self.stacks, self.name)?;
        let sample_type = written_type(&profile, self.value)?;
        let options =
            WriteOptions { sample_type, mark_inferred: self.mark_inferred, ..WriteOptions::default() };
        target.write(&profile, &options, &lost)
    }
}

/// `out.pb.gz` for process 12 and thread 34: `out-12-34.pb.gz`. Origins without ids, or with the same ones, are
/// numbered.
fn split_name(path: &Path, profile: &Profile, origin: &Origin, taken: &mut Vec<PathBuf>) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Of a name without an extension that chose the format, the last dot that is not the name's own begin.
    let stem = match registry::stem(&name) {
        stem if stem.len() < name.len() => stem,
        all => all.rsplit_once('.').map(|(stem, _)| stem).filter(|stem| !stem.is_empty()).unwrap_or(all),
    };
    let extension = &name[stem.len()..];
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
        let mut name = |path: &str| {
            let origin = Origin { pid: Some(12), ..Origin::UNKNOWN };
            split_name(Path::new(path), &profile, &origin, &mut taken).display().to_string()
        };
        assert_eq!(name("python3.12-2026.pb.gz"), "python3.12-2026-12.pb.gz");
        assert_eq!(name("out.dat"), "out-12.dat");
        assert_eq!(name("out"), "out-12");
        assert_eq!(name(".out"), ".out-12");
    }
}
