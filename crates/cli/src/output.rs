//! From a profile to a file or stdout.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use profkit_formats::{Format, Spec, Stacks, WriteOptions, Written, fit, registry};
use profkit_profile::{Evidence, Profile};
use rustix::fs::{Access, access};

use crate::failure::{Failure, note};

/// Where to write, and in which format.
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    pub(crate) format: &'static dyn Format,
    pub(crate) dialect: Option<&'static str>,
}

impl Target {
    /// The format is that of `--to`, else that of the extension.
    pub(crate) fn new(path: &Path, to: Option<Spec>) -> Result<Self, Failure> {
        check_writable(path)?;
        if let Some(Spec { format, dialect }) = to {
            return Ok(Self { path: path.to_owned(), format, dialect });
        }
        if path == Path::new("-") {
            return Err(Failure::Reason(
                "stdout has no extension to tell the format; add --to FORMAT".to_owned(),
            ));
        }
        let written = registry::by_path(path).filter(|format| format.is_written());
        let Some(format) = written else {
            let written = registry::FORMATS.iter().filter(|format| format.is_written());
            let known = written.flat_map(|format| format.extensions());
            let known: Vec<String> = known.map(|extension| format!(".{extension}")).collect();
            let reason = format!("its extension tells no format; add --to FORMAT or use {}", known.join(" "));
            return Err(Failure::file(path, reason));
        };
        Ok(Self { path: path.to_owned(), format, dialect: None })
    }

    /// Writes a profile, and tells what the format could not hold: `lost` while it was made to fit, and more.
    pub(crate) fn write(
        &self,
        profile: &Profile,
        options: &WriteOptions<'_>,
        lost: &[String],
    ) -> Result<(), Failure> {
        let options = WriteOptions { dialect: self.dialect, ..*options };
        let written = if self.path == Path::new("-") {
            self.write_stdout(profile, &options)?
        } else {
            profkit_formats::write_path(profile, self.format, &self.path, &options)
                .map_err(|error| Failure::write(&self.path, &error))?
        };
        let losses = [lost, &written.losses].concat();
        if !losses.is_empty() {
            note(&format!("{} cannot hold: {}", self.format.name(), losses.join("; ")));
        }
        Ok(())
    }

    fn write_stdout(&self, profile: &Profile, options: &WriteOptions<'_>) -> Result<Written, Failure> {
        let mut stdout = std::io::stdout();
        if stdout.is_terminal() && !self.format.is_text() {
            let reason = format!("{} is binary, and stdout a terminal", self.format.name());
            return Err(Failure::Reason(reason));
        }
        let stdout_name = Path::new("stdout");
        let written = profkit_formats::write(profile, self.format, &mut stdout, options)
            .map_err(|error| Failure::write(stdout_name, &error))?;
        stdout.flush()?;
        Ok(written)
    }
}

/// Refuses early what could not be written after long work.
pub(crate) fn check_writable(path: &Path) -> Result<(), Failure> {
    if path == Path::new("-") {
        return Ok(());
    }
    if path.is_dir() {
        return Err(Failure::file(path, "it is a folder"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Devices and pipes are written in place.
    let is_file = fs::metadata(path).ok().map(|metadata| metadata.is_file());
    let checked = [(path, is_file.is_some()), (folder, is_file != Some(false))];
    checked.into_iter().filter(|&(_, is_needed)| is_needed).try_for_each(|(of, _)| {
        access(of, Access::WRITE_OK).map_err(|error| {
            let error = std::io::Error::from(error);
            let reason = if of == path { error.to_string() } else { format!("its folder: {error}") };
            Failure::file(path, reason)
        })
    })
}

/// A profile in the shape of evidence that something needs, and what that shape cannot hold. A note tells what had to be
/// made up.
pub(crate) fn fitted(
    profile: Profile,
    holds: Evidence,
    stacks: Stacks,
    name: &Path,
) -> Result<(Profile, Vec<String>), Failure> {
    let fitted = fit(profile, holds, stacks).map_err(|error| Failure::file(name, error))?;
    for text in &fitted.notes {
        note(&format!("{}: {text}", name.display()));
    }
    Ok((fitted.profile, fitted.losses))
}
