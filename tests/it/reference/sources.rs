//! Every fixture, and what becomes of it in another format by the way that `profkit convert` takes.

use std::fs;
use std::path::{Path, PathBuf};

use profkit_formats::{LoadOptions, Stacks, fit, load_path, registry};
use profkit_profile::views::estimate::estimate_stacks;
use profkit_profile::{Dimension, Evidence, Profile, Shape, WriteOptions};
use tempfile::TempDir;

use super::tools::root;

/// A fixture that profkit reads.
pub(super) struct Source {
    /// `pstats/cpython-3.11-calls.pstats`.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) profile: Profile,
}

/// All fixtures of all formats, in order.
pub(super) fn sources() -> Vec<Source> {
    let mut found: Vec<Source> =
        registry::FORMATS.iter().flat_map(|format| of_format(format.name())).collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(found.len() > 140, "only {} fixtures", found.len());
    found
}

/// The fixtures of one format.
pub(super) fn of_format(format: &str) -> Vec<Source> {
    let folder = root().join("fixtures").join(format);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let source = |path: PathBuf| {
        let loaded = load_path(&path, &LoadOptions::default());
        let profile = loaded.unwrap_or_else(|error| panic!("{}: {error}", path.display())).profile;
        Source { name: format!("{format}/{}", path.file_name().unwrap().to_str().unwrap()), path, profile }
    };
    paths.into_iter().map(source).collect()
}

/// A fixture in another format.
pub(super) struct Converted {
    pub(super) source: Source,
    /// What was written: the source, made to fit.
    pub(super) fitted: Profile,
    /// If the stacks are an estimate, in how many functions its totals differ from the source, by sample type.
    pub(super) differing: Option<Vec<usize>>,
    pub(super) path: PathBuf,
}

impl Converted {
    /// The sample type that is written where only one can be: its column in the source and in what was written.
    pub(super) fn default_type(&self) -> (Option<usize>, Option<usize>) {
        let fitted = self.fitted.default_type();
        (fitted.map(|column| self.in_source(column)), fitted)
    }

    /// The source's column of a sample type of what was written.
    pub(super) fn in_source(&self, column: usize) -> usize {
        let wanted = self.fitted.sample_types()[column];
        let spelled =
            |profile: &Profile, name, unit| (profile.bytes(name).to_vec(), profile.bytes(unit).to_vec());
        let wanted = spelled(&self.fitted, wanted.name, wanted.unit);
        let profile = &self.source.profile;
        let mut types = profile.sample_types().iter();
        let found = types.position(|row| spelled(profile, row.name, row.unit) == wanted);
        found.unwrap_or_else(|| panic!("{}: {wanted:?} is no sample type of the source", self.source.name))
    }

    /// How many of the model's units are one second, for readers that show seconds; what is no time is shown as if one
    /// of it were a second.
    pub(super) fn per_second(&self) -> f64 {
        let (Some(column), _) = self.default_type() else { return 1.0 };
        per_second(&self.source.profile, column)
    }
}

/// See [`Converted::per_second`].
pub(super) fn per_second(profile: &Profile, column: usize) -> f64 {
    let unit = profile.unit(column);
    let scale = 10f64.powi(i32::from(profile.sample_types()[column].decimals));
    match unit.dimension {
        Dimension::Time => 1e9 / unit.factor as f64 * scale,
        Dimension::Bytes | Dimension::Count => scale,
    }
}

/// Every source in one format, and the refusals.
pub(super) struct Matrix {
    pub(super) files: Vec<Converted>,
    /// By source, why profkit did not write it.
    pub(super) refused: Vec<(String, String)>,
    _folder: TempDir,
}

impl Matrix {
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(|file| file.path.clone()).collect()
    }
}

/// Converts every fixture of every format.
pub(super) fn convert_all(to: &str) -> Matrix {
    convert(to, sources())
}

/// Converts these fixtures.
pub(super) fn convert(to: &str, sources: Vec<Source>) -> Matrix {
    let folder = tempfile::Builder::new().prefix("profkit-reference-").tempdir().unwrap();
    let (mut files, mut refused) = (Vec::new(), Vec::new());
    for source in sources {
        let name = source.name.clone();
        match convert_one(source, to, folder.path()) {
            Ok(converted) => files.push(converted),
            Err(problem) => refused.push((name, problem)),
        }
    }
    Matrix { files, refused, _folder: folder }
}

fn convert_one(source: Source, to: &str, folder: &Path) -> Result<Converted, String> {
    let format = registry::by_name(to).unwrap();
    let estimates = format.holds() == Evidence::Stacks && source.profile.shape() != Shape::Stacks;
    let differing = estimates.then(|| {
        let report = estimate_stacks(&source.profile).unwrap().report;
        report.types.iter().map(|row| row.differing).collect()
    });
    let copy = load_path(&source.path, &LoadOptions::default()).unwrap().profile;
    let fitted = fit(copy, format.holds(), Stacks::Reconstruct).map_err(|error| error.to_string())?.profile;
    let extension = format.extensions()[0];
    let path = folder.join(format!("{}.{extension}", source.name.replace('/', "__")));
    profkit_formats::write_path(&fitted, format, &path, &WriteOptions::default())
        .map_err(|error| error.to_string())?;
    Ok(Converted { source, fitted, differing, path })
}
