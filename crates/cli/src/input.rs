//! From an argument to a profile.

use std::path::{Path, PathBuf};

use clap::Args;
use profkit_formats::{ByteSize, DEFAULT_MAX_SIZE, LoadOptions, Loaded, Spec, load_path, load_reader};
use profkit_profile::{Profile, Shape};

use crate::failure::{Failure, note};

/// The arguments of every command that reads one profile.
#[derive(Args, Debug)]
pub(crate) struct InputArguments {
    /// Profile to read; `-` for stdin. Its content tells the format; gzip and zstd around it are undone
    #[arg(value_name = "FILE")]
    pub(crate) input: PathBuf,
    #[command(flatten)]
    load: LoadArguments,
}

/// The arguments of every command that reads profiles.
#[derive(Args, Debug)]
pub(crate) struct LoadArguments {
    /// Read it as this format (and dialect, e.g. `collapsed:py-spy`) instead
    #[arg(long, value_name = "FORMAT", value_parser = Spec::to_read)]
    from: Option<Spec>,
    /// Refuse inputs that are larger than this once decompressed, e.g. `500MB`, `8GiB`
    #[arg(long, value_name = "SIZE", value_parser = size, default_value_t = Size(DEFAULT_MAX_SIZE))]
    max_input_size: Size,
}

impl LoadArguments {
    pub(crate) fn options(&self) -> LoadOptions {
        LoadOptions { from: self.from, max_size: self.max_input_size.0 }
    }
}

impl InputArguments {
    /// Loads the profile, and tells what its reader has to tell.
    pub(crate) fn load(&self) -> Result<Loaded, Failure> {
        load(&self.input, &self.load)
    }

    /// The same for tables and pictures, which show frames that the profile's own filter would leave out.
    pub(crate) fn load_to_show(&self) -> Result<Profile, Failure> {
        let profile = self.load()?.profile;
        let meta = profile.meta();
        // As in google/pprof, what to keep matters only where something is dropped.
        if let Some(drop) = meta.drop_frames {
            let keep = meta.keep_frames.map(|keep| format!(" and not `{}`", profile.text(keep)));
            note(&format!(
                "{}: shown are also frames that match `{}`{}, and what they call; `go tool pprof` drops these",
                self.name().display(),
                profile.text(drop),
                keep.unwrap_or_default(),
            ));
        }
        Ok(profile)
    }

    /// What to call the input.
    pub(crate) fn name(&self) -> &Path {
        input_name(&self.input)
    }
}

/// Loads the profile in a file, or from stdin, and tells what its reader has to tell.
pub(crate) fn load(path: &Path, arguments: &LoadArguments) -> Result<Loaded, Failure> {
    let (name, options) = (input_name(path), arguments.options());
    let loaded = if is_stdin(path) {
        load_reader(std::io::stdin().lock(), &options)
    } else {
        load_path(path, &options)
    };
    let loaded = loaded.map_err(|error| Failure::file(name, error))?;
    for text in &loaded.profile.meta().notes {
        note(&format!("{}: {text}", name.display()));
    }
    Ok(loaded)
}

pub(crate) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// What to call an input.
pub(crate) fn input_name(path: &Path) -> &Path {
    if is_stdin(path) { Path::new("stdin") } else { path }
}

/// The sample type of this name for a writer. Without a name the writer decides, since some formats hold several.
pub(crate) fn written_type(profile: &Profile, name: Option<&str>) -> Result<Option<usize>, Failure> {
    name.map_or(Ok(None), |name| choose_type(profile, Some(name)))
}

/// The sample type of this name, or the profile's own default.
pub(crate) fn choose_type(profile: &Profile, name: Option<&str>) -> Result<Option<usize>, Failure> {
    let Some(name) = name else { return Ok(profile.default_type()) };
    if let Some(found) = profile.sample_type_named(name.as_bytes()) {
        return Ok(Some(found));
    }
    let names: Vec<_> = profile.sample_types().iter().map(|of| profile.text(of.name)).collect();
    let calls = if name == "calls" && profile.shape() != Shape::Stacks {
        " (calls are a column of their own; `report --sort calls` sorts by them)"
    } else {
        ""
    };
    Err(Failure::Reason(format!("there is no value `{name}`; the profile has {}{calls}", names.join(", "))))
}

/// A number of bytes.
#[derive(Clone, Copy, Debug)]
struct Size(u64);

impl std::fmt::Display for Size {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        ByteSize(self.0).fmt(out)
    }
}

fn size(text: &str) -> Result<Size, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: u64 = match text[digits.len()..].to_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        unit => return Err(format!("unknown unit `{unit}`")),
    };
    let number: u64 = digits.trim().parse().map_err(|_| "not a whole number".to_owned())?;
    number.checked_mul(factor).map(Size).ok_or_else(|| "too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_the_usual_units() {
        for (text, bytes) in
            [("17", 17), ("2k", 2048), ("500MB", 500_000_000), ("8GiB", 8 << 30), ("1 kB", 1000)]
        {
            assert_eq!(size(text).unwrap().0, bytes, "{text}");
        }
        assert!(size("1.5G").is_err() && size("-1").is_err() && size("1TB").is_err() && size("").is_err());
        assert!(size("99999999999GiB").is_err());
        assert_eq!(Size(DEFAULT_MAX_SIZE).to_string(), "8GiB");
    }
}
