//! What people type. Each command's arguments stand here, so that names and meanings stay alike.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use profkit_formats::{Spec, Stacks};
use profkit_merge::PathRules;

use crate::input::{InputArguments, LoadArguments};

mod live;
mod values;

pub(crate) use live::{Dump, Top};
pub(crate) use values::{ByArgument, Group};

/// One tool for every profile a Python engineer meets
#[derive(Parser, Debug)]
#[command(name = "profkit", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run a program and record it with all its threads and children
    Record(Record),
    /// Print the stack of every thread of a process and its children, once
    Dump(Dump),
    /// Show what runs, live, in the terminal: functions, threads, processes
    #[command(
        override_usage = "profkit top [OPTIONS] <PID>\n       profkit top [OPTIONS] -- <COMMAND>...",
        after_help = live::TOP_HELP
    )]
    Top(Top),
    /// Convert a profile from one format to another
    Convert(Convert),
    /// Merge many profiles into one
    Merge(Merge),
    /// Show what changed between two profiles, or between several runs of each
    #[command(
        override_usage = "profkit diff [OPTIONS] <BASE> <NEW>\n       \
                          profkit diff [OPTIONS] --base <A> --base <B>... --new <C> --new <D>...",
        after_help = DIFF_TEST
    )]
    Diff(Diff),
    /// Show what is in a profile
    Info(Info),
    /// Print the table of functions: self, total, calls
    Report(Report),
    /// Draw a flame graph as SVG
    Flamegraph(Flamegraph),
    /// List the formats that can be read and written
    Formats(Formats),
}

#[derive(Args, Debug)]
pub(crate) struct Record {
    /// Program to run, and its arguments
    #[arg(value_name = "COMMAND", last = true, required_unless_present = "pid")]
    pub(crate) command: Vec<OsString>,
    /// Record a process that runs already, with its children, until it ends, --duration is over or Ctrl-C
    #[arg(long, value_name = "PID", conflicts_with_all = ["command", "trace"])]
    pub(crate) pid: Option<u32>,
    /// File to write [default: PROGRAM-DATE-TIME.pb.gz]. While the program runs, the folder OUT.recording (without OUT's
    /// extension) grows beside it; it can be read like a profile at any time
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Format (and dialect) to write, instead of what the extension of OUT says
    #[arg(long, value_name = "FORMAT", value_parser = Spec::to_write)]
    pub(crate) to: Option<Spec>,
    /// Samples a second of every thread; `max` for as many as the machine can do
    #[arg(long, value_name = "HZ", value_parser = values::rate, default_value = "100", conflicts_with = "trace")]
    pub(crate) rate: f64,
    /// Sample the first process only
    #[arg(long, conflicts_with = "trace")]
    pub(crate) no_subprocesses: bool,
    /// Sample asyncio programs by who awaits what: above a running task stand the tasks that await it, each with its name
    /// (`<task NAME>`) and where it is suspended, in place of the event loop
    #[arg(long = "async", conflicts_with = "trace")]
    pub(crate) awaits: bool,
    /// Stop threads while their stacks are read (ptrace): no stack is ever cut, but the program is slower, the more so the
    /// higher the rate. Its parent does not notice, and it goes on whatever happens to profkit
    #[arg(long, conflicts_with = "trace")]
    pub(crate) pause: bool,
    /// Count and time every call, in every thread and child process, from inside, instead of sampling from outside
    #[arg(long)]
    pub(crate) trace: bool,
    /// With --trace: time that passes, or time on a processor
    #[arg(long, value_enum, value_name = "CLOCK", default_value = "wall", requires = "trace")]
    pub(crate) clock: ClockArgument,
    /// With --trace: leave functions in C out; their time counts as their callers'
    #[arg(long, requires = "trace")]
    pub(crate) no_builtins: bool,
    /// With --trace: subtract the tracer's own time, as measured at the start
    #[arg(long, requires = "trace")]
    pub(crate) compensate: bool,
    /// End the recording after so many seconds; a program that was started for it is asked to end (SIGTERM)
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) duration: Option<Duration>,
    /// Write OUT as it is by then each time so much has passed, e.g. `30s`; SIGUSR1 to profkit does so at once
    #[arg(long, value_name = "TIME", value_parser = values::seconds)]
    pub(crate) every: Option<Duration>,
    /// Value to write where the format holds one only, e.g. `wall`
    #[arg(long, value_name = "NAME")]
    pub(crate) value: Option<String>,
    /// Origins to keep apart
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) by: Option<ByArgument>,
    /// Write one file for each process or thread, its ids added to the name of OUT
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) split: Option<Split>,
}

/// What `--clock` takes.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub(crate) enum ClockArgument {
    Wall,
    Cpu,
}

#[derive(Args, Debug)]
pub(crate) struct Convert {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// File to write; `-` for stdout (then with --to)
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// Format (and dialect) to write, instead of what the extension of OUT says
    #[arg(long, value_name = "FORMAT", value_parser = Spec::to_write)]
    pub(crate) to: Option<Spec>,
    /// Value to write where the format holds one only, e.g. `cpu`
    #[arg(long, value_name = "NAME")]
    pub(crate) value: Option<String>,
    #[command(flatten)]
    pub(crate) stacks: StacksArgument,
    /// Origins to keep apart
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) by: Option<ByArgument>,
    /// Write one file for each process or thread, its ids added to the name of OUT
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) split: Option<Split>,
    /// Mark guessed frames in their names where the format has no other place
    #[arg(long)]
    pub(crate) mark_inferred: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Merge {
    /// Profiles to merge, and folders: all profiles below them. `-` for stdin; a pattern like `*.prof` where the shell has
    /// not expanded it
    #[arg(value_name = "IN")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Also merge the files listed in FILE (`-` for stdin), a name a line, or ended by NUL as `find -print0` does
    #[arg(long, value_name = "FILE")]
    pub(crate) files_from: Vec<PathBuf>,
    /// File to write; `-` for stdout (then with --to) [default: merged.EXT in the format of all inputs, merged.pb.gz if
    /// they differ; never replaces a file]
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Format (and dialect) to write, instead of what the extension of OUT says
    #[arg(long, value_name = "FORMAT", value_parser = Spec::to_write)]
    pub(crate) to: Option<Spec>,
    /// Value to write where the format holds one only, e.g. `cpu`
    #[arg(long, value_name = "NAME")]
    pub(crate) value: Option<String>,
    #[command(flatten)]
    pub(crate) stacks: StacksArgument,
    /// Origins to keep apart [default: those that the inputs tell apart]
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) by: Option<ByArgument>,
    /// Merge the rest where inputs are broken, and list these on stderr and in the comments of OUT
    #[arg(long)]
    pub(crate) skip_invalid: bool,
    #[command(flatten)]
    pub(crate) paths: PathArguments,
    /// Threads to use [default: one a processor]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<std::num::NonZeroUsize>,
    #[command(flatten)]
    pub(crate) load: LoadArguments,
}

/// Which test `diff` makes, and how often it errs.
const DIFF_TEST: &str = "\
With several runs a side, self and total of each function and the whole are tested by Student's t on the values of the \
runs (Welch's where one side has more runs), and p is corrected for \
the number of tests (Holm): if nothing has changed, any change is reported in at most 5 of 100 comparisons. A side with \
one run is taken to vary as the other; what happens in that run by chance is taken for a change then, and much more \
often. What is less than a thousandth of the whole is not tested and called noise. With one run a side sampled profiles show the \
counting error (±√n samples, one standard error of the difference); how much runs vary is unknown then.";

#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// Profile before the change; `-` for stdin
    #[arg(value_name = "BASE", required_unless_present_any = ["bases", "news"])]
    pub(crate) base: Option<PathBuf>,
    /// Profile after the change; `-` for stdin
    #[arg(value_name = "NEW", requires = "base", required_unless_present_any = ["bases", "news"])]
    pub(crate) new: Option<PathBuf>,
    /// A run before the change; several show how much runs vary
    #[arg(long = "base", value_name = "FILE", num_args = 1.., conflicts_with = "base", requires = "news")]
    pub(crate) bases: Vec<PathBuf>,
    /// A run after the change
    #[arg(long = "new", value_name = "FILE", num_args = 1.., conflicts_with = "base", requires = "bases")]
    pub(crate) news: Vec<PathBuf>,
    /// File to write: pprof, as `go tool pprof -diff_base` makes it; collapsed stacks with two counts; or, if its name
    /// ends in .svg, a flame graph of NEW, red where it grew and blue where it shrank. `-` for stdout (then with --to)
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Format to write instead of what the extension of OUT says: pprof, collapsed, svg
    #[arg(long, value_name = "FORMAT")]
    pub(crate) to: Option<String>,
    /// Value to compare, e.g. `cpu` [default: the base's own default, a time rather than a count of samples]
    #[arg(long, value_name = "NAME")]
    pub(crate) value: Option<String>,
    /// What makes runs comparable: none, as measured; rate, the same with counts of samples as if taken as often as in
    /// BASE; duration, as if all had taken as long as BASE; total, as if all had its total, which compares shares [default:
    /// none, as the same work is expected on both sides; for counts of samples rate, or total where rates are not known]
    #[arg(long, value_name = "HOW")]
    pub(crate) normalize: Option<NormalizeArgument>,
    /// What a row is
    #[arg(long, value_name = "WHAT", default_value = "function")]
    pub(crate) group: DiffGroup,
    /// Column to show and sort by, the biggest change first
    #[arg(long, value_enum, default_value = "self")]
    pub(crate) sort: DiffSort,
    /// Rows to print; 0 for all [default: 40; with --json all]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// End with status 1 and name the functions if self or total of any, or the whole, grew by more than this, e.g. `5%`. What
    /// noise explains does not count, nor what grew by less than a thousandth of the whole, nor functions that BASE
    /// does not have: their callers tell
    #[arg(long, value_name = "PERCENT", value_parser = values::percentage)]
    pub(crate) fail_above: Option<f64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) stacks: StacksArgument,
    #[command(flatten)]
    pub(crate) paths: PathArguments,
    #[command(flatten)]
    pub(crate) load: LoadArguments,
}

/// What `diff --normalize` takes.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub(crate) enum NormalizeArgument {
    Total,
    Duration,
    Rate,
    None,
}

/// What `diff --group` takes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum DiffGroup {
    Function,
    Stack,
}

/// What `diff --sort` takes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum DiffSort {
    #[value(name = "self")]
    Own,
    Total,
}

#[derive(Args, Debug)]
pub(crate) struct PathArguments {
    /// Put folder TO in the place of FROM in the paths of source files; may be repeated, the longest FROM counts
    #[arg(long, value_name = "FROM=TO", value_parser = values::path_rule)]
    map_path: Vec<(Vec<u8>, Vec<u8>)>,
    /// Cut what differs between machines off the paths of virtual environments, installed packages and the standard
    /// library
    #[arg(long)]
    portable_paths: bool,
}

impl PathArguments {
    pub(crate) fn rules(&self) -> PathRules {
        PathRules::new(self.map_path.clone(), self.portable_paths)
    }
}

#[derive(Args, Debug)]
pub(crate) struct Info {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// Value to sort and show, e.g. `cpu`
    #[arg(long, value_name = "NAME")]
    pub(crate) value: Option<String>,
    /// Column to sort by
    #[arg(long, value_enum, default_value_t = Sort::Own)]
    pub(crate) sort: Sort,
    /// Rows to print; 0 for all [default: 40; with --json all]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Origins to keep apart
    #[arg(long, value_name = "ORIGIN", default_value = "none")]
    pub(crate) by: ByArgument,
    /// What a row is: function, line, file, module or label:KEY
    #[arg(long, value_name = "WHAT", value_parser = values::group, default_value = "function")]
    pub(crate) group: Group,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Flamegraph {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// SVG file to write; `-` for stdout
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// Value that makes the width, e.g. `cpu`
    #[arg(long, value_name = "NAME")]
    pub(crate) value: Option<String>,
    /// Title [default: the name of FILE]
    #[arg(long)]
    pub(crate) title: Option<String>,
    #[command(flatten)]
    pub(crate) stacks: StacksArgument,
    /// Origins to keep apart, as frames at the root
    #[arg(long, value_name = "ORIGIN", default_value = "none")]
    pub(crate) by: ByArgument,
}

#[derive(Args, Debug)]
pub(crate) struct Formats {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StacksArgument {
    /// How to make stacks of a profile that only knows callers and callees: estimated whole ones, or exact ones of
    /// two frames
    #[arg(long, value_name = "HOW", default_value = "reconstruct")]
    stacks: StacksMode,
}

impl StacksArgument {
    pub(crate) fn mode(&self) -> Stacks {
        match self.stacks {
            StacksMode::Reconstruct => Stacks::Reconstruct,
            StacksMode::Edges => Stacks::Edges,
        }
    }
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum StacksMode {
    Reconstruct,
    Edges,
}

/// What `--split` takes.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub(crate) enum Split {
    Process,
    Thread,
}

/// What `--sort` takes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum Sort {
    #[value(name = "self")]
    Own,
    Total,
    Calls,
}
