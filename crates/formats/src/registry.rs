//! The list of formats.

use std::path::Path;

use profkit_format_callgrind::Callgrind;
use profkit_format_collapsed::Collapsed;
use profkit_format_pprof::Pprof;
use profkit_format_pstats::Pstats;
use profkit_format_recording::Recording;
use profkit_format_speedscope::Speedscope;
use profkit_format_yappi::Yappi;
use profkit_profile::Format;

/// Every format. Where several say that a file may be theirs, the first one reads it.
pub static FORMATS: &[&dyn Format] =
    &[&Recording, &Pstats, &Yappi, &Pprof, &Speedscope, &Callgrind, &Collapsed];

/// The format of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

/// Whether the name of an output file asks for gzip, whatever its format.
pub(crate) fn is_gzipped(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

/// The format that the name of an output file asks for, with or without `.gz` at its end.
///
/// `callgrind.out.1234` counts as an extension too: callgrind's own tools look for that name.
#[must_use]
pub fn by_path(path: &Path) -> Option<&'static dyn Format> {
    let name = path.file_name()?.to_str()?.to_lowercase();
    let of = |name: &str| {
        let longest = |format: &&'static dyn Format| {
            let fits =
                |extension: &&&str| name.strip_suffix(**extension).is_some_and(|stem| stem.ends_with('.'));
            format.extensions().iter().filter(fits).map(|extension| extension.len()).max()
        };
        let fitting = FORMATS.iter().copied().filter_map(|format| Some((longest(&format)?, format)));
        let ends = fitting.max_by_key(|&(length, _)| length).map(|(_, format)| format);
        ends.or_else(|| is_callgrind(name).then_some(&Callgrind as &'static dyn Format))
    };
    name.strip_suffix(".gz").and_then(of).or_else(|| of(&name))
}

/// The name of an output without the extension that chooses its format: `a.b` of `a.b.pb.gz`. All of it if there is none.
#[must_use]
pub fn stem(name: &str) -> &str {
    let lower = name.to_ascii_lowercase();
    let lower = lower.strip_suffix(".gz").unwrap_or(&lower);
    let extensions = FORMATS.iter().flat_map(|format| format.extensions());
    let stems = extensions.filter_map(|extension| lower.strip_suffix(extension)?.strip_suffix('.'));
    let length = stems.map(str::len).filter(|&length| length > 0).min();
    length.and_then(|length| name.get(..length)).unwrap_or(name)
}

/// Whether callgrind itself names its files so: the process, the part, the thread (`callgrind.out.1234.2-01`).
fn is_callgrind(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_prefix("callgrind.out.").is_some_and(|rest| rest.split(['.', '-']).all(is_number))
}

/// A format with the dialect that a user may force: `collapsed` or `collapsed:py-spy`.
#[derive(Clone, Copy)]
pub struct Spec {
    /// The format.
    pub format: &'static dyn Format,
    /// One of its dialects.
    pub dialect: Option<&'static str>,
}

impl std::fmt::Debug for Spec {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.format.name())?;
        self.dialect.map_or(Ok(()), |dialect| write!(out, ":{dialect}"))
    }
}

impl Spec {
    /// Reads `format` or `format:dialect`, with the dialects that can be read.
    ///
    /// # Errors
    /// A sentence that lists what there is.
    pub fn to_read(text: &str) -> Result<Self, String> {
        Self::parse(text, |_| true, |format| format.dialects())
    }

    /// The same with the dialects that can be written.
    ///
    /// # Errors
    /// A sentence that lists what there is.
    pub fn to_write(text: &str) -> Result<Self, String> {
        Self::parse(text, |format| format.is_written(), |format| format.written_dialects())
    }

    fn parse(
        text: &str,
        takes: impl Fn(&dyn Format) -> bool,
        dialects: impl Fn(&dyn Format) -> &'static [&'static str],
    ) -> Result<Self, String> {
        let (name, dialect) = match text.split_once(':') {
            Some((name, dialect)) => (name, Some(dialect)),
            None => (text, None),
        };
        let names = || {
            let fitting = FORMATS.iter().filter(|format| takes(**format));
            fitting.map(|format| format.name()).collect::<Vec<_>>().join(", ")
        };
        let format =
            by_name(name).ok_or_else(|| format!("unknown format `{name}`; there are {}", names()))?;
        if !takes(format) {
            return Err(format!("`{name}` is not written by hand; there are {}", names()));
        }
        let Some(wanted) = dialect else { return Ok(Self { format, dialect: None }) };
        let dialects = dialects(format);
        let found = dialects.iter().copied().find(|&dialect| dialect == wanted);
        if dialects.is_empty() {
            return Err(format!("`{name}` has no dialects to choose from"));
        }
        let dialect = found.ok_or_else(|| {
            format!("`{name}` has no dialect `{wanted}`; there are {}", dialects.join(", "))
        })?;
        Ok(Self { format, dialect: Some(dialect) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_output_chooses_its_format() {
        for (path, expected) in [
            ("a.pstats", Some("pstats")),
            ("a.prof", Some("pstats")),
            ("/x/a.b.pb.gz", Some("pprof")),
            ("a.pb", Some("pprof")),
            ("a.speedscope.json", Some("speedscope")),
            ("a.speedscope.json.gz", Some("speedscope")),
            ("a.JSON", Some("speedscope")),
            ("a.pstats.GZ", Some("pstats")),
            ("a.folded", Some("collapsed")),
            ("callgrind.out.123", Some("callgrind")),
            ("callgrind.out.123.4-01", Some("callgrind")),
            ("callgrind.out.123.gz", Some("callgrind")),
            ("callgrind.out.before", None),
            ("callgrind.out.123.", None),
            ("callgrind.out.json", Some("speedscope")),
            ("prof.pb.gz", Some("pprof")),
            ("prof.txt", Some("collapsed")),
            ("pstats.1234", None),
            ("json.pb.gz", Some("pprof")),
            ("json.gz", None),
            ("ystat.txt", Some("collapsed")),
            ("speedscope.json.pstats", Some("pstats")),
            ("pb.gz", None),
            ("a.callgrind", Some("callgrind")),
            ("a.ystat", Some("yappi")),
            ("pstats", None),
            ("a.png", None),
            (".", None),
        ] {
            assert_eq!(by_path(Path::new(path)).map(Format::name), expected, "{path}");
        }
    }

    #[test]
    fn the_stem_of_a_name_ends_before_its_extension() {
        for (name, expected) in [
            ("app.pb.gz", "app"),
            ("a.b.PSTATS", "a.b"),
            ("python3.12-20261122.pb.gz", "python3.12-20261122"),
            ("a.speedscope.json.gz", "a"),
            ("plain", "plain"),
            ("plain.gz", "plain.gz"),
            (".prof", ".prof"),
        ] {
            assert_eq!(stem(name), expected, "{name}");
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        assert!(Spec::to_read("pprof2").unwrap_err().contains("pprof, speedscope"));
        assert!(Spec::to_read("collapsed:x").unwrap_err().contains("py-spy"));
        assert_eq!(format!("{:?}", Spec::to_read("collapsed:py-spy").unwrap()), "collapsed:py-spy");
    }
}
