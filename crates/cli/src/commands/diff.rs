//! `profkit diff`: load the runs of both sides, compare, print, write, judge.
//!
//! What would surprise: call tables are compared as they are, and stacks are estimated from them only where stacks are asked for;
//! so the table and an output may come from two comparisons.

mod gate;
mod json;
mod picture;
mod table;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use profkit_formats::{Fitted, Spec, WriteOptions, fit, registry};
use profkit_merge::diff::{Change, Comparison, DiffError, DiffOptions, Normalize, Row, Rows, Test};
use profkit_profile::{Evidence, Profile, count};

use crate::args::{Diff, DiffGroup, DiffSort, NormalizeArgument};
use crate::failure::{Failure, note};
use crate::input::{is_stdin, load};
use crate::names::Name;
use crate::output::{Target, check_writable};

pub(crate) fn run(arguments: &Diff) -> Result<(), Failure> {
    let output = Output::of(arguments)?;
    let sides = Sides::load(arguments)?;
    let comparison = sides.compare(arguments)?;
    comparison.notes().iter().for_each(|text| note(text));
    match comparison.run_counts() {
        (1, 1) => note("one run a side: how much runs vary is unknown; give several with --base and --new"),
        (1, _) | (_, 1) => {
            note(
                "one run on one side: what happened in it by chance looks like a change; give several of both",
            );
        }
        _ => {}
    }
    let mut functions = comparison.functions().map_err(|error| failed(&error))?;
    sort(&mut functions, arguments, &comparison, |&key| Name::of(comparison.tables(), key));
    let with_stacks = match (&output, arguments.group) {
        (None, DiffGroup::Function) => None,
        _ => Some(sides.with_stacks(arguments)?.compare(arguments)?),
    };
    if let (Some(output), Some(comparison)) = (&output, &with_stacks) {
        output.write(comparison, &sides)?;
    }
    let mut stacks = None;
    if let (DiffGroup::Stack, Some(comparison)) = (arguments.group, &with_stacks) {
        let mut found = comparison.stacks().map_err(|error| failed(&error))?;
        let ranks = found.ranks(|key| Name::of(comparison.tables(), key));
        sort(&mut found.rows, arguments, comparison, |&node| ranks[node]);
        stacks = Some((comparison, found));
    }
    if !output.as_ref().is_some_and(Output::is_stdout) {
        let mut stdout = anstream::stdout().lock();
        match (arguments.json, &stacks) {
            (true, _) => json::print(&comparison, &functions, stacks.as_ref(), arguments, &mut stdout)?,
            (false, Some((comparison, stacks))) => {
                table::print_stacks(comparison, stacks, arguments, &mut stdout)?;
            }
            (false, None) => table::print_functions(&comparison, &functions, arguments, &mut stdout)?,
        }
    }
    match arguments.fail_above {
        Some(most) => gate::judge(&comparison, &functions, most),
        None => Ok(()),
    }
}

fn failed(error: &DiffError) -> Failure {
    Failure::Reason(format!("the profiles cannot be compared: {error}"))
}

/// The runs of both sides, and what to call these.
struct Sides {
    base: Vec<Profile>,
    new: Vec<Profile>,
    names: [String; 2],
}

impl Sides {
    fn load(arguments: &Diff) -> Result<Self, Failure> {
        let paths = |one: &Option<PathBuf>, several: &[PathBuf]| -> Vec<PathBuf> {
            one.iter().chain(several).cloned().collect()
        };
        let base = each_once(paths(&arguments.base, &arguments.bases));
        let new = each_once(paths(&arguments.new, &arguments.news));
        if base.iter().chain(&new).filter(|path| is_stdin(path)).count() > 1 {
            return Err(Failure::Reason("stdin can be read once only".to_owned()));
        }
        let name = |paths: &[PathBuf]| match paths {
            [path] => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            paths => format!("{} runs", paths.len()),
        };
        let load_all = |paths: &[PathBuf]| {
            let load_one = |path: &PathBuf| Ok(load(path, &arguments.load)?.profile);
            paths.iter().map(load_one).collect::<Result<Vec<_>, Failure>>()
        };
        Ok(Self { names: [name(&base), name(&new)], base: load_all(&base)?, new: load_all(&new)? })
    }

    /// The same with stacks estimated where there are call tables.
    fn with_stacks(&self, arguments: &Diff) -> Result<Self, Failure> {
        let stacks = arguments.stacks.mode();
        let side = |runs: &[Profile], side: &str, name: &str| {
            let fitted = runs.iter().map(|run| fit(run.clone(), Evidence::Stacks, stacks));
            let fitted: Vec<Fitted> =
                fitted.collect::<Result<_, _>>().map_err(|error| Failure::file(Path::new(name), error))?;
            // Runs of a side are alike: what is said of one tells enough of all.
            let name = if runs.len() > 1 { format!("{side}, one of {name}") } else { name.to_owned() };
            let told = fitted.iter().map(|run| &run.notes).find(|notes| !notes.is_empty());
            told.into_iter().flatten().for_each(|text| note(&format!("{name}: {text}")));
            Ok::<_, Failure>(fitted.into_iter().map(|run| run.profile).collect())
        };
        let [base, new] = &self.names;
        Ok(Self {
            base: side(&self.base, "base", base)?,
            new: side(&self.new, "new", new)?,
            names: self.names.clone(),
        })
    }

    fn compare(&self, arguments: &Diff) -> Result<Comparison, Failure> {
        let options = DiffOptions {
            value: arguments.value.clone(),
            normalize: arguments.normalize.map(|how| match how {
                NormalizeArgument::Total => Normalize::Total,
                NormalizeArgument::Duration => Normalize::Duration,
                NormalizeArgument::Rate => Normalize::Rate,
                NormalizeArgument::None => Normalize::None,
            }),
            paths: arguments.paths.rules(),
        };
        Comparison::new(&self.base, &self.new, &options).map_err(|error| failed(&error))
    }
}

/// A run that counts twice would make noise look smaller than it is.
fn each_once(mut runs: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    let given = runs.len();
    runs.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    if runs.len() < given {
        note(&format!("{} given more than once; each counts once", count(given - runs.len(), "run")));
    }
    runs
}

/// The biggest change first, with several runs the certain ones before all others; equal ones by name.
fn sort<K, N: Ord>(rows: &mut Rows<K>, arguments: &Diff, comparison: &Comparison, name: impl Fn(&K) -> N) {
    let several = comparison.test() == Test::Runs;
    let size = |row: &Row<K>| shown(row, arguments.sort).absolute().abs();
    let certain = |row: &Row<K>| several && is_certain(row);
    rows.rows.sort_by(|one, other| {
        let bigger = certain(other).cmp(&certain(one)).then_with(|| size(other).total_cmp(&size(one)));
        bigger.then_with(|| name(&one.key).cmp(&name(&other.key)))
    });
}

/// The change that the table is about.
fn shown<K>(row: &Row<K>, sort: DiffSort) -> &Change {
    match sort {
        DiffSort::Own => &row.own,
        DiffSort::Total => &row.total,
    }
}

fn is_certain<K>(row: &Row<K>) -> bool {
    row.own.is_significant() || row.total.is_significant()
}

/// What holds a difference.
const HOLDS: &str = "write pprof (.pb.gz), collapsed stacks (.folded) or a flame graph (.svg)";

/// What to write beside the table.
enum Output {
    Svg(PathBuf),
    /// Both sides' samples, the base's negative.
    Difference(Target),
    /// Two counts a stack.
    Counts(Target),
}

impl Output {
    fn of(arguments: &Diff) -> Result<Option<Self>, Failure> {
        let Some(path) = &arguments.output else {
            return match arguments.to {
                Some(_) => {
                    Err(Failure::Reason("--to is the format of a file; give its name with -o".to_owned()))
                }
                None => Ok(None),
            };
        };
        if path == Path::new("-") && arguments.json {
            return Err(Failure::Reason("-o - and --json both write to stdout".to_owned()));
        }
        let is_svg = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg"));
        if arguments.to.as_deref() == Some("svg") || (arguments.to.is_none() && is_svg) {
            check_writable(path)?;
            return Ok(Some(Self::Svg(path.clone())));
        }
        if arguments.to.is_none() && path != Path::new("-") && registry::by_path(path).is_none() {
            return Err(Failure::file(path, format!("its extension tells no format; {HOLDS}, or add --to")));
        }
        let to = arguments.to.as_deref().map(Spec::to_write).transpose();
        let target = Target::new(path, to.map_err(|reason| Failure::Reason(format!("--to: {reason}")))?)?;
        match target.format.name() {
            "pprof" => Ok(Some(Self::Difference(target))),
            "collapsed" => Ok(Some(Self::Counts(target))),
            name => Err(Failure::Reason(format!("{name} cannot hold a difference; {HOLDS}"))),
        }
    }

    fn is_stdout(&self) -> bool {
        let path = match self {
            Self::Svg(path) => path,
            Self::Difference(target) | Self::Counts(target) => &target.path,
        };
        path == Path::new("-")
    }

    fn write(&self, comparison: &Comparison, sides: &Sides) -> Result<(), Failure> {
        let (target, profile) = match self {
            Self::Svg(path) => return picture::draw(comparison, &sides.names, path),
            Self::Difference(target) => (target, comparison.difference()),
            Self::Counts(target) => (target, comparison.before_after()),
        };
        target.write(&profile.map_err(|error| failed(&error))?, &WriteOptions::default(), &[])
    }
}
